//! What a response means for a subscriber, from its head alone.

use std::time::Duration;

/// A response, judged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Judgement {
    /// An event stream.
    Open,
    /// 204: there is nothing more, for good.
    NoContent,
    /// 429 or 5xx: later, perhaps.
    Busy { retry_after: Option<Duration> },
    /// Any other status: never.
    Refused,
    /// A success that is no event stream: never.
    NotEventStream,
}

/// Judges a response as WHATWG 9.2.3 does, but for 429 and 5xx, after which it is worth coming back.
pub(crate) fn judge(status: u16, content_type: Option<&str>, retry_after: Option<&str>) -> Judgement {
    match status {
        200 if is_event_stream(content_type.unwrap_or_default()) => Judgement::Open,
        200 => Judgement::NotEventStream,
        204 => Judgement::NoContent,
        // The date form of Retry-After would need a clock.
        429 | 500..=599 => {
            Judgement::Busy { retry_after: retry_after.and_then(|it| it.trim().parse().ok()).map(Duration::from_secs) }
        }
        _ => Judgement::Refused,
    }
}

/// Compares the whole essence: parameters do not count, a common prefix does not suffice.
fn is_event_stream(content_type: &str) -> bool {
    let essence = content_type.split(';').next().unwrap_or_default();
    essence.trim().eq_ignore_ascii_case("text/event-stream")
}

#[cfg(test)]
mod tests;
