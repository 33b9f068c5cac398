//! The command as a process.

use std::io::{Read as _, Write as _};
use std::process::{Child, Command, Stdio};

/// A finished command.
#[derive(Debug)]
pub(crate) struct Finished {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// A command with an environment of its own: no proxy, no colour, no terminal.
pub(crate) fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_everstream"));
    command.args(arguments).env_clear();
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

pub(crate) fn start(arguments: &[&str]) -> Child {
    command(arguments).spawn().unwrap()
}

/// Runs a command to its end with `stdin` as its whole input.
pub(crate) fn run(arguments: &[&str], stdin: &[u8]) -> Finished {
    let mut child = start(arguments);
    let mut input = child.stdin.take().unwrap();
    let stdin = stdin.to_vec();
    // Apart, so that neither side waits for the other; a command that does not read its input is no failure.
    let writer = std::thread::spawn(move || drop(input.write_all(&stdin)));
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    Finished {
        code: output.status.code(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

/// Reads standard output until `text` has come.
#[track_caller]
pub(crate) fn await_output(child: &mut Child, text: &str) -> String {
    let stdout = child.stdout.as_mut().unwrap();
    let mut seen = Vec::new();
    let mut byte = [0];
    while !seen.ends_with(text.as_bytes()) {
        let read = stdout.read(&mut byte).unwrap();
        assert!(read > 0, "the output ended with {:?}", String::from_utf8_lossy(&seen));
        seen.push(byte[0]);
    }
    String::from_utf8(seen).unwrap()
}
