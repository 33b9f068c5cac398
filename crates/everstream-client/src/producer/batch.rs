//! Records on their way into one append.

use bytes::{Bytes, BytesMut};

use crate::end::CloseReason;

/// The body of one append, whole and as it is sent however often.
#[derive(Debug, Clone)]
pub(super) struct Batch {
    pub(super) body: Bytes,
    pub(super) close: Option<CloseReason>,
}

/// Records that wait for the next append.
#[derive(Debug)]
pub(super) struct Assembly {
    is_json: bool,
    records_max: usize,
    bytes_max: usize,
    records: usize,
    body: BytesMut,
}

impl Assembly {
    pub(super) fn new(content_type: &str, records_max: usize, bytes_max: usize) -> Self {
        let essence = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        let is_json =
            essence == "application/json" || (essence.starts_with("application/") && essence.ends_with("+json"));
        Self { is_json, records_max: records_max.max(1), bytes_max, records: 0, body: BytesMut::new() }
    }

    /// Whether a record of `len` bytes may join; a large one may go alone.
    pub(super) fn has_room(&self, len: usize) -> bool {
        self.records == 0 || (self.records < self.records_max && self.body.len() + len < self.bytes_max)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.records == 0
    }

    pub(super) fn push(&mut self, record: &[u8]) {
        if self.is_json {
            self.body.extend_from_slice(if self.records == 0 { b"[" } else { b"," });
        }
        self.body.extend_from_slice(record);
        self.records += 1;
    }

    /// What waits as one append, with the close; nothing when there is neither.
    pub(super) fn seal(&mut self, close: Option<CloseReason>) -> Option<Batch> {
        if self.records == 0 && close.is_none() {
            return None;
        }
        if self.is_json && self.records > 0 {
            self.body.extend_from_slice(b"]");
        }
        self.records = 0;
        Some(Batch { body: self.body.split().freeze(), close })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sealed(content_type: &str, records: &[&str]) -> String {
        let mut assembly = Assembly::new(content_type, 10, 100);
        records.iter().for_each(|record| assembly.push(record.as_bytes()));
        let batch = assembly.seal(None).unwrap();
        assert!(assembly.is_empty() && assembly.seal(None).is_none());
        String::from_utf8(batch.body.to_vec()).unwrap()
    }

    #[test]
    fn json_values_become_one_array_and_the_rest_one_body() {
        assert_eq!(sealed("Application/JSON; charset=utf-8", &["1", "[2]", "{}"]), "[1,[2],{}]");
        assert_eq!(sealed("application/ld+json", &["[2]"]), "[[2]]");
        assert_eq!(sealed("text/event-stream", &["data: a\n\n", "data: b\n\n"]), "data: a\n\ndata: b\n\n");
    }

    #[test]
    fn a_batch_is_bounded_in_records_and_bytes_but_takes_one_record_of_any_size() {
        let mut assembly = Assembly::new("text/plain", 3, 10);
        assert!(assembly.has_room(1_000));
        assembly.push(b"1234");
        assert!(assembly.has_room(5) && !assembly.has_room(6));
        assembly.push(b"5");
        assembly.push(b"6");
        assert!(!assembly.has_room(0));
    }

    #[test]
    fn a_close_needs_no_records() {
        let batch = Assembly::new("application/json", 1, 1).seal(Some(CloseReason::Failed)).unwrap();
        assert_eq!((batch.body.len(), batch.close), (0, Some(CloseReason::Failed)));
    }
}
