//! A server that says exactly what a test wrote down, and keeps what it was asked.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;

use socket2::SockRef;

use crate::{Deadline, PATIENCE};

/// One step of a connection, after its request was read whole. After the last step the connection ends cleanly.
#[derive(Debug, Clone)]
pub enum Act {
    /// Sends these bytes at once.
    Send(Vec<u8>),
    /// Waits until this many requests have come in all, this one included.
    AwaitRequests(usize),
    /// Waits until the client closes.
    AwaitClose,
    /// Breaks the connection off.
    Reset,
}

/// A request as it came.
#[derive(Debug, Clone)]
pub struct ScriptedRequest {
    /// Request line and headers.
    pub head: String,
    /// The body, chunks joined.
    pub body: Vec<u8>,
}

/// A server on a free loopback port with a script for each connection, in the order in which they are accepted. After
/// the last one it listens no more.
#[derive(Debug)]
pub struct ScriptedServer {
    address: SocketAddr,
    requests: Arc<Requests>,
}

#[derive(Debug, Default)]
struct Requests {
    seen: Mutex<Vec<ScriptedRequest>>,
    more: Condvar,
}

impl Act {
    /// Sends this text.
    #[must_use]
    pub fn send(text: &str) -> Self {
        Self::Send(text.as_bytes().to_vec())
    }

    /// Sends the head of an event stream that ends with its connection, and the beginning of its body.
    #[must_use]
    pub fn stream(body: &str) -> Self {
        Self::stream_with("", body)
    }

    /// The same with headers, each ended by CRLF.
    #[must_use]
    pub fn stream_with(headers: &str, body: &str) -> Self {
        Self::send(&format!(
            "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n{headers}\r\n{body}"
        ))
    }

    /// Sends a whole answer with a status line such as `404 Not Found`, and headers each ended by CRLF.
    #[must_use]
    pub fn answer(status: &str, headers: &str, body: &str) -> Self {
        let length =
            if status.starts_with("204") { String::new() } else { format!("content-length: {}\r\n", body.len()) };
        Self::send(&format!("HTTP/1.1 {status}\r\nconnection: close\r\n{length}{headers}\r\n{body}"))
    }
}

impl ScriptedRequest {
    /// `GET /path`, without the version.
    #[must_use]
    pub fn target(&self) -> &str {
        let line = self.head.lines().next().unwrap_or_default();
        line.rsplit_once(' ').map_or(line, |(target, _)| target)
    }

    /// The value of a header, by its lower-case name; panics if it came twice.
    #[must_use]
    #[track_caller]
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut values = self.head.lines().skip(1).filter_map(|line| {
            let (key, value) = line.split_once(':')?;
            key.eq_ignore_ascii_case(name).then_some(value.trim())
        });
        let value = values.next();
        assert_eq!(values.next(), None, "{name} came twice: {}", self.head);
        value
    }
}

impl ScriptedServer {
    /// Starts it.
    #[must_use]
    #[track_caller]
    pub fn start(connections: Vec<Vec<Act>>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("an address");
        let requests = Arc::new(Requests::default());
        let seen = Arc::clone(&requests);
        thread::spawn(move || {
            for script in connections {
                let Ok((socket, _)) = listener.accept() else { return };
                let requests = Arc::clone(&seen);
                // Each on its own, so that one may wait for the next.
                thread::spawn(move || drop(serve(socket, &script, &requests)));
            }
        });
        Self { address, requests }
    }

    /// The URL of a path of it.
    #[must_use]
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// What it was asked so far.
    #[must_use]
    pub fn requests(&self) -> Vec<ScriptedRequest> {
        self.requests.seen.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What it was asked once that are `count` requests; panics after [`PATIENCE`].
    #[must_use]
    #[track_caller]
    pub fn await_requests(&self, count: usize) -> Vec<ScriptedRequest> {
        self.requests.wait(count);
        let seen = self.requests();
        assert!(seen.len() >= count, "{} requests within {PATIENCE:?}, not {count}", seen.len());
        seen
    }
}

impl Requests {
    fn push(&self, request: ScriptedRequest) {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).push(request);
        self.more.notify_all();
    }

    fn wait(&self, count: usize) {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let left = Deadline::patient().left().unwrap_or_default();
        // The caller looks at how many there are: there is nothing to do about a time-out here.
        drop(self.more.wait_timeout_while(seen, left, |seen| seen.len() < count));
    }
}

fn serve(mut socket: TcpStream, script: &[Act], requests: &Requests) -> std::io::Result<()> {
    socket.set_nodelay(true)?;
    socket.set_read_timeout(Some(PATIENCE))?;
    let Some(request) = read_request(&mut socket)? else { return Ok(()) };
    requests.push(request);
    for act in script {
        match act {
            Act::Send(bytes) => socket.write_all(bytes)?,
            Act::AwaitRequests(count) => requests.wait(*count),
            Act::AwaitClose => while socket.read(&mut [0; 1024])? > 0 {},
            Act::Reset => {
                SockRef::from(&socket).set_linger(Some(std::time::Duration::ZERO))?;
                return Ok(());
            }
        }
    }
    socket.shutdown(Shutdown::Write)?;
    while socket.read(&mut [0; 1024])? > 0 {}
    Ok(())
}

/// Reads a request with its body, or `None` when the client closed before its end.
fn read_request(socket: &mut TcpStream) -> std::io::Result<Option<ScriptedRequest>> {
    let mut bytes = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        if let Some(request) = whole(&bytes) {
            return Ok(Some(request));
        }
        match socket.read(&mut buffer)? {
            0 => return Ok(None),
            read => bytes.extend_from_slice(&buffer[..read]),
        }
    }
}

fn whole(bytes: &[u8]) -> Option<ScriptedRequest> {
    let end = bytes.windows(4).position(|window| window == b"\r\n\r\n")?;
    let (head, body) = (String::from_utf8_lossy(&bytes[..end]).into_owned(), &bytes[end + 4..]);
    let request = ScriptedRequest { head, body: Vec::new() };
    let body = if request.header("transfer-encoding").is_some() {
        joined(body)?
    } else {
        let length = request.header("content-length").map_or(0, |length| length.parse().expect("a content length"));
        body.get(..length)?.to_vec()
    };
    Some(ScriptedRequest { body, ..request })
}

/// The chunks of a body, or `None` while the last one is missing.
fn joined(mut body: &[u8]) -> Option<Vec<u8>> {
    let mut joined = Vec::new();
    loop {
        let end = body.windows(2).position(|window| window == b"\r\n")?;
        let size = std::str::from_utf8(&body[..end]).expect("a chunk size");
        let size = usize::from_str_radix(size, 16).expect("a chunk size");
        let (chunk, rest) = (body.get(end + 2..end + 2 + size)?, body.get(end + 4 + size..)?);
        if size == 0 {
            return Some(joined);
        }
        joined.extend_from_slice(chunk);
        body = rest;
    }
}
