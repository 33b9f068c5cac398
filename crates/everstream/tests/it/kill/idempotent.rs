//! Producers that number their appends and send what was not answered again, until it is.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use everstream_testkit::{Api, Deadline, Failure, HistoryChecker, RawHttp, Response};

use super::gate::Gate;

/// How many appends are on their way at a time: after a kill some of them are in the log and some are not.
const PIPELINE: u64 = 8;

/// What retries were told.
#[derive(Clone, Default)]
pub(crate) struct Retries(Arc<Counts>);

#[derive(Default)]
struct Counts {
    sent: AtomicUsize,
    duplicates: AtomicUsize,
}

impl std::fmt::Display for Retries {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Counts { sent, duplicates } = &*self.0;
        let (sent, duplicates) = (sent.load(Ordering::Relaxed), duplicates.load(Ordering::Relaxed));
        write!(f, "{sent} retries: {duplicates} were in the log, {} were not", sent - duplicates)
    }
}

impl Retries {
    /// Notes the answer to a retry; anything but these two is a false conflict.
    fn note(&self, answer: &Response) {
        assert!(matches!(answer.status(), 200 | 204), "a false conflict: {}", answer.text());
        self.0.sent.fetch_add(1, Ordering::Relaxed);
        if answer.status() == 204 {
            self.0.duplicates.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Panics unless both kinds were seen: else the test shows nothing.
    pub(crate) fn assert_both_kinds(&self) {
        let Counts { sent, duplicates } = &*self.0;
        let (sent, duplicates) = (sent.load(Ordering::Relaxed), duplicates.load(Ordering::Relaxed));
        assert!(duplicates > 0 && duplicates < sent, "the kills came at lucky moments only: {self}");
    }
}

pub(crate) struct IdempotentProducer {
    pub(crate) stream: &'static str,
    pub(crate) name: &'static str,
    pub(crate) gate: Gate,
    pub(crate) history: HistoryChecker,
    pub(crate) retries: Retries,
}

impl IdempotentProducer {
    /// Keeps its pipeline full until told to stop, and ends once everything it sent was answered.
    pub(crate) fn run(&self) {
        // Numbers before the first are answered, those before the second were sent at least once.
        let (mut answered, mut sent, mut life) = (0, 0, 0);
        while !(self.gate.is_stopping() && answered == sent) {
            let api;
            (api, life) = self.gate.await_life_after(life);
            if let Ok(mut http) = api.try_connect() {
                // A failure is the server's death; the next life gets what is open.
                let _ = self.produce(&mut http, &mut answered, &mut sent);
            }
        }
    }

    fn produce(&self, http: &mut RawHttp, answered: &mut u64, sent: &mut u64) -> Result<(), Failure> {
        let Self { stream, name, .. } = self;
        let (mut next, again_before) = (*answered, *sent);
        loop {
            while next < again_before || (next < *answered + PIPELINE && !self.gate.is_stopping()) {
                self.history.sent(stream, name, next);
                *sent = (*sent).max(next + 1);
                http.try_send(append(stream, name, next, None))?;
                next += 1;
            }
            if *answered == next {
                return Ok(());
            }
            let answer = http.try_read_response("POST", Deadline::patient())?;
            if *answered < again_before {
                self.retries.note(&answer);
            } else {
                assert_eq!(answer.status(), 200, "{}", answer.text());
            }
            let said: u64 = field(&answer, "producer-seq").parse().expect("a number");
            // Of a duplicate it is the highest accepted.
            assert!((*answered..*sent).contains(&said), "{name}:{answered} was answered with {said}");
            self.history.acked(stream, name, *answered);
            self.gate.note_ack();
            *answered += 1;
        }
    }
}

/// A stream whose producer is closing it when the server is killed.
pub(crate) struct ClosingInFlight {
    stream: String,
}

impl ClosingInFlight {
    /// Makes the stream with one event and sends its last one, without waiting for what comes of it.
    pub(crate) fn start(api: Api, number: usize) -> Self {
        let stream = format!("closing/{number}");
        let fields = [("Content-Type", "text/event-stream"), ("Producer-Id", "zoe"), ("Producer-Epoch", "0")];
        let making = [&fields[..], &[("Producer-Seq", "0")]].concat();
        api.request("PUT", &Api::path(&stream), &making, "data: zoe:0\n\n").expect_status(201);
        let mut http = api.try_connect().expect("a connection");
        http.try_send(append(&stream, "zoe", 1, Some("failed"))).expect("a request that is sent");
        Self { stream }
    }

    /// Checks, in the server's next life, that the close sent again counts once; whether it had been in the log.
    pub(crate) fn assert_closed_once(&self, api: Api, retries: &Retries) {
        let send = |seq, close| RawHttp::connect(api.addr).exchange(append(&self.stream, "zoe", seq, close));
        retries.note(&send(1, Some("failed")));
        for _ in 0..2 {
            for answer in [send(1, Some("failed")), send(0, None)] {
                assert_eq!((answer.status(), field(&answer, "producer-seq")), (204, "1"), "{}", answer.text());
                assert_eq!(
                    (field(&answer, "stream-closed"), field(&answer, "stream-close-reason")),
                    ("true", "failed")
                );
            }
        }
        let events = api.subscribe(&self.stream).rest().0;
        let seen: Vec<&str> = events.iter().map(|event| event.data.as_str()).take(2).collect();
        assert_eq!((seen, events.len()), (vec!["zoe:0", "zoe:1"], 3), "two events and the close");
    }
}

fn append(stream: &str, name: &str, seq: u64, close: Option<&str>) -> Vec<u8> {
    let number = seq.to_string();
    let mut fields = vec![
        ("Content-Type", "text/event-stream"),
        ("Producer-Id", name),
        ("Producer-Epoch", "0"),
        ("Producer-Seq", number.as_str()),
    ];
    if let Some(reason) = close {
        fields.extend([("Stream-Closed", "true"), ("Stream-Close-Reason", reason)]);
    }
    Api::request_bytes("POST", &Api::path(stream), &fields, format!("data: {name}:{seq}\n\n").as_bytes())
}

fn field<'a>(answer: &'a Response, name: &str) -> &'a str {
    answer.head.field(name).unwrap_or_else(|| panic!("no {name} in {}", answer.text()))
}
