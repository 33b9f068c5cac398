//! What runs come to, in numbers.

use std::collections::BTreeMap;
use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};

use everstream_log::Durability;

use crate::device::{Crash, Fault, Kind, Step};

/// Counts over runs.
#[derive(Debug, Clone, Default)]
pub struct Tally {
    /// Runs, each of a few lives.
    pub seeds: u64,
    /// Openings of the engine.
    pub lives: u64,
    /// Operations acknowledged, by durability.
    pub acknowledged: BTreeMap<&'static str, u64>,
    /// Records found and compared after openings.
    pub records_compared: u64,
    /// Operations nobody was promised that were gone after a crash.
    pub unpromised_gone: u64,
    /// Crashes, by what was lost and when.
    pub crashes: BTreeMap<&'static str, u64>,
    /// Faults that came.
    pub faults: BTreeMap<&'static str, u64>,
    /// Openings that had to cut a journal.
    pub cuts: u64,
    /// Journals rolled.
    pub rolls: u64,
    /// Tables written.
    pub tables: u64,
    /// Journals removed.
    pub journals_removed: u64,
    /// Folds that came to their end, so that the journal of appends that held it was removed.
    pub folds: u64,
    /// Changes asked of the device.
    pub steps: u64,
    /// A number that two runs share when they asked the same of the device in the same order.
    pub trace: u64,
}

impl Tally {
    pub(crate) fn note_acknowledged(&mut self, durability: Durability) {
        let name = match durability {
            Durability::Memory => "memory",
            Durability::Os => "os",
            Durability::Fsync => "fsync",
        };
        *self.acknowledged.entry(name).or_default() += 1;
    }

    pub(crate) fn note_crash(&mut self, crash: Crash, is_opening: bool) {
        let name = match (crash, is_opening) {
            (Crash::Process, false) => "process ended",
            (Crash::Process, true) => "process ended while opening",
            (Crash::Power(_), false) => "power cut",
            (Crash::Power(_), true) => "power cut while opening",
        };
        *self.crashes.entry(name).or_default() += 1;
    }

    pub(crate) fn note_faults(&mut self, faults: &[(u64, Fault)]) {
        for (_, fault) in faults {
            let name = match fault {
                Fault::ShortWrite => "short write",
                Fault::FailedWrite => "failed write",
                Fault::FailedSync => "failed sync",
                Fault::FullDisk => "full disk",
            };
            *self.faults.entry(name).or_default() += 1;
        }
    }

    pub(crate) fn note_steps(&mut self, steps: &[Step]) {
        let count = |kind: Kind, is: fn(&str) -> bool| {
            steps.iter().filter(|step| step.kind == kind && is(&step.path)).count() as u64
        };
        self.steps += steps.len() as u64;
        let mut hasher = DefaultHasher::new();
        (self.trace, steps).hash(&mut hasher);
        self.trace = hasher.finish();
        self.rolls += count(Kind::Create, |path| path.ends_with(".jnl") && path != "store/0.jnl");
        self.tables += count(Kind::Create, |path| path.contains("/tables/"));
        self.folds += count(Kind::Remove, |path| path.ends_with(".journal"));
        self.journals_removed += count(Kind::Remove, |path| path.ends_with(".jnl"));
    }

    /// Adds another run's counts.
    pub fn add(&mut self, other: &Self) {
        self.seeds += other.seeds;
        self.lives += other.lives;
        self.records_compared += other.records_compared;
        self.unpromised_gone += other.unpromised_gone;
        self.cuts += other.cuts;
        self.rolls += other.rolls;
        self.tables += other.tables;
        self.journals_removed += other.journals_removed;
        self.folds += other.folds;
        self.steps += other.steps;
        self.trace ^= other.trace;
        for (into, from) in [
            (&mut self.acknowledged, &other.acknowledged),
            (&mut self.crashes, &other.crashes),
            (&mut self.faults, &other.faults),
        ] {
            from.iter().for_each(|(name, count)| *into.entry(name).or_default() += count);
        }
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |counts: &BTreeMap<&str, u64>| {
            let shown: Vec<String> = counts.iter().map(|(name, count)| format!("{count} {name}")).collect();
            shown.join(", ")
        };
        writeln!(f, "{} seeds, {} openings, {} steps on the device", self.seeds, self.lives, self.steps)?;
        writeln!(f, "acknowledged operations: {}", list(&self.acknowledged))?;
        writeln!(f, "crashes: {}", list(&self.crashes))?;
        writeln!(f, "faults: {}", list(&self.faults))?;
        writeln!(
            f,
            "journals rolled {}, removed {}; folds {}; tables written {}; openings that cut a journal {}",
            self.rolls, self.journals_removed, self.folds, self.tables, self.cuts
        )?;
        write!(
            f,
            "records compared {}; unacknowledged operations gone {}; acknowledged operations lost, repeated or changed 0",
            self.records_compared, self.unpromised_gone
        )
    }
}
