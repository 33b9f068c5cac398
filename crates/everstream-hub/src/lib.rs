//! Live streams: what is being appended to, read and watched right now, on top of a durable log.
//!
//! Each stream has one ordered writer, which persists and then publishes in one step that no dropped request can
//! interrupt. A subscriber is an offset and a waker: there is no queue per subscriber, and one that falls behind the
//! ring of recent frames reads the log at its own pace. The hub knows no HTTP.
//!
//! Follow one event: [`Stream::append`] → `writer::Writer::finish` → [`everstream_log::Log::commit_now`] →
//! `live_stream::LiveStream::publish` → [`Subscription::poll_next`].
#![warn(missing_docs)]

mod alarm;
mod appender;
mod appending;
mod batch;
mod config;
mod content;
mod create;
mod deadline;
mod dormant;
mod error;
mod event_id;
mod fork;
mod frame;
mod home;
mod hub;
mod live_stream;
mod producer;
mod receipt;
mod registry;
mod resume;
mod ring;
mod sleeper;
mod stream;
mod subscription;
mod sweeper;
mod tasks;
mod waiters;
mod writer;

pub use appender::{Appender, Aside};
pub use appending::Appending;
pub use batch::{Batch, BatchFrame, BatchPlace, DueBatch, EncodeBatch};
pub use config::HubConfig;
pub use content::ContentKind;
pub use create::{CreateStream, Created};
pub use dormant::{Dormancy, Rung};
pub use error::{Error, ErrorKind};
pub use event_id::{EventId, InvalidEventId};
pub use fork::{ForkFrom, Source};
pub use hub::Hub;
pub use resume::{Opening, Reset, ResetReason, Start};
pub use stream::{Append, Appended, Close, End, Sequenced, Stopped, Stream, StreamState};
pub use subscription::{BatchSubscription, Delivery, Subscription};
pub use tasks::Tasks;
