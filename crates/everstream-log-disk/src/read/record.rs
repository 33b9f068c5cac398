//! Reading records, wherever they are held: a stream's own behind those of the streams it was forked from.

use everstream_log::{Error, ErrorKind, Offset, ReadLimit, Record, StreamKey};

use crate::keyspace::record::Run;
use crate::store::Store;

/// Records from `from` on: one seek for the stream's own, one for each holder above it that the read gets to.
pub(crate) fn read(store: &Store, stream: StreamKey, from: Offset, limit: ReadLimit) -> Result<Vec<Record>, Error> {
    checked(store, stream, from, records(store, stream, from, limit))
}

/// Where the entry ends that holds the record at `at`: reads that entry from there on.
pub(crate) fn entry_end(store: &Store, stream: StreamKey, at: Offset) -> Result<Offset, Error> {
    checked(store, stream, at, find_entry_end(store, stream, at))
}

/// Looks at the stream last: while it was there its records were too, and those of a deleted one may be half reclaimed.
fn checked<T>(store: &Store, stream: StreamKey, at: Offset, outcome: Result<T, Error>) -> Result<T, Error> {
    let row = store.living(stream)?;
    if at < row.first {
        return Err(Error::new(ErrorKind::OffsetTrimmed, format!("offset {at} is no longer held")));
    }
    outcome
}

fn records(store: &Store, stream: StreamKey, from: Offset, limit: ReadLimit) -> Result<Vec<Record>, Error> {
    let mut page = Page { limit, next: from, records: Vec::new(), bytes: 0 };
    // Most reads are of a stream's own records, and need no look at where others are.
    if let Some(run) = store.run_at(stream, from)? {
        if from > run.next() {
            return Err(beyond(from));
        }
        page.take(store, stream, run, END)?;
        return Ok(page.records);
    }
    let row = store.living(stream)?;
    let (own_start, _) = row.own_start();
    if from > own_start {
        return Err(beyond(from));
    }
    for holder in row.line.iter().flat_map(|line| line.holders_from(from)) {
        let run = store.run_at(holder.stream, page.next)?.ok_or_else(|| hole(page.next))?;
        if page.take(store, holder.stream, run, holder.end)? == Taken::Full {
            return Ok(page.records);
        }
        if page.next != holder.end {
            return Err(hole(page.next));
        }
    }
    if let Some(run) = store.run_at(stream, page.next)? {
        page.take(store, stream, run, END)?;
    }
    Ok(page.records)
}

fn find_entry_end(store: &Store, stream: StreamKey, at: Offset) -> Result<Offset, Error> {
    let own = store.run_at(stream, at)?;
    let (holder, mut run, end) = match own {
        Some(run) => (stream, run, END),
        None => {
            let row = store.living(stream)?;
            let holder = row.line.as_ref().and_then(|line| line.holders_from(at).first().copied());
            let holder = holder.ok_or_else(|| beyond(at))?;
            (holder.stream, store.run_at(holder.stream, at)?.ok_or_else(|| hole(at))?, holder.end)
        }
    };
    if at >= run.next() {
        return Err(beyond(at));
    }
    if run.is_shared {
        return Ok(at.plus(1));
    }
    let mut behind = store.runs_after(holder, run.first);
    while run.continues && run.next() < end {
        run = behind.next().unwrap_or_else(|| Err(hole(run.next())))?;
    }
    Ok(run.next().min(end))
}

/// No record has this offset.
const END: Offset = Offset(u64::MAX);

/// What one read brings.
struct Page {
    limit: ReadLimit,
    /// The offset of the next record.
    next: Offset,
    records: Vec<Record>,
    bytes: usize,
}

#[derive(PartialEq, Eq)]
enum Taken {
    Full,
    All,
}

impl Page {
    /// Takes what `holder` has before `end`, beginning with `run`.
    fn take(&mut self, store: &Store, holder: StreamKey, run: Run, end: Offset) -> Result<Taken, Error> {
        let behind = store.runs_after(holder, run.first);
        for run in std::iter::once(Ok(run)).chain(behind) {
            let run = run?;
            if run.first >= end {
                break;
            }
            let from = self.next;
            let due = run.records().skip_while(|record| record.offset < from);
            for record in due.take_while(|record| record.offset < end) {
                if !self.limit.admits(self.records.len(), self.bytes) {
                    return Ok(Taken::Full);
                }
                if record.offset != self.next {
                    return Err(hole(self.next));
                }
                self.next = record.offset.plus(1);
                self.bytes = self.bytes.saturating_add(record.data.len());
                self.records.push(record);
            }
        }
        Ok(Taken::All)
    }
}

fn beyond(offset: Offset) -> Error {
    Error::new(ErrorKind::OffsetBeyondTail, format!("offset {offset} is after the tail"))
}

fn hole(offset: Offset) -> Error {
    Error::new(ErrorKind::Storage, format!("offset {offset} of a stream is missing in the data directory"))
}
