//! One life of the engine: opened, judged, asked, and taken away.

use std::collections::VecDeque;

use everstream_log::{Durability, Error, MemoryLog};
use everstream_log_disk::Recovery;

use super::{Run, any_crash};
use crate::device::{Crash, Fault, Step};
use crate::driver::{Pace, ready};
use crate::history::{Loss, Violation, is_refusal};
use crate::operation::Operation;
use crate::stage::{Opening, Stage};
use crate::state::LogState;

/// So many operations a producer tries again.
const RETRIES: usize = 6;

/// When something happens to a life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Moment {
    Never,
    /// So many steps after the engine begins to open.
    Opening(u64),
    /// So many steps after the call of this number begins.
    Call(usize, u64),
}

/// A device, an engine on it, and what is to happen to them.
pub(crate) struct Life<'a> {
    run: &'a mut Run,
    stage: Stage,
    is_last: bool,
    calls: usize,
    crash: (Moment, Crash),
    fault: (Moment, Fault),
    pace: Pace,
}

impl<'a> Life<'a> {
    #[expect(clippy::expect_used, reason = "a simulation without a temporary directory cannot go on")]
    pub(crate) fn begin(run: &'a mut Run, is_last: bool) -> Self {
        let seed = run.rng.u64(..);
        let stage = Stage::new(run.image.as_ref(), seed).expect("files can be made in a temporary directory");
        let device = stage.device();
        device.set_syncs(run.subject.syncs);
        device.set_label(format!("seed {}, life {}", run.seed, run.tally.lives));
        let rng = &mut run.rng;
        device.roll_journals_at(1 << rng.u32(12..18));
        let calls = if is_last { 10 } else { rng.usize(0..60) };
        let pace = match rng.u8(0..3) {
            0 => Pace::Whole,
            _ => Pace::Steps(rng.u64(0..6)),
        };
        let mut crash = (Moment::Never, any_crash(rng));
        let mut fault = (Moment::Never, rng.choice(Fault::ALL).unwrap_or(Fault::FullDisk));
        if !is_last {
            if rng.u8(0..4) > 0 {
                crash.0 = moment(rng, calls);
            }
            if rng.bool() {
                fault.0 = moment(rng, calls);
            }
        }
        Self { run, stage, is_last, calls, crash, fault, pace }
    }

    /// Opens the engine, judges it, asks it, and takes it away.
    pub(crate) fn live(&mut self) -> Result<(), Violation> {
        if let Moment::Opening(after) = self.crash.0 {
            self.stage.device().crash_after(after, self.crash.1);
        }
        if let Moment::Opening(after) = self.fault.0 {
            self.stage.device().fail_after(after, self.fault.1);
        }
        if !self.open()? {
            return Ok(());
        }
        self.stage.settle(self.pace);
        // One that crashed before anybody looked has nothing to show.
        let is_whole = !self.stage.device().is_crashed() && self.judge().and_then(|()| self.load())?;
        self.close(is_whole)
    }

    /// Ends the engine and its device, and says what was done on it.
    pub(crate) fn end(self) -> Vec<Step> {
        let device = self.stage.device().clone();
        self.stage.end();
        self.run.tally.note_faults(&device.faults());
        let steps = device.steps();
        let said = |number: u64| steps.get(number as usize).map(Step::to_string).unwrap_or_default();
        for (number, fault) in device.faults() {
            self.run.events.push(format!("step {number}, {fault:?}: {}", said(number)));
        }
        for number in steps.len().saturating_sub(6) as u64..steps.len() as u64 {
            self.run.events.push(format!("step {number}: {}", said(number)));
        }
        let taken = self.run.history.len();
        self.run.events.push(format!("the end, {:?}; operations taken: {taken}", self.run.ended_by));
        steps
    }

    /// Says whether the engine came to life; when it did not, it had a reason.
    fn open(&mut self) -> Result<bool, Violation> {
        self.run.tally.lives += 1;
        let memtable_bytes_max = 1 << self.run.rng.u32(12..19);
        let pending_bytes_max = 1 << self.run.rng.u32(9..18);
        let (subject, durability) = (self.run.subject, self.run.durability);
        let opening = Opening { subject, durability, memtable_bytes_max, pending_bytes_max };
        let opened = self.stage.open(&opening);
        if self.stage.device().is_crashed() {
            self.run.tally.note_crash(self.crash.1, true);
            self.take_image(self.crash.1);
            return Ok(false);
        }
        match opened {
            Ok(recovery) => {
                self.check_kept(&recovery)?;
                Ok(true)
            }
            Err(_) if self.has_failed() => {
                self.stage.device().heal();
                self.take_image(Crash::Process);
                Ok(false)
            }
            Err(error) => Err(Violation(format!("the engine does not open: {error}"))),
        }
    }

    fn judge(&mut self) -> Result<(), Violation> {
        let found = self.look()?;
        self.run.tally.records_compared += found.record_count() as u64;
        let loss = std::mem::replace(&mut self.run.loss, Loss::Process);
        self.run.tally.unpromised_gone += self.run.history.judge(&found, loss)? as u64;
        Ok(())
    }

    fn look(&mut self) -> Result<LogState, Violation> {
        self.stage.state().map_err(|error| Violation(format!("the log cannot be read: {error}")))
    }

    /// What was cut from a journal is kept where the report says.
    fn check_kept(&mut self, recovery: &Recovery) -> Result<(), Violation> {
        if *recovery == Recovery::default() {
            return Ok(());
        }
        self.run.tally.cuts += 1;
        let kept: Option<u64> =
            recovery.kept_in.iter().map(|path| std::fs::metadata(path).ok().map(|file| file.len())).sum();
        let may_drop = self.run.durability != Durability::Fsync && self.run.loss == Loss::Power;
        if kept == Some(recovery.truncated_bytes) && (may_drop || recovery.appends_dropped == 0) {
            return Ok(());
        }
        Err(Violation(format!("the report of a repair does not hold: {recovery:?}")))
    }

    /// Asks until the engine or the load comes to its end. Says whether the engine still takes writes.
    fn load(&mut self) -> Result<bool, Violation> {
        let reference = self.run.history.replay()?;
        let mut retries = self.run.retries.clone();
        for call in 0..self.calls {
            self.prepare(call);
            // At the other durabilities calls may overtake one another.
            let is_queued = self.run.durability == Durability::Fsync;
            let count = if is_queued && self.run.rng.u8(0..4) == 0 { self.run.rng.usize(2..6) } else { 1 };
            let operations = self.operations(count, &reference, &mut retries);
            let answers = self.stage.apply_all(&operations);
            let mut is_whole = true;
            for (operation, answer) in operations.into_iter().zip(answers) {
                is_whole &= self.take(operation, answer, is_whole, &reference)?;
            }
            self.stage.settle(self.pace);
            if self.stage.device().is_crashed() {
                return Ok(false);
            }
            if !is_whole || self.run.rng.u8(0..16) == 0 {
                self.compare(&reference)?;
            }
            if !is_whole {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn prepare(&mut self, call: usize) {
        if let (Moment::Call(at, after), crash) = self.crash
            && at == call
        {
            self.stage.device().crash_after(after, crash);
        }
        if let (Moment::Call(at, after), fault) = self.fault
            && at == call
        {
            self.stage.device().fail_after(after, fault);
        }
    }

    /// Operations on different streams, so that their order does not matter.
    fn operations(&mut self, count: usize, reference: &MemoryLog, retries: &mut VecDeque<Operation>) -> Vec<Operation> {
        let mut operations: Vec<Operation> = Vec::new();
        for _ in 0..count {
            // Producers begin a life by trying again what they last tried in the one before, acknowledged or not.
            let drawn = retries.pop_front().unwrap_or_else(|| self.run.load.draw(reference));
            let is_apart = |other: &Operation| other.names().iter().all(|name| !drawn.names().contains(name));
            if operations.iter().all(is_apart) {
                self.run.asked.push(drawn.to_string());
                self.run.retries.extend(drawn.is_of_producers().then(|| drawn.clone()));
                let surplus = self.run.retries.len().saturating_sub(RETRIES);
                self.run.retries.drain(..surplus);
                operations.push(drawn);
            }
        }
        operations
    }

    /// Takes an answer into the history. Says whether the engine still takes writes.
    fn take(
        &mut self,
        operation: Operation,
        answer: Result<(), Error>,
        is_whole: bool,
        reference: &MemoryLog,
    ) -> Result<bool, Violation> {
        let due = |reference| ready(operation.apply(reference)).map_err(|error| error.kind());
        match answer {
            Ok(()) if !is_whole => Err(Violation(format!("taken behind a failed write: {operation}"))),
            Ok(()) => match due(reference) {
                Ok(()) => {
                    self.run.tally.note_acknowledged(self.run.durability);
                    self.run.history.acknowledged(operation);
                    Ok(true)
                }
                Err(kind) => Err(Violation(format!("taken, but the reference says {kind:?}: {operation}"))),
            },
            Err(error) if is_refusal(&error) => match due(reference) {
                Err(kind) if kind == error.kind() => Ok(true),
                other => Err(Violation(format!("refused ({error}), but the reference says {other:?}: {operation}"))),
            },
            Err(_) if self.has_failed() || self.stage.device().is_crashed() => {
                self.run.history.unanswered(operation);
                Ok(false)
            }
            Err(error) => Err(Violation(format!("failed without a reason ({error}): {operation}"))),
        }
    }

    /// What readers see is what was acknowledged.
    fn compare(&mut self, reference: &MemoryLog) -> Result<(), Violation> {
        let seen = self.look()?;
        let due = ready(LogState::of(reference)).map_err(|error| Violation(error.to_string()))?;
        if seen == due {
            return Ok(());
        }
        Err(Violation(format!("readers see what was not acknowledged:\n  {}", seen.difference(&due).join("\n  "))))
    }

    /// Ends the engine as it was drawn and takes what is left.
    fn close(&mut self, is_whole: bool) -> Result<(), Violation> {
        if self.stage.device().is_crashed() {
            self.run.tally.note_crash(self.crash.1, false);
            self.take_image(self.crash.1);
            return Ok(());
        }
        if !self.is_last && self.run.rng.bool() {
            let crash = any_crash(&mut self.run.rng);
            self.run.tally.note_crash(crash, false);
            let _ = self.stage.device().crash(crash);
            self.take_image(crash);
            return Ok(());
        }
        // Space is freed, or the device is well again, before a last flush.
        self.stage.device().heal();
        match self.stage.close() {
            Ok(()) if is_whole && !self.has_failed() => self.run.history.closed(),
            Ok(()) => {}
            Err(_) if self.has_failed() => {}
            Err(error) => return Err(Violation(format!("the engine does not close: {error}"))),
        }
        let missed = self.stage.device().differences().unwrap_or_else(|error| vec![error.to_string()]);
        if !missed.is_empty() {
            return Err(Violation(format!("the simulation itself missed a change: {missed:?}")));
        }
        let crash = any_crash(&mut self.run.rng);
        let _ = self.stage.device().crash(crash);
        self.take_image(crash);
        Ok(())
    }

    fn take_image(&mut self, crash: Crash) {
        self.run.ended_by = Some(crash);
        if let Crash::Power(_) = crash {
            self.run.loss = Loss::Power;
        }
        let image = self.stage.device().crash(crash);
        self.run.image = Some(image);
    }

    /// Whether something came that an engine may fail of; a short write is no failure.
    fn has_failed(&self) -> bool {
        self.stage.device().faults().iter().any(|(_, fault)| *fault != Fault::ShortWrite)
    }
}

/// In the opening, at a call, or in what follows a call in the background.
fn moment(rng: &mut fastrand::Rng, calls: usize) -> Moment {
    match rng.u8(0..4) {
        0 => Moment::Opening(rng.u64(0..400)),
        1 => Moment::Call(rng.usize(0..=calls), rng.u64(0..60)),
        _ => Moment::Call(rng.usize(0..=calls), rng.u64(0..6)),
    }
}
