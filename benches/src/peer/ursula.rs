//! Ursula: `live=sse` of a single node with its default preset, whose streams are in memory only.

use std::path::Path;

use anyhow::{Context as _, Result};

use super::{Peer, Started, event_source, post};
use crate::process::{Process, free_address};

#[derive(Debug)]
pub(super) struct Ursula;

impl Peer for Ursula {
    fn name(&self) -> &'static str {
        "ursula"
    }

    fn start(&self, program: &Path, place: &Path) -> Result<Started> {
        let (address, admin) = (free_address()?, free_address()?);
        let path = place.join("ursula.toml");
        std::fs::write(&path, format!("[server]\nlisten = \"{address}\"\nadmin_listen = \"{admin}\"\n"))?;
        let arguments = ["server", "--preset", "default", "--config", path.to_str().context("an odd path")?];
        Ok(Process::start_at(program, &arguments, address)?.into())
    }

    fn create(&self, stream: Option<usize>) -> Option<String> {
        let head = "HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\nContent-Length: 0\r\n\r\n";
        Some(stream.map_or(format!("PUT /bench {head}"), |stream| format!("PUT /bench/stream-{stream} {head}")))
    }

    fn subscribe(&self, stream: usize) -> String {
        event_source(&format!("/bench/stream-{stream}?offset=-1&live=sse"))
    }

    fn publish(&self, stream: usize, text: &str, out: &mut Vec<u8>) {
        post(out, format_args!("/bench/stream-{stream}"), "application/json", text);
    }
}
