//! Random histories of families: streams that are forked, forks of forks, appends to all of them, deletes, expiry,
//! evictions and restarts, against a model that copies. Every viewer's view is a gapless, unrepeated piece of its stream.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use bytes::Bytes;
use everstream_hub::{Append, CreateStream, Delivery, ErrorKind, ForkFrom};
use everstream_log::{Expiry, Offset, ReadLimit};

use crate::rig::{Rig, config, name, text};

const UNBOUNDED: ReadLimit = ReadLimit { records_max: usize::MAX, bytes_max: usize::MAX };
const STEPS: usize = 250;
const TTL: Duration = Duration::from_secs(10_000);

/// What has to be seen.
#[derive(Default)]
struct Model {
    /// The records of each stream that is there.
    living: BTreeMap<String, Vec<String>>,
    /// The source of each fork, living or not, as long as its name is taken.
    source_of: BTreeMap<String, String>,
    /// Deleted, and read by forks.
    tombstones: BTreeSet<String>,
}

impl Model {
    fn has_forks(&self, called: &str) -> bool {
        self.source_of.values().any(|source| source == called)
    }

    fn delete(&mut self, called: &str) {
        self.living.remove(called);
        self.tombstones.insert(called.to_owned());
        let mut next = Some(called.to_owned());
        while let Some(called) = next.filter(|called| self.tombstones.contains(called) && !self.has_forks(called)) {
            self.tombstones.remove(&called);
            next = self.source_of.remove(&called);
        }
    }

    /// What asking for a stream that is not there has to say.
    fn absence(&self, called: &str) -> ErrorKind {
        if self.tombstones.contains(called) { ErrorKind::StreamDeleted } else { ErrorKind::StreamNotFound }
    }
}

struct History {
    rig: Option<Rig>,
    model: Model,
    random: fastrand::Rng,
    written: u64,
    at: String,
}

#[tokio::test(start_paused = true)]
async fn every_family_reads_as_if_each_fork_were_a_copy() {
    for seed in 0..40 {
        let random = fastrand::Rng::with_seed(seed);
        let mut history =
            History { rig: Some(Rig::new(config())), model: Model::default(), random, written: 0, at: String::new() };
        for step in 0..STEPS {
            history.at = format!("seed {seed}, step {step}");
            history.step().await;
        }
        history.compare_all().await;
    }
}

impl History {
    fn rig(&self) -> &Rig {
        self.rig.as_ref().unwrap()
    }

    /// One of few names, so that they come again.
    fn any_name(&mut self) -> String {
        format!("s/{}", self.random.u32(0..8))
    }

    fn any_records(&mut self) -> Vec<String> {
        let records = (0..self.random.u64(0..4)).map(|number| (self.written + number).to_string()).collect::<Vec<_>>();
        self.written += records.len() as u64;
        records
    }

    async fn step(&mut self) {
        match self.random.u32(0..40) {
            0..10 => self.create().await,
            10..22 => self.append().await,
            22..32 => self.watch().await,
            32..36 => self.delete().await,
            36 => self.expire().await,
            37..39 => {
                self.rig().clock.advance(self.rig().hub.config().idle_max);
                self.rig().hub.sweep().await;
            }
            _ => self.rig = self.rig.take().map(Rig::restarted),
        }
    }

    async fn create(&mut self) {
        let (called, source) = (self.any_name(), self.any_name());
        let fork = if self.random.u32(0..4) > 0 {
            let tail = self.model.living.get(&source).map_or(0, Vec::len);
            let offset = self.random.bool().then(|| Offset(self.random.u64(0..=tail as u64)));
            Some(ForkFrom { source: name(&source), offset, sub_offset: 0 })
        } else {
            None
        };
        let records = self.any_records();
        let expiry = if fork.is_none() { Expiry::Idle(TTL) } else { Expiry::Never };
        let data = records.iter().map(|text| Bytes::from(text.clone())).collect();
        let create = CreateStream {
            fork: fork.clone(),
            expiry,
            records: data,
            ..CreateStream::new(name(&called), "text/plain")
        };
        let made = self.rig().hub.create(&create).await;
        let is_taken = self.model.living.contains_key(&called) || self.model.tombstones.contains(&called);
        let at = &self.at;
        match fork {
            Some(_)
                if self.model.absence(&source) == ErrorKind::StreamNotFound
                    && !self.model.living.contains_key(&source) =>
            {
                assert_eq!(made.unwrap_err().kind(), ErrorKind::StreamNotFound, "{at}");
            }
            _ if is_taken => assert!(made.map_or(true, |made| !made.is_new), "{at}"),
            Some(_) if self.model.tombstones.contains(&source) => {
                assert_eq!(made.unwrap_err().kind(), ErrorKind::StreamDeleted, "{at}");
            }
            fork => {
                assert!(made.unwrap().is_new, "{at}");
                let mut held = Vec::new();
                if let Some(ForkFrom { offset, .. }) = fork {
                    let whole = &self.model.living[&source];
                    let base = offset.map_or(whole.len(), |offset| usize::try_from(offset.0).unwrap());
                    held.extend_from_slice(&whole[..base]);
                    self.model.source_of.insert(called.clone(), source);
                }
                held.extend(records);
                self.model.living.insert(called, held);
            }
        }
    }

    async fn append(&mut self) {
        let (called, records) = (self.any_name(), self.any_records());
        let data = records.iter().map(|text| Bytes::from(text.clone())).collect();
        match self.rig().hub.stream(&name(&called)).await {
            Ok(stream) => {
                stream.append(Append { records: data, close: None }).await.unwrap();
                self.model.living.get_mut(&called).unwrap_or_else(|| panic!("{called}, {}", self.at)).extend(records);
            }
            Err(error) => {
                assert!(!self.model.living.contains_key(&called), "{called}, {}: {error}", self.at);
                assert_eq!(error.kind(), self.model.absence(&called), "{called}, {}", self.at);
            }
        }
    }

    /// Follows a stream from anywhere to its tail.
    async fn watch(&mut self) {
        let called = self.any_name();
        let Some(held) = self.model.living.get(&called) else { return };
        let from = self.random.usize(0..=held.len());
        let stream = self.rig().hub.stream(&name(&called)).await.unwrap();
        let mut subscription = stream.subscribe(Offset(from as u64)).unwrap();
        let (mut frames, mut seen) = (VecDeque::new(), Vec::new());
        while seen.len() < held.len() - from {
            match subscription.next(&mut frames).await {
                Delivery::Frames => seen.extend(frames.drain(..).map(|frame| text(&frame))),
                other => panic!("{called}, {}: {other:?}", self.at),
            }
        }
        assert_eq!(seen, held[from..], "{called}, {}", self.at);
    }

    async fn delete(&mut self) {
        let called = self.any_name();
        match self.rig().hub.delete(&name(&called)).await {
            Ok(()) => {
                assert!(self.model.living.contains_key(&called), "{called}, {}", self.at);
                self.model.delete(&called);
            }
            Err(error) => assert_eq!(error.kind(), self.model.absence(&called), "{called}, {}", self.at),
        }
    }

    /// All that is not used for so long goes; what is used goes on.
    async fn expire(&mut self) {
        self.rig().clock.advance(TTL / 2);
        let kept = self.any_name();
        if let Ok(stream) = self.rig().hub.stream(&name(&kept)).await {
            stream.read(Offset::ZERO, UNBOUNDED).await.unwrap();
        }
        self.rig().clock.advance(TTL / 2);
        self.rig().hub.sweep().await;
        // Whoever was looked at without a read or an append may have been used before the first half, too.
        for called in self.model.living.keys().cloned().collect::<Vec<_>>() {
            match self.rig().hub.stream(&name(&called)).await {
                Ok(_) => {}
                Err(_) => {
                    assert_ne!(called, kept, "{}", self.at);
                    self.model.delete(&called);
                }
            }
        }
        self.compare_all().await;
    }

    async fn compare_all(&self) {
        for number in 0..8 {
            let called = format!("s/{number}");
            match (self.rig().hub.stream(&name(&called)).await, self.model.living.get(&called)) {
                (Ok(stream), Some(held)) => {
                    let records = stream.read(Offset::ZERO, UNBOUNDED).await.unwrap();
                    let seen: Vec<_> = records.iter().map(|record| String::from_utf8_lossy(&record.data)).collect();
                    assert_eq!(seen, *held, "{called}, {}", self.at);
                }
                (Err(error), None) => assert_eq!(error.kind(), self.model.absence(&called), "{called}, {}", self.at),
                (found, held) => panic!("{called}, {}: {found:?}, not {held:?}", self.at),
            }
        }
        let held = self.model.living.len() + self.model.tombstones.len();
        assert_eq!(self.rig().hub.log().stream_count(), held as u64, "{}", self.at);
    }
}
