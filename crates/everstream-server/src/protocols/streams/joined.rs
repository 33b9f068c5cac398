//! Records to one body of their stream's type: the way back from [`payload`](super::payload).

use bytes::Bytes;
use everstream_hub::ContentKind;

/// The records as one body: what a bounded read answers with, and what a batch of `live=sse` carries.
pub(super) fn join<'a>(content: ContentKind, records: impl ExactSizeIterator<Item = &'a Bytes> + Clone) -> Vec<u8> {
    let (open, between, close) = match content {
        // A stored event has no blank line; with one after it, it is an event again.
        ContentKind::EventStream => ("", "\n", if records.len() == 0 { "" } else { "\n" }),
        ContentKind::Json => ("[", ",", "]"),
        ContentKind::Text | ContentKind::Binary => ("", "", ""),
    };
    let size: usize = records.clone().map(|record| record.len() + between.len()).sum();
    let mut out = Vec::with_capacity(size + open.len() + close.len());
    out.extend_from_slice(open.as_bytes());
    for (index, record) in records.enumerate() {
        if index > 0 {
            out.extend_from_slice(between.as_bytes());
        }
        out.extend_from_slice(record);
    }
    out.extend_from_slice(close.as_bytes());
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn joined(content: ContentKind, data: &[&'static str]) -> String {
        let records: Vec<Bytes> = data.iter().map(|data| Bytes::from_static(data.as_bytes())).collect();
        String::from_utf8(join(content, records.iter())).unwrap()
    }

    #[test]
    fn each_type_is_joined_in_its_own_way() {
        assert_eq!(joined(ContentKind::EventStream, &["data: a\n", "data: b\n"]), "data: a\n\ndata: b\n\n");
        assert_eq!(joined(ContentKind::Json, &["1", "[2]"]), "[1,[2]]");
        assert_eq!(joined(ContentKind::Text, &["a", "b"]), "ab");
    }

    #[test]
    fn nothing_is_an_empty_body_or_an_empty_array() {
        assert_eq!(joined(ContentKind::EventStream, &[]), "");
        assert_eq!(joined(ContentKind::Json, &[]), "[]");
        assert_eq!(joined(ContentKind::Binary, &[]), "");
    }
}
