//! Whole processes: killed, limited, side by side.

use std::io::{BufRead, BufReader};

use everstream_log::{Log, Offset};
use everstream_log_disk::{DiskConfig, DiskLog};

use crate::child::child;
use crate::sample::{entry, name, open, stream, texts};

const ROUNDS: usize = 20;

#[tokio::test]
async fn what_was_acknowledged_survives_kill_9_at_random_moments() {
    let directory = tempfile::tempdir().unwrap();
    let (mut acknowledged, mut lost, mut unannounced) = (0_u64, 0_u64, 0_u64);
    for _ in 0..ROUNDS {
        let acks = kill_after(directory.path(), fastrand::usize(1..400));
        acknowledged += acks.len() as u64;
        let log = open(directory.path());
        for number in 0..4 {
            let Some(head) = log.open(&name(&format!("s/{number}"))).await.unwrap() else {
                lost += acks.iter().filter(|(of, _)| *of == number).count() as u64;
                continue;
            };
            let expected: Vec<String> = (0..head.tail.0).map(|offset| format!("{number}:{offset}")).collect();
            assert_eq!(texts(&log, head.key).await, expected);
            let acked = acks.iter().filter(|(of, _)| *of == number).map(|(_, offset)| offset + 1).max();
            lost += acked.unwrap_or(0).saturating_sub(head.tail.0);
            unannounced += acked.map_or(0, |acked| head.tail.0.saturating_sub(acked));
        }
    }
    println!(
        "{ROUNDS} kills: {acknowledged} acknowledged, {lost} lost, {unannounced} stored but killed before the word"
    );
    assert_eq!(lost, 0);
    assert!(acknowledged > 0);
}

/// Starts an appending child, kills it after so many acknowledgements and returns all that it gave.
fn kill_after(directory: &std::path::Path, acks_min: usize) -> Vec<(u64, u64)> {
    let mut child = child("append", directory, r#"exec "$@""#).spawn().unwrap();
    let mut acks = Vec::new();
    for line in BufReader::new(child.stdout.take().unwrap()).lines() {
        // What was written to the pipe before the kill counts too; its last line may be cut.
        let line = line.unwrap();
        let ack = line.strip_prefix("ack ").and_then(|ack| ack.split_once(' '));
        acks.extend(ack.and_then(|(number, offset)| Some((number.parse().ok()?, offset.parse().ok()?))));
        if acks.len() == acks_min {
            child.kill().unwrap();
        }
    }
    child.wait().unwrap();
    acks
}

#[tokio::test]
async fn a_failed_write_makes_the_log_read_only_until_it_is_reopened() {
    let directory = tempfile::tempdir().unwrap();
    let log = open(directory.path());
    let key = log.create(stream("s")).await.unwrap().key;
    log.close().await.unwrap();
    // Once more, so that the journal is as long as what was written.
    open(directory.path()).close().await.unwrap();

    // No file may grow beyond 256 blocks (128 or 256 KiB), and a write beyond is an error, not a signal.
    let limited = r#"trap "" XFSZ; ulimit -f 256; exec "$@""#;
    let output = child("fill", directory.path(), limited).output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{said}");
    let (_, rest) = said.split_once("acknowledged ").unwrap();
    let (acknowledged, sentence) = rest.split_once(": ").unwrap();
    assert!(sentence.starts_with("writes are refused since one failed"), "{sentence}");
    let acknowledged: u64 = acknowledged.parse().unwrap();

    let log = open(directory.path());
    let tail = log.open(&name("s")).await.unwrap().unwrap().tail;
    assert!(acknowledged > 0 && tail >= Offset(acknowledged), "{acknowledged} acknowledged, {tail} there");
    log.commit(vec![entry(key, tail.0, "again")]).await.unwrap();
}

#[tokio::test]
async fn a_second_opener_is_refused_until_the_first_is_closed() {
    let directory = tempfile::tempdir().unwrap();
    let first = open(directory.path());
    let error = DiskLog::open(&DiskConfig::new(directory.path())).unwrap_err();
    assert!(error.to_string().contains("in use by another process"), "{error}");
    first.close().await.unwrap();
    open(directory.path());
}
