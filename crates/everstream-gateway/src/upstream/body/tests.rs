use std::future::poll_fn;
use std::time::Duration;

use everstream_hub::Tasks;
use everstream_testkit::PATIENCE;
use hyper_util::rt::TokioIo;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

use super::super::connector::Connector;
use super::*;

/// A body in chunks on a connection through loopback, and the upstream's end of that.
async fn connected() -> (OwnBody, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let wire = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    let (upstream, _) = listener.accept().await.unwrap();
    upstream.set_nodelay(true).unwrap();
    let connector = Connector::new(None, Duration::from_secs(1), false, &Tasks::new()).unwrap();
    let body = OwnBody {
        place: Box::new(connector.place(&http::Uri::from_static("http://upstream.test"))),
        wire: Wire::Socket(TokioIo::new(wire)),
        acks: DelayedAcks::new(),
        held: None,
        framing: Framing::chunked(),
        can_be_kept: true,
        has_closed: false,
        failure: None,
    };
    (body, upstream)
}

/// What the body gives before it has to wait, once its framing has moved on from `framing`.
async fn moved_on(body: &mut OwnBody, framing: &Framing) -> Vec<u8> {
    let mut data = Vec::new();
    let moving = poll_fn(|cx| {
        let step = body.poll(cx, &mut |bytes| data.extend_from_slice(bytes));
        assert!(matches!(step, Poll::Pending | Poll::Ready(Ok(_))));
        if body.framing == *framing { Poll::Pending } else { Poll::Ready(()) }
    });
    timeout(PATIENCE, moving).await.expect("a wake-up for what has arrived");
    data
}

#[tokio::test]
async fn a_byte_of_framing_alone_leaves_the_body_waiting_for_the_next() {
    let (mut body, mut upstream) = connected().await;
    let mut data = Vec::new();
    for byte in b"5;x\r\nhello\r\n0b\r\n more of it\r\n0\r\nA: b\r\n\r\n".chunks(1) {
        let framing = body.framing.clone();
        upstream.write_all(byte).await.unwrap();
        // Within an extension or a trailer its length alone moves on.
        data.extend(moved_on(&mut body, &framing).await);
    }
    assert_eq!(data, b"hello more of it");
    let end = poll_fn(|cx| body.poll(cx, &mut |_| panic!("data behind the end"))).await;
    assert_eq!(end.unwrap(), Step::End);
}

#[tokio::test]
async fn a_close_behind_a_short_read_is_noticed() {
    let (mut body, mut upstream) = connected().await;
    upstream.write_all(b"5\r\nhel").await.unwrap();
    let framing = body.framing.clone();
    assert_eq!(moved_on(&mut body, &framing).await, b"hel");
    drop(upstream);
    let closed = timeout(PATIENCE, poll_fn(|cx| body.poll(cx, &mut |_| panic!("data from nowhere")))).await;
    let error = closed.expect("a wake-up for the close").unwrap_err();
    assert_eq!(error.to_string(), "the connection was closed within the body");
}

#[tokio::test]
async fn one_look_takes_a_bounded_part_of_what_has_arrived_and_the_next_ones_the_rest() {
    let (mut body, mut upstream) = connected().await;
    let sent = vec![b'x'; 2 << 20];
    let sending = async {
        upstream.write_all(format!("{:x}\r\n", sent.len()).as_bytes()).await.unwrap();
        upstream.write_all(&sent).await.unwrap();
        upstream.write_all(b"\r\n0\r\n\r\n").await.unwrap();
    };
    let reading = async {
        let mut taken = 0;
        loop {
            let mut look = 0;
            let step = poll_fn(|cx| body.poll(cx, &mut |bytes| look += bytes.len())).await.unwrap();
            assert!(look < ROUND_BYTES_MAX + ROOM_BYTES, "{look}");
            taken += look;
            if step == Step::End {
                return taken;
            }
        }
    };
    let ((), taken) = timeout(PATIENCE, async { tokio::join!(sending, reading) }).await.expect("the end in time");
    assert_eq!(taken, sent.len());
}
