//! An HTTP/1.1 client that sends exactly the bytes it is given.

use std::fmt;
use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::Duration;

use socket2::{Domain, Socket, Type};

use crate::{ChunkedParser, Deadline, Head, PATIENCE};

/// One connection. Nothing is sent but what the test says; everything received is parsed strictly.
#[derive(Debug)]
pub struct RawHttp {
    socket: TcpStream,
    unread: Vec<u8>,
}

/// A whole response.
#[derive(Debug, Clone)]
pub struct Response {
    /// Its head.
    pub head: Head,
    /// Its body without transfer coding.
    pub body: Vec<u8>,
}

/// Why a connection did not give what was awaited.
#[derive(Clone, PartialEq, Eq)]
pub enum Failure {
    /// It did not come in time.
    Deadline(String),
    /// The peer closed (FIN) before it came.
    Closed(String),
    /// The connection was refused, reset or broken.
    Broken(String),
    /// What came is not lawful.
    Malformed(String),
}

impl RawHttp {
    /// Connects.
    ///
    /// # Errors
    /// [`Failure::Broken`] when nobody listens.
    pub fn try_connect(addr: SocketAddr) -> Result<Self, Failure> {
        let socket = TcpStream::connect_timeout(&addr, PATIENCE);
        let socket = socket.map_err(|error| Failure::Broken(format!("connecting to {addr}: {error}")))?;
        socket.set_nodelay(true).map_err(Failure::broken("setting no-delay"))?;
        Ok(Self { socket, unread: Vec::new() })
    }

    /// Connects, or panics.
    #[must_use]
    #[track_caller]
    pub fn connect(addr: SocketAddr) -> Self {
        Self::try_connect(addr).expect("a connection")
    }

    /// Connects with a small kernel buffer for what it receives, so that a reader that stops is soon felt by the server.
    #[must_use]
    #[track_caller]
    pub fn connect_with_receive_buffer(addr: SocketAddr, bytes: usize) -> Self {
        let socket = Socket::new(Domain::for_address(addr), Type::STREAM, None).expect("a socket");
        socket.set_recv_buffer_size(bytes).expect("a small receive buffer");
        socket.connect(&addr.into()).expect("a connection");
        Self { socket: socket.into(), unread: Vec::new() }
    }

    /// Sends bytes.
    ///
    /// # Errors
    /// [`Failure::Broken`] when the peer is gone, or takes nothing for [`PATIENCE`].
    pub fn try_send(&mut self, bytes: impl AsRef<[u8]>) -> Result<(), Failure> {
        self.socket.set_write_timeout(Some(PATIENCE)).map_err(Failure::broken("setting a timeout"))?;
        self.socket.write_all(bytes.as_ref()).map_err(Failure::broken("sending"))
    }

    /// Sends bytes, or panics.
    #[track_caller]
    pub fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.try_send(bytes).expect("the bytes are sent");
    }

    /// Sends `piece` up to `times` times, and stops as soon as the peer is gone or takes nothing for a moment. Returns how
    /// many pieces were taken whole.
    pub fn send_while_taken(&mut self, piece: &[u8], times: usize) -> usize {
        let _ = self.socket.set_write_timeout(Some(Duration::from_millis(200)));
        (0..times).take_while(|_| self.socket.write_all(piece).is_ok()).count()
    }

    /// Says that no more will be sent (half-close).
    #[track_caller]
    pub fn shutdown_write(&self) {
        self.socket.shutdown(Shutdown::Write).expect("a half-close");
    }

    /// Breaks the connection by RST.
    pub fn reset(self) {
        let socket = Socket::from(self.socket);
        let _ = socket.set_linger(Some(Duration::ZERO));
    }

    /// Reads the head of a response, interim ones (1xx) included.
    ///
    /// # Errors
    /// See [`Failure`].
    pub fn try_read_head(&mut self, deadline: Deadline) -> Result<Head, Failure> {
        loop {
            if let Some(end) = find(&self.unread, b"\r\n\r\n") {
                let head = self.unread.drain(..end + 4).collect::<Vec<_>>();
                return Head::parse(&head).map_err(Failure::Malformed);
            }
            if self.fill("a response head", deadline)? == 0 {
                return Err(Failure::Closed(format!("a response head; there was {:?}", self.unread_text())));
            }
        }
    }

    /// Reads the head of a response, or panics.
    #[track_caller]
    pub fn read_head(&mut self) -> Head {
        self.try_read_head(Deadline::patient()).expect("a response head")
    }

    /// Reads a whole response to a request with this method.
    ///
    /// # Errors
    /// See [`Failure`]; a body cut short is [`Failure::Closed`].
    pub fn try_read_response(&mut self, method: &str, deadline: Deadline) -> Result<Response, Failure> {
        let head = self.try_read_head(deadline)?;
        let has_none = method == "HEAD" || head.status < 200 || matches!(head.status, 204 | 304);
        let body = if has_none {
            Vec::new()
        } else if let Some(length) = head.field("content-length") {
            if head.field("transfer-encoding").is_some() {
                return Err(Failure::Malformed(format!("length and transfer coding: {:?}", head.fields)));
            }
            let length = length.parse().map_err(|_| Failure::Malformed(format!("content-length {length:?}")))?;
            self.read_exactly(length, deadline)?
        } else if head.field("transfer-encoding").is_some() {
            self.read_chunked(deadline)?
        } else {
            self.read_to_close(deadline)?
        };
        Ok(Response { head, body })
    }

    /// Sends a request and reads its response, or panics.
    #[track_caller]
    pub fn exchange(&mut self, request: impl AsRef<[u8]>) -> Response {
        self.try_exchange(request).expect("a response")
    }

    /// Sends a request and reads its response.
    ///
    /// # Errors
    /// See [`Failure`].
    pub fn try_exchange(&mut self, request: impl AsRef<[u8]>) -> Result<Response, Failure> {
        let request = request.as_ref();
        let method = request.split(|&byte| byte == b' ').next().unwrap_or_default();
        self.try_send(request)?;
        self.try_read_response(&String::from_utf8_lossy(method), Deadline::patient())
    }

    /// Everything up to the peer's FIN.
    ///
    /// # Errors
    /// [`Failure::Deadline`] when the peer keeps the connection open, [`Failure::Broken`] on a reset.
    pub fn read_to_close(&mut self, deadline: Deadline) -> Result<Vec<u8>, Failure> {
        while self.fill("the close of the connection", deadline)? > 0 {}
        Ok(std::mem::take(&mut self.unread))
    }

    /// Reads once and returns the bytes not yet taken by anybody; empty after FIN.
    ///
    /// # Errors
    /// See [`Failure`].
    pub fn read_some(&mut self, what: &str, deadline: Deadline) -> Result<Vec<u8>, Failure> {
        if self.unread.is_empty() {
            self.fill(what, deadline)?;
        }
        Ok(std::mem::take(&mut self.unread))
    }

    /// What has arrived and was not read yet, left where it is. The kernel acknowledges it when it likes, not at once as it
    /// does when it is read.
    ///
    /// # Errors
    /// [`Failure::Broken`] when the connection is.
    pub fn peek(&self) -> Result<Vec<u8>, Failure> {
        let mut bytes = vec![0; 64 * 1024];
        let count = self.socket.peek(&mut bytes).map_err(Failure::broken("peeking"))?;
        bytes.truncate(count);
        Ok(bytes)
    }

    pub(crate) fn put_back(&mut self, bytes: &[u8]) {
        self.unread.splice(0..0, bytes.iter().copied());
    }

    fn read_exactly(&mut self, length: usize, deadline: Deadline) -> Result<Vec<u8>, Failure> {
        while self.unread.len() < length {
            if self.fill("the body", deadline)? == 0 {
                return Err(Failure::Closed(format!("{length} bytes of body; there were {}", self.unread.len())));
            }
        }
        Ok(self.unread.drain(..length).collect())
    }

    fn read_chunked(&mut self, deadline: Deadline) -> Result<Vec<u8>, Failure> {
        let (mut parser, mut payload) = (ChunkedParser::default(), Vec::new());
        loop {
            let taken = parser.push(&self.unread, &mut payload).map_err(Failure::Malformed)?;
            self.unread.drain(..taken);
            if parser.is_done() {
                return Ok(payload);
            }
            if self.fill("the last chunk", deadline)? == 0 {
                return Err(Failure::Closed("the last chunk".to_owned()));
            }
        }
    }

    fn fill(&mut self, what: &str, deadline: Deadline) -> Result<usize, Failure> {
        let late = |http: &Self| Failure::Deadline(format!("{what}; there was {:?}", http.unread_text()));
        let left = deadline.left().ok_or_else(|| late(self))?;
        self.socket.set_read_timeout(Some(left)).map_err(Failure::broken("setting a timeout"))?;
        let mut bytes = [0; 64 * 1024];
        match self.socket.read(&mut bytes) {
            Ok(count) => {
                self.unread.extend_from_slice(&bytes[..count]);
                Ok(count)
            }
            Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => {
                Err(late(self))
            }
            Err(error) => Err(Failure::Broken(format!("awaiting {what}: {error}"))),
        }
    }

    fn unread_text(&self) -> String {
        String::from_utf8_lossy(&self.unread[..self.unread.len().min(300)]).into_owned()
    }
}

impl Response {
    /// The status code.
    #[must_use]
    pub const fn status(&self) -> u16 {
        self.head.status
    }

    /// The body as text, whatever its encoding, for people.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON, or panics.
    #[must_use]
    #[track_caller]
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("not JSON ({error}): {:?}", self.text()))
    }

    /// Panics with head and body unless the status is `status`.
    #[track_caller]
    pub fn expect_status(self, status: u16) -> Self {
        assert_eq!(self.head.status, status, "{:?} {}", self.head.fields, self.text());
        self
    }
}

impl Failure {
    fn broken(doing: &str) -> impl Fn(io::Error) -> Self {
        move |error| Self::Broken(format!("{doing}: {error}"))
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Deadline(what) => write!(f, "not in time: {what}"),
            Self::Closed(what) => write!(f, "the peer closed before {what}"),
            Self::Broken(what) => write!(f, "the connection broke {what}"),
            Self::Malformed(what) => write!(f, "not lawful: {what}"),
        }
    }
}

impl fmt::Debug for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for Failure {}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack.windows(needle.len()).position(|window| window == needle)
}
