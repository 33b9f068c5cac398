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

fn main() -> ExitCode {
    let cli = Cli::parse();
    let terminal = Terminal::detect(cli.colour());
    match cli.command.run(terminal) {
        Ok(outcome) => outcome.into(),
        Err(error) => outcome::report(&error, terminal).into(),
    }
}
