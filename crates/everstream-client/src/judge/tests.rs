use std::time::Duration;

use super::{Judgement, judge};

#[test]
fn only_200_with_the_whole_essence_is_a_stream() {
    for content_type in [
        "text/event-stream",
        "text/event-stream;",
        "text/event-stream; charset=utf-8",
        "text/event-stream;charset=windows-1252",
        " Text/Event-Stream ",
    ] {
        assert_eq!(judge(200, Some(content_type), None), Judgement::Open, "{content_type}");
    }
    for content_type in [
        None,
        Some(""),
        Some("text/html"),
        Some("application/json"),
        Some("text/event-streamx"),
        Some("xtext/event-stream"),
        Some("text/event-stream/x"),
    ] {
        assert_eq!(judge(200, content_type, None), Judgement::NotEventStream, "{content_type:?}");
    }
}

#[test]
fn a_status_ends_it_for_good_or_is_worth_coming_back() {
    let stream = Some("text/event-stream");
    assert_eq!(judge(204, None, None), Judgement::NoContent);
    for status in [201, 205, 206, 210, 299, 301, 304, 400, 401, 403, 404, 405, 409, 410, 431] {
        assert_eq!(judge(status, stream, None), Judgement::Refused, "{status}");
    }
    for status in [429, 500, 502, 503, 504, 599] {
        assert_eq!(judge(status, stream, None), Judgement::Busy { retry_after: None }, "{status}");
    }
}

#[test]
fn retry_after_is_read_in_seconds() {
    let after = |text| judge(503, None, Some(text));
    assert_eq!(after("120"), Judgement::Busy { retry_after: Some(Duration::from_secs(120)) });
    for text in ["", "soon", "-1", "1.5", "Wed, 21 Oct 2026 07:28:00 GMT"] {
        assert_eq!(after(text), Judgement::Busy { retry_after: None }, "{text}");
    }
}
