use super::*;

const BYTES_MAX: usize = 16 << 10;

/// Judges `head` cut at every position: the beginning is a partial head or the refusal already, never a whole one.
fn check(head: &[u8], code: Option<Code>) {
    for cut in 0..head.len() {
        match judge(&head[..cut], BYTES_MAX) {
            Judgement::Partial => {}
            Judgement::Whole => panic!("{} is whole at {cut}", head.escape_ascii()),
            Judgement::Refused(problem) => assert_eq!(Some(problem.code()), code, "{} at {cut}", head.escape_ascii()),
        }
    }
    match judge(head, BYTES_MAX) {
        Judgement::Whole => assert_eq!(code, None, "{} is whole", head.escape_ascii()),
        Judgement::Refused(problem) => assert_eq!(Some(problem.code()), code, "{}", head.escape_ascii()),
        Judgement::Partial => panic!("{} is partial", head.escape_ascii()),
    }
}

#[test]
fn lawful_heads_pass_wherever_they_are_cut() {
    for head in [
        "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET /v1/stream/a?from=now HTTP/1.0\r\n\r\n",
        "GET http://a/b HTTP/1.1\r\nHost: a\r\n\r\n",
        "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n",
        "CONNECT a:80 HTTP/1.1\r\nHost: a:80\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: Chunked\r\n\r\n",
        "BREW / HTTP/1.1\r\nHost: a\r\n\r\n",
    ] {
        check(head.as_bytes(), None);
    }
}

#[test]
fn malformed_heads_are_refused_wherever_they_are_cut() {
    for (head, code) in [
        ("GET / HTTP/1.1\r\nHost : a\r\n\r\n", Code::BadRequest),
        ("GET / HTTP/1.1\r\nHost: a\r\n folded\r\n\r\n", Code::BadRequest),
        ("GET / HTTP/1.1\r\nX: a\0b\r\n\r\n", Code::BadRequest),
        ("GET / HTTP/1.1\r\nX: a\rb\r\n\r\n", Code::BadRequest),
        ("GET nonsense HTTP/1.1\r\nHost: a\r\n\r\n", Code::BadRequest),
        ("POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n", Code::BadRequest),
        ("POST / HTTP/1.1\r\nContent-Length:\r\n\r\n", Code::BadRequest),
        ("POST / HTTP/1.1\r\nContent-Length: 5, 5\r\n\r\n", Code::BadRequest),
        ("POST / HTTP/1.1\r\nContent-Length: 99999999999999999999\r\n\r\n", Code::BadRequest),
        ("POST / HTTP/1.1\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n", Code::BadRequest),
        ("POST / HTTP/1.1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n", Code::BadRequest),
        ("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n", Code::BadRequest),
        ("POST / HTTP/1.1\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", Code::BadRequest),
        ("POST / HTTP/1.1\r\nTransfer-Encoding: chunked, chunked\r\n\r\n", Code::BadRequest),
        ("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n", Code::BadRequest),
        ("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", Code::BadRequest),
        ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", Code::VersionUnsupported),
        ("\x16\x03\x01\x02\x00\x01\x00\x01\u{7c}\x03\x03", Code::BadRequest),
        ("{\"jsonrpc\":\"2.0\"}\r\n\r\n", Code::BadRequest),
    ] {
        check(head.as_bytes(), Some(code));
    }
}

#[test]
fn a_head_that_fills_its_bound_is_refused_by_the_part_that_is_too_long() {
    let target = format!("GET /{} HTTP/1.1\r\n", "a".repeat(BYTES_MAX));
    check(&target.as_bytes()[..BYTES_MAX], Some(Code::TargetTooLong));
    let header = format!("GET / HTTP/1.1\r\nX: {}\r\n", "a".repeat(BYTES_MAX));
    check(&header.as_bytes()[..BYTES_MAX], Some(Code::HeadTooLarge));
    let many = format!("GET / HTTP/1.1\r\n{}\r\n", "X: a\r\n".repeat(HEADERS_MAX + 1));
    check(many.as_bytes(), Some(Code::HeadTooLarge));
}

/// However steadily it comes: the time is that of the whole head.
#[tokio::test(start_paused = true)]
async fn a_dribbled_head_is_answered_once_its_time_is_up() {
    let limits = HeadLimits { bytes_max: BYTES_MAX, timeout: Duration::from_secs(10) };
    let (mut client, mut server) = tokio::io::duplex(64);
    let dribbling = async move {
        let mut ticks = tokio::time::interval(Duration::from_secs(1));
        for byte in b"GET /healthz HTTP/1.1\r\nHost: a\r\n".iter().cycle() {
            ticks.tick().await;
            tokio::io::AsyncWriteExt::write_all(&mut client, &[*byte]).await.unwrap();
        }
    };
    let begun = tokio::time::Instant::now();
    let first = tokio::select! {
        first = read_first(&mut server, limits) => first.unwrap(),
        () = dribbling => panic!("it never ends"),
    };
    match first {
        FirstHead::Refused(problem) => assert_eq!(problem.code(), Code::HeadTimeout),
        other => panic!("{other:?}"),
    }
    assert_eq!(begun.elapsed(), limits.timeout);
}

#[tokio::test(start_paused = true)]
async fn a_silent_connection_is_closed_without_a_word() {
    let limits = HeadLimits { bytes_max: BYTES_MAX, timeout: Duration::from_secs(10) };
    let (_client, mut server) = tokio::io::duplex(64);
    assert!(matches!(read_first(&mut server, limits).await.unwrap(), FirstHead::Gone));
}

#[tokio::test]
async fn what_was_read_beyond_the_head_is_kept() {
    let limits = HeadLimits { bytes_max: BYTES_MAX, timeout: Duration::from_secs(10) };
    let sent = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhel";
    match read_first(&mut sent.as_slice(), limits).await.unwrap() {
        FirstHead::Whole(bytes) => assert_eq!(bytes, sent),
        other => panic!("{other:?}"),
    }
}
