//! `garbage`: the number of each deleted stream whose records are still to be reclaimed → nothing.

use bytes::Bytes;
use everstream_log::StreamKey;

use crate::wire::Malformed;

pub(crate) const KEYSPACE: &str = "garbage";

pub(crate) fn deser_key(key: Bytes) -> Result<StreamKey, Malformed> {
    super::name::deser(key)
}
