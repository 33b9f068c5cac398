//! The servers under measurement: how each is installed, started, published to and followed.
//!
//! All of them do the same work, which the load generator checks: each subscriber gets each event of its stream once, in
//! order and whole. What an acknowledgement means differs, and is said with each.

mod axum_broadcast;
mod bare;
mod durable_streams;
mod everstream;
mod nchan;
mod node_durable_streams;
mod pushpin;
mod ursula;

use std::io::Write as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail};
use mio::Poll;
use tempfile::TempDir;

use crate::generator::wire::Connection;
use crate::process::Process;

pub(crate) use self::axum_broadcast::serve as serve_axum_broadcast;
pub(crate) use self::bare::serve as serve_bare;
pub(crate) use self::pushpin::serve as serve_grip_backend;

/// A server of streams.
pub(crate) trait Peer: std::fmt::Debug + Sync {
    /// In tables, in `--peers`, and for `scripts/peer.sh`.
    fn name(&self) -> &'static str;

    /// Whether it is part of this program: nothing needs to be installed.
    fn is_own(&self) -> bool {
        false
    }

    /// Whether an acknowledged event survives the death of the server.
    fn is_durable(&self) -> bool {
        false
    }

    /// Starts it with its defaults, but for what stands in the way of the load, on the empty directory `place`.
    fn start(&self, program: &Path, place: &Path) -> Result<Started>;

    /// Requests that make a stream, for a server on which it does not come into being by itself.
    fn create(&self, _stream: Option<usize>) -> Option<String> {
        None
    }

    /// The request of a subscriber.
    fn subscribe(&self, stream: usize) -> String;

    /// Puts the request that publishes an event with `text` as its data into `out`.
    fn publish(&self, stream: usize, text: &str, out: &mut Vec<u8>);
}

/// What a peer runs as.
#[derive(Debug)]
pub(crate) struct Started {
    pub(crate) process: Process,
    /// Where events are published, if it is not where they are subscribed to.
    pub(crate) publish_at: Option<SocketAddr>,
    /// What it needs beside it and is not part of what is measured.
    pub(crate) beside: Option<Process>,
}

impl From<Process> for Started {
    fn from(process: Process) -> Self {
        Self { process, publish_at: None, beside: None }
    }
}

/// A peer that runs, on a directory of its own.
#[derive(Debug)]
pub(crate) struct Running {
    pub(crate) peer: &'static dyn Peer,
    pub(crate) process: Process,
    pub(crate) publish_at: SocketAddr,
    _beside: Option<Process>,
    _place: TempDir,
}

/// All of them; ours first, then the limit.
const ALL: [&dyn Peer; 8] = [
    &everstream::Everstream,
    &bare::Bare,
    &axum_broadcast::AxumBroadcast,
    &nchan::Nchan,
    &durable_streams::DurableStreams,
    &ursula::Ursula,
    &pushpin::Pushpin,
    &node_durable_streams::NodeDurableStreams,
];

/// A peer with its program.
#[derive(Debug, Clone)]
pub(crate) struct Installed {
    pub(crate) peer: &'static dyn Peer,
    program: PathBuf,
}

/// The servers of streams that can be measured, and by name why others that were wanted cannot.
#[derive(Debug, Default)]
pub(crate) struct OfStreams {
    pub(crate) installed: Vec<Installed>,
    pub(crate) missing: Vec<(&'static str, String)>,
}

impl Installed {
    /// Starts it and makes `streams` streams on it.
    pub(crate) fn run(&self, streams: usize) -> Result<Running> {
        let Self { peer, program } = self;
        let place = tempfile::tempdir()?;
        let Started { process, publish_at, beside } =
            peer.start(program, place.path()).with_context(|| format!("{} does not start", peer.name()))?;
        let publish_at = publish_at.unwrap_or(process.address);
        let requests = std::iter::once(None).chain((0..streams).map(Some));
        create(publish_at, requests.filter_map(|stream| peer.create(stream)))?;
        Ok(Running { peer: *peer, process, publish_at, _beside: beside, _place: place })
    }
}

/// Sends requests one after the other; each has to succeed.
fn create(address: SocketAddr, requests: impl Iterator<Item = String>) -> Result<()> {
    let mut poll = Poll::new()?;
    let mut events = mio::Events::with_capacity(8);
    let mut connection = Connection::open(address, poll.registry(), 0)?;
    for request in requests {
        connection.send(|out| out.extend_from_slice(request.as_bytes()))?;
        while !connection.has_answer()? {
            poll.poll(&mut events, None)?;
            connection.flush()?;
        }
        connection.take(|answer| match answer.is_success() {
            true => Ok(()),
            false => bail!("{request:?} was answered {}", answer.status),
        })?;
    }
    Ok(())
}

/// A POST of an event.
fn post(out: &mut Vec<u8>, path: std::fmt::Arguments<'_>, media_type: &str, body: &str) {
    let length = body.len();
    // Writing to a vector cannot fail.
    let _ = write!(
        out,
        "POST {path} HTTP/1.1\r\nHost: bench\r\nContent-Type: {media_type}\r\nContent-Length: {length}\r\n\r\n{body}"
    );
}

/// The request of an EventSource.
fn event_source(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: bench\r\nAccept: text/event-stream\r\n\r\n")
}

/// Which of the other servers are wanted.
#[derive(Debug, Clone)]
pub(crate) enum Peers {
    /// Those that are part of this program: nothing needs to be installed.
    OwnOnly,
    /// All that are installed.
    Installed,
    /// These, and it is an error when one is not installed.
    Named(Vec<String>),
}

/// Whether a server can be measured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Found {
    At(PathBuf),
    /// The sentence says why not and what would help.
    Missing(String),
    NotWanted,
}

/// What installs the peers, from the project's directory.
const SCRIPT: &str = "scripts/peer.sh";

impl Peers {
    /// Whether a server is wanted, and where its program is.
    ///
    /// # Errors
    /// When it was named and is not installed.
    pub(crate) fn find(&self, name: &str) -> Result<Found> {
        let is_named = match self {
            Self::OwnOnly => return Ok(Found::NotWanted),
            Self::Installed => false,
            Self::Named(names) if names.iter().any(|one| one == name) => true,
            Self::Named(_) => return Ok(Found::NotWanted),
        };
        let output = Command::new(SCRIPT).args(["--find", name]).output();
        let path = output.ok().filter(|output| output.status.success());
        let path = path.and_then(|output| Some(String::from_utf8(output.stdout).ok()?.trim().to_owned()));
        match path {
            Some(path) => Ok(Found::At(path.into())),
            None if is_named => bail!("{name} is not installed: run {SCRIPT} {name} in the project's directory"),
            None => Ok(Found::Missing(format!("not installed; {SCRIPT} {name} does that"))),
        }
    }

    /// The servers of streams that are wanted, ours (at `server`) first, and why others are not among them.
    pub(crate) fn of_streams(&self, server: &Path) -> Result<OfStreams> {
        let OfStreams { mut installed, mut missing } = OfStreams::default();
        for peer in ALL {
            let name = peer.name();
            let found = match name {
                crate::result::OURS => Found::At(server.to_owned()),
                _ if peer.is_own() && self.wants_own(name) => Found::At(std::env::current_exe()?),
                _ if peer.is_own() => Found::NotWanted,
                _ => self.find(name)?,
            };
            match found {
                Found::At(program) => installed.push(Installed { peer, program }),
                Found::Missing(reason) => missing.push((name, reason)),
                Found::NotWanted => {}
            }
        }
        Ok(OfStreams { installed, missing })
    }

    fn wants_own(&self, name: &str) -> bool {
        match self {
            Self::OwnOnly | Self::Installed => true,
            Self::Named(names) => names.iter().any(|one| one == name),
        }
    }
}
