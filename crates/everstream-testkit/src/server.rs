//! The real server as a process.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};

use rustix::process::{Pid, Resource, Rlimit, Signal, kill_process, prlimit};
use tempfile::TempDir;

use crate::{Api, Deadline, PATIENCE};

/// How to start `everstream serve`: on a free port of the loopback address, with a data directory of its own that goes
/// away with the server, with two workers, and else with an empty environment.
#[derive(Debug)]
pub struct Launch {
    binary: PathBuf,
    flags: Vec<String>,
    environment: Vec<(String, String)>,
    listen: String,
    data_dir: PathBuf,
    scratch: TempDir,
}

/// A running server; killed when dropped. What it wrote to its standard error is shown when the test panics.
#[derive(Debug)]
pub struct TestServer {
    launch: Launch,
    process: Process,
    addr: SocketAddr,
}

/// A process that has ended.
#[derive(Debug)]
pub struct Exited {
    /// How it ended.
    pub status: ExitStatus,
    /// The last of what it wrote to its standard error.
    pub stderr: String,
}

impl Launch {
    /// The server of this binary, which a test names with `env!("CARGO_BIN_EXE_everstream")`.
    #[must_use]
    #[track_caller]
    pub fn of(binary: &str) -> Self {
        let scratch = TempDir::with_prefix("everstream-test-").expect("a temporary directory");
        Self {
            binary: binary.into(),
            flags: Vec::new(),
            environment: Vec::new(),
            listen: "127.0.0.1:0".to_owned(),
            data_dir: scratch.path().join("data"),
            scratch,
        }
    }

    /// Adds flags.
    #[must_use]
    pub fn flags(mut self, flags: &[&str]) -> Self {
        self.flags.extend(flags.iter().map(|&flag| flag.to_owned()));
        self
    }

    /// Sets a variable of the environment.
    #[must_use]
    pub fn environment(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Writes a configuration file and names it by `--config`.
    #[must_use]
    #[track_caller]
    pub fn config(self, toml: &str) -> Self {
        let file = self.scratch.path().join("everstream.toml");
        std::fs::write(&file, toml).expect("a configuration file");
        let file = file.display().to_string();
        self.flags(&["--config", &file])
    }

    /// Listens there instead of on a free port.
    #[must_use]
    pub fn listen(mut self, address: &str) -> Self {
        address.clone_into(&mut self.listen);
        self
    }

    /// Uses this data directory, which is not removed.
    #[must_use]
    pub fn data_dir(mut self, directory: &Path) -> Self {
        directory.clone_into(&mut self.data_dir);
        self
    }

    /// Starts the server and waits until it listens, or panics with what it wrote.
    #[must_use]
    #[track_caller]
    pub fn start(self) -> TestServer {
        let (process, addr) = self.spawn_listening();
        TestServer { launch: self, process, addr }
    }

    /// Starts the server in the belief that it refuses and ends by itself; panics if it listens or stays.
    #[track_caller]
    pub fn start_refused(self) -> Exited {
        let mut process = self.spawn();
        if let Some(addr) = process.listening() {
            panic!("the server was to refuse, but listens on {addr}; {}", process.stderr_text());
        }
        process.wait()
    }

    #[track_caller]
    fn spawn_listening(&self) -> (Process, SocketAddr) {
        let mut process = self.spawn();
        match process.listening() {
            Some(addr) => (process, addr),
            None => panic!("the server does not listen; {}", process.stderr_text()),
        }
    }

    #[track_caller]
    fn spawn(&self) -> Process {
        let mut command = Command::new("/bin/sh");
        // With its signal ignored, a write beyond the limit that `fill_disk` sets fails with EFBIG.
        command.arg("-c").arg("trap '' XFSZ; exec \"$0\" \"$@\"").arg(&self.binary);
        command.args(["serve", "--listen", &self.listen, "--data-dir"]).arg(&self.data_dir).args(&self.flags);
        // What passes between workers is to be tested on every machine.
        command
            .env_clear()
            .env("EVERSTREAM_WORKERS", "2")
            .envs(self.environment.iter().map(|(name, value)| (name, value)));
        command.current_dir(self.scratch.path());
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        Process::watch(command.spawn().expect("the server's process"))
    }
}

impl TestServer {
    /// Where it listens.
    #[must_use]
    pub const fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Shorthands for its streams.
    #[must_use]
    pub const fn api(&self) -> Api {
        Api { addr: self.addr }
    }

    /// Its data directory.
    #[must_use]
    pub fn data_dir(&self) -> &Path {
        &self.launch.data_dir
    }

    /// Ends it by SIGKILL, as a crash would, and waits until it is gone.
    pub fn kill9(&mut self) {
        self.process.end();
    }

    /// Asks it to drain and end.
    #[track_caller]
    pub fn sigterm(&self) {
        kill_process(Pid::from_child(&self.process.child), Signal::TERM).expect("SIGTERM");
    }

    /// Waits until it has ended by itself, or panics after [`PATIENCE`].
    #[track_caller]
    pub fn wait(&mut self) -> Exited {
        self.process.wait()
    }

    /// Starts it again on the same data directory, after a `kill9` where it still runs. Where it was to listen on a free
    /// port it gets another one, see [`Self::addr`].
    #[track_caller]
    pub fn restart(&mut self) {
        self.kill9();
        (self.process, self.addr) = self.launch.spawn_listening();
    }

    /// Starts it again on the same port and data directory, as a deployment does.
    #[track_caller]
    pub fn restart_on_same_port(&mut self) {
        self.launch.listen = self.addr.to_string();
        self.restart();
    }

    /// From now on no write of its to a file succeeds, as on a full disk; reads do.
    #[track_caller]
    pub fn fill_disk(&self) {
        self.limit_files(Some(0));
    }

    /// Undoes [`Self::fill_disk`].
    #[track_caller]
    pub fn free_disk(&self) {
        self.limit_files(None);
    }

    #[track_caller]
    fn limit_files(&self, bytes_max: Option<u64>) {
        let limit = Rlimit { current: bytes_max, maximum: None };
        prlimit(Some(Pid::from_child(&self.process.child)), Resource::Fsize, limit).expect("a limit of file sizes");
    }

    /// The last of what it wrote to its standard error.
    #[must_use]
    pub fn stderr(&self) -> String {
        self.process.stderr_text()
    }

    /// Its resident memory.
    #[must_use]
    #[track_caller]
    pub fn resident_kib(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.process.child.id()));
        let status = status.expect("the status of the server's process");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("VmRSS");
        line.trim().trim_end_matches(" kB").parse().expect("a number of KiB")
    }

    /// How many file descriptors it has open.
    #[must_use]
    #[track_caller]
    pub fn open_files(&self) -> usize {
        let listing = std::fs::read_dir(format!("/proc/{}/fd", self.process.child.id()));
        listing.expect("the descriptors of the server's process").count()
    }
}

/// A child whose output is read all the time, so that it never blocks on a full pipe.
#[derive(Debug)]
struct Process {
    child: Child,
    lines: Receiver<String>,
    stderr: Arc<Mutex<VecDeque<u8>>>,
    stderr_reader: Option<JoinHandle<()>>,
}

const STDERR_BYTES_MAX: usize = 256 * 1024;

impl Process {
    #[track_caller]
    fn watch(mut child: Child) -> Self {
        let stdout = child.stdout.take().expect("a piped standard output");
        let mut errors = child.stderr.take().expect("a piped standard error");
        let (send_line, lines) = sync_channel(64);
        thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                // Once nobody waits for lines any more they are dropped, but still read.
                let _ = send_line.try_send(line);
            }
        });
        let stderr = Arc::new(Mutex::new(VecDeque::new()));
        let kept = Arc::clone(&stderr);
        let stderr_reader = thread::spawn(move || {
            let mut bytes = [0; 4096];
            while let Ok(count @ 1..) = errors.read(&mut bytes) {
                let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
                kept.extend(&bytes[..count]);
                let surplus = kept.len().saturating_sub(STDERR_BYTES_MAX);
                kept.drain(..surplus);
            }
        });
        Self { child, lines, stderr, stderr_reader: Some(stderr_reader) }
    }

    /// The address it says it listens on, or `None` when it ends without a word.
    #[track_caller]
    fn listening(&mut self) -> Option<SocketAddr> {
        let deadline = Deadline::patient();
        loop {
            match self.lines.recv_timeout(deadline.left().unwrap_or_default()) {
                Ok(line) => {
                    if let Some((_, addr)) = line.split_once("listening on http://") {
                        return Some(addr.trim().parse().expect("the address it listens on"));
                    }
                }
                Err(RecvTimeoutError::Disconnected) => return None,
                Err(RecvTimeoutError::Timeout) => {
                    panic!("the server says nothing for {PATIENCE:?}; {}", self.stderr_text())
                }
            }
        }
    }

    /// Waits for its end, which closes its standard output.
    #[track_caller]
    fn wait(&mut self) -> Exited {
        let deadline = Deadline::patient();
        loop {
            match self.lines.recv_timeout(deadline.left().unwrap_or_default()) {
                Ok(_) => {}
                Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => {
                    panic!("the server does not end within {PATIENCE:?}; {}", self.stderr_text())
                }
            }
        }
        let status = self.child.wait().expect("the status of an ended process");
        self.join_stderr();
        Exited { status, stderr: self.stderr_text() }
    }

    fn end(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        self.join_stderr();
    }

    fn join_stderr(&mut self) {
        if let Some(reader) = self.stderr_reader.take() {
            let _ = reader.join();
        }
    }

    fn stderr_text(&self) -> String {
        let kept = self.stderr.lock().unwrap_or_else(PoisonError::into_inner);
        let bytes: Vec<u8> = kept.iter().copied().collect();
        format!("its standard error:\n{}", String::from_utf8_lossy(&bytes))
    }
}

impl Drop for Process {
    #[expect(clippy::print_stderr, reason = "a failing test shows what its server had to say")]
    fn drop(&mut self) {
        self.end();
        if thread::panicking() {
            eprintln!("the server has ended; {}", self.stderr_text());
        }
    }
}
