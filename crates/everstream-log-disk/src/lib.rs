//! The embedded engine: a durable log in a data directory, nothing else to install.
//!
//! An append goes to a journal of our own and to memory; what has gathered there is folded into long rows of an LSM
//! store, which holds all else. This crate decides what stands where (`docs/adr/0001-disk-layout.md`,
//! `docs/adr/0011-journal.md`, `docs/adr/0018-folds-into-tables.md`), when an append counts as durable, on which thread
//! work runs and what happens to a damaged directory.
//!
//! ```text
//! caller ──> DiskLog ──> Writer (in the caller's thread: memory, os) ─┬─> Journal: one frame per group, then Pending
//!               │   └──> CommitQueue (own thread: fsync, no room)   ──┴─> Store: one batch, for all but appends
//!               │                     Folder (own thread): Pending ─────> Store: long rows, a table or batches
//!               ├──> read: Store, then Pending (in the caller's thread, or in the ReadPool when it may be long)
//!               └──> Reclaimer (own thread: space of deleted streams)
//! ```
#![warn(missing_docs)]

mod batch;
mod change;
mod commit_queue;
mod config;
mod directory;
mod disk_log;
mod engine;
mod failure;
mod fold;
mod folder;
mod group;
mod journal;
mod keyspace;
mod pending;
mod read;
mod read_pool;
mod reclaim;
mod recovery;
#[cfg(test)]
mod sample;
mod store;
mod stream_map;
mod tail;
mod wire;
mod writer;

pub use config::DiskConfig;
pub use disk_log::DiskLog;
pub use recovery::Recovery;
