//! An upstream that answers with whatever bytes a test wants.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

/// Listens on a free port until the test's process ends.
pub(crate) struct Upstream {
    addr: SocketAddr,
    body: Arc<Mutex<Vec<u8>>>,
}

impl Upstream {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let upstream = Self { addr: listener.local_addr().expect("its address"), body: Arc::default() };
        let body = Arc::clone(&upstream.body);
        thread::spawn(move || {
            for socket in listener.incoming().map_while(Result::ok) {
                let body = body.lock().unwrap_or_else(PoisonError::into_inner).clone();
                answer(socket, &body);
            }
        });
        upstream
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.addr)
    }

    /// From now on every request is answered by an event stream with this body.
    pub(crate) fn answer(&self, body: impl AsRef<[u8]>) {
        *self.body.lock().unwrap_or_else(PoisonError::into_inner) = body.as_ref().to_vec();
    }
}

/// Reads the request up to the end of its body, which these tests end by `}`, and answers it.
fn answer(mut socket: TcpStream, body: &[u8]) {
    let mut request = Vec::new();
    let mut bytes = [0; 4096];
    while !request.ends_with(b"}") {
        match socket.read(&mut bytes) {
            Ok(count @ 1..) => request.extend_from_slice(&bytes[..count]),
            _ => return,
        }
    }
    let head = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    // A server that went away is the test's to notice.
    let _ = socket.write_all(head.as_bytes()).and_then(|()| socket.write_all(body));
}
