//! A hub to test: memory engine, faults on demand, a clock that the test moves.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Wake;
use std::time::Duration;

use bytes::Bytes;
use everstream_hub::{
    Append, Appended, Close, CreateStream, Delivery, End, Error, Hub, HubConfig, Stream, Subscription, Tasks,
};
use everstream_log::{CloseReason, ManualClock, MemoryLog, StreamName, Timestamp};
use everstream_testkit::FaultyLog;

pub(crate) struct Rig {
    pub(crate) hub: Hub,
    pub(crate) log: Arc<FaultyLog>,
    pub(crate) clock: Arc<ManualClock>,
}

/// A small ring, so that catch-up is met early.
pub(crate) fn config() -> HubConfig {
    HubConfig { ring_frames_max: 4, record_bytes_max: 100, stream_bytes_max: 10_000, ..HubConfig::default() }
}

impl Rig {
    pub(crate) fn new(config: HubConfig) -> Self {
        let log = FaultyLog::over(Arc::new(MemoryLog::new(1_000)));
        let clock = Arc::new(ManualClock::starting_at(Timestamp(1_000_000)));
        let hub = Hub::new(log.clone(), clock.clone(), config, Tasks::new());
        Self { hub, log, clock }
    }

    /// The same log after the process died and came back.
    pub(crate) fn restarted(self) -> Self {
        let hub = Hub::new(self.log.clone(), self.clock.clone(), self.hub.config().clone(), Tasks::new());
        Self { hub, ..self }
    }

    pub(crate) async fn text_stream(&self, path: &str) -> Stream {
        self.hub.create(&CreateStream::new(name(path), "text/plain")).await.unwrap().stream
    }
}

pub(crate) fn name(path: &str) -> StreamName {
    StreamName::parse(path).unwrap()
}

pub(crate) async fn append(stream: &Stream, records: &[&'static str]) -> Result<Appended, Error> {
    let records = records.iter().map(|text| Bytes::from_static(text.as_bytes())).collect();
    stream.append(Append { records, close: None }).await
}

pub(crate) async fn close(stream: &Stream, reason: CloseReason) -> Result<Appended, Error> {
    stream.append(Append { records: Vec::new(), close: Some(Close::because(reason)) }).await
}

/// The text of a frame of a text stream, without its id.
pub(crate) fn text(frame: &Bytes) -> String {
    let frame = std::str::from_utf8(frame).unwrap();
    let (id, rest) = frame.split_once('\n').unwrap();
    assert!(id.starts_with("id: "), "{frame:?}");
    rest.strip_prefix("data: ").unwrap().strip_suffix("\n\n").unwrap().to_owned()
}

/// Reads a subscription to the stream's end.
pub(crate) async fn drain(mut subscription: Subscription) -> (Vec<String>, End) {
    let mut frames = VecDeque::new();
    loop {
        match subscription.next(&mut frames).await {
            Delivery::Frames => {}
            Delivery::Ended(end) => return (frames.iter().map(text).collect(), end),
            Delivery::Broken(error) => panic!("the subscription broke: {error}"),
        }
    }
}

/// Whether `future` is still waiting once everything that can run has run.
pub(crate) async fn is_waiting(future: impl Future) -> bool {
    tokio::time::timeout(Duration::from_secs(3600), future).await.is_err()
}

/// A waker that counts how often its task would have been woken.
#[derive(Debug, Default)]
pub(crate) struct WakeCount(AtomicUsize);

impl WakeCount {
    pub(crate) fn get(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

impl Wake for WakeCount {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}
