//! Which requests are plain appends.

use httparse::{EMPTY_HEADER, Header, Status};

use crate::protocols::streams::PREFIX;

const METHOD: &[u8] = b"POST ";
/// What a plain path has none of: escapes, and what ends a path.
pub(super) const ESCAPES: &[u8] = b"%?#";
/// A request with more headers is not plain.
const HEADERS_MAX: usize = 24;
/// Longer bodies are left to hyper, for which a few microseconds are nothing beside them.
const BODY_BYTES_MAX: usize = 64 * 1024;

/// Headers that change nothing about an append. Every other one is left to those who know it: `via` and `sec-fetch-site`
/// to the edge, which knows by them what the proxy and what a foreign page has sent.
const HARMLESS: [&str; 19] = [
    "accept",
    "accept-encoding",
    "accept-language",
    "cache-control",
    "dnt",
    "forwarded",
    "pragma",
    "priority",
    "sec-fetch-dest",
    "sec-fetch-mode",
    "traceparent",
    "tracestate",
    "user-agent",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-port",
    "x-forwarded-proto",
    "x-real-ip",
    "x-request-id",
];

/// A plain append, as slices of what was read.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Request<'a> {
    /// What follows `/v1/stream/`: not checked yet, but without escapes and query.
    pub(super) path: &'a str,
    pub(super) content_type: &'a [u8],
    /// Not empty.
    pub(super) body: &'a [u8],
}

/// What bytes at the beginning of a request are.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Recognised<'a> {
    /// A whole plain append of so many bytes.
    Plain { request: Request<'a>, length: usize },
    /// The head of one, and so many bytes of its body are still to come.
    Unfinished { missing: usize },
    /// Anything else; also a head that is not whole, which hardly any client sends.
    Other,
}

/// The head of a plain append, as slices of what was read.
#[derive(Debug, Clone, Copy)]
pub(super) struct Head<'a> {
    /// As in a [`Request`].
    pub(super) path: &'a str,
    pub(super) content_type: &'a [u8],
    /// The digits of the body's length.
    pub(super) length: &'a [u8],
    /// How many bytes the head has.
    pub(super) bytes: usize,
}

impl<'a> Head<'a> {
    /// Reads the head that `bytes` begin with; nothing if it is no plain append's, or not whole.
    pub(super) fn parse(bytes: &'a [u8]) -> Option<Self> {
        if !bytes.starts_with(METHOD) {
            return None;
        }
        let mut headers = [EMPTY_HEADER; HEADERS_MAX];
        let mut head = httparse::Request::new(&mut headers);
        let Ok(Status::Complete(length)) = head.parse(bytes) else { return None };
        let path = head.path?.strip_prefix(PREFIX).filter(|_| head.version == Some(1))?;
        if path.bytes().any(|byte| ESCAPES.contains(&byte)) {
            return None;
        }
        let meaning = Meaning::of(head.headers)?;
        Some(Self { path, content_type: meaning.content_type, length: meaning.length, bytes: length })
    }

    /// What `bytes` are, which begin with this head.
    pub(super) fn judge(self, bytes: &'a [u8], body_bytes_max: usize) -> Recognised<'a> {
        let Some(length) = parse_length(self.length) else { return Recognised::Other };
        if length > BODY_BYTES_MAX.min(body_bytes_max) {
            return Recognised::Other;
        }
        let rest = bytes.get(self.bytes..).unwrap_or_default();
        match rest.get(..length) {
            Some(body) => Recognised::Plain {
                request: Request { path: self.path, content_type: self.content_type, body },
                length: self.bytes + length,
            },
            None => Recognised::Unfinished { missing: length - rest.len() },
        }
    }
}

/// What the headers of a plain append say.
struct Meaning<'a> {
    content_type: &'a [u8],
    length: &'a [u8],
}

impl<'a> Meaning<'a> {
    /// Nothing when they say more than that, or anything twice.
    fn of(headers: &[Header<'a>]) -> Option<Self> {
        let (mut host, mut content_type, mut length) = (None, None, None);
        for header in headers {
            let slot = match header.name {
                name if name.eq_ignore_ascii_case("host") => &mut host,
                name if name.eq_ignore_ascii_case("content-type") => &mut content_type,
                name if name.eq_ignore_ascii_case("content-length") => &mut length,
                name if HARMLESS.iter().any(|harmless| name.eq_ignore_ascii_case(harmless)) => continue,
                name if name.eq_ignore_ascii_case("connection") && is_keep_alive(header.value) => continue,
                _ => return None,
            };
            if slot.replace(header.value).is_some() {
                return None;
            }
        }
        host.filter(|host| is_usual_host(host))?;
        Some(Self { content_type: content_type?, length: length? })
    }
}

fn is_keep_alive(value: &[u8]) -> bool {
    value.eq_ignore_ascii_case(b"keep-alive")
}

/// A name or an IPv4 address, perhaps with a port; [`lawful`](crate::lawful) judges the others.
fn is_usual_host(host: &[u8]) -> bool {
    let (name, port) = host.split_at(host.iter().position(|&byte| byte == b':').unwrap_or(host.len()));
    let is_name = !name.is_empty() && name.iter().all(|byte| byte.is_ascii_alphanumeric() || b"-.".contains(byte));
    is_name && port.iter().skip(1).all(u8::is_ascii_digit)
}

/// A length in plain digits, not 0: a body without bytes is there to close a stream, or a mistake.
fn parse_length(value: &[u8]) -> Option<usize> {
    /// The longest number that cannot be too large.
    const DIGITS_MAX: usize = 9;
    if value.len() > DIGITS_MAX || !value.iter().all(u8::is_ascii_digit) {
        return None;
    }
    std::str::from_utf8(value).ok()?.parse().ok().filter(|&length| length > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn recognise(bytes: &[u8], body_bytes_max: usize) -> Recognised<'_> {
        Head::parse(bytes).map_or(Recognised::Other, |head| head.judge(bytes, body_bytes_max))
    }

    const PLAIN: &str = "Host: a.example:8000\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n";

    fn check(line: &str, headers: &str) -> bool {
        let text = format!("{line}\r\n{headers}\r\nhello");
        match recognise(text.as_bytes(), 100) {
            Recognised::Plain { request, length } => {
                assert_eq!(request, Request { path: "a/b", content_type: b"text/plain", body: b"hello" });
                assert_eq!(length, text.len());
                true
            }
            Recognised::Other => false,
            Recognised::Unfinished { .. } => panic!("all of it is there"),
        }
    }

    #[test]
    fn an_append_with_nothing_but_its_type_and_length_is_plain() {
        const LINE: &str = "POST /v1/stream/a/b HTTP/1.1";
        assert!(check(LINE, PLAIN));
        assert!(check(LINE, &format!("{PLAIN}user-agent: x\r\nACCEPT: */*\r\nConnection: Keep-Alive\r\n")));
        for header in [
            "Authorization: Bearer x",
            "Connection: close",
            "Content-Length: 5",
            "Content-Type: text/plain",
            "Everstream-Append: streaming",
            "Expect: 100-continue",
            "Host: b",
            "Idempotency-Key: k",
            "Origin: http://a",
            "Producer-Id: p",
            "Stream-Closed: true",
            "Stream-Seq: 1",
            "Transfer-Encoding: chunked",
            "Via: 1.1 a",
            "X-Anything: y",
        ] {
            assert!(!check(LINE, &format!("{PLAIN}{header}\r\n")), "{header}");
        }
    }

    #[test]
    fn other_requests_are_not() {
        for line in [
            "PUT /v1/stream/a/b HTTP/1.1",
            "POST /v1/stream/a/b HTTP/1.0",
            "POST /v1/stream/a/b?action=stop HTTP/1.1",
            "POST /v1/stream/a%2fb HTTP/1.1",
            "POST /v1/streams/a HTTP/1.1",
            "POST http://h/v1/stream/a/b HTTP/1.1",
            "post /v1/stream/a/b HTTP/1.1",
        ] {
            assert!(!check(line, PLAIN), "{line}");
        }
    }

    #[test]
    fn what_leaves_a_doubt_about_host_or_length_is_not() {
        for (from, to) in [
            ("a.example:8000", ""),
            ("a.example:8000", "user@a"),
            ("a.example:8000", "a:b"),
            ("Length: 5", "Length: +5"),
            ("Length: 5", "Length: 0"),
            ("Length: 5", "Length: 101"),
            ("Length: 5", "Length: 99999999999999999999"),
            ("Host: a.example:8000\r\n", ""),
            ("Content-Type: text/plain\r\n", ""),
            ("Content-Length: 5\r\n", ""),
        ] {
            assert!(!check("POST /v1/stream/a/b HTTP/1.1", &PLAIN.replace(from, to)), "{from} {to}");
        }
    }

    #[test]
    fn a_body_may_come_later_but_half_a_head_is_not_plain() {
        let text = format!("POST /v1/stream/a HTTP/1.1\r\n{PLAIN}\r\nhello");
        for cut in 1..text.len() {
            let expected = match text.len() - cut {
                missing @ 1..=5 => Recognised::Unfinished { missing },
                _ => Recognised::Other,
            };
            assert_eq!(recognise(&text.as_bytes()[..cut], 100), expected, "{cut}");
        }
    }
}
