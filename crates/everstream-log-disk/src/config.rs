//! What an opener decides.

use std::path::PathBuf;

use everstream_log::Durability;

/// How a [`DiskLog`](crate::DiskLog) is opened.
#[derive(Debug, Clone)]
pub struct DiskConfig {
    /// The data directory; made when it is not there. One process at a time.
    pub directory: PathBuf,
    /// What an acknowledgement means.
    pub durability: Durability,
    /// So many streams at a time; one more is refused as `Full`.
    pub streams_max: u64,
    /// Bytes of blocks read from the disk that are kept in memory.
    pub cache_bytes_max: u64,
    /// Bytes that acknowledged appends take in memory, and about as many in the journal, until they are folded into long
    /// rows of the store. Twice as many while that goes on; then appends wait.
    pub pending_bytes_max: usize,
    /// Bytes of rows of records that wait in memory, and in the store's journal, until they are sorted into a file. What
    /// stands beside the records gets a quarter of it.
    pub memtable_bytes_max: u64,
}

impl DiskConfig {
    /// The defaults for `directory`: acknowledged appends survive `kill -9`, a million streams, 32 MiB of cache,
    /// 4 MiB of appends and 8 MiB of rows in memory.
    #[must_use]
    pub fn new(directory: impl Into<PathBuf>) -> Self {
        Self {
            directory: directory.into(),
            durability: Durability::Os,
            streams_max: 1_000_000,
            cache_bytes_max: 32 * 1024 * 1024,
            pending_bytes_max: 4 * 1024 * 1024,
            memtable_bytes_max: 8 * 1024 * 1024,
        }
    }
}
