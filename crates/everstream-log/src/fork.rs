//! Streams that begin with the records of another one.

use crate::{Epoch, NewRecord, Offset, Settings, StreamKey, StreamName};

/// The most streams that a fork reads from, one behind the other: its source, the source of that, and so on. Bounds what
/// one read walks through and what one delete takes away.
pub const FORK_DEPTH_MAX: usize = 128;

/// Where a new stream leaves its source: before `base` it reads the source's records, without a copy; from there on it
/// has its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fork {
    /// The stream it is made from, which may be a fork itself.
    pub source: StreamKey,
    /// The offset of the first record that is its own; at most the source's tail.
    pub base: Offset,
    /// The part it takes of the source's record at `base`: its first own record, and an entry of its own.
    pub cut: Option<NewRecord>,
    /// The point as its creator put it.
    pub point: ForkPoint,
}

/// A point in a stream as a fork's creator put it. The log keeps it, so that the same creation can be told from another
/// one, and draws nothing from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ForkPoint {
    /// An offset of the source.
    pub offset: Offset,
    /// So much of the entry at that offset besides; what it counts is the creator's affair.
    pub sub_offset: u64,
}

/// What a stream says of its source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ForkedFrom {
    /// The source, which stays in the log for as long as this stream, deleted or not.
    pub source: StreamKey,
    /// Its name.
    pub name: StreamName,
    /// The offset of the first record that is not the source's.
    pub base: Offset,
    /// The point as its creator put it.
    pub point: ForkPoint,
}

/// What is left under the name of a stream that was deleted while forks read its records. The name is not free, and
/// nothing but those forks gets at the records, until the last of them is deleted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tombstone {
    /// The deleted incarnation.
    pub key: StreamKey,
    /// Its epoch.
    pub epoch: Epoch,
    /// What had been fixed at its making; the alias is free again.
    pub settings: Settings,
}
