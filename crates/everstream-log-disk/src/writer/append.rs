//! Appending: an entry is one row, or as many as its size asks for.

use std::collections::HashMap;

use everstream_log::{Closure, Entry, Error, ErrorKind, NewRecord, StreamKey};

use super::Writer;
use super::sequencing::Sequencings;
use crate::change::Changed;
use crate::group::Group;
use crate::keyspace::record::{self, Behind, run_len};
use crate::keyspace::stream_key;
use crate::tail::Tail;

/// A key and a row of `records`.
type RunRow = ([u8; 16], Vec<u8>);

impl Writer {
    pub(super) fn stage_append(&mut self, group: &mut Group, entries: &[Entry]) -> Result<Changed, Error> {
        let mut ends: HashMap<StreamKey, Tail> = HashMap::with_capacity(entries.len());
        let mut rows: Vec<RunRow> = Vec::with_capacity(entries.len());
        let mut sequencings: Option<Sequencings> = None;
        for entry in entries {
            let mut tail = match ends.get(&entry.stream) {
                Some(tail) => *tail,
                None => self.tail(entry.stream)?,
            };
            check_fits(entry, tail)?;
            rows.extend(runs(entry.stream, &mut tail, &entry.records, entry.closure.as_ref()));
            if let Some(sequencing) = &entry.sequencing {
                sequencings.get_or_insert_default().note(&self.store, entry.stream, &mut tail, sequencing)?;
            }
            ends.insert(entry.stream, tail);
        }
        for (key, row) in rows {
            group.insert(&self.store.records, &key, row);
        }
        if let Some(sequencings) = sequencings {
            sequencings.stage(&self.store, group);
        }
        for (stream, tail) in ends {
            if tail.is_closed && tail.is_relay {
                group.remove(&self.store.relays, &stream_key(stream));
            }
            group.streams.insert(stream, Some(tail));
        }
        Ok(Changed::Done)
    }

    pub(super) fn tail(&self, stream: StreamKey) -> Result<Tail, Error> {
        self.tails.get(stream).map_or_else(|| Tail::load(&self.store, stream), Ok)
    }
}

fn check_fits(entry: &Entry, tail: Tail) -> Result<(), Error> {
    if tail.is_closed {
        return Err(Error::new(ErrorKind::StreamClosed, "the stream is closed"));
    }
    if entry.first != tail.next {
        let said = format!("an entry starts at {}, but the tail is {}", entry.first, tail.next);
        return Err(Error::new(ErrorKind::OffsetBeyondTail, said));
    }
    Ok(())
}

/// The rows of one entry, which moves `tail` on: none when it has neither records nor a close.
pub(super) fn runs(
    stream: StreamKey,
    tail: &mut Tail,
    mut records: &[NewRecord],
    closure: Option<&Closure>,
) -> Vec<RunRow> {
    let mut rows = Vec::with_capacity(1);
    while !records.is_empty() || (closure.is_some() && !tail.is_closed) {
        let (run, rest) = records.split_at(run_len(records));
        let behind = match closure {
            _ if !rest.is_empty() => Behind::Entry,
            Some(closure) => Behind::Close(closure),
            None => Behind::Open,
        };
        rows.push((record::key(stream, tail.next), record::ser(tail.bytes, run, behind)));
        let bytes: u64 = run.iter().map(|record| record.data.len() as u64).sum();
        tail.bytes = tail.bytes.saturating_add(bytes);
        tail.next = tail.next.plus(run.len() as u64);
        tail.is_closed = matches!(behind, Behind::Close(_));
        records = rest;
    }
    rows
}
