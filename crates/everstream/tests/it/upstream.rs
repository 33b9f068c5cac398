//! An upstream that answers with whatever bytes a test wants.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

/// Listens on a free port until the test's process ends.
pub(crate) struct Upstream {
    addr: SocketAddr,
    answer: Arc<Mutex<Vec<u8>>>,
}

impl Upstream {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let upstream = Self { addr: listener.local_addr().expect("its address"), answer: Arc::default() };
        let answer = Arc::clone(&upstream.answer);
        thread::spawn(move || {
            for socket in listener.incoming().map_while(Result::ok) {
                let bytes = answer.lock().unwrap_or_else(PoisonError::into_inner).clone();
                write_after_request(socket, &bytes);
            }
        });
        upstream
    }

    /// Configuration that mounts it at `/up`.
    pub(crate) fn mount(&self, dialect: &str) -> String {
        let addr = self.addr;
        format!("[upstreams.up]\nmount = \"/up\"\nurl = \"http://{addr}\"\ndialect = \"{dialect}\"\n")
    }

    /// From now on every request is answered by an event stream with this body.
    pub(crate) fn answer(&self, body: impl AsRef<[u8]>) {
        self.answer_with_length(body.as_ref(), body.as_ref().len());
    }

    /// From now on every answer breaks off after these bytes of its body.
    pub(crate) fn break_off_after(&self, body: &str) {
        self.answer_with_length(body.as_bytes(), body.len() + 1_000);
    }

    fn answer_with_length(&self, body: &[u8], length: usize) {
        let head = format!(
            "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n"
        );
        *self.answer.lock().unwrap_or_else(PoisonError::into_inner) = [head.as_bytes(), body].concat();
    }
}

/// Reads a request up to the end of its body, which these tests end by `}`, and answers it.
fn write_after_request(mut socket: TcpStream, answer: &[u8]) {
    let mut request = Vec::new();
    let mut bytes = [0; 4096];
    while !request.ends_with(b"}") {
        match socket.read(&mut bytes) {
            Ok(count @ 1..) => request.extend_from_slice(&bytes[..count]),
            _ => return,
        }
    }
    // A server that went away is the test's to notice.
    let _ = socket.write_all(answer);
}
