//! A subscriber that waits for one thing.

use std::net::SocketAddr;

use anyhow::{Result, ensure};
use memchr::memmem;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Reads one response.
#[derive(Debug)]
pub(crate) struct Subscriber {
    socket: TcpStream,
    buffer: Vec<u8>,
}

impl Subscriber {
    /// Sends `request` and waits for the head of a 200 answer.
    pub(crate) async fn open(address: SocketAddr, request: &str) -> Result<Self> {
        let mut socket = TcpStream::connect(address).await?;
        socket.set_nodelay(true)?;
        socket.write_all(request.as_bytes()).await?;
        let mut buffer = Vec::with_capacity(4096);
        let head_end = loop {
            if let Some(end) = memmem::find(&buffer, b"\r\n\r\n") {
                break end + 4;
            }
            ensure!(socket.read_buf(&mut buffer).await? > 0, "closed before the head");
        };
        let head = String::from_utf8_lossy(buffer.get(..head_end).unwrap_or_default()).into_owned();
        ensure!(head.starts_with("HTTP/1.1 200"), "{head}");
        buffer.drain(..head_end);
        Ok(Self { socket, buffer })
    }

    /// Reads until `mark` has come and returns how many bytes of the body that took.
    pub(crate) async fn read_past(&mut self, mark: &[u8]) -> Result<usize> {
        while memmem::find(&self.buffer, mark).is_none() {
            ensure!(self.socket.read_buf(&mut self.buffer).await? > 0, "the response ended early");
        }
        Ok(self.buffer.len())
    }
}
