//! Our own journal: the appends that are not in the store yet, as they were committed, one frame for each commit.
//!
//! A journal is a file that only grows and is removed once everything in it is in the store. Its number rises with each
//! one that is begun; nothing in a file is ever written over but the zeros that it may be made with.

mod entry;
mod file;
mod frame;

pub(crate) use file::{Journal, list, read, sync_files, sync_names};
pub(crate) use frame::{Scan, scan};
