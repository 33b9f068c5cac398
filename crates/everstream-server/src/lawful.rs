//! What HTTP asks of every request's head and hyper leaves to us.
//!
//! Whom the request is for and where its body ends must be beyond doubt, or the next request on the connection is
//! anybody's guess.

use http::header::{CONNECTION, HOST, TRANSFER_ENCODING};
use http::uri::Authority;
use http::{HeaderMap, HeaderValue, Method, Request, Uri, Version};

use crate::problem::{Code, Problem};

/// Checks a head that hyper has taken.
///
/// # Errors
/// `invalid_host`; or `bad_request`, with which the connection ends, since the body cannot be read.
pub(crate) fn check<B>(request: &Request<B>) -> Result<(), Problem> {
    let (version, headers) = (request.version(), request.headers());
    check_target(request.method(), request.uri())?;
    check_host(version, headers)?;
    let codings = headers.get_all(TRANSFER_ENCODING).iter().map(HeaderValue::as_bytes);
    check_codings(version == Version::HTTP_11, codings)
        .map_err(|problem| problem.with_header(CONNECTION, HeaderValue::from_static("close")))
}

/// RFC 9112, 3.2: a target is a path, or a whole URL; only `CONNECT` has a bare host.
pub(crate) fn check_target(method: &Method, uri: &Uri) -> Result<(), Problem> {
    if uri.scheme().is_none() && uri.authority().is_some() && method != Method::CONNECT {
        let detail = "the request target is neither a path nor a URL";
        return Err(Problem::new(Code::BadRequest, detail).about("target", uri.to_string(), "/v1/stream/a"));
    }
    Ok(())
}

/// RFC 9112, 3.2: an HTTP/1.1 request has one `Host`; RFC 9110, 7.2: which is a host and maybe a port.
fn check_host(version: Version, headers: &HeaderMap) -> Result<(), Problem> {
    let refuse =
        |detail: &str, value: &str| Err(Problem::new(Code::InvalidHost, detail).about("Host", value, "localhost:8000"));
    let mut hosts = headers.get_all(HOST).iter();
    match (hosts.next(), hosts.next()) {
        (None, _) if version == Version::HTTP_11 => refuse("an HTTP/1.1 request names its Host", ""),
        (None, _) => Ok(()),
        (Some(host), None) if is_host(host) => Ok(()),
        (Some(host), None) => {
            refuse("Host is no host with an optional port", &String::from_utf8_lossy(host.as_bytes()))
        }
        (Some(_), Some(_)) => refuse("a request has one Host", "more than one"),
    }
}

fn is_host(value: &HeaderValue) -> bool {
    let Ok(authority) = Authority::try_from(value.as_bytes()) else { return false };
    let host = authority.host();
    // With credentials before the host this does not match, as it should not.
    let port = authority.as_str().strip_prefix(host).map(|rest| rest.strip_prefix(':').unwrap_or(rest));
    !host.is_empty() && port.is_some_and(|port| port.bytes().all(|byte| byte.is_ascii_digit()))
}

/// Every `Content-Length` is the same number.
pub(crate) fn check_lengths<'a>(values: impl Iterator<Item = &'a [u8]>) -> Result<(), Problem> {
    let mut first = None;
    for value in values {
        let is_number = !value.is_empty() && value.iter().all(u8::is_ascii_digit);
        let fits = std::str::from_utf8(value).is_ok_and(|text| text.parse::<u64>().is_ok());
        if !is_number || !fits || *first.get_or_insert(value) != value {
            let detail = "Content-Length is no single number of bytes";
            return Err(refusal(detail, "Content-Length", value, "42"));
        }
    }
    Ok(())
}

/// The one `Transfer-Encoding` a request can have here is `chunked`, once, and with HTTP/1.1.
pub(crate) fn check_codings<'a>(is_http_11: bool, values: impl Iterator<Item = &'a [u8]>) -> Result<(), Problem> {
    for (at, value) in values.enumerate() {
        if !is_http_11 || at > 0 || !value.trim_ascii().eq_ignore_ascii_case(b"chunked") {
            let detail = "a request's Transfer-Encoding is chunked, once, and comes with HTTP/1.1";
            return Err(refusal(detail, "Transfer-Encoding", value, "chunked"));
        }
    }
    Ok(())
}

fn refusal(detail: &str, field: &str, value: &[u8], example: &str) -> Problem {
    Problem::new(Code::BadRequest, detail).about(field, String::from_utf8_lossy(value), example)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(version: Version, lines: &[(&'static str, &'static str)]) -> Option<Code> {
        let mut request = Request::builder().version(version);
        for &(name, value) in lines {
            request = request.header(name, value);
        }
        check(&request.body(()).unwrap()).err().map(|problem| problem.code())
    }

    #[test]
    fn a_request_has_one_lawful_host() {
        for host in ["localhost", "localhost:8000", "[::1]:8000", "a.example:", "10.0.0.1"] {
            assert_eq!(code(Version::HTTP_11, &[("host", host)]), None, "{host:?}");
        }
        for host in ["a b", "", "a:b", "user@a", "a/b", "a:1:2", "[::1"] {
            assert_eq!(code(Version::HTTP_11, &[("host", host)]), Some(Code::InvalidHost), "{host:?}");
        }
        assert_eq!(code(Version::HTTP_11, &[("host", "a"), ("host", "a")]), Some(Code::InvalidHost));
        assert_eq!(code(Version::HTTP_11, &[]), Some(Code::InvalidHost));
        assert_eq!(code(Version::HTTP_10, &[]), None);
    }

    #[test]
    fn a_target_is_a_path_or_a_url() {
        let is_lawful = |method: Method, target: &'static str| check_target(&method, &Uri::from_static(target)).is_ok();
        for target in ["/", "/a?b", "http://a/b", "*"] {
            assert!(is_lawful(Method::GET, target), "{target}");
        }
        assert!(!is_lawful(Method::GET, "nonsense"));
        assert!(is_lawful(Method::CONNECT, "a:80"));
    }

    #[test]
    fn a_body_is_chunked_once_or_not_at_all() {
        let host = ("host", "a");
        assert_eq!(code(Version::HTTP_11, &[host, ("transfer-encoding", "chunked")]), None);
        for (version, codings) in [
            (Version::HTTP_10, ["chunked"].as_slice()),
            (Version::HTTP_11, &["gzip, chunked"]),
            (Version::HTTP_11, &["chunked", "chunked"]),
            (Version::HTTP_11, &["identity"]),
        ] {
            let codings = codings.iter().map(|&coding| ("transfer-encoding", coding));
            let lines: Vec<_> = std::iter::once(host).chain(codings).collect();
            assert_eq!(code(version, &lines), Some(Code::BadRequest), "{lines:?}");
        }
    }
}
