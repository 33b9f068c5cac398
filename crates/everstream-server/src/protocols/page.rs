//! The page at `/`: static files, embedded when the server is built.
//!
//! Everything but `index.html` has its hash in its name and may be kept for ever; `index.html` is asked for each
//! time and answered by 304 while it is the same. The page takes nothing from other origins, and its policy says so.

use std::borrow::Cow;

use axum::Router;
use axum::extract::Path;
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, get};
use http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, IF_NONE_MATCH, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderMap, HeaderName, StatusCode};
use rust_embed::{EmbeddedFile, RustEmbed};

use crate::problem::{Code, Problem};

/// What `make page` built. Empty in a build that came before it.
#[derive(RustEmbed)]
#[folder = "../../web/page/dist"]
#[allow_missing = true]
struct BuiltPage;

/// Shown when the binary was built without the page.
const NOT_BUILT: &str = "<!doctype html><html lang=\"en\"><title>Everstream</title>\
    <p>This server was built without its page: run <code>make page</code> and build again. Everything else works.";

/// Scripts, styles and streams of this server alone; nothing inline, nothing framed.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
    base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// The routes of the page. It needs nothing of the server, whatever its state is.
pub fn routes<S: Clone + Send + Sync + 'static>() -> Router<S> {
    Router::new().route("/", read_only(get(index))).route("/_page/{name}", read_only(get(asset)))
}

/// `HEAD` comes with `get`; any other method is told so.
fn read_only<S: Clone + Send + Sync + 'static>(route: MethodRouter<S>) -> MethodRouter<S> {
    route.fallback(async || Problem::method_not_allowed("GET, HEAD"))
}

async fn index(request: HeaderMap) -> Response {
    match PageFile::find("index.html") {
        Some(file) => file.respond("no-cache", &request),
        None => {
            let headers = [(CONTENT_TYPE, content_type("html")), (CACHE_CONTROL, "no-store")];
            (headers, protection(), NOT_BUILT).into_response()
        }
    }
}

async fn asset(Path(name): Path<String>, request: HeaderMap) -> Result<Response, Problem> {
    let file = PageFile::find(&format!("_page/{name}"))
        .ok_or_else(|| Problem::new(Code::PathNotFound, "the page has no such file").about("path", &name, "/"))?;
    Ok(file.respond("public, max-age=31536000, immutable", &request))
}

/// One file of the page, ready to be sent.
struct PageFile {
    data: Cow<'static, [u8]>,
    content_type: &'static str,
    tag: String,
}

impl PageFile {
    fn find(path: &str) -> Option<Self> {
        let EmbeddedFile { data, metadata } = BuiltPage::get(path)?;
        let extension = path.rsplit('.').next().unwrap_or_default();
        Some(Self { data, content_type: content_type(extension), tag: entity_tag(&metadata.sha256_hash()) })
    }

    fn respond(self, cache_control: &'static str, request: &HeaderMap) -> Response {
        let is_held = is_held(request, &self.tag);
        let validators = [(CACHE_CONTROL, cache_control.to_owned()), (ETAG, self.tag)];
        if is_held {
            return (StatusCode::NOT_MODIFIED, validators).into_response();
        }
        ([(CONTENT_TYPE, self.content_type)], validators, protection(), self.data).into_response()
    }
}

/// Half of the file's hash in hexadecimal: as good as all of it here, and short enough to read.
fn entity_tag(hash: &[u8]) -> String {
    let half: String = hash.iter().take(hash.len() / 2).map(|byte| format!("{byte:02x}")).collect();
    format!("\"{half}\"")
}

/// Whether the client holds this very file (RFC 9110 13.1.2: weak comparison, a list, or `*`).
fn is_held(request: &HeaderMap, tag: &str) -> bool {
    let lists = request.get_all(IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    lists
        .flat_map(|list| list.split(','))
        .map(str::trim)
        .any(|held| held == "*" || held.trim_start_matches("W/") == tag)
}

/// The kinds of file the page is built of. Another kind is bytes, which `nosniff` keeps from being anything else.
fn content_type(extension: &str) -> &'static str {
    match extension {
        "html" => "text/html; charset=utf-8",
        "js" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "svg" => "image/svg+xml",
        _ => "application/octet-stream",
    }
}

fn protection() -> [(HeaderName, &'static str); 3] {
    // The address of a shared stream stands in the fragment, which no referrer has; the policy keeps the rest too.
    [(CONTENT_SECURITY_POLICY, POLICY), (X_CONTENT_TYPE_OPTIONS, "nosniff"), (REFERRER_POLICY, "no-referrer")]
}

#[cfg(test)]
mod tests;
