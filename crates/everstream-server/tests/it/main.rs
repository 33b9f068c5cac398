//! The server over real sockets, in this process.

mod admission;
mod drain;
mod head;
mod running;
mod start;
