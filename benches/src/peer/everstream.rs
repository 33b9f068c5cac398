//! Ours: an EventSource on a stream's URL, appends that survive `kill -9`.

use std::path::Path;

use anyhow::{Context as _, Result};

use super::{Peer, Started, event_source, post};
use crate::process::Process;
use crate::result::OURS;

#[derive(Debug)]
pub(super) struct Everstream;

impl Peer for Everstream {
    fn name(&self) -> &'static str {
        OURS
    }

    fn is_durable(&self) -> bool {
        true
    }

    fn start(&self, program: &Path, place: &Path) -> Result<Started> {
        let data_dir = place.to_str().context("an odd path")?;
        let listen = ["serve", "--listen", "127.0.0.1:0", "--data-dir", data_dir, "--durability", "os"];
        // Beyond its default bounds for one address and one stream.
        Ok(Process::start(program, &listen)?.into())
    }

    fn create(&self, stream: Option<usize>) -> Option<String> {
        let head = "HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\nContent-Length: 0\r\n\r\n";
        stream.map(|stream| format!("PUT /v1/stream/bench/{stream} {head}"))
    }

    fn subscribe(&self, stream: usize) -> String {
        event_source(&format!("/v1/stream/bench/{stream}"))
    }

    fn publish(&self, stream: usize, text: &str, out: &mut Vec<u8>) {
        post(out, format_args!("/v1/stream/bench/{stream}"), "application/json", text);
    }
}
