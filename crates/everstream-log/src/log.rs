//! The contract every engine keeps.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use bytes::Bytes;

use crate::{
    Closure, Durability, Epoch, Error, Fork, ForkedFrom, Offset, ProducerId, ProducerState, Record, RecordRun,
    Sequencing, StreamName, StreamSeq, Timestamp, Tombstone,
};

/// What a [`Log`] method returns: boxed, so that a hub holds any engine behind one pointer. One box per commit round
/// or read, never per record.
pub type LogFuture<'a, T> = Pin<Box<dyn Future<Output = Result<T, Error>> + Send + 'a>>;

/// What is made of the records of a read; see [`Log::read_with`].
pub type MakeOfRecords = Box<dyn FnOnce(Vec<RecordRun>) + Send>;

/// The engine's own number of one incarnation of a stream; never used twice within a data directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StreamKey(pub u64);

/// A second, unique handle of a stream, opaque to the log (the gateway's idempotency key). At most 1 KiB; it lives as
/// long as its stream.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Alias(pub Bytes);

/// When a stream goes away by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Expiry {
    /// The creator set none; whoever owns the log may still let it go.
    #[default]
    Never,
    /// After this long without an append, read or subscription.
    Idle(Duration),
    /// At this moment, whatever happens.
    At(Timestamp),
}

/// Who appends to a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Origin {
    /// Publishers from outside; an open stream waits for them across restarts.
    #[default]
    Published,
    /// A relay inside this process: once the process dies nobody can go on, so that the next boot closes the stream
    /// as `interrupted`.
    Relayed,
}

/// What is fixed when a stream is made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// The media type as its creator wrote it.
    pub content_type: String,
    /// When it goes away by itself.
    pub expiry: Expiry,
    /// Who appends.
    pub origin: Origin,
    /// A second handle, unique in the log.
    pub alias: Option<Alias>,
    /// What the creator wants back from [`Log::open`], opaque to the log.
    pub annotation: Bytes,
    /// The byte that its readers put between its records. An engine may keep it behind each of them, so that many are
    /// handed out with it ([`RecordRun::separator`]); it is in no record, and no length, count or limit has it.
    pub separator: Option<u8>,
}

impl Settings {
    /// Of streams of a media type that publishers append to and that never expire, without anything else.
    #[must_use]
    pub fn new(content_type: impl Into<String>) -> Self {
        Self {
            content_type: content_type.into(),
            expiry: Expiry::Never,
            origin: Origin::Published,
            alias: None,
            annotation: Bytes::new(),
            separator: None,
        }
    }
}

/// A stream to be made, with its first append (which may be empty and may close it), in one atomic step.
#[derive(Debug, Clone)]
pub struct Create {
    /// Its name.
    pub name: StreamName,
    /// Its incarnation.
    pub epoch: Epoch,
    /// What is fixed from now on.
    pub settings: Settings,
    /// When it is made.
    pub at: Timestamp,
    /// When it expires unless touched; agrees with `settings.expiry`.
    pub expires_at: Option<Timestamp>,
    /// Set when it begins with the records of another stream.
    pub fork: Option<Fork>,
    /// Its first records.
    pub records: Vec<NewRecord>,
    /// Set when it is closed from the start.
    pub closure: Option<Closure>,
    /// Set when its publisher numbers its appends.
    pub sequencing: Option<Box<Sequencing>>,
}

impl Create {
    /// An open stream without records, deadline or source.
    #[must_use]
    pub const fn new(name: StreamName, epoch: Epoch, settings: Settings, at: Timestamp) -> Self {
        Self {
            name,
            epoch,
            settings,
            at,
            expires_at: None,
            fork: None,
            records: Vec::new(),
            closure: None,
            sequencing: None,
        }
    }
}

/// A record to be appended; its offset follows from its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewRecord {
    /// When it was taken.
    pub time: Timestamp,
    /// Its bytes.
    pub data: Bytes,
}

/// One atomic append to one stream: all of it is in the log after a crash, or none.
#[derive(Debug, Clone)]
pub struct Entry {
    /// The stream.
    pub stream: StreamKey,
    /// The offset of the first record; must be the stream's tail.
    pub first: Offset,
    /// The records, possibly none.
    pub records: Vec<NewRecord>,
    /// Set when the stream is closed with this append.
    pub closure: Option<Closure>,
    /// Set when its publisher numbers its appends; stored as it is, since who makes entries has judged it. Boxed, so that
    /// the many entries without one stay small.
    pub sequencing: Option<Box<Sequencing>>,
}

impl Entry {
    /// The sum of the lengths of its records' data.
    #[must_use]
    pub fn data_bytes(&self) -> u64 {
        self.records.iter().map(|record| record.data.len() as u64).sum()
    }
}

/// A stream as the log has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamHead {
    /// The engine's number of this incarnation.
    pub key: StreamKey,
    /// The incarnation.
    pub epoch: Epoch,
    /// What was fixed at its making.
    pub settings: Settings,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it expires unless touched.
    pub expires_at: Option<Timestamp>,
    /// Set when it began with the records of another stream.
    pub forked_from: Option<ForkedFrom>,
    /// The offset of the first record held.
    pub first: Offset,
    /// The offset after the last record.
    pub tail: Offset,
    /// The sum of the data bytes of all records ever appended, and of those it took over from its source.
    pub bytes: u64,
    /// Its end, once it is closed.
    pub closure: Option<Closure>,
    /// The position that the last publisher to give one gave its append.
    pub stream_seq: Option<StreamSeq>,
    /// How many producers have appended to it.
    pub producers: u64,
}

/// Bounds of one read. At least one record is returned when there is one, whatever its size.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReadLimit {
    /// At most so many records.
    pub records_max: usize,
    /// Stop once the data returned reaches so many bytes.
    pub bytes_max: usize,
}

impl ReadLimit {
    /// A read of at most so many bytes is short: an engine may make it in the caller's thread, where it costs a look-up and
    /// a few blocks. Longer ones are made elsewhere.
    pub const SHORT_BYTES_MAX: usize = 64 * 1024;

    /// Whether one more record may follow `records` records of `bytes` bytes in all.
    #[must_use]
    pub const fn admits(&self, records: usize, bytes: usize) -> bool {
        records == 0 || (records < self.records_max && bytes < self.bytes_max)
    }
}

/// Whether the engine can work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Health {
    /// It takes writes.
    Ready,
    /// It serves reads only; the sentence says why and what to do.
    ReadOnly(String),
}

/// A durable log of many streams.
///
/// The caller (the hub) is the only writer of a stream and calls [`Log::commit`] for one stream strictly one after
/// another; for different streams calls may overlap. Reads may overlap with everything. An engine decides on which
/// thread its work runs, and no method blocks an async runtime for the length of a device's flush.
///
/// # Cancel safety
/// A dropped future of a writing method may have taken effect or not; the hub never drops one.
pub trait Log: fmt::Debug + Send + Sync + 'static {
    /// What an acknowledgement of this engine means.
    fn durability(&self) -> Durability;

    /// Makes a stream. A fork is open, whatever its source is, and keeps its source's records in the log for as long as
    /// it lives; that the source is there is checked in the same step.
    ///
    /// # Errors
    /// `StreamExists` (a [`Tombstone`] holds the name, too), `AliasTaken`, `Full`, `ReadOnly`, `Storage`; and for a
    /// fork `StreamNotFound` (its source was deleted), `OffsetTrimmed` and `OffsetBeyondTail` (of its base in the
    /// source), `ForkTooDeep`. Nothing has changed then.
    fn create(&self, create: Create) -> LogFuture<'_, StreamHead>;

    /// The stream of this name, expired or not: expiry is the hub's to judge.
    ///
    /// # Errors
    /// `Storage`.
    fn open<'a>(&'a self, name: &'a StreamName) -> LogFuture<'a, Option<StreamHead>>;

    /// What is left of the stream of this name, if it was deleted and forks still read its records.
    ///
    /// # Errors
    /// `Storage`.
    fn tombstone<'a>(&'a self, name: &'a StreamName) -> LogFuture<'a, Option<Tombstone>>;

    /// The name of the stream that holds `alias`.
    ///
    /// # Errors
    /// `Storage`.
    fn find_alias<'a>(&'a self, alias: &'a Alias) -> LogFuture<'a, Option<StreamName>>;

    /// Appends entries, in order, and returns once all of them hold at [`Log::durability`]. Each entry is atomic; several
    /// entries of one stream may be in one call.
    ///
    /// # Errors
    /// `StreamNotFound`, `StreamClosed`, `OffsetBeyondTail` (an entry does not start at its stream's tail): nothing of
    /// the call was appended and the engine works on.
    /// `ReadOnly`, `Storage`: none of the entries is acknowledged, and the engine refuses every further write until it
    /// is reopened (so that nothing can be appended behind a hole).
    fn commit(&self, entries: Vec<Entry>) -> LogFuture<'_, ()>;

    /// As [`Log::commit`], at once, if the engine can do so in microseconds: without a flush to the device, and without
    /// waiting for anybody. Nothing when it cannot; then nothing has happened, and [`Log::commit`] is to be asked.
    ///
    /// The entries are lent, so that a caller makes the next ones in the same memory.
    ///
    /// # Errors
    /// As [`Log::commit`].
    fn commit_now(&self, entries: &[Entry]) -> Option<Result<(), Error>> {
        let _ = entries;
        None
    }

    /// The offset after the last record of the entry that holds the record at `at`. What a fork has from its source is
    /// at an end at its base, in the middle of an entry or not.
    ///
    /// # Errors
    /// As [`Log::read`]; `OffsetBeyondTail` at the tail, too.
    fn entry_end(&self, stream: StreamKey, at: Offset) -> LogFuture<'_, Offset>;

    /// Records from `from` on, in order and without a gap; empty at the tail.
    ///
    /// # Errors
    /// `StreamNotFound` (the incarnation was deleted), `OffsetTrimmed`, `OffsetBeyondTail`, `Storage`.
    fn read(&self, stream: StreamKey, from: Offset, limit: ReadLimit) -> LogFuture<'_, Vec<Record>>;

    /// As [`Log::read`], for a caller that makes something large of the records: `make` is given them where the read is
    /// made, so that a long one costs the caller's thread nothing, and as the engine has them, so that it costs little for
    /// each record. It is not called when the read fails.
    ///
    /// # Errors
    /// As [`Log::read`].
    fn read_with(&self, stream: StreamKey, from: Offset, limit: ReadLimit, make: MakeOfRecords) -> LogFuture<'_, ()> {
        Box::pin(async move {
            make(RecordRun::of(&self.read(stream, from, limit).await?, None).into_iter().collect());
            Ok(())
        })
    }

    /// What the stream last accepted from a producer; nothing when it never appended. Costs the same however many
    /// producers there are.
    ///
    /// # Errors
    /// `StreamNotFound` (the incarnation was deleted), `Storage`.
    fn producer<'a>(&'a self, stream: StreamKey, id: &'a ProducerId) -> LogFuture<'a, Option<ProducerState>>;

    /// Moves the deadline of a stream. Not synced: a deadline that a crash sets back a little is harmless.
    ///
    /// # Errors
    /// `StreamNotFound`, `ReadOnly`, `Storage`.
    fn touch(&self, stream: StreamKey, expires_at: Option<Timestamp>) -> LogFuture<'_, ()>;

    /// Removes an incarnation. The name and alias are free at once and its records unreadable; space is reclaimed in
    /// the background. Removing what is not there is no error.
    ///
    /// A stream with forks becomes a [`Tombstone`]: its name stays taken and its records are the forks' alone. Tombstones
    /// without a fork that is left go with the delete that took the last one.
    ///
    /// # Errors
    /// `ReadOnly`, `Storage`.
    fn delete<'a>(&'a self, name: &'a StreamName, stream: StreamKey) -> LogFuture<'a, ()>;

    /// Up to `limit` streams whose deadline is at or before `now`.
    ///
    /// # Errors
    /// `Storage`.
    fn expired(&self, now: Timestamp, limit: usize) -> LogFuture<'_, Vec<StreamName>>;

    /// The streams of [`Origin::Relayed`] that are not closed: what a boot has to close as interrupted. Costs the number
    /// of such streams, not of all.
    ///
    /// # Errors
    /// `Storage`.
    fn open_relays(&self) -> LogFuture<'_, Vec<StreamName>>;

    /// How many streams the log holds, tombstones among them.
    fn stream_count(&self) -> u64;

    /// Whether it can work.
    fn health(&self) -> Health;

    /// Makes everything acknowledged durable on the device and lets go of the data; later calls fail with `ReadOnly`.
    ///
    /// # Errors
    /// `Storage`.
    fn close(&self) -> LogFuture<'_, ()>;
}
