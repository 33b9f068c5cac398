//! The line of a fork: which streams hold the records that it has from its source, as it stands in its row of `streams`.
//!
//! The row names every holder, so that finding a record costs no walk from source to source.

use everstream_log::{ForkPoint, Offset, StreamKey};

use crate::wire::{Malformed, Row, put_varint};

/// What the row of a fork says of its source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Line {
    pub(crate) source: StreamKey,
    /// The offset of its first own record.
    pub(crate) base: Offset,
    /// The data bytes of all records before that.
    pub(crate) bytes: u64,
    /// The point as the creator put it.
    pub(crate) point: ForkPoint,
    /// How many streams stand above it: its source, the source of that …
    pub(crate) depth: u64,
    /// Who holds the records before the base, in order; the last one's end is the base.
    holders: Vec<Holder>,
}

/// A stream that holds records of a fork, and the offset at which those end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Holder {
    pub(crate) stream: StreamKey,
    pub(crate) end: Offset,
}

impl Line {
    /// The line of a fork of `source`, whose own line is `above`. Its bytes are still to be counted.
    pub(crate) fn of(source: StreamKey, above: Option<&Self>, base: Offset, point: ForkPoint) -> Self {
        let inherited = above.map_or(&[][..], |line| &line.holders);
        let whole = inherited.iter().take_while(|holder| holder.end < base);
        let mut holders: Vec<Holder> = whole.copied().collect();
        if base > Offset::ZERO {
            let stream = inherited.get(holders.len()).map_or(source, |cut| cut.stream);
            holders.push(Holder { stream, end: base });
        }
        Self { source, base, bytes: 0, point, depth: above.map_or(1, |line| line.depth.saturating_add(1)), holders }
    }

    /// Who holds the record at `offset`, and those after it up to the base.
    pub(crate) fn holders_from(&self, offset: Offset) -> &[Holder] {
        let passed = self.holders.partition_point(|holder| holder.end <= offset);
        self.holders.get(passed..).unwrap_or_default()
    }
}

pub(crate) fn ser(row: &mut Vec<u8>, line: &Line) {
    let Line { source, base, bytes, point, depth, holders } = line;
    for number in [source.0, base.0, *bytes, point.offset.0, point.sub_offset, *depth, holders.len() as u64] {
        put_varint(row, number);
    }
    for holder in holders {
        put_varint(row, holder.stream.0);
        put_varint(row, holder.end.0);
    }
}

pub(crate) fn deser(row: &mut Row) -> Result<Line, Malformed> {
    let (source, base, bytes) = (StreamKey(row.varint()?), Offset(row.varint()?), row.varint()?);
    let point = ForkPoint { offset: Offset(row.varint()?), sub_offset: row.varint()? };
    let (depth, len) = (row.varint()?, row.varint()?);
    // No capacity ahead of the bytes that are there.
    let mut holders: Vec<Holder> = Vec::new();
    for _ in 0..len {
        holders.push(Holder { stream: StreamKey(row.varint()?), end: Offset(row.varint()?) });
    }
    if holders.last().map_or(Offset::ZERO, |holder| holder.end) != base {
        return Err(Malformed);
    }
    Ok(Line { source, base, bytes, point, depth, holders })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(source: u64, above: Option<&Line>, base: u64) -> Line {
        Line::of(StreamKey(source), above, Offset(base), ForkPoint::default())
    }

    fn held(line: &Line, offset: u64) -> Vec<(u64, u64)> {
        line.holders_from(Offset(offset)).iter().map(|holder| (holder.stream.0, holder.end.0)).collect()
    }

    #[test]
    fn a_holder_is_named_for_every_record_before_the_base() {
        let one = line(10, None, 4);
        let two = line(11, Some(&one), 7);
        let three = line(12, Some(&two), 7);
        assert_eq!(held(&three, 0), [(10, 4), (11, 7)]);
        assert_eq!(held(&three, 3), [(10, 4), (11, 7)]);
        assert_eq!(held(&three, 4), [(11, 7)]);
        assert_eq!(held(&three, 7), []);
        assert_eq!(three.depth, 3);
    }

    #[test]
    fn a_fork_before_its_sources_base_passes_its_source_by() {
        let two = line(11, Some(&line(10, None, 4)), 7);
        assert_eq!(held(&line(12, Some(&two), 5), 0), [(10, 4), (11, 5)]);
        assert_eq!(held(&line(12, Some(&two), 4), 0), [(10, 4)]);
        assert_eq!(held(&line(12, Some(&two), 2), 0), [(10, 2)]);
        assert_eq!(held(&line(12, Some(&two), 0), 0), []);
    }

    #[test]
    fn rows_come_back_and_cut_or_strange_ones_are_malformed() {
        let mut full = line(300, Some(&line(10, None, 4)), u64::MAX);
        full.bytes = 1 << 40;
        full.point = ForkPoint { offset: Offset(9), sub_offset: 77 };
        let mut row = Vec::new();
        ser(&mut row, &full);
        assert_eq!(deser(&mut Row::new(row.clone())), Ok(full));
        for len in 0..row.len() {
            assert_eq!(deser(&mut Row::new(row[..len].to_vec())), Err(Malformed), "{len}");
        }
        let mut endless = vec![1, 4, 0, 0, 0, 1];
        put_varint(&mut endless, u64::MAX);
        assert_eq!(deser(&mut Row::new(endless)), Err(Malformed));
        assert_eq!(deser(&mut Row::new(vec![1, 4, 0, 0, 0, 1, 1, 9, 3])), Err(Malformed));
    }
}
