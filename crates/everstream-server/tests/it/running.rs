//! A server that runs on a thread of its own until it is told to drain.

use std::net::SocketAddr;
use std::thread::{self, JoinHandle};

use everstream_server::config::{FileText, Layers, ServeArgs, resolve};
use everstream_server::{ServeError, Server};
use everstream_testkit::{RawHttp, Response};
use tokio::sync::oneshot;

pub(crate) struct Running {
    pub(crate) address: SocketAddr,
    shutdown: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<Result<(), ServeError>>>,
}

/// A bound server on a free port, in memory, with these settings.
pub(crate) fn bind(settings: &[(&'static str, &str)]) -> Result<Server, ServeError> {
    bind_with_file("", settings)
}

fn bind_with_file(file: &str, settings: &[(&'static str, &str)]) -> Result<Server, ServeError> {
    let own = [("listen", "127.0.0.1:0"), ("durability", "memory"), ("workers", "2")];
    let flags = ServeArgs::with(&[own.as_slice(), settings].concat());
    let file = Some(FileText { path: "everstream.toml", text: file });
    let resolved = resolve(Layers { file, environment: &Default::default(), flags: &flags });
    Server::bind(resolved.map_err(ServeError::Config)?.config)
}

impl Running {
    pub(crate) fn with(settings: &[(&'static str, &str)]) -> Self {
        Self::with_file("", settings)
    }

    /// With a configuration file of this text, too.
    pub(crate) fn with_file(file: &str, settings: &[(&'static str, &str)]) -> Self {
        let server = bind_with_file(file, settings).unwrap();
        let address = server.local_addr();
        let (shutdown, told) = oneshot::channel::<()>();
        let thread = thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(server.run(async { drop(told.await) }))
        });
        Self { address, shutdown: Some(shutdown), thread: Some(thread) }
    }

    pub(crate) fn connect(&self) -> RawHttp {
        RawHttp::connect(self.address)
    }

    /// Begins the drain.
    pub(crate) fn shut_down(&mut self) {
        drop(self.shutdown.take());
    }

    /// Waits for the end.
    pub(crate) fn wait(&mut self) {
        if let Some(thread) = self.thread.take() {
            thread.join().unwrap().unwrap();
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.shut_down();
        if !thread::panicking() {
            self.wait();
        }
    }
}

/// A request for `target`, with these header lines.
pub(crate) fn get(target: &str, lines: &str) -> String {
    format!("GET {target} HTTP/1.1\r\nHost: t\r\n{lines}\r\n")
}

/// Panics unless this is a problem document of this status and code.
#[track_caller]
pub(crate) fn assert_problem(response: &Response, status: u16, code: &str) {
    assert_eq!(response.status(), status, "{}", response.text());
    assert_eq!(response.head.media_type(), "application/problem+json");
    assert_eq!(response.json()["code"], code);
    assert_eq!(response.json()["status"], status);
}
