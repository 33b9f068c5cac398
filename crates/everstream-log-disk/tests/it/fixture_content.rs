//! What the fixtures hold: every field of every row at least once. Never changed; a new format adds to it.

use std::time::Duration;

use bytes::Bytes;
use everstream_log::{
    Alias, CloseReason, Closure, Create, Entry, Epoch, Expiry, NewRecord, Offset, Origin, ProducerId, ProducerMark,
    Sequencing, Settings, StreamKey, StreamName, StreamSeq, Timestamp,
};

pub(crate) const MADE_AT: Timestamp = Timestamp(1_700_000_000_000);

/// The name that was deleted.
pub(crate) const DELETED: &str = "gone";

/// A stream and what was appended to it after its making.
pub(crate) struct Story {
    pub(crate) create: Create,
    pub(crate) appends: Vec<Append>,
}

/// What one entry brings.
#[derive(Clone, Default)]
pub(crate) struct Append {
    records: Vec<NewRecord>,
    closure: Option<Closure>,
    sequencing: Option<Box<Sequencing>>,
}

impl Story {
    /// Its appends as entries of one commit.
    pub(crate) fn entries(&self, stream: StreamKey) -> Vec<Entry> {
        let mut first = Offset(self.create.records.len() as u64);
        let mut entries = Vec::new();
        for Append { records, closure, sequencing } in self.appends.clone() {
            let next = first.plus(records.len() as u64);
            entries.push(Entry { stream, first, records, closure, sequencing });
            first = next;
        }
        entries
    }
}

/// Every story that `format` can tell, in the order of their making.
pub(crate) fn stories(format: u32) -> Vec<Story> {
    let mut stories = vec![published(), large()];
    stories.extend(CloseReason::ALL.map(closed));
    stories.push(relayed());
    stories.push(Story { create: create(DELETED), appends: vec![plain(vec![record(0, b"nobody sees this")])] });
    if format >= 2 {
        stories.push(produced());
    }
    stories
}

fn published() -> Story {
    let records = vec![record(0, b"event: token\ndata: a\n"), record(250, b""), record(100, &[0, 13, 10, 255])];
    let create = Create { records, ..create("chat/open") };
    Story { create, appends: vec![plain(vec![record(300, b"data: b\n")]), plain(vec![record(301, b"data: c\n")])] }
}

fn large() -> Story {
    let records = (0..5_u8).map(|n| record(u64::from(n), &vec![n; 30_000])).collect();
    Story { create: create("large"), appends: vec![plain(records)] }
}

fn closed(reason: CloseReason) -> Story {
    let closure = Closure { reason, at: after(900), detail: Bytes::from_static(b"{\"code\":\"upstream_cut\"}") };
    let end = Append { closure: Some(closure), ..Append::default() };
    let mut create = create(&format!("closed/{}", reason.as_str()));
    create.settings.expiry = Expiry::At(after(60_000));
    create.expires_at = Some(after(60_000));
    Story { create, appends: vec![plain(vec![record(1, b"data: x\n")]), end] }
}

fn relayed() -> Story {
    let mut create = create("asks/0192-relay");
    create.settings.origin = Origin::Relayed;
    create.settings.expiry = Expiry::Idle(Duration::from_secs(30));
    create.settings.alias = Some(Alias(Bytes::from_static(b"idempotency key")));
    create.settings.annotation = Bytes::from_static(b"{\"dialect\":\"openai-chat\"}");
    create.expires_at = Some(after(30_000));
    Story { create, appends: vec![plain(vec![record(5, b"data: {}\n")])] }
}

/// The producers of [`produced`].
pub(crate) const PRODUCERS: [&[u8]; 2] = [b"writer-1", &[0, 255]];

fn produced() -> Story {
    let [first, second] = PRODUCERS;
    let create = Create {
        records: vec![record(0, b"data: 0\n")],
        sequencing: sequencing(Some((first, 0, 0)), Some("2023-11-14/1")),
        ..create("produced")
    };
    let append = |at: u64, sequencing| Append { records: vec![record(at, b"data: x\n")], closure: None, sequencing };
    let appends = vec![
        append(1, sequencing(Some((first, 0, 1)), None)),
        append(2, sequencing(Some((second, (1 << 53) - 1, 0)), Some("2023-11-14/2"))),
        append(3, sequencing(Some((first, 3, 0)), None)),
        plain(vec![record(4, b"data: y\n")]),
    ];
    Story { create, appends }
}

fn sequencing(producer: Option<(&[u8], u64, u64)>, stream_seq: Option<&str>) -> Option<Box<Sequencing>> {
    let mark = |(id, epoch, seq)| ProducerMark { id: ProducerId::parse(id).unwrap(), epoch, seq };
    let stream_seq = stream_seq.map(|text| StreamSeq::parse(text.as_bytes()).unwrap());
    Some(Box::new(Sequencing { producer: producer.map(mark), stream_seq }))
}

fn plain(records: Vec<NewRecord>) -> Append {
    Append { records, ..Append::default() }
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
        sequencing: None,
    }
}

fn record(ms: u64, data: &[u8]) -> NewRecord {
    NewRecord { time: after(ms), data: Bytes::copy_from_slice(data) }
}

fn after(ms: u64) -> Timestamp {
    MADE_AT.plus(Duration::from_millis(ms))
}
