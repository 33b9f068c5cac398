//! The servers that are compared: how each is started, and what it calls the same thing.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use tempfile::TempDir;

use crate::process::{Process, free_address};
use crate::result::OURS;

/// A server under comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Everstream,
    DurableStreams,
}

/// What an acknowledgement means, by what it survives. The two servers have other names for the same thing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum, serde::Serialize)]
pub(super) enum Level {
    /// Power loss: `fsync` here, `wal` there; both flush the journal with `fdatasync` before they answer.
    PowerLoss,
    /// The death of the process: `os` here, `memory` there; both answer once the kernel has the bytes.
    ProcessDeath,
}

/// Where the programs are.
#[derive(Debug, Clone)]
pub(super) struct Programs {
    pub(super) everstream: PathBuf,
    /// None: only ours runs.
    pub(super) durable_streams: Option<PathBuf>,
}

/// A server that runs on a fresh data directory.
#[derive(Debug)]
pub(super) struct Running {
    pub(super) kind: Kind,
    pub(super) process: Process,
    pub(super) address: SocketAddr,
    _directory: TempDir,
}

impl Kind {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Everstream => OURS,
            Self::DurableStreams => "durable-streams",
        }
    }
}

impl Level {
    pub(super) const BOTH: [Self; 2] = [Self::PowerLoss, Self::ProcessDeath];

    pub(super) const fn of(self, kind: Kind) -> &'static str {
        match (self, kind) {
            (Self::PowerLoss, Kind::Everstream) => "fsync",
            (Self::PowerLoss, Kind::DurableStreams) => "wal",
            (Self::ProcessDeath, Kind::Everstream) => "os",
            (Self::ProcessDeath, Kind::DurableStreams) => "memory",
        }
    }

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::PowerLoss => "fsync / wal",
            Self::ProcessDeath => "os / memory",
        }
    }
}

impl Programs {
    /// Those that run.
    pub(super) fn kinds(&self) -> &'static [Kind] {
        if self.durable_streams.is_some() { &[Kind::Everstream, Kind::DurableStreams] } else { &[Kind::Everstream] }
    }

    /// Starts `kind` with its defaults, but for the durability.
    pub(super) fn start(&self, kind: Kind, level: Level) -> Result<Running> {
        let directory = tempfile::tempdir()?;
        let data_dir = directory.path().join("data");
        let data_dir = data_dir.to_str().context("an odd path")?;
        let durability = level.of(kind);
        let process = match kind {
            Kind::Everstream => {
                let listen = ["serve", "--listen", "127.0.0.1:0"];
                let arguments = [listen.as_slice(), &["--data-dir", data_dir, "--durability", durability]].concat();
                Process::start(&self.everstream, &arguments)?
            }
            Kind::DurableStreams => {
                let program = self.durable_streams.as_deref().context("durable-streams is not installed")?;
                start_durable_streams(program, data_dir, durability)?
            }
        };
        Ok(Running { kind, address: process.address, process, _directory: directory })
    }
}

/// It does not say where it listens and takes no port 0: a free port is found for it.
fn start_durable_streams(program: &Path, data_dir: &str, durability: &str) -> Result<Process> {
    let address = free_address()?;
    let port = address.port().to_string();
    let arguments = ["--port", &port, "--data-dir", data_dir, "--durability", durability];
    Process::start_at(program, &arguments, address)
}
