//! A full disk refuses writes, truthfully, and serves reads.

use crate::support::{assert_problem, data_of, server};

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
