//! `text/event-stream` to values and back: no I/O, no async, no clock.

pub mod encode;
