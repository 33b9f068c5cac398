//! A full disk refuses writes, truthfully, and serves reads.

use everstream_testkit::{Api, Ending, MockUpstream, PATIENCE, RawSse, TestServer, UpstreamCall};

use crate::support::{EVENTS, assert_problem, data_of, launch, server};

#[test]
fn full_disk_refuses_writes_serves_reads_and_says_so() {
    let mut server = server();
    let api = server.api();
    api.create_events("s");
    api.append("s", "data: 1\n\ndata: 2\n\n");
    let mut live = api.subscribe("s");
    let ids: Vec<_> = live.next_events(2).into_iter().map(|event| event.id.unwrap()).collect();
    api.get("/readyz").expect_status(200);

    server.fill_disk();
    let append = || api.request("POST", "/v1/stream/s", &[("Content-Type", "text/event-stream")], "data: lost\n\n");
    assert!(append().status() >= 500);
    // What came after a failed write would stand behind a hole.
    server.free_disk();
    assert_problem(&append(), 503);
    assert_problem(&api.request("PUT", "/v1/stream/new", &[("Content-Type", "text/plain")], ""), 503);
    let ready = api.get("/readyz");
    assert_eq!(ready.status(), 503);
    assert!(ready.text().len() > 20, "it says why: {:?}", ready.text());
    api.get("/healthz").expect_status(200);
    assert_eq!(data_of(&api.subscribe("s").next_events(2)), ["1", "2"]);
    assert_eq!(api.resume("s", &ids[0]).next_event().data, "2");

    server.restart();
    let api = server.api();
    api.get("/readyz").expect_status(200);
    api.append("s", "data: 3\n\n");
    assert_eq!(data_of(&api.resume("s", &ids[0]).next_events(2)), ["2", "3"], "what was refused is not there");
    drop(live);
}

/// A server before an upstream, with a drain time of 300 ms.
fn relaying(upstream: &MockUpstream) -> TestServer {
    let mount = format!("[upstreams.up]\nmount = \"/up\"\nurl = \"{}\"\ndialect = \"openai-chat\"\n", upstream.url());
    launch().config(&mount).flags(&["--drain-timeout", "300ms"]).start()
}

/// An answer that has begun: its caller, who has its first token; the name of its stream; its upstream's side.
fn running_answer(api: Api, upstream: &MockUpstream) -> (RawSse, String, UpstreamCall) {
    let mut http = api.try_connect().expect("a connection");
    let fields = [EVENTS, ("Content-Type", "application/json")];
    http.send(Api::request_bytes("POST", "/up/v1/chat/completions", &fields, b"{\"stream\":true}"));
    let mut call = upstream.call();
    call.begin_events();
    call.token("stored");
    let mut caller = RawSse::read(http);
    assert!(caller.next_event().data.contains("stored"));
    let path = caller.head().field("content-location").expect("where the answer is");
    let stream = path.strip_prefix("/v1/stream/").expect("the path of a stream").to_owned();
    (caller, stream, call)
}

#[track_caller]
fn assert_cut_without_an_end(viewer: &mut RawSse) {
    let (events, ending) = viewer.rest();
    assert!(events.is_empty(), "neither what was not stored, nor `[DONE]`, nor a close: {events:?}");
    assert_eq!(ending, Ending::Cut);
}

#[test]
fn answer_that_a_full_disk_breaks_off_cuts_its_viewers_and_is_interrupted_after_the_restart() {
    let upstream = MockUpstream::start();
    let mut server = relaying(&upstream);
    let (mut caller, stream, mut call) = running_answer(server.api(), &upstream);
    let mut viewer = server.api().subscribe(&stream);
    viewer.next_event();
    server.fill_disk();
    call.token("lost");
    call.closed_within(PATIENCE);
    assert_cut_without_an_end(&mut caller);
    assert_cut_without_an_end(&mut viewer);
    // One who comes back is not left waiting, either.
    let last_event_id = viewer.last_event_id().unwrap().to_owned();
    assert_cut_without_an_end(&mut server.api().resume(&stream, &last_event_id));
    let waiting = server.api().get(&format!("/v1/stream/{stream}?offset=now&live=long-poll"));
    assert_problem(&waiting, 503);
    assert_eq!(server.api().state(&stream)["state"], "open", "its end is in no log");
    server.restart();
    let (rest, ending) = server.api().resume(&stream, &last_event_id).rest();
    assert_eq!((&rest[0].json()["reason"], rest.len(), ending), (&"interrupted".into(), 1, Ending::Clean));
}

/// What is acknowledged at `os` is in the journal: the next start folds it.
#[test]
fn process_on_a_full_disk_ends_in_time_says_so_and_loses_nothing() {
    for is_known in [true, false] {
        let upstream = MockUpstream::start();
        let mut server = relaying(&upstream);
        server.api().create_events("s");
        server.api().append("s", "data: 1\n\n");
        let (mut caller, stream, _call) = running_answer(server.api(), &upstream);
        server.fill_disk();
        if is_known {
            let refused =
                server.api().request("POST", "/v1/stream/s", &[("Content-Type", "text/event-stream")], "data: 2\n\n");
            assert!(refused.status() >= 500);
        }
        server.sigterm();
        assert_cut_without_an_end(&mut caller);
        // Whoever waited for what the disk does not take would not end at all.
        let exited = server.wait();
        assert!(!exited.stderr.contains("left behind"), "{}", exited.stderr);
        // What was acknowledged is on the device: the end is an orderly one.
        assert!(exited.status.success(), "{}; {}", exited.status, exited.stderr);
        for said in ["the log is read-only until it is reopened", "an ask's end cannot be stored"] {
            assert!(exited.stderr.contains(said), "{said}: {}", exited.stderr);
        }
        server.restart();
        assert_eq!(data_of(&server.api().subscribe("s").next_events(1)), ["1"]);
        assert_eq!(server.api().state("s")["records"], 1);
        assert_eq!(server.api().state(&stream)["close_reason"], "interrupted");
    }
}

#[test]
fn process_that_meets_the_full_disk_at_its_end_says_so_and_loses_nothing() {
    let mut server = server();
    server.api().create_events("s");
    server.api().append("s", "data: 1\n\n");
    server.fill_disk();
    server.sigterm();
    let exited = server.wait();
    assert!(!exited.status.success(), "{}", exited.stderr);
    assert!(exited.stderr.contains("the log could not be flushed to the device at its end"), "{}", exited.stderr);
    server.restart();
    assert_eq!(data_of(&server.api().subscribe("s").next_events(1)), ["1"]);
    server.api().append("s", "data: 2\n\n");
}
