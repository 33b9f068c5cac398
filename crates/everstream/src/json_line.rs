//! Items as JSON, one object a line: the shape that `decode` and `subscribe --json` share.

use std::io::{self, Write};
use std::time::Duration;

use everstream_client::Event;
use serde::Serialize;

#[derive(Serialize)]
struct EventLine<'a> {
    #[serde(rename = "type")]
    event_type: &'a str,
    data: &'a str,
    id: &'a str,
}

#[derive(Serialize)]
struct RetryLine {
    retry: u64,
}

#[derive(Serialize)]
struct LastEventIdLine<'a> {
    last_event_id: &'a str,
}

pub(crate) fn event(out: &mut impl Write, event: &Event<'_>) -> io::Result<()> {
    line(out, &EventLine { event_type: &event.event_type, data: &event.data, id: &event.id })
}

pub(crate) fn retry(out: &mut impl Write, time: Duration) -> io::Result<()> {
    line(out, &RetryLine { retry: u64::try_from(time.as_millis()).unwrap_or(u64::MAX) })
}

pub(crate) fn last_event_id(out: &mut impl Write, id: &str) -> io::Result<()> {
    line(out, &LastEventIdLine { last_event_id: id })
}

fn line(out: &mut impl Write, value: &impl Serialize) -> io::Result<()> {
    serde_json::to_writer(&mut *out, value)?;
    out.write_all(b"\n")
}
