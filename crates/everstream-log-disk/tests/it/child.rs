//! This test binary started again as a process that can be limited and killed.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use everstream_log::{ErrorKind, Health, Log};

use crate::sample::{entry, name, open, stream, texts};

/// Which role a child plays, as `role:directory`. Not set in the test run itself.
const ROLE: &str = "EVERSTREAM_LOG_DISK_TEST_CHILD";

/// A child that plays `role` on `directory` once it is started; `shell` runs it, as `"$@"`, under limits.
pub(crate) fn child(role: &str, directory: &Path, shell: &str) -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", shell, "sh"]).arg(std::env::current_exe().unwrap());
    command.args(["--exact", "child::play_a_role", "--nocapture", "--test-threads=1"]);
    command.env(ROLE, format!("{role}:{}", directory.display()));
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::inherit());
    command
}

#[tokio::test]
#[expect(clippy::disallowed_methods, reason = "a role is told to a child process by its environment")]
async fn play_a_role() {
    let Some(role) = std::env::var_os(ROLE) else { return };
    let role = role.into_string().unwrap();
    match role.split_once(':').unwrap() {
        ("append", directory) => append_for_ever(Path::new(directory)).await,
        ("fill", directory) => fill_until_refused(Path::new(directory)).await,
        _ => panic!("no such role"),
    }
}

/// Appends to several streams in turn and says each acknowledged record; ends by being killed.
async fn append_for_ever(directory: &Path) {
    const STREAMS: usize = 4;
    let log = open(directory);
    let mut heads = Vec::new();
    for number in 0..STREAMS {
        let called = format!("s/{number}");
        let head = log.open(&name(&called)).await.unwrap();
        heads.push(match head {
            Some(head) => head,
            None => log.create(stream(&called)).await.unwrap(),
        });
    }
    let mut out = std::io::stdout();
    loop {
        for (number, head) in heads.iter_mut().enumerate() {
            let offset = head.tail.0;
            log.commit(vec![entry(head.key, offset, &format!("{number}:{offset}"))]).await.unwrap();
            head.tail = head.tail.plus(1);
            writeln!(out, "ack {number} {offset}").unwrap();
        }
    }
}

/// Appends until the engine refuses, then checks that it only reads from then on.
async fn fill_until_refused(directory: &Path) {
    let log = open(directory);
    let key = log.open(&name("s")).await.unwrap().unwrap().key;
    let text = "x".repeat(1_000);
    let mut acknowledged = 0;
    let refused = loop {
        match log.commit(vec![entry(key, acknowledged, &text)]).await {
            Ok(()) => acknowledged += 1,
            Err(error) => break error,
        }
    };
    assert_eq!(refused.kind(), ErrorKind::ReadOnly);
    assert_eq!(texts(&log, key).await.len() as u64, acknowledged);
    let Health::ReadOnly(sentence) = log.health() else { panic!("still ready") };
    assert_eq!(sentence, refused.to_string());
    for again in 0..3 {
        let error = log.commit(vec![entry(key, acknowledged, "small")]).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ReadOnly, "{again}");
    }
    assert_eq!(log.create(stream("t")).await.unwrap_err().kind(), ErrorKind::ReadOnly);
    assert!(log.open(&name("s")).await.unwrap().is_some());
    let mut out = std::io::stdout();
    writeln!(out, "acknowledged {acknowledged}: {sentence}").unwrap();
}
