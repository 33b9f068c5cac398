//! Frames: events as they go over the wire, encoded once and shared by every subscriber.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use everstream_codec::encode;
use everstream_log::{Epoch, Offset};

use crate::{ContentKind, EventId};

/// Room for the id line, the field names and the line ends around a record.
const FRAME_OVERHEAD: usize = 64;

/// Encodes consecutive records, the first at `first`, into one buffer and hands out a frame for each.
pub(crate) fn encode_frames<'a>(
    kind: ContentKind,
    epoch: Epoch,
    first: Offset,
    records: impl Iterator<Item = &'a Bytes> + Clone,
    frames: &mut impl Extend<Bytes>,
) {
    let size = records.clone().map(|data| data.len() + FRAME_OVERHEAD).sum();
    let mut buffer = Vec::with_capacity(size);
    let mut next = first;
    let encode = |data: &Bytes| {
        next = next.plus(1);
        encode_frame(&mut buffer, kind, EventId::new(epoch, next), data);
        buffer.len()
    };
    let ends: Vec<usize> = records.map(encode).collect();
    let mut rest = Bytes::from(buffer);
    let mut start = 0;
    frames.extend(ends.into_iter().map(|end| {
        let frame = rest.split_to(end - start);
        start = end;
        frame
    }));
}

/// The frame of one record, whose id is `id`.
pub(crate) fn frame_of(kind: ContentKind, id: EventId, data: &[u8]) -> Bytes {
    let mut buffer = Vec::with_capacity(data.len() + FRAME_OVERHEAD);
    encode_frame(&mut buffer, kind, id, data);
    buffer.into()
}

fn encode_frame(out: &mut Vec<u8>, kind: ContentKind, id: EventId, data: &[u8]) {
    // An id is a token by its type.
    out.extend_from_slice(b"id: ");
    id.put(out);
    out.push(b'\n');
    match kind {
        ContentKind::EventStream => out.extend_from_slice(data),
        ContentKind::Json => encode::data(out, data),
        // An event stream is UTF-8, whatever a publisher calls text; the record itself keeps its bytes.
        ContentKind::Text => encode::data(out, String::from_utf8_lossy(data).as_bytes()),
        ContentKind::Binary => encode::data(out, STANDARD.encode(data).as_bytes()),
    }
    encode::end(out);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frames(kind: ContentKind, records: &[&'static [u8]]) -> Vec<String> {
        let records: Vec<Bytes> = records.iter().map(|data| Bytes::from_static(data)).collect();
        let mut frames = Vec::new();
        encode_frames(kind, Epoch::parse("k3v9").unwrap(), Offset(6), records.iter(), &mut frames);
        frames.into_iter().map(|frame| String::from_utf8(frame.to_vec()).unwrap()).collect()
    }

    #[test]
    fn a_stored_event_keeps_its_bytes_and_gains_an_id() {
        let got = frames(ContentKind::EventStream, &[b"event: a\ndata:x\n", b"data: y\n"]);
        assert_eq!(got, ["id: k3v9-7\nevent: a\ndata:x\n\n", "id: k3v9-8\ndata: y\n\n"]);
    }

    #[test]
    fn text_cannot_leave_its_data_lines() {
        let got = frames(ContentKind::Text, &[b"a\r\rdata: evil\n\n"]);
        assert_eq!(got, ["id: k3v9-7\ndata: a\ndata: \ndata: data: evil\ndata: \ndata: \n\n"]);
    }

    #[test]
    fn text_that_is_not_utf8_is_replaced_on_the_wire() {
        assert_eq!(frames(ContentKind::Text, &[b"a\xffb"]), ["id: k3v9-7\ndata: a\u{fffd}b\n\n"]);
    }

    #[test]
    fn binary_is_one_line_of_base64() {
        assert_eq!(frames(ContentKind::Binary, &[b"\x00\n\xff"]), ["id: k3v9-7\ndata: AAr/\n\n"]);
    }
}
