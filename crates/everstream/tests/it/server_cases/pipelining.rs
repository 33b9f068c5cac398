//! E. Requests sent before the answer to the one before them.

use everstream_testkit::{Deadline, Ending, Failure, RawHttp, RawSse, eventually};

use crate::support::{data_of, get, server, subscription};

// SC-47
#[test]
fn pipelined_requests_are_answered_in_order() {
    let server = server();
    server.api().create_events("s");
    server.api().append("s", "data: 1\n\n");
    server.api().close("s", "completed");
    let mut http = RawHttp::connect(server.addr());
    http.send([get("/healthz", &[]), subscription("s"), get("/missing", &[])].concat());
    assert_eq!(http.try_read_response("GET", Deadline::patient()).unwrap().status(), 200);
    let mut subscriber = RawSse::read(http);
    let (events, ending) = subscriber.rest();
    assert_eq!((data_of(&events)[0], events.len(), ending), ("1", 2, Ending::Clean));
    let announced = subscriber.head().lists("connection", "close");
    let mut http = subscriber.into_http();
    match http.try_read_response("GET", Deadline::patient()) {
        Ok(answer) => assert_eq!(answer.status(), 404),
        Err(failure) => assert!(announced && matches!(failure, Failure::Closed(_) | Failure::Broken(_)), "{failure}"),
    }
}

// SC-48
#[test]
fn answer_to_a_request_behind_an_endless_stream_never_shows_in_it() {
    let server = server();
    server.api().create_events("s");
    let mut http = RawHttp::connect(server.addr());
    http.send([subscription("s"), get("/healthz", &[])].concat());
    let mut subscriber = RawSse::read(http);
    for n in ["1", "2"] {
        server.api().append("s", format!("data: {n}\n\n"));
        // Chunks, lines and events are parsed strictly: a status line among them would be an error.
        match subscriber.try_next_event(Deadline::patient()).unwrap() {
            Some(event) => assert_eq!(event.data, n),
            None => return assert_eq!(subscriber.ending(), Some(Ending::Cut)),
        }
    }
    drop(subscriber);
    // With a request in its way the server does not read the FIN; that nobody is there shows when it writes.
    eventually("nobody subscribes", || {
        server.api().append("s", "data: more\n\n");
        match server.api().subscribers("s") {
            0 => Ok(()),
            count => Err(format!("{count} subscribers")),
        }
    });
}

// SC-48: what waits behind a stream is bounded, and answered once the stream has ended
#[test]
fn request_behind_a_stream_is_answered_when_the_stream_has_ended() {
    let server = server();
    server.api().create_events("s");
    let mut http = RawHttp::connect(server.addr());
    http.send([subscription("s"), get("/missing", &[])].concat());
    let mut subscriber = RawSse::read(http);
    server.api().close("s", "completed");
    let (_, ending) = subscriber.rest();
    let announced = subscriber.head().lists("connection", "close");
    match subscriber.into_http().try_read_response("GET", Deadline::patient()) {
        Ok(answer) => assert_eq!((answer.status(), ending), (404, Ending::Clean)),
        Err(failure) => {
            let may_close = announced || ending == Ending::Cut;
            assert!(may_close && matches!(failure, Failure::Closed(_) | Failure::Broken(_)), "{failure}");
        }
    }
}
