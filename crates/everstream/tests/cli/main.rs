//! The command as a process, against servers that say exactly what each test wrote down.
#![expect(clippy::unwrap_used, reason = "a test file: a surprise is a failure")]

mod ask;
mod decode;
mod everstream;
mod publish;
mod subscribe;
