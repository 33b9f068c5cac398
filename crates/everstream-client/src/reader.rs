//! Reading a stream by the Durable Streams protocol: what is there, and what comes.

mod answer;
mod position;

use std::collections::VecDeque;
use std::pin::Pin;
use std::time::Duration;

use bytes::Bytes;
use everstream_codec::{Decoder, Item, Limits};
use reqwest::header::HeaderMap;
use reqwest::{Client, Response, Url};
use tokio::time::Sleep;

use crate::end::CloseReason;
use crate::error::{Error, ErrorKind};
use crate::reconnect::{Disconnect, Next, Reconnect, ReconnectPolicy};
use crate::request::parse_url;
use crate::subscriber::{next_chunk, next_item};

use answer::Answer;
use position::{After, Facts, Frame, Frames, Position};

/// How a reader goes on at the tail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Live {
    /// It ends there.
    Not,
    /// It asks again and again, and the server answers when there is something: works through every proxy.
    LongPoll,
    /// The server sends what comes over one connection.
    Sse,
}

/// How a reader behaves.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct ReadOptions {
    /// Where to begin: an offset that a server gave, `-1` for the beginning (the default) or `now`.
    pub offset: String,
    /// How to go on at the tail. Default [`Live::Sse`].
    pub live: Live,
    /// When to connect again.
    pub reconnect: ReconnectPolicy,
    /// How long the server may take to answer. Default 60 s, which has to be more than it holds a long-poll.
    pub head_timeout: Duration,
    /// Silence after which a connection counts as dead; any byte ends it. Default 30 s; `None` waits for ever.
    pub read_timeout: Option<Duration>,
    /// The largest piece, in bytes. Default 64 MiB.
    pub piece_bytes_max: usize,
}

/// A piece of a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Piece {
    /// Its bytes: of a JSON stream one array of the values, else the bytes as they are. By [`Live::Sse`] every line end in
    /// text is LF. Empty when nothing came but the knowledge that the tail is reached.
    pub data: Bytes,
    /// Where to begin in order to go on behind it.
    pub next_offset: String,
    /// Whether it reaches the tail.
    pub is_up_to_date: bool,
}

/// What a reader has to say.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum ReadNotice {
    /// A piece.
    Piece(Piece),
    /// The connection is gone; there will be another one.
    Reconnecting {
        /// How long it waits before.
        wait: Duration,
        /// What happened.
        cause: Error,
    },
    /// It is over for good.
    Ended(ReadEnd),
}

/// Why a reader has stopped.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum ReadEnd {
    /// The stream is closed and everything was read. Why it was closed, if the server says so.
    Closed(Option<CloseReason>),
    /// The tail is reached, and the reader is not live.
    UpToDate,
    /// It could not go on.
    Failed(Error),
}

/// A reader that outlives its connections and hands out each piece once, in order.
///
/// It reads on only when asked for more. What it holds is one answer, or one unfinished event and its data.
///
/// ```no_run
/// # async fn example() -> Result<(), everstream_client::Error> {
/// use everstream_client::{HeaderMap, ReadNotice, ReadOptions, Reader};
///
/// let url = "http://127.0.0.1:8000/v1/stream/jobs/7";
/// let mut reader = Reader::new(everstream_client::http_client()?, url, HeaderMap::new(), ReadOptions::default())?;
/// while let Some(notice) = reader.next().await {
///     match notice {
///         ReadNotice::Piece(piece) => println!("{} up to {}", String::from_utf8_lossy(&piece.data), piece.next_offset),
///         ReadNotice::Ended(end) => println!("ended: {end:?}"),
///         _ => {}
///     }
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Reader {
    http: Client,
    url: Url,
    headers: HeaderMap,
    options: ReadOptions,
    position: Position,
    reconnect: Reconnect,
    decoder: Decoder,
    /// What has arrived and is not decoded yet.
    chunk: Bytes,
    frames: Frames,
    phase: Phase,
    /// Whether the last piece reached the tail.
    is_up_to_date: bool,
    /// Said before anything else happens.
    notices: VecDeque<ReadNotice>,
}

enum Phase {
    Idle,
    Asking(Pin<Box<dyn Future<Output = Answer> + Send>>),
    Listening(Box<Response>),
    Waiting(Pin<Box<Sleep>>),
    Ended,
}

impl Live {
    pub(crate) const fn as_str(self) -> Option<&'static str> {
        match self {
            Self::Not => None,
            Self::LongPoll => Some("long-poll"),
            Self::Sse => Some("sse"),
        }
    }
}

impl Default for ReadOptions {
    fn default() -> Self {
        Self {
            offset: position::BEGINNING.to_owned(),
            live: Live::Sse,
            reconnect: ReconnectPolicy::default(),
            head_timeout: Duration::from_secs(60),
            read_timeout: Some(Duration::from_secs(30)),
            piece_bytes_max: 64 << 20,
        }
    }
}

impl Reader {
    /// A reader that will connect when it is first asked for a notice; `headers` go with every request.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidUrl`].
    pub fn new(http: Client, url: &str, headers: HeaderMap, options: ReadOptions) -> Result<Self, Error> {
        Ok(Self {
            http,
            url: parse_url(url)?,
            headers,
            position: Position::new(options.live, &options.offset),
            reconnect: Reconnect::new(options.reconnect.clone()),
            // Base64 is a third longer than what it carries.
            decoder: Decoder::new(Limits::with_event_bytes_max(options.piece_bytes_max.saturating_mul(3) / 2)),
            chunk: Bytes::new(),
            frames: Frames::default(),
            phase: Phase::Idle,
            is_up_to_date: false,
            notices: VecDeque::new(),
            options,
        })
    }

    /// Where a reader would have to begin to go on behind the pieces handed out.
    #[must_use]
    pub fn offset(&self) -> &str {
        self.position.offset()
    }

    /// The next notice; `None` once it has [`ReadNotice::Ended`].
    ///
    /// # Cancel safety
    /// Dropping the future loses nothing: connection, wait and unfinished event stay in the reader.
    pub async fn next(&mut self) -> Option<ReadNotice> {
        loop {
            self.take_items();
            if let Some(notice) = self.notices.pop_front() {
                return Some(notice);
            }
            match &mut self.phase {
                Phase::Idle => {
                    let request = answer::request(&self.http, &self.url, &self.headers, &self.position.query());
                    let asking = answer::ask(request, self.options.live, self.options.clone());
                    self.phase = Phase::Asking(Box::pin(asking));
                }
                Phase::Asking(asking) => {
                    let answer = asking.await;
                    self.answered(answer);
                }
                Phase::Listening(response) => match next_chunk(response, self.options.read_timeout).await {
                    Ok(chunk) => self.chunk = chunk,
                    Err(cause) => self.disconnected(Disconnect::Cut, cause),
                },
                Phase::Waiting(sleep) => {
                    sleep.as_mut().await;
                    self.phase = Phase::Idle;
                }
                Phase::Ended => return None,
            }
        }
    }

    fn answered(&mut self, answer: Answer) {
        match answer {
            Answer::Page { data, facts, pause } => {
                self.reconnect.progressed();
                let sleep = || Phase::Waiting(Box::pin(tokio::time::sleep(pause)));
                self.phase = if pause.is_zero() { Phase::Idle } else { sleep() };
                self.piece(data, facts);
            }
            Answer::Listening { response, is_base64 } => {
                self.decoder.reset();
                self.frames = Frames::new(is_base64, self.options.piece_bytes_max);
                self.phase = Phase::Listening(response);
            }
            Answer::Busy { retry_after, error } => self.disconnected(Disconnect::Busy { retry_after }, error),
            Answer::NotConnected(error) => self.disconnected(Disconnect::NotConnected, error),
            Answer::Refused(error) => self.end(ReadEnd::Failed(error)),
        }
    }

    /// Takes what the connection has brought, until something is to be said.
    fn take_items(&mut self) {
        while self.notices.is_empty() && matches!(self.phase, Phase::Listening(_)) {
            let item = match next_item(&mut self.decoder, &mut self.chunk) {
                Ok(Some(item)) => item,
                Ok(None) => return,
                Err(error) => return self.end(ReadEnd::Failed(error)),
            };
            self.reconnect.progressed();
            match item {
                Item::Event(event) => match self.frames.take(&event) {
                    Frame::Nothing => {}
                    Frame::Piece(data, facts) => self.piece(data.into(), facts),
                    Frame::TooLarge => self.end(ReadEnd::Failed(answer::too_large(&self.options))),
                    Frame::Malformed(why) => {
                        self.end(ReadEnd::Failed(Error::new(ErrorKind::UnexpectedAnswer, why)));
                    }
                },
                Item::ReconnectionTime(time) => self.reconnect.set_reconnection_time(time),
                _ => {}
            }
        }
    }

    fn piece(&mut self, data: Bytes, facts: Facts) {
        if !data.is_empty() && facts.next_offset == self.position.offset() {
            let context = format!("the server brought data and leads back to {:?}, where it begins", facts.next_offset);
            return self.end(ReadEnd::Failed(Error::new(ErrorKind::UnexpectedAnswer, context)));
        }
        let piece = Piece { data, next_offset: facts.next_offset.clone(), is_up_to_date: facts.is_up_to_date };
        let has_moved = piece.next_offset != self.position.offset() || piece.is_up_to_date != self.is_up_to_date;
        let has_news = !piece.data.is_empty() || has_moved;
        self.is_up_to_date = piece.is_up_to_date;
        let after = self.position.move_on(facts);
        if has_news {
            self.notices.push_back(ReadNotice::Piece(piece));
        }
        match after {
            After::More => {}
            After::UpToDate => self.end(ReadEnd::UpToDate),
            After::Closed(reason) => self.end(ReadEnd::Closed(reason)),
        }
    }

    fn disconnected(&mut self, how: Disconnect, cause: Error) {
        match self.reconnect.disconnected(how, fastrand::f64()) {
            Next::Wait(wait) => {
                self.phase = Phase::Waiting(Box::pin(tokio::time::sleep(wait)));
                self.notices.push_back(ReadNotice::Reconnecting { wait, cause });
            }
            Next::GiveUp { .. } => self.end(ReadEnd::Failed(cause)),
        }
    }

    fn end(&mut self, end: ReadEnd) {
        self.phase = Phase::Ended;
        self.notices.push_back(ReadNotice::Ended(end));
    }
}

impl std::fmt::Debug for Phase {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Idle => "Idle",
            Self::Asking(_) => "Asking",
            Self::Listening(_) => "Listening",
            Self::Waiting(_) => "Waiting",
            Self::Ended => "Ended",
        })
    }
}
