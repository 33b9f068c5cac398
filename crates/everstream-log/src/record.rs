//! One entry of a stream.

use bytes::Bytes;

use crate::{Offset, Timestamp};

/// One entry of a stream's log. Cheap to clone: the bytes are shared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Its position.
    pub offset: Offset,
    /// When the log took it.
    pub time: Timestamp,
    /// Its bytes, opaque to the log.
    pub data: Bytes,
}
