//! Electric's `durable-streams`: its `live=sse`, and of its two durabilities the one that means what `os` does here: what
//! it acknowledges is with the kernel.

use std::path::Path;

use anyhow::{Context as _, Result};

use super::{Peer, Started, event_source, post};
use crate::process::{Process, free_address};

#[derive(Debug)]
pub(super) struct DurableStreams;

impl Peer for DurableStreams {
    fn name(&self) -> &'static str {
        "durable-streams"
    }

    fn is_durable(&self) -> bool {
        true
    }

    fn start(&self, program: &Path, place: &Path) -> Result<Started> {
        let address = free_address()?;
        let (port, data_dir) = (address.port().to_string(), place.to_str().context("an odd path")?);
        let arguments = ["--port", &port, "--data-dir", data_dir, "--durability", "memory"];
        Ok(Process::start_at(program, &arguments, address)?.into())
    }

    fn create(&self, stream: Option<usize>) -> Option<String> {
        stream.map(put)
    }

    fn subscribe(&self, stream: usize) -> String {
        live_sse(stream)
    }

    fn publish(&self, stream: usize, text: &str, out: &mut Vec<u8>) {
        append(stream, text, out);
    }
}

pub(super) fn put(stream: usize) -> String {
    let head = "HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\nContent-Length: 0\r\n\r\n";
    format!("PUT /v1/stream/bench-{stream} {head}")
}

pub(super) fn live_sse(stream: usize) -> String {
    event_source(&format!("/v1/stream/bench-{stream}?offset=-1&live=sse"))
}

pub(super) fn append(stream: usize, text: &str, out: &mut Vec<u8>) {
    post(out, format_args!("/v1/stream/bench-{stream}"), "application/json", text);
}
