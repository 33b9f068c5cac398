//! An OpenAI-compatible upstream that sends stamped tokens at the rate and number its path asks for.

use std::time::Duration;

use anyhow::{Context, Result};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval};

use crate::result::now_nanos;

const HEAD: &str = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n";

/// Serves `POST …?rate=R&tokens=N` until it is killed.
pub(crate) async fn serve() -> Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("listening on http://{}", listener.local_addr()?);
    let mut answers = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                let (socket, _) = accepted?;
                // A caller that goes away ends its own answer and nothing else.
                answers.spawn(async move { drop(answer(socket).await) });
            }
            Some(_) = answers.join_next() => {}
        }
    }
}

async fn answer(socket: TcpStream) -> Result<()> {
    socket.set_nodelay(true)?;
    let mut socket = BufReader::new(socket);
    let mut request = String::new();
    while socket.read_line(&mut request).await? > 2 {}
    let length = crate::http::header(&request, "content-length").unwrap_or("0").parse()?;
    socket.read_exact(&mut vec![0; length]).await?;
    let number = |name: &str| -> Result<u64> {
        let (_, rest) = request.split_once(name).context("the path lacks a parameter")?;
        Ok(rest.chars().take_while(char::is_ascii_digit).collect::<String>().parse()?)
    };
    let (rate, tokens) = (number("rate=")?, number("tokens=")?);
    socket.write_all(HEAD.as_bytes()).await?;
    let mut ticks = interval(Duration::from_secs(1) / u32::try_from(rate)?);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
    for token in 0..tokens {
        ticks.tick().await;
        send(&mut socket, &token_event(token)).await?;
    }
    send(&mut socket, "data: [DONE]\n\n").await?;
    socket.write_all(b"0\r\n\r\n").await?;
    Ok(())
}

async fn send(socket: &mut BufReader<TcpStream>, event: &str) -> Result<()> {
    let chunk = format!("{:x}\r\n{event}\r\n", event.len());
    Ok(socket.write_all(chunk.as_bytes()).await?)
}

/// A chat chunk of the usual size.
fn token_event(token: u64) -> String {
    let sent = now_nanos();
    format!(
        "data: {{\"id\":\"chatcmpl-bench\",\"object\":\"chat.completion.chunk\",\"created\":1700000000,\"model\":\"bench\",\
         \"n\":{token},\"t\":{sent},\"choices\":[{{\"index\":0,\"delta\":{{\"content\":\" token\"}},\"finish_reason\":null}}]}}\n\n"
    )
}
