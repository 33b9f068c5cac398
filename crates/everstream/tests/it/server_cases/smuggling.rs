//! I. Requests that two parsers could read in two ways.

use everstream_testkit::{Deadline, Failure, RawHttp};

use crate::support::{get, server};

fn status_of(addr: std::net::SocketAddr, request: impl AsRef<[u8]>) -> Option<u16> {
    let mut http = RawHttp::connect(addr);
    http.send(request);
    match http.try_read_head(Deadline::patient()) {
        Ok(head) => Some(head.status),
        Err(Failure::Closed(_) | Failure::Broken(_)) => None,
        Err(failure) => panic!("{failure}"),
    }
}

// SC-96
#[test]
fn ambiguous_heads_are_refused() {
    let server = server();
    server.api().create_events("s");
    for line in [
        "Content-Length : 5".as_bytes(),
        b"X : y",
        b"X: a\0b",
        b"X: a\rb",
        b"X\0: a",
        b": a",
        b"Content-Length: -1",
        b"Content-Length: +5",
        b"Content-Length: 5, 6",
        b"Content-Length: 0x5",
        b"Content-Length: 5\r\nContent-Length: 6",
        b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
        b"Transfer-Encoding: gzip",
        b"Transfer-Encoding: identity, chunked, identity",
    ] {
        for target in ["/v1/stream/s", "/healthz"] {
            for method in ["GET", "POST"] {
                let start = format!("{method} {target} HTTP/1.1\r\nHost: t\r\nAccept: text/event-stream\r\n");
                let status = status_of(server.addr(), [start.as_bytes(), line, b"\r\n\r\n"].concat());
                let refused = matches!(status, None | Some(400 | 501));
                assert!(refused, "{method} {target} {:?}: {status:?}", String::from_utf8_lossy(line));
            }
        }
    }
}

// SC-96
#[test]
fn length_with_transfer_coding_is_refused_or_ends_the_connection() {
    let server = server();
    server.api().create_events("s");
    for lines in
        ["Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n"]
    {
        let mut http = RawHttp::connect(server.addr());
        http.send(format!(
            "POST /v1/stream/s HTTP/1.1\r\nHost: t\r\nContent-Type: text/event-stream\r\n{lines}\r\n0\r\n\r\n"
        ));
        http.send(get("/healthz", &[]));
        let status = http.try_read_response("POST", Deadline::patient()).unwrap().status();
        assert!(status >= 400, "{status}");
        let next = http.try_read_response("GET", Deadline::patient());
        assert!(matches!(next, Err(Failure::Closed(_) | Failure::Broken(_))), "the connection goes on: {next:?}");
    }
}

// SC-97
#[test]
fn folded_field_lines_are_refused_or_unfolded() {
    let server = server();
    let status = status_of(server.addr(), "GET /healthz HTTP/1.1\r\nHost: t\r\nX: a\r\n b\r\n\r\n");
    assert!(matches!(status, Some(200 | 400)), "{status:?}");
    let hidden = "GET /healthz HTTP/1.1\r\nX: a\r\n Host: t\r\n\r\n";
    assert_eq!(status_of(server.addr(), hidden), Some(400));
}

// SC-97: a bare LF is no line end that a proxy and we could see differently
#[test]
fn chunked_request_bodies_are_parsed_strictly() {
    let server = server();
    server.api().create_events("s");
    for body in ["x\r\ndata: x\n\n\r\n0\r\n\r\n", "-1\r\n\r\n", "99999999999999999\r\nabc", "4\r\ndata: x\r\n0\r\n\r\n"]
    {
        let request = format!(
            "POST /v1/stream/s HTTP/1.1\r\nHost: t\r\nContent-Type: text/event-stream\r\n\
             Transfer-Encoding: chunked\r\n\r\n{body}"
        );
        let status = status_of(server.addr(), request);
        assert!(matches!(status, None | Some(400 | 413)), "{body:?}: {status:?}");
    }
    assert_eq!(server.api().state("s")["records"], 0);
}
