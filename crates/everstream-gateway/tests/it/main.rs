//! The gateway over the memory engine, against an upstream with every fault, over real sockets.
//!
//! The test's own thread drives the upstream by blocking calls; the gateway runs on the workers of the runtime.
#![expect(
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test joins its own tasks and fails by panicking"
)]

mod disconnect;
mod ending;
mod framing;
mod idempotency;
mod in_process;
mod passage;
mod resume;
mod rig;
mod stop;
