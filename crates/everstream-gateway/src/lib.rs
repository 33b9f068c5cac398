//! Asks: one POST to an upstream whose answer becomes a stream.
//!
//! The generation belongs to the log, not to a connection: a relay task calls the upstream, appends every event to the
//! answer's stream as it comes, and closes it with the truth about its end. Callers and viewers only read that stream.
//! The gateway knows no axum and no socket of ours; a protocol adapter turns [`Answer`] into a response.
//!
//! Follow one ask: [`Gateway::ask`] → `identity` (is it there already?) → `relay::Relay::run` → `upstream::Upstream` →
//! [`everstream_codec::Splitter`] → [`everstream_hub::Stream::append`]. The proxy's way in is [`Gateway::proxy`]; from the
//! relay on it is the same way.
#![warn(missing_docs)]

mod answer;
mod config;
mod dialect;
mod error;
mod gateway;
mod header;
mod identity;
mod options;
mod outcome;
mod presence;
mod proxy;
mod relay;
mod running;
mod target;
mod upstream;

pub use answer::{Accepted, Answer, Ask, BodyStream, BoxError, PassThrough};
pub use config::{GatewayConfig, Mount, OnDisconnect, ProxyConfig, Secret, Timeouts};
pub use dialect::{Dialect, DialectChoice};
pub use error::{Error, ErrorKind, Subject};
pub use gateway::{AskRequest, Gateway, StoppedByKey};
pub use outcome::{CloseDetail, OutcomeCode};
pub use proxy::{
    AllowList, AllowedUpstream, InvalidAllowedUpstream, Proxied, ProxyRequest, proxied_content_type, proxied_id,
};
pub use upstream::{FarEnd, InProcessUpstream, Serving};
pub use url::Url;
