//! The process: configuration, connections and routes around the hub and the gateway.
//!
//! # Layout
//! - [`config`]: raw file, environment and flags become one checked [`config::Config`].
//! - [`problem`]: the only map from an inner error to an HTTP status and a stable code.
//! - [`access`]: a handler cannot touch a stream without a [`access::Grant`].
//! - [`app`]: the state every handler sees, and the router.
//! - [`protocols`]: thin adapters; none imports another.

pub mod access;
pub mod app;
pub mod config;
pub mod health;
pub mod problem;
pub mod protocols;
pub mod sse_body;
