//! The command line as it is written.

use clap::{Parser, Subcommand, ValueEnum};

use crate::command::{ask, decode, publish, serve, subscribe};

const EXIT_CODES: &str = "\
Exit codes:
  0  it is complete          4  the server refused the request
  1  something else failed   5  the stream ended as failed, interrupted, expired or deleted
  2  wrong usage             6  the stream was stopped
  3  the server cannot be reached, or the connection was lost for good

Try it:
  everstream serve &
  everstream ask http://127.0.0.1:8000/demo/v1 'Tell me a story'";

/// Durable event streams: ask, resume, end truthfully.
#[derive(Debug, Parser)]
#[command(name = "everstream", version, after_help = EXIT_CODES, propagate_version = true)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,

    /// Whether to colour what is written.
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto")]
    color: Colour,

    /// Set to anything: no colour, unless `--color` says otherwise.
    #[arg(long, env = "NO_COLOR", hide = true, global = true)]
    no_color: Option<String>,
}

/// When to write in colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Colour {
    /// On a terminal, unless `NO_COLOR` is set.
    Auto,
    Always,
    Never,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run the server.
    Serve(Box<serve::Serve>),
    /// Ask a chat model, print its answer as it comes, and lose nothing of it.
    Ask(ask::Ask),
    /// Append standard input to a stream as it comes.
    Publish(publish::Publish),
    /// Follow a stream, resuming as often as it takes.
    Subscribe(subscribe::Subscribe),
    /// Turn an event stream on standard input into one JSON object a line.
    Decode(decode::Decode),
}

impl Cli {
    pub(crate) fn colour(&self) -> Colour {
        let is_unwanted = self.no_color.as_deref().is_some_and(|value| !value.is_empty());
        if self.color == Colour::Auto && is_unwanted { Colour::Never } else { self.color }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    #[test]
    fn the_command_line_is_consistent() {
        super::Cli::command().debug_assert();
    }
}
