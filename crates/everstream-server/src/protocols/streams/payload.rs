//! Bodies to records, by the stream's type.

use bytes::Bytes;
use everstream_codec::{Limits, Rejected, RejectedKind, Source, Splitter};
use everstream_hub::ContentKind;
use http::header::{ACCEPT_ENCODING, CONTENT_ENCODING};
use http::{HeaderMap, HeaderValue};
use serde::Deserializer as _;
use serde::de::{SeqAccess, Visitor};
use serde_json::value::RawValue;

use crate::config::Config;
use crate::problem::{Code, Problem};

/// The most records of one append: a body of the allowed size could hold millions, each with its own bookkeeping.
const RECORDS_MAX: usize = 65_536;

/// The bounds of one append.
#[derive(Debug, Clone, Copy)]
pub(super) struct PayloadLimits {
    pub(super) event_bytes_max: usize,
    pub(super) records_max: usize,
}

impl PayloadLimits {
    pub(super) const fn of(config: &Config) -> Self {
        Self { event_bytes_max: config.max_event_bytes.0, records_max: RECORDS_MAX }
    }
}

/// The records of a body that is not empty: possibly none, for an array without elements or comments alone.
///
/// # Errors
/// `invalid_event`, `invalid_body`, `event_too_large`, `too_many_records`, each naming what is wrong where.
pub(super) fn records(kind: ContentKind, body: Bytes, limits: PayloadLimits) -> Result<Vec<Bytes>, Problem> {
    let records = match kind {
        ContentKind::EventStream => events(&body, limits)?,
        ContentKind::Json => elements(body, limits)?,
        ContentKind::Text | ContentKind::Binary => vec![body],
    };
    if let Some(large) = records.iter().find(|record| record.len() > limits.event_bytes_max) {
        return Err(too_large(limits.event_bytes_max).about("body", format!("a record of {} bytes", large.len()), ""));
    }
    Ok(records)
}

/// A media type without its parameters.
pub(super) fn essence(content_type: &str) -> &str {
    content_type.split(';').next().unwrap_or_default().trim()
}

/// A body is stored as it comes. Of a coding nothing would be left but bytes that no reader can make sense of.
///
/// # Errors
/// `unsupported_media_type` for any `Content-Encoding` but `identity` (RFC 9110, 15.5.16).
pub(super) fn check_coding(headers: &HeaderMap) -> Result<(), Problem> {
    for line in headers.get_all(CONTENT_ENCODING) {
        let is_identity = |coding: &[u8]| coding.is_empty() || coding.eq_ignore_ascii_case(b"identity");
        if !line.as_bytes().split(|byte| *byte == b',').map(<[u8]>::trim_ascii).all(is_identity) {
            let detail = "a body is appended as it comes, without a `Content-Encoding`";
            return Err(Problem::new(Code::UnsupportedMediaType, detail)
                .about("content-encoding", String::from_utf8_lossy(line.as_bytes()), "identity")
                .with_header(ACCEPT_ENCODING, HeaderValue::from_static("identity")));
        }
    }
    Ok(())
}

/// A body that such a stream takes.
pub(super) const fn example(kind: ContentKind) -> &'static str {
    match kind {
        ContentKind::EventStream => "data: hello\n\n",
        ContentKind::Json => r#"{"n":1}"#,
        ContentKind::Text | ContentKind::Binary => "hello",
    }
}

fn events(body: &[u8], limits: PayloadLimits) -> Result<Vec<Bytes>, Problem> {
    let mut splitter = Splitter::new(Limits::with_event_bytes_max(limits.event_bytes_max), Source::Publisher);
    let mut records = Vec::new();
    splitter.push(body);
    while let Some(split) = splitter.next() {
        records.push(split.map_err(|rejected| refused_event(&rejected))?.stored);
        if records.len() > limits.records_max {
            return Err(too_many(limits.records_max));
        }
    }
    splitter.finish().map_err(|rejected| refused_event(&rejected))?;
    Ok(records)
}

/// Why an event of a publisher is not stored.
pub(super) fn refused_event(rejected: &Rejected) -> Problem {
    let field = format!("body, line {}", rejected.line);
    let code = match rejected.kind {
        RejectedKind::TooLarge { limit } => return too_large(limit).about(field, &rejected.excerpt, "data: hello\n\n"),
        _ => Code::InvalidEvent,
    };
    Problem::new(code, rejected.kind.to_string()).about(field, &rejected.excerpt, "data: hello\n\n")
}

/// The elements of an array, one level deep, or the one value there is: its bytes as they came, so that no number
/// loses a digit.
fn elements(body: Bytes, limits: PayloadLimits) -> Result<Vec<Bytes>, Problem> {
    let text = std::str::from_utf8(&body)
        .map_err(|error| invalid_json(&String::from_utf8_lossy(&body), &format!("the body is not UTF-8: {error}")))?;
    let is_array = text.trim_start_matches([' ', '\t', '\r', '\n']).starts_with('[');
    if !is_array {
        let value = json_text(text)?;
        // A share would be one more allocation, and a body is nearly always its value and nothing around it.
        return Ok(vec![if value.len() == body.len() { body } else { body.slice_ref(value.as_bytes()) }]);
    }
    let mut json = serde_json::Deserializer::from_str(text);
    let elements = json
        .deserialize_seq(Elements { records_max: limits.records_max })
        .and_then(|elements| json.end().map(|()| elements))
        .map_err(|error| invalid_json(text, &error.to_string()))?;
    if elements.len() > limits.records_max {
        return Err(too_many(limits.records_max));
    }
    Ok(elements.into_iter().map(|element| body.slice_ref(element.get().as_bytes())).collect())
}

/// `text` as one value; it must be the text of `body`, of which the value keeps its share.
pub(super) fn json_value(body: &Bytes, text: &str) -> Result<Bytes, Problem> {
    Ok(body.slice_ref(json_text(text)?.as_bytes()))
}

fn json_text(text: &str) -> Result<&str, Problem> {
    let value: &RawValue = serde_json::from_str(text).map_err(|error| invalid_json(text, &error.to_string()))?;
    Ok(value.get())
}

pub(super) fn invalid_json(text: &str, detail: &str) -> Problem {
    Problem::new(Code::InvalidBody, format!("the body is not JSON: {detail}")).about(
        "body",
        text,
        example(ContentKind::Json),
    )
}

pub(super) fn too_large(bytes_max: usize) -> Problem {
    Problem::new(Code::EventTooLarge, format!("an event has at most {bytes_max} bytes (max_event_bytes)"))
}

fn too_many(records_max: usize) -> Problem {
    Problem::new(Code::TooManyRecords, format!("one append has at most {records_max} records; send several"))
}

/// Collects the elements of an array; stops keeping them one beyond the bound.
struct Elements {
    records_max: usize,
}

impl<'de> Visitor<'de> for Elements {
    type Value = Vec<&'de RawValue>;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("an array")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        let mut elements = Vec::new();
        while let Some(element) = seq.next_element()? {
            if elements.len() <= self.records_max {
                elements.push(element);
            }
        }
        Ok(elements)
    }
}

#[cfg(test)]
mod tests;
