//! The relays: how each is started in front of one upstream.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;

use anyhow::{Context, Result};
use tempfile::TempDir;

use super::super::Bench;
use crate::peer::Found;
use crate::process::{Process, free_address};
use crate::result::OURS;

/// Who relays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Relayer {
    /// Ours, which keeps every token before it passes it on.
    Everstream,
    /// `proxy_pass` over kept connections, every read of the upstream passed on at once. Stores nothing.
    Nginx {
        /// A number, or `auto` for one on each core.
        workers: &'static str,
    },
    /// The proxy of LiteLLM, with one worker as it comes.
    LiteLlm,
}

/// A relay that runs on files of its own.
#[derive(Debug)]
pub(super) struct Running {
    pub(super) process: Process,
    /// What callers ask for.
    pub(super) path: String,
    _directory: TempDir,
}

/// nginx: connections of one worker, of which each answer takes two, and those to the upstream that are kept.
const CONNECTIONS: usize = 8192;
const KEPT: usize = 1024;

impl Relayer {
    /// How reports call it.
    pub(super) fn name(self) -> String {
        match self {
            Self::Everstream => OURS.to_owned(),
            Self::Nginx { workers: "1" } => "nginx proxy_pass, 1 worker".to_owned(),
            Self::Nginx { workers } => format!("nginx proxy_pass, workers {workers}"),
            Self::LiteLlm => "LiteLLM".to_owned(),
        }
    }

    /// How `scripts/peer.sh` calls it.
    pub(super) const fn peer(self) -> &'static str {
        match self {
            Self::Everstream => OURS,
            Self::Nginx { .. } => "nginx",
            Self::LiteLlm => "litellm",
        }
    }

    pub(super) fn program(self, bench: &Bench) -> Result<Found> {
        match self {
            Self::Everstream => Ok(Found::At(bench.server.clone())),
            Self::Nginx { .. } | Self::LiteLlm => bench.peers.find(self.peer()),
        }
    }

    /// Starts `program` in front of `upstream`, where the answers are at `path`.
    pub(super) fn start(self, program: &Path, upstream: SocketAddr, path: &str, durability: &str) -> Result<Running> {
        let directory = tempfile::tempdir()?;
        let inside = |name: &str| directory.path().join(name);
        let process = match self {
            Self::Everstream => {
                let config = inside("everstream.toml");
                fs::write(&config, format!("[upstreams.bench]\nmount = \"/bench\"\nurl = \"http://{upstream}\"\n"))?;
                let (config, data_dir) = (text(&config)?, inside("data"));
                let files = ["serve", "--config", config, "--data-dir", text(&data_dir)?];
                Process::start(
                    program,
                    &[&files[..], &["--listen", "127.0.0.1:0", "--durability", durability]].concat(),
                )?
            }
            Self::Nginx { workers } => {
                let address = free_address()?;
                let config = inside("nginx.conf");
                fs::write(&config, nginx_configuration(text(directory.path())?, address, upstream, workers))?;
                let arguments = ["-p", text(directory.path())?, "-c", text(&config)?, "-e", "stderr"];
                Process::start_at(program, &arguments, address)?
            }
            Self::LiteLlm => {
                let address = free_address()?;
                let config = inside("litellm.yaml");
                fs::write(&config, litellm_configuration(upstream, path)?)?;
                let port = address.port().to_string();
                let arguments =
                    ["--config", text(&config)?, "--host", "127.0.0.1", "--port", &port, "--telemetry", "False"];
                Process::start_at(program, &arguments, address)?
            }
        };
        let path = match self {
            Self::Everstream => format!("/bench{path}"),
            Self::Nginx { .. } => path.to_owned(),
            Self::LiteLlm => "/v1/chat/completions".to_owned(),
        };
        Ok(Running { process, path, _directory: directory })
    }
}

fn nginx_configuration(directory: &str, address: SocketAddr, upstream: SocketAddr, workers: &str) -> String {
    let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|name| format!("  {name}_temp_path {directory}/{name};\n"))
        .concat();
    // Started by root its workers would become another user, who may not enter the directory. Others cannot change.
    let user = if rustix::process::geteuid().is_root() { "user root;\n" } else { "" };
    format!(
        "daemon off;\n{user}worker_processes {workers};\nworker_rlimit_nofile 65536;\npid {directory}/pid;\n\
         error_log stderr error;\nevents {{ worker_connections {CONNECTIONS}; }}\nhttp {{\n{temporary}  access_log off;\n\
         \x20 upstream bench {{ server {upstream}; keepalive {KEPT}; }}\n  server {{\n    listen {address} backlog=4096;\n\
         \x20   location / {{\n      proxy_pass http://bench;\n      proxy_http_version 1.1;\n\
         \x20     proxy_set_header Connection \"\";\n      proxy_buffering off;\n    }}\n  }}\n}}\n"
    )
}

/// It adds `/chat/completions` to the base.
fn litellm_configuration(upstream: SocketAddr, path: &str) -> Result<String> {
    let base = path.strip_suffix("/chat/completions").context("an odd path")?;
    Ok(format!(
        "model_list:\n  - model_name: bench\n    litellm_params:\n      model: openai/bench\n      api_key: none\n\
         \x20     api_base: http://{upstream}{base}\ngeneral_settings:\n  disable_spend_logs: true\n\
         \x20 dangerously_permit_weak_or_unset_master_key: true\n"
    ))
}

fn text(path: &Path) -> Result<&str> {
    path.to_str().context("an odd path")
}
