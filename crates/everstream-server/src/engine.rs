//! Opens the log that the configuration asks for.

use std::sync::Arc;

use everstream_log::{Error, Log, MemoryLog};
use everstream_log_disk::{DiskConfig, DiskLog};

use crate::config::{Config, Storage};

/// The engine of `config`.
///
/// # Errors
/// `Unusable` and `Storage`, as the engine says them.
pub(crate) fn open(config: &Config) -> Result<Arc<dyn Log>, Error> {
    let streams_max = config.max_streams.get().map_or(u64::MAX, |count| count.get() as u64);
    match config.storage() {
        Storage::Memory => Ok(Arc::new(MemoryLog::new(streams_max))),
        Storage::Disk(directory) => {
            let mut disk = DiskConfig::new(directory);
            disk.durability = config.durability;
            disk.streams_max = streams_max;
            Ok(Arc::new(DiskLog::open(&disk)?))
        }
    }
}
