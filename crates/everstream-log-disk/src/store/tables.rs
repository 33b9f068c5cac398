//! The tables of each keyspace before the store is opened: how far they go, and what is added to them.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;
use std::{fs, io};

use fjall::config::PinningPolicy;
use fjall::{AbstractTree, AnyTree};
use lsm_tree::{Cache, Config, InternalValue, SequenceNumberCounter, ValueType};

use super::journal::{Persisted, Remnant, Row};
use crate::failure::describe;

/// The store's own keyspace of keyspaces, which has no items in journals.
const OWN: u64 = 0;
/// In the folder of a keyspace that has been made in full.
const CURRENT: &str = "current";

/// The keyspaces by number, opened without what journals hold of them. Dropped before the store is opened.
pub(crate) struct Tables(Vec<(u64, AnyTree)>);

impl Tables {
    /// Opens those below `keyspaces`; none when one cannot be. Files that belong to no table go, as they do whenever a
    /// keyspace is opened.
    pub(crate) fn open(keyspaces: &Path) -> Self {
        // What is wrong with them the store says when it is opened.
        Self(unless_damaged(|| open_all(keyspaces)).unwrap_or_default())
    }

    pub(crate) fn persisted(&self) -> Persisted {
        let highest = |tree: &AnyTree| tree.get_highest_persisted_seqno();
        self.0.iter().filter_map(|(keyspace, tree)| Some((*keyspace, highest(tree)?))).collect()
    }

    /// Adds what is in no table, one table for each keyspace, and says whether it is all there and on the device. If not,
    /// journals are still needed; what is there of it may have no name on the device yet, and is left out of them the
    /// next time.
    pub(crate) fn add(&self, remnant: &Remnant) -> bool {
        unless_damaged(|| self.try_add(&remnant.rows())).unwrap_or_default()
    }

    fn try_add(&self, rows: &[Row<'_>]) -> fjall::Result<bool> {
        for rows in rows.chunk_by(|row, next| row.keyspace == next.keyspace) {
            let keyspace = rows.first().map(|row| row.keyspace);
            let tree = self.0.iter().find(|(number, _)| Some(*number) == keyspace);
            let values: Option<Vec<InternalValue>> = rows.iter().map(value).collect();
            let Some(((_, tree), values)) = tree.zip(values) else { return Ok(false) };
            if let Some((tables, _)) = tree.flush_to_tables(values.into_iter().map(Ok))? {
                tree.register_tables(&tables, None, None, &[], 0)?;
            }
        }
        Ok(true)
    }
}

fn value(row: &Row<'_>) -> Option<InternalValue> {
    let kind = ValueType::try_from(row.kind).ok()?;
    Some(InternalValue::from_components(row.key, row.value, row.sequence, kind))
}

/// The store asserts what it reads from damaged files.
fn unless_damaged<T>(work: impl FnOnce() -> fjall::Result<T>) -> Option<T> {
    let said = match catch_unwind(AssertUnwindSafe(work)) {
        Ok(Ok(done)) => return Some(done),
        Ok(Err(error)) => describe(&error),
        Err(_) => "its files are damaged".to_owned(),
    };
    tracing::warn!(error = said, "the store replays its journal, since its tables could not be asked or added to");
    None
}

fn open_all(keyspaces: &Path) -> fjall::Result<Vec<(u64, AnyTree)>> {
    // Of the tables nothing is read but what they say of themselves, which is not kept here.
    let cache = Arc::new(Cache::with_capacity_bytes(0));
    let mut opened = Vec::new();
    for entry in fs::read_dir(keyspaces)? {
        let entry = entry?;
        let number = entry.file_name().to_str().and_then(|name| name.parse::<u64>().ok());
        let Some(keyspace) = number.filter(|number| *number != OWN) else { continue };
        if is_made(&entry.path())? {
            opened.push((keyspace, open(&entry.path(), &cache)?));
        }
    }
    Ok(opened)
}

/// Opening one that is not would make it.
fn is_made(keyspace: &Path) -> io::Result<bool> {
    keyspace.join(CURRENT).try_exists()
}

fn open(keyspace: &Path, cache: &Arc<Cache>) -> fjall::Result<AnyTree> {
    let counter = SequenceNumberCounter::default;
    let mut config = Config::new(keyspace, counter(), counter()).use_cache(Arc::clone(cache));
    config.index_block_pinning_policy = PinningPolicy::all(false);
    config.filter_block_pinning_policy = PinningPolicy::all(false);
    Ok(config.open()?)
}
