//! A process and what it started, as the kernel tells of them.

use std::fs;
use std::time::Duration;

use anyhow::{Context, Result};

/// Linux counts CPU time in ticks of 1/100 s.
const TICK: Duration = Duration::from_millis(10);

/// All processes that `ancestor` started, and those they started, as far as they live.
pub(super) fn descendants(ancestor: u32) -> Result<Vec<u32>> {
    let mut processes = Vec::new();
    for entry in fs::read_dir("/proc")? {
        let Some(pid) = entry?.file_name().to_str().and_then(|name| name.parse::<u32>().ok()) else { continue };
        // It may end between the two calls.
        let Ok(stat) = fs::read_to_string(format!("/proc/{pid}/stat")) else { continue };
        let (state, parent) = state_and_parent(&stat)?;
        if !matches!(state, "Z" | "X") {
            processes.push((pid, parent));
        }
    }
    let mut found = vec![ancestor];
    let mut next = 0;
    while let Some(&parent) = found.get(next) {
        found.extend(processes.iter().filter(|(_, of)| *of == parent).map(|(pid, _)| *pid));
        next += 1;
    }
    found.remove(0);
    Ok(found)
}

fn state_and_parent(stat: &str) -> Result<(&str, u32)> {
    let mut fields = after_command(stat)?.split_whitespace();
    let (state, parent) = fields.next().zip(fields.next()).context("a short stat file")?;
    Ok((state, parent.parse()?))
}

/// The second field is the command in parentheses and may hold spaces.
fn after_command(stat: &str) -> Result<&str> {
    Ok(stat.rsplit_once(')').context("an odd stat file")?.1)
}

/// User and system time that a process has used so far: to the nanosecond, as long as no thread of it has ended.
pub(super) fn cpu_of(pid: &str) -> Result<Duration> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    // Both fall short of the truth and never exceed it: this one by what the last ticks have not counted ...
    let counted = ticks(&stat)?;
    // ... and this one by the threads that are no more.
    Ok(threads_cpu(pid).unwrap_or_default().max(counted))
}

/// User and system time are fields 14 and 15.
fn ticks(stat: &str) -> Result<Duration> {
    let mut fields = after_command(stat)?.split_whitespace().skip(11);
    let mut ticks = || -> Result<u32> { Ok(fields.next().context("a short stat file")?.parse()?) };
    Ok(TICK * ticks()? + TICK * ticks()?)
}

fn threads_cpu(pid: &str) -> Result<Duration> {
    let mut sum = Duration::ZERO;
    for thread in fs::read_dir(format!("/proc/{pid}/task"))? {
        let Ok(schedule) = fs::read_to_string(thread?.path().join("schedstat")) else { continue };
        let on_core = schedule.split_whitespace().next().context("an empty schedstat file")?;
        sum += Duration::from_nanos(on_core.parse()?);
    }
    Ok(sum)
}

/// A line of a process's status that is an amount of memory, in KiB.
pub(super) fn status_kib(pid: u32, name: &str) -> Result<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix(name)).context("no such line in status")?;
    Ok(line.trim().trim_end_matches(" kB").parse()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_with_spaces_and_parentheses_does_not_shift_the_fields() {
        let stat = "7 (a ) b) S 3 7 7 0 -1 4194560 1 0 0 0 150 25 0 0 20 0 1 0 5 0 0";
        assert_eq!(state_and_parent(stat).unwrap(), ("S", 3));
        assert_eq!(ticks(stat).unwrap(), Duration::from_millis(1750));
    }

    #[test]
    fn cpu_time_of_this_process_grows_with_work() {
        let before = cpu_of("self").unwrap();
        let mut sum = 0_u64;
        while cpu_of("self").unwrap() < before + Duration::from_millis(30) {
            sum = std::hint::black_box(sum.wrapping_add(1));
        }
    }
}
