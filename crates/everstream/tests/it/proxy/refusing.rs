//! What is refused before anybody is called.

use everstream_testkit::Api;

use super::{Rig, SECRET, answered, assert_refused};
use crate::support::{assert_problem_with_field, launch, server};

#[test]
fn without_a_secret_the_proxy_is_off_and_says_which_key_is_missing() {
    let server = server();
    for (method, target) in [
        ("POST", "/v1/proxy"),
        ("GET", "/v1/proxy/some-id"),
        ("PATCH", "/v1/proxy/some-id?action=abort"),
        ("DELETE", "/v1/proxy/x"),
    ] {
        let response = server.api().request(method, target, &[], "");
        assert_problem_with_field(&response, 404, "proxy_secret", "");
        assert_eq!(response.head.field("access-control-allow-origin"), None);
    }
}

#[test]
fn a_request_is_judged_in_the_protocols_order() {
    let rig = Rig::new();
    let bearer = format!("Bearer {SECRET}");
    let mut fields: Vec<(&str, &str)> = Vec::new();
    let mut refuse = |more: (&'static str, String), status, code| {
        let leaked: &'static str = Box::leak(more.1.into_boxed_str());
        if !more.0.is_empty() {
            fields.retain(|(name, _)| *name != more.0);
            fields.push((more.0, leaked));
        }
        let response = rig.api().request("POST", "/v1/proxy", &fields, "{}");
        assert_refused(&response, status, code)
    };
    refuse(("", String::new()), 401, "MISSING_SECRET");
    refuse(("Authorization", "Bearer a-wrong-secret-word".to_owned()), 401, "INVALID_SECRET");
    refuse(("Authorization", bearer), 400, "MISSING_UPSTREAM_URL");
    refuse(("Upstream-URL", "ftp://nowhere".to_owned()), 400, "MISSING_UPSTREAM_METHOD");
    let refused = refuse(("Upstream-Method", "TRACE".to_owned()), 400, "INVALID_UPSTREAM_METHOD");
    assert_eq!(
        (&refused["field"], &refused["value"], &refused["example"]),
        (&"Upstream-Method".into(), &"TRACE".into(), &"POST".into())
    );
    let refused = refuse(("Upstream-Method", "post".to_owned()), 403, "UPSTREAM_NOT_ALLOWED");
    assert_eq!(refused["value"], "ftp://nowhere");
    assert_eq!(rig.upstream.call_count(), 0);
}

#[test]
fn nothing_but_the_list_is_called() {
    let rig = Rig::new();
    let port = rig.upstream.addr().port();
    for url in [
        format!("https://127.0.0.1:{port}/"),
        format!("http://127.0.0.1:{}/", port ^ 1),
        "http://127.0.0.1/".to_owned(),
        format!("http://localhost:{port}/"),
        format!("http://127.0.0.2:{port}/"),
        format!("http://[::ffff:127.0.0.1]:{port}/"),
        format!("http://user@127.0.0.1:{port}/"),
        format!("http://127.0.0.1:{port}@evil.example/"),
        format!("http://127.0.0.1.evil.example:{port}/"),
        format!("http://127.0.0.1:{port}/a/..%2f..%2fb"),
        "http://169.254.169.254/latest/meta-data/".to_owned(),
        "file:///etc/passwd".to_owned(),
        "not-a-valid-url".to_owned(),
    ] {
        let response = answered(&rig.call_with(&[("Upstream-URL", &url)], b"{}"));
        assert_refused(&response, 403, "UPSTREAM_NOT_ALLOWED");
    }
    assert_eq!(rig.upstream.call_count(), 0);
    // Other ways to write the very same address are the same address.
    for host in ["127.1", "0x7f.0.0.1", "2130706433"] {
        let answer = rig.call_with(&[("Upstream-URL", &format!("http://{host}:{port}/"))], b"{}");
        rig.upstream.call().respond(200, "text/plain", "ok");
        super::created(&answer);
    }
}

#[test]
fn an_empty_list_allows_nothing() {
    let server = launch().config(&format!("proxy_secret = \"{SECRET}\"\n")).start();
    let fields = [("Upstream-URL", "https://api.openai.com/v1"), ("Upstream-Method", "POST")];
    let response = server.api().request("POST", &format!("/v1/proxy?secret={SECRET}"), &fields, "{}");
    assert_refused(&response, 403, "UPSTREAM_NOT_ALLOWED");
}

#[test]
fn the_proxy_does_not_call_its_own_server() {
    let config = format!("proxy_secret = \"{SECRET}\"\nproxy_allow = [\"http://127.0.0.1:*\"]\n");
    let server = launch().config(&config).start();
    let own = format!("http://{}", server.addr());
    for target in ["/v1/stream/x", "/v1/proxy", "/demo/v1/chat/completions", "/healthz"] {
        let url = format!("{own}{target}");
        let fields = [("Upstream-URL", &*url), ("Upstream-Method", "PUT")];
        let response = server.api().request("POST", &format!("/v1/proxy?secret={SECRET}"), &fields, "{}");
        let response = response.expect_status(502);
        assert_eq!(response.head.field("upstream-status"), Some("508"), "{target}");
    }
    server.api().get(&Api::path("x")).expect_status(404);
}

#[test]
fn a_configuration_that_cannot_be_safe_is_refused_without_its_secrets() {
    for (keys, why) in [
        ("proxy_secret = \"hush-hush\"", "less than 16 characters"),
        ("proxy_signing_key = \"k1:hush-hush\"", "less than 32 characters"),
        ("proxy_signing_key = \"hush-hush-hush-hush-hush-hush-hush-hush\"", "without an id"),
        ("proxy_allow = [\"https://*\"]", "has no host"),
        (
            "proxy_secret = \"hush-0123456789-0123456789-0123456789\"\nproxy_signing_key = \"k:hush-0123456789-0123456789-0123456789\"",
            "is also a proxy_secret",
        ),
    ] {
        let exited = launch().config(keys).start_refused();
        assert!(!exited.status.success() && exited.stderr.contains(why), "{keys}: {}", exited.stderr);
        assert!(!exited.stderr.contains("hush"), "{}", exited.stderr);
    }
}

/// Whoever serves it: a plain append is recognised before the router is asked.
#[test]
fn call_that_comes_back_to_its_own_server_appends_nothing() {
    let rig = Rig::new();
    rig.api().create("s", "text/plain");
    let answer = rig.call();
    let call = rig.upstream.call();
    let via = call.field("via").expect("the way it came").to_owned();
    call.respond(200, "text/plain", "");
    answered(&answer);
    for other in [("Accept", "*/*"), ("X-Anything", "y")] {
        let fields = [("Content-Type", "text/plain"), ("Via", &*via), other];
        assert_eq!(rig.api().request("POST", "/v1/stream/s", &fields, "again").status(), 508, "{other:?}");
    }
    assert_eq!(rig.api().get("/v1/stream/s").text(), "");
}
