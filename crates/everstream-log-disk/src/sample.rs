//! Writers and changes for unit tests.

use std::path::Path;
use std::sync::Arc;

use everstream_log::{
    Create, Durability, Epoch, Fork, ForkPoint, Offset, Origin, Settings, StreamKey, StreamName, Timestamp,
};

use crate::change::Change;
use crate::failure::Refusal;
use crate::folder::{Folder, Journals};
use crate::store::Store;
use crate::writer::{Bounds, Writer};

pub(crate) fn create(name: &str) -> Change {
    Change::Create(Box::new(stream(name)))
}

/// A stream of a relay.
pub(crate) fn relayed(name: &str) -> Change {
    let stream = stream(name);
    let settings = Settings { origin: Origin::Relayed, ..stream.settings.clone() };
    Change::Create(Box::new(Create { settings, ..stream }))
}

/// A stream with a separator.
pub(crate) fn separated(name: &str) -> Change {
    let stream = stream(name);
    let settings = Settings { separator: Some(b','), ..stream.settings.clone() };
    Change::Create(Box::new(Create { settings, ..stream }))
}

pub(crate) fn fork(name: &str, source: StreamKey, base: u64) -> Change {
    let fork = Fork { source, base: Offset(base), cut: None, point: ForkPoint::default() };
    Change::Create(Box::new(Create { fork: Some(fork), ..stream(name) }))
}

pub(crate) fn delete(name: &str, stream: StreamKey) -> Change {
    Change::Delete(StreamName::parse(name).unwrap(), stream)
}

fn stream(name: &str) -> Create {
    let settings = Settings::new("");
    Create::new(StreamName::parse(name).unwrap(), Epoch::random(), settings, Timestamp(0))
}

/// A writer whose journals are in `directory`; nobody folds unless `folder` is started.
pub(crate) fn writer(
    store: &Arc<Store>,
    refusal: &Arc<Refusal>,
    durability: Durability,
    directory: &Path,
) -> (Writer, Folder) {
    let journals = Journals { directory: directory.to_owned(), durability, prepared_bytes: 100_000 };
    let (folder, journal) = Folder::new(journals).unwrap();
    let bounds = Bounds { durability, streams_max: 100, pending_bytes_max: 1 << 20 };
    let writer = Writer::new(Arc::clone(store), Arc::clone(refusal), bounds, (folder.clone(), journal)).unwrap();
    (writer, folder)
}
