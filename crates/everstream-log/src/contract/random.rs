//! Random operations, answered by the engine and by the memory engine.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use fastrand::Rng;

use super::run::{offsets_and_data, records_of, runs};
use super::sample::*;
use super::{Place, STREAMS_MAX};
use crate::{
    CloseReason, Closure, Create, Entry, ErrorKind, Fork, ForkPoint, Log, MemoryLog, NewRecord, Offset, ProducerMark,
    ReadLimit, Sequencing, StreamHead, StreamKey, Timestamp, Tombstone,
};

const OPERATIONS: usize = 1_500;

/// A fresh seed at each run; a failure prints it.
pub async fn random_operations_answer_as_the_memory_engine_does<P: Place>(place: P) {
    random_operations(place, fastrand::u64(..)).await;
}

/// The same with a given seed, to repeat a failure.
pub async fn random_operations<P: Place>(place: P, seed: u64) {
    let mut duel = Duel {
        subject: place.open().await,
        oracle: Arc::new(MemoryLog::new(STREAMS_MAX)),
        keys: HashMap::new(),
        rng: Rng::with_seed(seed),
        now: NOW,
        at: String::new(),
    };
    for step in 0..OPERATIONS {
        duel.at = format!("seed {seed}, operation {step}");
        duel.step().await;
        if P::KEEPS && duel.rng.usize(0..300) == 0 {
            ok(duel.subject.close().await);
            // The old engine lets go of its place before the next one is opened.
            duel.subject = Arc::new(MemoryLog::new(0));
            duel.subject = place.open().await;
        }
    }
    duel.compare_all().await;
}

/// Two logs that must not differ in anything but the numbers they give to streams.
struct Duel {
    subject: Arc<dyn Log>,
    oracle: Arc<MemoryLog>,
    /// The oracle's key of each incarnation to the subject's.
    keys: HashMap<StreamKey, StreamKey>,
    rng: Rng,
    now: Timestamp,
    at: String,
}

impl Duel {
    async fn step(&mut self) {
        self.now = self.now.plus(Duration::from_millis(self.rng.u64(0..50)));
        match self.rng.u32(0..100) {
            0..20 => self.create().await,
            20..65 => self.commit().await,
            65..80 => self.read().await,
            80..88 => self.touch().await,
            88..95 => self.delete().await,
            _ => self.compare_indexes().await,
        }
    }

    /// One of few names, so that they collide and come again.
    fn any_name(&mut self) -> String {
        format!("s/{}", self.rng.u32(0..24))
    }

    fn any_deadline(&mut self) -> Option<Timestamp> {
        let after = Duration::from_millis(self.rng.u64(0..2_000));
        self.rng.bool().then(|| self.now.plus(after))
    }

    fn any_records(&mut self) -> Vec<NewRecord> {
        let count = self.rng.usize(0..5);
        let mut records = Vec::new();
        for _ in 0..count {
            let len = if self.rng.u32(0..50) == 0 { 20_000 } else { self.rng.usize(0..60) };
            let data: Bytes = std::iter::repeat_with(|| self.rng.u8(..)).take(len).collect();
            records.push(NewRecord { time: self.now, data });
        }
        records
    }

    fn any_closure(&mut self, one_in: u32) -> Option<Closure> {
        let reason = self.rng.choice(CloseReason::ALL)?;
        (self.rng.u32(0..one_in) == 0).then(|| Closure { at: self.now, ..closure(reason) })
    }

    /// Of a fork perhaps another one than its source's.
    fn any_separator(&mut self) -> Option<u8> {
        let byte = self.rng.u8(..);
        self.rng.bool().then_some(byte)
    }

    /// Mostly none; retries and new lives of few producers, and positions.
    fn any_sequencing(&mut self) -> Option<Box<Sequencing>> {
        let rng = &mut self.rng;
        let producer = (rng.u32(0..3) == 0).then(|| ProducerMark {
            id: producer_id(&format!("p{}", rng.u32(0..6))),
            epoch: rng.u64(0..3),
            seq: rng.u64(0..4),
        });
        let stream_seq = (rng.u32(0..6) == 0).then(|| stream_seq(&rng.u64(0..1_000).to_string()));
        let is_any = producer.is_some() || stream_seq.is_some() || rng.u32(0..50) == 0;
        is_any.then(|| Box::new(Sequencing { producer, stream_seq }))
    }

    /// An incarnation, present or past.
    fn any_key(&mut self) -> Option<StreamKey> {
        let mut keys: Vec<StreamKey> = self.keys.keys().copied().collect();
        keys.sort();
        self.rng.choice(keys)
    }

    fn subject_key(&self, key: StreamKey) -> StreamKey {
        self.keys.get(&key).copied().unwrap_or(StreamKey(u64::MAX))
    }

    /// Of a stream that is there, mostly, at an offset that it has, mostly.
    async fn any_fork(&mut self) -> Option<Fork> {
        if self.rng.bool() {
            return None;
        }
        let called = self.any_name();
        let (source, tail) = match ok(self.oracle.open(&name(&called)).await) {
            Some(head) => (head.key, head.tail.0),
            None => (self.any_key()?, 0),
        };
        let beyond = u64::from(self.rng.u32(0..20) == 0);
        let base = Offset(self.rng.u64(0..=tail + beyond));
        let cut = self.any_records().pop().filter(|_| self.rng.u32(0..4) == 0);
        let point = ForkPoint { offset: base, sub_offset: self.rng.u64(..) };
        Some(Fork { source, base, cut, point })
    }

    /// What the oracle says in the subject's numbers.
    fn as_subject(&self, mut head: StreamHead) -> StreamHead {
        head.key = self.subject_key(head.key);
        if let Some(from) = &mut head.forked_from {
            from.source = self.subject_key(from.source);
        }
        head
    }

    async fn create(&mut self) {
        let called = self.any_name();
        let mut create = stream(&called);
        if self.rng.bool() {
            create = with_alias(create, &format!("alias {}", self.rng.u32(0..24)));
        }
        if self.rng.bool() {
            create = relayed(create);
        }
        create.settings.separator = self.any_separator();
        let fork = self.any_fork().await;
        create = Create {
            at: self.now,
            fork,
            expires_at: self.any_deadline(),
            records: self.any_records(),
            closure: self.any_closure(8),
            sequencing: self.any_sequencing(),
            ..create
        };
        let expected = self.oracle.create(create.clone()).await;
        if let Some(fork) = &mut create.fork {
            fork.source = self.subject_key(fork.source);
        }
        let answer = self.subject.create(create).await;
        match (answer, expected) {
            (Ok(made), Ok(expected)) => {
                self.keys.insert(expected.key, made.key);
                assert_eq!(made, self.as_subject(expected), "{}", self.at);
            }
            (answer, expected) => assert_eq!(kind(&answer), kind(&expected), "create, {}", self.at),
        }
    }

    async fn commit(&mut self) {
        let mut tails: HashMap<StreamKey, Offset> = HashMap::new();
        let (mut ours, mut theirs) = (Vec::new(), Vec::new());
        for _ in 0..self.rng.usize(1..6) {
            let called = self.any_name();
            let Some(head) = ok(self.oracle.open(&name(&called)).await) else { continue };
            if head.closure.is_some() && self.rng.u32(0..20) != 0 {
                continue;
            }
            let tail = tails.entry(head.key).or_insert(head.tail);
            let misplaced = u64::from(self.rng.u32(0..60) == 0);
            let first = tail.plus(misplaced);
            let records = self.any_records();
            *tail = tail.plus(records.len() as u64);
            let (closure, sequencing) = (self.any_closure(15), self.any_sequencing());
            let entry = Entry { stream: head.key, first, records, closure, sequencing };
            theirs.push(Entry { stream: self.subject_key(head.key), ..entry.clone() });
            ours.push(entry);
        }
        let expected = self.oracle.commit(ours).await;
        let answer = match self.rng.bool() {
            true => commit(&*self.subject, theirs).await,
            false => self.subject.commit(theirs).await,
        };
        assert_eq!(kind(&answer), kind(&expected), "commit, {}", self.at);
    }

    async fn read(&mut self) {
        let Some(key) = self.any_key() else { return };
        let from = Offset(self.rng.u64(0..40));
        let limit = ReadLimit { records_max: self.rng.usize(0..30), bytes_max: self.rng.usize(0..2_000) };
        self.compare_read(key, from, limit).await;
        self.compare_producers(key).await;
        let expected = self.oracle.entry_end(key, from).await;
        let answer = self.subject.entry_end(self.subject_key(key), from).await;
        assert_eq!(answer.map_err(|error| error.kind()), expected.map_err(|error| error.kind()), "{}", self.at);
    }

    async fn compare_read(&self, key: StreamKey, from: Offset, limit: ReadLimit) {
        let expected = self.oracle.read(key, from, limit).await;
        let answer = self.subject.read(self.subject_key(key), from, limit).await;
        match (answer, expected) {
            (Ok(answer), Ok(expected)) => {
                assert_eq!(answer, expected, "{}", self.at);
                let runs = runs(&*self.subject, self.subject_key(key), from, limit).await;
                assert_eq!(records_of(&runs), offsets_and_data(&expected), "{}", self.at);
            }
            (answer, expected) => assert_eq!(kind(&answer), kind(&expected), "read, {}", self.at),
        }
    }

    async fn compare_producers(&self, key: StreamKey) {
        for number in 0..6 {
            let id = producer_id(&format!("p{number}"));
            let expected = self.oracle.producer(key, &id).await;
            let answer = self.subject.producer(self.subject_key(key), &id).await;
            match (answer, expected) {
                (Ok(answer), Ok(expected)) => assert_eq!(answer, expected, "{}", self.at),
                (answer, expected) => assert_eq!(kind(&answer), kind(&expected), "producer, {}", self.at),
            }
        }
    }

    async fn touch(&mut self) {
        let Some(key) = self.any_key() else { return };
        let deadline = self.any_deadline();
        let expected = self.oracle.touch(key, deadline).await;
        let answer = self.subject.touch(self.subject_key(key), deadline).await;
        assert_eq!(kind(&answer), kind(&expected), "touch, {}", self.at);
    }

    async fn delete(&mut self) {
        let called = name(&self.any_name());
        let held = ok(self.oracle.open(&called).await).map(|head| head.key);
        let past = self.rng.u32(0..4) == 0;
        let Some(key) = held.filter(|_| !past).or_else(|| self.any_key()) else { return };
        ok(self.oracle.delete(&called, key).await);
        ok(self.subject.delete(&called, self.subject_key(key)).await);
    }

    async fn compare_indexes(&mut self) {
        let sorted = |mut names: Vec<crate::StreamName>| {
            names.sort();
            names
        };
        let expected = sorted(ok(self.oracle.expired(self.now, usize::MAX).await));
        assert_eq!(sorted(ok(self.subject.expired(self.now, usize::MAX).await)), expected, "{}", self.at);
        let expected = sorted(ok(self.oracle.open_relays().await));
        assert_eq!(sorted(ok(self.subject.open_relays().await)), expected, "{}", self.at);
        for number in 0..24 {
            let alias = alias(&format!("alias {number}"));
            let expected = ok(self.oracle.find_alias(&alias).await);
            assert_eq!(ok(self.subject.find_alias(&alias).await), expected, "{}", self.at);
        }
        assert_eq!(self.subject.stream_count(), self.oracle.stream_count(), "{}", self.at);
    }

    async fn compare_all(&mut self) {
        self.compare_indexes().await;
        for number in 0..24 {
            let called = name(&format!("s/{number}"));
            let expected = ok(self.oracle.open(&called).await).map(|head| self.as_subject(head));
            assert_eq!(ok(self.subject.open(&called).await), expected, "{}", self.at);
            let expected = ok(self.oracle.tombstone(&called).await)
                .map(|tombstone| Tombstone { key: self.subject_key(tombstone.key), ..tombstone });
            assert_eq!(ok(self.subject.tombstone(&called).await), expected, "{}", self.at);
        }
        for key in self.keys.keys() {
            self.compare_read(*key, Offset::ZERO, UNBOUNDED).await;
            self.compare_producers(*key).await;
        }
    }
}

fn kind<T>(result: &Result<T, crate::Error>) -> Option<ErrorKind> {
    result.as_ref().err().map(crate::Error::kind)
}
