//! An upstream that answers exactly as a test says, with every fault a real one can have.

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use socket2::SockRef;

use crate::{ChunkedParser, Head, PATIENCE};

/// Calls that may wait for a test to take them.
const CALLS_MAX: usize = 1024;

/// A server on a free port of the loopback. It answers nothing by itself: each request becomes a [`UpstreamCall`], and
/// the test writes the answer, byte by byte if it likes.
#[derive(Debug)]
pub struct MockUpstream {
    addr: SocketAddr,
    calls: Mutex<Receiver<UpstreamCall>>,
    call_count: Arc<AtomicUsize>,
}

/// One request that has arrived whole, and the socket to answer it on. A dropped one closes its connection.
#[derive(Debug)]
pub struct UpstreamCall {
    /// Its method.
    pub method: String,
    /// Its target as written.
    pub target: String,
    /// Its header fields, in order.
    pub fields: Vec<(String, String)>,
    /// Its body without transfer coding.
    pub body: Vec<u8>,
    socket: TcpStream,
    /// Gives the connection back for the next request.
    back: SyncSender<()>,
}

impl MockUpstream {
    /// Starts listening.
    #[must_use]
    #[track_caller]
    pub fn start() -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
        let addr = listener.local_addr().expect("its address");
        let (sender, calls) = sync_channel(CALLS_MAX);
        let call_count = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&call_count);
        // Both kinds of thread end with the test process; neither holds anything that has to be put in order.
        std::thread::spawn(move || {
            for socket in listener.incoming().map_while(Result::ok) {
                let (sender, count) = (sender.clone(), Arc::clone(&count));
                std::thread::spawn(move || serve(&socket, &sender, &count));
            }
        });
        Self { addr, calls: Mutex::new(calls), call_count }
    }

    /// Where it listens.
    #[must_use]
    pub const fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Its base URL, without a slash at the end.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.addr)
    }

    /// The next request, once it is there.
    #[track_caller]
    pub fn call(&self) -> UpstreamCall {
        let calls = self.calls.lock().unwrap_or_else(PoisonError::into_inner);
        calls.recv_timeout(PATIENCE).expect("a call upstream")
    }

    /// How many requests have arrived so far.
    #[must_use]
    pub fn call_count(&self) -> usize {
        self.call_count.load(Ordering::SeqCst)
    }
}

impl UpstreamCall {
    /// The value of a header field, where it is there once.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<&str> {
        let mut values = self.fields.iter().filter(|(written, _)| written.eq_ignore_ascii_case(name));
        match (values.next(), values.next()) {
            (Some((_, value)), None) => Some(value),
            _ => None,
        }
    }

    /// Writes bytes as they are. A peer that is gone is no failure: tests look at [`UpstreamCall::closed_within`].
    pub fn raw(&mut self, bytes: impl AsRef<[u8]>) {
        let _ = self.socket.write_all(bytes.as_ref());
    }

    /// Writes a response head with these lines, each without its line end.
    pub fn head(&mut self, status: u16, lines: &[&str]) {
        let fields: String = lines.iter().map(|line| format!("{line}\r\n")).collect();
        self.raw(format!("HTTP/1.1 {status} Mock\r\n{fields}\r\n"));
    }

    /// Begins an event stream in chunks.
    pub fn begin_events(&mut self) {
        self.head(200, &["content-type: text/event-stream", "transfer-encoding: chunked"]);
    }

    /// Writes one chunk of a chunked body.
    pub fn chunk(&mut self, bytes: impl AsRef<[u8]>) {
        let bytes = bytes.as_ref();
        let mut chunk = format!("{:x}\r\n", bytes.len()).into_bytes();
        chunk.extend_from_slice(bytes);
        chunk.extend_from_slice(b"\r\n");
        self.raw(chunk);
    }

    /// Writes one event as one chunk.
    pub fn event(&mut self, data: &str) {
        self.chunk(format!("data: {data}\n\n"));
    }

    /// Writes one Chat Completions chunk with `text`.
    pub fn token(&mut self, text: &str) {
        let delta =
            serde_json::json!({ "choices": [{ "index": 0, "delta": { "content": text }, "finish_reason": null }] });
        self.event(&delta.to_string());
    }

    /// Ends a chunked body, cleanly; the connection takes the next request.
    pub fn end(mut self) {
        self.raw("0\r\n\r\n");
        let _ = self.back.send(());
    }

    /// Answers at once with a whole body; the connection takes the next request.
    pub fn respond(mut self, status: u16, content_type: &str, body: &str) {
        let length = format!("content-length: {}", body.len());
        self.head(status, &[&format!("content-type: {content_type}"), &length]);
        self.raw(body);
        let _ = self.back.send(());
    }

    /// Closes the connection (FIN) wherever the answer stands.
    pub fn cut(self) {
        let _ = self.socket.shutdown(Shutdown::Both);
    }

    /// Resets the connection (RST) wherever the answer stands.
    pub fn reset(self) {
        // A zero linger turns the close into a reset; the reading thread's handle has to go first.
        let _ = SockRef::from(&self.socket).set_linger(Some(Duration::ZERO));
        drop(self);
    }

    /// Waits until the peer has closed the connection, and says how long that took from this call on.
    ///
    /// Panics when it has not after `limit`.
    #[track_caller]
    pub fn closed_within(&mut self, limit: Duration) -> Duration {
        let began = Instant::now();
        self.socket.set_read_timeout(Some(limit)).expect("a read timeout");
        let mut byte = [0; 1];
        match self.socket.read(&mut byte) {
            Ok(0) => began.elapsed(),
            Err(error) if !matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => {
                began.elapsed()
            }
            Ok(_) => panic!("the peer sent bytes where it should have closed: {byte:?}"),
            Err(_) => panic!("the peer kept the connection open for {limit:?}"),
        }
    }
}

/// Reads requests off one connection, each once the one before it was answered whole.
fn serve(socket: &TcpStream, calls: &SyncSender<UpstreamCall>, count: &AtomicUsize) {
    let _ = socket.set_nodelay(true);
    loop {
        let (back, given_back) = sync_channel(1);
        let Ok(call) = read_request(socket, back) else { return };
        count.fetch_add(1, Ordering::SeqCst);
        if calls.send(call).is_err() || given_back.recv().is_err() {
            return;
        }
    }
}

fn read_request(socket: &TcpStream, back: SyncSender<()>) -> io::Result<UpstreamCall> {
    let mut reader = socket;
    let head = read_head(&mut reader)?;
    let text = String::from_utf8_lossy(&head).into_owned();
    let mut lines = text.trim_end().split("\r\n");
    let mut start = lines.next().unwrap_or_default().split(' ').map(str::to_owned);
    let fields: Vec<(String, String)> = lines
        .filter_map(|line| line.split_once(':').map(|(name, value)| (name.to_owned(), value.trim().to_owned())))
        .collect();
    let head = Head { version: String::new(), status: 0, fields };
    let body = if head.lists("transfer-encoding", "chunked") {
        read_chunked(&mut reader)?
    } else {
        let mut body = vec![0; head.field("content-length").map_or(0, |length| length.parse().expect("a length"))];
        reader.read_exact(&mut body)?;
        body
    };
    let (method, target) = (start.next().unwrap_or_default(), start.next().unwrap_or_default());
    Ok(UpstreamCall { method, target, fields: head.fields, body, socket: socket.try_clone()?, back })
}

/// Byte by byte, so that nothing behind the head is taken.
fn read_head(reader: &mut impl Read) -> io::Result<Vec<u8>> {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        reader.read_exact(&mut byte)?;
        head.push(byte[0]);
    }
    Ok(head)
}

fn read_chunked(reader: &mut impl Read) -> io::Result<Vec<u8>> {
    let mut parser = ChunkedParser::default();
    let mut body = Vec::new();
    let mut byte = [0];
    while !parser.is_done() {
        reader.read_exact(&mut byte)?;
        parser.push(&byte, &mut body).expect("lawful chunks");
    }
    Ok(body)
}
