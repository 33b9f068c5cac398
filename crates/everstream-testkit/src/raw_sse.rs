//! A subscriber on a raw socket.

use std::collections::VecDeque;
use std::net::SocketAddr;

use crate::{Block, ChunkedParser, Deadline, EventParser, Failure, Head, Item, RawHttp};

/// An open event stream, read strictly: see [`ChunkedParser`] and [`EventParser`].
#[derive(Debug)]
pub struct RawSse {
    http: RawHttp,
    head: Head,
    chunked: Option<ChunkedParser>,
    events: EventParser,
    items: VecDeque<Item>,
    last_event_id: Option<String>,
    retry: Vec<String>,
    comments: usize,
    ending: Option<Ending>,
}

/// What a client would dispatch, with the bytes it came in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// `message` unless the block says otherwise.
    pub event_type: String,
    /// The data.
    pub data: String,
    /// The `id` of this very block.
    pub id: Option<String>,
    /// The whole block.
    pub bytes: Vec<u8>,
}

/// How a body ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// By its last chunk.
    Clean,
    /// The connection went away (FIN or RST) before the last chunk.
    Cut,
    /// By FIN, where the framing has no other end (HTTP/1.0).
    Fin,
}

/// How to ask for a subscription.
#[derive(Debug, Clone, Copy)]
pub struct Start<'a> {
    /// Path and query.
    pub target: &'a str,
    /// Sent as `Last-Event-ID`.
    pub last_event_id: Option<&'a str>,
}

impl RawSse {
    /// Subscribes with an ordinary `GET`.
    ///
    /// # Errors
    /// [`Failure::Malformed`] unless the answer is a 200 event stream; else see [`Failure`].
    pub fn try_open(addr: SocketAddr, start: Start<'_>) -> Result<Self, Failure> {
        let mut http = RawHttp::try_connect(addr)?;
        let resume = start.last_event_id.map(|id| format!("Last-Event-ID: {id}\r\n")).unwrap_or_default();
        let target = start.target;
        http.try_send(format!("GET {target} HTTP/1.1\r\nHost: t\r\nAccept: text/event-stream\r\n{resume}\r\n"))?;
        Self::try_read(http, Deadline::patient())
    }

    /// Reads the answer to a request that was sent on `http` already.
    ///
    /// # Errors
    /// As [`Self::try_open`].
    pub fn try_read(mut http: RawHttp, deadline: Deadline) -> Result<Self, Failure> {
        let head = http.try_read_head(deadline)?;
        if (head.status, head.media_type().as_str()) != (200, "text/event-stream") {
            return Err(Failure::Malformed(format!("no event stream: {} {:?}", head.status, head.fields)));
        }
        match head.field("transfer-encoding") {
            Some("chunked") | None => Ok(Self::with_head(http, head)),
            Some(other) => Err(Failure::Malformed(format!("transfer-encoding {other:?}"))),
        }
    }

    /// The body that follows a head which was read already.
    #[must_use]
    pub fn with_head(http: RawHttp, head: Head) -> Self {
        let chunked = head.field("transfer-encoding").map(|_| ChunkedParser::default());
        Self {
            http,
            head,
            chunked,
            events: EventParser::default(),
            items: VecDeque::new(),
            last_event_id: None,
            retry: Vec::new(),
            comments: 0,
            ending: None,
        }
    }

    /// As [`Self::try_read`], or panics.
    #[must_use]
    #[track_caller]
    pub fn read(http: RawHttp) -> Self {
        Self::try_read(http, Deadline::patient()).expect("an event stream")
    }

    /// The head of the answer.
    #[must_use]
    pub const fn head(&self) -> &Head {
        &self.head
    }

    /// The id a client would resume with.
    #[must_use]
    pub fn last_event_id(&self) -> Option<&str> {
        self.last_event_id.as_deref()
    }

    /// Every reconnection time seen, in order.
    #[must_use]
    pub fn retry(&self) -> &[String] {
        &self.retry
    }

    /// How many comments were seen.
    #[must_use]
    pub const fn comments(&self) -> usize {
        self.comments
    }

    /// How the body ended, once it has.
    #[must_use]
    pub const fn ending(&self) -> Option<Ending> {
        self.ending
    }

    /// How many chunks have begun.
    #[must_use]
    pub fn chunks(&self) -> usize {
        self.chunked.as_ref().map_or(0, ChunkedParser::chunks)
    }

    /// Gives the connection back, to send more on it.
    #[must_use]
    pub fn into_http(self) -> RawHttp {
        self.http
    }

    /// The connection, to send more on it while the stream goes on.
    pub const fn http(&mut self) -> &mut RawHttp {
        &mut self.http
    }

    /// The next block or comment; `None` at the end of the body.
    ///
    /// # Errors
    /// [`Failure::Deadline`] or [`Failure::Malformed`]. A lost connection is no error but the ending [`Ending::Cut`].
    pub fn try_next_item(&mut self, deadline: Deadline) -> Result<Option<Item>, Failure> {
        loop {
            if let Some(item) = self.items.pop_front() {
                match &item {
                    Item::Block(block) => self.note(block),
                    Item::Comment(_) => self.comments += 1,
                }
                return Ok(Some(item));
            }
            if self.ending.is_some() {
                return Ok(None);
            }
            self.fill(deadline)?;
        }
    }

    /// The next event, past blocks without data and comments; `None` at the end of the body.
    ///
    /// # Errors
    /// As [`Self::try_next_item`].
    pub fn try_next_event(&mut self, deadline: Deadline) -> Result<Option<Event>, Failure> {
        loop {
            match self.try_next_item(deadline)? {
                None => return Ok(None),
                Some(Item::Block(block)) => {
                    if let Some(event) = Event::of(&block) {
                        return Ok(Some(event));
                    }
                }
                Some(Item::Comment(_)) => {}
            }
        }
    }

    /// The next block or comment, or panics.
    #[track_caller]
    pub fn next_item(&mut self) -> Item {
        self.try_next_item(Deadline::patient()).expect("a block or comment").expect("a block or comment before the end")
    }

    /// The next event, or panics.
    #[track_caller]
    pub fn next_event(&mut self) -> Event {
        self.try_next_event(Deadline::patient()).expect("an event").expect("an event before the end of the body")
    }

    /// The next `count` events, or panics.
    #[track_caller]
    pub fn next_events(&mut self, count: usize) -> Vec<Event> {
        (0..count).map(|_| self.next_event()).collect()
    }

    /// Every event up to the end of the body, and how it ended; or panics.
    #[track_caller]
    pub fn rest(&mut self) -> (Vec<Event>, Ending) {
        let mut events = Vec::new();
        while let Some(event) = self.try_next_event(Deadline::patient()).expect("events up to the end of the body") {
            events.push(event);
        }
        (events, self.ending.expect("a body that gave its last item has ended"))
    }

    fn note(&mut self, block: &Block) {
        if let Some(id) = block.field("id") {
            self.last_event_id = Some(id.to_owned());
        }
        if let Some(retry) = block.field("retry") {
            self.retry.push(retry.to_owned());
        }
    }

    fn fill(&mut self, deadline: Deadline) -> Result<(), Failure> {
        let bytes = match self.http.read_some("an event or the end of the body", deadline) {
            Ok(bytes) => bytes,
            Err(Failure::Broken(_)) => Vec::new(),
            Err(failure) => return Err(failure),
        };
        if bytes.is_empty() {
            self.ending = Some(if self.chunked.is_some() { Ending::Cut } else { Ending::Fin });
            return Ok(());
        }
        let mut payload = Vec::new();
        if let Some(chunked) = &mut self.chunked {
            let taken = chunked.push(&bytes, &mut payload).map_err(Failure::Malformed)?;
            self.http.put_back(&bytes[taken..]);
        } else {
            payload = bytes;
        }
        let mut items = Vec::new();
        self.events.push(&payload, &mut items).map_err(Failure::Malformed)?;
        self.items.extend(items);
        if self.chunked.as_ref().is_some_and(ChunkedParser::is_done) {
            self.ending = Some(Ending::Clean);
            if !self.events.is_between_blocks() {
                return Err(Failure::Malformed("a clean end inside a block".to_owned()));
            }
        }
        Ok(())
    }
}

impl Event {
    fn of(block: &Block) -> Option<Self> {
        Some(Self {
            data: block.data()?,
            event_type: block.field("event").filter(|name| !name.is_empty()).unwrap_or("message").to_owned(),
            id: block.field("id").map(str::to_owned),
            bytes: block.bytes.clone(),
        })
    }

    /// The data as JSON, or panics.
    #[must_use]
    #[track_caller]
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.data).unwrap_or_else(|error| panic!("not JSON ({error}): {:?}", self.data))
    }
}

#[cfg(test)]
mod tests;
