//! How a command ends, for scripts and for people.

use std::process::ExitCode;

use everstream_client::{CloseReason, Error, ErrorKind};

use crate::terminal::Terminal;

/// What a command came to. The numbers are part of the command line's surface.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Outcome {
    Completed = 0,
    Error = 1,
    /// Also clap's own.
    Usage = 2,
    Unreachable = 3,
    Refused = 4,
    Failed = 5,
    Stopped = 6,
}

/// The arguments do not make sense together, or one of them is none.
#[derive(Debug)]
pub(crate) struct UsageError(pub(crate) String);

impl From<Outcome> for ExitCode {
    fn from(outcome: Outcome) -> Self {
        Self::from(outcome as u8)
    }
}

impl From<&CloseReason> for Outcome {
    fn from(reason: &CloseReason) -> Self {
        match reason {
            CloseReason::Completed => Self::Completed,
            CloseReason::Stopped => Self::Stopped,
            _ => Self::Failed,
        }
    }
}

impl From<&Error> for Outcome {
    fn from(error: &Error) -> Self {
        match error.kind() {
            ErrorKind::InvalidUrl | ErrorKind::InvalidProducer => Self::Usage,
            ErrorKind::Unreachable => Self::Unreachable,
            ErrorKind::Refused(_)
            | ErrorKind::UnexpectedAnswer
            | ErrorKind::StreamClosed
            | ErrorKind::ProducerFenced
            | ErrorKind::ProducerTaken => Self::Refused,
            _ => Self::Error,
        }
    }
}

impl std::fmt::Display for UsageError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for UsageError {}

/// Tells what went wrong and how the process ends for it.
pub(crate) fn report(error: &anyhow::Error, terminal: Terminal) -> Outcome {
    if let Some(error) = error.downcast_ref::<Error>() {
        terminal.error(&error.report());
        return error.into();
    }
    if error.chain().filter_map(|cause| cause.downcast_ref::<std::io::Error>()).any(is_broken_pipe) {
        // Whoever read the output has had enough, as `head` does: nothing went wrong.
        return Outcome::Completed;
    }
    terminal.error(&format!("{error:#}"));
    if error.is::<UsageError>() { Outcome::Usage } else { Outcome::Error }
}

fn is_broken_pipe(error: &std::io::Error) -> bool {
    error.kind() == std::io::ErrorKind::BrokenPipe
}
