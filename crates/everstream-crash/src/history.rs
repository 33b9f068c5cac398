//! What was asked, what was acknowledged, and what must therefore be found after a crash.

mod by_stream;

use everstream_log::{Durability, Error, ErrorKind, MemoryLog};

use crate::driver::ready;
use crate::operation::Operation;
use crate::state::LogState;

/// What took the engine away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Loss {
    /// Nothing: it was closed, or its process was ended.
    Process,
    /// The power.
    Power,
}

/// The operations that may be in the log, in order, and how many of them must be.
///
/// What the engine holds after a crash is what the first so many operations on each stream make: no operation in part,
/// none twice, none without those before it on its stream, and nothing else. What was promised must be among them. Of
/// different streams nothing is promised: appends and all else go to files of their own.
#[derive(Debug)]
pub struct History {
    durability: Durability,
    operations: Vec<Operation>,
    /// So many survive the end of the process.
    safe_from_process: usize,
    /// So many survive a power cut.
    safe_from_power: usize,
}

/// What a log showed that it must not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation(pub String);

impl History {
    /// Nothing was asked yet of a log of this durability.
    #[must_use]
    pub fn new(durability: Durability) -> Self {
        Self { durability, operations: Vec::new(), safe_from_process: 0, safe_from_power: 0 }
    }

    /// How many operations were taken.
    #[must_use]
    pub fn len(&self) -> usize {
        self.operations.len()
    }

    /// Whether nothing was taken.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.operations.is_empty()
    }

    /// The operation was acknowledged, after all that were taken before.
    pub fn acknowledged(&mut self, operation: Operation) {
        self.operations.push(operation);
        let count = self.operations.len();
        match self.durability {
            Durability::Memory => {}
            Durability::Os => self.safe_from_process = count,
            Durability::Fsync => (self.safe_from_process, self.safe_from_power) = (count, count),
        }
    }

    /// The operation was begun and not acknowledged: it may be in the log or not.
    pub fn unanswered(&mut self, operation: Operation) {
        self.operations.push(operation);
    }

    /// The log was closed in good order: everything acknowledged is on the device.
    pub fn closed(&mut self) {
        (self.safe_from_process, self.safe_from_power) = (self.operations.len(), self.operations.len());
    }

    /// What all operations together make.
    ///
    /// # Errors
    /// When the reference refuses one of them.
    pub fn replay(&self) -> Result<MemoryLog, Violation> {
        let log = MemoryLog::new(u64::MAX);
        for operation in &self.operations {
            ready(operation.apply(&log)).map_err(|error| impossible(operation, &error))?;
        }
        Ok(log)
    }

    /// Judges what an engine holds after `loss`; from then on the history goes on from there. Says how many operations
    /// that nobody was promised are gone.
    ///
    /// # Errors
    /// When it is not what the first so many operations on each stream make, or fewer than were promised.
    pub fn judge(&mut self, found: &LogState, loss: Loss) -> Result<usize, Violation> {
        let promised = match loss {
            Loss::Process => self.safe_from_process,
            Loss::Power => self.safe_from_power,
        };
        let (matching, due) = self.find(found, promised)?;
        if let Some(count) = matching {
            let rest = self.operations.split_off(count);
            self.go_on(loss);
            return Ok(rest.len());
        }
        // A commit is one frame; folded, it is a batch for each stream, which a power cut may part unless it was synced.
        let is_whole =
            self.durability == Durability::Fsync || (self.durability == Durability::Os && loss == Loss::Process);
        if let Some(kept) = self.kept_by_stream(found, promised, is_whole)? {
            let gone = self.operations.len().saturating_sub(kept.len());
            self.operations = kept;
            self.go_on(loss);
            return Ok(gone);
        }
        let difference = found.difference(&due).join("\n  ");
        let is_there = match self.find(found, 0)?.0 {
            Some(count) => Some(count),
            None => self.kept_by_stream(found, 0, false)?.map(|kept| kept.len()),
        };
        Err(Violation(match is_there {
            Some(count) => {
                format!("acknowledged operations are lost: {promised} promised, {count} there:\n  {difference}")
            }
            None => format!("what is there was never there; against what was promised:\n  {difference}"),
        }))
    }

    /// How many operations, at least `from`, make what was found, and what `from` of them make.
    fn find(&self, found: &LogState, from: usize) -> Result<(Option<usize>, LogState), Violation> {
        let log = MemoryLog::new(u64::MAX);
        let (mut matching, mut due) = (None, LogState::default());
        for count in 0..=self.operations.len() {
            if count >= from {
                let state = ready(LogState::of(&log)).map_err(|error| Violation(error.to_string()))?;
                if state == *found {
                    matching = Some(count);
                }
                if count == from {
                    due = state;
                }
            }
            let Some(operation) = self.operations.get(count) else { break };
            // One that was not acknowledged may have been refused for what came before it.
            if let Err(error) = ready(operation.apply(&log))
                && count < from
            {
                return Err(impossible(operation, &error));
            }
        }
        Ok((matching, due))
    }

    /// What was not acknowledged may have been refused, had it been answered: it has no place in what follows.
    fn forget_refused(&mut self) {
        let log = MemoryLog::new(u64::MAX);
        self.operations.retain(|operation| ready(operation.apply(&log)).is_ok());
    }

    /// Goes on from the operations that were found.
    fn go_on(&mut self, loss: Loss) {
        self.forget_refused();
        let count = self.operations.len();
        // What an opened log shows is as good as acknowledged: its readers may have seen it.
        // So is what a power cut left.
        if self.durability == Durability::Fsync || loss == Loss::Power {
            (self.safe_from_process, self.safe_from_power) = (count, count);
        } else if self.durability == Durability::Os {
            self.safe_from_process = count;
        }
    }
}

fn impossible(operation: &Operation, error: &Error) -> Violation {
    Violation(format!("acknowledged, but the reference refuses it: {operation}: {error}"))
}

/// Whether the engine refused for what stands in the log, and not because its device failed.
#[must_use]
pub(crate) fn is_refusal(error: &Error) -> bool {
    !matches!(error.kind(), ErrorKind::ReadOnly | ErrorKind::Storage | ErrorKind::Unusable)
}
