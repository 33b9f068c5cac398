//! The truth about an answer's end.

use std::time::Duration;

use everstream_testkit::{PATIENCE, UpstreamCall};

use super::Rig;

#[test]
fn an_answer_that_breaks_off_is_failed_and_keeps_its_bytes() {
    let rig = Rig::new();
    for end in [UpstreamCall::cut, UpstreamCall::reset] {
        let (created, mut call) = rig.begin("text/event-stream");
        call.chunk("data: half an ans");
        rig.read_until(&created.location, |response| response.body == b"data: half an ans");
        end(call);
        assert_eq!(rig.read_to_end(&created.location), (b"data: half an ans".to_vec(), "failed".to_owned()));
    }
}

#[test]
fn a_body_shorter_than_announced_is_failed() {
    let rig = Rig::new();
    let answer = rig.call();
    let mut call = rig.upstream.call();
    call.head(200, &["content-type: text/plain", "content-length: 10"]);
    call.raw("12345");
    let created = super::created(&answer);
    rig.read_until(&created.location, |response| response.body == b"12345");
    call.cut();
    assert_eq!(rig.read_to_end(&created.location), (b"12345".to_vec(), "failed".to_owned()));
}

#[test]
fn silence_within_an_answer_has_a_bound() {
    let rig = Rig::with("proxy_idle_timeout = \"100ms\"\n", |launch| launch);
    let (created, mut call) = rig.begin("text/plain");
    call.chunk("so far");
    assert_eq!(rig.read_to_end(&created.location), (b"so far".to_vec(), "failed".to_owned()));
    call.closed_within(PATIENCE);
}

#[test]
fn an_empty_answer_is_a_closed_stream() {
    let rig = Rig::new();
    for (status, fields) in [(204, vec![]), (200, vec!["content-length: 0"])] {
        let answer = rig.call();
        rig.upstream.call().head(status, &fields);
        let created = super::created(&answer);
        assert_eq!(created.response.head.field("upstream-content-type"), Some("application/octet-stream"));
        assert_eq!(rig.read_to_end(&created.location), (Vec::new(), "completed".to_owned()));
    }
}

#[test]
fn a_chat_answer_without_its_last_word_is_not_complete() {
    let rig = Rig::new();
    let url = format!("{}/v1/chat/completions", rig.upstream.url());
    for (last, reason) in
        [("data: [DONE]\n\n", "completed"), ("", "failed"), ("data: {\"error\":{\"message\":\"no\"}}\n\n", "failed")]
    {
        let answer = rig.call_with(&[("Upstream-URL", &url)], b"{}");
        let mut call = rig.upstream.call();
        call.begin_events();
        call.token("hi");
        call.chunk(format!(": every byte is kept\r\n{last}"));
        call.end();
        let created = super::created(&answer);
        let (body, ended) = rig.read_to_end(&created.location);
        assert_eq!(ended, reason, "{last}");
        assert!(body.ends_with(format!(": every byte is kept\r\n{last}").as_bytes()), "{last}");
    }
}

#[test]
fn an_abort_reaches_the_upstream_and_every_reader() {
    let rig = Rig::new();
    let (created, mut call) = rig.begin("text/event-stream");
    call.chunk("data: 1\n\n");
    rig.read_until(&created.location, |response| response.body == b"data: 1\n\n");
    let abort = format!("{}&action=abort", created.location);
    let response = rig.api().request("PATCH", &abort, &[], "").expect_status(204);
    assert_eq!(response.head.field("access-control-allow-origin"), Some("*"));
    call.closed_within(Duration::from_secs(1));
    assert_eq!(rig.read_to_end(&created.location), (b"data: 1\n\n".to_vec(), "stopped".to_owned()));
    rig.api().request("PATCH", &abort, &[], "").expect_status(204);
    assert_eq!(rig.read_to_end(&created.location).1, "stopped");
}

#[test]
fn an_abort_of_what_is_whole_changes_nothing() {
    let rig = Rig::new();
    let (created, call) = rig.begin("text/plain");
    call.end();
    assert_eq!(rig.read_to_end(&created.location).1, "completed");
    rig.api().request("PATCH", &format!("{}&action=abort", created.abort_location), &[], "").expect_status(204);
    assert_eq!(rig.read_to_end(&created.location).1, "completed");
}

#[test]
fn a_deletion_takes_the_call_back_and_leaves_nothing() {
    let rig = Rig::new();
    let (created, mut call) = rig.begin("text/plain");
    let path = created.location.split('?').next().unwrap();
    let target = format!("{path}?secret={}", super::SECRET);
    for _ in 0..2 {
        rig.api().request("DELETE", &target, &[], "").expect_status(204);
    }
    call.closed_within(Duration::from_secs(1));
    super::assert_refused(&rig.api().get(&created.location), 404, "STREAM_NOT_FOUND");
    rig.api().request("PATCH", &format!("{}&action=abort", created.location), &[], "").expect_status(204);
}

#[test]
fn a_server_that_dies_leaves_an_interrupted_answer_under_the_same_urls() {
    let mut rig = Rig::new();
    let (created, mut call) = rig.begin("text/event-stream");
    call.chunk("data: before\n\n");
    rig.read_until(&created.location, |response| response.body == b"data: before\n\n");
    rig.server.kill9();
    rig.server.restart();
    assert_eq!(rig.read_to_end(&created.location), (b"data: before\n\n".to_vec(), "interrupted".to_owned()));
    let read = rig.api().get(&created.read_location).expect_status(200);
    assert_eq!(read.head.field("upstream-content-type"), Some("text/event-stream"));
}

#[test]
fn a_drain_closes_what_is_in_flight_as_interrupted() {
    let mut rig = Rig::with("drain_timeout = \"200ms\"\n", |launch| launch);
    let (created, mut call) = rig.begin("text/plain");
    call.chunk("part");
    rig.read_until(&created.location, |response| response.body == b"part");
    rig.server.sigterm();
    assert!(rig.server.wait().status.success());
    rig.server.restart();
    assert_eq!(rig.read_to_end(&created.location), (b"part".to_vec(), "interrupted".to_owned()));
}

#[test]
fn an_answer_larger_than_a_stream_may_be_is_failed() {
    let rig = Rig::with("max_stream_bytes = 1000\n", |launch| launch);
    let (created, mut call) = rig.begin("text/plain");
    call.chunk("x".repeat(900));
    rig.read_until(&created.location, |response| response.body.len() == 900);
    call.chunk("y".repeat(200));
    let (body, reason) = rig.read_to_end(&created.location);
    assert_eq!((body.len(), &*reason), (900, "failed"));
    call.closed_within(PATIENCE);
}
