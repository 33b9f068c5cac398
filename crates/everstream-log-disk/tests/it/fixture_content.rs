//! What the fixtures hold: every field of every row at least once. Never changed; a new format adds to it.

use std::time::Duration;

use bytes::Bytes;
use everstream_log::{
    Alias, CloseReason, Closure, Create, Entry, Epoch, Expiry, Fork, ForkPoint, Log, NewRecord, Offset, Origin,
    ProducerId, ProducerMark, Sequencing, Settings, StreamKey, StreamName, StreamSeq, Timestamp,
};

pub(crate) const MADE_AT: Timestamp = Timestamp(1_700_000_000_000);

/// The name that was deleted.
pub(crate) const DELETED: &str = "gone";

/// The name of the stream that was deleted while forks read its records.
pub(crate) const TOMBSTONE: &str = "source";

/// A stream and what was appended to it after its making.
pub(crate) struct Story {
    pub(crate) create: Create,
    /// The name of the stream that it is a fork of.
    source: Option<&'static str>,
    appends: Vec<Append>,
}

/// What one entry brings.
#[derive(Clone, Default)]
pub(crate) struct Append {
    records: Vec<NewRecord>,
    closure: Option<Closure>,
    sequencing: Option<Box<Sequencing>>,
}

/// Makes and appends all that `format` can hold, then deletes what was deleted.
pub(crate) async fn tell(log: &dyn Log, format: u32) {
    for story in stories(format) {
        let mut create = story.create.clone();
        if let (Some(source), Some(fork)) = (story.source, &mut create.fork) {
            fork.source = key_of(log, source).await;
        }
        let head = log.create(create).await.unwrap();
        log.commit(story.entries(head.key, head.tail)).await.unwrap();
    }
    if format >= 3 {
        tell_more(log, format).await;
    }
    let deleted = [Some(DELETED), (format >= 2).then_some(TOMBSTONE)];
    for called in deleted.into_iter().flatten() {
        let stream = key_of(log, called).await;
        log.delete(&StreamName::parse(called).unwrap(), stream).await.unwrap();
    }
}

/// Appends of several commits each, so that entries of any size share a row.
async fn tell_more(log: &dyn Log, format: u32) {
    for story in several_entries(format) {
        let head = log.create(story.create.clone()).await.unwrap();
        for entry in story.entries(head.key, head.tail) {
            log.commit(vec![entry]).await.unwrap();
        }
    }
}

/// What is appended once everything else is there, and to nothing but what format 3 and later ones brought: of this the
/// journal is left behind.
pub(crate) async fn tell_last(log: &dyn Log, format: u32) {
    for story in several_entries(format) {
        let head = log.open(&story.create.name).await.unwrap().unwrap();
        let [id, _] = PRODUCERS;
        let first = head.tail;
        let appends = [
            plain(vec![record(800, b"data: last\n"), record(801, b"")]),
            Append {
                records: vec![record(802, b"data: x\n")],
                closure: None,
                sequencing: sequencing(Some((id, 0, 1)), Some("z")),
            },
            Append {
                records: vec![record(803, &[7; 70_000])],
                closure: Some(closure(CloseReason::Failed)),
                sequencing: None,
            },
        ];
        let last = Story { create: story.create, source: None, appends: appends.into() };
        log.commit(last.entries(head.key, first)).await.unwrap();
    }
}

fn several_entries(format: u32) -> Vec<Story> {
    let [id, _] = PRODUCERS;
    let appends = || {
        vec![
            plain(vec![record(1, b"data: a\n"), record(2, b"data: b\n")]),
            plain(vec![record(2, b"")]),
            Append {
                records: vec![record(3, b"data: c\n")],
                closure: None,
                sequencing: sequencing(Some((id, 0, 0)), None),
            },
            plain((0..3_u8).map(|n| record(u64::from(n), &vec![n; 30_000])).collect()),
        ]
    };
    let mut relayed = create("journal/relayed");
    relayed.settings.origin = Origin::Relayed;
    let mut stories = vec![Story::of(create("journal/published"), appends()), Story::of(relayed, appends())];
    stories.extend((format >= 4).then(|| Story::of(separated("journal/json"), appends())));
    stories
}

async fn key_of(log: &dyn Log, called: &str) -> StreamKey {
    log.open(&StreamName::parse(called).unwrap()).await.unwrap().unwrap().key
}

impl Story {
    fn of(create: Create, appends: Vec<Append>) -> Self {
        Self { create, source: None, appends }
    }

    /// Of a fork, to which its own name is appended.
    fn of_fork(create: Create, source: &'static str, base: u64, sub_offset: u64, cut: Option<NewRecord>) -> Self {
        let point = ForkPoint { offset: Offset(base), sub_offset };
        let fork = Some(Fork { source: StreamKey(0), base: Offset(base), cut, point });
        let appends = vec![plain(vec![record(9, create.name.as_str().as_bytes())])];
        Self { create: Create { fork, ..create }, source: Some(source), appends }
    }

    /// Its appends as entries of one commit.
    fn entries(&self, stream: StreamKey, mut first: Offset) -> Vec<Entry> {
        let mut entries = Vec::new();
        for Append { records, closure, sequencing } in self.appends.clone() {
            let next = first.plus(records.len() as u64);
            entries.push(Entry { stream, first, records, closure, sequencing });
            first = next;
        }
        entries
    }
}

/// The names of all streams that `format` knows of.
pub(crate) fn names(format: u32) -> Vec<String> {
    let more = if format >= 3 { several_entries(format) } else { Vec::new() };
    stories(format).iter().chain(&more).map(|story| story.create.name.as_str().to_owned()).collect()
}

/// Every story that `format` can tell, in the order of their making.
fn stories(format: u32) -> Vec<Story> {
    let mut stories = vec![published(), large()];
    stories.extend(CloseReason::ALL.map(closed));
    stories.push(relayed());
    stories.push(Story::of(create(DELETED), vec![plain(vec![record(0, b"nobody sees this")])]));
    if format >= 2 {
        stories.push(produced());
        stories.extend(forks());
    }
    if format >= 4 {
        stories.extend(separated_forks());
    }
    stories
}

fn published() -> Story {
    let records = vec![record(0, b"event: token\ndata: a\n"), record(250, b""), record(100, &[0, 13, 10, 255])];
    let create = Create { records, ..create("chat/open") };
    Story::of(create, vec![plain(vec![record(300, b"data: b\n")]), plain(vec![record(301, b"data: c\n")])])
}

fn large() -> Story {
    let records = (0..5_u8).map(|n| record(u64::from(n), &vec![n; 30_000])).collect();
    Story::of(create("large"), vec![plain(records)])
}

fn closed(reason: CloseReason) -> Story {
    let end = Append { closure: Some(closure(reason)), ..Append::default() };
    let mut create = create(&format!("closed/{}", reason.as_str()));
    create.settings.expiry = Expiry::At(after(60_000));
    create.expires_at = Some(after(60_000));
    Story::of(create, vec![plain(vec![record(1, b"data: x\n")]), end])
}

fn closure(reason: CloseReason) -> Closure {
    Closure { reason, at: after(900), detail: Bytes::from_static(b"{\"code\":\"upstream_cut\"}") }
}

fn relayed() -> Story {
    let mut create = create("asks/0192-relay");
    create.settings.origin = Origin::Relayed;
    create.settings.expiry = Expiry::Idle(Duration::from_secs(30));
    create.settings.alias = Some(Alias(Bytes::from_static(b"idempotency key")));
    create.settings.annotation = Bytes::from_static(b"{\"dialect\":\"openai-chat\"}");
    create.expires_at = Some(after(30_000));
    Story::of(create, vec![plain(vec![record(5, b"data: {}\n")])])
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
    Story::of(create, appends)
}

/// A source, a fork of it with a cut record, one of that, and one from before all records.
fn forks() -> [Story; 4] {
    let text = |name| {
        let mut create = create(name);
        create.settings.content_type = "text/plain".to_owned();
        create
    };
    let fork = |name, source, base, sub_offset, cut| Story::of_fork(text(name), source, base, sub_offset, cut);
    let long = (0..5_u8).map(|n| record(u64::from(n), &vec![n; 30_000])).collect();
    let mut source = text(TOMBSTONE);
    source.settings.expiry = Expiry::Idle(Duration::from_secs(30));
    source.settings.alias = Some(Alias(Bytes::from_static(b"another key")));
    source.expires_at = Some(after(30_000));
    [
        Story::of(source, vec![plain(vec![record(1, b"one"), record(2, b"two")]), plain(long)]),
        fork("fork", TOMBSTONE, 4, 20_000, Some(record(2, &[2; 20_000]))),
        fork("fork/again", "fork", 1, 0, None),
        fork("fork/empty", TOMBSTONE, 0, 0, None),
    ]
}

/// A source whose rows have a separator, and forks whose own rows have one or, as of a source of an older format, none.
fn separated_forks() -> [Story; 3] {
    let long = (0..3_u8).map(|n| record(u64::from(n), &vec![b'0' + n; 30_000])).collect();
    let first = Create { records: vec![record(0, b"{}"), record(1, b",")], ..separated("json") };
    [
        Story::of(first, vec![plain(vec![record(2, b""), record(3, b"null")]), plain(long)]),
        Story::of_fork(separated("json/fork"), "json", 3, 0, None),
        Story::of_fork(create("json/plain"), "json", 4, 10, Some(record(9, b"0123456789"))),
    ]
}

fn separated(name: &str) -> Create {
    let mut create = create(name);
    create.settings.content_type = "application/json".to_owned();
    create.settings.separator = Some(b',');
    create
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
            separator: None,
        },
        at: MADE_AT,
        expires_at: None,
        fork: None,
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
