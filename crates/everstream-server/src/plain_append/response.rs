//! The head that answers a plain append.

use std::sync::{Arc, Mutex, PoisonError};

use everstream_log::Timestamp;
use http::{HeaderMap, HeaderValue, Method};

use crate::config::Config;
use crate::cors::Audience;
use crate::edge;
use crate::protocols::streams::NEXT_OFFSET;

/// Makes the answers of a worker: all but the offset is ready. Cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct Acknowledgements {
    /// From the status to the offset's value.
    front: Arc<[u8]>,
    /// From there to the date's line.
    back: Arc<[u8]>,
    /// The date's line and the blank one, and the second they are of.
    date: Arc<Mutex<(u64, Vec<u8>)>>,
}

impl Acknowledgements {
    /// With the headers that every answer to a request without `Origin` has under `config`.
    pub(super) fn new(config: &Config) -> Self {
        let mut common = HeaderMap::new();
        edge::decorate(Audience::Listed(None), config, &Method::POST, &mut common);
        let mut back = b"\r\n".to_vec();
        for (name, value) in &common {
            back.extend_from_slice(name.as_str().as_bytes());
            back.extend_from_slice(b": ");
            back.extend_from_slice(value.as_bytes());
            back.extend_from_slice(b"\r\n");
        }
        let front = format!("HTTP/1.1 204 No Content\r\n{NEXT_OFFSET}: ");
        Self { front: front.into_bytes().into(), back: back.into(), date: Arc::default() }
    }

    /// The answer to an append after which the stream goes on at `next_offset`.
    pub(super) fn write(&self, next_offset: &HeaderValue, now: Timestamp) -> Vec<u8> {
        let mut date = self.date.lock().unwrap_or_else(PoisonError::into_inner);
        let second = now.0 / 1000;
        if date.0 != second || date.1.is_empty() {
            *date = (second, date_line(second));
        }
        [&self.front, next_offset.as_bytes(), &self.back, &date.1].concat()
    }
}

/// RFC 9110, 5.6.7.
fn date_line(second: u64) -> Vec<u8> {
    let at = i64::try_from(second).ok().and_then(|second| jiff::Timestamp::from_second(second).ok());
    let date = at.unwrap_or(jiff::Timestamp::MAX).strftime("%a, %d %b %Y %H:%M:%S GMT");
    format!("date: {date}\r\n\r\n").into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_date_is_of_the_second_of_the_answer() {
        let acknowledgements = Acknowledgements::new(&Config::defaults().unwrap());
        let text = |ms| {
            let answer = acknowledgements.write(&HeaderValue::from_static("7"), Timestamp(ms));
            String::from_utf8(answer).unwrap()
        };
        let first = text(784_111_777_123);
        assert!(first.starts_with("HTTP/1.1 204 No Content\r\nstream-next-offset: 7\r\n"), "{first}");
        assert!(first.ends_with("\r\ndate: Sun, 06 Nov 1994 08:49:37 GMT\r\n\r\n"), "{first}");
        assert_eq!(text(784_111_777_999), first);
        assert!(text(784_111_778_000).ends_with("08:49:38 GMT\r\n\r\n"));
    }
}
