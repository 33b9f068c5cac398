//! A server under measurement: a process of its own.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};

/// Linux counts CPU time in ticks of 1/100 s.
const TICK: Duration = Duration::from_millis(10);
/// What a server prints before its address once it serves.
const ANNOUNCEMENT: &str = "listening on http://";
/// A server that does not announce itself listens by then.
const PATIENCE: Duration = Duration::from_secs(10);

/// A running process that serves on `address`; killed when dropped.
#[derive(Debug)]
pub(crate) struct Process {
    pub(crate) address: String,
    /// From the start of the process to its announcement.
    pub(crate) started_in: Duration,
    child: Child,
}

impl Process {
    /// Starts `program` and waits until it says where it listens.
    pub(crate) async fn start(program: &Path, arguments: &[&str]) -> Result<Self> {
        let began = Instant::now();
        let mut child = Command::new(program)
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("cannot start {}", program.display()))?;
        let stdout = child.stdout.take().context("the process has no output")?;
        let mut lines = BufReader::new(stdout).lines();
        while let Some(line) = lines.next_line().await? {
            if let Some((_, address)) = line.split_once(ANNOUNCEMENT) {
                let address = address.trim_end_matches('/').to_owned();
                return Ok(Self { address, started_in: began.elapsed(), child });
            }
        }
        bail!("{} ended without saying where it listens", program.display())
    }

    /// Starts a `program` that does not say where it listens, and waits until it takes connections at `address`.
    pub(crate) async fn start_at(program: &Path, arguments: &[&str], address: SocketAddr) -> Result<Self> {
        let began = Instant::now();
        let mut child = Command::new(program)
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("cannot start {}", program.display()))?;
        while TcpStream::connect(address).await.is_err() {
            ensure!(child.try_wait()?.is_none(), "{} ended before it listened", program.display());
            ensure!(began.elapsed() < PATIENCE, "{} does not listen at {address}", program.display());
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        Ok(Self { address: address.to_string(), started_in: began.elapsed(), child })
    }

    /// User and system time it has used so far.
    pub(crate) fn cpu(&self) -> Result<Duration> {
        cpu_of(&self.read("stat")?)
    }

    /// Resident memory in KiB.
    pub(crate) fn resident_kib(&self) -> Result<u64> {
        self.status_kib("VmRSS:")
    }

    /// The share of it that is no file's, so not the program's own text.
    pub(crate) fn anonymous_kib(&self) -> Result<u64> {
        self.status_kib("RssAnon:")
    }

    fn status_kib(&self, name: &str) -> Result<u64> {
        let status = self.read("status")?;
        let line = status.lines().find_map(|line| line.strip_prefix(name)).context("no such line in status")?;
        Ok(line.trim().trim_end_matches(" kB").parse()?)
    }

    /// Ends it the hard way and waits for it.
    pub(crate) async fn kill(mut self) -> Result<()> {
        Ok(self.child.kill().await?)
    }

    fn read(&self, file: &str) -> Result<String> {
        let pid = self.child.id().context("the process has ended")?;
        Ok(std::fs::read_to_string(format!("/proc/{pid}/{file}"))?)
    }
}

/// User and system time that this process has used so far.
pub(crate) fn own_cpu() -> Result<Duration> {
    cpu_of(&std::fs::read_to_string("/proc/self/stat")?)
}

fn cpu_of(stat: &str) -> Result<Duration> {
    // The second field is the command in parentheses and may hold spaces; user and system time are fields 14 and 15.
    let (_, rest) = stat.rsplit_once(')').context("an odd stat file")?;
    let mut fields = rest.split_whitespace().skip(11);
    let mut ticks = || -> Result<u32> { Ok(fields.next().context("a short stat file")?.parse()?) };
    Ok(TICK * ticks()? + TICK * ticks()?)
}
