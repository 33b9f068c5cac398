//! `GET /event`: ten events that give the parameters back, and a close.

use std::time::Duration;

use bytes::Bytes;
use everstream_codec::encode;
use serde::Serialize;

use super::ticker::{Source, Tick};
use crate::problem::{Code, Problem};

const EVENTS: u32 = 10;
const INTERVAL_DEFAULT: Duration = Duration::from_secs(1);
/// Shorter than the silence that proxies bear, so that no keep-alive is needed.
const INTERVAL_MAX_MS: u64 = 10_000;
const CLOSE: &[u8] = b"event: close\ndata: close\n\n";

/// The events of one request.
#[derive(Debug)]
pub(super) struct Countdown {
    echo: Echo,
    interval: Duration,
}

/// JSON escapes every line end, so that no value leaves its `data:` line.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Echo {
    index: u32,
    app_id: String,
    page: String,
    page_size: String,
}

impl Countdown {
    /// The events that a query asks for.
    ///
    /// # Errors
    /// `missing_parameter` for one that is absent or empty, `invalid_parameter` for an interval out of range.
    pub(super) fn of(query: &[(String, String)]) -> Result<Self, Problem> {
        let value = |name: &str| query.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
        let needed = |name: &str, example: &str| match value(name) {
            Some(value) if !value.is_empty() => Ok(value.to_owned()),
            other => Err(Problem::new(Code::MissingParameter, format!("`{name}` is missing")).about(
                name,
                other.unwrap_or_default(),
                example,
            )),
        };
        let echo = Echo {
            index: 0,
            app_id: needed("appId", "demo")?,
            page: needed("page", "1")?,
            page_size: needed("pageSize", "20")?,
        };
        let interval = value("interval_ms").map_or(Ok(INTERVAL_DEFAULT), interval)?;
        Ok(Self { echo, interval })
    }
}

impl Source for Countdown {
    fn times(&self) -> (Duration, Duration) {
        (Duration::ZERO, self.interval)
    }

    fn tick(&mut self, _elapsed: Duration) -> Tick {
        let mut frame = Vec::with_capacity(128);
        // Strings and a number always serialise.
        encode::data(&mut frame, &serde_json::to_vec(&self.echo).unwrap_or_default());
        encode::end(&mut frame);
        self.echo.index += 1;
        if self.echo.index < EVENTS {
            return Tick::More(frame.into());
        }
        frame.extend_from_slice(CLOSE);
        Tick::Last(Bytes::from(frame))
    }
}

fn interval(text: &str) -> Result<Duration, Problem> {
    match text.parse() {
        Ok(ms @ 0..=INTERVAL_MAX_MS) => Ok(Duration::from_millis(ms)),
        _ => Err(Problem::new(
            Code::InvalidParameter,
            format!("`interval_ms` is a number of milliseconds up to {INTERVAL_MAX_MS}"),
        )
        .about("interval_ms", text, "200")),
    }
}
