//! Which operations are in a log that lost some of each stream's last ones.

use everstream_log::{MemoryLog, StreamName};

use super::{History, Violation};
use crate::driver::ready;
use crate::operation::{Generator, Operation};
use crate::state::LogState;

/// How many of all operations a name has been subject to: those before this are in the log, if they are about it.
struct Extent {
    name: StreamName,
    operations: usize,
    /// The same for those that move its deadline, which go another way than appends.
    touches: usize,
}

impl History {
    /// The operations that make what was found: the first `promised` and of the others those that came first on each
    /// stream. Nothing when there are none such.
    ///
    /// `is_whole`: no commit to several streams is there for some of them only.
    pub(super) fn kept_by_stream(
        &self,
        found: &LogState,
        promised: usize,
        is_whole: bool,
    ) -> Result<Option<Vec<Operation>>, Violation> {
        let states = self.states_from(promised)?;
        let mut extents = Vec::new();
        for name in Generator::names() {
            let called = name.as_str();
            // The last one: what changed nothing may as well be there.
            let operations = states.iter().rposition(|state| state.agrees(found, called));
            let touches = states.iter().rposition(|state| state.agrees_on_deadline(found, called));
            let (Some(operations), Some(touches)) = (operations, touches) else { return Ok(None) };
            extents.push(Extent { name, operations: promised + operations, touches: promised + touches });
        }
        let (log, mut kept) = (MemoryLog::new(u64::MAX), Vec::new());
        for (number, operation) in self.operations.iter().enumerate() {
            let Some(part) = part(operation, number, &extents) else { continue };
            if is_whole && part.names().len() < operation.names().len() {
                return Ok(None);
            }
            if ready(part.apply(&log)).is_ok() {
                kept.push(part);
            }
        }
        let made = ready(LogState::of(&log)).map_err(|error| Violation(error.to_string()))?;
        Ok((made == *found).then_some(kept))
    }

    /// What the first `count` operations make, for each count from `promised` on.
    fn states_from(&self, promised: usize) -> Result<Vec<LogState>, Violation> {
        let (log, mut states) = (MemoryLog::new(u64::MAX), Vec::new());
        for count in 0..=self.operations.len() {
            if count >= promised {
                states.push(ready(LogState::of(&log)).map_err(|error| Violation(error.to_string()))?);
            }
            if let Some(operation) = self.operations.get(count) {
                // One that was not acknowledged may have been refused.
                let _ = ready(operation.apply(&log));
            }
        }
        Ok(states)
    }
}

/// What is in the log of the operation of this number.
fn part(operation: &Operation, number: usize, extents: &[Extent]) -> Option<Operation> {
    let has = |name: &StreamName| extents.iter().any(|extent| extent.name == *name && number < extent.operations);
    match operation {
        Operation::Append(appends) => {
            let kept: Vec<_> = appends.iter().filter(|append| has(&append.name)).cloned().collect();
            (!kept.is_empty()).then_some(Operation::Append(kept))
        }
        Operation::Create(create, _) => has(&create.name).then(|| operation.clone()),
        Operation::Delete(name) => has(name).then(|| operation.clone()),
        Operation::Touch(name, _) => {
            let touched = extents.iter().any(|extent| extent.name == *name && number < extent.touches);
            touched.then(|| operation.clone())
        }
    }
}
