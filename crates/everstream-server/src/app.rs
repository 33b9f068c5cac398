//! What every handler sees, and the routes put together.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::{from_fn, from_fn_with_state};
use everstream_gateway::Gateway;
use everstream_hub::Hub;
use http::Method;

use crate::access::Access;
use crate::config::Config;
use crate::problem::{Code, Problem};
use crate::protocols::demo_upstream::{self, Surroundings};
use crate::protocols::streams::History;
use crate::proxy_gate::ProxyGate;
use crate::{edge, health, protocols};

/// The state of one worker: cheap to clone, and its handles write on the worker's own runtime.
#[derive(Debug, Clone)]
pub struct App {
    /// The live streams; also the clock and the tracked tasks.
    pub hub: Hub,
    /// The asks.
    pub gateway: Gateway,
    /// The checked configuration.
    pub config: Arc<Config>,
    /// Who may do what.
    pub access: Access,
    /// Who may use the proxy; none where it is off.
    pub proxy: Option<Arc<ProxyGate>>,
    /// What bounded reads have in common.
    pub(crate) history: History,
    /// Where this server listens: what requests to the demo's upstream name as their host.
    pub own_address: SocketAddr,
}

impl App {
    /// The state of a server at `own_address`, with the gateway that `config` asks for. Must be called inside a runtime,
    /// on which the gateway's relays will run.
    ///
    /// # Errors
    /// When no HTTP client can be made.
    pub fn new(hub: Hub, config: Arc<Config>, own_address: SocketAddr) -> Result<Self, everstream_gateway::Error> {
        let demo = demo_upstream::in_process(Surroundings::new(Arc::clone(hub.clock()), &config));
        let gateway = Gateway::new(hub.clone(), config.gateway(own_address, &demo))?;
        let proxy = ProxyGate::of(&config).map(Arc::new);
        let history = History::new(hub.tasks());
        Ok(Self { hub, gateway, config, access: Access::open(), proxy, history, own_address })
    }

    /// The same for a worker: its handles write, and its relays run, on the current runtime.
    ///
    /// # Errors
    /// As [`App::new`].
    pub fn on_this_runtime(self) -> Result<Self, everstream_gateway::Error> {
        let hub = self.hub.on_this_runtime();
        Ok(Self { gateway: self.gateway.on_this_runtime(hub.clone())?, hub, ..self })
    }
}

/// Every route of the server, and around all of them what holds for every request.
///
/// A test calls it with an [`App`] over the memory engine and sends requests by `oneshot`.
pub fn router(app: App) -> Router {
    let edge = from_fn_with_state(app.clone(), edge::around);
    let demo = if app.config.serves_demo() {
        let surroundings = Surroundings::new(Arc::clone(app.hub.clock()), &app.config);
        protocols::demo::routes().merge(demo_upstream::routes(surroundings))
    } else {
        Router::new()
    };
    let proxy = match &app.proxy {
        // Its streams are read as all others are; a protocol knows no other, so that the way is shown to it here.
        Some(gate) => protocols::proxy::routes(Arc::clone(gate), protocols::streams::routes().with_state(app.clone())),
        None => protocols::proxy::off(),
    };
    let has_proxy = app.proxy.is_some();
    let routes = Router::new()
        .merge(protocols::streams::routes())
        .merge(proxy)
        .merge(demo)
        .merge(protocols::page::routes())
        .merge(health::routes())
        .fallback(protocols::asks::unrouted)
        .method_not_allowed_fallback(method_not_allowed)
        // Bodies are bounded by `body`, whose refusals are problem documents.
        .layer(DefaultBodyLimit::disable())
        .layer(from_fn_with_state(app.clone(), protocols::asks::stop_by_key))
        .with_state(app);
    // Around the router and not its routes: it adds `Allow` behind the layers of a route.
    let router = Router::new().fallback_service(routes).layer(edge);
    if has_proxy { router.layer(from_fn(protocols::proxy::in_their_words)) } else { router }
}

/// The router adds `Allow`.
async fn method_not_allowed(method: Method) -> Problem {
    Problem::new(Code::MethodNotAllowed, format!("this resource has no {method}; Allow says what it has"))
}
