//! How far the tables of each keyspace go, asked before the store is opened.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;
use std::{fs, io};

use fjall::AbstractTree;
use fjall::config::PinningPolicy;
use lsm_tree::{Cache, Config, SequenceNumberCounter};

use super::journal::Persisted;

/// The store's own keyspace of keyspaces, which has no items in journals.
const OWN: u64 = 0;
/// In the folder of a keyspace that has been made in full.
const CURRENT: &str = "current";

/// What the tables below `keyspaces` hold. Empty when it cannot be told: then everything in the journals counts.
pub(crate) fn persisted(keyspaces: &Path) -> Persisted {
    // The store asserts what it reads from damaged files; that it says when it is opened.
    match catch_unwind(AssertUnwindSafe(|| try_persisted(keyspaces))) {
        Ok(Ok(persisted)) => persisted,
        Ok(Err(_)) | Err(_) => Persisted::default(),
    }
}

fn try_persisted(keyspaces: &Path) -> fjall::Result<Persisted> {
    // Nothing is read from the tables but what they say of themselves, which is not kept here.
    let cache = Arc::new(Cache::with_capacity_bytes(0));
    let mut persisted = Persisted::default();
    for entry in fs::read_dir(keyspaces)? {
        let entry = entry?;
        let number = entry.file_name().to_str().and_then(|name| name.parse::<u64>().ok());
        let Some(keyspace) = number.filter(|number| *number != OWN) else { continue };
        if is_made(&entry.path())?
            && let Some(sequence) = highest(&entry.path(), &cache)?
        {
            persisted.push((keyspace, sequence));
        }
    }
    Ok(persisted)
}

/// Opening one that is not would make it.
fn is_made(keyspace: &Path) -> io::Result<bool> {
    keyspace.join(CURRENT).try_exists()
}

/// Files that are of no table go, as they do whenever the keyspace is opened.
fn highest(keyspace: &Path, cache: &Arc<Cache>) -> fjall::Result<Option<u64>> {
    let counter = SequenceNumberCounter::default;
    let mut config = Config::new(keyspace, counter(), counter()).use_cache(Arc::clone(cache));
    config.index_block_pinning_policy = PinningPolicy::all(false);
    config.filter_block_pinning_policy = PinningPolicy::all(false);
    Ok(config.open()?.get_highest_persisted_seqno())
}
