//! The `everstream` command: the server and what talks to it.

mod cli;
mod command;
mod header;
mod json_line;
mod outcome;
mod stdin;
mod terminal;

use std::process::ExitCode;

use clap::Parser as _;

use cli::Cli;
use terminal::Terminal;

/// Less CPU for each token than the system's, at the same memory (docs/benchmarks.md, "The user's half of it").
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let cli = Cli::parse();
    let terminal = Terminal::detect(cli.colour());
    match cli.command.run(terminal) {
        Ok(outcome) => outcome.into(),
        Err(error) => outcome::report(&error, terminal).into(),
    }
}
