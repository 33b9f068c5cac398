//! Whether the engine's threads are at rest, so that a run is a sequence of steps and not a race.
//!
//! A thread is at rest while it waits for a lock, a queue or the device's leave. Two looks at all threads that find each
//! of them in the same wait, and none of them run in between, have found a moment at which all were at rest.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::os::unix::fs::FileExt;

/// What a look at the engine's threads found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rest {
    /// Some of them run.
    Busy,
    /// None runs, but some wait for time to pass.
    Timed,
    /// All wait for somebody else.
    Deep,
}

/// The threads of this process that were not there when it was made.
#[derive(Debug)]
pub(crate) struct Threads {
    strangers: BTreeSet<u32>,
    files: BTreeMap<u32, (File, File)>,
}

impl Threads {
    /// To be made before the engine is, by the thread that drives it.
    pub(crate) fn new() -> Self {
        Self { strangers: ids(), files: BTreeMap::new() }
    }

    /// Looks twice.
    pub(crate) fn rest(&mut self) -> Rest {
        let Some(first) = self.look() else {
            self.meet();
            return Rest::Busy;
        };
        // Between the looks: who was started before the first one is known by now.
        if self.meet() {
            return Rest::Busy;
        }
        match self.look() {
            Some(second) if first == second => first.judge(),
            _ => Rest::Busy,
        }
    }

    /// Says whether threads came or went.
    fn meet(&mut self) -> bool {
        let ids: BTreeSet<u32> = ids().difference(&self.strangers).copied().collect();
        if self.files.keys().eq(&ids) {
            return false;
        }
        self.files.retain(|id, _| ids.contains(id));
        for id in ids {
            let of = |what: &str| File::open(format!("/proc/self/task/{id}/{what}")).ok();
            if let (Entry::Vacant(place), Some(call), Some(times)) =
                (self.files.entry(id), of("syscall"), of("schedstat"))
            {
                place.insert((call, times));
            }
        }
        true
    }

    /// Nothing when a thread went meanwhile.
    fn look(&self) -> Option<Look> {
        self.files
            .iter()
            .map(|(id, (call, times))| Some((*id, read(call)?, read(times)?)))
            .collect::<Option<_>>()
            .map(Look)
    }
}

/// Each thread with the system call it is in and the time it has run.
#[derive(Debug, PartialEq, Eq)]
struct Look(Vec<(u32, Vec<u8>, Vec<u8>)>);

impl Look {
    fn judge(&self) -> Rest {
        let mut rest = Rest::Deep;
        for (_, call, _) in &self.0 {
            let number = call.split(|byte| *byte == b' ').next().unwrap_or_default();
            match String::from_utf8_lossy(number).parse() {
                Ok(libc::SYS_futex) => {}
                Ok(libc::SYS_clock_nanosleep | libc::SYS_nanosleep) => rest = Rest::Timed,
                _ => return Rest::Busy,
            }
        }
        rest
    }
}

fn read(file: &File) -> Option<Vec<u8>> {
    let mut text = [0; 256];
    let len = file.read_at(&mut text, 0).ok()?;
    text.get(..len).map(<[u8]>::to_vec)
}

fn ids() -> BTreeSet<u32> {
    let entries = fs::read_dir("/proc/self/task").into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect()
}
