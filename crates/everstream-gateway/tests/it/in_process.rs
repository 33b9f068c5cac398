//! An upstream within the process, over a connection that is memory, is an upstream like any other.

use std::fmt;
use std::future::{pending, poll_fn};
use std::pin::Pin;
use std::sync::{Arc, Mutex};

use everstream_gateway::{FarEnd, InProcessUpstream, Serving};
use everstream_log::{CloseReason, Offset};
use everstream_testkit::PATIENCE;
use hyper::rt::{Read, ReadBuf, Write};
use tokio::sync::oneshot;
use tokio::time::timeout;

use crate::rig::{Rig, join, passed, read, streaming, told};

const HEAD: &str = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n";
const TOKEN: &str = "d\r\ndata: {\"a\":1}\r\n2\r\n\n\n\r\n";
const DONE: &str = "e\r\ndata: [DONE]\n\n\r\n0\r\n\r\n";

/// Answers each request with the same bytes, and then ends or waits for ever.
struct Scripted {
    answer: String,
    then: Then,
    /// Told with the request once the connection is given up.
    gone: Mutex<Option<oneshot::Sender<String>>>,
}

#[derive(Debug, Clone, Copy)]
enum Then {
    Ends,
    Waits,
}

impl Scripted {
    fn new(answer: &str, then: Then) -> (Arc<Self>, oneshot::Receiver<String>) {
        let (gone, is_gone) = oneshot::channel();
        (Arc::new(Self { answer: answer.to_owned(), then, gone: Mutex::new(Some(gone)) }), is_gone)
    }
}

impl fmt::Debug for Scripted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scripted").field("then", &self.then).finish_non_exhaustive()
    }
}

/// What a connection leaves behind when it is dropped.
struct Left(String, Option<oneshot::Sender<String>>);

impl Drop for Left {
    fn drop(&mut self) {
        if let Some(gone) = self.1.take() {
            let _ = gone.send(std::mem::take(&mut self.0));
        }
    }
}

impl InProcessUpstream for Scripted {
    fn serve(&self, mut connection: FarEnd) -> Serving {
        let mut left = Left(String::new(), self.gone.lock().unwrap().take());
        let (answer, then) = (self.answer.clone(), self.then);
        Box::pin(async move {
            while !left.0.contains("\r\n\r\n") {
                let mut room = [0; 64];
                let mut buf = ReadBuf::new(&mut room);
                poll_fn(|cx| Pin::new(&mut connection).poll_read(cx, buf.unfilled())).await.unwrap();
                left.0 += std::str::from_utf8(buf.filled()).unwrap();
            }
            let mut rest = answer.as_bytes();
            while !rest.is_empty() {
                let written = poll_fn(|cx| Pin::new(&mut connection).poll_write(cx, rest)).await.unwrap();
                rest = &rest[written..];
            }
            if matches!(then, Then::Waits) {
                pending::<()>().await;
            }
        })
    }
}

fn rig(upstream: Arc<Scripted>) -> Rig {
    Rig::mounted(|mount| mount.in_process = Some(upstream))
}

#[tokio::test(flavor = "multi_thread")]
async fn its_answer_is_relayed_whole_and_it_sees_the_mounts_host() {
    let (upstream, gone) = Scripted::new(&format!("{HEAD}{TOKEN}{DONE}"), Then::Waits);
    let rig = rig(upstream);
    let (text, closure) = read(streaming(rig.question().answer().await)).await;
    assert_eq!(closure.reason, CloseReason::Completed);
    assert_eq!(text, "id: E-1\ndata: {\"a\":1}\n\nid: E-2\ndata: [DONE]\n\n");
    let request = timeout(PATIENCE, gone).await.unwrap().unwrap();
    let host = rig.upstream.url().replace("http://", "host: ");
    assert!(request.starts_with("POST /v1/chat/completions HTTP/1.1\r\n") && request.contains(&host), "{request}");
    assert_eq!(rig.upstream.call_count(), 0, "nothing goes over a socket");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_drops_it() {
    let (upstream, gone) = Scripted::new(&format!("{HEAD}{TOKEN}"), Then::Waits);
    let rig = rig(upstream);
    let ask = streaming(rig.question().answer().await);
    let mut frames = std::collections::VecDeque::new();
    let _ = ask.stream.subscribe(Offset::ZERO).unwrap().next(&mut frames).await;
    ask.stream.stop(None).await.unwrap();
    timeout(PATIENCE, gone).await.expect("the upstream is let go").unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_breaks_off_has_failed_the_ask() {
    let (upstream, _gone) = Scripted::new(&format!("{HEAD}{TOKEN}"), Then::Ends);
    let rig = rig(upstream);
    let (_, closure) = read(streaming(rig.question().answer().await)).await;
    let (reason, code, ..) = told(&closure);
    assert_eq!((reason, code), (CloseReason::Failed, "upstream_cut"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_is_none_in_events_passes_through_however_long() {
    let body = "x".repeat(300_000);
    let answer = format!("HTTP/1.1 418 I'm a teapot\r\nContent-Length: {}\r\n\r\n{body}", body.len());
    let (upstream, _gone) = Scripted::new(&answer, Then::Waits);
    let rig = rig(upstream);
    let asking = rig.question().send();
    let (status, _, text) = passed(join(asking).await).await;
    assert_eq!((status, text.unwrap().len()), (418, body.len()));
}
