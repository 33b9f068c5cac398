//! The hub over the memory engine, on a paused clock.
#![expect(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test joins its own tasks and fails by panicking"
)]

mod append;
mod appender;
mod batches;
mod fork;
mod lifetime;
mod many;
mod producer;
mod random;
mod random_fork;
mod rig;
mod subscription;
