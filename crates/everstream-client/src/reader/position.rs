//! Where a reader is and how it goes on. A state machine without I/O.

use everstream_codec::Event;
use serde::Deserialize;

use crate::end::CloseReason;
use crate::reader::Live;

/// The offset before everything.
pub(super) const BEGINNING: &str = "-1";

/// Where the next request begins.
#[derive(Debug, Clone)]
pub(super) struct Position {
    live: Live,
    offset: String,
    cursor: Option<String>,
}

/// What an answer says about itself, in its head or in a control event.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Facts {
    #[serde(rename = "streamNextOffset")]
    pub(super) next_offset: String,
    #[serde(default, rename = "streamCursor")]
    pub(super) cursor: Option<String>,
    #[serde(default, rename = "upToDate")]
    pub(super) is_up_to_date: bool,
    #[serde(default, rename = "streamClosed")]
    pub(super) is_closed: bool,
    #[serde(default, rename = "streamCloseReason")]
    pub(super) close_reason: Option<String>,
}

/// How it goes on behind an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum After {
    More,
    /// There is nothing more now, and a reader that is not live is done.
    UpToDate,
    /// There is nothing more, ever.
    Closed(Option<CloseReason>),
}

/// The events of one `live=sse` connection, as pieces of the stream.
#[derive(Debug, Default)]
pub(super) struct Frames {
    is_base64: bool,
    bytes_max: usize,
    /// What has come since the last control event.
    data: Vec<u8>,
}

/// What an event of `live=sse` comes to.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Frame {
    /// Nothing yet, or nothing of the protocol's.
    Nothing,
    /// A piece, which may be empty, and what follows it.
    Piece(Vec<u8>, Facts),
    /// It is not what the protocol says.
    Malformed(String),
    /// The data before the next control event is more than a piece may have.
    TooLarge,
}

impl Position {
    pub(super) fn new(live: Live, offset: &str) -> Self {
        let offset = if offset.is_empty() { BEGINNING } else { offset };
        Self { live, offset: offset.to_owned(), cursor: None }
    }

    pub(super) fn offset(&self) -> &str {
        &self.offset
    }

    /// The query of the next request.
    pub(super) fn query(&self) -> Vec<(&'static str, &str)> {
        let mut query = vec![("offset", self.offset.as_str())];
        query.extend(self.live.as_str().map(|live| ("live", live)));
        query.extend(self.cursor.as_deref().map(|cursor| ("cursor", cursor)));
        query
    }

    /// Goes on behind what an answer brought. Whatever was read before it counts no more.
    pub(super) fn move_on(&mut self, facts: Facts) -> After {
        self.offset = facts.next_offset;
        self.cursor = facts.cursor.or(self.cursor.take());
        match (facts.is_closed, facts.is_up_to_date && self.live == Live::Not) {
            (true, _) => After::Closed(facts.close_reason.as_deref().map(CloseReason::parse)),
            (false, true) => After::UpToDate,
            (false, false) => After::More,
        }
    }
}

impl Frames {
    pub(super) const fn new(is_base64: bool, bytes_max: usize) -> Self {
        Self { is_base64, bytes_max, data: Vec::new() }
    }

    /// Takes an event. Data counts once its control event is there: a connection that breaks between them has brought
    /// nothing, and the next one brings it again.
    pub(super) fn take(&mut self, event: &Event<'_>) -> Frame {
        match event.event_type.as_ref() {
            "data" => match self.decode(&event.data) {
                Ok(data) if self.data.len() + data.len() > self.bytes_max => Frame::TooLarge,
                Ok(data) => {
                    self.data.extend(data);
                    Frame::Nothing
                }
                Err(why) => Frame::Malformed(why),
            },
            "control" => match serde_json::from_str(&event.data) {
                Ok(facts) => Frame::Piece(std::mem::take(&mut self.data), facts),
                Err(error) => Frame::Malformed(format!("a control event cannot be read: {error}")),
            },
            _ => Frame::Nothing,
        }
    }

    fn decode(&self, data: &str) -> Result<Vec<u8>, String> {
        if !self.is_base64 {
            return Ok(data.as_bytes().to_vec());
        }
        let joined: String = data.split_ascii_whitespace().collect();
        base64::Engine::decode(&base64::engine::general_purpose::STANDARD, joined)
            .map_err(|error| format!("a data event is not base64: {error}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(next_offset: &str) -> Facts {
        Facts { next_offset: next_offset.to_owned(), ..Facts::default() }
    }

    fn event(event_type: &'static str, data: &'static str) -> Event<'static> {
        let mut decoder = everstream_codec::Decoder::default();
        let text = format!("event: {event_type}\ndata:{data}\n\n");
        match decoder.next(&mut text.as_bytes()).unwrap().unwrap().into_owned() {
            everstream_codec::Item::Event(event) => event,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_request_names_offset_mode_and_the_last_cursor() {
        let mut position = Position::new(Live::LongPoll, "");
        assert_eq!(position.query(), [("offset", "-1"), ("live", "long-poll")]);
        position.move_on(Facts { cursor: Some("7".to_owned()), ..facts("1_0") });
        position.move_on(facts("2_0"));
        assert_eq!(position.query(), [("offset", "2_0"), ("live", "long-poll"), ("cursor", "7")]);
        assert_eq!(Position::new(Live::Not, "now").query(), [("offset", "now")]);
    }

    #[test]
    fn only_a_close_ends_a_live_reader_and_the_tail_ends_the_others() {
        let at_tail = || Facts { is_up_to_date: true, ..facts("1_0") };
        let closed = || Facts { is_closed: true, close_reason: Some("failed".to_owned()), ..at_tail() };
        for (live, expected) in [(Live::Not, After::UpToDate), (Live::LongPoll, After::More), (Live::Sse, After::More)]
        {
            let mut position = Position::new(live, "-1");
            assert_eq!(position.move_on(facts("0_0")), After::More);
            assert_eq!(position.move_on(at_tail()), expected);
            assert_eq!(position.move_on(closed()), After::Closed(Some(CloseReason::Failed)));
        }
    }

    #[test]
    fn data_counts_with_its_control_event() {
        let mut frames = Frames::new(false, 100);
        assert_eq!(frames.take(&event("data", "[1]")), Frame::Nothing);
        let control = event("control", r#"{"streamNextOffset":"1_0","streamCursor":"9","upToDate":true,"more":[]}"#);
        let expected = Facts { cursor: Some("9".to_owned()), is_up_to_date: true, ..facts("1_0") };
        assert_eq!(frames.take(&control), Frame::Piece(b"[1]".to_vec(), expected.clone()));
        assert_eq!(frames.take(&event("other", "x")), Frame::Nothing);
        assert_eq!(frames.take(&control), Frame::Piece(Vec::new(), expected));
        assert!(matches!(frames.take(&event("control", "{}")), Frame::Malformed(_)));
    }

    #[test]
    fn bytes_travel_as_base64() {
        let mut frames = Frames::new(true, 2);
        assert_eq!(frames.take(&event("data", "AP8=")), Frame::Nothing);
        let Frame::Piece(data, _) = frames.take(&event("control", r#"{"streamNextOffset":"1_0"}"#)) else {
            panic!("no piece");
        };
        assert_eq!(data, [0, 255]);
        assert!(matches!(frames.take(&event("data", "!")), Frame::Malformed(_)));
    }
}
