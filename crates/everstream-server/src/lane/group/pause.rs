//! The pause of a group whose stream is faster than it.
//!
//! A round through thousands of sockets takes milliseconds, nearly all of them the kernel's price of a write, whatever it
//! carries. Where the next events come right behind it, writing each at once would keep everybody else from the processor,
//! the publisher too. So between two such rounds there is twice the time that the first one took, and what has gathered
//! by then is written at the price of one event. A stream that comes slower has no pause, and neither has a group of a few.

use std::future::Future;
use std::pin::Pin;
use std::task::Context;
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep_until};

/// The longest pause: what it may add to the latency of an event under such a load.
const PAUSE_MAX: Duration = Duration::from_millis(8);

/// Where a group stands between two rounds.
#[derive(Debug, Default)]
pub(super) enum Pause {
    #[default]
    None,
    /// A long round began at that moment.
    Writing(Instant),
    /// It has ended; the next should not begin before that moment.
    Written(Instant),
    Pausing(Pin<Box<Sleep>>),
}

impl Pause {
    /// A round through many sockets begins.
    pub(super) fn round_begins(&mut self) {
        *self = Self::Writing(Instant::now());
    }

    /// A round has ended.
    pub(super) fn round_ends(&mut self) {
        if let Self::Writing(began) = self {
            let ended = Instant::now();
            *self = Self::Written(ended + (2 * ended.duration_since(*began)).min(PAUSE_MAX));
        }
    }

    /// The stream had more.
    pub(super) fn found_more(&mut self) {
        *self = match self {
            Self::Written(next) if Instant::now() < *next => Self::Pausing(Box::pin(sleep_until(*next))),
            _ => Self::None,
        };
    }

    /// Whether it pauses; else the task is not woken for it.
    pub(super) fn is_pausing(&mut self, cx: &mut Context<'_>) -> bool {
        let Self::Pausing(sleep) = self else { return false };
        sleep.as_mut().poll(cx).is_pending()
    }

    /// Whether a pause has begun and was not ended.
    pub(super) const fn is_on(&self) -> bool {
        matches!(self, Self::Pausing(_))
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::task::Poll;

    use tokio::time::advance;

    use super::*;

    const ROUND: Duration = Duration::from_millis(3);

    async fn after_a_round(took: Duration, silence: Duration) -> Pause {
        let mut pause = Pause::default();
        pause.round_begins();
        advance(took).await;
        pause.round_ends();
        advance(silence).await;
        pause.found_more();
        pause
    }

    async fn is_pausing(pause: &mut Pause) -> bool {
        poll_fn(|cx| Poll::Ready(pause.is_pausing(cx))).await
    }

    #[tokio::test(start_paused = true)]
    async fn between_two_long_rounds_is_twice_the_time_that_the_first_took() {
        let silence = Duration::from_millis(1);
        let mut pause = after_a_round(ROUND, silence).await;
        let began = Instant::now();
        while is_pausing(&mut pause).await {
            advance(Duration::from_millis(1)).await;
        }
        assert!(began.elapsed() >= 2 * ROUND - silence && pause.is_on());
        pause.found_more();
        assert!(!pause.is_on(), "it pauses once, however much comes");
    }

    #[tokio::test(start_paused = true)]
    async fn a_pause_is_bounded() {
        let mut pause = after_a_round(Duration::from_secs(1), Duration::ZERO).await;
        assert!(is_pausing(&mut pause).await);
        advance(PAUSE_MAX + Duration::from_millis(1)).await;
        assert!(!is_pausing(&mut pause).await);
    }

    #[tokio::test(start_paused = true)]
    async fn a_group_that_keeps_up_does_not_pause() {
        assert!(!after_a_round(ROUND, 2 * ROUND).await.is_on());
        let mut short = Pause::default();
        short.round_ends();
        short.found_more();
        assert!(!short.is_on());
    }
}
