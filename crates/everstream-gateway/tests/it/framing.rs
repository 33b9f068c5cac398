//! The upstream's bytes, however they are cut and whatever ends their lines.

use everstream_gateway::{Dialect, DialectChoice, ErrorKind};
use everstream_log::CloseReason;
use everstream_testkit::UpstreamCall;

use crate::rig::{Rig, join, read, streaming, told};

const EVENTS: &str = "id: E-1\ndata: {\"content\":\"Grüße 🙂\"}\n\nid: E-2\nevent: x\ndata: two\ndata: lines\n\n";

/// An answer whose body is written by `write` reads as [`EVENTS`].
async fn check(write: impl FnOnce(&mut UpstreamCall)) {
    let rig = Rig::mounted(|mount| mount.dialect = DialectChoice::Fixed(Dialect::Sse));
    let answer = rig.play(|mut call| {
        call.begin_events();
        write(&mut call);
        call.end();
    });
    let (text, closure) = read(streaming(answer.await)).await;
    assert_eq!(text, EVENTS);
    assert_eq!(closure.reason, CloseReason::Completed);
}

fn lines(end: &str) -> Vec<u8> {
    ["data: {\"content\":\"Grüße 🙂\"}", "", "event: x", "data: two", "data: lines", "", ""].join(end).into_bytes()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_byte_may_come_in_a_chunk_of_its_own() {
    for end in ["\n", "\r\n", "\r"] {
        check(|call| lines(end).chunks(1).for_each(|byte| call.chunk(byte))).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_may_come_in_one_chunk() {
    check(|call| call.chunk(lines("\r\n"))).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_chunk_framing_itself_may_be_cut() {
    check(|call| {
        let body = lines("\n");
        let framed = [format!("{:X};ext=1\r\n", body.len()).into_bytes(), body, b"\r\n".to_vec()].concat();
        framed.chunks(3).for_each(|bytes| call.raw(bytes));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_upstream_writes_cannot_become_a_line_of_ours() {
    check(|call| {
        call.chunk("\u{feff}id: E-9\nretry: 1\n: comment\ndata: {\"content\":\"Grüße 🙂\"}\nid: x\n\n");
        call.chunk("id: only\n\nretry: 5\n\n:\n\nevent: unfinished-without-data\n\n");
        call.chunk("event: x\ndata: two\ndata: lines\n\n: never ended");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plain_event_stream_that_ends_within_an_event_is_a_cut_however_clean_its_framing() {
    let plain = "content-type: text/event-stream";
    for rest in ["data: never ended\n", "data: half a li", "event: note\r\n", "eve", "data: a\r\ndata"] {
        let body = format!("data: whole\n\n{rest}");
        let heads: [&[&str]; 2] = [&[plain, &format!("content-length: {}", body.len())], &[plain, "connection: close"]];
        for head in heads {
            let rig = Rig::mounted(|mount| mount.dialect = DialectChoice::Fixed(Dialect::Sse));
            let answer = rig.play(|mut call| {
                call.head(200, head);
                call.raw(&body);
                call.cut();
            });
            let (text, closure) = read(streaming(answer.await)).await;
            assert_eq!(text, "id: E-1\ndata: whole\n\n");
            let (reason, code, status, _) = told(&closure);
            assert_eq!((reason, code, status), (CloseReason::Failed, "upstream_cut", Some(200)), "{rest:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_part_of_an_event_may_stand_unfinished_at_the_end() {
    for rest in ["", "\n", ": bye", "id: 7\n", "retry: 5\n: bye\n"] {
        let rig = Rig::mounted(|mount| mount.dialect = DialectChoice::Fixed(Dialect::Sse));
        let answer = rig.play(|mut call| {
            call.begin_events();
            call.chunk(format!("data: whole\n\n{rest}\n"));
            call.end();
        });
        assert_eq!(read(streaming(answer.await)).await.1.reason, CloseReason::Completed, "{rest:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_connection_is_used_again_after_a_whole_answer() {
    let rig = Rig::new();
    for _ in 0..3 {
        let answer = rig.play(|mut call| {
            call.begin_events();
            call.event("[DONE]");
            call.end();
        });
        assert_eq!(read(streaming(answer.await)).await.1.reason, CloseReason::Completed);
    }
    assert_eq!(rig.upstream.call_count(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_interim_head_is_not_the_answer() {
    let rig = Rig::new();
    let answer = rig.play(|mut call| {
        call.raw(
            "HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\nHTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n",
        );
        call.raw("transfer-encoding: chunked\r\n\r\n");
        call.event("[DONE]");
        call.end();
    });
    let (text, closure) = read(streaming(answer.await)).await;
    assert_eq!((text.as_str(), closure.reason), ("id: E-1\ndata: [DONE]\n\n", CloseReason::Completed));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_switch_of_protocols_is_no_answer() {
    let rig = Rig::new();
    let switch = |mut call: UpstreamCall| {
        call.head(101, &["upgrade: chat", "connection: upgrade", "content-type: text/event-stream"]);
        call.raw("data: [DONE]\n\n");
    };
    assert_eq!(rig.play(switch).await.unwrap_err().kind(), ErrorKind::UpstreamUnreachable);
    let asking = rig.post("/up/other", "").send();
    switch(rig.upstream.call());
    assert_eq!(join(asking).await.unwrap_err().kind(), ErrorKind::UpstreamUnreachable);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transfer_coding_that_was_not_asked_for_is_no_answer() {
    for coding in ["transfer-encoding: gzip, chunked", "transfer-encoding: gzip\r\ntransfer-encoding: chunked"] {
        let rig = Rig::mounted(|mount| mount.dialect = DialectChoice::Fixed(Dialect::Sse));
        let answer = rig.play(|mut call| {
            call.head(200, &["content-type: text/event-stream", coding]);
            call.chunk(b"\x1f\x8b\x08\0\0\0\0\0\0\xff");
            call.end();
        });
        assert_eq!(answer.await.unwrap_err().kind(), ErrorKind::UpstreamUnreachable, "{coding}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_behind_a_long_head_comes_whole_and_an_endless_head_is_refused() {
    let rig = Rig::new();
    let long = format!("x-long: {}", "x".repeat(100_000));
    let answer = rig.play(|mut call| {
        call.head(200, &["content-type: text/event-stream", "transfer-encoding: chunked", &long]);
        call.event("a");
        call.event("[DONE]");
        call.end();
    });
    let (text, closure) = read(streaming(answer.await)).await;
    assert_eq!(
        (text.as_str(), closure.reason),
        ("id: E-1\ndata: a\n\nid: E-2\ndata: [DONE]\n\n", CloseReason::Completed)
    );

    let asking = rig.question().send();
    let mut call = rig.upstream.call();
    call.raw("HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nx-long: ");
    call.raw("x".repeat(1 << 20));
    assert_eq!(join(asking).await.unwrap_err().kind(), ErrorKind::UpstreamUnreachable);
}
