//! Which headers cross the gateway.

use http::HeaderValue;
use http::header::{self, HeaderMap, HeaderName};

use crate::Mount;

/// Between two neighbours only (RFC 9110, 7.6.1), and what the HTTP client of the next hop writes itself.
const HOP_BY_HOP: [HeaderName; 9] = [
    header::CONNECTION,
    header::PROXY_AUTHENTICATE,
    header::PROXY_AUTHORIZATION,
    header::TE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
];

/// Who the caller is to this server; its upstream knows other credentials.
const CREDENTIALS: [HeaderName; 5] = [
    header::AUTHORIZATION,
    header::COOKIE,
    HeaderName::from_static("api-key"),
    HeaderName::from_static("x-api-key"),
    HeaderName::from_static("x-goog-api-key"),
];

/// About the connection to this server and the page it came from: no upstream's business, whoever asks. One that sees
/// `Origin` would take the call for one by a browser.
const ABOUT_THE_CALLER: [HeaderName; 8] = [
    header::HOST,
    header::CONTENT_LENGTH,
    header::ACCEPT_ENCODING,
    header::EXPECT,
    header::ORIGIN,
    header::REFERER,
    header::FORWARDED,
    HeaderName::from_static("x-real-ip"),
];

/// Addressed to the gateway itself by who asks a mount.
const OURS: [HeaderName; 3] =
    [header::VIA, HeaderName::from_static("last-event-id"), HeaderName::from_static("prefer")];

/// What a caller of the proxy sends to us and not to the upstream. An API key of its own is meant for the upstream.
const NOT_PROXIED: [HeaderName; 3] = [header::AUTHORIZATION, header::COOKIE, HeaderName::from_static("trailers")];

/// Of the upstream's own site; our CORS and TLS are our own.
const THEIRS: [HeaderName; 4] =
    [header::SET_COOKIE, header::ALT_SVC, header::STRICT_TRANSPORT_SECURITY, HeaderName::from_static("server")];

/// How the body of a request goes upstream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Framing {
    /// It is whole; the HTTP client knows its length.
    Whole,
    /// It goes as it comes, with the length that the caller announced, if any.
    AsAnnounced,
}

/// The headers of the request upstream: the caller's end-to-end ones, then the mount's.
pub(crate) fn to_upstream(mount: &Mount, from: &HeaderMap, framing: Framing) -> HeaderMap {
    let mut headers = end_to_end(from);
    ABOUT_THE_CALLER.iter().chain(&OURS).for_each(|name| drop(headers.remove(name)));
    if !mount.forwards_credentials {
        CREDENTIALS.iter().for_each(|name| drop(headers.remove(name)));
    }
    remove_prefixed(&mut headers, &["everstream-", "x-forwarded-", "sec-"]);
    if framing == Framing::AsAnnounced
        && let Some(length) = from.get(header::CONTENT_LENGTH)
    {
        headers.insert(header::CONTENT_LENGTH, length.clone());
    }
    // The events must be readable here, and a compressed stream arrives in the compressor's pace.
    headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    for (name, value) in &mount.headers {
        headers.insert(name, value.expose().clone());
    }
    headers
}

/// The headers of a call that the proxy makes: everything that its caller aims at the upstream, which is all but what is
/// about the caller itself, its connection to us and the page it came from.
pub(crate) fn to_proxied(
    from: &HeaderMap,
    authorization: Option<HeaderValue>,
    via: &HeaderValue,
    framing: Framing,
) -> HeaderMap {
    let mut headers = end_to_end(from);
    ABOUT_THE_CALLER.iter().chain(&NOT_PROXIED).for_each(|name| drop(headers.remove(name)));
    remove_prefixed(&mut headers, &["upstream-", "everstream-", "x-forwarded-", "sec-"]);
    if framing == Framing::AsAnnounced
        && let Some(length) = from.get(header::CONTENT_LENGTH)
    {
        headers.insert(header::CONTENT_LENGTH, length.clone());
    }
    // The stream has the bytes as they are: a reader could not tell that they are compressed.
    headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    headers.append(header::VIA, via.clone());
    if let Some(mut authorization) = authorization {
        authorization.set_sensitive(true);
        headers.insert(header::AUTHORIZATION, authorization);
    }
    headers
}

/// The headers of an upstream's answer that its caller gets.
pub(crate) fn to_caller(from: &HeaderMap) -> HeaderMap {
    let mut headers = end_to_end(from);
    THEIRS.iter().for_each(|name| drop(headers.remove(name)));
    remove_prefixed(&mut headers, &["access-control-", "everstream-", "stream-"]);
    headers
}

/// The headers of an upstream's answer that go along with an answer of ours: request ids, rate limits. What describes
/// the upstream's own body does not.
pub(crate) fn beside_events(from: &HeaderMap) -> HeaderMap {
    let mut headers = to_caller(from);
    let about_the_body = [
        header::CACHE_CONTROL,
        header::DATE,
        header::ETAG,
        header::EXPIRES,
        header::LAST_MODIFIED,
        header::LOCATION,
        header::VARY,
        header::ACCEPT_RANGES,
    ];
    about_the_body.iter().for_each(|name| drop(headers.remove(name)));
    remove_prefixed(&mut headers, &["content-", "x-accel-"]);
    headers
}

fn end_to_end(from: &HeaderMap) -> HeaderMap {
    let named = from.get_all(header::CONNECTION).iter().filter_map(|value| value.to_str().ok());
    let named: Vec<HeaderName> =
        named.flat_map(|list| list.split(',')).filter_map(|name| name.trim().parse().ok()).collect();
    let mut headers = from.clone();
    HOP_BY_HOP.iter().chain(&named).for_each(|name| drop(headers.remove(name)));
    headers
}

fn remove_prefixed(headers: &mut HeaderMap, prefixes: &[&str]) {
    let is_meant = |name: &&HeaderName| prefixes.iter().any(|prefix| name.as_str().starts_with(prefix));
    let meant: Vec<HeaderName> = headers.keys().filter(is_meant).cloned().collect();
    meant.iter().for_each(|name| drop(headers.remove(name)));
}

#[cfg(test)]
mod tests {
    use url::Url;

    use super::*;
    use crate::Secret;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs.iter().map(|&(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value))).collect()
    }

    #[track_caller]
    fn check(crossed: &HeaderMap, expected: &[(&'static str, &'static str)]) {
        assert_eq!(*crossed, headers(expected));
    }

    fn mount() -> Mount {
        Mount::new("m", "/m", Url::parse("http://h").unwrap())
    }

    #[test]
    fn only_what_is_meant_for_the_upstream_goes_there() {
        let sent = headers(&[
            ("host", "us"),
            ("connection", "close, x-hop"),
            ("x-hop", "1"),
            ("transfer-encoding", "chunked"),
            ("authorization", "Bearer caller"),
            ("cookie", "a=b"),
            ("x-api-key", "k"),
            ("accept-encoding", "gzip"),
            ("origin", "http://page"),
            ("sec-fetch-mode", "cors"),
            ("last-event-id", "k3v9-1"),
            ("everstream-stream", "a"),
            ("content-type", "application/json"),
            ("idempotency-key", "k1"),
            ("x-own", "kept"),
        ]);
        check(
            &to_upstream(&mount(), &sent, Framing::Whole),
            &[
                ("content-type", "application/json"),
                ("idempotency-key", "k1"),
                ("x-own", "kept"),
                ("accept-encoding", "identity"),
            ],
        );
    }

    #[test]
    fn the_proxys_caller_aims_everything_but_itself_at_the_upstream() {
        let sent = headers(&[
            ("host", "us"),
            ("connection", "x-hop"),
            ("x-hop", "1"),
            ("authorization", "Bearer service"),
            ("cookie", "a=b"),
            ("upstream-url", "http://h"),
            ("upstream-method", "POST"),
            ("upstream-authorization", "Bearer upstream"),
            ("upstream-anything", "1"),
            ("origin", "http://page"),
            ("x-forwarded-for", "10.0.0.1"),
            ("accept-encoding", "gzip"),
            ("content-length", "7"),
            ("x-api-key", "k"),
            ("last-event-id", "7"),
            ("idempotency-key", "k1"),
            ("x-custom-header", "kept"),
        ]);
        let authorization = Some(HeaderValue::from_static("Bearer upstream"));
        let via = HeaderValue::from_static("1.1 us");
        let rest = [
            ("x-api-key", "k"),
            ("last-event-id", "7"),
            ("idempotency-key", "k1"),
            ("x-custom-header", "kept"),
            ("accept-encoding", "identity"),
            ("via", "1.1 us"),
        ];
        let with = |more: &[_]| rest.iter().chain(more).copied().collect::<Vec<_>>();
        check(&to_proxied(&sent, None, &via, Framing::Whole), &rest);
        check(
            &to_proxied(&sent, authorization, &via, Framing::AsAnnounced),
            &with(&[("content-length", "7"), ("authorization", "Bearer upstream")]),
        );
    }

    #[test]
    fn the_mounts_headers_replace_the_callers() {
        let mut mount = mount();
        mount.forwards_credentials = true;
        let sent = headers(&[("authorization", "Bearer caller"), ("cookie", "a=b")]);
        mount.headers.push((header::AUTHORIZATION, Secret::new(HeaderValue::from_static("Bearer mount"))));
        check(
            &to_upstream(&mount, &sent, Framing::Whole),
            &[("authorization", "Bearer mount"), ("cookie", "a=b"), ("accept-encoding", "identity")],
        );
    }

    #[test]
    fn an_upstream_cannot_speak_for_this_server() {
        let answered = headers(&[
            ("set-cookie", "a=b"),
            ("access-control-allow-origin", "*"),
            ("stream-id", "x"),
            ("keep-alive", "timeout=5"),
            ("content-type", "application/json"),
            ("content-length", "2"),
            ("x-request-id", "r1"),
        ]);
        let plain = [("content-type", "application/json"), ("content-length", "2"), ("x-request-id", "r1")];
        check(&to_caller(&answered), &plain);
        check(&beside_events(&answered), &[("x-request-id", "r1")]);
    }
}
