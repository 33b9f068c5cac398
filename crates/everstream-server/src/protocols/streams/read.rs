//! `GET` without a live mode: a bounded read in the stream's own type.

use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use everstream_hub::{ContentKind, End};
use everstream_log::{Offset, ReadLimit, Record};
use http::HeaderValue;
use http::header::VARY;

use super::head::{self, CLOSE_REASON, CLOSED, NEXT_OFFSET, TRUE, UP_TO_DATE};
use super::not_acceptable;
use super::position::{Position, ReadFrom};
use super::query::Query;
use crate::accept::Accept;
use crate::access::{Grant, Read};
use crate::app::App;
use crate::problem::Problem;

/// One answer's share of a stream; `Stream-Next-Offset` leads to the next one.
const PAGE: ReadLimit = ReadLimit { records_max: 16_384, bytes_max: 1 << 20 };

/// Records from `offset` on, up to one page.
pub(super) async fn read(
    app: &App,
    grant: &Grant<Read>,
    accept: Accept<'_>,
    query: &Query,
) -> Result<Response, Problem> {
    let wanted = ReadFrom::parse(query)?;
    let stream = app.hub.stream(grant.stream()).await?;
    let own_type = stream.settings().content_type.as_str();
    if !accept.allows(own_type) {
        return Err(not_acceptable(own_type));
    }
    let before = stream.state();
    let (from, records) = match wanted {
        ReadFrom::Now => (before.tail, Vec::new()),
        ReadFrom::Start => (before.first, stream.read(before.first, PAGE).await?),
        ReadFrom::At(from) => (from, stream.read(from, PAGE).await?),
    };
    let next = Offset(from.0 + records.len() as u64);
    // Judged after the read: who is told to be up to date, or at the end, has everything that was there by then.
    let after = stream.state();
    let mut headers = head::describe(&after);
    headers.insert(NEXT_OFFSET, head::offset(Position(next)));
    headers.insert(VARY, HeaderValue::from_static("Accept"));
    if next == after.tail {
        headers.insert(UP_TO_DATE, TRUE);
    } else if let Some(End::Closed(_)) = after.end {
        headers.remove(CLOSED);
        headers.remove(CLOSE_REASON);
    }
    Ok((headers, join(stream.content(), &records)).into_response())
}

/// The records as one body of the stream's type.
fn join(content: ContentKind, records: &[Record]) -> Bytes {
    let (open, between, close) = match content {
        // A stored event has no blank line; with one after it, it is an event again.
        ContentKind::EventStream => ("", "\n", if records.is_empty() { "" } else { "\n" }),
        ContentKind::Json => ("[", ",", "]"),
        ContentKind::Text | ContentKind::Binary => ("", "", ""),
    };
    let size: usize = records.iter().map(|record| record.data.len() + between.len()).sum();
    let mut out = Vec::with_capacity(size + open.len() + close.len());
    out.extend_from_slice(open.as_bytes());
    for (index, record) in records.iter().enumerate() {
        if index > 0 {
            out.extend_from_slice(between.as_bytes());
        }
        out.extend_from_slice(&record.data);
    }
    out.extend_from_slice(close.as_bytes());
    out.into()
}

#[cfg(test)]
mod tests {
    use everstream_log::Timestamp;

    use super::*;

    fn joined(content: ContentKind, data: &[&'static str]) -> String {
        let record = |data: &&'static str| Record {
            offset: Offset::ZERO,
            time: Timestamp::default(),
            data: Bytes::from_static(data.as_bytes()),
        };
        let records: Vec<Record> = data.iter().map(record).collect();
        String::from_utf8(join(content, &records).to_vec()).unwrap()
    }

    #[test]
    fn each_type_is_joined_in_its_own_way() {
        assert_eq!(joined(ContentKind::EventStream, &["data: a\n", "data: b\n"]), "data: a\n\ndata: b\n\n");
        assert_eq!(joined(ContentKind::Json, &["1", "[2]"]), "[1,[2]]");
        assert_eq!(joined(ContentKind::Text, &["a", "b"]), "ab");
    }

    #[test]
    fn nothing_is_an_empty_body_or_an_empty_array() {
        assert_eq!(joined(ContentKind::EventStream, &[]), "");
        assert_eq!(joined(ContentKind::Json, &[]), "[]");
        assert_eq!(joined(ContentKind::Binary, &[]), "");
    }
}
