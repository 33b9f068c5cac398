//! One stream of the memory engine: its head and its own records.

use std::collections::HashMap;

use crate::{Closure, NewRecord, Offset, ProducerId, ProducerState, Record, Sequencing, StreamHead, StreamName};

#[derive(Debug)]
pub(super) struct Stream {
    pub(super) name: StreamName,
    pub(super) head: StreamHead,
    /// Deleted, but forks read its records.
    pub(super) is_tombstone: bool,
    /// Those that are not its source's.
    records: Vec<Record>,
    /// The offset after each entry of `records` that has any.
    entry_ends: Vec<Offset>,
    pub(super) producers: HashMap<ProducerId, ProducerState>,
}

impl Stream {
    pub(super) fn new(name: StreamName, head: StreamHead) -> Self {
        Self { name, head, is_tombstone: false, records: Vec::new(), entry_ends: Vec::new(), producers: HashMap::new() }
    }

    /// Appends one entry.
    pub(super) fn append(
        &mut self,
        records: Vec<NewRecord>,
        closure: Option<Closure>,
        sequencing: Option<Box<Sequencing>>,
    ) {
        if !records.is_empty() {
            self.entry_ends.push(self.head.tail.plus(records.len() as u64));
        }
        for new in records {
            self.head.bytes = self.head.bytes.saturating_add(new.data.len() as u64);
            self.records.push(Record { offset: self.head.tail, time: new.time, data: new.data });
            self.head.tail = self.head.tail.plus(1);
        }
        if closure.is_some() {
            self.head.closure = closure;
        }
        let Some(sequencing) = sequencing else { return };
        if let Some(mark) = sequencing.producer {
            let state = mark.state(self.head.tail);
            self.producers.insert(mark.id, state);
            self.head.producers = self.producers.len() as u64;
        }
        if sequencing.stream_seq.is_some() {
            self.head.stream_seq = sequencing.stream_seq;
        }
    }

    /// Its own records from `from` to before `until`.
    pub(super) fn own(&self, from: Offset, until: Offset) -> &[Record] {
        let place = |offset: Offset| self.records.partition_point(|record| record.offset < offset);
        self.records.get(place(from)..place(until)).unwrap_or_default()
    }

    /// Where the entry that has its own record at `at` ends.
    pub(super) fn own_entry_end(&self, at: Offset) -> Option<Offset> {
        self.entry_ends.get(self.entry_ends.partition_point(|end| *end <= at)).copied()
    }
}
