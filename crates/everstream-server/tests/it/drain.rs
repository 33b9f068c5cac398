//! The end of a server.

use everstream_testkit::{Deadline, RawHttp};

use crate::running::{Running, get};

#[test]
fn idle_and_silent_connections_are_closed_and_nobody_new_is_let_in() {
    let mut server = Running::with(&[("drain_timeout", "1h")]);
    let mut silent = server.connect();
    let mut dribbling = server.connect();
    dribbling.send("GET /hea");
    let mut kept = server.connect();
    kept.exchange(get("/healthz", "")).expect_status(200);
    server.shut_down();
    server.wait();
    for http in [&mut silent, &mut dribbling, &mut kept] {
        assert!(http.try_read_head(Deadline::patient()).is_err());
    }
    assert!(RawHttp::try_connect(server.address).is_err());
}

#[test]
fn request_that_never_ends_does_not_keep_the_server() {
    let mut server = Running::with(&[("drain_timeout", "50ms")]);
    let mut http = server.connect();
    http.send("POST /healthz HTTP/1.1\r\nHost: t\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n");
    server.shut_down();
    server.wait();
    drop(http);
}
