//! The routes, judged by whole answers.

mod appending;
mod caching;
mod live;
mod reading;
mod status;
mod streaming;
mod subscribing;
