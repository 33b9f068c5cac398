//! Heads that were seen before.
//!
//! A publisher sends the same headers with each append, and all publishers of one program do: only the path and the length
//! differ. So the headers that were parsed last are kept, and whatever has the same ones, byte by byte, is not parsed again.

use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

use super::request::{ESCAPES, Head, Recognised};

/// What stands before and behind the path.
const LINE_FRONT: &[u8] = b"POST /v1/stream/";
const LINE_BACK: &[u8] = b" HTTP/1.1\r\n";
/// Longer headers are not kept.
const KEPT_BYTES_MAX: usize = 4096;

/// The headers of a worker's last plain append that was parsed. Those of a plain append say nothing secret. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub(super) struct Familiar(Arc<Mutex<Headers>>);

#[derive(Debug, Default)]
struct Headers {
    /// From behind the request's line to the blank one, without the digits of the body's length; nothing at first.
    lines: Vec<u8>,
    /// Where the digits stood.
    length_at: usize,
    /// The value of the type.
    content_type: Range<usize>,
}

impl Familiar {
    /// Says what `bytes` are.
    pub(super) fn recognise<'a>(&self, bytes: &'a [u8], body_bytes_max: usize) -> Recognised<'a> {
        // No code panics while it holds the lock, which only this worker takes.
        let mut headers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let head = headers.find(bytes).or_else(|| {
            let head = Head::parse(bytes)?;
            headers.keep(bytes, head);
            Some(head)
        });
        head.map_or(Recognised::Other, |head| head.judge(bytes, body_bytes_max))
    }
}

impl Headers {
    /// The head of `bytes`, if its headers are these. What they mean depends on nothing but themselves, and the length is
    /// judged by each request's own digits.
    fn find<'a>(&self, bytes: &'a [u8]) -> Option<Head<'a>> {
        let (path, lines) = split_line(bytes)?;
        let (front, back) = self.lines.split_at_checked(self.length_at)?;
        let rest = lines.strip_prefix(front).filter(|_| !back.is_empty())?;
        let (length, rest) = rest.split_at_checked(rest.iter().position(|byte| !byte.is_ascii_digit())?)?;
        let body = rest.strip_prefix(back)?;
        let Range { start, end } = self.content_type;
        let shift = if start < self.length_at { 0 } else { length.len() };
        let content_type = lines.get(start + shift..end + shift)?;
        Some(Head { path, content_type, length, bytes: bytes.len() - body.len() })
    }

    /// Keeps the headers of `head`, which `bytes` begin with, unless they are very long or its line is an unusual one.
    fn keep(&mut self, bytes: &[u8], head: Head<'_>) -> Option<()> {
        let (_, lines) = split_line(bytes)?;
        let lines = lines.get(..head.bytes.checked_sub(bytes.len() - lines.len())?)?;
        let length_at = place(head.length, lines)?;
        let (front, rest) = lines.split_at_checked(length_at)?;
        let back = rest.get(head.length.len()..).filter(|_| lines.len() <= KEPT_BYTES_MAX)?;
        let type_at = place(head.content_type, lines)?;
        let start = if type_at < length_at { type_at } else { type_at - head.length.len() };
        self.lines.clear();
        self.lines.extend_from_slice(front);
        self.lines.extend_from_slice(back);
        self.length_at = length_at;
        self.content_type = start..start + head.content_type.len();
        Some(())
    }
}

/// The path in a plain append's line, and what comes behind the line.
fn split_line(bytes: &[u8]) -> Option<(&str, &[u8])> {
    let target = bytes.strip_prefix(LINE_FRONT)?;
    let end = target.iter().position(|byte| *byte == b' ' || ESCAPES.contains(byte))?;
    let (path, rest) = target.split_at_checked(end)?;
    Some((std::str::from_utf8(path).ok()?, rest.strip_prefix(LINE_BACK)?))
}

/// Where `part`, which is a part of `whole`, begins in it.
fn place(part: &[u8], whole: &[u8]) -> Option<usize> {
    part.as_ptr().addr().checked_sub(whole.as_ptr().addr())
}

#[cfg(test)]
mod tests {
    use everstream_log::StreamName;

    use super::*;

    /// Requests whose lines, headers and bodies differ in all that matters, and in what does not.
    fn requests() -> Vec<String> {
        let lines = [
            "POST /v1/stream/a/b HTTP/1.1",
            "POST /v1/stream/c HTTP/1.1",
            "POST /v1/stream/a/b HTTP/1.0",
            "POST /v1/stream/a?action=stop HTTP/1.1",
            "POST /v1/stream/a%2fb HTTP/1.1",
            "POST /v1/stream/ HTTP/1.1",
            "POST /v1/stream/a\u{1}b HTTP/1.1",
            "POST /v1/streams/a HTTP/1.1",
            "PUT /v1/stream/a HTTP/1.1",
        ];
        let headers = [
            "Host: h\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n",
            "Host: h\r\nContent-Type: text/plain\r\nContent-Length: 5 \r\n",
            "Host: h\r\nContent-Type: text/plain\r\nContent-Length: 12\r\n",
            "Host: h\r\nContent-Type: text/plain\r\nContent-Length: 0\r\n",
            "Host: h\r\nContent-Type: text/plain\r\nContent-Length: 99999999999999999999\r\n",
            "Host: h\r\nContent-Type: text/plain\r\nContent-Length: 5x\r\n",
            "Host: h\r\nContent-Type: text/plain\r\nContent-Length: \r\n",
            "content-length: 5\r\nHost: h\r\nContent-Type: text/plain\r\n",
            "content-length: 123\r\nHost: h\r\nContent-Type: text/plain\r\n",
            "Host: h\r\nContent-Length: 5\r\nContent-Type: a/b\r\nAccept: */*\r\n",
            "Host: h\r\nContent-Length: 5\r\nContent-Type: a/b\r\nAccept: */*\r\nX-Anything: y\r\n",
            "Host: h\r\nContent-Length: 5\r\n",
            "",
        ];
        let request = |line: &&str, headers: &&str| format!("{line}\r\n{headers}\r\nhello world!");
        headers.iter().flat_map(|headers| lines.iter().map(move |line| request(line, headers))).collect()
    }

    /// A path that is no name is refused by who takes it.
    fn lawful(recognised: Recognised<'_>) -> Recognised<'_> {
        match recognised {
            Recognised::Plain { request, .. } if StreamName::parse(request.path).is_err() => Recognised::Other,
            other => other,
        }
    }

    #[test]
    fn whatever_was_seen_before_a_request_is_what_it_is() {
        let requests = requests();
        let mut plain = 0;
        for before in &requests {
            for request in &requests {
                let alone = Familiar::default();
                let expected = lawful(alone.recognise(request.as_bytes(), 100));
                let familiar = Familiar::default();
                familiar.recognise(before.as_bytes(), 100);
                assert_eq!(lawful(familiar.recognise(request.as_bytes(), 100)), expected, "{before}\n{request}");
                plain += usize::from(matches!(expected, Recognised::Plain { .. }));
            }
        }
        assert!(plain > requests.len(), "{plain}");
    }

    #[test]
    fn the_same_headers_are_not_parsed_again() {
        let request = |path: &str, body: &str| {
            let length = body.len();
            format!(
                "POST /v1/stream/{path} HTTP/1.1\r\nHost: h\r\nContent-Length: {length}\r\nContent-Type: a/b\r\n\r\n{body}"
            )
        };
        let familiar = Familiar::default();
        let find = |text: &str| {
            familiar
                .0
                .lock()
                .unwrap()
                .find(text.as_bytes())
                .map(|head| (head.path.to_owned(), head.content_type.to_vec(), head.bytes))
        };
        let (first, second) = (request("a", "hello"), request("b/c", &"x".repeat(50)));
        assert_eq!(find(&first), None);
        familiar.recognise(first.as_bytes(), 100);
        for (path, text) in [("a", &first), ("b/c", &second)] {
            let head = text.find("\r\n\r\n").unwrap() + 4;
            assert_eq!(find(text), Some((path.to_owned(), b"a/b".to_vec(), head)));
            for cut in 0..head {
                assert_eq!(find(&text[..cut]), None, "{cut}");
            }
        }
    }

    #[test]
    fn very_long_headers_are_not_kept() {
        let familiar = Familiar::default();
        let padding = "x".repeat(KEPT_BYTES_MAX);
        let text = format!(
            "POST /v1/stream/a HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nContent-Type: a/b\r\nX-Request-Id: {padding}\r\n\r\na"
        );
        assert!(matches!(familiar.recognise(text.as_bytes(), 100), Recognised::Plain { .. }));
        assert!(familiar.0.lock().unwrap().lines.is_empty());
    }
}
