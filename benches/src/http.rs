//! Just enough HTTP/1.1 for a load generator: requests as text, answers with a length.

use std::net::SocketAddr;

use anyhow::{Context, Result, bail, ensure};
use memchr::memmem;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// A connection that is kept for many requests.
#[derive(Debug)]
pub(crate) struct Connection {
    socket: TcpStream,
    address: SocketAddr,
    buffer: Vec<u8>,
}

impl Connection {
    pub(crate) async fn open(address: SocketAddr) -> Result<Self> {
        let socket = TcpStream::connect(address).await.with_context(|| format!("cannot connect to {address}"))?;
        socket.set_nodelay(true)?;
        Ok(Self { socket, address, buffer: Vec::new() })
    }

    /// Sends a request and returns the answer's body; any status but 2xx is an error.
    pub(crate) async fn call(&mut self, method: &str, path: &str, headers: &str, body: &[u8]) -> Result<Vec<u8>> {
        let length = body.len();
        let head =
            format!("{method} {path} HTTP/1.1\r\nHost: {}\r\nContent-Length: {length}\r\n{headers}\r\n", self.address);
        self.socket.write_all(&[head.as_bytes(), body].concat()).await?;
        let head = self.read_head().await?;
        let status = head.get(9..12).unwrap_or_default().to_owned();
        let length = header(&head, "content-length").map_or(Ok(0), str::parse::<usize>)?;
        while self.buffer.len() < length {
            self.fill().await?;
        }
        let rest = self.buffer.split_off(length);
        let body = std::mem::replace(&mut self.buffer, rest);
        ensure!(status.starts_with('2'), "{method} {path}: {status} {}", String::from_utf8_lossy(&body));
        Ok(body)
    }

    async fn read_head(&mut self) -> Result<String> {
        loop {
            if let Some(end) = memmem::find(&self.buffer, b"\r\n\r\n") {
                let rest = self.buffer.split_off(end + 4);
                let head = std::mem::replace(&mut self.buffer, rest);
                return Ok(String::from_utf8(head)?);
            }
            self.fill().await?;
        }
    }

    async fn fill(&mut self) -> Result<()> {
        if self.socket.read_buf(&mut self.buffer).await? == 0 {
            bail!("the server closed the connection");
        }
        Ok(())
    }
}

/// The value of a header in a head.
pub(crate) fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    head.lines().find_map(|line| {
        let (key, value) = line.split_once(':')?;
        key.eq_ignore_ascii_case(name).then_some(value.trim())
    })
}
