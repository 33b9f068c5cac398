//! What one would write in an afternoon: axum's `Sse` over a broadcast channel of Tokio, events in memory only.

use std::collections::HashMap;
use std::convert::Infallible;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Result;
use axum::Router;
use axum::extract::{Path as UrlPath, State};
use axum::http::StatusCode;
use axum::response::Sse;
use axum::response::sse::{Event, KeepAlive};
use axum::routing::get;
use futures_util::stream::{Stream, unfold};
use tokio::sync::broadcast;

use super::{Peer, Started, event_source, post};
use crate::process::Process;

#[derive(Debug)]
pub(super) struct AxumBroadcast;

impl Peer for AxumBroadcast {
    fn name(&self) -> &'static str {
        "axum"
    }

    fn is_own(&self) -> bool {
        true
    }

    fn start(&self, _program: &Path, _place: &Path) -> Result<Started> {
        Ok(Process::start_own("axum-broadcast")?.into())
    }

    fn subscribe(&self, stream: usize) -> String {
        event_source(&format!("/{stream}"))
    }

    fn publish(&self, stream: usize, text: &str, out: &mut Vec<u8>) {
        post(out, format_args!("/{stream}"), "text/plain", text);
    }
}

/// Events that a slow subscriber may be behind before it loses some.
const BEHIND_MAX: usize = 1024;

type Channels = Arc<Mutex<HashMap<String, Channel>>>;

#[derive(Debug)]
struct Channel {
    sender: broadcast::Sender<(u64, Arc<str>)>,
    next: u64,
}

impl Default for Channel {
    fn default() -> Self {
        Self { sender: broadcast::Sender::new(BEHIND_MAX), next: 0 }
    }
}

/// Serves `GET` and `POST` of any name until it is killed, with a thread for each core.
pub(crate) fn serve() -> Result<()> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(async {
        let sockets = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
        println!("listening on http://{}", sockets.local_addr()?);
        let app = Router::new().route("/{stream}", get(subscribe).post(publish)).with_state(Channels::default());
        Ok(axum::serve(sockets, app).await?)
    })
}

async fn subscribe(
    State(channels): State<Channels>,
    UrlPath(stream): UrlPath<String>,
) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    let mut channels = channels.lock().unwrap_or_else(PoisonError::into_inner);
    let receiver = channels.entry(stream).or_default().sender.subscribe();
    // One that lost events is cut off; the load generator takes that for what it is.
    let events = unfold(receiver, async |mut receiver| {
        let (number, text) = receiver.recv().await.ok()?;
        Some((Ok(Event::default().id(number.to_string()).data(text)), receiver))
    });
    Sse::new(events).keep_alive(KeepAlive::default())
}

async fn publish(State(channels): State<Channels>, UrlPath(stream): UrlPath<String>, text: String) -> StatusCode {
    let mut channels = channels.lock().unwrap_or_else(PoisonError::into_inner);
    let channel = channels.entry(stream).or_default();
    // Without subscribers there is nobody to send to.
    let _ = channel.sender.send((channel.next, text.into()));
    channel.next += 1;
    StatusCode::NO_CONTENT
}
