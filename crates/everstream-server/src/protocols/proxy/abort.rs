//! `PATCH ?action=abort` and `DELETE`: end an answer, or take it away.

use std::sync::Arc;

use axum::Extension;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use everstream_gateway::{Error, ErrorKind};
use everstream_hub::{ErrorKind as HubErrorKind, Stream};
use http::request::Parts;
use http::{StatusCode, Uri};

use super::query::Query;
use crate::access::{Admin, Grant, Stop};
use crate::app::App;
use crate::problem::{Code, Problem};
use crate::proxy_gate::{ProxyGate, Scope};

/// Stops the answer for everybody, by a signed URL alone: 204, also where it has ended or is gone.
pub(super) async fn abort(
    State(app): State<App>,
    Extension(gate): Extension<Arc<ProxyGate>>,
    Path(id): Path<String>,
    uri: Uri,
) -> Result<Response, Problem> {
    let query = Query::of(&uri);
    let Some(proof) = query.proof() else {
        let detail = "only a URL with `expires` and `signature` can abort; a secret cannot";
        return Err(Problem::new(Code::MissingSignature, detail));
    };
    gate.check_url(&id, proof, Scope::Abort, app.hub.clock().now())?;
    match query.first("action") {
        Some("abort") => {}
        other => {
            let problem = Problem::new(Code::InvalidAction, "the only action is `abort`");
            return Err(problem.about("action", other.unwrap_or_default(), "abort"));
        }
    }
    if let Some(stream) = find(&app, &id).await? {
        let grant: Grant<Stop> = app.access.proven(stream.name().clone());
        stop(&grant, &stream).await?;
    }
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// Removes the answer and takes its call back: 204, also where nothing is there.
pub(super) async fn delete(
    State(app): State<App>,
    Extension(gate): Extension<Arc<ProxyGate>>,
    Path(id): Path<String>,
    parts: Parts,
) -> Result<Response, Problem> {
    gate.check_secret(Query::of(&parts.uri).first("secret"), &parts.headers)?;
    if let Some(stream) = find(&app, &id).await? {
        let grant: Grant<Admin> = app.access.proven(stream.name().clone());
        match app.hub.delete(grant.stream()).await {
            Err(error) if error.kind() != HubErrorKind::StreamNotFound => return Err(error.into()),
            _ => {}
        }
    }
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// Its relay sees the end and lets go of the upstream.
async fn stop(_grant: &Grant<Stop>, stream: &Stream) -> Result<(), Problem> {
    match stream.stop(None).await {
        Err(error) if error.kind() != HubErrorKind::StreamNotFound => Err(error.into()),
        _ => Ok(()),
    }
}

async fn find(app: &App, id: &str) -> Result<Option<Stream>, Error> {
    match app.gateway.proxied(id).await {
        Ok(stream) => Ok(Some(stream)),
        Err(error) if error.kind() == ErrorKind::Hub(HubErrorKind::StreamNotFound) => Ok(None),
        Err(error) => Err(error),
    }
}
