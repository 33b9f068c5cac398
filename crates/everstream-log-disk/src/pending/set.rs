//! Streams with pending appends: found by their numbers, kept one behind the other.
//!
//! A map grows by moving what it holds into twice the room, and a fold sees thousands of streams with a record or two
//! each. So the map holds places only.

use everstream_log::StreamKey;

use super::stream::PendingStream;
use crate::stream_map::StreamMap;

/// One of the two sets.
#[derive(Debug, Default)]
pub(crate) struct PendingSet {
    places: StreamMap<usize>,
    streams: Vec<(StreamKey, PendingStream)>,
}

impl PendingSet {
    /// An empty one with room for as many streams as `other` has: the next set is much like the one before it.
    pub(super) fn like(other: &Self) -> Self {
        let mut places = StreamMap::default();
        places.reserve(other.streams.len());
        Self { places, streams: Vec::with_capacity(other.streams.len()) }
    }

    pub(crate) fn get(&self, stream: StreamKey) -> Option<&PendingStream> {
        self.streams.get(*self.places.get(&stream)?).map(|(_, pending)| pending)
    }

    /// The stream's appends, those of `new` when it has none here yet.
    #[expect(clippy::indexing_slicing, reason = "a place is that of a stream in the set")]
    pub(super) fn get_or_insert(
        &mut self,
        stream: StreamKey,
        new: impl FnOnce() -> PendingStream,
    ) -> &mut PendingStream {
        let Self { places, streams } = self;
        let place = *places.entry(stream).or_insert(streams.len());
        if place == streams.len() {
            streams.push((stream, new()));
        }
        &mut streams[place].1
    }

    pub(super) fn remove(&mut self, stream: StreamKey) -> Option<PendingStream> {
        let place = self.places.remove(&stream)?;
        let (_, removed) = self.streams.swap_remove(place);
        if let Some((moved, _)) = self.streams.get(place) {
            self.places.insert(*moved, place);
        }
        Some(removed)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (StreamKey, &PendingStream)> {
        self.streams.iter().map(|(stream, pending)| (*stream, pending))
    }
}

#[cfg(test)]
mod tests {
    use everstream_log::Offset;

    use super::*;
    use crate::tail::Tail;

    const STREAMS: u64 = 100;

    fn pending(stream: u64) -> PendingStream {
        let next = Offset(10 * stream);
        PendingStream::new(Tail { next, bytes: 0, is_closed: false, is_relay: false, producers: 0, separator: None })
    }

    /// Where the stream in it begins, which says which one it is.
    fn first(set: &PendingSet, stream: u64) -> Option<u64> {
        set.get(StreamKey(stream)).map(|pending| pending.first().0)
    }

    #[test]
    fn each_stream_is_found_whichever_others_go() {
        let mut set = PendingSet::default();
        for stream in 0..STREAMS {
            set.get_or_insert(StreamKey(stream), || pending(stream));
            set.get_or_insert(StreamKey(stream), || pending(0));
        }
        // The first, some in between and the last.
        for removed in [0, 7, 50, 98, 99] {
            assert_eq!(set.remove(StreamKey(removed)).map(|pending| pending.first().0), Some(10 * removed));
            assert!(set.remove(StreamKey(removed)).is_none());
        }
        for stream in 0..STREAMS {
            let is_there = ![0, 7, 50, 98, 99].contains(&stream);
            assert_eq!(first(&set, stream), is_there.then_some(10 * stream));
        }
        set.get_or_insert(StreamKey(7), || pending(7));
        assert_eq!((first(&set, 7), set.iter().count()), (Some(70), 96));
        assert!(set.iter().all(|(stream, pending)| pending.first().0 == 10 * stream.0));
    }
}
