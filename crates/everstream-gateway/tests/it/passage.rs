//! What is no ask passes through, both ways, as it comes.

use everstream_gateway::{Answer, AskRequest, BoxError, ErrorKind, Secret};
use everstream_log::CloseReason;
use futures_util::StreamExt;
use http::{HeaderMap, HeaderValue, Method};
use tokio::sync::mpsc;

use crate::rig::{QUESTION, Rig, join, passed, read, streaming};

#[tokio::test(flavor = "multi_thread")]
async fn a_get_goes_to_the_mounted_path_with_the_mounts_credentials() {
    let rig = Rig::mounted(|mount| {
        let key = Secret::new(HeaderValue::from_static("Bearer mount"));
        mount.headers.push((http::header::AUTHORIZATION, key));
    });
    let asking =
        rig.post("/up/v1/models?limit=2", "").method(Method::GET).header("authorization", "Bearer caller").send();
    let call = rig.upstream.call();
    assert_eq!((call.method.as_str(), call.target.as_str()), ("GET", "/v1/models?limit=2"));
    assert_eq!(call.field("authorization"), Some("Bearer mount"));
    assert_eq!((call.field("transfer-encoding"), call.body.len()), (None, 0));
    assert_eq!(call.field("host"), Some(rig.upstream.addr().to_string().as_str()));
    call.respond(200, "application/json", "[]");
    let (status, headers, text) = passed(join(asking).await).await;
    assert_eq!(
        (status, text.as_deref(), &headers["content-type"]),
        (200, Ok("[]"), &"application/json".parse().unwrap())
    );
    assert_eq!(rig.hub.live_streams(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_question_that_wants_no_events_passes_through() {
    let rig = Rig::new();
    let body = r#"{"stream":false}"#;
    let asking = rig.post("/up/v1/chat/completions", body).header("idempotency-key", "k").send();
    let call = rig.upstream.call();
    assert_eq!((call.body.as_slice(), call.field("idempotency-key")), (body.as_bytes(), Some("k")));
    call.respond(200, "application/json", r#"{"choices":[]}"#);
    assert_eq!(passed(join(asking).await).await.0, 200);
    assert_eq!(rig.hub.live_streams(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_post_becomes_an_ask_when_it_is_answered_in_events() {
    let rig = Rig::new();
    let asking = rig.post("/up/own/answer", r#"{"q":1}"#).send();
    let mut call = rig.upstream.call();
    call.head(
        200,
        &["content-type: text/event-stream; charset=utf-8", "transfer-encoding: chunked", "x-request-id: r1"],
    );
    call.chunk("data: a\n\n");
    call.end();
    let ask = streaming(join(asking).await);
    assert_eq!(ask.headers, HeaderMap::from_iter([("x-request-id".parse().unwrap(), "r1".parse().unwrap())]));
    let (text, closure) = read(ask).await;
    assert_eq!((text.as_str(), closure.reason), ("id: E-1\ndata: a\n\n", CloseReason::Completed));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_is_not_held_back() {
    let rig = Rig::new();
    let (sender, mut receiver) = mpsc::channel::<Result<bytes::Bytes, BoxError>>(1);
    let body = futures_util::stream::poll_fn(move |cx| receiver.poll_recv(cx)).boxed();
    let mut headers = HeaderMap::new();
    headers.insert("content-type", "audio/wav".parse().unwrap());
    let request = AskRequest { method: Method::POST, uri: "/up/v1/audio".parse().unwrap(), headers, body };
    let gateway = rig.gateway.clone();
    let asking = tokio::spawn(async move { gateway.ask(request).await });
    sender.send(Ok("RIFF".into())).await.unwrap();
    sender.send(Ok("data".into())).await.unwrap();
    drop(sender);
    let call = rig.upstream.call();
    assert_eq!((call.body.as_slice(), call.field("transfer-encoding")), (b"RIFFdata".as_slice(), Some("chunked")));
    call.respond(200, "application/json", "{}");
    assert_eq!(passed(join(asking).await).await.0, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_passage_that_breaks_off_is_told() {
    let rig = Rig::new();
    let asking = rig.post("/up/v1/models", "").method(Method::GET).send();
    let mut call = rig.upstream.call();
    call.head(200, &["content-length: 10"]);
    call.raw("half");
    call.cut();
    let (_, _, text) = passed(join(asking).await).await;
    assert!(text.is_err(), "{text:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn redirects_are_not_followed() {
    let rig = Rig::new();
    let asking = rig.post("/up/v1/models", "").method(Method::GET).send();
    let mut call = rig.upstream.call();
    call.head(302, &["location: http://169.254.169.254/", "content-length: 0"]);
    assert_eq!(passed(join(asking).await).await.0, 302);
    assert_eq!(rig.upstream.call_count(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_path_outside_every_mount_or_climbing_out_of_one_is_refused() {
    let rig = Rig::new();
    for target in ["/other", "/upx/v1", "/up/../admin", "/up/%2e%2e/admin"] {
        let error = rig.post(target, QUESTION).answer().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::PathNotFound, "{target}");
    }
    assert_eq!(rig.upstream.call_count(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_events_answer_to_a_get_passes_through_as_it_is() {
    let rig = Rig::new();
    let asking = rig.post("/up/feed", "").method(Method::GET).send();
    let mut call = rig.upstream.call();
    call.begin_events();
    call.chunk("id: theirs\ndata: a\n\n");
    call.end();
    let answer = join(asking).await;
    assert!(matches!(answer, Ok(Answer::PassThrough(_))));
    assert_eq!(passed(answer).await.2.as_deref(), Ok("id: theirs\ndata: a\n\n"));
}
