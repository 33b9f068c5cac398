//! The limit: a loop that writes the same ready-made frame to every socket, on one thread, with nothing around it but the
//! request that brings the event.

use std::collections::HashMap;
use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::os::fd::AsRawFd as _;
use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use memchr::memmem;
use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Registry, Token};

use super::{Peer, Started, event_source, post};
use crate::http::header;
use crate::process::Process;
use crate::result::BARE;

#[derive(Debug)]
pub(super) struct Bare;

impl Peer for Bare {
    fn name(&self) -> &'static str {
        BARE
    }

    fn is_own(&self) -> bool {
        true
    }

    fn start(&self, _program: &Path, _place: &Path) -> Result<Started> {
        Ok(Process::start_own("bare")?.into())
    }

    fn subscribe(&self, stream: usize) -> String {
        event_source(&format!("/{stream}"))
    }

    fn publish(&self, stream: usize, text: &str, out: &mut Vec<u8>) {
        post(out, format_args!("/{stream}"), "text/plain", text);
    }
}

const HEAD: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n";
const PUBLISHED: &[u8] = b"HTTP/1.1 204 No Content\r\n\r\n";
/// New connections; all others have their number.
const SOCKETS: Token = Token(usize::MAX);
/// The longest request.
const REQUEST_MAX: usize = 64 * 1024;

/// Serves `GET` and `POST` of any path until it is killed.
pub(crate) fn serve() -> Result<()> {
    let sockets = TcpListener::bind("127.0.0.1:0")?;
    println!("listening on http://{}", sockets.local_addr()?);
    sockets.set_nonblocking(true)?;
    let mut poll = Poll::new()?;
    poll.registry().register(&mut SourceFd(&sockets.as_raw_fd()), SOCKETS, Interest::READABLE)?;
    let mut events = Events::with_capacity(1024);
    let (mut asking, mut streams, mut next) = (HashMap::new(), Streams::default(), 0);
    loop {
        poll.poll(&mut events, None)?;
        for event in &events {
            if event.token() == SOCKETS {
                while let Some(asker) = Asker::accept(&sockets, poll.registry(), next)? {
                    asking.insert(next, asker);
                    next += 1;
                }
            } else if let Some(asker) = asking.remove(&event.token().0)
                // A connection that breaks ends alone.
                && let Ok(Some(asker)) = asker.proceed(&mut streams, poll.registry())
            {
                asking.insert(event.token().0, asker);
            }
        }
    }
}

type Streams = HashMap<String, Followed>;

/// Who follows a stream.
#[derive(Debug, Default)]
struct Followed {
    subscribers: Vec<TcpStream>,
    next: u64,
}

impl Followed {
    /// Writes the event to each subscriber, waiting for one whose socket is full.
    fn publish(&mut self, text: &[u8]) {
        let event = [format!("id: k3v9x2ab-{}\ndata: ", self.next).as_bytes(), text, b"\n\n"].concat();
        let chunk = [format!("{:x}\r\n", event.len()).as_bytes(), event.as_slice(), b"\r\n"].concat();
        self.subscribers.retain_mut(|subscriber| subscriber.write_all(&chunk).is_ok());
        self.next += 1;
    }
}

/// A connection that has not subscribed, or not yet.
#[derive(Debug)]
struct Asker {
    socket: TcpStream,
    input: Vec<u8>,
}

impl Asker {
    fn accept(sockets: &TcpListener, registry: &Registry, number: usize) -> Result<Option<Self>> {
        let (socket, _) = match sockets.accept() {
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(None),
            accepted => accepted?,
        };
        socket.set_nodelay(true)?;
        socket.set_nonblocking(true)?;
        registry.register(&mut SourceFd(&socket.as_raw_fd()), Token(number), Interest::READABLE)?;
        Ok(Some(Self { socket, input: Vec::new() }))
    }

    /// Reads what is there and does what it asks for; gives the connection back unless it subscribed or has ended.
    fn proceed(mut self, streams: &mut Streams, registry: &Registry) -> Result<Option<Self>> {
        let mut chunk = [0; 4096];
        loop {
            match self.socket.read(&mut chunk) {
                Ok(0) => return Ok(None),
                Ok(count) => self.input.extend_from_slice(chunk.get(..count).unwrap_or_default()),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(Some(self)),
                Err(error) => return Err(error.into()),
            }
            ensure!(self.input.len() <= REQUEST_MAX, "a request is too long");
            while let Some((length, request)) = parse(&self.input)? {
                let stream = streams.entry(request.path.to_owned()).or_default();
                if let Some(text) = request.text {
                    stream.publish(text);
                    self.socket.write_all(PUBLISHED)?;
                } else {
                    registry.deregister(&mut SourceFd(&self.socket.as_raw_fd()))?;
                    self.socket.set_nonblocking(false)?;
                    self.socket.write_all(HEAD)?;
                    stream.subscribers.push(self.socket);
                    return Ok(None);
                }
                self.input.drain(..length);
            }
        }
    }
}

/// What is asked for.
struct Request<'a> {
    path: &'a str,
    /// What is published; a subscriber has none.
    text: Option<&'a [u8]>,
}

/// The request at the start of `input` and its length, once it is there as a whole.
fn parse(input: &[u8]) -> Result<Option<(usize, Request<'_>)>> {
    let Some(end) = memmem::find(input, b"\r\n\r\n") else { return Ok(None) };
    let (head, rest) = input.split_at(end + 4);
    let head = std::str::from_utf8(head)?;
    let mut words = head.split_whitespace();
    let (method, path) = words.next().zip(words.next()).context("an odd request")?;
    if method == "GET" {
        return Ok(Some((end + 4, Request { path, text: None })));
    }
    let length: usize = header(head, "content-length").context("a body without length")?.parse()?;
    Ok(rest.get(..length).map(|text| (end + 4 + length, Request { path, text: Some(text) })))
}
