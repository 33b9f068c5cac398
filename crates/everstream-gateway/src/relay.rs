//! The relay: the task that carries one answer from the upstream into its stream, whoever listens.

use std::future::poll_fn;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use everstream_hub::{self as hub, Append, Appender, Aside, Close, Stream, Tasks};
use everstream_log::CloseReason;
use futures_util::FutureExt;
use tokio::sync::{OwnedSemaphorePermit, oneshot, watch};
use tokio_util::sync::CancellationToken;

use crate::outcome::{CloseDetail, OutcomeCode};
use crate::presence::{Audience, Presence};
use crate::running::{Listed, Phase};
use crate::upstream::{Call, Failure, Upstream, UpstreamAnswer};
use crate::{OnDisconnect, PassThrough};

mod intake;
mod refusal;

pub(crate) use intake::Intake;

/// Everything one relay needs.
#[derive(Debug)]
pub(crate) struct Relay {
    pub(crate) stream: Stream,
    pub(crate) intake: Intake,
    pub(crate) on_disconnect: OnDisconnect,
    pub(crate) audience: Audience,
    pub(crate) presence: Presence,
    /// Says when the process drains, and when it must end.
    pub(crate) tasks: Tasks,
    pub(crate) phase: watch::Sender<Phase>,
    /// Where an answer goes that is none in events.
    pub(crate) refusal: oneshot::Sender<PassThrough>,
    pub(crate) listed: Option<Listed>,
    pub(crate) permit: OwnedSemaphorePermit,
}

/// Where the answer comes from.
#[derive(Debug)]
pub(crate) enum Origin {
    /// The call has to be made.
    Call(Box<Upstream>, Box<Call>),
    /// Its head is there already.
    Answered(Box<UpstreamAnswer>),
}

/// How the relaying ended.
#[derive(Debug)]
enum Ending {
    /// The last append closed the stream, with everything of a whole answer.
    Whole(Box<UpstreamAnswer>),
    /// The stream has ended already.
    Ended,
    /// The stream is to be closed so.
    Close(Close),
}

impl Relay {
    /// Carries the answer over and closes the stream with the truth about its end, come what may.
    pub(crate) async fn run(self, origin: Origin) {
        let Self { stream, intake, on_disconnect, audience, presence, tasks, phase, .. } = self;
        let (draining, cutoff) = (tasks.draining(), tasks.cutoff());
        let ending = {
            let appender = stream.appender();
            let aside = appender.aside();
            let (stream, phase, permit) = (&stream, &phase, Some(self.permit));
            // On the heap, where what is touched for a token lies together.
            let mut carrier = Box::new(Carrier { ahead: None, appender, intake, stream, phase, permit });
            // Beside every token of the answer, and woken once at most.
            let interrupted = Box::pin(async {
                tokio::select! {
                    // Each branch only looks.
                    biased;
                    _ = stream.ended() => Ending::Ended,
                    () = cutoff.cancelled() => Ending::Close(shut_down()),
                    () = left_alone(presence.abandoned(stream, on_disconnect, audience), draining) => abandoned(),
                }
            });
            let mut uninterrupted = Uninterrupted { aside, interrupted };
            // Each of the three may be dropped: the upstream's connection is then closed, and an append that was handed over
            // takes full effect. All that is asked for a token is in the second, which is no future of its own.
            match uninterrupted.run(Box::pin(carrier.begin(origin, self.refusal))).await {
                Ok(Ok(mut answer)) => match uninterrupted.run(poll_fn(|cx| carrier.poll_last(&mut answer, cx))).await {
                    Ok(last) => {
                        uninterrupted.run(Box::pin(carrier.end(answer, last))).await.unwrap_or_else(|other| other)
                    }
                    Err(ending) => ending,
                },
                Ok(Err(ending)) | Err(ending) => ending,
            }
        };
        let whole = conclude(&stream, ending, cutoff).await;
        phase.send_if_modified(Phase::close);
        drop(self.listed);
        if let Some(answer) = whole {
            Box::pin(answer.finish()).await;
        }
    }
}

/// Runs the steps of a relay until one of them is interrupted.
struct Uninterrupted<F> {
    aside: Aside,
    interrupted: Pin<Box<F>>,
}

impl<F: Future<Output = Ending>> Uninterrupted<F> {
    /// What `step` comes to.
    ///
    /// # Errors
    /// How the relaying ended meanwhile. `step` goes first, since its own last append ends the stream too.
    fn run<T>(&mut self, step: impl Future<Output = T> + Unpin) -> impl Future<Output = Result<T, Ending>> {
        let mut step = AssertUnwindSafe(step).catch_unwind();
        poll_fn(move |cx| match step.poll_unpin(cx) {
            Poll::Ready(done) => Poll::Ready(done.map_err(|_| failed(&internal()))),
            Poll::Pending => self.aside.poll(cx, |cx| self.interrupted.as_mut().poll(cx)).map(Err),
        })
    }
}

/// Closes the stream where the relaying has left it open. Returns an answer that was carried over whole.
async fn conclude(stream: &Stream, ending: Ending, cutoff: &CancellationToken) -> Option<Box<UpstreamAnswer>> {
    let close = match ending {
        Ending::Whole(answer) => return Some(answer),
        Ending::Ended => return None,
        // After the cutoff an upstream may be lost by our own doing: one may be a mount of this very process.
        Ending::Close(_) if cutoff.is_cancelled() => shut_down(),
        Ending::Close(close) => close,
    };
    close_stream(stream, close).await;
    None
}

/// The part of a relay that reads and appends; it is dropped where it stands when the stream ends otherwise. In this order:
/// what each token touches lies together.
#[repr(C)]
struct Carrier<'a> {
    /// What was read and has to wait for the log, or, once taken, for the writer's queue. On the heap, since it is rare.
    ahead: Option<Box<Option<Append>>>,
    appender: Appender,
    intake: Intake,
    stream: &'a Stream,
    phase: &'a watch::Sender<Phase>,
    /// Given back before anybody can see that the answer is over: who asks again then finds the place free.
    permit: Option<OwnedSemaphorePermit>,
}

/// What comes last of an answer.
enum Last {
    /// Events of which the last one closes the stream.
    Events(Vec<Bytes>, Close),
    /// The end of its bytes.
    Over(Result<(), Failure>),
}

impl Carrier<'_> {
    /// Has the answer's head, and lets whoever waits for it know.
    ///
    /// # Errors
    /// How the relaying ended where there is nothing to carry over.
    async fn begin(
        &mut self,
        origin: Origin,
        refusal: oneshot::Sender<PassThrough>,
    ) -> Result<Box<UpstreamAnswer>, Ending> {
        let mut answer = match origin {
            Origin::Answered(answer) => answer,
            Origin::Call(upstream, call) => match upstream.send(*call).await {
                Ok(answer) => Box::new(answer),
                Err(failure) => return Err(failed(&self.report(&failure))),
            },
        };
        if !self.intake.takes(&answer) {
            drop(self.permit.take());
            refusal::pass_on(self.stream, *answer, refusal).await;
            return Err(Ending::Ended);
        }
        let headers = Arc::new(crate::header::beside_events(answer.headers()));
        self.phase.send_replace(Phase::Answering(headers));
        answer.begin_to_wait();
        Ok(answer)
    }

    /// Appends what comes last.
    async fn end(&mut self, answer: Box<UpstreamAnswer>, last: Result<Last, hub::Error>) -> Ending {
        match self.close_with(last).await {
            Ok(CloseReason::Completed) => Ending::Whole(answer),
            Ok(_) => Ending::Ended,
            Err(detail) => {
                drop(self.permit.take());
                failed(&detail.with_status(answer.status()))
            }
        }
    }

    /// Returns how the stream was closed.
    async fn close_with(&mut self, last: Result<Last, hub::Error>) -> Result<CloseReason, CloseDetail> {
        let (records, close) = match last {
            Ok(Last::Events(records, close)) => (records, close),
            Ok(Last::Over(over)) => match self.appender.settled().await {
                Ok(()) => (Vec::new(), self.close(over)?),
                Err(error) => return self.not_appended(&error),
            },
            Err(error) => return self.not_appended(&error),
        };
        let reason = close.reason;
        drop(self.permit.take());
        let mut appended = self.appender.append(Append { records, close: Some(close) }).await;
        if appended.is_ok() {
            appended = self.appender.settled().await;
        }
        match appended {
            Ok(()) => Ok(reason),
            Err(error) => self.not_appended(&error),
        }
    }

    /// Carries the answer up to its last append. One turn takes what has arrived and appends it in one step. It goes on
    /// without waiting for the log, but never more than one step ahead: the upstream is slowed down to what the log can
    /// take. No future for each token, whose state would be written anew and lie apart from the rest.
    fn poll_last(&mut self, answer: &mut UpstreamAnswer, cx: &mut Context<'_>) -> Poll<Result<Last, hub::Error>> {
        loop {
            if let Some(ahead) = &mut self.ahead {
                ready!(self.appender.poll_append(ahead, cx))?;
                self.ahead = None;
                answer.begin_to_wait();
            }
            let append = match answer.poll_feed(cx, &mut |bytes| self.intake.push(bytes)) {
                Poll::Ready(Ok(true)) => self.intake.take(),
                Poll::Ready(over) => return Poll::Ready(Ok(Last::Over(over.map(drop)))),
                // A log that refuses is noticed before the upstream says more; what it has said, the next append refuses.
                Poll::Pending => return self.appender.poll_failed(cx).map(Err),
            };
            if let Some(close) = append.close {
                return Poll::Ready(Ok(Last::Events(append.records, close)));
            }
            if !append.records.is_empty() {
                let mut append = Some(append);
                if self.appender.poll_append(&mut append, cx)?.is_pending() {
                    self.ahead = Some(Box::new(append));
                    return Poll::Pending;
                }
            }
            answer.begin_to_wait();
        }
    }

    /// How the stream of an answer is closed that is over.
    fn close(&self, over: Result<(), Failure>) -> Result<Close, CloseDetail> {
        match over {
            Ok(()) => self.intake.end(),
            Err(failure) => self.intake.own_end().ok_or_else(|| self.report(&failure)),
        }
    }

    fn not_appended(&self, error: &hub::Error) -> Result<CloseReason, CloseDetail> {
        use hub::ErrorKind;
        Err(match error.kind() {
            // Somebody else has ended it meanwhile.
            ErrorKind::StreamClosed | ErrorKind::StreamNotFound => return Ok(CloseReason::Stopped),
            ErrorKind::StreamFull => {
                CloseDetail::new(OutcomeCode::StreamFull, "the answer is larger than a stream may be")
            }
            ErrorKind::RecordTooLarge => CloseDetail::new(OutcomeCode::EventTooLarge, error.to_string()),
            _ => {
                let cause = crate::error::chain(error);
                tracing::error!(stream = %self.stream.name(), cause, "an answer cannot be stored");
                internal()
            }
        })
    }

    fn report(&self, failure: &Failure) -> CloseDetail {
        let cause = failure.source.as_ref().map(|source| crate::error::chain(&**source));
        tracing::warn!(stream = %self.stream.name(), code = failure.code.as_str(), cause, "the upstream failed an ask");
        failure.detail()
    }
}

async fn close_stream(stream: &Stream, close: Close) {
    let reason = close.reason;
    let append = Append { records: Vec::new(), close: Some(close) };
    match stream.append(append).await {
        Ok(_) => tracing::debug!(stream = %stream.name(), reason = reason.as_str(), "an ask ended"),
        Err(error) if error.kind() == hub::ErrorKind::StreamClosed => {}
        Err(error) if error.kind() == hub::ErrorKind::StreamNotFound => {}
        Err(error) => {
            tracing::error!(stream = %stream.name(), cause = crate::error::chain(&error), "an ask's end cannot be stored");
            stream.strand(error);
        }
    }
}

fn failed(detail: &CloseDetail) -> Ending {
    Ending::Close(detail.close(CloseReason::Failed))
}

fn shut_down() -> Close {
    let detail = CloseDetail::new(OutcomeCode::Draining, "the server shut down before the answer was whole");
    detail.close(CloseReason::Interrupted)
}

/// Resolves once everybody went away by themselves. In a drain it is the server that sends them away, which is nobody's
/// wish to stop: the answer goes on to its end or to the cutoff.
async fn left_alone(abandoned: impl Future<Output = ()>, draining: &CancellationToken) {
    abandoned.await;
    if draining.is_cancelled() {
        std::future::pending().await
    }
}

fn abandoned() -> Ending {
    let detail = CloseDetail::new(OutcomeCode::Disconnected, "nobody was connected any more");
    Ending::Close(detail.close(CloseReason::Stopped))
}

fn internal() -> CloseDetail {
    CloseDetail::new(OutcomeCode::Internal, "the server failed to carry the answer over")
}
