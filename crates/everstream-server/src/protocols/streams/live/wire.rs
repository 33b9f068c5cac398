//! The events of `live=sse`.
//!
//! A batch is `event: data`, and behind it `event: control`, which says where the batch leads. There is no space behind
//! `data:`, which clients of the protocol count on, unless the line begins with one. Each event has an `id:` line, which
//! those clients ignore and an EventSource sends back: both events of a batch have the same, so that it does not matter
//! between which of them a connection breaks.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use everstream_codec::encode;
use everstream_hub::{Batch, BatchFrame, ContentKind, EventId};
use everstream_log::CloseReason;
use serde::Serialize;

use super::cursor;
use crate::protocols::streams::joined::join;
use crate::protocols::streams::position::Position;

/// Room for the field names, the ids and a control event.
const OVERHEAD: usize = 320;

/// What a control event says.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Control {
    stream_next_offset: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    stream_cursor: Option<String>,
    #[serde(skip_serializing_if = "is_false")]
    up_to_date: bool,
    #[serde(skip_serializing_if = "is_false")]
    stream_closed: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    stream_close_reason: Option<&'static str>,
}

/// By reference, as serde asks.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature that serde calls")]
const fn is_false(flag: &bool) -> bool {
    !*flag
}

/// One batch, and behind it the control event for all who are at the tail and have no cursor of their own.
pub(super) fn batch(batch: &Batch<'_>) -> BatchFrame {
    let data = join(batch.content, batch.records.iter());
    let mut out = Vec::with_capacity(data.len() + data.len() / 2 + OVERHEAD);
    let id = EventId::new(batch.epoch, batch.next);
    encode::id(&mut out, &id.to_string());
    out.extend_from_slice(b"event: data\n");
    match batch.content {
        ContentKind::Binary => encode::dense_data(&mut out, STANDARD.encode(&data).as_bytes()),
        // An event stream is UTF-8, whatever a publisher calls text; a bounded read has the bytes as they are.
        _ => encode::dense_data(&mut out, String::from_utf8_lossy(&data).as_bytes()),
    }
    encode::end(&mut out);
    let data_bytes = out.len();
    control(&mut out, id, &Control::newest(id, cursor::at(batch.now)));
    let whole = Bytes::from(out);
    BatchFrame { data: whole.slice(..data_bytes), whole, at: batch.now }
}

/// A control event, at `id`.
pub(super) fn control(out: &mut Vec<u8>, id: EventId, control: &Control) {
    encode::id(out, &id.to_string());
    out.extend_from_slice(b"event: control\n");
    // Strings and flags always serialise, onto one line.
    encode::dense_data(out, &serde_json::to_vec(control).unwrap_or_default());
    encode::end(out);
}

impl Control {
    /// More is there already.
    pub(super) fn amid(id: EventId, cursor: u64) -> Self {
        let stream_next_offset = Position(id.next).to_string();
        Self { stream_next_offset, stream_cursor: Some(cursor.to_string()), ..Self::default() }
    }

    /// Nothing more is there yet.
    pub(super) fn newest(id: EventId, cursor: u64) -> Self {
        Self { up_to_date: true, ..Self::amid(id, cursor) }
    }

    /// Nothing more will ever be there: no cursor, since nobody asks again.
    pub(super) fn closed(id: EventId, reason: CloseReason) -> Self {
        Self {
            stream_next_offset: Position(id.next).to_string(),
            up_to_date: true,
            stream_closed: true,
            stream_close_reason: Some(reason.as_str()),
            ..Self::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use everstream_log::{Epoch, Offset, Timestamp};
    use expect_test::expect;

    use super::*;

    const NOW: Timestamp = Timestamp(1_700_000_000_000);

    /// The data event alone.
    fn data(content: ContentKind, records: &[&'static [u8]]) -> String {
        let records: Vec<Bytes> = records.iter().map(|record| Bytes::from_static(record)).collect();
        let epoch = Epoch::parse("k3v9").unwrap();
        let frame = batch(&Batch { content, epoch, records: &records, next: Offset(7), now: NOW });
        assert!(frame.whole.starts_with(&frame.data));
        String::from_utf8(frame.data.to_vec()).unwrap()
    }

    #[test]
    fn a_batch_is_one_data_event_and_one_control_event_with_the_same_id() {
        let (epoch, records) = (Epoch::parse("k3v9").unwrap(), [Bytes::from_static(b"a\nb")]);
        let now = Timestamp(1_728_432_000_000 + 60_000);
        let frame = batch(&Batch { content: ContentKind::Text, epoch, records: &records, next: Offset(7), now });
        expect![[r#"
            id: k3v9-7
            event: data
            data:a
            data:b

            id: k3v9-7
            event: control
            data:{"streamNextOffset":"0000000000000007_0000000000000000","streamCursor":"3","upToDate":true}

        "#]]
        .assert_eq(std::str::from_utf8(&frame.whole).unwrap());
    }

    #[test]
    fn each_type_travels_in_its_own_way() {
        let head = "id: k3v9-7\nevent: data\n";
        for (content, records, lines) in [
            (ContentKind::Json, [br#"{"n":1.0}"#.as_slice(), b"2"], "data:[{\"n\":1.0},2]\n\n"),
            (ContentKind::Text, [b"a ", b" b"], "data:a  b\n\n"),
            (ContentKind::Binary, [b"\0\n", b"\xff"], "data:AAr/\n\n"),
            (
                ContentKind::EventStream,
                [b"data: a\n", b"data: b\n"],
                "data:data: a\ndata:\ndata:data: b\ndata:\ndata:\n\n",
            ),
        ] {
            assert_eq!(data(content, &records), format!("{head}{lines}"), "{content:?}");
        }
    }

    #[test]
    fn text_cannot_leave_its_data_lines() {
        let lines = data(ContentKind::Text, &[b"a\r\revent: control\r\n", b"\ndata: evil\n\n"]);
        assert_eq!(
            lines,
            "id: k3v9-7\nevent: data\ndata:a\ndata:\ndata:event: control\ndata:\ndata:data: evil\ndata:\ndata:\n\n"
        );
    }

    #[test]
    fn a_line_that_begins_with_a_space_keeps_it() {
        assert_eq!(data(ContentKind::Text, &[b" a\n b\nc"]), "id: k3v9-7\nevent: data\ndata:  a\ndata:  b\ndata:c\n\n");
    }

    #[test]
    fn a_character_that_two_records_share_is_whole_in_their_batch() {
        assert_eq!(data(ContentKind::Text, &[b"\xc3", b"\xa9"]), "id: k3v9-7\nevent: data\ndata:\u{e9}\n\n");
        assert_eq!(data(ContentKind::Text, &[b"\xc3"]), "id: k3v9-7\nevent: data\ndata:\u{fffd}\n\n");
    }

    #[test]
    fn the_end_has_a_reason_and_no_cursor() {
        let id = EventId::end(Epoch::parse("k3v9").unwrap(), Offset(7));
        let mut out = Vec::new();
        control(&mut out, id, &Control::closed(id, CloseReason::Stopped));
        expect![[r#"
            id: k3v9-7-end
            event: control
            data:{"streamNextOffset":"0000000000000007_0000000000000000","upToDate":true,"streamClosed":true,"streamCloseReason":"stopped"}

        "#]]
        .assert_eq(std::str::from_utf8(&out).unwrap());
    }
}
