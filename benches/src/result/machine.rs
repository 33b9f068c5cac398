//! What figures are of: the machine, the commit, the day.

use std::process::Command;

use serde::{Deserialize, Serialize};

/// The circumstances of a run.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Circumstances {
    pub(crate) date: String,
    /// `-dirty` when more than documents was changed since: a recorded result is one.
    pub(crate) commit: String,
    pub(crate) processor: String,
    pub(crate) cores: usize,
    pub(crate) memory_mib: u64,
    pub(crate) kernel: String,
    /// How the kernel has TCP send, unless a server chooses for itself: some ways pace. Older results do not say.
    #[serde(default)]
    pub(crate) congestion_control: String,
}

impl Circumstances {
    pub(crate) fn of_now() -> Self {
        let seconds = i64::try_from(super::now_nanos() / 1_000_000_000).unwrap_or_default();
        let date = jiff::Timestamp::from_second(seconds).map(|time| time.strftime("%Y-%m-%d").to_string());
        Self {
            date: date.unwrap_or_default(),
            commit: commit(),
            processor: line_of("/proc/cpuinfo", "model name"),
            cores: std::thread::available_parallelism().map_or(0, usize::from),
            memory_mib: line_of("/proc/meminfo", "MemTotal").trim_end_matches(" kB").parse().unwrap_or(0) / 1024,
            kernel: said("uname", &["-sr"]),
            congestion_control: text_of("/proc/sys/net/ipv4/tcp_congestion_control").trim().to_owned(),
        }
    }
}

fn commit() -> String {
    let changed = said("git", &["status", "--porcelain", "--", ".", ":!docs"]);
    said("git", &["describe", "--always"]) + if changed.is_empty() { "" } else { "-dirty" }
}

/// What a program prints; nothing if it cannot.
fn said(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output().ok();
    output.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned()).unwrap_or_default()
}

fn text_of(file: &str) -> String {
    std::fs::read_to_string(file).unwrap_or_default()
}

/// The value of the first line of `file` with this key.
fn line_of(file: &str, key: &str) -> String {
    let text = text_of(file);
    let value = text.lines().filter_map(|line| line.split_once(':')).find(|(name, _)| name.trim() == key);
    value.map(|(_, value)| value.trim().to_owned()).unwrap_or_default()
}
