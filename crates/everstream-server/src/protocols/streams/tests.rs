//! The routes, judged by whole answers.

mod appending;
mod reading;
mod status;
mod streaming;
mod subscribing;
