//! The resume point a client sends by itself: the `Last-Event-ID` header.

use everstream_hub::{EventId, Start};
use http::{HeaderMap, HeaderName};

/// The header an EventSource sends when it reconnects.
pub const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

/// What the `Last-Event-ID` header says; `None` when there is none or it is empty.
///
/// Never a refusal: an error would end an EventSource for good, while [`Start::Malformed`] makes it begin anew.
#[must_use]
pub fn presented(headers: &HeaderMap) -> Option<Start> {
    judge(headers.get_all(LAST_EVENT_ID).iter().map(|value| value.to_str().unwrap_or("not an id")))
}

/// What values presented as last event ids say together. Empty ones count as absent; different ones contradict each
/// other, so that none of them is believed.
pub fn judge<'a>(values: impl Iterator<Item = &'a str>) -> Option<Start> {
    let mut presented = values.map(str::trim).filter(|value| !value.is_empty());
    let first = presented.next()?;
    let id = EventId::parse(first).ok().filter(|_| presented.all(|other| other == first));
    Some(id.map_or(Start::Malformed, Start::After))
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn start(values: &[&[u8]]) -> Option<Start> {
        let headers = values.iter().map(|value| (LAST_EVENT_ID, HeaderValue::from_bytes(value).unwrap())).collect();
        presented(&headers)
    }

    #[test]
    fn an_id_is_read_and_emptiness_is_absence() {
        let id = EventId::parse("k3v9-7").unwrap();
        assert_eq!(start(&[b"k3v9-7"]), Some(Start::After(id)));
        assert_eq!(start(&[b"", b"k3v9-7", b"k3v9-7"]), Some(Start::After(id)));
        assert_eq!(start(&[]), None);
        assert_eq!(start(&[b""]), None);
    }

    #[test]
    fn what_is_none_of_our_ids_is_malformed() {
        let cases: [&[&[u8]]; 4] = [&[b"7"], &[b"k3v9-1", b"k3v9-2"], &[b"\xe2\x80\xa6"], &[b"k3v9-1, k3v9-1"]];
        for values in cases {
            assert_eq!(start(values), Some(Start::Malformed), "{values:?}");
        }
    }
}
