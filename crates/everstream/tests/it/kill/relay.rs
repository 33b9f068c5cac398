//! An answer that is on its way when the server is killed.

use everstream_testkit::{Api, Deadline, Ending, Event, RawSse};

pub(crate) struct RelayInFlight {
    stream: String,
    viewer: RawSse,
    seen: Vec<Event>,
}

impl RelayInFlight {
    /// Asks the demo and watches the first `events` of its answer.
    pub(crate) fn start(api: Api, events: usize) -> Self {
        let ask = br#"{"model":"demo","stream":true,"messages":[{"role":"user","content":"tell me a long story"}]}"#;
        let fields = [("Content-Type", "application/json"), ("Prefer", "respond-async")];
        let accepted = api.request("POST", "/demo/v1/chat/completions", &fields, ask).expect_status(202);
        let path = accepted.head.field("location").expect("where the answer is").to_owned();
        let mut viewer = api.subscribe_to(&path);
        let seen = viewer.next_events(events);
        Self { stream: path.trim_start_matches("/v1/stream/").to_owned(), viewer, seen }
    }

    /// Checks, in the server's next life, that the answer has ended as interrupted and that its viewer can see so; returns
    /// how many events it had.
    pub(crate) fn assert_interrupted_and_resumable(mut self, api: Api) -> usize {
        while let Some(event) = self.viewer.try_next_event(Deadline::patient()).expect("a cut, not a hang") {
            self.seen.push(event);
        }
        assert_eq!(self.viewer.ending(), Some(Ending::Cut), "a killed server says no goodbye");
        assert_eq!(api.state(&self.stream)["close_reason"], "interrupted");
        let mut resumed = match self.viewer.last_event_id() {
            Some(id) => api.resume(&self.stream, id),
            None => api.subscribe(&self.stream),
        };
        let (rest, ending) = resumed.rest();
        assert_eq!(ending, Ending::Clean);
        self.seen.extend(rest);
        let (canonical, _) = api.subscribe(&self.stream).rest();
        assert_eq!(self.seen, canonical, "what was seen and the rest are the whole");
        let close = canonical.last().expect("a close event");
        assert_eq!((close.event_type.as_str(), &close.json()["reason"]), ("close", &"interrupted".into()));
        canonical.len() - 1
    }
}
