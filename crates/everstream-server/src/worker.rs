//! The threads that serve connections: each has a runtime of its own, so that a stream's appends, its writer and its
//! viewers meet on one core without locks between cores.

use std::io;
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::thread::{Builder, JoinHandle};

use tokio::runtime;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::admission::Permit;
use crate::app::{App, router};
use crate::connection::{ConnectionLimits, Connections};
use crate::lane::{Helpers, Lane};
use crate::plain_append::PlainAppends;

/// Sockets that may wait for a worker; when all workers are that far behind, nothing is accepted. The kernel keeps fewer
/// (4,096 as a rule) and drops who comes next, whose own kernel tries again after a whole second: so they wait here, where
/// each takes the memory of a few words, and has the permit that `max_connections` counts.
const SOCKETS_QUEUED_MAX: usize = 16 * 1024;

/// An accepted connection on its way to a worker.
#[derive(Debug)]
pub(crate) struct Arrival {
    pub(crate) socket: TcpStream,
    pub(crate) peer: SocketAddr,
    pub(crate) permit: Permit,
}

/// One worker.
#[derive(Debug)]
pub(crate) struct Worker {
    pub(crate) arrivals: mpsc::Sender<Arrival>,
    pub(crate) thread: JoinHandle<()>,
}

/// Starts worker `number`, whose handlers see what `app` makes on its runtime and whose groups may have `helpers`. It ends,
/// and drops what is left, once `ended` is cancelled.
///
/// # Errors
/// When the machine gives no thread, no runtime or no HTTP client.
pub(crate) fn start(number: usize, app: App, helpers: Helpers, ended: CancellationToken) -> io::Result<Worker> {
    let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
    let connections = {
        let _inside = runtime.enter();
        connections(app.on_this_runtime().map_err(io::Error::other)?, helpers)?
    };
    let (sender, arrivals) = mpsc::channel(SOCKETS_QUEUED_MAX);
    let thread = Builder::new().name(format!("worker-{number}")).spawn(move || {
        runtime.block_on(ended.run_until_cancelled(serve_arrivals(arrivals, connections)));
    })?;
    Ok(Worker { arrivals: sender, thread })
}

/// What the connections of the current runtime's worker have in common.
///
/// # Errors
/// When there are no descriptors left.
pub(crate) fn connections(app: App, helpers: Helpers) -> io::Result<Arc<Connections>> {
    let tasks = app.hub.tasks();
    Ok(Arc::new(Connections {
        limits: ConnectionLimits::new(&app.config),
        is_lane_open: app.config.lane,
        lane: Lane::open(tasks, helpers)?,
        tasks: tasks.clone(),
        draining: tasks.draining().clone(),
        cutoff: tasks.cutoff().clone(),
        plain_appends: PlainAppends::new(app.clone()),
        router: router(app),
    }))
}

/// Never returns: connections go on when no more arrive.
async fn serve_arrivals(mut arrivals: mpsc::Receiver<Arrival>, connections: Arc<Connections>) {
    while let Some(Arrival { socket, peer, permit }) = arrivals.recv().await {
        match tokio::net::TcpStream::from_std(socket) {
            Ok(socket) => {
                drop(connections.tasks.spawn(Arc::clone(&connections).serve(socket, peer, permit)));
            }
            Err(error) => tracing::warn!(%peer, %error, "an accepted connection could not be served"),
        }
        // A connection's first turn may be its whole request, a resume with all that it missed. When thousands come back
        // at once, the sockets of those who are here already are looked at before each of them.
        tokio::task::yield_now().await;
    }
    std::future::pending().await
}
