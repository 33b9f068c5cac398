//! One connection, from its first byte to its last.
//!
//! The first head is read and judged here; the rest is hyper's. Whatever ends it, a connection is closed so that the
//! client can still read the last answer: our half first, then the client's.

use std::convert::Infallible;
use std::error::Error;
use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::response::IntoResponse;
use everstream_hub::Tasks;
use http::{Request, Version};
use hyper::body::Incoming;
use hyper::server::conn::http1::{self, Parts};
use hyper::service::{HttpService, service_fn};
use hyper_util::rt::TokioTimer;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

use crate::admission::Permit;
use crate::config::Config;
use crate::head::{FirstHead, HeadLimits, read_first};
use crate::lane::{Ended, Events, Handover, Lane, MayBoard, Onward, Peer, Rider};
use crate::lawful;
use crate::pieces::Outgoing;
use crate::plain_append::{PlainAppends, Rest};
use crate::problem::Problem;
use crate::protocols::streams::PREFIX;
use crate::rewound::Rewound;
use crate::traffic::Traffic;

type BoxError = Box<dyn Error + Send + Sync>;

/// What the connections of a worker have in common.
#[derive(Debug, Clone)]
pub(crate) struct Connections {
    pub(crate) router: Router,
    pub(crate) plain_appends: PlainAppends,
    pub(crate) limits: ConnectionLimits,
    /// Whether event streams leave hyper.
    pub(crate) is_lane_open: bool,
    pub(crate) lane: Lane,
    pub(crate) tasks: Tasks,
    pub(crate) draining: CancellationToken,
    pub(crate) cutoff: CancellationToken,
}

/// The bounds of one connection.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ConnectionLimits {
    head: HeadLimits,
    idle_timeout: Duration,
}

impl ConnectionLimits {
    pub(crate) const fn new(config: &Config) -> Self {
        let head = HeadLimits { bytes_max: config.max_head_bytes.0, timeout: config.head_timeout };
        Self { head, idle_timeout: config.idle_timeout }
    }
}

/// How long, and for how many bytes, a client that was answered may go on sending before its connection is dropped.
const LINGER: Duration = Duration::from_secs(1);
const LINGER_BYTES_MAX: usize = 1 << 20;

impl Connections {
    /// Serves `socket` until it ends, the cutoff comes, or the drain finds it idle.
    ///
    /// # Cancel safety
    /// Dropped, it has dropped the connection.
    pub(crate) async fn serve(self: Arc<Self>, mut socket: TcpStream, peer: SocketAddr, permit: Permit) {
        // On the heap, as all that follows it: a connection is as small as what serves it.
        let first = Box::pin(read_first(&mut socket, self.limits.head));
        let Some(first) = self.draining.run_until_cancelled(first).await else { return };
        let ended: Result<(), BoxError> = match first {
            Ok(FirstHead::Gone) => Ok(()),
            Ok(FirstHead::Refused(problem)) => Box::pin(refuse(socket, &problem)).await.map_err(Into::into),
            Ok(FirstHead::Whole(head)) => self.serve_whole(At::Requests(socket, head), permit).await,
            Err(error) => Err(error.into()),
        };
        if let Err(error) = ended {
            // The other side's doing, nearly always: nothing for anybody to act on.
            tracing::debug!(%peer, error = &*error, "a connection broke");
        }
    }

    /// Serves a connection whose first head is lawful: plain appends here, other requests by hyper, which gives the
    /// connection back after a publisher's, and to the lane where an event stream begins. The permit goes where the
    /// connection goes.
    async fn serve_whole(self: &Arc<Self>, mut at: At, mut permit: Permit) -> Result<(), BoxError> {
        loop {
            at = match at {
                At::Requests(mut socket, unread) => {
                    match Box::pin(self.plain_appends.serve(unread, &mut socket)).await? {
                        Rest::Over => {
                            self.part(&mut socket).await;
                            return Ok(());
                        }
                        Rest::Other(bytes) => match Box::pin(self.serve_requests(bytes, socket)).await? {
                            Some(at) => at,
                            None => return Ok(()),
                        },
                    }
                }
                At::Events(rider) => match self.cutoff.run_until_cancelled(rider).await {
                    Some(Ended::MayJoin(socket, unread, events)) => {
                        let onward: Arc<dyn Onward> = Arc::<Self>::clone(self);
                        match events.join(Peer { socket, unread, permit }, &self.lane, &onward) {
                            Ok(()) => return Ok(()),
                            Err((peer, events)) => {
                                permit = peer.permit;
                                At::Events(Rider::new(peer.socket, peer.unread, events).alone())
                            }
                        }
                    }
                    Some(Ended::Clean(socket, unread)) if !self.draining.is_cancelled() => At::Requests(socket, unread),
                    Some(Ended::Clean(mut socket, _) | Ended::Cut(mut socket)) => {
                        self.part(&mut socket).await;
                        return Ok(());
                    }
                    Some(Ended::Gone(error)) => return Err(error.into()),
                    None => return Ok(()),
                },
            };
        }
    }

    /// Has hyper serve requests until the connection ends, or is between two requests after a publisher's, or the head of
    /// an event stream is written: then it gives back the socket and what was read ahead.
    async fn serve_requests(&self, unread: Vec<u8>, socket: TcpStream) -> hyper::Result<Option<At>> {
        let traffic = Traffic::default();
        let handover = Handover::new(traffic.clone());
        let builder = self.builder(&unread);
        let io = Rewound::new(unread, socket, traffic.clone());
        let seen = Seen { router: self.router.clone(), traffic: traffic.clone(), handover: handover.clone() };
        let is_lane_open = self.is_lane_open;
        let service = service_fn(move |request: Request<Incoming>| {
            let may_board = MayBoard::of(&request, is_lane_open);
            let request = seen.traffic.begin(request);
            Box::pin(seen.clone().answer(request, may_board))
        });
        let mut connection = builder.serve_connection(io, service);
        let turn = async |connection: &mut _| poll_fn(|cx| poll_turn(connection, &traffic, &handover, cx)).await;
        // One token at a time: polling one takes locks that all connections share, and this is polled for every event. And
        // hyper's turn first, also in the midst of a drain: a request that it has not seen begin it would not answer.
        let served = tokio::select! {
            biased;
            served = turn(&mut connection) => Some(served),
            () = self.draining.cancelled() => None,
        };
        let ended = match served {
            Some(Hyper::Ended(ended)) => ended,
            Some(stopped) => return Ok(Some(take_back(connection, stopped))),
            None => {
                Pin::new(&mut connection).graceful_shutdown();
                match self.cutoff.run_until_cancelled(turn(&mut connection)).await {
                    Some(Hyper::Ended(ended)) => ended,
                    Some(stopped) => return Ok(Some(take_back(connection, stopped))),
                    None => return Ok(None),
                }
            }
        };
        // Also after an error: hyper may have answered it, and an answer cut off by a reset is none.
        let (mut socket, _) = connection.into_parts().io.into_parts();
        self.part(&mut socket).await;
        ended.map(|()| None)
    }

    /// Ends a connection in order, unless time is up.
    async fn part(&self, socket: &mut TcpStream) {
        // On the heap, as all that serves it.
        self.cutoff.run_until_cancelled(Box::pin(linger(socket))).await;
    }

    fn builder(&self, unread: &[u8]) -> http1::Builder {
        // While an answer is made hyper listens for a client that leaves, which takes it another buffer of 8 KiB. A creation
        // is over with its commit, and may be one of very many: it is answered, whoever is there.
        let creates = unread.strip_prefix(b"PUT ").is_some_and(|target| target.starts_with(PREFIX.as_bytes()));
        let mut builder = http1::Builder::new();
        builder
            .timer(TokioTimer::new())
            // hyper's clock for a later head starts with the end of the answer before, so that it bounds idleness too.
            .header_read_timeout(self.limits.idle_timeout)
            .max_buf_size(self.limits.head.bytes_max)
            .half_close(creates);
        builder
    }
}

/// Where a connection stands.
enum At {
    /// Before a request; these bytes were read ahead.
    Requests(TcpStream, Vec<u8>),
    /// Within an event stream, behind its head.
    Events(Rider),
}

impl Onward for Connections {
    fn go_on(self: Arc<Self>, rider: Rider, permit: Permit) {
        let tasks = self.tasks.clone();
        drop(tasks.spawn(async move {
            if let Err(error) = self.serve_whole(At::Events(rider), permit).await {
                tracing::debug!(error = &*error, "a connection broke");
            }
        }));
    }
}

/// Why hyper is left.
enum Hyper {
    Ended(hyper::Result<()>),
    BetweenRequests,
    HasBoarded(Events),
}

type ServedBy<S> = http1::Connection<Rewound<TcpStream>, S>;

fn poll_turn<S>(
    connection: &mut ServedBy<S>,
    traffic: &Traffic,
    handover: &Handover,
    cx: &mut Context<'_>,
) -> Poll<Hyper>
where
    S: HttpService<Incoming, ResBody = Outgoing> + Unpin,
    S::Future: Unpin,
    S::Error: Into<BoxError>,
{
    match connection.poll_without_shutdown(cx) {
        Poll::Ready(ended) => Poll::Ready(Hyper::Ended(ended)),
        Poll::Pending if traffic.is_between_requests() => Poll::Ready(Hyper::BetweenRequests),
        Poll::Pending => handover.is_due().map_or(Poll::Pending, |events| Poll::Ready(Hyper::HasBoarded(events))),
    }
}

fn take_back<S>(connection: ServedBy<S>, stopped: Hyper) -> At
where
    S: HttpService<Incoming, ResBody = Outgoing>,
    S::Error: Into<BoxError>,
{
    let Parts { io, read_buf, .. } = connection.into_parts();
    let (socket, rest) = io.into_parts();
    let unread = [read_buf.as_ref(), &rest].concat();
    match stopped {
        Hyper::HasBoarded(events) => At::Events(Rider::new(socket, unread, events)),
        Hyper::Ended(_) | Hyper::BetweenRequests => At::Requests(socket, unread),
    }
}

/// What a request's answer passes on its way.
#[derive(Clone)]
struct Seen {
    router: Router,
    traffic: Traffic,
    handover: Handover,
}

impl Seen {
    async fn answer(self, request: Request<Body>, may_board: MayBoard) -> Result<http::Response<Outgoing>, Infallible> {
        let Self { router, traffic, handover } = self;
        let version = request.version();
        let mut response = match lawful::check(&request) {
            Ok(()) => handover.take(may_board, router.oneshot(request).await?),
            Err(problem) => problem.into_response(),
        };
        if version == Version::HTTP_10 {
            // Else hyper promises to keep the connection whose end is the end of a body of unknown length.
            *response.version_mut() = version;
        }
        Ok(Outgoing::of(traffic.answer(response)))
    }
}

/// Answers with `problem` and closes.
///
/// # Errors
/// As the socket.
pub(crate) async fn refuse(mut socket: TcpStream, problem: &Problem) -> io::Result<()> {
    socket.write_all(&problem.to_wire()).await?;
    linger(&mut socket).await;
    Ok(())
}

/// Ends our half and reads on for a moment: closing a socket with unread bytes resets the connection, which takes the
/// answer with it (RFC 9112, 9.6).
async fn linger(socket: &mut TcpStream) {
    let drained = async {
        socket.shutdown().await?;
        let mut discarded = [0; 4096];
        let mut bytes = 0;
        while bytes < LINGER_BYTES_MAX {
            match socket.read(&mut discarded).await? {
                0 => break,
                count => bytes += count,
            }
        }
        io::Result::Ok(())
    };
    // Whatever comes of it, the connection is over.
    let _ = tokio::time::timeout(LINGER, drained).await;
}

#[cfg(test)]
mod tests;
