use std::sync::Arc;

use axum::body::Body;
use everstream_hub::{Hub, HubConfig, Tasks};
use everstream_log::{MemoryLog, SystemClock};
use http::header::*;
use http_body_util::BodyExt;
use tower::ServiceExt;

use super::*;
use crate::config::{Layers, ServeArgs, resolve};

const GOOD: &str = "https://app.example.com";
const EVIL: &str = "https://app.example.com.evil.example";

fn app(settings: &[(&'static str, &str)]) -> App {
    let flags = ServeArgs::with(settings);
    let layers = Layers { file: None, environment: &std::collections::BTreeMap::new(), flags: &flags };
    let config = resolve(layers).unwrap().config;
    let hub = Hub::new(Arc::new(MemoryLog::new(16)), Arc::new(SystemClock), HubConfig::default(), Tasks::new());
    App::new(hub, Arc::new(config), ([127, 0, 0, 1], 8000).into()).unwrap()
}

async fn send(settings: &[(&'static str, &str)], request: http::request::Builder) -> http::Response<String> {
    let router = crate::app::router(app(settings));
    let response = router.oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
    let (parts, body) = response.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    http::Response::from_parts(parts, String::from_utf8(body.to_vec()).unwrap())
}

fn get(path: &str) -> http::request::Builder {
    Request::builder().uri(path)
}

fn preflight(origin: &str, headers: &str) -> http::request::Builder {
    let request = get("/healthz").method("OPTIONS").header(ORIGIN, origin);
    request.header(ACCESS_CONTROL_REQUEST_METHOD, "POST").header(ACCESS_CONTROL_REQUEST_HEADERS, headers)
}

fn header<'a>(response: &'a http::Response<String>, name: &str) -> &'a str {
    response.headers().get(name).map_or("", |value| value.to_str().unwrap())
}

fn code(response: &http::Response<String>) -> String {
    assert_eq!(header(response, "content-type"), "application/problem+json", "{response:?}");
    let document: serde_json::Value = serde_json::from_str(response.body()).unwrap();
    assert_eq!(document["status"], response.status().as_u16());
    document["code"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn methods_are_refused_by_what_they_are() {
    for (method, status, allow) in [
        ("GET", 200, ""),
        ("HEAD", 200, ""),
        ("OPTIONS", 204, "GET, HEAD, OPTIONS"),
        ("PUT", 405, "GET, HEAD, OPTIONS"),
        ("DELETE", 405, "GET, HEAD, OPTIONS"),
        ("PATCH", 405, "GET, HEAD, OPTIONS"),
        ("TRACE", 405, METHODS),
        ("CONNECT", 405, METHODS),
        ("BREW", 501, METHODS),
        ("get", 501, METHODS),
    ] {
        let response = send(&[], get("/healthz").method(method)).await;
        assert_eq!(response.status().as_u16(), status, "{method}");
        assert_eq!(header(&response, "allow"), allow, "{method}");
        assert_eq!(header(&response, "x-content-type-options"), "nosniff", "{method}");
    }
}

#[tokio::test]
async fn options_of_the_whole_server_names_every_method() {
    let response = send(&[], get("*").method("OPTIONS")).await;
    assert_eq!((response.status().as_u16(), header(&response, "allow")), (204, METHODS));
}

#[tokio::test]
async fn an_unknown_path_is_a_problem_that_names_it() {
    let response = send(&[], get("/nowhere")).await;
    assert_eq!(response.status(), 404);
    assert_eq!(code(&response), "path_not_found");
    assert!(response.body().contains("\"value\":\"/nowhere\""), "{}", response.body());
}

#[tokio::test]
async fn a_body_announced_too_large_is_refused_unless_it_is_a_streaming_append() {
    let post = || get("/nowhere").method("POST").header(CONTENT_LENGTH, "1025");
    let limit = [("max_body_bytes", "1KiB")];
    let refused = send(&limit, post()).await;
    assert_eq!((refused.status().as_u16(), code(&refused).as_str()), (413, "body_too_large"));
    assert!(refused.body().contains("max_body_bytes (1KiB)"), "{}", refused.body());
    assert_eq!(send(&limit, post().header("everstream-append", "streaming")).await.status(), 404);
    assert_eq!(send(&limit, get("/nowhere").method("POST").header(CONTENT_LENGTH, "1024")).await.status(), 404);
}

#[tokio::test]
async fn without_a_list_no_page_is_let_in() {
    for request in [get("/healthz").header(ORIGIN, GOOD), preflight(GOOD, "content-type")] {
        let response = send(&[], request).await;
        assert!(response.status().is_success());
        for granting in [ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_EXPOSE_HEADERS] {
            assert!(!response.headers().contains_key(granting), "{response:?}");
        }
        assert_eq!(header(&response, "cross-origin-resource-policy"), "same-origin");
    }
}

#[tokio::test]
async fn pages_that_are_not_listed_change_nothing() {
    let listed = [("cors_origins", GOOD)];
    for (method, site, origin, is_refused) in [
        ("POST", "cross-site", EVIL, true),
        ("POST", "same-site", EVIL, true),
        ("POST", "cross-site", "null", true),
        ("POST", "cross-site", "", true),
        ("DELETE", "cross-site", EVIL, true),
        ("POST", "cross-site", GOOD, false),
        ("POST", "same-origin", EVIL, false),
        ("POST", "none", "", false),
        ("POST", "", EVIL, false),
        ("GET", "cross-site", EVIL, false),
    ] {
        let request =
            get("/v1/stream/s?action=stop").method(method).header("sec-fetch-site", site).header(ORIGIN, origin);
        let response = send(&listed, request).await;
        let refused = (403, "origin_not_allowed".to_owned());
        assert_eq!((response.status().as_u16(), code(&response)) == refused, is_refused, "{method} {site} {origin}");
    }
}

#[tokio::test]
async fn only_listed_origins_may_read_answers_and_refusals() {
    let listed = [("cors_origins", "http://localhost:5173, https://app.example.com")];
    for (path, method) in [("/healthz", "GET"), ("/nowhere", "GET"), ("/healthz", "PUT"), ("/healthz", "BREW")] {
        for (origin, granted) in [(GOOD, GOOD), (EVIL, ""), ("null", ""), ("http://app.example.com", ""), ("", "")] {
            let response = send(&listed, get(path).method(method).header(ORIGIN, origin)).await;
            assert_eq!(header(&response, "access-control-allow-origin"), granted, "{method} {path} {origin}");
            assert!(header(&response, "vary").contains("Origin"), "{method} {path} {origin}");
            assert_eq!(header(&response, "access-control-allow-credentials"), "");
            assert_eq!(
                header(&response, "access-control-expose-headers").contains("Stream-Next-Offset"),
                !granted.is_empty()
            );
        }
    }
    let plain = send(&listed, get("/healthz")).await;
    assert_eq!((plain.status().as_u16(), header(&plain, "vary")), (200, "Origin"));
}

#[tokio::test]
async fn a_preflight_grants_what_clients_send_and_nothing_else() {
    let listed = [("cors_origins", GOOD), ("cors_credentials", "true")];
    let asked = "authorization,cache-control,last-event-id,X-Stainless-Lang,x-strange";
    let response = send(&listed, preflight(GOOD, asked)).await;
    assert_eq!((response.status().as_u16(), response.body().as_str()), (204, ""));
    assert_eq!(header(&response, "access-control-allow-origin"), GOOD);
    assert_eq!(header(&response, "access-control-allow-credentials"), "true");
    assert!(header(&response, "access-control-allow-methods").contains("POST"));
    assert_eq!(header(&response, "access-control-max-age"), "7200");
    let granted: Vec<&str> = header(&response, "access-control-allow-headers").split(", ").collect();
    for name in [
        "authorization",
        "cache-control",
        "content-type",
        "idempotency-key",
        "last-event-id",
        "prefer",
        "everstream-on-disconnect",
        "everstream-stream",
        "x-stainless-lang",
    ] {
        assert!(granted.contains(&name), "{name}");
    }
    assert!(!granted.contains(&"x-strange") && !granted.contains(&"*"));
}

#[tokio::test]
async fn a_preflight_from_elsewhere_is_answered_and_grants_nothing() {
    let response = send(&[("cors_origins", GOOD)], preflight(EVIL, "content-type")).await;
    assert_eq!(response.status(), 204);
    for granting in ["access-control-allow-origin", "access-control-allow-credentials", "access-control-max-age"] {
        assert!(!response.headers().contains_key(granting), "{response:?}");
    }
    let vary: Vec<_> = response.headers().get_all(VARY).iter().map(|value| value.to_str().unwrap()).collect();
    assert_eq!(vary, ["Access-Control-Request-Method, Access-Control-Request-Headers", "Origin"]);
}

#[tokio::test]
async fn a_draining_server_is_alive_but_not_ready() {
    let app = app(&[]);
    app.hub.tasks().draining().cancel();
    let router = crate::app::router(app);
    for (path, status) in [("/healthz", 200), ("/readyz", 503)] {
        let request = get(path).body(Body::empty()).unwrap();
        assert_eq!(router.clone().oneshot(request).await.unwrap().status().as_u16(), status, "{path}");
    }
}
