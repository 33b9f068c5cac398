//! The few calls that most tests need, on raw connections.

use std::net::SocketAddr;

use serde_json::Value;

use crate::{Failure, RawHttp, RawSse, Response, Start};

/// A server's address with shorthands for its streams. Each call is a connection of its own and panics unless the server
/// does what is asked.
#[derive(Debug, Clone, Copy)]
pub struct Api {
    /// Where the server listens.
    pub addr: SocketAddr,
}

impl Api {
    /// Path of the stream `name`.
    #[must_use]
    pub fn path(name: &str) -> String {
        format!("/v1/stream/{name}")
    }

    /// The bytes of a request with `Host`, the given fields and, where there is a body, its length.
    #[must_use]
    pub fn request_bytes(method: &str, target: &str, fields: &[(&str, &str)], body: &[u8]) -> Vec<u8> {
        let mut request = format!("{method} {target} HTTP/1.1\r\nHost: t\r\n");
        for (name, value) in fields {
            request += &format!("{name}: {value}\r\n");
        }
        if !body.is_empty() || matches!(method, "POST" | "PUT") {
            request += &format!("Content-Length: {}\r\n", body.len());
        }
        request += "\r\n";
        [request.as_bytes(), body].concat()
    }

    /// Sends a request on a connection of its own and reads the whole answer.
    #[track_caller]
    pub fn request(self, method: &str, target: &str, fields: &[(&str, &str)], body: impl AsRef<[u8]>) -> Response {
        RawHttp::connect(self.addr).exchange(Self::request_bytes(method, target, fields, body.as_ref()))
    }

    /// A plain `GET`.
    #[track_caller]
    pub fn get(self, target: &str) -> Response {
        self.request("GET", target, &[], "")
    }

    /// Makes a stream of this type.
    #[track_caller]
    pub fn create(self, name: &str, content_type: &str) -> Response {
        self.request("PUT", &Self::path(name), &[("Content-Type", content_type)], "").expect_status(201)
    }

    /// Makes a `text/event-stream` stream.
    #[track_caller]
    pub fn create_events(self, name: &str) -> Response {
        self.create(name, "text/event-stream")
    }

    /// Appends event stream text.
    #[track_caller]
    pub fn append(self, name: &str, events: impl AsRef<[u8]>) -> Response {
        self.append_as(name, "text/event-stream", events)
    }

    /// Appends a body of this type.
    #[track_caller]
    pub fn append_as(self, name: &str, content_type: &str, body: impl AsRef<[u8]>) -> Response {
        self.request("POST", &Self::path(name), &[("Content-Type", content_type)], body).expect_status(204)
    }

    /// Closes a stream for `reason`.
    #[track_caller]
    pub fn close(self, name: &str, reason: &str) -> Response {
        let fields = [("Stream-Closed", "true"), ("Stream-Close-Reason", reason)];
        self.request("POST", &Self::path(name), &fields, "").expect_status(204)
    }

    /// The stream's state.
    #[track_caller]
    pub fn state(self, name: &str) -> Value {
        let target = format!("{}?view=state", Self::path(name));
        self.request("GET", &target, &[("Accept", "application/json")], "").expect_status(200).json()
    }

    /// How many subscriptions the stream has.
    #[track_caller]
    pub fn subscribers(self, name: &str) -> u64 {
        self.state(name)["subscribers"].as_u64().expect("a number of subscribers")
    }

    /// Subscribes from the first record on.
    #[must_use]
    #[track_caller]
    pub fn subscribe(self, name: &str) -> RawSse {
        self.subscribe_to(&Self::path(name))
    }

    /// Subscribes to a path and query.
    #[must_use]
    #[track_caller]
    pub fn subscribe_to(self, target: &str) -> RawSse {
        RawSse::try_open(self.addr, Start { target, last_event_id: None }).expect("a subscription")
    }

    /// Subscribes after the event with this id.
    #[must_use]
    #[track_caller]
    pub fn resume(self, name: &str, last_event_id: &str) -> RawSse {
        let start = Start { target: &Self::path(name), last_event_id: Some(last_event_id) };
        RawSse::try_open(self.addr, start).expect("a resumed subscription")
    }

    /// A connection for many requests.
    ///
    /// # Errors
    /// [`Failure::Broken`] when nobody listens.
    pub fn try_connect(self) -> Result<RawHttp, Failure> {
        RawHttp::try_connect(self.addr)
    }
}
