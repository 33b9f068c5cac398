//! Publishers that number their appends, so that an append sent twice stands in the log once.
//!
//! What a producer last had accepted is written with the records it came with, in the same atomic step. [`judge`] is the
//! whole law of acceptance, as clause 5.2.1 of the Durable Streams protocol states it; who keeps the order of a stream
//! (the hub) asks it before an entry is made, and an engine stores what it is given.

use std::fmt;

use bytes::Bytes;

use crate::Offset;

/// A producer's own name for itself in one stream: 1 to 256 bytes, opaque. Cheap to clone.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ProducerId(Bytes);

/// The position a publisher gives its append itself: 1 to 256 opaque bytes, ordered bytewise. Cheap to clone.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StreamSeq(Bytes);

/// A [`ProducerId`] or [`StreamSeq`] that is empty or longer than 256 bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InvalidLength;

/// Which append of which producer an entry is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProducerMark {
    /// The producer.
    pub id: ProducerId,
    /// Its life: a restarted producer takes a higher one, which fences whoever still uses the lower.
    pub epoch: u64,
    /// The number of the append in that life: 0, 1, 2 …
    pub seq: u64,
}

/// What a stream last accepted from a producer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProducerState {
    /// The life of that append.
    pub epoch: u64,
    /// Its number.
    pub seq: u64,
    /// The offset after its last record.
    pub next: Offset,
}

/// What an entry says about its place among the appends of its publishers.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Sequencing {
    /// The producer and its number of this append.
    pub producer: Option<ProducerMark>,
    /// The publisher's own position, higher than the stream's last one.
    pub stream_seq: Option<StreamSeq>,
}

/// What is to be done with a producer's append.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It is the next one.
    Accept,
    /// It, or a later one of the same life, is in the log already.
    Duplicate(ProducerState),
    /// A later life of this producer has appended.
    Fenced {
        /// That life.
        epoch: u64,
    },
    /// Appends before it are missing.
    Gap {
        /// The number that would be accepted.
        expected: u64,
    },
    /// It opens a new life with another number than 0.
    LateStart,
}

/// Judges the append `epoch`, `seq` of a producer of which the stream last accepted `last`.
#[must_use]
pub const fn judge(last: Option<ProducerState>, epoch: u64, seq: u64) -> Verdict {
    match last {
        None if seq == 0 => Verdict::Accept,
        None => Verdict::Gap { expected: 0 },
        Some(last) if epoch < last.epoch => Verdict::Fenced { epoch: last.epoch },
        Some(last) if epoch > last.epoch && seq == 0 => Verdict::Accept,
        Some(last) if epoch > last.epoch => Verdict::LateStart,
        Some(last) if seq <= last.seq => Verdict::Duplicate(last),
        // `seq` is greater, so that the sum cannot overflow.
        Some(last) if seq == last.seq + 1 => Verdict::Accept,
        Some(last) => Verdict::Gap { expected: last.seq + 1 },
    }
}

impl ProducerId {
    /// The longest id, in bytes.
    pub const LEN_MAX: usize = 256;

    /// Checks and copies `bytes`.
    ///
    /// # Errors
    /// [`InvalidLength`] when there is nothing, or more than [`Self::LEN_MAX`].
    pub fn parse(bytes: &[u8]) -> Result<Self, InvalidLength> {
        copy(bytes, Self::LEN_MAX).map(Self)
    }

    /// Its bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl StreamSeq {
    /// The longest one, in bytes.
    pub const LEN_MAX: usize = 256;

    /// Checks and copies `bytes`.
    ///
    /// # Errors
    /// [`InvalidLength`] when there is nothing, or more than [`Self::LEN_MAX`].
    pub fn parse(bytes: &[u8]) -> Result<Self, InvalidLength> {
        copy(bytes, Self::LEN_MAX).map(Self)
    }

    /// Its bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl ProducerMark {
    /// What its producer has had accepted once an entry that ends before `next` is in the log.
    #[must_use]
    pub const fn state(&self, next: Offset) -> ProducerState {
        ProducerState { epoch: self.epoch, seq: self.seq, next }
    }
}

/// A copy, so that a few bytes do not keep a request's whole head in memory.
fn copy(bytes: &[u8], len_max: usize) -> Result<Bytes, InvalidLength> {
    if bytes.is_empty() || bytes.len() > len_max { Err(InvalidLength) } else { Ok(Bytes::copy_from_slice(bytes)) }
}

impl fmt::Display for ProducerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.escape_ascii().fmt(f)
    }
}

impl fmt::Display for StreamSeq {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.escape_ascii().fmt(f)
    }
}

impl fmt::Display for InvalidLength {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "has 1 to {} bytes", ProducerId::LEN_MAX)
    }
}

impl std::error::Error for InvalidLength {}

#[cfg(test)]
mod tests;
