//! `GET ?live=sse`: an event stream of batches, for clients of Durable Streams and for a plain EventSource.

use std::collections::VecDeque;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::response::Response;
use bytes::Bytes;
use everstream_hub::{BatchPlace, BatchSubscription, Delivery, DueBatch, End, EventId, Reset, Stream};
use everstream_log::{Clock, Epoch, Offset};
use http::HeaderMap;

use super::cursor::Cursor;
use super::wire::{self, Control};
use crate::accept::{Accept, EVENT_STREAM};
use crate::access::{Grant, Read};
use crate::app::App;
use crate::last_event_id;
use crate::problem::Problem;
use crate::protocols::streams::position::ReadFrom;
use crate::protocols::streams::query::Query;
use crate::protocols::streams::{head, not_acceptable, subscribe};
use crate::sse_body::{self, Due, Ending, PulseConfig, SseBody, Unison, Voice};

/// A subscription in batches from `offset`, or from the `Last-Event-ID` of an EventSource that comes back.
pub(super) async fn get(
    app: &App,
    grant: &Grant<Read>,
    headers: &HeaderMap,
    query: &Query,
) -> Result<Response, Problem> {
    let wanted = ReadFrom::parse_live(query)?;
    if !Accept::of(headers).allows(EVENT_STREAM) {
        return Err(not_acceptable(EVENT_STREAM));
    }
    let stream = app.hub.stream(grant.stream()).await?;
    let (start, reset) = match last_event_id::presented(headers) {
        None => (wanted.resolve(&stream.state())?, None),
        Some(presented) => {
            let opening = stream.resume(presented);
            if opening.has_seen_end {
                return Ok(subscribe::seen_to_the_end(&stream));
            }
            (opening.from, opening.reset)
        }
    };
    let subscription = stream.subscribe_in_batches(start, wire::batch)?;
    let voice = Batches::new(app, &stream, EventId::new(stream.epoch(), start), reset, query);
    let pulse = PulseConfig { keep_alive: app.config.keep_alive.get(), age_max: app.config.max_subscription_age.get() };
    let body = SseBody::new(subscription, voice, pulse, app.hub.tasks().draining());
    let mut response = sse_body::respond(body);
    let headers = std::mem::take(response.headers_mut());
    *response.headers_mut() = head::subscription(stream.content(), headers);
    Ok(response)
}

/// For clients of Durable Streams: batches as they are shared, and control events of its own where those do not fit.
struct Batches {
    /// What to begin with.
    opening: Option<Bytes>,
    words: Words,
    retry: Duration,
    random: fastrand::Rng,
}

/// Batches and what is said behind each.
#[derive(Clone)]
pub(super) struct Words {
    epoch: Epoch,
    cursor: Cursor,
    clock: Arc<dyn Clock>,
}

impl Batches {
    fn new(app: &App, stream: &Stream, start: EventId, reset: Option<Reset>, query: &Query) -> Self {
        let (clock, mut random) = (Arc::clone(app.hub.clock()), fastrand::Rng::new());
        let mut cursor = Cursor::of(query, clock.now(), &mut random);
        let mut opening = Vec::with_capacity(192);
        sse_body::control::retry(&mut opening, sse_body::jittered(app.config.retry, &mut random));
        if let Some(reset) = reset {
            sse_body::control::reset(&mut opening, reset);
        }
        let state = stream.state();
        if state.end.is_none() && state.tail == start.next {
            // A client at the tail has to learn that it is there.
            wire::control(&mut opening, start, &Control::newest(start, cursor.tell(clock.now())));
        }
        let words = Words { epoch: stream.epoch(), cursor, clock };
        Self { opening: Some(opening.into()), words, retry: app.config.retry, random }
    }

    fn retry_alone(&mut self) -> Bytes {
        let mut out = Vec::with_capacity(16);
        sse_body::control::retry(&mut out, sse_body::jittered(self.retry, &mut self.random));
        everstream_codec::encode::end(&mut out);
        out.into()
    }
}

impl Words {
    /// Waits for the next delivery; its frames are handed to `put` with the offset they lead to.
    fn poll(
        &mut self,
        subscription: &mut BatchSubscription,
        cx: &mut Context<'_>,
        put: &mut dyn FnMut(Bytes, Offset),
    ) -> Poll<Delivery> {
        let now = self.clock.now();
        let (epoch, cursor) = (self.epoch, &mut self.cursor);
        subscription.poll_next(cx, &mut |batch: DueBatch| {
            let id = EventId::new(epoch, batch.next);
            let own = match batch.place {
                BatchPlace::Newest if cursor.is_common(batch.frame.at) => {
                    cursor.tell(batch.frame.at);
                    return put(batch.frame.whole, batch.next);
                }
                BatchPlace::Newest => Control::newest(id, cursor.tell(now)),
                BatchPlace::Amid => Control::amid(id, cursor.tell(now)),
                // Its control event is that of the end.
                BatchPlace::Last => return put(batch.frame.data, batch.next),
            };
            let mut control = Vec::with_capacity(160);
            wire::control(&mut control, id, &own);
            put(batch.frame.data, batch.next);
            put(control.into(), batch.next);
        })
    }
}

impl Unison<BatchSubscription> for Words {
    fn poll_next(
        &mut self,
        subscription: &mut BatchSubscription,
        cx: &mut Context<'_>,
        due: &mut VecDeque<Due>,
    ) -> Poll<Delivery> {
        self.poll(subscription, cx, &mut |bytes, next| due.push_back(Due { bytes, next }))
    }

    fn join(&mut self, other: &Self) {
        self.cursor = self.cursor.later(other.cursor);
    }
}

impl Voice for Batches {
    type Subscription = BatchSubscription;
    type Unison = Words;

    /// Not one that is told a cursor ahead of the clock's.
    fn unison(&self) -> Option<Words> {
        self.words.cursor.is_common(self.words.clock.now()).then(|| self.words.clone())
    }

    fn part_from(&mut self, unison: &Words) {
        self.words.join(unison);
    }

    fn opening(&mut self) -> Option<Bytes> {
        self.opening.take()
    }

    fn poll_next(
        &mut self,
        subscription: &mut BatchSubscription,
        cx: &mut Context<'_>,
        due: &mut VecDeque<Bytes>,
    ) -> Poll<Delivery> {
        self.words.poll(subscription, cx, &mut |bytes, _| due.push_back(bytes))
    }

    /// The connection ends behind this either way; only a close makes it an end of the stream.
    fn ending(&mut self, end: &End, tail: EventId) -> Ending {
        let last_frame = match end {
            End::Closed(closure) => {
                let mut out = Vec::with_capacity(192);
                let id = EventId::end(tail.epoch, tail.next);
                wire::control(&mut out, id, &Control::closed(id, closure.reason));
                Some(out.into())
            }
            // The stream is gone and has no position any more: whoever comes back is answered so.
            End::Deleted | End::Expired => None,
        };
        Ending { last_frame, is_clean: true }
    }

    /// Clean: in this protocol a connection that ends without `streamClosed` is one to be taken up again, and its clients
    /// take an unclean end for a failure.
    fn parting(&mut self) -> Ending {
        Ending { last_frame: Some(self.retry_alone()), is_clean: true }
    }
}
