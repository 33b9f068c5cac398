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

use anyhow::{Context, Result, bail, ensure};
use rustix::process::{Pid, Signal, WaitOptions, getpid, kill_process, set_child_subreaper};

use super::family::descendants;

/// What was sent SIGKILL is gone by then, or something is very wrong.
const PATIENCE: Duration = Duration::from_secs(10);

/// Runs `program` until it ends or standard input does; nothing that it started is left then.
pub(crate) fn stand(program: &Path, arguments: &[OsString]) -> Result<()> {
    // What its children start and leave behind comes to the guard, not to init, so that it is found.
    set_child_subreaper(Some(getpid()))?;
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .spawn()
        .with_context(|| format!("cannot start {}", program.display()))?;
    std::thread::spawn(|| {
        // An error is an end as well.
        let _ = std::io::stdin().read_to_end(&mut Vec::new());
        end_descendants()
    });
    let status = child.wait()?;
    end_descendants()?;
    // What they left behind came here, all of it ended by now, and is not left to whoever is next in line.
    while let Ok(Some(_)) = rustix::process::wait(WaitOptions::empty()) {}
    // A signal is how servers end here.
    ensure!(status.code().is_none_or(|code| code == 0), "{} ended: {status}", program.display());
    Ok(())
}

fn end_descendants() -> Result<()> {
    let began = Instant::now();
    loop {
        let left = descendants(std::process::id())?;
        if left.is_empty() {
            return Ok(());
        }
        if began.elapsed() > PATIENCE {
            bail!("processes that do not die: {left:?}");
        }
        for pid in left.into_iter().filter_map(|pid| Pid::from_raw(i32::try_from(pid).ok()?)) {
            // It may have ended meanwhile.
            let _ = kill_process(pid, Signal::KILL);
        }
        std::thread::yield_now();
    }
}
