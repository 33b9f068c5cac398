//! The `ETag` of a bounded read: it changes whenever the answer would.

use everstream_hub::{End, StreamState};
use everstream_log::{Epoch, Offset};
use http::header::IF_NONE_MATCH;
use http::{HeaderMap, HeaderValue};

/// What an answer holds, and where it stands: `"<epoch>-<start>-<end>"`, with `-tail` when nothing comes after it yet and
/// `-end` when nothing ever will. The last part is what makes a close, or an append right behind a full page, a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct EntityTag {
    epoch: Epoch,
    start: Offset,
    end: Offset,
    place: Place,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Amid,
    Tail,
    End,
}

impl EntityTag {
    /// The tag of the records from `start` to `end` of a stream that is in `state` now.
    pub(super) fn of(state: &StreamState, start: Offset, end: Offset) -> Self {
        let place = match state.end {
            _ if end != state.tail => Place::Amid,
            Some(End::Closed(_)) => Place::End,
            _ => Place::Tail,
        };
        Self { epoch: state.epoch, start, end, place }
    }

    /// As a header.
    pub(super) fn to_value(self) -> HeaderValue {
        let Self { epoch, start, end, place } = self;
        let place = match place {
            Place::Amid => "",
            Place::Tail => "-tail",
            Place::End => "-end",
        };
        let text = format!("\"{epoch}-{start}-{end}{place}\"");
        // An epoch is a token.
        HeaderValue::try_from(text).unwrap_or_else(|_| HeaderValue::from_static("\"\""))
    }

    /// Whether the client has what the tag stands for (RFC 9110, 13.1.2: weakly compared, several lines are one list).
    pub(super) fn is_held_by(self, headers: &HeaderMap) -> bool {
        let own = self.to_value();
        let held = headers.get_all(IF_NONE_MATCH).iter().flat_map(|line| line.as_bytes().split(|byte| *byte == b','));
        held.map(<[u8]>::trim_ascii).any(|tag| tag == b"*" || tag.strip_prefix(b"W/").unwrap_or(tag) == own.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tag() -> EntityTag {
        EntityTag { epoch: Epoch::parse("k3v9").unwrap(), start: Offset(0), end: Offset(3), place: Place::Tail }
    }

    fn is_held(lines: &[&'static str]) -> bool {
        tag().is_held_by(&lines.iter().map(|line| (IF_NONE_MATCH, HeaderValue::from_static(line))).collect())
    }

    #[test]
    fn a_tag_is_looked_for_in_the_whole_list() {
        assert_eq!(tag().to_value(), "\"k3v9-0-3-tail\"");
        for held in ["\"k3v9-0-3-tail\"", "W/\"k3v9-0-3-tail\"", "\"x\", \"k3v9-0-3-tail\"", "*"] {
            assert!(is_held(&[held]), "{held}");
        }
        assert!(is_held(&["\"x\"", "\"k3v9-0-3-tail\""]));
        for other in ["", "\"k3v9-0-3\"", "\"k3v9-0-3-end\"", "k3v9-0-3-tail", "\"k3v8-0-3-tail\""] {
            assert!(!is_held(&[other]), "{other}");
        }
        assert!(!is_held(&[]));
    }
}
