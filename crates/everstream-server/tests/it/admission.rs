//! How many connections there may be.

use everstream_testkit::{RawHttp, eventually};

use crate::running::{Running, assert_problem, get};

/// Holds one of the server's places.
fn hold(server: &Running) -> RawHttp {
    eventually("a place", || {
        let mut http = server.connect();
        match http.try_exchange(get("/healthz", "")) {
            Ok(answer) if answer.status() == 200 => Ok(http),
            other => Err(format!("{other:?}")),
        }
    })
}

#[test]
fn connections_above_the_bound_are_told_to_come_back_and_those_within_live_on() {
    let server = Running::with(&[("max_connections", "2")]);
    let (mut first, second) = (hold(&server), hold(&server));
    let refused = server.connect().exchange(get("/healthz", ""));
    assert_problem(&refused, 503, "too_many_connections");
    assert_eq!(refused.head.field("retry-after"), Some("1"));
    first.exchange(get("/healthz", "")).expect_status(200);
    drop(second);
    hold(&server);
}

#[test]
fn one_address_has_a_bound_of_its_own() {
    let server = Running::with(&[("max_connections_per_address", "1")]);
    let first = hold(&server);
    let refused = server.connect().exchange(get("/healthz", ""));
    assert_problem(&refused, 429, "too_many_connections_from_address");
    assert_eq!(refused.head.field("retry-after"), Some("1"));
    drop(first);
    hold(&server);
}

#[test]
fn connections_that_come_and_go_leave_their_places() {
    let server = Running::with(&[("max_connections", "4")]);
    for _ in 0..50 {
        drop(hold(&server));
    }
}
