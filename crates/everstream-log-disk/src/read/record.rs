//! Reading records, wherever they are held: a stream's own behind those of the streams it was forked from, and what is
//! pending behind what is in the store.

use everstream_log::{Error, ErrorKind, Offset, ReadLimit, StreamKey};

use crate::keyspace::record::Run;
use crate::pending::Served;
use crate::store::Store;

use super::page::{Collect, Page, Taken};

/// Records from `from` on: one seek for the stream's own, one for each holder above it that the read gets to.
pub(crate) fn read<C: Collect>(store: &Store, stream: StreamKey, from: Offset, limit: ReadLimit) -> Result<C, Error> {
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

fn records<C: Collect>(store: &Store, stream: StreamKey, from: Offset, limit: ReadLimit) -> Result<C, Error> {
    let mut page = Page::new(from, limit);
    loop {
        // Asked before the store is: what is before it by then is in the store, and stays there.
        let pending = store.pending.first(stream);
        if pending.is_some_and(|first| first <= page.next) {
            match store.pending.read_into(stream, &mut page) {
                Served::Yes => return Ok(page.taken),
                Served::Beyond => return Err(beyond(from)),
                // Folded since.
                Served::Store => continue,
            }
        }
        let end = pending.unwrap_or(END);
        if stored(store, stream, &mut page, end)? == Taken::Full || pending.is_none() {
            return Ok(page.taken);
        }
        if page.next != end {
            return Err(hole(page.next));
        }
    }
}

/// Reads what the store has of a stream before `end`.
fn stored(store: &Store, stream: StreamKey, page: &mut Page<impl Collect>, end: Offset) -> Result<Taken, Error> {
    // Most reads are of a stream's own records, and need no look at where others are.
    if let Some(run) = store.run_at(stream, page.next)? {
        if page.next > run.next() {
            return Err(beyond(page.next));
        }
        return take(page, store, stream, &run, end);
    }
    let row = store.living(stream)?;
    let (own_start, _) = row.own_start();
    if page.next > own_start {
        return Err(beyond(page.next));
    }
    let from = page.next;
    for holder in row.line.iter().flat_map(|line| line.holders_from(from)) {
        let run = store.run_at(holder.stream, page.next)?.ok_or_else(|| hole(page.next))?;
        if take(page, store, holder.stream, &run, holder.end)? == Taken::Full {
            return Ok(Taken::Full);
        }
        if page.next != holder.end {
            return Err(hole(page.next));
        }
    }
    match store.run_at(stream, page.next)? {
        Some(run) => take(page, store, stream, &run, end),
        None => Ok(Taken::All),
    }
}

fn find_entry_end(store: &Store, stream: StreamKey, at: Offset) -> Result<Offset, Error> {
    // An entry is pending as a whole, or in the store. Asked first: it goes there, never back.
    if let Some(end) = store.pending.entry_end(stream, at) {
        return Ok(end);
    }
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
    let mut behind = store.runs_after(holder, run.first);
    let mut from = at;
    loop {
        if let Some(found) = run.entry_end(from) {
            return Ok(found.min(end));
        }
        from = run.next();
        if from >= end {
            return Ok(end);
        }
        run = behind.next().unwrap_or_else(|| Err(hole(from)))?;
    }
}

/// No record has this offset.
const END: Offset = Offset(u64::MAX);

/// Takes what `holder` has before `end`, beginning with `run`.
fn take(
    page: &mut Page<impl Collect>,
    store: &Store,
    holder: StreamKey,
    run: &Run,
    end: Offset,
) -> Result<Taken, Error> {
    if take_run(page, run, end)? == Taken::Full {
        return Ok(Taken::Full);
    }
    // Most pages are full, or at their end, by now, and cost one seek.
    if page.next < end {
        for run in store.runs_after(holder, run.first) {
            let run = run?;
            if run.first >= end {
                break;
            }
            if take_run(page, &run, end)? == Taken::Full {
                return Ok(Taken::Full);
            }
        }
    }
    Ok(Taken::All)
}

fn take_run(page: &mut Page<impl Collect>, run: &Run, end: Offset) -> Result<Taken, Error> {
    if run.first > page.next && page.next < end {
        return Err(hole(page.next));
    }
    Ok(page.take(&run.stretch(), end, |range| run.data(range)))
}

fn beyond(offset: Offset) -> Error {
    Error::new(ErrorKind::OffsetBeyondTail, format!("offset {offset} is after the tail"))
}

fn hole(offset: Offset) -> Error {
    Error::new(ErrorKind::Storage, format!("offset {offset} of a stream is missing in the data directory"))
}
