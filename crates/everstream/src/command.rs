//! The commands. Each has its arguments and its doing in a file of its own.

pub(crate) mod ask;
pub(crate) mod decode;
pub(crate) mod publish;
pub(crate) mod serve;
pub(crate) mod subscribe;

use crate::cli::Command;
use crate::outcome::Outcome;
use crate::terminal::Terminal;

impl Command {
    pub(crate) fn run(self, terminal: Terminal) -> anyhow::Result<Outcome> {
        match self {
            Self::Serve(serve) => block_on(serve.run(terminal)),
            Self::Ask(ask) => block_on(ask.run(terminal)),
            Self::Publish(publish) => block_on(publish.run(terminal)),
            Self::Subscribe(subscribe) => block_on(subscribe.run(terminal)),
            Self::Decode(decode) => decode.run(),
        }
    }
}

fn block_on(future: impl Future<Output = anyhow::Result<Outcome>>) -> anyhow::Result<Outcome> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let result = runtime.block_on(future);
    // A read of standard input may be under way in a thread that nothing can interrupt.
    runtime.shutdown_background();
    result
}
