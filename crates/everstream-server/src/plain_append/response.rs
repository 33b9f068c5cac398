//! The head that answers a plain append.

use std::sync::{Arc, Mutex, PoisonError};

use everstream_log::Timestamp;
use http::{HeaderMap, Method};

use crate::config::Config;
use crate::cors::Audience;
use crate::edge;
use crate::protocols::streams::{NEXT_OFFSET, Position};

/// Makes the answers of a worker: all but the offset is ready. Cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct Acknowledgements(Arc<Mutex<Draft>>);

/// The answer that was made last, and what the next one is made of.
#[derive(Debug)]
struct Draft {
    /// From the status to the offset's value, which is where `answer` differs from one to the next.
    front: Vec<u8>,
    /// From there to the date's line.
    back: Vec<u8>,
    /// The date's line and the blank one, and the second they are of.
    date: (u64, Vec<u8>),
    answer: Vec<u8>,
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
        let front = format!("HTTP/1.1 204 No Content\r\n{NEXT_OFFSET}: ").into_bytes();
        Self(Arc::new(Mutex::new(Draft { front, back, date: (0, date_line(0)), answer: Vec::new() })))
    }

    /// Gives `write` the answer to an append after which the stream goes on at `next`. It must not wait, and make no
    /// other answer meanwhile.
    pub(super) fn write<T>(&self, next: Position, now: Timestamp, write: impl FnOnce(&[u8]) -> T) -> T {
        let mut draft = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Draft { front, back, date, answer } = &mut *draft;
        let second = now.0 / 1000;
        if date.0 != second {
            *date = (second, date_line(second));
        }
        answer.clear();
        answer.extend_from_slice(front);
        next.put(answer);
        answer.extend_from_slice(back);
        answer.extend_from_slice(&date.1);
        write(answer)
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
    use everstream_log::Offset;

    use super::*;

    #[test]
    fn the_date_is_of_the_second_of_the_answer() {
        let acknowledgements = Acknowledgements::new(&Config::defaults().unwrap());
        let text = |ms| {
            let position = Position(Offset(7));
            acknowledgements.write(position, Timestamp(ms), |answer| String::from_utf8(answer.to_vec()).unwrap())
        };
        let first = text(784_111_777_123);
        assert!(
            first.starts_with("HTTP/1.1 204 No Content\r\nstream-next-offset: 0000000000000007_0000000000000000\r\n"),
            "{first}"
        );
        assert!(first.ends_with("\r\ndate: Sun, 06 Nov 1994 08:49:37 GMT\r\n\r\n"), "{first}");
        assert_eq!(text(784_111_777_999), first);
        assert!(text(784_111_778_000).ends_with("08:49:38 GMT\r\n\r\n"));
    }
}
