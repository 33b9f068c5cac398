//! What the wire shows when event streams stay with hyper: the suites about subscriptions, once more, with `lane = false`.
#![expect(clippy::indexing_slicing, clippy::expect_used, clippy::unwrap_used, reason = "a test fails by panicking")]

use it::{support, upstream};

#[path = "../it"]
mod it {
    mod drain;
    mod groups;
    mod injection;
    mod resume_law;
    mod server_cases;
    mod slow_reader;
    pub(crate) mod support;
    mod truthful_end;
    pub(crate) mod upstream;
}

/// The key `lane` of every server in this binary.
const LANE: &str = "false";
