//! Subscriber and publisher for Everstream, and a subscriber for any `text/event-stream`.
//!
//! [`Subscriber`] follows a stream across connections: it judges each response, presents the last event id, waits as
//! the server asks and backs off as [`Reconnect`] decides, and stops for good where the stream ends. [`Publisher`]
//! creates, appends and closes; [`Producer`] appends each record exactly once, whatever is lost on the way.
//!
//! [`Reader`] speaks the Durable Streams protocol, with any server of it: bounded reads, `live=long-poll` and `live=sse`.
//!
//! ```no_run
//! # async fn example() -> Result<(), everstream_client::Error> {
//! use everstream_client::{Notice, Request, SubscribeOptions, Subscriber};
//!
//! let request = Request::get("http://127.0.0.1:8000/v1/stream/news")?;
//! let mut subscriber = Subscriber::new(everstream_client::http_client()?, request, SubscribeOptions::default());
//! while let Some(notice) = subscriber.next().await {
//!     match notice {
//!         Notice::Event(event) => println!("{}", event.data),
//!         Notice::Ended(end) => println!("ended: {end:?}"),
//!         _ => {}
//!     }
//! }
//! # Ok(())
//! # }
//! ```
#![warn(missing_docs)]

mod connect;
mod end;
mod error;
mod judge;
mod producer;
mod publisher;
mod reader;
mod reconnect;
mod request;
mod subscriber;

pub use end::{Close, CloseReason, End};
pub use error::{Error, ErrorKind};
pub use everstream_codec::{Event, EventName};
pub use producer::{EpochRule, Known, Producer, ProducerOptions};
pub use publisher::{Appended, Created, Publisher};
pub use reader::{Live, Piece, ReadEnd, ReadNotice, ReadOptions, Reader};
pub use reconnect::{Disconnect, Next, Reconnect, ReconnectPolicy};
pub use request::Request;
pub use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
pub use reqwest::{Client, Url};
pub use subscriber::{Notice, ReconnectAt, SubscribeOptions, Subscriber};

/// An HTTP client that connects within ten seconds or not at all, and otherwise waits as long as a stream does.
///
/// # Errors
/// [`ErrorKind::Unreachable`] when the system's certificates cannot be used.
pub fn http_client() -> Result<Client, Error> {
    Client::builder()
        .connect_timeout(std::time::Duration::from_secs(10))
        .user_agent(concat!("everstream/", env!("CARGO_PKG_VERSION")))
        .build()
        .map_err(|source| Error::new(ErrorKind::Unreachable, "no HTTP client could be set up").caused_by(source))
}
