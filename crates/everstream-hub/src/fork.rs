//! Forks: from what a creator asks for to what the log is told.

use everstream_log::{
    Epoch, Expiry, Fork, ForkPoint, ForkedFrom, NewRecord, Offset, ReadLimit, Record, Settings, StreamName,
};

use crate::{ContentKind, CreateStream, Error, ErrorKind, Hub, Stream};

/// Where a stream to be made leaves another one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ForkFrom {
    /// The other one.
    pub source: StreamName,
    /// The offset of the first record that it does not have from there, unless the sub-offset says more; nothing is the
    /// source's tail.
    pub offset: Option<Offset>,
    /// So much of the append at that offset besides: records of a JSON stream, bytes of any other.
    pub sub_offset: u64,
}

/// A stream that has forks or may have some, deleted or not.
#[derive(Debug, Clone)]
pub struct Source {
    /// Its incarnation.
    pub epoch: Epoch,
    /// What was fixed at its making.
    pub settings: Settings,
}

/// Whether a stream was made as this creation would make it. A creator that left the offset to the source's tail cannot
/// know where that was.
pub(crate) fn is_same(made: Option<&ForkedFrom>, asked: Option<&ForkFrom>) -> bool {
    match (made, asked) {
        (None, None) => true,
        (Some(made), Some(asked)) => {
            made.name == asked.source
                && asked.offset.is_none_or(|offset| offset == made.point.offset)
                && asked.sub_offset == made.point.sub_offset
        }
        _ => false,
    }
}

impl Hub {
    /// What a fork of this stream inherits; also of one that was deleted and whose forks still read its records, so that
    /// the making of one of these can be repeated.
    ///
    /// # Errors
    /// `StreamNotFound`, `Storage`.
    ///
    /// # Cancel safety
    /// Safe.
    pub async fn source(&self, name: &StreamName) -> Result<Source, Error> {
        match self.stream(name).await {
            Ok(stream) => Ok(Source { epoch: stream.epoch(), settings: stream.settings().clone() }),
            Err(error) if error.kind() == ErrorKind::StreamDeleted => match self.log().tombstone(name).await? {
                Some(tombstone) => Ok(Source { epoch: tombstone.epoch, settings: tombstone.settings }),
                None => Err(Error::not_found(name)),
            },
            Err(error) => Err(error),
        }
    }

    /// A creation with what a fork has from its source.
    pub(crate) async fn inherit(&self, create: &CreateStream, fork: &ForkFrom) -> Result<Box<CreateStream>, Error> {
        let Settings { content_type, expiry, .. } = self.source(&fork.source).await?.settings;
        let expiry = if create.expiry == Expiry::Never { expiry } else { create.expiry };
        Ok(Box::new(CreateStream { content_type, expiry, ..create.clone() }))
    }

    /// The fork that is asked for, of the source as everybody sees it.
    pub(crate) async fn resolve(&self, from: &ForkFrom) -> Result<Fork, Error> {
        let source = self.stream(&from.source).await?;
        let state = source.state();
        let offset = from.offset.unwrap_or(state.tail);
        if offset < state.first {
            let context = format!("stream {} holds records from {} on, not {offset}", from.source, state.first);
            return Err(Error::new(ErrorKind::OffsetTrimmed, context));
        }
        if offset > state.tail {
            let context = format!("offset {offset} is beyond the tail {} of stream {}", state.tail, from.source);
            return Err(Error::new(ErrorKind::OffsetBeyondTail, context));
        }
        let point = ForkPoint { offset, sub_offset: from.sub_offset };
        let mut fork = Fork { source: source.live.key, base: offset, cut: None, point };
        if from.sub_offset > 0 {
            within_append(&source, &mut fork, state.tail).await?;
        }
        Ok(fork)
    }
}

/// Moves the base of a fork on by its sub-offset, which has to end within the append at its offset.
async fn within_append(source: &Stream, fork: &mut Fork, tail: Offset) -> Result<(), Error> {
    let ForkPoint { offset, sub_offset } = fork.point;
    if offset == tail {
        return Err(invalid(format!("nothing was appended to stream {} at offset {offset}", source.name())));
    }
    // What the log holds beyond the tail is not acknowledged: nobody sees that (invariant 2).
    let end = source.hub.log().entry_end(fork.source, offset).await?.min(tail);
    if source.content() == ContentKind::Json {
        fork.base = offset.plus(sub_offset);
        if fork.base > end {
            let held = end.since(offset);
            return Err(invalid(format!("the append at offset {offset} has {held} records, not {sub_offset}")));
        }
        return Ok(());
    }
    cut(source, fork, end).await
}

/// The same in bytes, as they are read.
async fn cut(source: &Stream, fork: &mut Fork, end: Offset) -> Result<(), Error> {
    let config = source.hub.config();
    let page = ReadLimit { records_max: config.ring_frames_max, bytes_max: config.catch_up_bytes_max };
    let ForkPoint { offset, sub_offset } = fork.point;
    let mut left = sub_offset;
    while fork.base < end {
        let records = source.hub.log().read(fork.source, fork.base, page).await?;
        if records.is_empty() {
            break;
        }
        for record in records {
            if left == 0 || record.offset >= end {
                break;
            }
            let len = read_len(source.content(), record.data.len());
            if left < len {
                fork.cut = Some(part(source, &record, left)?);
                return Ok(());
            }
            left -= len;
            fork.base = record.offset.plus(1);
        }
        if left == 0 {
            return Ok(());
        }
    }
    let held = sub_offset.saturating_sub(left);
    Err(invalid(format!("the append at offset {offset} has {held} bytes, not {sub_offset}")))
}

/// The first bytes of a record, unless it is an event: half of one would join the next.
fn part(source: &Stream, record: &Record, len: u64) -> Result<NewRecord, Error> {
    if source.content() == ContentKind::EventStream {
        let context = format!("the sub-offset is in the middle of the event at offset {}", record.offset);
        return Err(invalid(context));
    }
    let len = usize::try_from(len).unwrap_or(usize::MAX).min(record.data.len());
    Ok(NewRecord { time: record.time, data: record.data.slice(..len) })
}

/// How many bytes a record has in a read: an event is followed by an empty line.
const fn read_len(content: ContentKind, len: usize) -> u64 {
    let len = len as u64;
    if matches!(content, ContentKind::EventStream) { len.saturating_add(1) } else { len }
}

fn invalid(context: String) -> Error {
    Error::new(ErrorKind::SubOffsetInvalid, context)
}
