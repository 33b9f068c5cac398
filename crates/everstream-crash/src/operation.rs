//! What a load asks of a log, so that it can be asked of another log again.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use everstream_log::{
    Alias, CloseReason, Closure, Create, Entry, Epoch, Error, Expiry, Fork, ForkPoint, Log, MemoryLog, NewRecord,
    Offset, Origin, ProducerId, ProducerMark, Sequencing, Settings, StreamKey, StreamName, StreamSeq, Timestamp,
    Verdict, judge,
};
use fastrand::Rng;

use crate::driver::ready;

/// One call that writes, by names: the numbers that an engine gives to streams are its own.
#[derive(Debug, Clone)]
pub enum Operation {
    /// Makes a stream; a fork's source is named, and its number in the [`Create`] means nothing.
    Create(Box<Create>, Option<StreamName>),
    /// Appends to some streams, in one commit. What a producer repeats, or is out of its order, is left out, as the hub
    /// would do.
    Append(Vec<Appended>),
    /// Moves a deadline.
    Touch(StreamName, Option<Timestamp>),
    /// Removes a stream.
    Delete(StreamName),
}

/// What one stream gets.
#[derive(Debug, Clone)]
pub struct Appended {
    /// The stream.
    pub name: StreamName,
    /// The records.
    pub records: Vec<NewRecord>,
    /// Set when the stream ends with them.
    pub closure: Option<Closure>,
    /// Set when its producer numbers its appends.
    pub sequencing: Option<Box<Sequencing>>,
}

impl Operation {
    /// Asks it of `log`.
    ///
    /// # Errors
    /// What the log says.
    pub async fn apply(&self, log: &dyn Log) -> Result<(), Error> {
        match self {
            Self::Create(create, source) => {
                let mut create = (**create).clone();
                if let (Some(fork), Some(source)) = (&mut create.fork, source) {
                    fork.source = end(log, source).await?.0;
                }
                log.create(create).await.map(drop)
            }
            Self::Append(appends) => {
                let mut entries = Vec::new();
                for append in appends {
                    let (stream, first) = end(log, &append.name).await?;
                    if append.is_next(log, stream).await? {
                        let Appended { records, closure, sequencing, .. } = append.clone();
                        entries.push(Entry { stream, first, records, closure, sequencing });
                    }
                }
                log.commit(entries).await
            }
            Self::Touch(name, deadline) => log.touch(end(log, name).await?.0, *deadline).await,
            Self::Delete(name) => log.delete(name, end(log, name).await?.0).await,
        }
    }

    /// Whether all that it appends is numbered, so that asking it again must change nothing.
    #[must_use]
    pub fn is_of_producers(&self) -> bool {
        matches!(self, Self::Append(appends) if appends.iter().all(|append| append.mark().is_some()))
    }

    /// The streams it is about.
    #[must_use]
    pub fn names(&self) -> Vec<&StreamName> {
        match self {
            Self::Create(create, source) => [&create.name].into_iter().chain(source).collect(),
            Self::Append(appends) => appends.iter().map(|append| &append.name).collect(),
            Self::Touch(name, _) | Self::Delete(name) => vec![name],
        }
    }
}

impl Appended {
    async fn is_next(&self, log: &dyn Log, stream: StreamKey) -> Result<bool, Error> {
        let Some(mark) = self.mark() else { return Ok(true) };
        let last = log.producer(stream, &mark.id).await?;
        Ok(judge(last, mark.epoch, mark.seq) == Verdict::Accept)
    }

    fn mark(&self) -> Option<&ProducerMark> {
        self.sequencing.as_ref().and_then(|sequencing| sequencing.producer.as_ref())
    }
}

async fn end(log: &dyn Log, name: &StreamName) -> Result<(StreamKey, Offset), Error> {
    let head = log.open(name).await?;
    Ok(head.map_or((StreamKey(u64::MAX), Offset::ZERO), |head| (head.key, head.tail)))
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Create(create, None) => write!(f, "create {}", create.name.as_str()),
            Self::Create(create, Some(source)) => write!(f, "fork {} from {}", create.name.as_str(), source.as_str()),
            Self::Append(appends) => {
                write!(f, "append")?;
                appends.iter().try_for_each(|one| {
                    let end = if one.closure.is_some() { " and close" } else { "" };
                    let mark = one.mark().map(|mark| format!(" as {} {}/{}", mark.id, mark.epoch, mark.seq));
                    write!(f, " {} to {}{}{end}", one.records.len(), one.name.as_str(), mark.unwrap_or_default())
                })
            }
            Self::Touch(name, _) => write!(f, "touch {}", name.as_str()),
            Self::Delete(name) => write!(f, "delete {}", name.as_str()),
        }
    }
}

/// Draws operations on few names, so that they collide and come again.
#[derive(Debug)]
pub struct Generator {
    rng: Rng,
    number: u64,
}

/// The moment of the first operation; each is a second later.
const START: Timestamp = Timestamp(1_700_000_000_000);
const NAMES: u32 = 8;
const ALIASES: u32 = 4;
const PRODUCERS: u32 = 3;

impl Generator {
    /// Every draw follows from `seed`.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self { rng: Rng::with_seed(seed), number: 0 }
    }

    /// All names it uses.
    #[must_use]
    pub fn names() -> Vec<StreamName> {
        (0..NAMES).filter_map(|number| StreamName::parse(&format!("s/{number}")).ok()).collect()
    }

    /// All aliases it uses.
    #[must_use]
    pub fn aliases() -> Vec<Alias> {
        (0..ALIASES).map(|number| Alias(Bytes::from(format!("alias {number}")))).collect()
    }

    /// All producers it uses.
    #[must_use]
    pub fn producers() -> Vec<ProducerId> {
        (0..PRODUCERS).filter_map(|number| ProducerId::parse(format!("p{number}").as_bytes()).ok()).collect()
    }

    /// The next operation on a log that holds what `reference` does.
    pub fn draw(&mut self, reference: &MemoryLog) -> Operation {
        self.number += 1;
        match self.rng.u32(0..100) {
            0..18 => self.create(reference),
            18..82 => self.append(reference),
            82..90 => Operation::Touch(self.any_name(), self.any_deadline()),
            _ => Operation::Delete(self.any_name()),
        }
    }

    fn now(&self) -> Timestamp {
        START.plus(Duration::from_secs(self.number))
    }

    fn any_name(&mut self) -> StreamName {
        let mut names = Self::names();
        names.swap_remove(self.rng.usize(0..names.len()))
    }

    fn any_deadline(&mut self) -> Option<Timestamp> {
        let after = Duration::from_secs(self.rng.u64(0..100));
        self.rng.bool().then(|| self.now().plus(after))
    }

    fn create(&mut self, reference: &MemoryLog) -> Operation {
        let epoch = Epoch::parse(&format!("{:08}", self.number)).unwrap_or_else(|_| Epoch::random());
        let expires_at = self.any_deadline();
        let settings = Settings {
            content_type: "text/event-stream".to_owned(),
            expiry: expires_at.map_or(Expiry::Never, Expiry::At),
            origin: if self.rng.u8(0..3) == 0 { Origin::Relayed } else { Origin::Published },
            alias: (self.rng.u8(0..3) == 0).then(|| Self::aliases().swap_remove(self.rng.usize(0..ALIASES as usize))),
            annotation: Bytes::from(format!("made by {}", self.number)),
            separator: self.rng.bool().then_some(b','),
        };
        let records = if self.rng.bool() { self.records() } else { Vec::new() };
        let closure = self.closure(10);
        let name = self.any_name();
        let (source, fork) = self.fork(reference).unzip();
        let sequencing = if fork.is_none() { self.sequencing(None) } else { None };
        let at = self.now();
        let create = Create { name, epoch, settings, at, expires_at, fork, records, closure, sequencing };
        Operation::Create(Box::new(create), source)
    }

    /// Of a stream that is there, mostly.
    fn fork(&mut self, reference: &MemoryLog) -> Option<(StreamName, Fork)> {
        if self.rng.u8(0..5) > 1 {
            return None;
        }
        let source = self.any_name();
        let (_, tail) = ready(end(reference, &source)).ok()?;
        let base = Offset(self.rng.u64(0..=tail.0));
        let cut = self.records().pop().filter(|_| self.rng.bool());
        let point = ForkPoint { offset: base, sub_offset: self.rng.u64(0..3) };
        Some((source, Fork { source: StreamKey(u64::MAX), base, cut, point }))
    }

    /// None, or the next append of a producer, its last one again, one too far, or the first of a new life.
    fn sequencing(&mut self, stream: Option<(&MemoryLog, &StreamName)>) -> Option<Box<Sequencing>> {
        let mut producers = Self::producers();
        let id = producers.swap_remove(self.rng.usize(0..producers.len()));
        let last = stream.and_then(|(log, name)| {
            let (stream, _) = ready(end(log, name)).ok()?;
            ready(log.producer(stream, &id)).ok()?
        });
        let (epoch, next) = last.map_or((0, 0), |last| (last.epoch, last.seq + 1));
        let (epoch, seq) = match self.rng.u8(0..12) {
            0 => (epoch, next.saturating_sub(1)),
            1 => (epoch, next + 1),
            2 => (epoch + 1, 0),
            _ => (epoch, next),
        };
        let producer = self.rng.bool().then_some(ProducerMark { id, epoch, seq });
        let stream_seq = StreamSeq::parse(format!("{:08}", self.number).as_bytes()).ok();
        let stream_seq = stream_seq.filter(|_| self.rng.u8(0..6) == 0);
        (producer.is_some() || stream_seq.is_some()).then(|| Box::new(Sequencing { producer, stream_seq }))
    }

    fn append(&mut self, reference: &MemoryLog) -> Operation {
        let mut names = Self::names();
        self.rng.shuffle(&mut names);
        names.truncate(if self.rng.u8(0..4) == 0 { self.rng.usize(1..=3) } else { 1 });
        let append = |name| {
            let (records, closure) = (self.records(), self.closure(25));
            let sequencing = self.sequencing(Some((reference, &name)));
            Appended { name, records, closure, sequencing }
        };
        Operation::Append(names.into_iter().map(append).collect())
    }

    fn closure(&mut self, one_in: u32) -> Option<Closure> {
        let reason = self.rng.choice(CloseReason::ALL)?;
        let detail = Bytes::from(format!("closed by {}", self.number));
        (self.rng.u32(0..one_in) == 0).then(|| Closure { reason, at: self.now(), detail })
    }

    /// Each names its operation and its place, so that a lost, repeated or foreign one shows.
    fn records(&mut self) -> Vec<NewRecord> {
        let count = self.rng.usize(1..5);
        (0..count).map(|place| NewRecord { time: self.now(), data: self.data(place) }).collect()
    }

    fn data(&mut self, place: usize) -> Bytes {
        let mut data = format!("{}:{place}:", self.number).into_bytes();
        let len = match self.rng.u32(0..60) {
            0 => self.rng.usize(0..80_000),
            1..10 => self.rng.usize(0..6_000),
            _ => self.rng.usize(0..80),
        };
        data.extend(std::iter::repeat_with(|| self.rng.u8(..)).take(len));
        Bytes::from(data)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a load of `seed` asks of a log, one call after another.
    fn drawn(seed: u64) -> Vec<String> {
        let (mut load, log) = (Generator::new(seed), MemoryLog::new(u64::MAX));
        let draw = |_| {
            let operation = load.draw(&log);
            let outcome = ready(operation.apply(&log)).map_err(|error| error.kind());
            format!("{operation:?} {outcome:?}")
        };
        (0..300).map(draw).collect()
    }

    #[test]
    fn a_seed_draws_the_same_load_each_time_and_another_one_another() {
        assert_eq!(drawn(42), drawn(42));
        assert_ne!(drawn(42), drawn(43));
    }
}
