//! Records to one body of their stream's type: the way back from [`payload`](super::payload).

use bytes::Bytes;
use everstream_hub::ContentKind;
use everstream_log::RecordRun;

use super::spare::{BUFFER_BYTES, Spares};

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

/// A run with so much data is a piece of a body by itself where nothing stands between records: as large as a block of the
/// store at least, so that it does not keep much more in memory than it is.
const SHARED_BYTES_MIN: usize = 32 * 1024;

/// The records of `runs` as one body: what a bounded read answers with. A long one is joined in buffers of `spares`.
pub(super) fn join_runs(content: ContentKind, runs: &[RecordRun], spares: Option<&Spares>) -> Vec<Bytes> {
    let is_empty = runs.iter().all(|run| run.count() == 0);
    let joint = Joint::of(content, is_empty);
    let len = joint.len(runs.iter().map(RecordRun::count).sum(), runs.iter().map(|run| run.data().len()).sum());
    let mut joiner = Joiner { pieces: Vec::new(), open: Vec::new(), left: len, spares };
    joiner.copy(joint.open.as_bytes());
    let mut before = "";
    for run in runs {
        if joint.between.is_empty() && joiner.share(run.data()) {
            continue;
        }
        for record in run.records() {
            joiner.copy(before.as_bytes());
            joiner.copy(record);
            before = joint.between;
        }
    }
    joiner.copy(joint.close.as_bytes());
    joiner.close();
    joiner.pieces
}

/// A body in the making.
struct Joiner<'a> {
    pieces: Vec<Bytes>,
    /// The piece that is copied into: never grown, so that it takes no more memory than it was given.
    open: Vec<u8>,
    /// How long the body will be behind `pieces`, at most.
    left: usize,
    spares: Option<&'a Spares>,
}

impl Joiner<'_> {
    /// Makes `data` a piece, unless it is short or comes behind so little that this would keep a buffer for itself.
    fn share(&mut self, data: &Bytes) -> bool {
        let is_shared =
            data.len() >= SHARED_BYTES_MIN && (self.open.is_empty() || self.open.len() >= self.open.capacity() / 2);
        if is_shared {
            self.close();
            self.left = self.left.saturating_sub(data.len());
            self.pieces.push(data.clone());
        }
        is_shared
    }

    /// Copies `bytes` to the end of the body; where a piece ends does not matter.
    fn copy(&mut self, bytes: &[u8]) {
        let room = self.open.capacity() - self.open.len();
        let (now, later) = bytes.split_at(room.min(bytes.len()));
        self.open.extend_from_slice(now);
        if !later.is_empty() {
            self.go_on(later);
        }
    }

    /// The same into new pieces.
    #[cold]
    fn go_on(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            self.close();
            self.open = match self.spares {
                // Not for a little, which would keep a whole one.
                Some(spares) if self.left > BUFFER_BYTES / 2 => spares.take(),
                _ => Vec::with_capacity(self.left.max(bytes.len())),
            };
            let (now, later) = bytes.split_at(bytes.len().min(self.open.capacity()));
            self.open.extend_from_slice(now);
            bytes = later;
        }
    }

    fn close(&mut self) {
        if !self.open.is_empty() {
            let open = std::mem::take(&mut self.open);
            self.left = self.left.saturating_sub(open.len());
            self.pieces.push(match self.spares {
                Some(spares) => spares.lend(open),
                None => open.into(),
            });
        }
    }
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
        for spares in [None, Some(&Spares::default())] {
            assert_eq!(join_runs(content, &runs, spares).concat(), joined);
        }
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
    fn long_runs_of_bytes_are_shared_and_everything_else_is_copied() {
        let long = Bytes::from(vec![b'x'; SHARED_BYTES_MIN]);
        let run = |data: &Bytes| RecordRun::new(Offset::ZERO, vec![1, data.len() - 1], data.clone());
        let short = Bytes::from_static(b"ab");
        let runs = [run(&long), run(&long), run(&short), run(&short)];
        let pieces = join_runs(ContentKind::Binary, &runs, None);
        assert_eq!(pieces.iter().map(Bytes::len).collect::<Vec<_>>(), [SHARED_BYTES_MIN, SHARED_BYTES_MIN, 4]);
        assert!(pieces[..2].iter().all(|piece| piece.as_ptr() == long.as_ptr()));
        assert_eq!(pieces.concat(), [&long, &long, &short, &short].map(|data| &**data).concat());
        let records: Vec<Bytes> = runs.iter().flat_map(RecordRun::records).map(Bytes::copy_from_slice).collect();
        let spares = Spares::default();
        for content in [ContentKind::Json, ContentKind::EventStream] {
            assert_eq!(join_runs(content, &runs, Some(&spares)).concat(), join(content, records.iter()), "{content:?}");
        }
    }

    #[test]
    fn a_long_run_behind_a_little_is_copied_so_that_the_little_takes_no_buffer_for_itself() {
        let (long, short) = (Bytes::from(vec![b'x'; SHARED_BYTES_MIN]), Bytes::from_static(b"a"));
        let run = |data: &Bytes| RecordRun::new(Offset::ZERO, vec![data.len()], data.clone());
        let runs = [run(&short), run(&long), run(&short), run(&long), run(&long)];
        let pieces = join_runs(ContentKind::Binary, &runs, Some(&Spares::default()));
        let copied = 2 * (1 + SHARED_BYTES_MIN);
        assert_eq!(pieces.iter().map(Bytes::len).collect::<Vec<_>>(), [copied, SHARED_BYTES_MIN]);
        assert_eq!(pieces.concat(), [&short, &long, &short, &long, &long].map(|data| &**data).concat());
    }

    #[test]
    fn what_is_copied_fills_its_buffers_and_the_little_that_is_left_takes_none() {
        let (spares, long) = (Spares::default(), Bytes::from(vec![b'1'; BUFFER_BYTES / 2 - 3]));
        spares.want();
        let run = RecordRun::new(Offset::ZERO, vec![long.len() - 1, 1], long);
        let pieces = join_runs(ContentKind::Json, &vec![run; 5], Some(&spares));
        let whole = "[]".len() + 5 * BUFFER_BYTES / 2 - 3 * 5 + 9;
        assert_eq!(
            pieces.iter().map(Bytes::len).collect::<Vec<_>>(),
            [BUFFER_BYTES, BUFFER_BYTES, whole % BUFFER_BYTES]
        );
        drop(pieces);
        assert_eq!(spares.len(), 2);
    }

    #[test]
    fn nothing_is_an_empty_body_or_an_empty_array() {
        assert_eq!(joined(ContentKind::EventStream, &[]), "");
        assert_eq!(joined(ContentKind::Json, &[]), "[]");
        assert_eq!(joined(ContentKind::Binary, &[]), "");
    }
}
