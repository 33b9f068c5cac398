//! What publishers said of their order, on its way into the batch of the append it came with.

use std::collections::HashMap;

use everstream_log::{Error, ProducerId, ProducerState, Sequencing, StreamKey, StreamSeq};

use crate::group::Group;
use crate::keyspace::producer;
use crate::store::Store;
use crate::tail::Tail;

/// The rows of one change, each once however many entries wrote it. Allocates for the first of them only.
#[derive(Debug, Default)]
pub(super) struct Sequencings {
    producers: HashMap<(StreamKey, ProducerId), ProducerState>,
    counts: HashMap<StreamKey, u64>,
    stream_seqs: HashMap<StreamKey, StreamSeq>,
}

impl Sequencings {
    /// Notes what an entry that ends at `tail` says; `tail` counts its producer when it is new to the stream.
    pub(super) fn note(
        &mut self,
        store: &Store,
        stream: StreamKey,
        tail: &mut Tail,
        sequencing: &Sequencing,
    ) -> Result<(), Error> {
        if let Some(mark) = &sequencing.producer {
            let place = (stream, mark.id.clone());
            let is_known = self.producers.contains_key(&place) || store.producer(stream, &mark.id)?.is_some();
            if !is_known {
                tail.producers = tail.producers.saturating_add(1);
                self.counts.insert(stream, tail.producers);
            }
            self.producers.insert(place, mark.state(tail.next));
        }
        if let Some(seq) = &sequencing.stream_seq {
            self.stream_seqs.insert(stream, seq.clone());
        }
        Ok(())
    }

    /// Adds the rows to the batch.
    pub(super) fn stage(self, store: &Store, group: &mut Group) {
        for ((stream, id), state) in self.producers {
            group.insert(&store.producers, &producer::producer_key(stream, &id), producer::ser_state(state));
        }
        for (stream, count) in self.counts {
            group.insert(&store.producers, &producer::count_key(stream), producer::ser_count(count));
        }
        for (stream, seq) in self.stream_seqs {
            group.insert(&store.producers, &producer::stream_seq_key(stream), producer::ser_stream_seq(&seq));
        }
    }
}
