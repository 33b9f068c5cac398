//! What the fixtures hold: every field of every row at least once. Never changed; a new format adds to it.

use std::time::Duration;

use bytes::Bytes;
use everstream_log::{
    Alias, CloseReason, Closure, Create, Entry, Epoch, Expiry, NewRecord, Offset, Origin, Settings, StreamKey,
    StreamName, Timestamp,
};

pub(crate) const MADE_AT: Timestamp = Timestamp(1_700_000_000_000);

/// The name that was deleted.
pub(crate) const DELETED: &str = "gone";

/// A stream and what was appended to it after its making.
pub(crate) struct Story {
    pub(crate) create: Create,
    pub(crate) appends: Vec<(Vec<NewRecord>, Option<Closure>)>,
}

impl Story {
    /// Its appends as entries of one commit.
    pub(crate) fn entries(&self, stream: StreamKey) -> Vec<Entry> {
        let mut first = Offset(self.create.records.len() as u64);
        let mut entries = Vec::new();
        for (records, closure) in self.appends.clone() {
            let next = first.plus(records.len() as u64);
            entries.push(Entry { stream, first, records, closure });
            first = next;
        }
        entries
    }
}

/// Every story, in the order of their making.
pub(crate) fn stories() -> Vec<Story> {
    let mut stories = vec![published(), large()];
    stories.extend(CloseReason::ALL.map(closed));
    stories.push(relayed());
    stories.push(Story { create: create(DELETED), appends: vec![(vec![record(0, b"nobody sees this")], None)] });
    stories
}

fn published() -> Story {
    let records = vec![record(0, b"event: token\ndata: a\n"), record(250, b""), record(100, &[0, 13, 10, 255])];
    let create = Create { records, ..create("chat/open") };
    Story { create, appends: vec![(vec![record(300, b"data: b\n")], None), (vec![record(301, b"data: c\n")], None)] }
}

fn large() -> Story {
    let records = (0..5_u8).map(|n| record(u64::from(n), &vec![n; 30_000])).collect();
    Story { create: create("large"), appends: vec![(records, None)] }
}

fn closed(reason: CloseReason) -> Story {
    let closure = Closure { reason, at: after(900), detail: Bytes::from_static(b"{\"code\":\"upstream_cut\"}") };
    let mut create = create(&format!("closed/{}", reason.as_str()));
    create.settings.expiry = Expiry::At(after(60_000));
    create.expires_at = Some(after(60_000));
    Story { create, appends: vec![(vec![record(1, b"data: x\n")], None), (Vec::new(), Some(closure))] }
}

fn relayed() -> Story {
    let mut create = create("asks/0192-relay");
    create.settings.origin = Origin::Relayed;
    create.settings.expiry = Expiry::Idle(Duration::from_secs(30));
    create.settings.alias = Some(Alias(Bytes::from_static(b"idempotency key")));
    create.settings.annotation = Bytes::from_static(b"{\"dialect\":\"openai-chat\"}");
    create.expires_at = Some(after(30_000));
    Story { create, appends: vec![(vec![record(5, b"data: {}\n")], None)] }
}

fn create(name: &str) -> Create {
    Create {
        name: StreamName::parse(name).unwrap(),
        epoch: Epoch::parse("k3v9abcd").unwrap(),
        settings: Settings {
            content_type: "text/event-stream".to_owned(),
            expiry: Expiry::Never,
            origin: Origin::Published,
            alias: None,
            annotation: Bytes::new(),
        },
        at: MADE_AT,
        expires_at: None,
        records: Vec::new(),
        closure: None,
    }
}

fn record(ms: u64, data: &[u8]) -> NewRecord {
    NewRecord { time: after(ms), data: Bytes::copy_from_slice(data) }
}

fn after(ms: u64) -> Timestamp {
    MADE_AT.plus(Duration::from_millis(ms))
}
