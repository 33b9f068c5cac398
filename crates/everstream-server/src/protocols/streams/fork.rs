//! `Stream-Forked-From`, `Stream-Fork-Offset` and `Stream-Fork-Sub-Offset`: a stream that begins with the records of
//! another one (Durable Streams 4.2).

use everstream_hub::{ErrorKind, EventId, ForkFrom, Source};
use everstream_log::{ForkedFrom, Offset, StreamName};
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderName, HeaderValue};
use percent_encoding::percent_decode;

use super::PREFIX;
use super::payload::essence;
use super::position::Position;
use super::sequence::one;
use crate::access::{Caller, Grant, Read};
use crate::app::App;
use crate::problem::{Code, Problem};

const FORKED_FROM: HeaderName = HeaderName::from_static("stream-forked-from");
const FORK_OFFSET: HeaderName = HeaderName::from_static("stream-fork-offset");
const FORK_SUB_OFFSET: HeaderName = HeaderName::from_static("stream-fork-sub-offset");

/// A fork that is asked for, of a stream that is there and that the caller may read.
#[derive(Debug)]
pub(super) struct Wanted {
    pub(super) from: ForkFrom,
    source: Source,
}

/// The point as the request has it.
enum Point {
    Offset(Offset),
    EventId(EventId),
}

/// The fork that the request asks for, if it does.
///
/// # Errors
/// `invalid_header` for a header that is malformed, sent twice or without `Stream-Forked-From`; `stream_not_found` when
/// there is no such source; what the grant to read it says.
pub(super) async fn wanted(app: &App, caller: Caller, headers: &HeaderMap) -> Result<Option<Wanted>, Problem> {
    let (offset, sub_offset) = (one(headers, &FORK_OFFSET)?, one(headers, &FORK_SUB_OFFSET)?);
    let Some(forked_from) = one(headers, &FORKED_FROM)? else {
        return match [(&FORK_OFFSET, offset), (&FORK_SUB_OFFSET, sub_offset)].into_iter().find_map(given) {
            None => Ok(None),
            Some((name, value)) => Err(refused(name, value, "", "without `Stream-Forked-From` there is no fork")),
        };
    };
    let point = offset.map(parse_offset).transpose()?;
    let sub_offset = sub_offset.map(parse_sub_offset).transpose()?.unwrap_or(0);
    let grant: Grant<Read> = app.access.grant(caller, parse_path(forked_from)?)?;
    let source = app.hub.source(grant.stream()).await.map_err(|error| {
        let problem = Problem::from(error);
        about_source(problem, grant.stream())
    })?;
    let offset = match point {
        None => None,
        Some(Point::Offset(offset)) => Some(offset),
        Some(Point::EventId(id)) if id.epoch == source.epoch => Some(id.next),
        Some(Point::EventId(id)) => {
            let example = EventId::new(source.epoch, id.next).to_string();
            let detail = "the event id is of another life of the source";
            return Err(Problem::new(Code::InvalidHeader, detail).about(FORK_OFFSET.as_str(), id.to_string(), example));
        }
    };
    let from = ForkFrom { source: grant.into_stream(), offset, sub_offset };
    Ok(Some(Wanted { from, source }))
}

impl Wanted {
    /// The fork's type, which is its source's: the request may leave it out, or name it.
    ///
    /// # Errors
    /// `content_type_mismatch`; `invalid_header` when it is sent twice.
    pub(super) fn content_type(&self, headers: &HeaderMap) -> Result<String, Problem> {
        let own = &self.source.settings.content_type;
        let given = one(headers, &CONTENT_TYPE)?.map(lossy);
        match given.filter(|given| !essence(given).eq_ignore_ascii_case(essence(own))) {
            None => Ok(own.clone()),
            Some(other) => {
                let detail = format!("the source {} is of type {own}, and so is its fork", self.from.source);
                Err(Problem::new(Code::ContentTypeMismatch, detail).about("content-type", other, own))
            }
        }
    }

    /// Says which header it was.
    pub(super) fn explain(&self, kind: ErrorKind, problem: Problem) -> Problem {
        let ForkFrom { source, offset, sub_offset } = &self.from;
        match kind {
            ErrorKind::StreamNotFound | ErrorKind::ForkTooDeep => about_source(problem, source),
            ErrorKind::StreamDeleted => {
                about_source(Problem::new(Code::ForkSourceDeleted, problem.detail().to_owned()), source)
            }
            ErrorKind::OffsetTrimmed | ErrorKind::OffsetBeyondTail => {
                let value = offset.map(|offset| Position(offset).to_string()).unwrap_or_default();
                problem.about(FORK_OFFSET.as_str(), value, Position(Offset::ZERO).to_string())
            }
            ErrorKind::SubOffsetInvalid => problem.about(FORK_SUB_OFFSET.as_str(), sub_offset.to_string(), "0"),
            _ => problem,
        }
    }
}

/// The path of a stream, as the header has it.
pub(super) fn path(name: &StreamName) -> String {
    format!("{PREFIX}{name}")
}

/// The header in which a creation differs from a stream that is there, what it has and what it would have to have.
pub(super) fn difference(
    existing: Option<&ForkedFrom>,
    wanted: Option<&ForkFrom>,
) -> Option<(HeaderName, String, String)> {
    let (Some(existing), Some(wanted)) = (existing, wanted) else {
        let held = existing.map(|existing| path(&existing.name));
        let value = wanted.map(|wanted| path(&wanted.source));
        return (held != value).then(|| (FORKED_FROM, value.unwrap_or_default(), held.unwrap_or_default()));
    };
    if wanted.source != existing.name {
        return Some((FORKED_FROM, path(&wanted.source), path(&existing.name)));
    }
    let point = existing.point;
    match wanted.offset.filter(|offset| *offset != point.offset) {
        Some(offset) => Some((FORK_OFFSET, Position(offset).to_string(), Position(point.offset).to_string())),
        None => (wanted.sub_offset != point.sub_offset)
            .then(|| (FORK_SUB_OFFSET, wanted.sub_offset.to_string(), point.sub_offset.to_string())),
    }
}

fn parse_path(value: &HeaderValue) -> Result<StreamName, Problem> {
    let text = lossy(value);
    let name = text.strip_prefix(PREFIX).and_then(|encoded| {
        let decoded = percent_decode(encoded.as_bytes()).decode_utf8().ok()?;
        StreamName::parse(&decoded).ok()
    });
    name.ok_or_else(|| {
        refused(&FORKED_FROM, value, "/v1/stream/chat/42", "`Stream-Forked-From` is no path of a stream of this server")
    })
}

fn parse_offset(value: &HeaderValue) -> Result<Point, Problem> {
    let text = lossy(value);
    if let Some(position) = Position::parse(&text) {
        return Ok(Point::Offset(position.0));
    }
    EventId::parse(&text).ok().filter(|id| !id.is_end).map(Point::EventId).ok_or_else(|| {
        let detail =
            "`Stream-Fork-Offset` is neither a `Stream-Next-Offset` of the source nor the id of one of its events";
        refused(&FORK_OFFSET, value, &Position(Offset(42)).to_string(), detail)
    })
}

fn parse_sub_offset(value: &HeaderValue) -> Result<u64, Problem> {
    let text = lossy(value);
    let is_canonical = text.bytes().all(|byte| byte.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
    text.parse().ok().filter(|_| is_canonical).ok_or_else(|| {
        let detail = "`Stream-Fork-Sub-Offset` is a whole number, without sign or leading zero";
        refused(&FORK_SUB_OFFSET, value, "3", detail)
    })
}

fn given<'a>((name, value): (&'a HeaderName, Option<&'a HeaderValue>)) -> Option<(&'a HeaderName, &'a HeaderValue)> {
    value.map(|value| (name, value))
}

fn about_source(problem: Problem, source: &StreamName) -> Problem {
    problem.about(FORKED_FROM.as_str(), path(source), "/v1/stream/chat/42")
}

fn refused(name: &HeaderName, value: &HeaderValue, example: &str, detail: &str) -> Problem {
    Problem::new(Code::InvalidHeader, detail).about(name.as_str(), lossy(value), example)
}

fn lossy(value: &HeaderValue) -> String {
    String::from_utf8_lossy(value.as_bytes()).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(text: &str) -> HeaderValue {
        HeaderValue::from_str(text).unwrap()
    }

    #[test]
    fn a_source_is_named_by_its_path() {
        for (text, name) in
            [("/v1/stream/a", "a"), ("/v1/stream/chat/4:2@x", "chat/4:2@x"), ("/v1/stream/chat%2F4%3A2", "chat/4:2")]
        {
            assert_eq!(parse_path(&value(text)).unwrap().as_str(), name);
        }
        for text in
            ["", "a", "/v1/stream/", "/v1/stream/a/../b", "http://h/v1/stream/a", "/v1/stream/%ff", "/v1/stream/%252e"]
        {
            assert!(parse_path(&value(text)).is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_point_is_an_offset_or_an_event_id() {
        assert!(matches!(parse_offset(&value("0000000000000007_0000000000000000")), Ok(Point::Offset(Offset(7)))));
        assert!(matches!(parse_offset(&value("k3v9abcd-7")), Ok(Point::EventId(id)) if id.next == Offset(7)));
        for text in ["", "7", "-1", "now", "7_1", "k3v9abcd-7-end", "9999999999999999_9999999999999999"] {
            assert!(parse_offset(&value(text)).is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_sub_offset_is_a_canonical_number() {
        assert_eq!(parse_sub_offset(&value("0")).unwrap(), 0);
        assert_eq!(parse_sub_offset(&value("18446744073709551615")).unwrap(), u64::MAX);
        for text in ["", "-1", "abc", "1.5", "05", "+1", "1 ", "18446744073709551616"] {
            assert!(parse_sub_offset(&value(text)).is_err(), "{text:?}");
        }
    }
}
