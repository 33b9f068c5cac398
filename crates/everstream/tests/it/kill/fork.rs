//! Forks that are being made, and their sources deleted, when the server is killed.

use std::thread::{self, JoinHandle};

use everstream_testkit::{Api, RawHttp};

/// So many of a life's last stories are looked at: what is older was on the disk long before the kill.
const STORIES_MAX: usize = 25;

/// Makes a source, forks it, deletes the source, deletes the fork, over and over until the server is killed.
pub(crate) struct ForksInFlight(JoinHandle<Vec<Story>>);

/// One source and its fork.
struct Story {
    name: String,
    /// How many of [`STEPS`] were acknowledged; the next one was begun.
    acknowledged: usize,
    /// How many of [`STEPS`] this one is to have.
    length: usize,
}

/// What a story's source and fork look like: its status, and the fork's records if it is there.
type Looks = (u16, Option<&'static str>);

/// Method, path behind the story's name, status, and how the story looks once that is acknowledged.
const STEPS: [(&str, &str, u16, Looks); 4] = [
    ("PUT", "", 201, (200, None)),
    ("PUT", "/fork", 201, (200, Some("data: 0\n\ndata: 1\n\ndata: own\n\n"))),
    ("DELETE", "", 204, (410, Some("data: 0\n\ndata: 1\n\ndata: own\n\n"))),
    ("DELETE", "/fork", 204, (404, None)),
];
const BEFORE: Looks = (404, None);

impl ForksInFlight {
    pub(crate) fn start(api: Api, round: usize) -> Self {
        Self(thread::spawn(move || {
            let mut stories = Vec::new();
            let Ok(mut http) = api.try_connect() else { return stories };
            loop {
                let number = stories.len();
                let (name, length) = (format!("forked/{round}/{number}"), 2 + number % 3);
                let acknowledged = tell(&mut http, &name, length);
                stories.push(Story { name, acknowledged, length });
                if acknowledged < length {
                    return stories;
                }
            }
        }))
    }

    /// Checks, in the server's next life, that every step that was acknowledged has held, and none was done by half.
    /// Returns how many stories there were.
    pub(crate) fn assert_kept(self, api: Api) -> usize {
        let stories = self.0.join().expect("a thread that met nothing but the kill");
        for Story { name, acknowledged, length } in stories.iter().rev().take(STORIES_MAX) {
            let looks = |steps: usize| steps.checked_sub(1).map_or(BEFORE, |last| STEPS[last].3);
            let seen = look(api, name);
            let seen = (seen.0, seen.1.as_deref());
            let may_be = [looks(*acknowledged), looks((acknowledged + 1).min(*length))];
            assert!(may_be.contains(&seen), "{name} after {acknowledged} of {length} steps: {seen:?}");
        }
        stories.len()
    }
}

/// Takes the steps of a story; how many were acknowledged.
fn tell(http: &mut RawHttp, name: &str, length: usize) -> usize {
    let source = Api::path(name);
    for (number, (method, behind, status, _)) in STEPS.into_iter().take(length).enumerate() {
        let typed = ("Content-Type", "text/event-stream");
        let (fields, body) = match number {
            0 => (vec![typed], "data: 0\n\ndata: 1\n\ndata: 2\n\n"),
            1 => {
                let forked = ("Stream-Forked-From", source.as_str());
                (vec![typed, forked, ("Stream-Fork-Offset", "2_0")], "data: own\n\n")
            }
            _ => (Vec::new(), ""),
        };
        let request = Api::request_bytes(method, &format!("{source}{behind}"), &fields, body.as_bytes());
        match http.try_exchange(request) {
            Ok(answer) => assert_eq!(answer.status(), status, "{method} {name}{behind}: {}", answer.text()),
            Err(_) => return number,
        }
    }
    length
}

fn look(api: Api, name: &str) -> (u16, Option<String>) {
    let source = api.get(&Api::path(name)).status();
    let fork = api.get(&format!("{}/fork", Api::path(name)));
    (source, (fork.status() == 200).then(|| fork.text()))
}
