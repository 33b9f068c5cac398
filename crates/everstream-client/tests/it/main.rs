//! Subscriber and publisher against servers that say exactly what each test wrote down.
#![expect(clippy::unwrap_used, reason = "a test file: a surprise is a failure")]

mod producer;
mod publisher;
mod reader;
mod subscriber;
