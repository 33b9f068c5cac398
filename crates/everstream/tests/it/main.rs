//! Process tests: the real binary, raw sockets, real files.
//!
//! Nothing here looks inside the server. Each test starts its own on a free port and says in its name what must hold.
#![expect(clippy::indexing_slicing, clippy::expect_used, clippy::unwrap_used, reason = "a test fails by panicking")]

mod bad_input;
mod client;
mod disk_full;
mod drain;
mod fork;
mod groups;
mod injection;
mod kill;
mod live_modes;
mod proxy;
mod resume_law;
mod server_cases;
mod slow_reader;
mod support;
mod truthful_end;
mod upstream;

/// The key `lane` of every server in this binary. What the wire shows without it, `tests/without_lane` repeats.
const LANE: &str = "true";
