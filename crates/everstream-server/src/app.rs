//! What every handler sees, and the routes put together.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use everstream_hub::Hub;
use http::Uri;

use crate::access::Access;
use crate::config::Config;
use crate::problem::{Code, Problem};
use crate::{health, protocols};

/// The state of one worker: cheap to clone, and its handles write on the worker's own runtime.
#[derive(Debug, Clone)]
pub struct App {
    /// The live streams; also the clock and the tracked tasks.
    pub hub: Hub,
    /// The checked configuration.
    pub config: Arc<Config>,
    /// Who may do what.
    pub access: Access,
    /// Where this server listens: how the demo's mount finds its upstream.
    pub own_address: SocketAddr,
}

/// Every route of the server, without the layers that belong to a connection.
///
/// A test calls it with an [`App`] over the memory engine and sends requests by `oneshot`.
pub fn router(app: App) -> Router {
    Router::new()
        .merge(protocols::streams::routes())
        .merge(protocols::asks::routes())
        .merge(protocols::demo::routes())
        .merge(protocols::page::routes())
        .merge(health::routes())
        .fallback(path_not_found)
        .with_state(app)
}

async fn path_not_found(uri: Uri) -> Problem {
    Problem::new(Code::PathNotFound, "nothing is at this path").about("path", uri.path(), "/v1/stream/chat/42")
}
