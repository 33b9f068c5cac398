//! The routes, judged by whole answers.

mod appending;
mod caching;
mod forking;
mod live;
mod producing;
mod reading;
mod status;
mod streaming;
mod subscribing;
