//! The server over real sockets, in this process.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a broken helper fails its test")]

mod admission;
mod asks;
mod drain;
mod head;
mod plain_append;
mod running;
mod start;
