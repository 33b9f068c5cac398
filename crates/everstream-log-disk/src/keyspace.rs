//! What stands in the store: one file per keyspace, each with the bytes of its keys and rows.
//!
//! `docs/adr/0001-disk-layout.md` lists every byte. Rows that may grow begin with a version of their own.

pub(crate) mod alias;
pub(crate) mod counters;
pub(crate) mod expiry;
pub(crate) mod fork;
pub(crate) mod garbage;
pub(crate) mod line;
pub(crate) mod name;
pub(crate) mod producer;
pub(crate) mod record;
pub(crate) mod relay;
pub(crate) mod stream;

use everstream_log::StreamKey;

/// A stream's number as a key, so that streams are ordered by age.
pub(crate) fn stream_key(stream: StreamKey) -> [u8; 8] {
    stream.0.to_be_bytes()
}
