//! What a relay makes of the bytes of an answer: the records of an append, and the truth about the answer's end.

use bytes::Bytes;
use everstream_codec::{Limits, Rejected, Source, Split, Splitter};
use everstream_hub::{Append, Close};
use everstream_log::CloseReason;
use http::StatusCode;

use crate::Dialect;
use crate::dialect::{AnswerReader, Verdict};
use crate::outcome::{CloseDetail, OutcomeCode};
use crate::upstream::UpstreamAnswer;

/// The part of a relay between the upstream's bytes and the stream's records.
#[derive(Debug)]
pub(crate) enum Intake {
    /// Each event is a record, in the form in which events are stored.
    Events {
        /// Cuts the bytes into events.
        splitter: Splitter,
        /// Knows when the answer is whole.
        reader: AnswerReader,
    },
    /// The bytes are kept as they come, each chunk a record (or several, where it is larger than one may be).
    Bytes {
        /// What has arrived since the last append.
        chunks: Vec<Bytes>,
        /// The largest record, in bytes.
        record_bytes_max: usize,
        /// Reads along, where the bytes are events of a dialect that says when an answer is whole.
        judge: Option<Box<Judge>>,
    },
}

/// Follows events only to know how the answer ends.
#[derive(Debug)]
pub(crate) struct Judge {
    splitter: Splitter,
    reader: AnswerReader,
    /// What the answer has said about itself.
    verdict: Option<Close>,
}

impl Intake {
    /// Takes events of `dialect`, of at most `event_bytes_max` bytes.
    pub(crate) fn events(dialect: Dialect, event_bytes_max: usize) -> Self {
        Self::Events { splitter: splitter(event_bytes_max), reader: AnswerReader::new(dialect) }
    }

    /// Takes bytes as they are, in records of at most `record_bytes_max` bytes. Where they are events of `judged_by`, that
    /// dialect decides whether the answer is whole, else its clean end does.
    pub(crate) fn bytes(judged_by: Option<Dialect>, record_bytes_max: usize) -> Self {
        let judge = |dialect| {
            let (splitter, reader) = (splitter(record_bytes_max), AnswerReader::new(dialect));
            Box::new(Judge { splitter, reader, verdict: None })
        };
        Self::Bytes { chunks: Vec::new(), record_bytes_max: record_bytes_max.max(1), judge: judged_by.map(judge) }
    }

    /// Whether an answer with this head can be taken.
    pub(crate) fn takes(&self, answer: &UpstreamAnswer) -> bool {
        match self {
            Self::Events { .. } => answer.is_event_stream(),
            Self::Bytes { .. } => true,
        }
    }

    /// Takes the next bytes.
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        match self {
            Self::Events { splitter, .. } => splitter.push(bytes),
            Self::Bytes { chunks, record_bytes_max, judge } => {
                let mut rest = Bytes::copy_from_slice(bytes);
                while rest.len() > *record_bytes_max {
                    chunks.push(rest.split_to(*record_bytes_max));
                }
                if !rest.is_empty() {
                    chunks.push(rest);
                }
                if let Some(judge) = judge {
                    judge.splitter.push(bytes);
                }
            }
        }
    }

    /// What is to be appended now: the records of one append, closing where the answer ends with one of them.
    pub(crate) fn take(&mut self) -> Append {
        match self {
            Self::Events { splitter, reader } => take_events(splitter, reader),
            Self::Bytes { chunks, judge, .. } => {
                if judge.as_mut().is_some_and(|judge| judge.follow().is_err()) {
                    // What cannot be read as events cannot be judged by them.
                    *judge = None;
                }
                Append { records: std::mem::take(chunks), close: None }
            }
        }
    }

    /// How an answer closes its stream that ended cleanly.
    ///
    /// # Errors
    /// When it ended before it was whole.
    pub(crate) fn end(&self) -> Result<Close, CloseDetail> {
        let (verdict, is_whole) = match self {
            Self::Events { splitter, reader } => (None, reader.is_whole_at_end(splitter)),
            Self::Bytes { judge: None, .. } => (None, true),
            Self::Bytes { judge: Some(judge), .. } => {
                (judge.verdict.clone(), judge.reader.is_whole_at_end(&judge.splitter))
            }
        };
        let whole = || is_whole.then(|| Close::because(CloseReason::Completed));
        verdict
            .or_else(whole)
            .ok_or_else(|| CloseDetail::new(OutcomeCode::UpstreamCut, "the answer ended before it was whole"))
    }

    /// How the answer ended by its own words, although its last bytes did not come cleanly; `None` when it had not.
    pub(crate) fn own_end(&self) -> Option<Close> {
        match self {
            Self::Events { .. } => None,
            Self::Bytes { judge, .. } => judge.as_ref()?.verdict.clone(),
        }
    }
}

impl Judge {
    fn follow(&mut self) -> Result<(), Rejected> {
        while let Some(event) = self.splitter.next() {
            let event = event?;
            if self.verdict.is_none() {
                self.verdict = close_of(&mut self.reader, &event);
            }
        }
        Ok(())
    }
}

fn splitter(event_bytes_max: usize) -> Splitter {
    Splitter::new(Limits::with_event_bytes_max(event_bytes_max), Source::Upstream)
}

fn take_events(splitter: &mut Splitter, reader: &mut AnswerReader) -> Append {
    // Nearly always it is one event.
    let mut append = Append { records: Vec::with_capacity(1), close: None };
    while append.close.is_none()
        && let Some(event) = splitter.next()
    {
        match event {
            Ok(event) => {
                append.close = close_of(reader, &event);
                append.records.push(event.stored);
            }
            Err(rejected) => {
                let detail = CloseDetail::new(OutcomeCode::EventTooLarge, rejected.kind.to_string());
                append.close = Some(detail.with_status(StatusCode::OK).close(CloseReason::Failed));
            }
        }
    }
    append
}

/// The end that `event` says, if it does.
fn close_of(reader: &mut AnswerReader, event: &Split) -> Option<Close> {
    match reader.read(event) {
        Verdict::GoesOn => None,
        Verdict::Whole => Some(Close::because(CloseReason::Completed)),
        Verdict::Failed { message } => {
            let detail = CloseDetail::new(OutcomeCode::UpstreamError, message).with_status(StatusCode::OK);
            Some(detail.close(CloseReason::Failed))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn intake(judged_by: Option<Dialect>, chunks: &[&'static str]) -> (Intake, Vec<Bytes>) {
        let mut intake = Intake::bytes(judged_by, 64);
        let mut records = Vec::new();
        for chunk in chunks {
            intake.push(&Bytes::from_static(chunk.as_bytes()));
            records.extend(intake.take().records);
        }
        (intake, records)
    }

    fn reason(intake: &Intake) -> Option<CloseReason> {
        intake.end().ok().map(|close| close.reason)
    }

    #[test]
    fn bytes_are_kept_as_they_come() {
        let (_, records) = intake(None, &["data: a\r\n", "\r\n: c\n", "\u{0}"]);
        assert_eq!(records, ["data: a\r\n", "\r\n: c\n", "\u{0}"]);
    }

    #[test]
    fn a_chunk_over_the_bound_becomes_several_records() {
        let long: &'static str = "0123456789012345678901234567890123456789012345678901234567890123456789";
        let (_, records) = intake(None, &[long]);
        assert_eq!(records.iter().map(Bytes::len).collect::<Vec<_>>(), [64, 6]);
        assert_eq!(records.concat(), long.as_bytes());
    }

    #[test]
    fn a_dialect_judges_bytes_by_their_events() {
        let chat = Some(Dialect::OpenAiChat);
        assert_eq!(reason(&intake(chat, &["data: {}\n\n"]).0), None);
        let (whole, _) = intake(chat, &["data: {}\n\ndata: [DO", "NE]\n\n: after\n"]);
        assert_eq!(reason(&whole), Some(CloseReason::Completed));
        assert_eq!(whole.own_end().map(|close| close.reason), Some(CloseReason::Completed));
        let (failed, records) = intake(chat, &["data: {\"error\":{\"message\":\"no\"}}\n\n", "data: x\n\n"]);
        assert_eq!((reason(&failed), records.len()), (Some(CloseReason::Failed), 2));
    }

    #[test]
    fn what_no_dialect_judges_is_whole_at_a_clean_end() {
        assert_eq!(reason(&intake(None, &["half a li"]).0), Some(CloseReason::Completed));
        let too_long: &'static str = "data: 0123456789012345678901234567890123456789012345678901234567890123456789\n\n";
        assert_eq!(reason(&intake(Some(Dialect::OpenAiChat), &[too_long]).0), Some(CloseReason::Completed));
    }
}
