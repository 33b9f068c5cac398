//! `relays`: the number of each relayed stream that is still open → nothing; the boot sweep reads these alone.

pub(crate) const KEYSPACE: &str = "relays";

pub(crate) use super::name::deser as deser_key;
