use everstream_testkit::PATIENCE;
use socket2::SockRef;
use tokio::net::{TcpListener, TcpSocket};
use tokio::time::timeout;

use super::*;
use crate::test_app::TestApp;

/// More answers than two small buffers of the kernel take.
const APPENDS: usize = 2_000;
const APPEND: &str = "POST /v1/stream/s HTTP/1.1\r\nHost: t\r\nContent-Type: text/plain\r\nContent-Length: 1\r\n\r\nx";

#[tokio::test]
async fn a_publisher_that_reads_no_answers_is_not_waited_for_after_the_cutoff() {
    let app = TestApp::new();
    assert_eq!(app.status("PUT /v1/stream/s\ncontent-type: text/plain").await, 201);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let client = TcpSocket::new_v4().unwrap();
    client.set_recv_buffer_size(4096).unwrap();
    let _deaf = client.connect(listener.local_addr().unwrap()).await.unwrap();
    let (mut socket, _) = listener.accept().await.unwrap();
    SockRef::from(&socket).set_send_buffer_size(4096).unwrap();
    app.app.hub.tasks().cutoff().cancel();
    let appends = PlainAppends::new(app.app.clone());
    let serving = appends.serve(APPEND.repeat(APPENDS).into_bytes(), &mut socket);
    let rest = timeout(PATIENCE, serving).await.expect("an end in time").unwrap();
    assert!(matches!(rest, Rest::Over), "{rest:?}");
    let appended = app.stream("s").await.state().tail.0;
    assert!((1..APPENDS as u64).contains(&appended), "{appended}: the kernel took all answers");
}
