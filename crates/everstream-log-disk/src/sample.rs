//! A stream to be made, for unit tests.

use bytes::Bytes;
use everstream_log::{Create, Epoch, Expiry, Origin, Settings, StreamName, Timestamp};

use crate::change::Change;

pub(crate) fn create(name: &str) -> Change {
    let settings = Settings {
        content_type: String::new(),
        expiry: Expiry::Never,
        origin: Origin::Published,
        alias: None,
        annotation: Bytes::new(),
    };
    Change::Create(Box::new(Create {
        name: StreamName::parse(name).unwrap(),
        epoch: Epoch::random(),
        settings,
        at: Timestamp(0),
        expires_at: None,
        fork: None,
        records: Vec::new(),
        closure: None,
        sequencing: None,
    }))
}
