use everstream_testkit::PATIENCE;
use tokio::net::TcpListener;
use tokio::time::timeout;

use super::*;
use crate::admission::Admission;
use crate::lane::Helpers;
use crate::test_app::TestApp;
use crate::worker;

const APPEND: &str = "POST /v1/stream/s HTTP/1.1\r\nHost: t\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\nxy";

/// What a client is answered of whose bytes so many were there when the drain began, and the others came later.
async fn answer(app: &TestApp, begun: usize) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    let (socket, peer) = listener.accept().await.unwrap();
    let connections = worker::connections(app.app.clone(), Helpers::new(0)).unwrap();
    let permit = Admission::new(1.try_into().unwrap(), None).admit(peer.ip()).unwrap();
    let (begun, missing) = APPEND.split_at(begun);
    let served = connections.serve_whole(At::Requests(socket, begun.into()), permit);
    let answered = async {
        // Of one that is let go this may fail.
        let _ = client.write_all(missing.as_bytes()).await;
        let mut answer = Vec::new();
        let _ = client.read_to_end(&mut answer).await;
        drop(client);
        String::from_utf8(answer).unwrap()
    };
    let (_, answer) = timeout(PATIENCE, async { tokio::join!(served, answered) }).await.expect("an end in time");
    answer
}

#[tokio::test]
async fn a_request_that_was_begun_before_a_drain_is_answered_and_no_other() {
    let app = TestApp::new();
    assert_eq!(app.status("PUT /v1/stream/s\nContent-Type: text/plain").await, 201);
    app.app.hub.tasks().draining().cancel();
    assert_eq!(answer(&app, 0).await, "");
    for (stored, begun) in (1..).zip([APPEND.len() - 1, APPEND.len() - 2]) {
        let answer = answer(&app, begun).await;
        assert!(answer.starts_with("HTTP/1.1 204 "), "{begun} {answer:?}");
        assert_eq!(app.stream("s").await.state().tail.0, stored);
    }
}
