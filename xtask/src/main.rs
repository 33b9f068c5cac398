//! House chores, run as `cargo xtask <chore>`.
//!
//! `tidy` holds the rules no compiler or linter knows: which crate may use which, how long a file may be, which words
//! are taken. It refuses to know what any crate does.

use std::io::Write as _;
use std::path::Path;
use std::process::ExitCode;

mod tidy;

const USAGE: &str = "usage: cargo xtask tidy    check the house rules of STYLE and ARCHITECTURE.md";

fn main() -> anyhow::Result<ExitCode> {
    let mut out = std::io::stdout().lock();
    let chore: Vec<String> = std::env::args().skip(1).collect();
    match chore.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["tidy"] => tidy::run(workspace_root(), &mut out),
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

/// The directory that holds the workspace's manifest: this crate's parent.
fn workspace_root() -> &'static Path {
    let xtask = Path::new(env!("CARGO_MANIFEST_DIR"));
    xtask.parent().unwrap_or(xtask)
}
