//! Attaching: an ask that is there already, running or finished, is never made again.

use std::sync::Arc;
use std::time::Duration;

use everstream_hub::{End, ErrorKind as HubErrorKind, ResetReason, Stream};
use everstream_log::{CloseReason, Offset};
use http::HeaderMap;
use tokio::time::timeout;

use super::{Asked, Gateway, Started};
use crate::identity::Annotation;
use crate::options::{Reply, Resume};
use crate::outcome::CloseDetail;
use crate::running::{Phase, Running};
use crate::{Accepted, Answer, Ask, Error, ErrorKind};

/// How far an ask was when its caller's head had to go out.
enum Head {
    /// The upstream answers in events; these headers go along.
    Answering(Arc<HeaderMap>),
    /// Nothing is known yet, or no longer: the stream tells the rest.
    Unknown,
}

impl Gateway {
    /// The answer for an ask that is there already; `None` when it has to be made.
    ///
    /// # Errors
    /// `IdempotencyKeyReused`, `Stopped`, `ResumeMismatch`, `StreamExists`, `StreamNotFound`, or how the ask failed
    /// before its first event.
    pub(super) async fn attach(&self, asked: &Asked) -> Result<Option<Answer>, Error> {
        let Some(stream) = self.find(asked).await? else {
            // An id of ours stands for an answer that was paid for: it may be gone, but is never asked for again.
            return match asked.options.resume {
                Some(Resume::After(id)) => {
                    let context = format!("no answer to this request has the event id {id}; without it you ask anew");
                    Err(Error::new(ErrorKind::Hub(HubErrorKind::StreamNotFound), context))
                }
                _ => Ok(None),
            };
        };
        if asked.options.reply == Reply::Async {
            return Ok(Some(Answer::Accepted(Accepted { stream })));
        }
        let from = match asked.options.resume {
            None => Offset::ZERO,
            Some(resume) => match resume_point(&stream, resume)? {
                Some(from) => from,
                None => return Ok(Some(Answer::Seen(stream))),
            },
        };
        let running = self.running.find(stream.name()).unwrap_or_else(Running::over);
        self.reply(stream, running, asked, from).await.map(Some)
    }

    /// The stream that this request already became.
    async fn find(&self, asked: &Asked) -> Result<Option<Stream>, Error> {
        let options = &asked.options;
        let alias = match (&options.key, options.resume, asked.fingerprint) {
            (Some(key), _, _) => key.alias(),
            (None, Some(Resume::After(id)), Some(fingerprint)) => fingerprint.alias(id.epoch),
            _ => return Ok(None),
        };
        let Some(stream) = self.hub.find_alias(&alias).await? else { return Ok(None) };
        let annotation = Annotation::parse(&stream.settings().annotation);
        if annotation == Some(Annotation::Tombstone) {
            return Err(Error::new(ErrorKind::Stopped, "this ask was stopped before it was made"));
        }
        let is_same = match (&annotation, asked.fingerprint) {
            (Some(annotation), Some(fingerprint)) => annotation.is_of(fingerprint),
            _ => false,
        };
        if !is_same {
            let context = "the Idempotency-Key was used with another request; take a new key for a new ask";
            return Err(Error::new(ErrorKind::IdempotencyKeyReused, context));
        }
        match &options.name {
            Some(name) if name != stream.name() => {
                let context = format!("the ask with this Idempotency-Key is stream {}, not {name}", stream.name());
                Err(Error::new(ErrorKind::IdempotencyKeyReused, context))
            }
            _ => Ok(Some(stream)),
        }
    }

    /// The reply to the caller that made the ask: it alone gets the upstream's own response where that is none in events.
    pub(super) async fn first_reply(&self, started: Started, asked: &Asked) -> Result<Answer, Error> {
        let Started { stream, running, caller, mut refusal } = started;
        let answer = self.reply(stream, running, asked, Offset::ZERO).await;
        drop(caller);
        match refusal.try_recv() {
            Ok(passage) => Ok(Answer::PassThrough(passage)),
            Err(_) => answer,
        }
    }

    async fn reply(&self, stream: Stream, running: Running, asked: &Asked, from: Offset) -> Result<Answer, Error> {
        let caller = running.presence.enter();
        let headers = match head(running, asked.mounted.mount.status_commit_after).await {
            Head::Answering(headers) => HeaderMap::clone(&headers),
            Head::Unknown => HeaderMap::new(),
        };
        let state = stream.state();
        if let Some(End::Closed(closure)) = &state.end
            && matches!(closure.reason, CloseReason::Failed | CloseReason::Interrupted)
            && state.tail == Offset::ZERO
        {
            return Err(CloseDetail::of(closure).into_error());
        }
        if let Some(error) = stream.stranded().filter(|_| state.end.is_none() && state.tail == Offset::ZERO) {
            return Err(error.into());
        }
        Ok(Answer::Streaming(Ask { stream, from, dialect: asked.dialect, headers, caller }))
    }
}

/// Where a caller goes on; `None` when it has seen everything of a stream that is closed.
fn resume_point(stream: &Stream, resume: Resume) -> Result<Option<Offset>, Error> {
    let opening = stream.resume(resume.start());
    if let Some(reset) = opening.reset {
        // A dialect has no word for "forget what you have": the answer must not be put behind something else.
        let (kind, what) = match reset.reason {
            ResetReason::Trimmed => (ErrorKind::Hub(HubErrorKind::OffsetTrimmed), "is no longer held"),
            ResetReason::EpochChanged => (ErrorKind::ResumeMismatch, "is of another answer"),
            ResetReason::BeyondTail => (ErrorKind::ResumeMismatch, "is beyond the answer's end"),
        };
        return Err(Error::new(
            kind,
            format!("the position in Last-Event-ID {what}; without it you get the answer whole"),
        ));
    }
    let state = stream.state();
    let is_over = state.end.is_some() && opening.from == state.tail && matches!(resume, Resume::After(_));
    Ok((!is_over && !opening.has_seen_end).then_some(opening.from))
}

/// Waits until the upstream's status is known, but not longer than `commit_after`.
async fn head(mut running: Running, commit_after: Duration) -> Head {
    let known = running.phase.wait_for(|phase| !matches!(phase, Phase::Calling));
    match timeout(commit_after, known).await {
        Ok(Ok(phase)) => match &*phase {
            Phase::Answering(headers) => Head::Answering(Arc::clone(headers)),
            Phase::Calling | Phase::Over => Head::Unknown,
        },
        // The relay is gone, or it has taken too long.
        Ok(Err(_)) | Err(_) => Head::Unknown,
    }
}
