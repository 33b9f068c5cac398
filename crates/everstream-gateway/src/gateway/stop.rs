//! Stopping an ask by its caller's key, also before it exists.

use everstream_hub::{Close, CreateStream, ErrorKind as HubErrorKind, Stopped, Stream};
use everstream_log::{CloseReason, Closure};
use http::HeaderName;

use super::{Gateway, fresh_name};
use crate::identity::{Annotation, IdempotencyKey};
use crate::outcome::{CloseDetail, OutcomeCode};
use crate::{Error, ErrorKind};

/// What came of a stop by key.
#[derive(Debug)]
pub enum StoppedByKey {
    /// The ask was running and is now stopped.
    Now(Stream),
    /// The ask had ended before.
    AlreadyEnded(Stream, Closure),
    /// There is no such ask yet; when it comes it will be refused.
    Before(Stream),
}

impl Gateway {
    /// Stops the ask with this `Idempotency-Key`. If there is none, a stopped stream takes its place, so that a POST that
    /// is still on its way is refused. Idempotent.
    ///
    /// # Errors
    /// `InvalidHeader` when `key` is no key, or what the hub refuses.
    ///
    /// # Cancel safety
    /// A dropped call has taken effect or not; calling it again is safe.
    pub async fn stop_by_key(&self, key: &str) -> Result<StoppedByKey, Error> {
        let name = HeaderName::from_static("idempotency-key");
        let alias = IdempotencyKey::parse(key)
            .ok_or_else(|| Error::header(&name, key.as_bytes(), "is no key", "8e03978e-40d5-43dd-bc93-6894a57f9324"))?
            .alias();
        if let Some(stream) = self.hub.find_alias(&alias).await? {
            return stop(stream).await;
        }
        let detail = CloseDetail::new(OutcomeCode::StoppedBefore, "stopped before it was asked");
        let tombstone = CreateStream {
            alias: Some(alias.clone()),
            annotation: Annotation::Tombstone.to_bytes(),
            close: Some(Close { reason: CloseReason::Stopped, detail: detail.to_bytes() }),
            ..CreateStream::new(fresh_name()?, "text/event-stream")
        };
        match self.hub.create(&tombstone).await {
            Ok(created) => Ok(StoppedByKey::Before(created.stream)),
            // The ask came in the same moment.
            Err(error) if error.kind() == HubErrorKind::AliasTaken => match self.hub.find_alias(&alias).await? {
                Some(stream) => stop(stream).await,
                None => Err(error.into()),
            },
            Err(error) => Err(error.into()),
        }
    }
}

async fn stop(stream: Stream) -> Result<StoppedByKey, Error> {
    match stream.stop(None).await? {
        Stopped::Now(_) => Ok(StoppedByKey::Now(stream)),
        Stopped::AlreadyEnded(closure) => Ok(StoppedByKey::AlreadyEnded(stream, closure)),
        Stopped::OtherEpoch => Err(Error::new(ErrorKind::Hub(HubErrorKind::StreamNotFound), "the ask is gone")),
    }
}
