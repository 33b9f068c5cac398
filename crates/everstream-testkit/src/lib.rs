//! What Everstream's tests stand on: the real server as a process, raw clients, a checker of histories, a faulty log.
//!
//! Nothing here shares code with what it judges: the HTTP and event stream parsers are strict, byte based and written
//! apart from the server's own. A broken expectation panics with a sentence that says what was awaited and what came;
//! every wait has a [`Deadline`].
#![warn(missing_docs)]
#![expect(clippy::expect_used, clippy::indexing_slicing, reason = "a test tool fails by panicking")]

mod api;
mod chunked;
mod deadline;
mod event_parser;
mod faulty_log;
mod head;
mod history;
mod mock_upstream;
mod raw_http;
mod raw_sse;
mod scripted_server;
mod server;

pub use api::Api;
pub use chunked::ChunkedParser;
pub use deadline::{Deadline, PATIENCE, eventually};
pub use event_parser::{Block, EventParser, Item};
pub use faulty_log::FaultyLog;
pub use head::Head;
pub use history::{HistoryChecker, Verdict};
pub use mock_upstream::{MockUpstream, UpstreamCall};
pub use raw_http::{Failure, RawHttp, Response};
pub use raw_sse::{Ending, Event, RawSse, Start};
pub use scripted_server::{Act, ScriptedRequest, ScriptedServer};
pub use server::{Exited, Launch, TestServer};
