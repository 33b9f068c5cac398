//! One ask, from the question to the end of its answer.

use std::io::{self, Write as _};
use std::time::{Duration, Instant};

use everstream_client::{
    Client, Close, CloseReason, End, Error, ErrorKind, Event, HeaderMap, HeaderName, HeaderValue, Notice, Publisher,
    ReconnectAt, Request, SubscribeOptions, Subscriber,
};

use tokio::signal::unix::{SignalKind, signal};

use super::memory::Memory;
use super::token::{self, Token};
use crate::outcome::Outcome;
use crate::terminal::Terminal;

/// How long the server may take before it answers at all: a model may think before its first token.
const HEAD_TIMEOUT: Duration = Duration::from_secs(600);
/// A reader waits for the next word, so it comes back sooner than a page in the background would.
const RECONNECTION_TIME: Duration = Duration::from_millis(250);

pub(super) struct Conversation {
    http: Client,
    headers: HeaderMap,
    memory: Memory,
    terminal: Terminal,
    subscriber: Subscriber,
    was_opened: bool,
    stop: Stop,
    tokens: usize,
    /// Whether the text so far ends within a line.
    is_within_line: bool,
    error: Option<String>,
    started: Instant,
}

/// Whether the reader wants the model to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stop {
    No,
    /// Wanted, but where the answer is is not known yet.
    Wanted,
    Sent,
    /// The reader has left without waiting for the end.
    Left,
}

impl Conversation {
    pub(super) fn new(memory: Memory, headers: HeaderMap, terminal: Terminal) -> anyhow::Result<Self> {
        let http = everstream_client::http_client()?;
        let mut options = SubscribeOptions::default();
        memory.last_event_id().clone_into(&mut options.last_event_id);
        options.reconnect.reconnection_time = RECONNECTION_TIME;
        // A server that was never there is more likely a wrong URL than a restart.
        options.reconnect.first_attempts_max = 1;
        options.reconnect_at = ReconnectAt::ContentLocation;
        options.head_timeout = HEAD_TIMEOUT;
        let subscriber = Subscriber::new(http.clone(), request(&memory, &headers)?, options);
        Ok(Self {
            http,
            headers,
            memory,
            terminal,
            subscriber,
            was_opened: false,
            stop: Stop::No,
            tokens: 0,
            is_within_line: false,
            error: None,
            started: Instant::now(),
        })
    }

    pub(super) async fn run(mut self) -> anyhow::Result<Outcome> {
        let outcome = self.listen().await;
        if self.is_within_line && self.terminal.stdout_is_terminal {
            writeln!(io::stdout())?;
        }
        match outcome {
            Ok(outcome) if self.stop == Stop::Left => {
                self.terminal.note("left; the answer may go on");
                Ok(outcome)
            }
            Ok(outcome) => {
                self.memory.forget()?;
                self.tell(outcome);
                Ok(outcome)
            }
            Err(error) => Err(self.explained(error)),
        }
    }

    async fn listen(&mut self) -> anyhow::Result<Outcome> {
        let mut interrupts = signal(SignalKind::interrupt())?;
        loop {
            // Both branches are cancel-safe: the subscriber and the signal keep their state.
            let notice = tokio::select! {
                notice = self.subscriber.next() => notice,
                _ = interrupts.recv() => {
                    if self.stop != Stop::No {
                        self.stop = Stop::Left;
                        return Ok(Outcome::Stopped);
                    }
                    self.stop = Stop::Wanted;
                    self.send_stop().await?;
                    continue;
                }
            };
            let Some(notice) = notice else { anyhow::bail!("the subscription ended without an end") };
            if let Some(outcome) = self.heed(notice).await? {
                return Ok(outcome);
            }
        }
    }

    async fn heed(&mut self, notice: Notice) -> anyhow::Result<Option<Outcome>> {
        match notice {
            Notice::Opened { location } => {
                self.was_opened = true;
                if let Some(location) = location {
                    self.memory.set_location(location.as_str())?;
                }
                self.terminal.progress("connected");
                self.send_stop().await?;
                Ok(None)
            }
            Notice::Event(event) => self.hear(&event),
            Notice::Reconnecting { wait, cause } => {
                if self.was_opened && self.memory.location().is_none() {
                    // Whoever answered cannot resume; to ask again would have the model answer twice.
                    return Err(cause.into());
                }
                self.terminal.progress(&format!("{}; again in {} ms", cause.report(), wait.as_millis()));
                Ok(None)
            }
            Notice::Ended(End::Closed(close)) => Ok(Some(self.closed(&close))),
            Notice::Ended(End::Failed(error)) => Err(error.into()),
            Notice::Ended(_) => Ok(Some(Outcome::Completed)),
            _ => Ok(None),
        }
    }

    /// Prints what an event adds to the answer.
    fn hear(&mut self, event: &Event<'_>) -> anyhow::Result<Option<Outcome>> {
        if event.event_type == "reset" && self.memory.location().is_some() {
            self.error = Some(format!("the server no longer has what comes next, {}", event.data));
            return Ok(Some(Outcome::Failed));
        }
        match token::read(&event.data) {
            Token::Text(text) => {
                let mut stdout = io::stdout().lock();
                stdout.write_all(self.terminal.quote(&text).as_bytes())?;
                stdout.flush()?;
                self.tokens += 1;
                self.is_within_line = !text.ends_with('\n');
            }
            Token::Done => return Ok(Some(Outcome::Completed)),
            Token::Error(message) => self.error = Some(message),
            Token::Nothing => {}
        }
        self.memory.printed(&event.id)?;
        Ok(None)
    }

    fn closed(&mut self, close: &Close) -> Outcome {
        if close.reason == CloseReason::Stopped {
            // What the dialect says of it is no more than the reason does.
            self.error = None;
        }
        if self.error.is_none() && close.reason != CloseReason::Completed && !close.detail.is_empty() {
            self.error = Some(close.detail.clone());
        }
        Outcome::from(&close.reason)
    }

    /// Has the answer stopped, if that is wanted and it is known where the answer is.
    async fn send_stop(&mut self) -> anyhow::Result<()> {
        let (Stop::Wanted, Some(location)) = (self.stop, self.memory.location()) else { return Ok(()) };
        self.terminal.progress("stopping; Ctrl-C again leaves without waiting");
        Publisher::new(self.http.clone(), location, self.headers.clone())?.stop().await?;
        self.stop = Stop::Sent;
        Ok(())
    }

    fn tell(&self, outcome: Outcome) {
        let place = self.memory.location().map(|location| format!(" · {location}")).unwrap_or_default();
        let figures = format!("{} tokens · {:.1} s{place}", self.tokens, self.started.elapsed().as_secs_f64());
        let why = self.error.as_ref().map(|error| format!(": {error}")).unwrap_or_default();
        match outcome {
            Outcome::Completed => self.terminal.success(&format!("completed · {figures}")),
            Outcome::Stopped => self.terminal.note(&format!("stopped{why} · {figures}")),
            _ => self.terminal.error(&format!("the answer broke off{why} · {figures}")),
        }
    }

    /// An error with what the reader can do about it.
    fn explained(&mut self, error: anyhow::Error) -> anyhow::Error {
        let Some(kind) = error.downcast_ref::<Error>().map(Error::kind) else { return error };
        match kind {
            ErrorKind::Refused(status) if self.memory.location().is_none() => {
                // Never accepted: the same command line may ask anew. The refusal matters more than a file left over.
                let _ = self.memory.forget();
                if status == 404 {
                    self.terminal.note("the base of an API usually ends in /v1, as in http://127.0.0.1:8000/demo/v1");
                }
            }
            ErrorKind::Unreachable if self.memory.is_resumable() => {
                self.terminal.note("start it again with the same --resume-file to get the rest");
            }
            ErrorKind::Unreachable if self.tokens > 0 => {
                if let Some(location) = self.memory.location() {
                    self.terminal.note(&format!("the rest will be at {location}"));
                }
            }
            _ => {}
        }
        error
    }
}

/// The answer's own stream where it is known, else the question, under its key so that it is answered once.
fn request(memory: &Memory, headers: &HeaderMap) -> anyhow::Result<Request> {
    if let Some(location) = memory.location() {
        return Ok(Request::get(location)?.with_headers(headers.clone()));
    }
    let question = memory.question();
    let mut headers = headers.clone();
    headers.insert(HeaderName::from_static("idempotency-key"), HeaderValue::from_str(&question.key)?);
    Ok(Request::post_json(&question.url, question.body.clone())?.with_headers(headers))
}
