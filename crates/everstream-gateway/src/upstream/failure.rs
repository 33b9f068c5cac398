//! Why a call failed.

use crate::outcome::{CloseDetail, OutcomeCode};
use crate::{BoxError, Error};

/// A call that failed before its answer was whole.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) code: OutcomeCode,
    message: &'static str,
    pub(crate) source: Option<BoxError>,
}

impl Failure {
    pub(crate) const fn new(code: OutcomeCode, message: &'static str) -> Self {
        Self { code, message, source: None }
    }

    pub(super) fn unreachable(cause: impl Into<BoxError>) -> Self {
        Self::new(OutcomeCode::UpstreamUnreachable, "the upstream cannot be reached").because(cause)
    }

    pub(super) fn before_the_head(cause: impl Into<BoxError>) -> Self {
        let message = "the upstream broke the connection before it answered";
        Self::new(OutcomeCode::UpstreamUnreachable, message).because(cause)
    }

    /// The upstream's answer is none to what it was asked.
    pub(super) const fn unasked(message: &'static str) -> Self {
        Self::new(OutcomeCode::UpstreamUnreachable, message)
    }

    pub(super) fn within_the_body(cause: impl Into<BoxError>) -> Self {
        Self::new(OutcomeCode::UpstreamCut, "the upstream broke off its answer").because(cause)
    }

    fn because(self, cause: impl Into<BoxError>) -> Self {
        Self { source: Some(cause.into()), ..self }
    }

    pub(crate) fn detail(&self) -> CloseDetail {
        CloseDetail::new(self.code, self.message)
    }

    pub(crate) fn into_error(self) -> Error {
        let error = self.detail().into_error();
        match self.source {
            Some(source) => error.caused_by(source),
            None => error,
        }
    }
}
