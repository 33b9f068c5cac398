//! What stands between a benchmark and a server that it runs: when the benchmark ends, however it ends, so does the
//! server with all that it started.
//!
//! The guard is a process whose standard input the benchmark holds. Its end is the sign, and the kernel gives it even
//! when the benchmark was killed with SIGKILL.

use std::ffi::OsString;
use std::io::Read as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use rustix::process::{Pid, Signal, WaitOptions, getpid, kill_process, set_child_subreaper};

use super::family::descendants;
use super::rest;

/// What was sent SIGKILL is gone by then, or something is very wrong. What was only asked may take as long before that.
const PATIENCE: Duration = Duration::from_secs(10);
/// How often it is asked: a server that drains takes the second time as a wish to end at once.
const ASK_EVERY: Duration = Duration::from_millis(100);

/// Runs `program` until it ends or standard input does; nothing that it started is left then. With `gently` all of it is
/// asked to end, and killed only when it has not for 10 s.
pub(crate) fn stand(program: &Path, arguments: &[OsString], gently: bool) -> Result<()> {
    // What its children start and leave behind comes to the guard, not to init, so that it is found.
    set_child_subreaper(Some(getpid()))?;
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .spawn()
        .with_context(|| format!("cannot start {}", program.display()))?;
    std::thread::spawn(move || {
        // An error is an end as well.
        let _ = std::io::stdin().read_to_end(&mut Vec::new());
        end_descendants(gently)
    });
    let status = child.wait()?;
    end_descendants(gently)?;
    // What they left behind came here, all of it ended by now, and is not left to whoever is next in line.
    while let Ok(Some(_)) = rustix::process::wait(WaitOptions::empty()) {}
    // A signal is how servers end here.
    ensure!(status.code().is_none_or(|code| code == 0), "{} ended: {status}", program.display());
    Ok(())
}

/// Asks until they are gone, or have not heard for long.
fn ask_descendants() -> Result<()> {
    let began = Instant::now();
    while began.elapsed() < PATIENCE && send_to_descendants(Signal::TERM)? > 0 {
        rest(ASK_EVERY);
    }
    Ok(())
}

fn end_descendants(gently: bool) -> Result<()> {
    if gently {
        ask_descendants()?;
    }
    let began = Instant::now();
    loop {
        let left = send_to_descendants(Signal::KILL)?;
        if left == 0 {
            return Ok(());
        }
        ensure!(began.elapsed() < PATIENCE, "{left} processes that do not die");
        std::thread::yield_now();
    }
}

/// Says to how many.
fn send_to_descendants(signal: Signal) -> Result<usize> {
    let left = descendants(std::process::id())?;
    for pid in left.iter().filter_map(|pid| Pid::from_raw(i32::try_from(*pid).ok()?)) {
        // It may have ended meanwhile.
        let _ = kill_process(pid, signal);
    }
    Ok(left.len())
}
