//! Appending one after another without waiting for each.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll};

use crate::receipt::{Receipt, Reply};
use crate::sleeper::Bed;
use crate::stream::{Append, Stream};
use crate::writer::Command;
use crate::{Error, ErrorKind};

/// Appends to one stream, in order, without waiting for each acknowledgement: a task that carries many small appends is
/// woken by its source alone, and by the log only with bad news. At most one append is under way; the next one waits
/// for it, so that a source is never read faster than the log takes.
#[derive(Debug)]
pub struct Appender {
    stream: Stream,
    receipt: Arc<Receipt>,
    bed: Bed,
}

impl Appender {
    pub(crate) fn new(stream: Stream) -> Self {
        Self { stream, receipt: Arc::default(), bed: Bed::default() }
    }

    /// Hands `append` over once the one before is acknowledged.
    ///
    /// # Errors
    /// As [`Stream::append`], of this append if it says so itself (`RecordTooLarge`), else of the one before: nothing is
    /// appended behind a failure.
    ///
    /// # Cancel safety
    /// A dropped call has either not begun or takes full effect.
    pub async fn append(&mut self, append: Append) -> Result<(), Error> {
        self.stream.check(&append)?;
        self.settled().await?;
        let reply = Reply::Noted(self.receipt.begin());
        let command = Command::Append { live: Arc::clone(&self.stream.live), append, ticket: None, reply };
        self.stream.live.home.order(command).await
    }

    /// Resolves once everything handed over is acknowledged.
    ///
    /// # Errors
    /// As [`Stream::append`].
    ///
    /// # Cancel safety
    /// Safe.
    pub async fn settled(&mut self) -> Result<(), Error> {
        poll_fn(|cx| self.receipt.poll_settled(&mut self.bed, cx)).await
    }

    /// Resolves once an append has failed; wakes nobody when none does.
    pub fn poll_failed(&mut self, cx: &Context<'_>) -> Poll<Error> {
        self.receipt.poll_failed(&mut self.bed, cx)
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
