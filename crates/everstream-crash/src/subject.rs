//! What is put to the test: the disk engine, or something broken that a checker has to notice.

use std::path::Path;

use everstream_log::{Durability, Error, Log};
use everstream_log_disk::{DiskConfig, DiskLog, Recovery};

use crate::device::Syncs;
use crate::stage::Opening;

/// How an engine is opened and on what.
#[derive(Debug, Clone, Copy)]
pub struct Subject {
    /// What its acknowledgements are taken to mean; drawn from the seed when it is not set.
    pub promised: Option<Durability>,
    /// What the engine is told to do, when that is something else.
    pub kept: Option<Durability>,
    /// Whether its device syncs.
    pub syncs: Syncs,
    /// What stands between load and engine.
    pub wrap: fn(DiskLog) -> Box<dyn Log>,
}

impl Default for Subject {
    fn default() -> Self {
        Self { promised: None, kept: None, syncs: Syncs::Honest, wrap: |log| Box::new(log) }
    }
}

/// An engine that was opened.
#[derive(Debug)]
pub(crate) struct Opened {
    pub(crate) log: Box<dyn Log>,
    pub(crate) recovery: Recovery,
}

impl Subject {
    pub(crate) fn open(&self, directory: &Path, opening: &Opening) -> Result<Opened, Error> {
        let &Opening { durability, memtable_bytes_max, pending_bytes_max, .. } = opening;
        let durability = self.kept.unwrap_or(durability);
        let defaults = DiskConfig::new(directory);
        let log = DiskLog::open(&DiskConfig { durability, memtable_bytes_max, pending_bytes_max, ..defaults })?;
        let recovery = log.recovery().clone();
        Ok(Opened { log: (self.wrap)(log), recovery })
    }
}
