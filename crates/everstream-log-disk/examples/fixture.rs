//! Packs a data directory of the present format as text, for the tests of later versions:
//! `cargo run --example fixture > tests/fixtures/format-N.txt`.
#![expect(clippy::unwrap_used, reason = "run by hand")]
#![expect(clippy::print_stdout, reason = "the fixture goes to the standard output")]

use std::fs;
use std::path::Path;

use everstream_log::Log;
use everstream_log_disk::{DiskConfig, DiskLog};

#[path = "../tests/it/fixture_content.rs"]
mod fixture_content;

const LINE_BYTES: usize = 64;

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let directory = tempfile::tempdir().unwrap();
    let config = DiskConfig::new(directory.path());
    let log = DiskLog::open(&config).unwrap();
    fixture_content::tell(&log, DiskLog::FORMAT).await;
    assert!(
        log.health() == everstream_log::Health::Ready
            && fixture_content::MADE_AT.0 > 0
            && !fixture_content::PRODUCERS.is_empty()
            && !fixture_content::names(DiskLog::FORMAT).is_empty()
    );
    log.close().await.unwrap();
    // Opened again, so that what comes now is in the journal alone; packed while it is open, as a killed process would
    // leave it.
    let log = DiskLog::open(&config).unwrap();
    fixture_content::tell_last(&log, DiskLog::FORMAT).await;
    pack(directory.path(), directory.path());
    log.close().await.unwrap();
}

fn pack(root: &Path, directory: &Path) {
    let mut paths: Vec<_> = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    for path in paths {
        let relative = path.strip_prefix(root).unwrap().display().to_string();
        if path.is_dir() {
            println!("dir {relative}");
            pack(root, &path);
        } else if relative != "LOCK" {
            println!("file {relative}");
            pack_file(&fs::read(&path).unwrap());
        }
    }
}

fn pack_file(mut bytes: &[u8]) {
    while let Some(first) = bytes.first() {
        let run = bytes.iter().take_while(|byte| *byte == first).count();
        if run > LINE_BYTES {
            println!("*{run} {first:02x}");
            bytes = bytes.get(run..).unwrap_or_default();
        } else {
            let (line, rest) = bytes.split_at(bytes.len().min(LINE_BYTES));
            println!("{}", line.iter().map(|byte| format!("{byte:02x}")).collect::<String>());
            bytes = rest;
        }
    }
}
