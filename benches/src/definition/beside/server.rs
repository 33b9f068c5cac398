//! The servers that are compared: how each is started, and what it calls the same thing.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use tempfile::TempDir;

use super::append::PREFIX;
use crate::generator::load::{Asker, Load};
use crate::generator::wire::Answer;
use crate::process::{Process, free_address};
use crate::result::OURS;

/// A server under comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::definition) enum Kind {
    Everstream,
    DurableStreams,
    /// The reference server of the protocol, on Node. It syncs every append.
    Node,
    /// A single node of Ursula with its default preset, which keeps streams in memory only.
    Ursula,
}

/// What an acknowledgement means, by what it survives. The two servers have other names for the same thing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum, serde::Serialize)]
pub(in crate::definition) enum Level {
    /// Power loss: `fsync` here, `wal` there; both flush the journal with `fdatasync` before they answer.
    PowerLoss,
    /// The death of the process: `os` here, `memory` there; both answer once the kernel has the bytes.
    ProcessDeath,
}

/// Where the programs are.
#[derive(Debug, Clone)]
pub(in crate::definition) struct Programs {
    pub(in crate::definition) everstream: PathBuf,
    /// None: only ours runs.
    pub(in crate::definition) durable_streams: Option<PathBuf>,
}

/// A server that runs on a fresh data directory.
#[derive(Debug)]
pub(in crate::definition) struct Running {
    pub(in crate::definition) kind: Kind,
    pub(in crate::definition) process: Process,
    pub(in crate::definition) address: SocketAddr,
    _directory: TempDir,
}

impl Kind {
    pub(in crate::definition) const fn name(self) -> &'static str {
        match self {
            Self::Everstream => OURS,
            Self::DurableStreams => "durable-streams",
            Self::Node => "node-durable-streams",
            Self::Ursula => "ursula",
        }
    }

    /// What a stream's number stands behind in its path.
    pub(in crate::definition) const fn prefix(self) -> &'static str {
        match self {
            Self::Ursula => "/beside/",
            _ => PREFIX,
        }
    }

    /// Starts `program` on the empty directory `place` with its defaults, but for the durability.
    pub(in crate::definition) fn start(self, program: &Path, level: Level, place: TempDir) -> Result<Running> {
        let data_dir = place.path().join("data");
        let (data_dir, durability) = (data_dir.to_str().context("an odd path")?, level.of(self));
        let process = match self {
            Self::Everstream => {
                let listen = ["serve", "--listen", "127.0.0.1:0"];
                let arguments = [listen.as_slice(), &["--data-dir", data_dir, "--durability", durability]].concat();
                Process::start(program, &arguments)?
            }
            Self::DurableStreams => start_durable_streams(program, data_dir, durability)?,
            Self::Node => start_node(program, data_dir, place.path())?,
            Self::Ursula => start_ursula(program, place.path())?,
        };
        Ok(Running { kind: self, address: process.address, process, _directory: place })
    }
}

impl Level {
    pub(in crate::definition) const BOTH: [Self; 2] = [Self::PowerLoss, Self::ProcessDeath];

    pub(in crate::definition) const fn of(self, kind: Kind) -> &'static str {
        match (self, kind) {
            (Self::PowerLoss, Kind::Everstream) => "fsync",
            (Self::PowerLoss, Kind::DurableStreams) => "wal",
            (Self::ProcessDeath, Kind::Everstream) => "os",
            (Self::ProcessDeath, Kind::DurableStreams) => "memory",
            // They know one level each.
            (_, Kind::Node | Kind::Ursula) => "",
        }
    }

    pub(in crate::definition) const fn name(self) -> &'static str {
        match self {
            Self::PowerLoss => "fsync / wal",
            Self::ProcessDeath => "os / memory",
        }
    }
}

impl Programs {
    /// Those that run.
    pub(in crate::definition) fn kinds(&self) -> &'static [Kind] {
        if self.durable_streams.is_some() { &[Kind::Everstream, Kind::DurableStreams] } else { &[Kind::Everstream] }
    }

    /// Starts `kind` with its defaults, but for the durability.
    pub(in crate::definition) fn start(&self, kind: Kind, level: Level) -> Result<Running> {
        let program = match kind {
            Kind::DurableStreams => self.durable_streams.as_deref().context("durable-streams is not installed")?,
            _ => &self.everstream,
        };
        kind.start(program, level, tempfile::tempdir()?)
    }
}

/// It does not say where it listens and takes no port 0: a free port is found for it.
fn start_durable_streams(program: &Path, data_dir: &str, durability: &str) -> Result<Process> {
    let address = free_address()?;
    let port = address.port().to_string();
    let arguments = ["--port", &port, "--data-dir", data_dir, "--durability", durability];
    Process::start_at(program, &arguments, address)
}

/// The package is a library; this is all of a server that it needs.
const NODE_SERVER: &str = "const [, , entry, port, dataDir] = process.argv;
const { DurableStreamTestServer } = await import(entry);
await new DurableStreamTestServer({ port: Number(port), host: \"127.0.0.1\", dataDir }).start();
";

fn start_node(package: &Path, data_dir: &str, place: &Path) -> Result<Process> {
    let address = free_address()?;
    let script = place.join("server.mjs");
    fs::write(&script, NODE_SERVER)?;
    let entry = package.with_file_name("dist").join("index.js");
    let (script, entry) = script.to_str().zip(entry.to_str()).context("an odd path")?;
    Process::start_at(Path::new("node"), &[script, entry, &address.port().to_string(), data_dir], address)
}

/// Streams are in a bucket, which has to be there.
fn start_ursula(program: &Path, place: &Path) -> Result<Process> {
    let (address, admin) = (free_address()?, free_address()?);
    let path = place.join("ursula.toml");
    fs::write(&path, format!("[server]\nlisten = \"{address}\"\nadmin_listen = \"{admin}\"\n"))?;
    let arguments = ["server", "--preset", "default", "--config", path.to_str().context("an odd path")?];
    let process = Process::start_at(program, &arguments, address)?;
    Load::open(address, 1)?
        .closed_loop(&mut Once("PUT /beside HTTP/1.1\r\nHost: bench\r\nContent-Length: 0\r\n\r\n"))?;
    Ok(process)
}

/// A single request.
struct Once(&'static str);

impl Asker for Once {
    fn ask(&mut self, _connection: usize, out: &mut Vec<u8>) -> bool {
        out.extend_from_slice(self.0.as_bytes());
        !std::mem::take(&mut self.0).is_empty()
    }

    fn answered(&mut self, _connection: usize, answer: Answer<'_>) -> Result<()> {
        ensure!(answer.is_success(), "a creation was answered {}", answer.status);
        Ok(())
    }
}
