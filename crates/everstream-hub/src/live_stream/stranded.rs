//! Streams that come to no end, although nothing more comes.

use super::LiveStream;
use crate::{Error, Stream};

impl Stream {
    /// Whoever appended here has come to an end that the log does not take, for `error`: subscriptions that have all there
    /// is are broken off by it, these and later ones, instead of waiting for what will not come. It holds for as long as
    /// this process: the next one closes what is left open, once the log takes writes.
    pub fn strand(&self, error: Error) {
        self.live.strand(error);
    }

    /// Why it is stranded, if it is.
    #[must_use]
    pub fn stranded(&self) -> Option<Error> {
        self.live.stranded()
    }
}

impl LiveStream {
    fn strand(&self, error: Error) {
        let mut state = self.state();
        state.stranded = Some(Box::new(error));
        self.wake(state, false);
    }

    pub(crate) fn stranded(&self) -> Option<Error> {
        self.state().stranded.as_deref().map(Error::share)
    }
}
