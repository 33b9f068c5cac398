//! A subscriber that costs little and checks everything: order, completeness, latency.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use memchr::memmem;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::result::{Latencies, now_nanos};

/// What precedes a record's number and the time it was sent, in nanoseconds since the epoch.
const NUMBER: &[u8] = b"\"n\":";
const SENT: &[u8] = b",\"t\":";
/// Nanoseconds since the epoch have so many digits from 2001 to 2286.
const SENT_DIGITS: usize = 19;

/// The text of a stamped record: its number, when it was `sent` and padding up to `size` bytes.
pub(crate) fn stamped(number: u64, sent: u64, size: usize) -> String {
    let head = format!("{{\"n\":{number},\"t\":{sent},\"p\":\"");
    let padding = "x".repeat(size.saturating_sub(head.len() + 2));
    format!("{head}{padding}\"}}")
}

/// Reads the stamped records of one response.
#[derive(Debug)]
pub(crate) struct Subscriber {
    socket: TcpStream,
    buffer: Vec<u8>,
    /// The number of the record that has to come next.
    pub(crate) next: u64,
    pub(crate) latencies: Latencies,
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
        Ok(Self { socket, buffer, next: 0, latencies: Latencies::default() })
    }

    /// Reads until record `until` has come (exclusive) or the response ends; returns whether it did not end.
    pub(crate) async fn read_until(&mut self, until: u64) -> Result<bool> {
        loop {
            self.take_records()?;
            if self.next >= until {
                return Ok(true);
            }
            if self.socket.read_buf(&mut self.buffer).await? == 0 {
                return Ok(false);
            }
        }
    }

    /// Reads until `mark` has come and returns how many bytes of the body that took.
    pub(crate) async fn read_past(&mut self, mark: &[u8]) -> Result<usize> {
        while memmem::find(&self.buffer, mark).is_none() {
            ensure!(self.socket.read_buf(&mut self.buffer).await? > 0, "the response ended early");
        }
        Ok(self.buffer.len())
    }

    fn take_records(&mut self) -> Result<()> {
        let now = now_nanos();
        let (next, latencies) = (&mut self.next, &mut self.latencies);
        let done = take_stamps(&self.buffer, |number, sent| {
            ensure!(number == *next, "record {number} came where {next} was due");
            *next += 1;
            latencies.add(Duration::from_nanos(now.saturating_sub(sent)));
            Ok(())
        })?;
        self.buffer.drain(..done);
        Ok(())
    }
}

/// Hands the number and the time sent of every stamp in `bytes` to `see`; returns how many bytes are done with. What may
/// be the beginning of a stamp that is not complete is not.
pub(crate) fn take_stamps(bytes: &[u8], mut see: impl FnMut(u64, u64) -> Result<()>) -> Result<usize> {
    let mut done = 0;
    loop {
        let rest = bytes.get(done..).unwrap_or_default();
        let Some(start) = memmem::find(rest, NUMBER) else {
            return Ok(done + rest.len().saturating_sub(NUMBER.len() - 1));
        };
        let record = rest.get(start + NUMBER.len()..).unwrap_or_default();
        let Some((number, sent, length)) = parse(record)? else { return Ok(done + start) };
        see(number, sent)?;
        done += start + NUMBER.len() + length;
    }
}

/// Number, time sent and length of the stamp at the start of `text`, unless it is cut off.
fn parse(text: &[u8]) -> Result<Option<(u64, u64, usize)>> {
    let Some(digits) = memmem::find(text.get(..40.min(text.len())).unwrap_or_default(), SENT) else { return Ok(None) };
    let time_start = digits + SENT.len();
    let Some(time) = text.get(time_start..time_start + SENT_DIGITS) else { return Ok(None) };
    let number = std::str::from_utf8(text.get(..digits).context("a cut stamp")?)?.parse()?;
    Ok(Some((number, std::str::from_utf8(time)?.parse()?, time_start + SENT_DIGITS)))
}
