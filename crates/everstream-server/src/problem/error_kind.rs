//! The only map from an inner crate's error to a [`Code`]: an arm for each kind, so that a new one does not compile until
//! it has its status.

use std::error::Error as StdError;

use everstream_gateway::ErrorKind as GatewayKind;
use everstream_hub::ErrorKind as HubKind;

use super::{Code, Problem};

/// How long a refused client is asked to wait when the cause may pass soon.
const RETRY_SOON_SECONDS: u32 = 1;
/// How long when it takes a restart or a person.
const RETRY_LATER_SECONDS: u32 = 10;

impl From<everstream_hub::Error> for Problem {
    fn from(error: everstream_hub::Error) -> Self {
        of(code_of_hub(error.kind()), &error)
    }
}

impl From<everstream_gateway::Error> for Problem {
    fn from(error: everstream_gateway::Error) -> Self {
        let problem = of(code_of_gateway(error.kind()), &error);
        match error.subject() {
            Some(subject) => problem.about(&subject.field, &subject.value, subject.example),
            None => problem,
        }
    }
}

const fn code_of_hub(kind: HubKind) -> Code {
    match kind {
        HubKind::StreamNotFound => Code::StreamNotFound,
        HubKind::StreamDeleted => Code::StreamDeleted,
        HubKind::StreamExists => Code::StreamExists,
        HubKind::AliasTaken => Code::AliasTaken,
        HubKind::StreamClosed => Code::StreamClosed,
        HubKind::ProducerFenced { .. } => Code::ProducerFenced,
        HubKind::ProducerGap { .. } => Code::ProducerGap,
        HubKind::ProducerLateStart => Code::ProducerLateStart,
        HubKind::ProducersFull => Code::ProducersFull,
        HubKind::StreamSeqRegressed => Code::StreamSeqRegressed,
        HubKind::OffsetTrimmed => Code::OffsetTrimmed,
        HubKind::OffsetBeyondTail => Code::OffsetBeyondTail,
        HubKind::SubOffsetInvalid => Code::InvalidHeader,
        HubKind::ForkTooDeep => Code::ForkTooDeep,
        HubKind::RecordTooLarge => Code::EventTooLarge,
        HubKind::StreamFull => Code::StreamFull,
        HubKind::Overloaded => Code::Overloaded,
        HubKind::Draining => Code::Draining,
        HubKind::ReadOnly => Code::LogReadOnly,
        HubKind::Storage => Code::StorageFailed,
    }
}

const fn code_of_gateway(kind: GatewayKind) -> Code {
    match kind {
        GatewayKind::PathNotFound => Code::PathNotFound,
        GatewayKind::InvalidHeader => Code::InvalidHeader,
        GatewayKind::IdempotencyKeyReused => Code::IdempotencyKeyReused,
        GatewayKind::Stopped => Code::Stopped,
        GatewayKind::ResumeMismatch => Code::ResumeMismatch,
        GatewayKind::BodyTooLarge => Code::BodyTooLarge,
        GatewayKind::IncompleteBody => Code::IncompleteBody,
        GatewayKind::TooManyAsks => Code::TooManyAsks,
        GatewayKind::UpstreamNotAllowed => Code::UpstreamNotAllowed,
        GatewayKind::UpstreamRedirects => Code::RedirectNotAllowed,
        GatewayKind::UpstreamUnreachable => Code::UpstreamUnreachable,
        GatewayKind::UpstreamTimeout => Code::UpstreamTimeout,
        GatewayKind::UpstreamFailed(_) => Code::UpstreamFailed,
        GatewayKind::Hub(kind) => code_of_hub(kind),
        GatewayKind::Internal => Code::Internal,
    }
}

/// The client learns that the server failed, the operator why: a chain of causes may name paths of this machine.
fn of(code: Code, error: &(dyn StdError + 'static)) -> Problem {
    let problem = |detail: String| Problem::new(code, detail);
    match code {
        Code::StorageFailed | Code::Internal => {
            tracing::error!(error, code = code.as_str(), "a request failed");
            problem("the server failed; its own log says why".to_owned())
        }
        Code::Overloaded | Code::Draining | Code::TooManyAsks => {
            problem(error.to_string()).retry_after_seconds(RETRY_SOON_SECONDS)
        }
        Code::LogReadOnly => problem(error.to_string()).retry_after_seconds(RETRY_LATER_SECONDS),
        _ => problem(error.to_string()),
    }
}
