//! Pushpin: a proxy that holds the responses of a backend open and adds to them what is published; it stores nothing.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;

use anyhow::{Context as _, Result};

use super::{Peer, Started, event_source, post};
use crate::process::{Process, free_address};

#[derive(Debug)]
pub(super) struct Pushpin;

/// Its own defaults, out of a directory of its own, with the limits that a load like this meets taken away.
fn configuration(place: &str, publish_at: std::net::SocketAddr) -> String {
    let (host, port) = (publish_at.ip(), publish_at.port());
    format!(
        "[global]
include=/usr/lib/pushpin/internal.conf
rundir={place}
ipc_prefix=bench-
port_offset=0
stats_connection_ttl=120
stats_connection_send=false
[runner]
services=condure,zurl,pushpin-proxy,pushpin-handler
logdir={place}
log_level=1
client_buffer_size=8192
client_maxconn=20000
allow_compression=false
[proxy]
zurl_out_specs=ipc://{{rundir}}/{{ipc_prefix}}zurl-in
zurl_out_stream_specs=ipc://{{rundir}}/{{ipc_prefix}}zurl-in-stream
zurl_in_specs=ipc://{{rundir}}/{{ipc_prefix}}zurl-out
routesfile={place}/routes
[handler]
push_in_http_addr={host}
push_in_http_port={port}
push_in_http_max_headers_size=10000
push_in_http_max_body_size=1000000
message_rate=1000000
message_hwm=1000000
message_wait=5000
"
    )
}

impl Peer for Pushpin {
    fn name(&self) -> &'static str {
        "pushpin"
    }

    fn start(&self, program: &Path, place: &Path) -> Result<Started> {
        let backend = Process::start_own("grip-backend")?;
        let (address, publish_at) = (free_address()?, free_address()?);
        let (place, path) = (place.to_str().context("an odd path")?, place.join("pushpin.conf"));
        std::fs::write(&path, configuration(place, publish_at))?;
        std::fs::write(format!("{place}/routes"), format!("* {}\n", backend.address))?;
        let arguments = ["--config", path.to_str().context("an odd path")?, "--port", &address.to_string()];
        let mut process = Process::start_at(program, &arguments, address)?;
        process.listens_at(publish_at)?;
        Ok(Started { process, publish_at: Some(publish_at), beside: Some(backend) })
    }

    fn subscribe(&self, stream: usize) -> String {
        event_source(&format!("/bench-{stream}"))
    }

    fn publish(&self, stream: usize, text: &str, out: &mut Vec<u8>) {
        let content = serde_json::Value::from(format!("data: {text}\n\n"));
        let body = format!(
            r#"{{"items":[{{"channel":"bench-{stream}","formats":{{"http-stream":{{"content":{content}}}}}}}]}}"#
        );
        post(out, format_args!("/publish/"), "application/json", &body);
    }
}

/// The backend of Pushpin: tells it to hold every response open, on the channel that the path names.
pub(crate) fn serve() -> Result<()> {
    let sockets = TcpListener::bind("127.0.0.1:0")?;
    println!("listening on http://{}", sockets.local_addr()?);
    for socket in sockets.incoming() {
        let socket = socket?;
        // Pushpin keeps few connections to a backend. One that breaks ends alone.
        std::thread::spawn(move || hold_all(&socket));
    }
    Ok(())
}

fn hold_all(mut socket: &TcpStream) -> Result<()> {
    let mut reader = BufReader::new(socket);
    loop {
        // The comment is there because Pushpin holds the head back as long as there is no body.
        let mut request = String::new();
        if reader.read_line(&mut request)? == 0 {
            return Ok(());
        }
        let channel = request.split_whitespace().nth(1).context("an odd request")?.trim_start_matches('/').to_owned();
        while reader.read_line(&mut request)? > 2 {}
        write!(
            socket,
            "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nGrip-Hold: stream\r\nGrip-Channel: {channel}\r\n\
             Content-Length: 3\r\n\r\n:\n\n"
        )?;
    }
}
