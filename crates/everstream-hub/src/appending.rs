//! An append that is handed over, and has still to be acknowledged.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use tokio::sync::oneshot;

use crate::Error;
use crate::home::Queueing;
use crate::live_stream::sequence::Ticket;
use crate::receipt::Reply;
use crate::stream::{Append, Sequenced, Stream};
use crate::writer::Command;

/// Resolves once an append holds at the log's durability, or with why nothing of it was appended.
///
/// # Cancel safety
/// Dropped, it has either not begun or takes full effect: the writer finishes what it was given.
pub struct Appending {
    /// While the writer's queue is full.
    queueing: Option<Queueing>,
    answer: oneshot::Receiver<Result<Sequenced, Error>>,
}

impl Stream {
    /// As [`Stream::append`], handed over at once: what is left to wait for is small, and takes no part of the stream.
    /// Only one that was waited for is sure to come before the next: those that find the writer's queue full enter it when
    /// they are polled.
    ///
    /// # Errors
    /// `RecordTooLarge`, or that the process drains: the append was not handed over. The others come with what is awaited.
    pub fn hand_over(&self, append: Append) -> Result<Appending, Error> {
        self.hand_over_with(append, None)
    }

    /// The same of one that its publisher may number.
    pub(crate) fn hand_over_with(&self, append: Append, ticket: Option<Box<Ticket>>) -> Result<Appending, Error> {
        self.check(&append)?;
        let (reply, answer) = oneshot::channel();
        let command = Command::Append { live: Arc::clone(&self.live), append, ticket, reply: Reply::Awaited(reply) };
        Ok(Appending { queueing: self.live.home.queue(command)?, answer })
    }
}

impl Future for Appending {
    type Output = Result<Sequenced, Error>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        if let Some(queueing) = &mut self.queueing {
            ready!(queueing.as_mut().poll(cx))?;
            self.queueing = None;
        }
        Pin::new(&mut self.answer).poll(cx).map(|answer| answer.map_err(|_| Error::draining())?)
    }
}

impl fmt::Debug for Appending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Appending").field("is_queued", &self.queueing.is_none()).finish_non_exhaustive()
    }
}
