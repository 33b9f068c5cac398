//! All that can be asked of a log, asked.

use std::collections::{BTreeMap, BTreeSet};

use everstream_log::{
    Closure, Epoch, Error, ForkPoint, Log, Offset, ProducerState, ReadLimit, Record, Settings, StreamHead, StreamName,
    StreamSeq, Timestamp,
};

use crate::operation::Generator;

/// What a log holds, but for the numbers it gives to streams.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LogState {
    streams: BTreeMap<String, StreamState>,
    tombstones: BTreeMap<String, Settings>,
    aliases: Vec<Option<StreamName>>,
    expiring: BTreeSet<String>,
    open_relays: BTreeSet<String>,
    stream_count: u64,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct StreamState {
    epoch: Epoch,
    settings: Settings,
    created_at: Timestamp,
    expires_at: Option<Timestamp>,
    forked_from: Option<(StreamName, Offset, ForkPoint)>,
    first: Offset,
    tail: Offset,
    bytes: u64,
    closure: Option<Closure>,
    stream_seq: Option<StreamSeq>,
    producer_count: u64,
    producers: Vec<Option<ProducerState>>,
    records: Vec<Record>,
}

impl StreamState {
    async fn of(log: &dyn Log, head: StreamHead) -> Result<Self, Error> {
        const UNBOUNDED: ReadLimit = ReadLimit { records_max: usize::MAX, bytes_max: usize::MAX };
        let records = log.read(head.key, head.first, UNBOUNDED).await?;
        let mut producers = Vec::new();
        for id in Generator::producers() {
            producers.push(log.producer(head.key, &id).await?);
        }
        Ok(Self {
            epoch: head.epoch,
            settings: head.settings,
            created_at: head.created_at,
            expires_at: head.expires_at,
            forked_from: head.forked_from.map(|from| (from.name, from.base, from.point)),
            first: head.first,
            tail: head.tail,
            bytes: head.bytes,
            closure: head.closure,
            stream_seq: head.stream_seq,
            producer_count: head.producers,
            producers,
            records,
        })
    }
}

impl LogState {
    /// Reads everything.
    ///
    /// # Errors
    /// What the log says.
    pub async fn of(log: &dyn Log) -> Result<Self, Error> {
        let mut state = Self { stream_count: log.stream_count(), ..Self::default() };
        for name in Generator::names() {
            if let Some(tombstone) = log.tombstone(&name).await? {
                state.tombstones.insert(name.as_str().to_owned(), tombstone.settings);
            }
            let Some(head) = log.open(&name).await? else { continue };
            state.streams.insert(name.as_str().to_owned(), StreamState::of(log, head).await?);
        }
        for alias in Generator::aliases() {
            state.aliases.push(log.find_alias(&alias).await?);
        }
        let texts = |names: Vec<StreamName>| names.iter().map(|name| name.as_str().to_owned()).collect();
        state.expiring = texts(log.expired(Timestamp(u64::MAX), usize::MAX).await?);
        state.open_relays = texts(log.open_relays().await?);
        Ok(state)
    }

    /// How many records it holds.
    #[must_use]
    pub fn record_count(&self) -> usize {
        self.streams.values().map(|stream| stream.records.len()).sum()
    }

    /// Whether both have the same of a name, but for the deadline.
    pub(crate) fn agrees(&self, other: &Self, name: &str) -> bool {
        let but_deadline = |state: &Self| {
            let stream = state.streams.get(name).cloned();
            stream.map(|stream| StreamState { expires_at: None, ..stream })
        };
        but_deadline(self) == but_deadline(other) && self.tombstones.get(name) == other.tombstones.get(name)
    }

    /// Whether both have the same incarnation of a stream with the same deadline, or neither has it.
    pub(crate) fn agrees_on_deadline(&self, other: &Self, name: &str) -> bool {
        let deadline = |state: &Self| state.streams.get(name).map(|stream| (stream.epoch, stream.expires_at));
        deadline(self) == deadline(other)
    }

    /// Where two states differ, for people.
    #[must_use]
    pub fn difference(&self, other: &Self) -> Vec<String> {
        let mut said = Vec::new();
        let names: BTreeSet<&String> = self.streams.keys().chain(other.streams.keys()).collect();
        for name in names {
            let (here, there) = (self.streams.get(name), other.streams.get(name));
            if here != there {
                said.push(format!("{name}: {} instead of {}", shown(here), shown(there)));
            }
        }
        let rest = |state: &Self| {
            format!(
                "{} streams, tombstones {:?}, aliases {:?}, expiring {:?}, open relays {:?}",
                state.stream_count,
                state.tombstones.keys(),
                state.aliases,
                state.expiring,
                state.open_relays
            )
        };
        if rest(self) != rest(other) {
            said.push(format!("{} instead of {}", rest(self), rest(other)));
        }
        said
    }
}

fn shown(stream: Option<&StreamState>) -> String {
    let Some(stream) = stream else { return "nothing".to_owned() };
    let label = |record: &Record| {
        let label: Vec<u8> = record.data.iter().copied().take_while(|byte| byte.is_ascii_digit()).collect();
        String::from_utf8_lossy(&label).into_owned()
    };
    let labels: Vec<String> = stream.records.iter().map(label).collect();
    format!(
        "epoch {}, {}..{}, {} B, deadline {:?}, closed {:?}, producers {:?}, records of {labels:?}",
        stream.epoch.as_str(),
        stream.first,
        stream.tail,
        stream.bytes,
        stream.expires_at,
        stream.closure.as_ref().map(|closure| closure.reason),
        stream.producers,
    )
}
