//! Where a subscription starts: header before query (or body) before `from`.

use everstream_hub::{EventId, Start};
use http::HeaderMap;
use serde::Deserialize;

use super::query::Query;
use crate::last_event_id;
use crate::problem::{Code, Problem};

/// What the body of `POST ?action=subscribe` may say.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Wish {
    #[serde(default)]
    last_event_id: Option<String>,
    #[serde(default)]
    from: Option<String>,
}

/// The start that a request asks for; empty values count as absent, and nothing at all is the beginning.
///
/// # Errors
/// `invalid_parameter` for a malformed `from`. A malformed last event id is no error: see [`last_event_id`].
pub(super) fn start(headers: &HeaderMap, query: &Query, wish: &Wish) -> Result<Start, Problem> {
    let from_query = || last_event_id::judge(query.all("last_event_id").chain(query.all("lastEventId")));
    let from_wish = || last_event_id::judge(wish.last_event_id.as_deref().into_iter());
    if let Some(start) = last_event_id::presented(headers).or_else(from_query).or_else(from_wish) {
        return Ok(start);
    }
    let from = query.all("from").chain(wish.from.as_deref()).map(str::trim);
    let mut from = from.filter(|value| !value.is_empty());
    let Some(first) = from.next() else { return Ok(Start::Beginning) };
    match from.find(|other| *other != first) {
        Some(other) => Err(malformed(other)),
        None => named(first).ok_or_else(|| malformed(first)),
    }
}

fn named(from: &str) -> Option<Start> {
    match from {
        "start" => Some(Start::Beginning),
        "now" => Some(Start::Now),
        id => EventId::parse(id).ok().map(Start::After),
    }
}

fn malformed(from: &str) -> Problem {
    Problem::new(Code::InvalidParameter, "`from` is one of `start`, `now` and an event id such as `k3v9x2ab-42`")
        .about("from", from, "start")
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn after(id: &str) -> Option<Start> {
        Some(Start::After(EventId::parse(id).unwrap()))
    }

    fn wanted(header: Option<&str>, query: &str, wish: &Wish) -> Option<Start> {
        let headers = header.map(|id| (last_event_id::LAST_EVENT_ID, HeaderValue::from_str(id).unwrap()));
        let uri = format!("/v1/stream/a?{query}").parse().unwrap();
        start(&headers.into_iter().collect(), &Query::of(&uri), wish).ok()
    }

    fn start_of(header: Option<&str>, query: &str) -> Option<Start> {
        wanted(header, query, &Wish::default())
    }

    #[test]
    fn the_header_goes_before_the_query_and_the_query_before_from() {
        assert_eq!(start_of(Some("k3v9-3"), "last_event_id=k3v9-2&from=k3v9-1"), after("k3v9-3"));
        assert_eq!(start_of(None, "from=k3v9-1&lastEventId=k3v9-2"), after("k3v9-2"));
        assert_eq!(start_of(None, "from=k3v9-1"), after("k3v9-1"));
        assert_eq!(start_of(None, "from=now"), Some(Start::Now));
        assert_eq!(start_of(None, ""), Some(Start::Beginning));
    }

    #[test]
    fn the_body_is_asked_after_the_query() {
        let wish = Wish { last_event_id: Some("k3v9-2".into()), from: Some("now".into()) };
        assert_eq!(wanted(None, "", &wish), after("k3v9-2"));
        assert_eq!(wanted(None, "last_event_id=k3v9-1", &wish), after("k3v9-1"));
        assert_eq!(wanted(None, "", &Wish { last_event_id: None, ..wish }), Some(Start::Now));
    }

    #[test]
    fn emptiness_is_absence() {
        assert_eq!(start_of(Some(""), "last_event_id=k3v9-2"), after("k3v9-2"));
        assert_eq!(start_of(Some(""), "last_event_id=&lastEventId=&from="), Some(Start::Beginning));
    }

    #[test]
    fn a_malformed_id_is_answered_with_a_reset_but_a_malformed_from_is_refused() {
        assert_eq!(start_of(Some("7"), "from=now"), Some(Start::Malformed));
        assert_eq!(start_of(None, "last_event_id=7"), Some(Start::Malformed));
        assert_eq!(start_of(None, "last_event_id=k3v9-1&lastEventId=k3v9-2"), Some(Start::Malformed));
        for query in ["from=7", "from=START", "from=start&from=now", "from=k3v9-01", "from=%0Adata:%20evil"] {
            assert_eq!(start_of(None, query), None, "{query}");
        }
    }
}
