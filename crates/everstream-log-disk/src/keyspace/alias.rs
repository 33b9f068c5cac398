//! `aliases`: the alias's bytes → the number of the stream that holds it.

use everstream_log::Alias;

pub(crate) use super::name::{deser, ser};

pub(crate) const KEYSPACE: &str = "aliases";

/// Never empty, as the store wants it: a byte in front of the alias.
pub(crate) fn key(alias: &Alias) -> Vec<u8> {
    let mut key = Vec::with_capacity(1 + alias.0.len());
    key.push(b'a');
    key.extend_from_slice(&alias.0);
    key
}
