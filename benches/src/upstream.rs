//! An OpenAI-compatible upstream that sends stamped tokens at the rate and number its path asks for.
//!
//! One thread takes requests, another sends every token when it is due, as many answers as there are: so it costs little
//! beside what relays it, and is not in step with any of its answers.

use std::cmp::Ordering;
use std::collections::BinaryHeap;
use std::collections::binary_heap::PeekMut;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use crate::result::now_nanos;

const HEAD: &str = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n";
/// Requests that wait for the sender.
const WAITING_MAX: usize = 4096;
/// How long the sender waits for a request when nothing is due.
const IDLE: Duration = Duration::from_secs(3600);
/// How long a caller may take to send its request.
const REQUEST_TIME: Duration = Duration::from_secs(5);
/// What encloses a token's stamp. It is part of the text, as a relay may write the rest of a chunk anew.
const MARK: u8 = b'~';
/// Nanoseconds since the epoch have so many digits from 2001 to 2286.
const TIME_DIGITS: usize = 19;
/// A mark, a number, a dot, a time and a mark are no longer than this.
const STAMP_MAX: usize = 2 + 20 + 1 + TIME_DIGITS;

/// Serves `POST …/rate=R/tokens=N/…` until it is killed.
pub(crate) fn serve() -> Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    println!("listening on http://{}", listener.local_addr()?);
    let (answers, asked) = sync_channel(WAITING_MAX);
    std::thread::spawn(move || send_all(&asked));
    loop {
        let (socket, _) = listener.accept()?;
        // A caller that says nothing sensible harms its own answer and no other.
        if let Ok(answer) = Answer::asked_for(socket) {
            hand_over(&answers, answer)?;
        }
    }
}

fn hand_over(answers: &SyncSender<Answer>, answer: Answer) -> Result<()> {
    answers.send(answer).ok().context("the sender has ended")
}

/// One answer under way.
#[derive(Debug)]
struct Answer {
    socket: TcpStream,
    every: Duration,
    tokens: u64,
    /// The token that is due next; the one after the last is the end.
    next: u64,
}

impl Answer {
    /// Reads the request and writes the head.
    fn asked_for(mut socket: TcpStream) -> Result<Self> {
        socket.set_nodelay(true)?;
        socket.set_read_timeout(Some(REQUEST_TIME))?;
        let mut reader = BufReader::new(&socket);
        let mut request = String::new();
        while reader.read_line(&mut request)? > 2 {}
        let length = crate::http::header(&request, "content-length").unwrap_or("0").parse()?;
        reader.read_exact(&mut vec![0; length])?;
        let number = |name: &str| -> Result<u32> {
            let (_, rest) = request.split_once(name).context("the path lacks a parameter")?;
            Ok(rest.chars().take_while(char::is_ascii_digit).collect::<String>().parse()?)
        };
        let (rate, tokens) = (number("rate=")?, number("tokens=")?);
        socket.write_all(HEAD.as_bytes())?;
        Ok(Self { socket, every: Duration::from_secs(1) / rate, tokens: tokens.into(), next: 0 })
    }

    /// Sends what is due; false when that was the end, or nobody reads it any more.
    fn send(&mut self) -> bool {
        let text = if self.next < self.tokens { token_event(self.next) } else { ENDING.to_owned() };
        let last = if self.next < self.tokens { "" } else { "0\r\n\r\n" };
        self.next += 1;
        let chunk = format!("{:x}\r\n{text}\r\n{last}", text.len());
        self.socket.write_all(chunk.as_bytes()).is_ok() && last.is_empty()
    }
}

const ENDING: &str = "data: {\"id\":\"chatcmpl-bench\",\"object\":\"chat.completion.chunk\",\"created\":1700000000,\
     \"model\":\"bench\",\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n";

/// An answer by when its next token is due: the earliest is the greatest, as a heap has it.
#[derive(Debug)]
struct Due {
    at: Instant,
    answer: Answer,
}

impl Ord for Due {
    fn cmp(&self, other: &Self) -> Ordering {
        other.at.cmp(&self.at)
    }
}

impl PartialOrd for Due {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Due {
    fn eq(&self, other: &Self) -> bool {
        self.at == other.at
    }
}

impl Eq for Due {}

fn send_all(asked: &Receiver<Answer>) {
    let mut answers: BinaryHeap<Due> = BinaryHeap::new();
    loop {
        let wait = answers.peek().map_or(IDLE, |due| due.at.saturating_duration_since(Instant::now()));
        match asked.recv_timeout(wait) {
            Ok(answer) => answers.push(Due { at: Instant::now(), answer }),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return,
        }
        while let Some(mut due) = answers.peek_mut().filter(|due| due.at <= Instant::now()) {
            if due.answer.send() {
                let every = due.answer.every;
                due.at += every;
            } else {
                PeekMut::pop(due);
            }
        }
    }
}

/// A chat chunk of the usual size.
fn token_event(token: u64) -> String {
    let sent = now_nanos();
    format!(
        "data: {{\"id\":\"chatcmpl-bench\",\"object\":\"chat.completion.chunk\",\"created\":1700000000,\"model\":\"bench\",\
         \"choices\":[{{\"index\":0,\"delta\":{{\"content\":\" ~{token}.{sent}~\"}},\"finish_reason\":null}}]}}\n\n"
    )
}

/// Hands the number of every token in `bytes` and when it was sent to `see`; returns how many bytes are done with. What
/// may be the beginning of a stamp that is not complete is not.
pub(crate) fn take_tokens(bytes: &[u8], mut see: impl FnMut(u64, u64) -> Result<()>) -> Result<usize> {
    let mut done = 0;
    loop {
        let rest = bytes.get(done..).unwrap_or_default();
        let Some(start) = memchr::memchr(MARK, rest) else { return Ok(bytes.len()) };
        let stamp = rest.get(start + 1..rest.len().min(start + STAMP_MAX)).unwrap_or_default();
        let Some(end) = memchr::memchr(MARK, stamp) else { return Ok(done + start) };
        let stamp = std::str::from_utf8(stamp.get(..end).unwrap_or_default())?;
        let (number, sent) = stamp.split_once('.').context("an odd stamp")?;
        see(number.parse()?, sent.parse()?)?;
        done += start + end + 2;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_found_whole_wherever_the_bytes_are_cut() {
        let text = format!("{HEAD}{}{}{ENDING}", token_event(0), token_event(1));
        for cut in 0..text.len() {
            let mut seen = Vec::new();
            let mut see = |number, _| {
                seen.push(number);
                Ok(())
            };
            let (first, _) = text.as_bytes().split_at(cut);
            let done = take_tokens(first, &mut see).unwrap();
            take_tokens(&text.as_bytes()[done..], &mut see).unwrap();
            assert_eq!(seen, [0, 1], "cut at {cut}");
        }
    }
}
