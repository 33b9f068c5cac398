//! Who may do what.

use super::{Rig, SECRET, answered, assert_refused};
use crate::support::assert_problem;

#[test]
fn a_signed_url_is_for_its_stream_its_time_and_its_scope() {
    let rig = Rig::new();
    let (one, call) = rig.begin("text/plain");
    let (other, other_call) = rig.begin("text/plain");
    let path = |url: &str| url.split('?').next().unwrap().to_owned();
    let query = |url: &str| url.split_once('?').unwrap().1.to_owned();
    let get = |target: &str| rig.api().get(target);
    let patch = |target: &str| rig.api().request("PATCH", &format!("{target}&action=abort"), &[], "");
    let swapped = format!("{}?{}", path(&one.location), query(&other.location));
    for (response, status, code) in [
        (get(&path(&one.location)), 401, "MISSING_SECRET"),
        (get(&format!("{}?expires=9999999999", path(&one.location))), 401, "MISSING_SECRET"),
        (get(&swapped), 401, "SIGNATURE_INVALID"),
        (patch(&swapped), 401, "SIGNATURE_INVALID"),
        (get(&one.location.replace("expires=", "expires=1&was=")), 401, "SIGNATURE_EXPIRED"),
        (patch(&one.location.replace("expires=", "expires=1&was=")), 401, "SIGNATURE_EXPIRED"),
        (get(&one.location.replace("expires=", "expires=9")), 401, "SIGNATURE_INVALID"),
        (get(&one.location.replace("signature=", "signature=x")), 401, "SIGNATURE_INVALID"),
        (get(&one.abort_location), 403, "SCOPE_EXCEEDED"),
        (patch(&one.read_location), 403, "SCOPE_EXCEEDED"),
        (patch(&one.read_location.replace("&scope=read", "")), 401, "SIGNATURE_INVALID"),
        (patch(&format!("{}?secret={SECRET}", path(&one.location))), 401, "MISSING_SIGNATURE"),
        (rig.api().request("PATCH", &one.location, &[], ""), 400, "INVALID_ACTION"),
        (rig.api().request("PATCH", &format!("{}&action=stop", one.location), &[], ""), 400, "INVALID_ACTION"),
    ] {
        assert_refused(&response, status, code);
    }
    get(&one.read_location).expect_status(200);
    get(&format!("{}?secret={SECRET}", path(&one.location))).expect_status(200);
    patch(&other.abort_location).expect_status(204);
    assert_eq!(rig.read_to_end(&other.location).1, "stopped");
    assert_eq!(get(&one.location).head.field("stream-closed"), None, "it is the other one that was aborted");
    drop((call, other_call));
}

#[test]
fn the_head_and_the_deletion_are_for_trusted_callers() {
    let rig = Rig::new();
    let (created, call) = rig.begin("text/plain");
    call.end();
    rig.read_to_end(&created.location);
    let path = created.location.split('?').next().unwrap();
    for method in ["HEAD", "DELETE"] {
        for target in [&*created.location, path, &format!("{path}?secret=a-secret-of-somebody")] {
            let response = rig.api().request(method, target, &[], "").expect_status(401);
            assert_eq!(response.head.field("access-control-allow-origin"), Some("*"));
        }
    }
    let head = rig.api().request("HEAD", &format!("{path}?secret={SECRET}"), &[], "").expect_status(200);
    assert_eq!(head.head.field("upstream-content-type"), Some("text/plain"));
    assert!(head.head.field("stream-next-offset").is_some() && head.body.is_empty());
    let unknown = "/v1/proxy/00000000-0000-0000-0000-000000000000";
    rig.api().request("HEAD", &format!("{unknown}?secret={SECRET}"), &[], "").expect_status(404);
    rig.api().request("DELETE", &format!("{unknown}?secret={SECRET}"), &[], "").expect_status(204);
    for strange in ["..%2fasks", "%00", "a%20b"] {
        let response = rig.api().get(&format!("/v1/proxy/{strange}?secret={SECRET}"));
        assert_refused(&response, 404, "STREAM_NOT_FOUND");
    }
}

#[test]
fn no_route_of_streams_leads_to_an_answer_of_the_proxy() {
    let rig = Rig::new();
    let (created, call) = rig.begin("text/plain");
    let id = created.location.split(['?', '/']).nth(3).unwrap().to_owned();
    let target = format!("/v1/stream/__proxy/{id}");
    for (method, action) in [("GET", ""), ("DELETE", ""), ("PUT", ""), ("POST", ""), ("POST", "?action=stop")] {
        assert_problem(&rig.api().request(method, &format!("{target}{action}"), &[], "x"), 400);
    }
    rig.api().get(&created.location).expect_status(200);
    call.end();
}

#[test]
fn a_rotated_key_verifies_until_it_is_taken_away() {
    let key = |id: &str| format!("{id}:{id}-0123456789-0123456789-0123456789");
    let (old, new) = (key("old"), key("new"));
    let keys = |keys: &str| format!("proxy_signing_key = \"{keys}\"\n");
    let mut rig = Rig::with(&keys(&old), |launch| launch);
    let (created, call) = rig.begin("text/plain");
    call.end();
    rig.read_to_end(&created.location);
    rig.server.kill9();
    for (now, status) in [(format!("{new},{old}"), 200), (new, 401)] {
        let config = format!("proxy_secret = \"{SECRET}\"\n{}", keys(&now));
        let mut server = crate::support::launch().config(&config).data_dir(rig.server.data_dir()).start();
        server.api().get(&created.location).expect_status(status);
        server.kill9();
    }
}

#[test]
fn every_page_may_ask_and_read() {
    let rig = Rig::new();
    let preflight = [
        ("Origin", "https://page.example"),
        ("Access-Control-Request-Method", "POST"),
        ("Access-Control-Request-Headers", "upstream-url,x-own, bad header"),
    ];
    for fields in [&preflight[..], &[]] {
        let response = rig.api().request("OPTIONS", "/v1/proxy", fields, "").expect_status(204);
        assert_eq!(response.head.field("access-control-allow-origin"), Some("*"));
        assert!(response.head.field("access-control-allow-methods").unwrap().contains("PATCH"));
        assert_eq!(response.head.field("access-control-allow-credentials"), None);
    }
    let granted = rig.api().request("OPTIONS", "/v1/proxy/some-id", &preflight, "");
    let names: Vec<&str> = granted.head.field("access-control-allow-headers").unwrap().split(", ").collect();
    for name in ["upstream-url", "upstream-method", "upstream-authorization", "authorization", "x-own"] {
        assert!(names.contains(&name), "{name}: {names:?}");
    }
    assert!(!names.iter().any(|name| name.contains("bad")), "{names:?}");
    let elsewhere = rig.api().request("GET", "/v1/stream/none", &[("Origin", "https://page.example")], "");
    assert_eq!(elsewhere.head.field("access-control-allow-origin"), None, "the rest of the server is as before");
    for target in ["/v1/proxy/a/b", "/v1/proxy/a"] {
        assert_eq!(rig.api().get(target).head.field("access-control-allow-origin"), Some("*"), "{target}");
    }
    assert_refused(
        &answered(&rig.call_with(&[("Authorization", "Bearer another-secret-word")], b"")),
        401,
        "INVALID_SECRET",
    );
}
