//! Where pages are kept for a moment: a few of them, those that were asked for last.

use std::sync::Arc;
use std::time::Duration;

use everstream_log::{Offset, StreamKey};
use tokio::sync::OnceCell;
use tokio::time::Instant;

/// A few places, found by looking at each.
pub(super) struct Shelf<P> {
    places: Vec<Place<P>>,
    places_max: usize,
    kept_for: Duration,
}

struct Place<P> {
    stream: StreamKey,
    start: Offset,
    /// Filled by the first who asks for it; who has it keeps it, also when the place is given to another page.
    page: Arc<OnceCell<P>>,
    asked: Instant,
}

impl<P> Shelf<P> {
    /// An empty one of `places_max` places; a page that nobody asks for is let go after `kept_for`.
    pub(super) const fn new(places_max: usize, kept_for: Duration) -> Self {
        Self { places: Vec::new(), places_max, kept_for }
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// The pages of `stream` that are made.
    pub(super) fn pages_of(&self, stream: StreamKey) -> impl Iterator<Item = &P> {
        self.places.iter().filter(move |place| place.stream == stream).filter_map(|place| place.page.get())
    }

    /// The page of `stream` that begins at `start`, made or not. The one that nobody has asked for longest goes for it.
    pub(super) fn place(&mut self, stream: StreamKey, start: Offset) -> Arc<OnceCell<P>> {
        let now = Instant::now();
        let found = self.places.iter_mut().find(|place| place.stream == stream && place.start == start);
        if let Some(place) = found {
            place.asked = now;
            return Arc::clone(&place.page);
        }
        if self.places.len() >= self.places_max {
            self.give_up(|_| true);
        }
        self.put(stream, start, Arc::default(), now)
    }

    /// The same for a page that nobody has asked for yet: nothing if it is there, or if one of another stream had to go
    /// for it.
    pub(super) fn place_ahead(&mut self, stream: StreamKey, start: Offset) -> Option<Arc<OnceCell<P>>> {
        if self.places.iter().any(|place| place.stream == stream && place.start == start) {
            return None;
        }
        if self.places.len() >= self.places_max && !self.give_up(|place| place.stream == stream) {
            return None;
        }
        Some(self.put(stream, start, Arc::default(), Instant::now()))
    }

    /// What is kept in place of the page that is there.
    pub(super) fn replace(&mut self, stream: StreamKey, start: Offset, page: P) {
        if let Some(place) = self.places.iter_mut().find(|place| place.stream == stream && place.start == start) {
            place.page = Arc::new(OnceCell::new_with(Some(page)));
        }
    }

    /// Lets go of what nobody has asked for.
    pub(super) fn let_go(&mut self) {
        let (now, kept_for) = (Instant::now(), self.kept_for);
        self.places.retain(|place| now.duration_since(place.asked) < kept_for);
        if self.places.is_empty() {
            self.places = Vec::new();
        }
    }

    /// Gives up the place that was asked for longest ago, among those that `may_go`.
    fn give_up(&mut self, may_go: impl Fn(&Place<P>) -> bool) -> bool {
        let candidates = self.places.iter().enumerate().filter(|(_, place)| may_go(place));
        let Some((index, _)) = candidates.min_by_key(|(_, place)| place.asked) else { return false };
        self.places.swap_remove(index);
        true
    }

    fn put(&mut self, stream: StreamKey, start: Offset, page: Arc<OnceCell<P>>, asked: Instant) -> Arc<OnceCell<P>> {
        self.places.push(Place { stream, start, page: Arc::clone(&page), asked });
        page
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEPT_FOR: Duration = Duration::from_secs(1);
    const A: StreamKey = StreamKey(1);
    const B: StreamKey = StreamKey(2);

    fn holds(shelf: &Shelf<u8>, stream: StreamKey, start: u64) -> bool {
        shelf.places.iter().any(|place| place.stream == stream && place.start == Offset(start))
    }

    /// Asks for a page a moment after the one before.
    async fn ask(shelf: &mut Shelf<u8>, stream: StreamKey, start: u64) -> Arc<OnceCell<u8>> {
        tokio::time::advance(Duration::from_millis(1)).await;
        shelf.place(stream, Offset(start))
    }

    #[tokio::test(start_paused = true)]
    async fn all_who_ask_for_a_page_have_the_same() {
        let mut shelf = Shelf::new(2, KEPT_FOR);
        ask(&mut shelf, A, 0).await.set(7).unwrap();
        assert_eq!(ask(&mut shelf, A, 0).await.get(), Some(&7));
        assert_eq!(ask(&mut shelf, B, 0).await.get(), None);
        assert_eq!(shelf.pages_of(A).collect::<Vec<_>>(), [&7]);
    }

    #[tokio::test(start_paused = true)]
    async fn the_page_that_was_asked_for_longest_ago_goes() {
        let mut shelf = Shelf::new(2, KEPT_FOR);
        for (stream, start) in [(A, 0), (B, 0), (A, 0), (A, 5)] {
            ask(&mut shelf, stream, start).await;
        }
        assert!(holds(&shelf, A, 0) && holds(&shelf, A, 5) && !holds(&shelf, B, 0));
    }

    #[tokio::test(start_paused = true)]
    async fn a_page_made_ahead_takes_no_other_streams_place() {
        let mut shelf = Shelf::new(2, KEPT_FOR);
        ask(&mut shelf, A, 0).await;
        assert!(shelf.place_ahead(A, Offset(5)).is_some());
        assert!(shelf.place_ahead(A, Offset(5)).is_none(), "it is there");
        assert!(shelf.place_ahead(B, Offset(5)).is_none());
        assert!(shelf.place_ahead(A, Offset(9)).is_some());
        assert!(!holds(&shelf, A, 0));
    }

    #[tokio::test(start_paused = true)]
    async fn what_nobody_asks_for_is_let_go() {
        let mut shelf = Shelf::new(2, KEPT_FOR);
        ask(&mut shelf, A, 0).await;
        tokio::time::advance(KEPT_FOR / 2).await;
        ask(&mut shelf, B, 0).await;
        tokio::time::advance(KEPT_FOR / 2).await;
        shelf.let_go();
        assert!(!holds(&shelf, A, 0) && holds(&shelf, B, 0));
        tokio::time::advance(KEPT_FOR).await;
        shelf.let_go();
        assert!(shelf.is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn a_page_that_has_grown_takes_the_place_of_the_old_one() {
        let mut shelf = Shelf::new(2, KEPT_FOR);
        let old = ask(&mut shelf, A, 0).await;
        old.set(7).unwrap();
        shelf.replace(A, Offset(0), 8);
        assert_eq!((old.get(), ask(&mut shelf, A, 0).await.get()), (Some(&7), Some(&8)));
        shelf.replace(A, Offset(1), 9);
        assert!(!holds(&shelf, A, 1));
    }
}
