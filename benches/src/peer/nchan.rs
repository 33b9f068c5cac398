//! nginx with nchan: its EventSource subscribers, two workers, messages in shared memory only.

use std::path::Path;

use anyhow::{Context as _, Result};

use super::{Peer, Started, event_source, post};
use crate::process::{Process, free_address};

#[derive(Debug)]
pub(super) struct Nchan;

/// What nginx needs to run as whoever calls it, out of a directory of its own, for as many subscribers as there are.
fn configuration(place: &str, address: &str) -> String {
    // As root, workers would become somebody who may not read the directory.
    let user = if rustix::process::geteuid().is_root() { "user root;" } else { "" };
    format!(
        "load_module /usr/lib/nginx/modules/ngx_nchan_module.so;
{user}
daemon off;
worker_processes 2;
worker_rlimit_nofile 20000;
pid {place}/nginx.pid;
error_log {place}/error.log;
events {{ worker_connections 20000; }}
http {{
  access_log off;
  client_body_temp_path {place}/body;
  proxy_temp_path {place}/proxy;
  fastcgi_temp_path {place}/fastcgi;
  uwsgi_temp_path {place}/uwsgi;
  scgi_temp_path {place}/scgi;
  keepalive_requests 1000000000;
  nchan_shared_memory_size 512M;
  server {{
    listen {address} reuseport backlog=4096;
    location ~ ^/publish/(\\w+)$ {{
      nchan_publisher;
      nchan_channel_id $1;
      nchan_message_buffer_length 1000;
      nchan_message_timeout 1m;
    }}
    location ~ ^/subscribe/(\\w+)$ {{
      nchan_subscriber eventsource;
      nchan_channel_id $1;
      nchan_subscriber_first_message newest;
    }}
  }}
}}
"
    )
}

impl Peer for Nchan {
    fn name(&self) -> &'static str {
        "nchan"
    }

    fn start(&self, program: &Path, place: &Path) -> Result<Started> {
        let (address, path) = (free_address()?, place.join("nginx.conf"));
        let text = configuration(place.to_str().context("an odd path")?, &address.to_string());
        std::fs::write(&path, text)?;
        let (path, place) = (path.to_str().context("an odd path")?, place.to_str().context("an odd path")?);
        Ok(Process::start_at(program, &["-p", place, "-c", path], address)?.into())
    }

    /// Subscribers that come to another worker than the channel's own while it is being made would get nothing, ever.
    fn create(&self, stream: Option<usize>) -> Option<String> {
        stream.map(|stream| format!("PUT /publish/bench{stream} HTTP/1.1\r\nHost: bench\r\nContent-Length: 0\r\n\r\n"))
    }

    fn subscribe(&self, stream: usize) -> String {
        event_source(&format!("/subscribe/bench{stream}"))
    }

    fn publish(&self, stream: usize, text: &str, out: &mut Vec<u8>) {
        post(out, format_args!("/publish/bench{stream}"), "text/plain", text);
    }
}
