//! `@durable-streams/server`: the reference server of the protocol, on Node, with its files.

use std::path::Path;

use anyhow::{Context as _, Result};

use super::durable_streams::{append, live_sse, put};
use super::{Peer, Started};
use crate::process::{Process, free_address};

#[derive(Debug)]
pub(super) struct NodeDurableStreams;

/// The package is a library; this is all of a server that it needs.
const SCRIPT: &str = "const [, , entry, port, dataDir] = process.argv;
const { DurableStreamTestServer } = await import(entry);
await new DurableStreamTestServer({ port: Number(port), host: \"127.0.0.1\", dataDir }).start();
";

impl Peer for NodeDurableStreams {
    fn name(&self) -> &'static str {
        "node-durable-streams"
    }

    fn is_durable(&self) -> bool {
        true
    }

    fn start(&self, package: &Path, place: &Path) -> Result<Started> {
        let address = free_address()?;
        let script = place.join("server.mjs");
        std::fs::write(&script, SCRIPT)?;
        let entry = package.with_file_name("dist").join("index.js");
        let (data_dir, port) = (place.join("data"), address.port().to_string());
        let [script, entry, data_dir] = [&script, &entry, &data_dir].map(|path| path.to_str());
        let paths = script.zip(entry).zip(data_dir).context("an odd path")?;
        let ((script, entry), data_dir) = paths;
        Ok(Process::start_at(Path::new("node"), &[script, entry, &port, data_dir], address)?.into())
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
