//! `kill -9` at random moments: what was acknowledged is there, once and in order, and no reader hangs; what a producer
//! sends again is there once as well.
//!
//! Producers append and await each acknowledgement, subscribers follow and resume by `Last-Event-ID`, an answer of the
//! demo and the last append of a stream are in flight, streams are forked and their sources deleted; then the process is
//! killed at a random point of this traffic and started again, over and over.

mod actors;
mod fork;
mod gate;
mod idempotent;
mod relay;

use std::thread;

use everstream_testkit::HistoryChecker;

use crate::support::server;
use actors::{Producer, subscriber};
use fork::ForksInFlight;
use gate::Gate;
use idempotent::{ClosingInFlight, IdempotentProducer, Retries};
use relay::RelayInFlight;

const ROUNDS: usize = 30;

/// Streams and their producers: one shared by two, two with one each.
const STREAMS: [(&str, &[&str]); 4] =
    [("shared", &["ann", "bob"]), ("of-cid", &["cid"]), ("of-dee", &["dee"]), ("of-idempotent", &[])];
/// Streams and their idempotent producers.
const IDEMPOTENT: [(&str, &str); 3] = [("shared", "eve"), ("of-idempotent", "fay"), ("of-idempotent", "gus")];
const SUBSCRIBERS_PER_STREAM: usize = 2;

#[test]
fn nothing_acknowledged_is_lost_repeated_or_reordered_by_kill_9() {
    let seed = seed();
    println!("seed {seed} (EVERSTREAM_TEST_SEED={seed} repeats the choices)");
    let mut random = fastrand::Rng::with_seed(seed);
    let mut server = server();
    let (gate, history) = (Gate::open(server.api()), HistoryChecker::default());
    for (stream, _) in STREAMS {
        server.api().create_events(stream);
    }
    let retries = Retries::default();
    let actors = spawn_actors(&gate, &history, &retries);
    let (mut answered_before_kill, mut forked) = (0, 0);
    for round in 0..ROUNDS {
        let forks = ForksInFlight::start(server.api(), round);
        let relay = RelayInFlight::start(server.api(), random.usize(0..4));
        gate.await_acks(random.u64(1..150));
        let closing = ClosingInFlight::start(server.api(), round);
        gate.shut();
        server.kill9();
        server.restart();
        closing.assert_closed_once(server.api(), &retries);
        forked += forks.assert_kept(server.api());
        answered_before_kill += relay.assert_interrupted_and_resumable(server.api());
        gate.reopen(server.api());
    }
    gate.await_acks(20);
    gate.stop_producers();
    let (producers, subscribers) = actors;
    producers.into_iter().for_each(|producer| producer.join().expect("a producer that was never let down"));
    STREAMS.iter().for_each(|(stream, _)| drop(server.api().close(stream, "completed")));
    subscribers.into_iter().for_each(|subscriber| subscriber.join().expect("a subscriber that reached the end"));
    let verdict = history.verdict();
    println!(
        "{ROUNDS} kills: {verdict}; {ROUNDS} answers interrupted after {answered_before_kill} events, all resumed; {retries}; \
         {forked} sources forked and deleted, each step kept or not begun"
    );
    verdict.assert_faultless();
    retries.assert_both_kinds();
}

type Actors = Vec<thread::JoinHandle<()>>;

fn spawn_actors(gate: &Gate, history: &HistoryChecker, retries: &Retries) -> (Actors, Actors) {
    let (mut producers, mut subscribers) = (Vec::new(), Vec::new());
    for (stream, name) in IDEMPOTENT {
        let (gate, history, retries) = (gate.clone(), history.clone(), retries.clone());
        let producer = IdempotentProducer { stream, name, gate, history, retries };
        producers.push(thread::spawn(move || producer.run()));
    }
    for (stream, names) in STREAMS {
        for &name in names {
            let producer = Producer { stream, name, gate: gate.clone(), history: history.clone() };
            producers.push(thread::spawn(move || producer.run()));
        }
        for n in 0..SUBSCRIBERS_PER_STREAM {
            let (gate, history) = (gate.clone(), history.clone());
            subscribers.push(thread::spawn(move || subscriber(stream, &format!("reader-{n}"), &gate, &history)));
        }
    }
    (producers, subscribers)
}

#[expect(clippy::disallowed_methods, reason = "repeating a failed run is the developer's choice, not configuration")]
fn seed() -> u64 {
    std::env::var("EVERSTREAM_TEST_SEED").ok().and_then(|text| text.parse().ok()).unwrap_or_else(|| fastrand::u64(..))
}
