//! Which requests are plain appends.

use httparse::{EMPTY_HEADER, Header, Status};

/// The path of a stream's resource begins like this.
const PREFIX: &str = "/v1/stream/";
const METHOD: &[u8] = b"POST ";
/// A request with more headers is not plain.
const HEADERS_MAX: usize = 24;
/// Longer bodies are left to hyper, for which a few microseconds are nothing beside them.
const BODY_BYTES_MAX: usize = 64 * 1024;

/// Headers that change nothing about an append. Every other one is left to those who know it.
const HARMLESS: [&str; 21] = [
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
    "sec-fetch-site",
    "traceparent",
    "tracestate",
    "user-agent",
    "via",
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

/// Says what `bytes` are, of which there is at least one.
pub(super) fn recognise(bytes: &[u8], body_bytes_max: usize) -> Recognised<'_> {
    if !bytes.starts_with(METHOD) {
        return Recognised::Other;
    }
    let mut headers = [EMPTY_HEADER; HEADERS_MAX];
    let mut head = httparse::Request::new(&mut headers);
    let Ok(Status::Complete(head_length)) = head.parse(bytes) else { return Recognised::Other };
    let path = head.path.and_then(|target| target.strip_prefix(PREFIX));
    let Some(path) = path.filter(|_| head.version == Some(1)) else { return Recognised::Other };
    let Some(meaning) = Meaning::of(head.headers) else { return Recognised::Other };
    if path.bytes().any(|byte| matches!(byte, b'%' | b'?' | b'#'))
        || meaning.length > BODY_BYTES_MAX.min(body_bytes_max)
    {
        return Recognised::Other;
    }
    let rest = bytes.get(head_length..).unwrap_or_default();
    match rest.get(..meaning.length) {
        Some(body) => Recognised::Plain {
            request: Request { path, content_type: meaning.content_type, body },
            length: head_length + meaning.length,
        },
        None => Recognised::Unfinished { missing: meaning.length - rest.len() },
    }
}

/// What the headers of a plain append say.
struct Meaning<'a> {
    content_type: &'a [u8],
    length: usize,
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
        Some(Self { content_type: content_type?, length: parse_length(length?)? })
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
