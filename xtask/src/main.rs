//! House chores, run as `cargo xtask <chore>`.
//!
//! `tidy` holds the rules no compiler or linter knows: which crate may use which, how long a file may be, which words
//! are taken. It refuses to know what any crate does.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, ExitCode};

use anyhow::{Context, bail};

mod tidy;

const USAGE: &str = "usage: cargo xtask tidy    check the house rules of STYLE and ARCHITECTURE.md";

fn main() -> anyhow::Result<ExitCode> {
    let mut out = std::io::stdout().lock();
    let chore: Vec<String> = std::env::args().skip(1).collect();
    match chore.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["tidy"] => tidy::run(&workspace_root()?, &mut out),
        ["--help" | "-h" | "help"] => {
            writeln!(out, "{USAGE}")?;
            Ok(ExitCode::SUCCESS)
        }
        _ => {
            writeln!(out, "{USAGE}")?;
            Ok(ExitCode::from(2))
        }
    }
}

/// The directory that holds the workspace, seen from wherever in it the chore was called.
fn workspace_root() -> anyhow::Result<PathBuf> {
    let asked = Command::new("git").args(["rev-parse", "--show-toplevel"]).output();
    let output = asked.context("cannot run git, which knows where the workspace is")?;
    if !output.status.success() {
        bail!("not in a git work tree: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(String::from_utf8(output.stdout)?.trim_end().into())
}
