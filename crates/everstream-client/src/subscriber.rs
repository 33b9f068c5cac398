//! Following a stream across connections.

use std::pin::Pin;
use std::time::Duration;

use bytes::{Buf as _, Bytes};
use everstream_codec::{Decoder, Event, Item, Limits};
use reqwest::header::CONTENT_LOCATION;
use reqwest::{Client, Response, Url};
use tokio::time::Sleep;

use crate::connect::{Connection, connect};
use crate::end::{Close, End};
use crate::error::{Error, ErrorKind};
use crate::reconnect::{Disconnect, Next, Reconnect, ReconnectPolicy};
use crate::request::Request;

/// How a subscriber behaves.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct SubscribeOptions {
    /// Where to begin: counts as if it had been received. Empty (the default) is the start.
    pub last_event_id: String,
    /// When to connect again.
    pub reconnect: ReconnectPolicy,
    /// Where to connect again.
    pub reconnect_at: ReconnectAt,
    /// How long the server may take to answer a request. Default 60 s.
    pub head_timeout: Duration,
    /// Silence after which a connection counts as dead; any byte ends it. Default 30 s, twice Everstream's keep-alive;
    /// `None` waits for ever.
    pub read_timeout: Option<Duration>,
    /// The largest event, in bytes. Default 16 MiB.
    pub event_bytes_max: usize,
}

/// Where a subscriber connects after its first connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReconnectAt {
    /// The same request again, its method and body included.
    SameRequest,
    /// A GET of the first response's `Content-Location`, if it had one of the same origin: an answer is resumed there without
    /// asking twice.
    ContentLocation,
}

/// What a subscriber has to say.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Notice {
    /// A stream was opened.
    Opened {
        /// The `Content-Location` of its response, if it is of the same origin: where anybody can subscribe to it.
        location: Option<Url>,
    },
    /// An event.
    Event(Event<'static>),
    /// The last event id changed without an event.
    LastEventId(String),
    /// A comment, such as a keep-alive.
    Comment(String),
    /// The connection is gone; there will be another one.
    Reconnecting {
        /// How long it waits before.
        wait: Duration,
        /// What happened.
        cause: Error,
    },
    /// The subscription is over for good.
    Ended(End),
}

/// A subscription that outlives its connections.
///
/// It reads on only when asked for more, so a slow caller slows the server down rather than filling memory: what it
/// holds is one chunk and one unfinished event.
#[derive(Debug)]
pub struct Subscriber {
    http: Client,
    request: Request,
    options: SubscribeOptions,
    decoder: Decoder,
    /// The last event id before the item to come: an event that has another one has an id of its own.
    id_before: String,
    /// What has arrived and is not decoded yet.
    chunk: Bytes,
    reconnect: Reconnect,
    phase: Phase,
}

enum Phase {
    Idle,
    Connecting(Pin<Box<dyn Future<Output = Connection> + Send>>),
    Reading(Box<Response>),
    Waiting(Pin<Box<Sleep>>),
    Ended,
}

impl Default for SubscribeOptions {
    fn default() -> Self {
        Self {
            last_event_id: String::new(),
            reconnect: ReconnectPolicy::default(),
            reconnect_at: ReconnectAt::SameRequest,
            head_timeout: Duration::from_secs(60),
            read_timeout: Some(Duration::from_secs(30)),
            event_bytes_max: 16 << 20,
        }
    }
}

impl Subscriber {
    /// A subscriber that will connect when it is first asked for a notice.
    #[must_use]
    pub fn new(http: Client, request: Request, options: SubscribeOptions) -> Self {
        let decoder = Decoder::resuming(Limits::with_event_bytes_max(options.event_bytes_max), &options.last_event_id);
        let reconnect = Reconnect::new(options.reconnect.clone());
        let id_before = options.last_event_id.clone();
        Self { http, request, options, decoder, id_before, chunk: Bytes::new(), reconnect, phase: Phase::Idle }
    }

    /// The id that the next connection presents.
    #[must_use]
    pub fn last_event_id(&self) -> &str {
        self.decoder.last_event_id()
    }

    /// The next notice; `None` once it has [`Notice::Ended`].
    ///
    /// # Cancel safety
    /// Dropping the future loses nothing: connection, wait and unfinished event stay in the subscriber.
    pub async fn next(&mut self) -> Option<Notice> {
        loop {
            if let Some(notice) = self.take_item() {
                return Some(notice);
            }
            match &mut self.phase {
                Phase::Idle => {
                    let request = self.request.build(&self.http, self.decoder.last_event_id());
                    self.phase = Phase::Connecting(Box::pin(connect(request, self.options.head_timeout)));
                }
                Phase::Connecting(connecting) => {
                    let connection = connecting.await;
                    return Some(self.connected(connection));
                }
                Phase::Reading(response) => match next_chunk(response, self.options.read_timeout).await {
                    Ok(chunk) => self.chunk = chunk,
                    Err(cause) => return Some(self.disconnected(Disconnect::Cut, cause)),
                },
                Phase::Waiting(sleep) => {
                    sleep.as_mut().await;
                    self.phase = Phase::Idle;
                }
                Phase::Ended => return None,
            }
        }
    }

    /// An item that was read already, unless it is one that only changes the subscriber.
    fn take_item(&mut self) -> Option<Notice> {
        if matches!(self.phase, Phase::Ended) {
            return None;
        }
        loop {
            let item = match next_item(&mut self.decoder, &mut self.chunk) {
                Ok(item) => item?,
                Err(error) => return Some(self.end(End::Failed(error))),
            };
            self.reconnect.progressed();
            match item {
                Item::Event(event) => {
                    let has_own_id = event.id != self.id_before;
                    event.id.as_ref().clone_into(&mut self.id_before);
                    return Some(match Close::of(&event, has_own_id) {
                        Some(close) => self.end(End::Closed(close)),
                        None => Notice::Event(event),
                    });
                }
                Item::LastEventId(id) => {
                    id.as_ref().clone_into(&mut self.id_before);
                    return Some(Notice::LastEventId(id.into_owned()));
                }
                Item::Comment(text) => return Some(Notice::Comment(text.into_owned())),
                Item::ReconnectionTime(time) => self.reconnect.set_reconnection_time(time),
                _ => {}
            }
        }
    }

    fn connected(&mut self, connection: Connection) -> Notice {
        match connection {
            Connection::Open(response) => {
                let location = content_location(&response);
                if let Some(location) = &location
                    && self.options.reconnect_at == ReconnectAt::ContentLocation
                {
                    self.request = self.request.moved_to(location.clone());
                }
                self.decoder.reset();
                self.phase = Phase::Reading(Box::new(response));
                Notice::Opened { location }
            }
            Connection::NoContent => self.end(End::NoContent),
            Connection::Busy { retry_after, error } => self.disconnected(Disconnect::Busy { retry_after }, error),
            Connection::NotConnected(error) => self.disconnected(Disconnect::NotConnected, error),
            Connection::Refused(error) => self.end(End::Failed(error)),
        }
    }

    fn disconnected(&mut self, how: Disconnect, cause: Error) -> Notice {
        match self.reconnect.disconnected(how, fastrand::f64()) {
            Next::Wait(wait) => {
                self.phase = Phase::Waiting(Box::pin(tokio::time::sleep(wait)));
                Notice::Reconnecting { wait, cause }
            }
            Next::GiveUp { .. } => self.end(End::Failed(cause)),
        }
    }

    fn end(&mut self, end: End) -> Notice {
        self.phase = Phase::Ended;
        Notice::Ended(end)
    }
}

impl std::fmt::Debug for Phase {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Idle => "Idle",
            Self::Connecting(_) => "Connecting",
            Self::Reading(_) => "Reading",
            Self::Waiting(_) => "Waiting",
            Self::Ended => "Ended",
        })
    }
}

/// The next item of what has arrived; what it was made of is taken off `chunk`.
pub(crate) fn next_item(decoder: &mut Decoder, chunk: &mut Bytes) -> Result<Option<Item<'static>>, Error> {
    let mut rest = &chunk[..];
    let item = decoder.next(&mut rest).map(|item| item.map(Item::into_owned));
    let taken = chunk.len() - rest.len();
    chunk.advance(taken);
    item.map_err(|error| Error::new(ErrorKind::EventTooLarge, error.to_string()).caused_by(error))
}

/// The next bytes of a body; its end is an error, since an event stream has none before its last event.
pub(crate) async fn next_chunk(response: &mut Response, timeout: Option<Duration>) -> Result<Bytes, Error> {
    chunk(response, timeout).await?.ok_or_else(|| Error::new(ErrorKind::Unreachable, "the connection ended"))
}

/// The next bytes of a body; nothing at its end.
pub(crate) async fn chunk(response: &mut Response, timeout: Option<Duration>) -> Result<Option<Bytes>, Error> {
    let cut = |context: String| Error::new(ErrorKind::Unreachable, context);
    let chunk = match timeout {
        Some(limit) => match tokio::time::timeout(limit, response.chunk()).await {
            Ok(chunk) => chunk,
            Err(_) => return Err(cut(format!("no byte came for {} s", limit.as_secs_f32()))),
        },
        None => response.chunk().await,
    };
    chunk.map_err(|error| cut("the connection broke".to_owned()).caused_by(error))
}

/// Where the server says that the answer is. Elsewhere than with that server it is nobody's to say: what the request has in
/// its headers, credentials above all, goes there.
fn content_location(response: &Response) -> Option<Url> {
    let location = response.url().join(response.headers().get(CONTENT_LOCATION)?.to_str().ok()?).ok()?;
    (location.origin() == response.url().origin()).then_some(location)
}
