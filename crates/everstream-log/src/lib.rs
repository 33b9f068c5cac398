//! The durable log: what an engine promises, in types.
//!
//! A stream is a named, append-only sequence of records at dense offsets. An engine keeps streams and acknowledges
//! appends at its [`Durability`]; it refuses to know SSE, HTTP or JSON: record data is opaque bytes.
//!
//! [`Log`] is the contract. Every engine passes the same contract suite, and the memory engine is its reference.
#![warn(missing_docs)]

mod clock;
mod close_reason;
#[cfg(any(test, feature = "contract-suite"))]
pub mod contract;
mod durability;
mod epoch;
mod error;
mod fork;
mod log;
mod memory;
mod offset;
mod producer;
mod record;
mod record_run;
mod stream_name;

pub use clock::{Clock, ManualClock, SystemClock, Timestamp};
pub use close_reason::{CloseReason, Closure};
pub use durability::Durability;
pub use epoch::{Epoch, InvalidEpoch};
pub use error::{Error, ErrorKind};
pub use fork::{FORK_DEPTH_MAX, Fork, ForkPoint, ForkedFrom, Tombstone};
pub use log::{
    Alias, Create, Entry, Expiry, Health, Log, LogFuture, MakeOfRecords, NewRecord, Origin, ReadLimit, Settings,
    StreamHead, StreamKey,
};
pub use memory::MemoryLog;
pub use offset::Offset;
pub use producer::{InvalidLength, ProducerId, ProducerMark, ProducerState, Sequencing, StreamSeq, Verdict, judge};
pub use record::Record;
pub use record_run::RecordRun;
pub use stream_name::{InvalidStreamName, StreamName};
