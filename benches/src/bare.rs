//! The limit: a loop that writes the same ready-made frame to every socket, with nothing around it.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};

use anyhow::{Context, Result};

const HEAD: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n";

/// Takes subscribers until a publisher comes, then writes each of its events to all of them.
pub(crate) fn serve() -> Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    println!("listening on http://{}", listener.local_addr()?);
    let mut subscribers: Vec<TcpStream> = Vec::new();
    loop {
        let (socket, _) = listener.accept()?;
        socket.set_nodelay(true)?;
        let mut reader = BufReader::new(socket.try_clone()?);
        let mut first = String::new();
        reader.read_line(&mut first)?;
        let mut line = String::new();
        while reader.read_line(&mut line)? > 2 {
            line.clear();
        }
        if first.starts_with("PUBLISH") {
            return publish(reader, &mut subscribers);
        }
        let mut socket = socket;
        socket.write_all(HEAD)?;
        subscribers.push(socket);
    }
}

/// An event comes as its length in four bytes and its text.
fn publish(mut events: BufReader<TcpStream>, subscribers: &mut [TcpStream]) -> Result<()> {
    let mut length = [0; 4];
    for number in 1_u64.. {
        if events.read_exact(&mut length).is_err() {
            return Ok(());
        }
        let mut text = vec![0; u32::from_be_bytes(length) as usize];
        events.read_exact(&mut text)?;
        let event = [format!("id: k3v9x2ab-{number}\ndata: ").as_bytes(), text.as_slice(), b"\n\n"].concat();
        let chunk = [format!("{:x}\r\n", event.len()).as_bytes(), event.as_slice(), b"\r\n"].concat();
        for subscriber in subscribers.iter_mut() {
            subscriber.write_all(&chunk).context("a subscriber is gone")?;
        }
    }
    Ok(())
}
