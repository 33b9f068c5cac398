//! Changes for unit tests.

use bytes::Bytes;
use everstream_log::{
    Create, Epoch, Expiry, Fork, ForkPoint, Offset, Origin, Settings, StreamKey, StreamName, Timestamp,
};

use crate::change::Change;

pub(crate) fn create(name: &str) -> Change {
    Change::Create(Box::new(stream(name)))
}

pub(crate) fn fork(name: &str, source: StreamKey, base: u64) -> Change {
    let fork = Fork { source, base: Offset(base), cut: None, point: ForkPoint::default() };
    Change::Create(Box::new(Create { fork: Some(fork), ..stream(name) }))
}

pub(crate) fn delete(name: &str, stream: StreamKey) -> Change {
    Change::Delete(StreamName::parse(name).unwrap(), stream)
}

fn stream(name: &str) -> Create {
    let settings = Settings {
        content_type: String::new(),
        expiry: Expiry::Never,
        origin: Origin::Published,
        alias: None,
        annotation: Bytes::new(),
    };
    Create {
        name: StreamName::parse(name).unwrap(),
        epoch: Epoch::random(),
        settings,
        at: Timestamp(0),
        expires_at: None,
        fork: None,
        records: Vec::new(),
        closure: None,
        sequencing: None,
    }
}
