//! The embedded store, its keyspaces and how they are tuned: two cores, little memory, many small appends.

pub(crate) mod journal;
mod memtable;
pub(crate) mod tables;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use everstream_log::{Error, ErrorKind, Offset, ProducerId, ProducerState, StreamKey, StreamName, StreamSeq};
use fjall::compaction::Leveled;
use fjall::config::{BlockSizePolicy, FilterPolicy};
use fjall::{CompressionType, Database, Guard, Keyspace, KeyspaceCreateOptions, OwnedWriteBatch, PersistMode};

use crate::failure::{describe, unreadable};
use crate::keyspace::counters::Counters;
use crate::keyspace::record::Run;
use crate::keyspace::stream::StreamRow;
use crate::keyspace::{alias, counters, expiry, fork, garbage, name, producer, record, relay, stream, stream_key};
use crate::pending::Pending;
use crate::tail::gone;
use crate::wire;

pub(crate) use memtable::table_bytes_min;
use memtable::{Bounds, Sealings};

/// A block is what one seek reads; larger than the default since records are read in runs.
const RECORDS_BLOCK_BYTES: u32 = 16 * 1024;
/// So many tables of records are merged at once. Those of folds from all over lie across all that was merged before,
/// which is merged again: the more of them there are at a time, the less often. Readers look into each.
const UNMERGED_TABLES: u8 = 16;
/// What they are merged into is cut into tables of this size; with the number above it, what is merged again and again
/// is as large as by default.
const RECORDS_TABLE_BYTES: u64 = 15 * 1024 * 1024;
/// Sealed journals beyond this force the keyspaces that hold them to flush, which bounds what a boot reads.
const SEALED_JOURNAL_BYTES_MAX: u64 = 64 * 1024 * 1024;
/// One: with more, the store's first worker spins on the queue while another compacts.
const WORKERS: usize = 1;

/// Open keyspaces, and what is about to go into them.
pub(crate) struct Store {
    db: Database,
    order: Mutex<()>,
    /// Of whoever brings rows of many streams or removes those of deleted ones.
    folding: Mutex<()>,
    pub(crate) pending: Pending,
    bounds: Bounds,
    sealings: Sealings,
    /// Of whoever puts a fold's table into its place.
    placing: Mutex<()>,
    pub(crate) meta: Keyspace,
    pub(crate) names: Keyspace,
    pub(crate) streams: Keyspace,
    pub(crate) records: Keyspace,
    pub(crate) aliases: Keyspace,
    pub(crate) expiry: Keyspace,
    pub(crate) relays: Keyspace,
    pub(crate) producers: Keyspace,
    pub(crate) forks: Keyspace,
    pub(crate) garbage: Keyspace,
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Store").finish_non_exhaustive()
    }
}

impl Store {
    /// Opens the store in `directory`, or makes it.
    pub(crate) fn open(directory: &Path, cache_bytes_max: u64, memtable_bytes_max: u64) -> Result<Self, Error> {
        let unusable = |cause: String| {
            let said = format!(
                "the store in {} cannot be opened ({cause}): restore it from a backup, or move it away to start empty",
                directory.display()
            );
            Error::new(ErrorKind::Unusable, said)
        };
        // The store asserts what it reads from damaged files.
        match catch_unwind(AssertUnwindSafe(|| Self::try_open(directory, cache_bytes_max, memtable_bytes_max))) {
            Ok(Ok(store)) => Ok(store),
            Ok(Err(error)) => Err(unusable(describe(&error)).caused_by(error)),
            Err(_) => Err(unusable("its files are damaged".to_owned())),
        }
    }

    fn try_open(directory: &Path, cache_bytes_max: u64, memtable_bytes_max: u64) -> fjall::Result<Self> {
        let db = Database::builder(directory)
            .cache_size(cache_bytes_max)
            .worker_threads(WORKERS)
            .max_journaling_size(SEALED_JOURNAL_BYTES_MAX)
            // The journal is written on the way to an acknowledgement and read after a crash only.
            .journal_compression(CompressionType::None)
            .open()?;
        let small = KeyspaceCreateOptions::default;
        let runs = || {
            KeyspaceCreateOptions::default()
                .data_block_size_policy(BlockSizePolicy::all(RECORDS_BLOCK_BYTES))
                .compaction_strategy(Arc::new(
                    Leveled::default().with_l0_threshold(UNMERGED_TABLES).with_table_target_size(RECORDS_TABLE_BYTES),
                ))
                // Runs are found by seeks, which filters do not help.
                .filter_policy(FilterPolicy::disabled())
        };
        let store = Self {
            meta: db.keyspace(counters::KEYSPACE, small)?,
            names: db.keyspace(name::KEYSPACE, small)?,
            streams: db.keyspace(stream::KEYSPACE, small)?,
            records: db.keyspace(record::KEYSPACE, runs)?,
            aliases: db.keyspace(alias::KEYSPACE, small)?,
            expiry: db.keyspace(expiry::KEYSPACE, small)?,
            relays: db.keyspace(relay::KEYSPACE, small)?,
            producers: db.keyspace(producer::KEYSPACE, small)?,
            forks: db.keyspace(fork::KEYSPACE, small)?,
            garbage: db.keyspace(garbage::KEYSPACE, small)?,
            bounds: Bounds::new(memtable_bytes_max),
            sealings: Sealings::unknown(),
            placing: Mutex::new(()),
            order: Mutex::new(()),
            folding: Mutex::new(()),
            pending: Pending::default(),
            db,
        };
        // A recovery reads whole journals into memory.
        store.seal_full()?;
        Ok(store)
    }

    /// An empty batch that is not flushed anywhere until it is told so.
    pub(crate) fn batch(&self) -> OwnedWriteBatch {
        self.db.batch().durability(None)
    }

    /// Makes everything written as durable as `mode` says.
    pub(crate) fn persist(&self, mode: PersistMode) -> fjall::Result<()> {
        self.db.persist(mode)
    }

    /// Held by whoever makes or deletes streams or folds, so that no fold brings rows of a stream that is gone.
    pub(crate) fn order(&self) -> MutexGuard<'_, ()> {
        self.order.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Held for a whole fold, and by whoever removes what deleted streams have left, so that a fold brings no rows behind
    /// that. Never by a thread that answers anybody.
    pub(crate) fn folding(&self) -> MutexGuard<'_, ()> {
        self.folding.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn counters(&self) -> Result<Counters, Error> {
        match self.meta.get(counters::KEY).map_err(unreadable)? {
            None => Ok(Counters::default()),
            Some(row) => Ok(counters::deser(wire::share(row))?),
        }
    }

    pub(crate) fn find(&self, name: &StreamName) -> Result<Option<StreamKey>, Error> {
        let row = self.names.get(name::key(name)).map_err(unreadable)?;
        Ok(row.map(|row| name::deser(wire::share(row))).transpose()?)
    }

    pub(crate) fn stream(&self, stream: StreamKey) -> Result<Option<StreamRow>, Error> {
        let row = self.streams.get(stream_key(stream)).map_err(unreadable)?;
        Ok(row.map(|row| stream::deser(wire::share(row))).transpose()?)
    }

    /// The row of a stream that is not deleted.
    pub(crate) fn living(&self, stream: StreamKey) -> Result<StreamRow, Error> {
        self.stream(stream)?.filter(|row| !row.is_tombstone).ok_or_else(gone)
    }

    pub(crate) fn producer(&self, stream: StreamKey, id: &ProducerId) -> Result<Option<ProducerState>, Error> {
        let row = self.producers.get(producer::producer_key(stream, id)).map_err(unreadable)?;
        Ok(row.map(|row| producer::deser_state(wire::share(row))).transpose()?)
    }

    /// Whether a producer has appended to a stream.
    pub(crate) fn knows_producer(&self, stream: StreamKey, id: &ProducerId) -> Result<bool, Error> {
        // In this order: what is pending goes to the store, never back.
        Ok(self.pending.producer(stream, id).is_some() || self.producer(stream, id)?.is_some())
    }

    /// How many producers have appended to a stream.
    pub(crate) fn producer_count(&self, stream: StreamKey) -> Result<u64, Error> {
        let row = self.producers.get(producer::count_key(stream)).map_err(unreadable)?;
        Ok(row.map(|row| producer::deser_count(wire::share(row))).transpose()?.unwrap_or_default())
    }

    pub(crate) fn stream_seq(&self, stream: StreamKey) -> Result<Option<StreamSeq>, Error> {
        let row = self.producers.get(producer::stream_seq_key(stream)).map_err(unreadable)?;
        Ok(row.map(|row| producer::deser_stream_seq(wire::share(row))).transpose()?)
    }

    /// The run that holds the record at `offset`, or the last one when there is no such record; nothing when no run
    /// starts at or before `offset`. One seek, whatever the stream's length.
    pub(crate) fn run_at(&self, stream: StreamKey, offset: Offset) -> Result<Option<Run>, Error> {
        let range = record::key(stream, Offset::ZERO)..=record::key(stream, offset);
        self.records.range(range).next_back().map(deser_run).transpose()
    }

    /// The stream's last run.
    pub(crate) fn last_run(&self, stream: StreamKey) -> Result<Option<Run>, Error> {
        self.run_at(stream, Offset(u64::MAX))
    }

    /// The highest base among the forks of a stream, other than `except`; nothing when it has no other. One seek, or
    /// two.
    pub(crate) fn highest_base(&self, source: StreamKey, except: Option<StreamKey>) -> Result<Option<Offset>, Error> {
        let range =
            fork::key(source, Offset::ZERO, StreamKey(0))..=fork::key(source, Offset(u64::MAX), StreamKey(u64::MAX));
        for guard in self.forks.range(range).rev() {
            let (base, fork) = fork::deser_key(wire::share(guard.key().map_err(unreadable)?))?;
            if Some(fork) != except {
                return Ok(Some(base));
            }
        }
        Ok(None)
    }

    /// The runs after `offset`, in order.
    pub(crate) fn runs_after(&self, stream: StreamKey, offset: Offset) -> impl Iterator<Item = Result<Run, Error>> {
        let range = record::key(stream, offset.plus(1))..=record::key(stream, Offset(u64::MAX));
        self.records.range(range).map(deser_run)
    }
}

fn deser_run(guard: Guard) -> Result<Run, Error> {
    let (key, row) = guard.into_inner().map_err(unreadable)?;
    let (_, first) = record::deser_key(wire::share(key))?;
    Ok(record::deser(first, wire::share(row))?)
}
