//! A server ends with the benchmark that runs it.

use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A shell that says who it is and starts somebody else, who would outlive it.
const FAMILY: &str = "sleep 600 & echo $$ $!; exec 2>&-; wait";

fn guard(script: &str) -> Child {
    guard_with(&[], script)
}

fn guard_with(options: &[&str], script: &str) -> Child {
    Command::new(env!("CARGO_BIN_EXE_bench"))
        .arg("guard")
        .args(options)
        .args(["--", "/bin/sh", "-c", script])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

/// The processes that the script names on its first line.
fn members(guard: &mut Child) -> Vec<String> {
    let mut line = String::new();
    BufReader::new(guard.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
    line.split_whitespace().map(str::to_owned).collect()
}

fn lives(pid: &str) -> bool {
    let stat = std::fs::read_to_string(Path::new("/proc").join(pid).join("stat")).unwrap_or_default();
    !stat.is_empty() && !stat.contains(") Z ")
}

fn waits_until_gone(pids: &[String]) {
    let began = Instant::now();
    while pids.iter().any(|pid| lives(pid)) {
        assert!(began.elapsed() < Duration::from_secs(20), "still there: {pids:?}");
        std::thread::yield_now();
    }
}

#[test]
fn the_end_of_standard_input_ends_a_server_and_all_it_started() {
    let mut guard = guard(FAMILY);
    let members = members(&mut guard);
    assert_eq!(members.len(), 2);
    assert!(members.iter().all(|pid| lives(pid)));
    drop(guard.stdin.take());
    guard.wait().unwrap();
    waits_until_gone(&members);
}

#[test]
fn who_is_asked_gently_has_its_last_word() {
    let directory = tempfile::tempdir().unwrap();
    let last_word = directory.path().join("last-word");
    // Whoever starts it is gone before it has spoken, as a rule.
    let script =
        format!("(trap 'echo bye >{}; exit' TERM; echo $$; while :; do sleep 0.01; done) & wait", last_word.display());
    for (options, is_left) in [(&["--gently"][..], true), (&[], false)] {
        let mut guard = guard_with(options, &script);
        let members = members(&mut guard);
        drop(guard.stdin.take());
        guard.wait().unwrap();
        waits_until_gone(&members);
        assert_eq!(std::fs::remove_file(&last_word).is_ok(), is_left, "{options:?}");
    }
}

#[test]
fn a_killed_benchmark_leaves_no_server() {
    // `startup` starts its server before anything else, and waits as long as that does not say where it listens.
    let directory = tempfile::tempdir().unwrap();
    let (program, pids) = (directory.path().join("server"), directory.path().join("pids"));
    let script = format!("#!/bin/sh\nsleep 600 &\necho $$ $! > {0}.new\nmv {0}.new {0}\nwait\n", pids.display());
    std::fs::write(&program, script).unwrap();
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
    let mut bench = Command::new(env!("CARGO_BIN_EXE_bench"))
        .args(["startup", "--server"])
        .arg(&program)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let began = Instant::now();
    while !pids.exists() {
        assert!(began.elapsed() < Duration::from_secs(20), "the server was not started");
        std::thread::yield_now();
    }
    bench.kill().unwrap();
    bench.wait().unwrap();
    let members: Vec<String> = std::fs::read_to_string(&pids).unwrap().split_whitespace().map(str::to_owned).collect();
    assert_eq!(members.len(), 2);
    waits_until_gone(&members);
}

#[test]
fn a_server_that_ends_leaves_nothing_behind() {
    let mut guard = guard("sleep 600 & echo $!; exit 3");
    let members = members(&mut guard);
    // Waiting would close it, and then the guard may end the server before the server does.
    let held = guard.stdin.take();
    assert_eq!(guard.wait().unwrap().code(), Some(1), "the guard does not tell that the server failed");
    drop(held);
    waits_until_gone(&members);
}
