//! The embedded engine: a durable log in a data directory, nothing else to install.
//!
//! An LSM store keeps the bytes; this crate decides what stands where (`docs/adr/0001-disk-layout.md`), when an append
//! counts as durable, on which thread work runs and what happens to a damaged directory.
//!
//! ```text
//! caller ──> DiskLog ──> Writer (in the caller's thread: memory, os)  ──┐
//!               │   └──> CommitQueue (own thread: fsync, a busy store) ─┴─> Store: one batch per group
//!               ├──> read (in the caller's thread, or in the ReadPool when it may be long)
//!               └──> Reclaimer (own thread: space of deleted streams)
//! ```
#![warn(missing_docs)]

mod change;
mod commit_queue;
mod config;
mod directory;
mod disk_log;
mod engine;
mod failure;
mod group;
mod journal;
mod keyspace;
mod read;
mod read_pool;
mod reclaim;
mod recovery;
#[cfg(test)]
mod sample;
mod store;
mod tail;
mod wire;
mod writer;

pub use config::DiskConfig;
pub use disk_log::DiskLog;
pub use recovery::Recovery;
