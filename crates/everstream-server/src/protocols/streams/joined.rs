//! Records to one body of their stream's type: the way back from [`payload`](super::payload).

use bytes::Bytes;
use everstream_hub::ContentKind;
use everstream_log::RecordRun;

use super::spare::{BUFFER_BYTES, Spares};

/// What stands around the records of a body.
struct Joint {
    open: &'static str,
    /// Behind each record but the last one.
    separator: Option<u8>,
    close: &'static str,
}

impl Joint {
    const fn of(content: ContentKind, is_empty: bool) -> Self {
        match content {
            // A stored event has no blank line; with one after it, it is an event again.
            ContentKind::EventStream => {
                Self { open: "", separator: Some(b'\n'), close: if is_empty { "" } else { "\n" } }
            }
            ContentKind::Json => Self { open: "[", separator: Some(b','), close: "]" },
            ContentKind::Text | ContentKind::Binary => Self { open: "", separator: None, close: "" },
        }
    }

    /// The length of a body of so many records with so many bytes, and no more than a byte too much.
    const fn len(&self, count: usize, bytes: usize) -> usize {
        self.open.len() + bytes + count * self.separator.is_some() as usize + self.close.len()
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
            out.extend(joint.separator);
        }
        out.extend_from_slice(record);
    }
    out.extend_from_slice(joint.close.as_bytes());
    out
}

/// A run with so much data is a piece of a body by itself where it has between its records what the body has: as large as a
/// block of the store at least, so that it does not keep much more in memory than it is.
const SHARED_BYTES_MIN: usize = 32 * 1024;

/// The records of `runs` as one body: what a bounded read answers with. A long one is joined in buffers of `spares`.
pub(super) fn join_runs(content: ContentKind, runs: &[RecordRun], spares: Option<&Spares>) -> Vec<Bytes> {
    let count = runs.iter().map(RecordRun::count).sum();
    let joint = Joint::of(content, count == 0);
    let len = joint.len(count, runs.iter().map(RecordRun::bytes).sum());
    let mut joiner = Joiner { pieces: Vec::new(), open: Vec::new(), left: len, spares };
    joiner.place(joint.open);
    for run in runs {
        if run.separator() == joint.separator {
            joiner.take(run.data());
        } else {
            for record in run.records() {
                joiner.copy(record);
                joiner.copy(joint.separator.as_slice());
            }
        }
    }
    if count > 0 && joint.separator.is_some() {
        joiner.pop();
    }
    joiner.close();
    joiner.place(joint.close);
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
    /// Makes `text` a piece: it takes no memory, and what comes behind it may be one as well as behind nothing.
    fn place(&mut self, text: &'static str) {
        if !text.is_empty() {
            self.left = self.left.saturating_sub(text.len());
            self.pieces.push(Bytes::from_static(text.as_bytes()));
        }
    }

    /// Makes `data` a piece; copies it if it is short or comes behind so little that this would keep a buffer for itself.
    fn take(&mut self, data: &Bytes) {
        let is_shared =
            data.len() >= SHARED_BYTES_MIN && (self.open.is_empty() || self.open.len() >= self.open.capacity() / 2);
        if is_shared {
            self.close();
            self.left = self.left.saturating_sub(data.len());
            self.pieces.push(data.clone());
        } else {
            self.copy(data);
        }
    }

    /// Takes back the last byte.
    fn pop(&mut self) {
        if self.open.pop().is_none()
            && let Some(last) = self.pieces.last_mut()
        {
            last.truncate(last.len().saturating_sub(1));
        }
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

    const SEPARATORS: [Option<u8>; 3] = [None, Some(b','), Some(b'\n')];

    fn run(records: &[Bytes], separator: Option<u8>) -> RecordRun {
        let lens = records.iter().map(Bytes::len).collect();
        let data: Vec<u8> = records.iter().flat_map(|record| record.iter().copied().chain(separator)).collect();
        RecordRun::new(Offset::ZERO, lens, data.into(), separator)
    }

    /// Both ways, which say the same, whatever stands behind the records of each run.
    fn joined(content: ContentKind, data: &[&'static str]) -> String {
        let records: Vec<Bytes> = data.iter().map(|data| Bytes::from_static(data.as_bytes())).collect();
        let joined = join(content, records.iter());
        for odd in SEPARATORS {
            for even in SEPARATORS {
                let separators = [odd, even].into_iter().cycle();
                let runs: Vec<_> =
                    records.chunks(2).zip(separators).map(|(part, separator)| run(part, separator)).collect();
                for spares in [None, Some(&Spares::default())] {
                    assert_eq!(join_runs(content, &runs, spares).concat(), joined, "{odd:?}, then {even:?}");
                }
            }
        }
        String::from_utf8(joined).unwrap()
    }

    #[test]
    fn each_type_is_joined_in_its_own_way() {
        assert_eq!(
            joined(ContentKind::EventStream, &["data: a\n", "data: b\n", "data: c\n"]),
            "data: a\n\ndata: b\n\ndata: c\n\n"
        );
        assert_eq!(joined(ContentKind::Json, &["1", "[2]", "3", "4", "5"]), "[1,[2],3,4,5]");
        assert_eq!(joined(ContentKind::Text, &["a", "b", "", "c", "d"]), "abcd");
    }

    #[test]
    fn long_runs_of_bytes_are_shared_and_everything_else_is_copied() {
        let long = Bytes::from(vec![b'x'; SHARED_BYTES_MIN]);
        let run = |data: &Bytes| RecordRun::new(Offset::ZERO, vec![1, data.len() - 1], data.clone(), None);
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
    fn long_runs_that_have_the_separator_of_a_body_are_shared_but_for_the_last_separator() {
        const LONG: usize = SHARED_BYTES_MIN + 2;
        let record = Bytes::from(vec![b'1'; SHARED_BYTES_MIN / 2]);
        let long = run(&[record.clone(), record], Some(b','));
        let short = run(&[Bytes::from_static(b"22")], Some(b','));
        for (runs, lens) in [
            (vec![&long], &[1, LONG - 1, 1][..]),
            (vec![&long, &long], &[1, LONG, LONG - 1, 1]),
            (vec![&long, &short], &[1, LONG, 2, 1]),
            (vec![&short, &long], &[1, 3 + LONG - 1, 1]),
        ] {
            let runs: Vec<RecordRun> = runs.into_iter().cloned().collect();
            let records: Vec<Bytes> = runs.iter().flat_map(RecordRun::records).map(Bytes::copy_from_slice).collect();
            let pieces = join_runs(ContentKind::Json, &runs, Some(&Spares::default()));
            assert_eq!(pieces.concat(), join(ContentKind::Json, records.iter()));
            assert_eq!(pieces.iter().map(Bytes::len).collect::<Vec<_>>(), lens);
            let shared = pieces.iter().filter(|piece| piece.as_ptr() == long.data().as_ptr());
            assert_eq!(shared.count(), lens.iter().filter(|len| [LONG - 1, LONG].contains(len)).count());
        }
    }

    #[test]
    fn a_long_run_behind_a_little_is_copied_so_that_the_little_takes_no_buffer_for_itself() {
        let (long, short) = (Bytes::from(vec![b'x'; SHARED_BYTES_MIN]), Bytes::from_static(b"a"));
        let run = |data: &Bytes| RecordRun::new(Offset::ZERO, vec![data.len()], data.clone(), None);
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
        let run = RecordRun::new(Offset::ZERO, vec![long.len() - 1, 1], long, None);
        let pieces = join_runs(ContentKind::Json, &vec![run; 5], Some(&spares));
        let copied = 5 * BUFFER_BYTES / 2 - 3 * 5 + 9;
        assert_eq!(
            pieces.iter().map(Bytes::len).collect::<Vec<_>>(),
            [1, BUFFER_BYTES, BUFFER_BYTES, copied % BUFFER_BYTES, 1]
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
