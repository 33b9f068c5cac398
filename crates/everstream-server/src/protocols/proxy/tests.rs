//! What needs a clock that tests move; the rest is shown by process tests.

use std::time::Duration;

use everstream_gateway::{AllowList, AllowedUpstream};
use everstream_testkit::MockUpstream;
use http::Request;

use crate::config::Limit;
use crate::signing::{Secret, Secrets, SigningKey, SigningKeys};
use crate::test_app::{BodyEnd, TestApp};

const SECRET: &str = "a-secret-of-the-tests";

fn app(upstream: &MockUpstream) -> TestApp {
    let allowed = AllowedUpstream::parse(&upstream.url()).unwrap();
    TestApp::with(|config| {
        config.proxy_secret = Secrets::new(vec![Secret::new(SECRET.as_bytes())]);
        config.proxy_signing_key = SigningKeys::new(vec![SigningKey::new("k", Secret::new(b"signing key"))]);
        config.proxy_allow = AllowList::new(vec![allowed]);
        config.proxy_url_ttl = Duration::from_secs(60);
        config.keep_alive = Limit::Off;
    })
}

/// The target of the stream of an answer whose upstream has not ended it.
async fn begin(app: &TestApp, upstream: &MockUpstream) -> (String, everstream_testkit::UpstreamCall) {
    let request = Request::post(format!("/v1/proxy?secret={SECRET}"))
        .header("Upstream-URL", upstream.url())
        .header("Upstream-Method", "POST")
        .header("Host", "t")
        .body(axum::body::Body::empty())
        .unwrap();
    let router = crate::app::router(app.app.clone());
    let answer = app.app.hub.tasks().spawn(async move { tower::ServiceExt::oneshot(router, request).await.unwrap() });
    // Blocks this thread, and not the runtime's others.
    let mut call = upstream.call();
    call.begin_events();
    let response = answer.await.unwrap();
    assert_eq!(response.status(), 201);
    let location = response.headers()["location"].to_str().unwrap();
    (location.strip_prefix("http://t").unwrap().to_owned(), call)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_url_ends_at_its_time() {
    let upstream = MockUpstream::start();
    let app = app(&upstream);
    let (location, _call) = begin(&app, &upstream).await;
    assert_eq!(app.status(&format!("GET {location}")).await, 200);
    app.clock.advance(Duration::from_secs(61));
    let mut late = app.open(&format!("GET {location}")).await;
    assert_eq!(late.status, 401);
    assert!(late.rest().await.contains(r#""code":"SIGNATURE_EXPIRED""#));
    assert_eq!(app.status(&format!("PATCH {location}&action=abort")).await, 401);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_live_reader_does_not_outlast_its_url() {
    let upstream = MockUpstream::start();
    let app = app(&upstream);
    let (location, mut call) = begin(&app, &upstream).await;
    // Close to its end, so that the real time until then is short.
    app.clock.advance(Duration::from_millis(59_900));
    let mut viewer = app.open(&format!("GET {location}\nAccept: text/event-stream")).await;
    assert_eq!(viewer.status, 200);
    call.event("1");
    let seen = viewer.rest().await;
    assert!(seen.contains("data: "), "{seen}");
    assert_eq!(viewer.end(), Some(BodyEnd::Cut), "the stream has not ended");
}
