//! Appending each record exactly once, over connections that break and servers that restart.

mod attempt;
mod batch;
mod pipeline;

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream::{FuturesUnordered, Stream as _};
use reqwest::header::HeaderMap;
use reqwest::{Client, Url};
use tokio::time::Sleep;

use crate::end::CloseReason;
use crate::error::{Error, ErrorKind};
use crate::reconnect::ReconnectPolicy;
use crate::request::parse_url;

use attempt::{Answer, Attempts, Verdict};
use batch::{Assembly, Batch};
use pipeline::{Fault, Pipeline, Step};

pub use pipeline::{EpochRule, Known};

/// How a producer behaves.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct ProducerOptions {
    /// Its name in the stream, 1 to 256 bytes: one producer at a time may use it. A random one by default.
    pub id: String,
    /// Its life: a producer that starts again under the same id takes a higher one. Default 0.
    pub epoch: u64,
    /// What to do when that epoch is over already. Default [`EpochRule::Keep`].
    pub epoch_rule: EpochRule,
    /// What it means when the server has an append before it was sent. Default [`Known::Foreign`].
    pub known: Known,
    /// The most appends that are not acknowledged at a time. Default 4.
    pub in_flight_max: usize,
    /// The most records in one append; while all appends are in flight, records gather in the next one. Default 1,000.
    /// With 1 each record is an append of its own, and its number is its place in the input.
    pub batch_records_max: usize,
    /// The most bytes in one append, but for one record that is larger. Default 256 KiB.
    pub batch_bytes_max: usize,
    /// How long the server may take to acknowledge an append before it is sent again. Default 30 s.
    pub answer_timeout: Duration,
    /// When to send again, and when to give up.
    pub retry: ReconnectPolicy,
}

/// An idempotent producer of one stream: what it appends is there once, in order, whatever is lost on the way.
///
/// Each append carries the producer's id, its epoch and a number (Durable Streams 5.2.1). One whose answer is lost (a
/// broken connection, a time-out, 429 or 5xx) is sent again under the same number, and the server tells what it has
/// already. Records of a JSON stream are one JSON value each, those of a `text/event-stream` one event each with its blank
/// line; of other types the bytes of an append are one piece of the stream.
///
/// It works only while one of its methods is awaited, and holds a bounded number of records: who appends faster than the
/// server takes waits in [`Producer::append`].
///
/// ```no_run
/// # async fn example() -> Result<(), everstream_client::Error> {
/// use everstream_client::{CloseReason, HeaderMap, Producer, ProducerOptions};
///
/// let url = "http://127.0.0.1:8000/v1/stream/jobs/7";
/// let http = everstream_client::http_client()?;
/// let mut producer = Producer::new(http, url, HeaderMap::new(), "application/json", ProducerOptions::default())?;
/// for step in 0..100 {
///     producer.append(format!(r#"{{"step":{step}}}"#)).await?;
/// }
/// producer.close(&CloseReason::Completed).await?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Producer {
    attempts: Attempts,
    pipeline: Pipeline<Batch>,
    assembly: Assembly,
    calls: FuturesUnordered<Pin<Box<dyn Future<Output = Answer> + Send>>>,
    pause: Option<Pin<Box<Sleep>>>,
    /// Set until the close is on its way.
    closing: Option<CloseReason>,
    is_closed: bool,
    next_offset: Option<String>,
    /// Why it cannot go on.
    failed: Option<Error>,
}

impl Default for ProducerOptions {
    fn default() -> Self {
        Self {
            id: format!("everstream-{:032x}", fastrand::u128(..)),
            epoch: 0,
            epoch_rule: EpochRule::Keep,
            known: Known::Foreign,
            in_flight_max: 4,
            batch_records_max: 1_000,
            batch_bytes_max: 256 << 10,
            answer_timeout: Duration::from_secs(30),
            retry: ReconnectPolicy::default(),
        }
    }
}

impl Producer {
    /// A producer of the stream at `url`, which is of `content_type` and has to be there: see
    /// [`Publisher::create`](crate::Publisher::create). `headers` go with every request.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidUrl`]; [`ErrorKind::InvalidProducer`] when the id or the epoch cannot be sent.
    pub fn new(
        http: Client,
        url: &str,
        headers: HeaderMap,
        content_type: &str,
        options: ProducerOptions,
    ) -> Result<Self, Error> {
        let url: Url = parse_url(url)?;
        let attempts = Attempts::new(http, url, headers, content_type, &options)?;
        let ProducerOptions { epoch, epoch_rule, known, in_flight_max, retry, .. } = options;
        Ok(Self {
            attempts,
            pipeline: Pipeline::new(epoch, in_flight_max, epoch_rule, known, retry),
            assembly: Assembly::new(content_type, options.batch_records_max, options.batch_bytes_max),
            calls: FuturesUnordered::new(),
            pause: None,
            closing: None,
            is_closed: false,
            next_offset: None,
            failed: None,
        })
    }

    /// Takes a record, which is on its way then, and waits only while as many are as may be. It is acknowledged once
    /// [`Producer::flush`] returns.
    ///
    /// # Errors
    /// Those of [`Producer::flush`], of this record or one before it; [`ErrorKind::StreamClosed`] after a close.
    ///
    /// # Cancel safety
    /// A dropped call has not taken the record; everything before it goes on with the next call.
    pub async fn append(&mut self, record: impl Into<Bytes>) -> Result<(), Error> {
        let record = record.into();
        self.check_open()?;
        while !self.assembly.has_room(record.len()) {
            self.step().await?;
        }
        self.assembly.push(&record);
        // Sends what can be sent and takes the answers that are there, without waiting for any.
        std::future::poll_fn(|cx| {
            loop {
                match self.poll_step(cx) {
                    Poll::Ready(Ok(())) => {}
                    Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                    Poll::Pending => return Poll::Ready(Ok(())),
                }
            }
        })
        .await
    }

    /// Waits until everything appended is acknowledged.
    ///
    /// # Errors
    /// [`ErrorKind::Unreachable`] when the policy gave up, [`ErrorKind::Refused`], [`ErrorKind::StreamClosed`],
    /// [`ErrorKind::ProducerFenced`], [`ErrorKind::ProducerTaken`], [`ErrorKind::UnexpectedAnswer`]. What was not
    /// acknowledged may be stored or not, and the producer is of no more use: every later call has the same error.
    ///
    /// # Cancel safety
    /// Safe; the next call goes on.
    pub async fn flush(&mut self) -> Result<(), Error> {
        self.check_alive()?;
        while !(self.assembly.is_empty() && self.pipeline.is_empty() && self.closing.is_none()) {
            self.step().await?;
        }
        Ok(())
    }

    /// Closes the stream for good behind everything appended, in one step with the last of it, and waits until that is
    /// acknowledged. Closing twice is fine.
    ///
    /// # Errors
    /// As [`Producer::flush`].
    ///
    /// # Cancel safety
    /// The close goes on with the next call.
    pub async fn close(&mut self, reason: &CloseReason) -> Result<(), Error> {
        self.check_alive()?;
        if !self.is_closed {
            self.is_closed = true;
            self.closing = Some(reason.clone());
        }
        self.flush().await
    }

    /// The offset after the last acknowledged append, once there is one; opaque text that a reader may start from.
    #[must_use]
    pub fn next_offset(&self) -> Option<&str> {
        self.next_offset.as_deref()
    }

    /// The epoch it appends under: not the configured one after [`EpochRule::Claim`] took another.
    #[must_use]
    pub const fn epoch(&self) -> u64 {
        self.pipeline.epoch()
    }

    fn check_alive(&self) -> Result<(), Error> {
        self.failed.clone().map_or(Ok(()), Err)
    }

    fn check_open(&self) -> Result<(), Error> {
        self.check_alive()?;
        match self.is_closed {
            true => Err(Error::new(ErrorKind::StreamClosed, "the producer has closed the stream")),
            false => Ok(()),
        }
    }

    async fn step(&mut self) -> Result<(), Error> {
        std::future::poll_fn(|cx| self.poll_step(cx)).await
    }

    /// Sends what is due and takes one answer, or the end of a pause.
    fn poll_step(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.send_due();
        if let Poll::Ready(Some(answer)) = Pin::new(&mut self.calls).poll_next(cx) {
            let outcome = self.take(answer);
            self.failed = outcome.clone().err();
            return Poll::Ready(outcome);
        }
        let Some(pause) = &mut self.pause else { return Poll::Pending };
        std::task::ready!(pause.as_mut().poll(cx));
        self.pause = None;
        self.pipeline.resume();
        Poll::Ready(Ok(()))
    }

    fn send_due(&mut self) {
        while self.pipeline.has_room() {
            // What waits is one append at most, so that the close always comes with the last.
            match self.assembly.seal(self.closing.take()) {
                Some(batch) => self.pipeline.push(batch),
                None => break,
            }
        }
        let epoch = self.pipeline.epoch();
        while let Some((seq, batch)) = self.pipeline.next() {
            self.calls.push(Box::pin(self.attempts.send(epoch, seq, batch)));
        }
    }

    fn take(&mut self, answer: Answer) -> Result<(), Error> {
        let Answer { epoch, seq, verdict, next_offset, error } = answer;
        let reply = match verdict {
            Verdict::Reply(reply) => reply,
            Verdict::Never => return Err(error.unwrap_or_else(Attempts::unexplained)),
        };
        match self.pipeline.answered(epoch, seq, reply, fastrand::f64()) {
            Step::GoOn => {
                self.next_offset = next_offset.or(self.next_offset.take());
                Ok(())
            }
            Step::Pause(wait) => {
                self.pause = Some(Box::pin(tokio::time::sleep(wait)));
                Ok(())
            }
            Step::Fail(fault) => Err(self.explain(fault, error)),
        }
    }

    fn explain(&self, fault: Fault, error: Option<Error>) -> Error {
        let (id, own) = (self.attempts.id(), self.pipeline.epoch());
        match fault {
            Fault::GaveUp => error.unwrap_or_else(Attempts::unexplained),
            Fault::Fenced { epoch } => Error::new(
                ErrorKind::ProducerFenced,
                format!("producer {id:?} is at epoch {epoch}, and epoch {own} is over; take a higher one"),
            ),
            Fault::Taken => Error::new(
                ErrorKind::ProducerTaken,
                format!("another producer appends as {id:?} in epoch {own}; take another id or a higher epoch"),
            ),
            Fault::Forgotten { expected } => Error::new(
                ErrorKind::UnexpectedAnswer,
                format!("the server wants append {expected} of producer {id:?}, which it had acknowledged"),
            ),
        }
    }
}
