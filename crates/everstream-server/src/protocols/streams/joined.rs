//! Records to one body of their stream's type: the way back from [`payload`](super::payload).

use bytes::Bytes;
use everstream_hub::ContentKind;
use everstream_log::RecordRun;

/// What stands around the records of a body.
struct Joint {
    open: &'static str,
    between: &'static str,
    close: &'static str,
}

impl Joint {
    const fn of(content: ContentKind, is_empty: bool) -> Self {
        match content {
            // A stored event has no blank line; with one after it, it is an event again.
            ContentKind::EventStream => Self { open: "", between: "\n", close: if is_empty { "" } else { "\n" } },
            ContentKind::Json => Self { open: "[", between: ",", close: "]" },
            ContentKind::Text | ContentKind::Binary => Self { open: "", between: "", close: "" },
        }
    }

    /// The length of a body of so many records with so many bytes, and no more than a byte too much.
    const fn len(&self, count: usize, bytes: usize) -> usize {
        self.open.len() + bytes + count * self.between.len() + self.close.len()
    }
}

/// The records as one body: what a batch of `live=sse` carries.
pub(super) fn join<'a>(content: ContentKind, records: impl ExactSizeIterator<Item = &'a Bytes> + Clone) -> Vec<u8> {
    let joint = Joint::of(content, records.len() == 0);
    let bytes = records.clone().map(Bytes::len).sum();
    let mut out = Vec::with_capacity(joint.len(records.len(), bytes));
    out.extend_from_slice(joint.open.as_bytes());
    for (index, record) in records.enumerate() {
        if index > 0 {
            out.extend_from_slice(joint.between.as_bytes());
        }
        out.extend_from_slice(record);
    }
    out.extend_from_slice(joint.close.as_bytes());
    out
}

/// The records of `runs` as one body: what a bounded read answers with. Where nothing stands between records, a run is
/// copied whole.
pub(super) fn join_runs(content: ContentKind, runs: &[RecordRun]) -> Vec<u8> {
    let (count, bytes) =
        runs.iter().fold((0, 0), |(count, bytes), run| (count + run.count(), bytes + run.data().len()));
    let joint = Joint::of(content, count == 0);
    let mut out = Vec::with_capacity(joint.len(count, bytes));
    out.extend_from_slice(joint.open.as_bytes());
    for run in runs {
        if joint.between.is_empty() {
            out.extend_from_slice(run.data());
        } else {
            for record in run.records() {
                out.extend_from_slice(record);
                out.extend_from_slice(joint.between.as_bytes());
            }
        }
    }
    if count > 0 {
        out.truncate(out.len() - joint.between.len());
    }
    out.extend_from_slice(joint.close.as_bytes());
    out
}

#[cfg(test)]
mod tests {
    use everstream_log::Offset;

    use super::*;

    /// Both ways, which say the same.
    fn joined(content: ContentKind, data: &[&'static str]) -> String {
        let records: Vec<Bytes> = data.iter().map(|data| Bytes::from_static(data.as_bytes())).collect();
        let runs: Vec<RecordRun> = records
            .chunks(2)
            .map(|part| RecordRun::new(Offset::ZERO, part.iter().map(Bytes::len).collect(), part.concat().into()))
            .collect();
        let joined = join(content, records.iter());
        assert_eq!(join_runs(content, &runs), joined);
        String::from_utf8(joined).unwrap()
    }

    #[test]
    fn each_type_is_joined_in_its_own_way() {
        assert_eq!(
            joined(ContentKind::EventStream, &["data: a\n", "data: b\n", "data: c\n"]),
            "data: a\n\ndata: b\n\ndata: c\n\n"
        );
        assert_eq!(joined(ContentKind::Json, &["1", "[2]", "3", "4"]), "[1,[2],3,4]");
        assert_eq!(joined(ContentKind::Text, &["a", "b", "", "c"]), "abc");
    }

    #[test]
    fn nothing_is_an_empty_body_or_an_empty_array() {
        assert_eq!(joined(ContentKind::EventStream, &[]), "");
        assert_eq!(joined(ContentKind::Json, &[]), "[]");
        assert_eq!(joined(ContentKind::Binary, &[]), "");
    }
}
