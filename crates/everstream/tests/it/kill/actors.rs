//! Those who append and those who read while the server is killed.

use everstream_testkit::{Api, Deadline, Event, Failure, HistoryChecker, RawHttp, RawSse, Start};

use super::gate::Gate;

pub(crate) struct Producer {
    pub(crate) stream: &'static str,
    pub(crate) name: &'static str,
    pub(crate) gate: Gate,
    pub(crate) history: HistoryChecker,
}

impl Producer {
    /// Appends one event after the other, each after the acknowledgement of the one before, until told to stop. An append
    /// whose answer is lost is not tried again: it is in the stream or not.
    pub(crate) fn run(&self) {
        let mut seq = 0;
        let mut life = 0;
        while !self.gate.is_stopping() {
            let api;
            (api, life) = self.gate.await_life_after(life);
            if let Ok(mut http) = api.try_connect() {
                while !self.gate.is_stopping() && self.append(&mut http, seq).is_ok() {
                    seq += 1;
                }
                // The number of the append that failed is used up: its outcome is unknown.
                seq += 1;
            }
        }
    }

    fn append(&self, http: &mut RawHttp, seq: u64) -> Result<(), Failure> {
        let Self { stream, name, .. } = self;
        let body = format!("data: {name}:{seq}\n\n");
        let fields = [("Content-Type", "text/event-stream")];
        self.history.sent(stream, name, seq);
        let answer = http.try_exchange(Api::request_bytes("POST", &Api::path(stream), &fields, body.as_bytes()))?;
        assert_eq!(answer.status(), 204, "{}", answer.text());
        self.history.acked(stream, name, seq);
        self.gate.note_ack();
        Ok(())
    }
}

/// Reads the stream to its close, resuming in each life of the server after the last event it saw.
pub(crate) fn subscriber(stream: &str, name: &str, gate: &Gate, history: &HistoryChecker) {
    let mut last_event_id: Option<String> = None;
    let mut life = 0;
    loop {
        let api;
        (api, life) = gate.await_life_after(life);
        let start = Start { target: &Api::path(stream), last_event_id: last_event_id.as_deref() };
        let Ok(mut subscription) = RawSse::try_open(api.addr, start) else { continue };
        loop {
            match subscription.try_next_event(Deadline::patient()) {
                Ok(Some(event)) if event.event_type == "close" => return,
                Ok(Some(event)) => note(stream, name, &event, history),
                Ok(None) => break,
                Err(failure) => panic!("{name} of {stream} hangs or reads nonsense: {failure}"),
            }
        }
        last_event_id = subscription.last_event_id().map(str::to_owned).or(last_event_id);
    }
}

fn note(stream: &str, subscriber: &str, event: &Event, history: &HistoryChecker) {
    assert_eq!(event.event_type, "message", "{event:?}");
    let (producer, seq) = event.data.split_once(':').expect("producer and number");
    history.observed(stream, subscriber, producer, seq.parse().expect("a number"));
}
