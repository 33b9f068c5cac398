//! What must hold of the benchmarks' frame itself: nothing is left running.
#![expect(clippy::unwrap_used, reason = "a test file: a surprise is a failure")]

mod guard;
