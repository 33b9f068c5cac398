//! One change that a program asks of the device, and what can go wrong with it.

use std::fmt;

use super::State;
use crate::thread::Role;

/// A kind of change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Bytes are written to a file.
    Write,
    /// A file is cut or extended.
    Resize,
    /// A file or directory is synced.
    Sync,
    /// A file or directory is made.
    Create,
    /// A file is renamed.
    Rename,
    /// A file or directory is removed.
    Remove,
}

/// What goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Fault {
    /// A write takes fewer bytes than it was given, which is no error.
    ShortWrite,
    /// A write fails with `EIO`.
    FailedWrite,
    /// A sync fails with `EIO`; what was dirty may be lost without another word.
    FailedSync,
    /// From now on there is no space (`ENOSPC`), after some bytes more.
    FullDisk,
}

impl Fault {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::ShortWrite, Self::FailedWrite, Self::FailedSync, Self::FullDisk];

    fn happens_to(self, kind: Kind) -> bool {
        match self {
            Self::ShortWrite | Self::FailedWrite | Self::FullDisk => kind == Kind::Write,
            Self::FailedSync => kind == Kind::Sync,
        }
    }
}

/// A change that was asked for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Step {
    /// Who asked.
    pub role: Role,
    /// What for.
    pub kind: Kind,
    /// Of which file, relative to the root; what is random in the names of temporary files is left out.
    pub path: String,
    /// How many bytes, or the new length.
    pub bytes: u64,
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} {:?} {} {}", self.role, self.kind, self.path, self.bytes)
    }
}

/// What becomes of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    Done,
    /// Only so many bytes of a write, which then succeeds.
    Short(usize),
    Failed(i32),
    /// So many bytes of a write reach the file, and then the device is gone.
    Crashed(usize),
}

impl State {
    /// Notes a step and judges it.
    pub(super) fn judge(&mut self, kind: Kind, path: &str, bytes: u64) -> Verdict {
        if self.image.is_some() {
            return Verdict::Failed(libc::EIO);
        }
        let number = self.steps.len() as u64;
        self.steps.push(Step { role: Role::of_this_thread(), kind, path: path.to_owned(), bytes });
        let part = if kind == Kind::Write { self.part(bytes) } else { 0 };
        if self.crash.is_some_and(|(at, _)| number >= at) {
            return Verdict::Crashed(part);
        }
        let role = Role::of_this_thread();
        let due = self
            .faults
            .iter()
            .position(|(at, of, fault)| number >= *at && of.is_none_or(|of| of == role) && fault.happens_to(kind));
        let fault = due.map(|index| self.faults.swap_remove(index).2);
        self.fired.extend(fault.map(|fault| (number, fault)));
        match fault {
            Some(Fault::ShortWrite) => return Verdict::Short(part.max(1)),
            Some(Fault::FailedWrite | Fault::FailedSync) => return Verdict::Failed(libc::EIO),
            Some(Fault::FullDisk) => {
                self.is_full = true;
                if part > 0 {
                    return Verdict::Short(part);
                }
            }
            None => {}
        }
        if self.is_full && matches!(kind, Kind::Write | Kind::Create) {
            return Verdict::Failed(libc::ENOSPC);
        }
        Verdict::Done
    }

    fn part(&mut self, bytes: u64) -> usize {
        match self.rng.u8(0..4) {
            0 => 0,
            1 => bytes as usize,
            _ => self.rng.usize(0..=bytes as usize),
        }
    }

    /// Ends the device in the midst of a step.
    pub(super) fn end(&mut self) {
        if let Some((_, crash)) = self.crash {
            self.take_image(crash);
        }
    }
}
