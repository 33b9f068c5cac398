//! `live=long-poll` and `live=sse`.

mod long_poll;
mod sse;
