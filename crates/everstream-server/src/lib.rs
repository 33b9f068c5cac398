//! The process: configuration, connections and routes around the hub and the gateway.
//!
//! # Layout
//! - [`config`]: raw file, environment and flags become one checked [`config::Config`].
//! - [`problem`]: the only map from an inner error to an HTTP status and a stable code.
//! - [`access`]: a handler cannot touch a stream without a [`access::Grant`].
//! - [`app`]: the state every handler sees, and the router.
//! - `edge`, `cors`, [`body`]: what holds for every request and answer.
//! - [`accept`], [`last_event_id`]: what a request's headers say to more than one protocol.
//! - [`sse_body`]: a subscription as a response body, the one way events reach a socket.
//! - [`head_only`]: the body of an answer to `HEAD`.
//! - [`signing`], [`proxy_gate`]: secrets and signed URLs; who may use the proxy.
//! - [`base_url`]: how a client reached this server.
//! - [`protocols`]: thin adapters; none imports another.
//! - [`server`]: bind, run, drain; below it `listener` → `acceptor` (with `admission`) → `worker` → `connection`
//!   (with `head` and `lawful`), one after another on a connection's way in. `plain_append` answers the plainest of
//!   requests from there; the rest goes through hyper to the router.

pub mod accept;
mod acceptor;
pub mod access;
mod admission;
pub mod app;
pub mod base_url;
pub mod body;
pub mod config;
mod connection;
mod cors;
mod edge;
mod engine;
mod head;
pub mod head_only;
pub mod health;
mod lane;
pub mod last_event_id;
mod lawful;
mod listener;
mod pieces;
mod plain_append;
pub mod problem;
pub mod protocols;
pub mod proxy_gate;
mod rewound;
mod send;
pub mod server;
pub mod signing;
mod signing_key_file;
pub mod sse_body;
mod traffic;
mod worker;

pub use listener::BindError;
pub use server::{ServeError, Server, serve};

#[cfg(test)]
mod test_app;
