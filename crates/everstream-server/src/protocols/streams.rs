//! Routes come with this protocol's part.

use axum::Router;

use crate::app::App;

/// The routes of this protocol.
pub fn routes() -> Router<App> {
    Router::new()
}
