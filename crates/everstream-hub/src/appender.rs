//! Appending one after another without waiting for each.

use std::fmt;
use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use crate::home::Queueing;
use crate::receipt::{Receipt, Reply};
use crate::sleeper::Bed;
use crate::stream::{Append, Stream};
use crate::writer::Command;
use crate::{Error, ErrorKind};

/// Appends to one stream, in order, without waiting for each acknowledgement: a task that carries many small appends is
/// woken by its source alone, and by the log only with bad news. At most one append is under way; the next one waits
/// for it, so that a source is never read faster than the log takes.
pub struct Appender {
    stream: Stream,
    receipt: Arc<Receipt>,
    bed: Bed,
    /// While the writer's queue is full.
    queueing: Option<Queueing>,
}

/// What a task waits for beside the appends it hands over: looked at only when it has woken the task, as by a
/// [`Dormancy`](crate::Dormancy). That it has is noted where it is noted what has become of the appends: a task looks at
/// both for every token, and thousands of answers push one another out of the caches.
#[derive(Debug)]
pub struct Aside {
    receipt: Arc<Receipt>,
    bed: Bed,
}

impl Aside {
    /// Calls `look` if something it looked at has woken it since, else nothing is there.
    pub fn poll<T>(&mut self, cx: &Context<'_>, look: impl FnOnce(&mut Context<'_>) -> Poll<T>) -> Poll<T> {
        self.receipt.poll_aside(&mut self.bed, cx, look)
    }
}

impl Appender {
    pub(crate) fn new(stream: Stream) -> Self {
        Self { stream, receipt: Arc::default(), bed: Bed::default(), queueing: None }
    }

    /// For the one thing that the task of this appender waits for beside it.
    #[must_use]
    pub fn aside(&self) -> Aside {
        Aside { receipt: Arc::clone(&self.receipt), bed: Bed::default() }
    }

    /// Hands `append` over once the one before is acknowledged.
    ///
    /// # Errors
    /// As [`Stream::append`], of this append if it says so itself (`RecordTooLarge`), else of the one before: nothing is
    /// appended behind a failure.
    ///
    /// # Cancel safety
    /// A dropped call has either not begun or takes full effect: what waits for the writer's queue goes in with the next
    /// call.
    pub async fn append(&mut self, append: Append) -> Result<(), Error> {
        let mut append = Some(append);
        poll_fn(|cx| self.poll_append(&mut append, cx)).await
    }

    /// As [`Appender::append`], for a caller that polls. It takes `append` once the one before is acknowledged, and is
    /// ready once it has come into the writer's queue; with nothing to take it only waits for that.
    ///
    /// # Errors
    /// As [`Appender::append`].
    pub fn poll_append(&mut self, append: &mut Option<Append>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        ready!(self.poll_queued(cx))?;
        let Some(waiting) = append else { return Poll::Ready(Ok(())) };
        self.stream.check(waiting)?;
        ready!(self.receipt.poll_settled(&mut self.bed, cx))?;
        if let Some(append) = append.take() {
            self.queueing = self.hand_over(append)?;
        }
        self.poll_queued(cx)
    }

    fn poll_queued(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        let Some(queueing) = &mut self.queueing else { return Poll::Ready(Ok(())) };
        let queued = ready!(queueing.as_mut().poll(cx));
        self.queueing = None;
        Poll::Ready(queued)
    }

    fn hand_over(&self, append: Append) -> Result<Option<Queueing>, Error> {
        let reply = Reply::Noted(self.receipt.begin());
        let live = Arc::clone(&self.stream.live);
        self.stream.live.home.queue(Command::Append { live, append, ticket: None, reply })
    }

    /// Resolves once everything handed over is acknowledged.
    ///
    /// # Errors
    /// As [`Stream::append`].
    ///
    /// # Cancel safety
    /// Safe.
    pub async fn settled(&mut self) -> Result<(), Error> {
        poll_fn(|cx| {
            ready!(self.poll_queued(cx))?;
            self.receipt.poll_settled(&mut self.bed, cx)
        })
        .await
    }

    /// Resolves once an append has failed; wakes nobody when none does.
    pub fn poll_failed(&mut self, cx: &Context<'_>) -> Poll<Error> {
        self.receipt.poll_failed(&mut self.bed, cx)
    }
}

impl fmt::Debug for Appender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Appender").field("stream", &self.stream.live.name).finish_non_exhaustive()
    }
}

impl Stream {
    /// Appends one after another, without waiting for each.
    #[must_use]
    pub fn appender(&self) -> Appender {
        Appender::new(self.clone())
    }

    /// Whether its records are of a size that a stream takes.
    pub(crate) fn check(&self, append: &Append) -> Result<(), Error> {
        let bytes_max = self.hub.shared.config.record_bytes_max;
        match append.records.iter().find(|data| data.len() > bytes_max) {
            Some(large) => {
                let context = format!("a record of {} bytes is over the limit of {bytes_max}", large.len());
                Err(Error::new(ErrorKind::RecordTooLarge, context))
            }
            None => Ok(()),
        }
    }
}
