//! A server under measurement: a process of its own, with all that it starts.

mod family;
pub(crate) mod guard;

use std::io::{BufRead as _, BufReader};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

/// What a server prints before its address once it serves.
const ANNOUNCEMENT: &str = "listening on http://";
/// A server that does not announce itself listens by then.
const PATIENCE: Duration = Duration::from_secs(20);
/// How often that is tried.
const TRY_EVERY: Duration = Duration::from_millis(5);
/// Whether guards ask servers to end.
static GENTLY: OnceLock<bool> = OnceLock::new();

/// Has every server that is started behind this asked to end and not killed, or not. The first word on it holds.
pub(crate) fn end_servers_gently(gently: bool) {
    GENTLY.get_or_init(|| gently);
}

/// A running server at `address`; it ends when this is dropped or the benchmark is killed.
#[derive(Debug)]
pub(crate) struct Process {
    pub(crate) address: SocketAddr,
    /// From the start of the process to its announcement; the guard before it takes about 2 ms of that.
    pub(crate) started_in: Duration,
    guard: Child,
}

impl Process {
    /// Starts `program` and waits until it says where it listens.
    pub(crate) fn start(program: &Path, arguments: &[&str]) -> Result<Self> {
        let began = Instant::now();
        let mut guard = guarded(program, arguments)?.stdout(Stdio::piped()).stderr(Stdio::inherit()).spawn()?;
        let mut output = BufReader::new(guard.stdout.take().context("the process has no output")?);
        let mut line = String::new();
        while output.read_line(&mut line)? > 0 {
            if let Some((_, address)) = line.trim().split_once(ANNOUNCEMENT) {
                let address = address.trim_end_matches('/').parse()?;
                let started_in = began.elapsed();
                // What it says later goes nowhere, but it can say it.
                std::thread::spawn(move || std::io::copy(&mut output, &mut std::io::sink()));
                return Ok(Self { address, started_in, guard });
            }
            line.clear();
        }
        bail!("{} ended without saying where it listens", program.display())
    }

    /// Starts a `program` that does not say where it listens, and waits until it takes connections at `address`.
    pub(crate) fn start_at(program: &Path, arguments: &[&str], address: SocketAddr) -> Result<Self> {
        let began = Instant::now();
        let guard = guarded(program, arguments)?.stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
        let mut process = Self { address, started_in: Duration::ZERO, guard };
        process.listens_at(address)?;
        process.started_in = began.elapsed();
        Ok(process)
    }

    /// Waits until it takes connections at `address`.
    pub(crate) fn listens_at(&mut self, address: SocketAddr) -> Result<()> {
        let began = Instant::now();
        while TcpStream::connect(address).is_err() {
            ensure!(self.guard.try_wait()?.is_none(), "the server ended before it listened");
            ensure!(began.elapsed() < PATIENCE, "the server does not listen at {address}");
            rest(TRY_EVERY);
        }
        Ok(())
    }

    /// Starts one of the servers that are part of this program.
    pub(crate) fn start_own(subcommand: &str) -> Result<Self> {
        Self::start(&std::env::current_exe()?, &[subcommand])
    }

    /// User and system time that it has used so far.
    pub(crate) fn cpu(&self) -> Result<Duration> {
        self.members()?.iter().map(|pid| family::cpu_of(&pid.to_string())).sum()
    }

    /// Resident memory in KiB.
    pub(crate) fn resident_kib(&self) -> Result<u64> {
        self.members()?.into_iter().map(|pid| family::status_kib(pid, "VmRSS:")).sum()
    }

    /// The share of it that is no file's, so not the program's own text.
    pub(crate) fn anonymous_kib(&self) -> Result<u64> {
        self.members()?.into_iter().map(|pid| family::status_kib(pid, "RssAnon:")).sum()
    }

    /// Ends it the hard way, unless servers are to be asked, and waits for it.
    pub(crate) fn kill(mut self) -> Result<()> {
        self.end()
    }

    fn end(&mut self) -> Result<()> {
        drop(self.guard.stdin.take());
        self.guard.wait()?;
        Ok(())
    }

    fn members(&self) -> Result<Vec<u32>> {
        let members = family::descendants(self.guard.id())?;
        ensure!(!members.is_empty(), "the server has ended");
        Ok(members)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Whoever wants to know whether it went well calls `kill`.
        let _ = self.end();
    }
}

/// The command that runs `program` under a guard.
fn guarded(program: &Path, arguments: &[&str]) -> Result<Command> {
    let mut command = Command::new(std::env::current_exe()?);
    let gently = GENTLY.get().is_some_and(|gently| *gently).then_some("--gently");
    command.arg("guard").args(gently).arg("--").arg(program).args(arguments).stdin(Stdio::piped());
    Ok(command)
}

/// An address that nothing listens at, for servers that take no port 0.
pub(crate) fn free_address() -> Result<SocketAddr> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?)
}

/// User and system time that this process has used so far.
pub(crate) fn own_cpu() -> Result<Duration> {
    family::cpu_of("self")
}

/// Waits for time to pass.
#[expect(clippy::disallowed_methods, reason = "a load is a matter of time")]
pub(crate) fn rest(time: Duration) {
    std::thread::sleep(time);
}
