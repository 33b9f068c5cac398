//! The disk engine through its public face.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod child;
mod contract;
mod copy;
mod fixture;
mod fixture_content;
mod fork;
mod process;
mod recovery;
mod sample;
mod store_recovery;
