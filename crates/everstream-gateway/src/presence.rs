//! Who is connected to an ask, and what happens when nobody is.

use everstream_hub::Stream;
use tokio::sync::watch;

use crate::OnDisconnect;

/// Callers that wait for an ask's response head: they have no subscription yet, but they are there. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Presence {
    callers: watch::Sender<usize>,
}

/// One such caller, for as long as it is kept.
#[derive(Debug)]
pub struct Caller {
    callers: watch::Sender<usize>,
}

/// Whether somebody is on the way to an ask as it starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Audience {
    /// Its caller waits for the answer.
    Here,
    /// Its caller was sent elsewhere and will come back as a viewer.
    ToCome,
}

impl Presence {
    pub(crate) fn new() -> Self {
        Self { callers: watch::Sender::new(0) }
    }

    /// A caller arrives.
    pub(crate) fn enter(&self) -> Caller {
        self.callers.send_modify(|count| *count += 1);
        Caller { callers: self.callers.clone() }
    }

    /// Resolves once `policy` says that the ask has been left alone; never under [`OnDisconnect::Continue`].
    ///
    /// # Cancel safety
    /// Dropping it forgets how long nobody was there.
    pub(crate) async fn abandoned(&self, stream: &Stream, policy: OnDisconnect, audience: Audience) {
        let grace = match policy {
            OnDisconnect::Continue => return std::future::pending().await,
            OnDisconnect::Cancel => None,
            OnDisconnect::CancelAfter(grace) => Some(grace),
        };
        if grace.is_none() && audience == Audience::ToCome {
            // Without a grace there is nothing to cancel before the first viewer has come.
            stream.watched().await;
        }
        let mut callers = self.callers.subscribe();
        loop {
            // The sender lives in `self`, so that a wait cannot fail.
            let _ = callers.wait_for(|count| *count == 0).await;
            stream.unwatched().await;
            if *callers.borrow() > 0 {
                continue;
            }
            let Some(grace) = grace else { return };
            tokio::select! {
                // All branches are cancel-safe: they only look.
                () = tokio::time::sleep(grace) => return,
                () = stream.watched() => {}
                _ = callers.wait_for(|count| *count > 0) => {}
            }
        }
    }
}

impl Drop for Caller {
    fn drop(&mut self) {
        self.callers.send_modify(|count| *count = count.saturating_sub(1));
    }
}
