//! The bytes of a streaming upload, cut into records.

use bytes::Bytes;
use everstream_codec::{Limits, Source, Splitter};
use everstream_hub::{ContentKind, Stream};

use super::super::append::mismatch;
use super::super::payload::{self, essence};
use crate::accept::EVENT_STREAM;
use crate::problem::{Code, Problem};

const NDJSON: &str = "application/x-ndjson";

/// A streaming upload: bytes in, complete records out. It holds at most one unfinished record.
pub(super) enum Feed {
    Events(Splitter),
    Lines(Lines),
}

/// Cuts newline-delimited JSON.
pub(super) struct Lines {
    unfinished: Vec<u8>,
    complete: Vec<Bytes>,
    refused: Option<Problem>,
    line: u64,
    bytes_max: usize,
}

impl Feed {
    /// A feed for uploads of `content_type` onto `stream`.
    ///
    /// # Errors
    /// `unsupported_media_type` for a type that cannot be streamed, `content_type_mismatch` when the stream is of
    /// another kind.
    pub(super) fn open(stream: &Stream, content_type: &str, event_bytes_max: usize) -> Result<Self, Problem> {
        let (needs, feed) = match essence(content_type).to_ascii_lowercase().as_str() {
            EVENT_STREAM => {
                let limits = Limits::with_event_bytes_max(event_bytes_max);
                (ContentKind::EventStream, Self::Events(Splitter::new(limits, Source::Publisher)))
            }
            NDJSON => (ContentKind::Json, Self::Lines(Lines::new(event_bytes_max))),
            _ => {
                let detail = format!("a streaming append takes {EVENT_STREAM}, or {NDJSON} onto a JSON stream");
                return Err(Problem::new(Code::UnsupportedMediaType, detail).about(
                    "content-type",
                    content_type,
                    NDJSON,
                ));
            }
        };
        if stream.content() == needs { Ok(feed) } else { Err(mismatch(stream, content_type)) }
    }

    pub(super) fn push(&mut self, chunk: &[u8]) {
        match self {
            Self::Events(splitter) => splitter.push(chunk),
            Self::Lines(lines) => lines.push(chunk),
        }
    }

    /// The records completed since the last call and, behind them, why nothing more will come.
    pub(super) fn take(&mut self) -> (Vec<Bytes>, Option<Problem>) {
        match self {
            Self::Events(splitter) => {
                let mut records = Vec::new();
                while let Some(split) = splitter.next() {
                    match split {
                        Ok(split) => records.push(split.stored),
                        Err(rejected) => return (records, Some(payload::refused_event(&rejected))),
                    }
                }
                (records, None)
            }
            Self::Lines(lines) => (std::mem::take(&mut lines.complete), lines.refused.take()),
        }
    }

    /// The upload ended as announced: the last record, if only the end of the body ends it.
    ///
    /// # Errors
    /// `invalid_event`, `invalid_body` for an unfinished one.
    pub(super) fn finish(self) -> Result<Option<Bytes>, Problem> {
        match self {
            Self::Events(splitter) => {
                splitter.finish().map(|()| None).map_err(|rejected| payload::refused_event(&rejected))
            }
            Self::Lines(lines) => lines.finish(),
        }
    }
}

impl Lines {
    fn new(bytes_max: usize) -> Self {
        Self { unfinished: Vec::new(), complete: Vec::new(), refused: None, line: 1, bytes_max }
    }

    fn push(&mut self, chunk: &[u8]) {
        let mut pieces = chunk.split_inclusive(|&byte| byte == b'\n');
        while self.refused.is_none()
            && let Some(piece) = pieces.next()
        {
            if self.unfinished.len() + piece.len() > self.bytes_max.saturating_add(1) {
                self.refused = Some(self.about(payload::too_large(self.bytes_max), "", "{\"n\":1}\n"));
                return;
            }
            self.unfinished.extend_from_slice(piece);
            if piece.ends_with(b"\n") {
                match self.end_line() {
                    Ok(record) => self.complete.extend(record),
                    Err(problem) => self.refused = Some(problem),
                }
            }
        }
    }

    /// The line that is complete now; a blank one is nothing.
    fn end_line(&mut self) -> Result<Option<Bytes>, Problem> {
        let line = Bytes::from(std::mem::take(&mut self.unfinished));
        let text = String::from_utf8_lossy(&line);
        if text.trim().is_empty() {
            self.line += 1;
            return Ok(None);
        }
        let value = match std::str::from_utf8(&line) {
            Ok(text) => payload::json_value(&line, text),
            Err(error) => Err(payload::invalid_json(&text, &error.to_string())),
        };
        let record = value.map_err(|problem| self.about(problem, &text, "{\"n\":1}\n"))?;
        self.line += 1;
        Ok(Some(record))
    }

    fn finish(mut self) -> Result<Option<Bytes>, Problem> {
        match self.refused.take() {
            Some(problem) => Err(problem),
            None => self.end_line(),
        }
    }

    fn about(&self, problem: Problem, text: &str, example: &str) -> Problem {
        problem.about(format!("body, line {}", self.line), text, example)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(chunks: &[&[u8]], bytes_max: usize) -> (Vec<Bytes>, Option<&'static str>) {
        let mut feed = Feed::Lines(Lines::new(bytes_max));
        let mut records = Vec::new();
        for chunk in chunks {
            feed.push(chunk);
            let (complete, refused) = feed.take();
            records.extend(complete);
            if let Some(problem) = refused {
                return (records, Some(problem.code().as_str()));
            }
        }
        match feed.finish() {
            Ok(last) => {
                records.extend(last);
                (records, None)
            }
            Err(problem) => (records, Some(problem.code().as_str())),
        }
    }

    #[test]
    fn lines_are_records_however_they_are_cut() {
        let upload = b"{\"a\": 1.00}\r\n\n [2]\n3";
        let whole: Vec<Bytes> = ["{\"a\": 1.00}", "[2]", "3"].map(Bytes::from).to_vec();
        for cut in 0..=upload.len() {
            let (head, tail) = upload.split_at(cut);
            assert_eq!(lines(&[head, tail], 32), (whole.clone(), None), "cut at {cut}");
        }
    }

    #[test]
    fn what_is_complete_before_a_bad_line_stays() {
        assert_eq!(lines(&[b"1\nnope\n2\n"], 32), (vec!["1".into()], Some("invalid_body")));
        assert_eq!(lines(&[b"1\n\xff\n"], 32), (vec!["1".into()], Some("invalid_body")));
        assert_eq!(lines(&[b"1\n{"], 32), (vec!["1".into()], Some("invalid_body")));
        assert_eq!(lines(&[b"1\n1234", b"5678"], 6), (vec!["1".into()], Some("event_too_large")));
    }
}
