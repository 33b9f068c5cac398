//! `everstream ask`.

mod conversation;
mod memory;
mod question;
mod token;

use std::io::{self, Read as _};
use std::path::PathBuf;

use clap::Args;

use crate::header;
use crate::outcome::{Outcome, UsageError};
use crate::terminal::Terminal;
use conversation::Conversation;
use memory::Memory;
use question::Question;

const EXAMPLES: &str = "\
The answer belongs to the server: when the connection is lost it goes on where it was, without asking twice. Ctrl-C
stops the model; a second Ctrl-C only leaves. With --resume-file not even a killed command loses anything: start it again
with the same file, and it prints the rest of the answer.

Examples:
  everstream ask http://127.0.0.1:8000/demo/v1 'Why is the sky blue?'
  everstream ask http://127.0.0.1:8000/openai/v1 -m gpt-4o-mini 'Why is the sky blue?'
  git diff | everstream ask http://127.0.0.1:8000/openai/v1 -m gpt-4o-mini -s 'Review this change.' -
  everstream ask --resume-file sky.ask http://127.0.0.1:8000/demo/v1 'Why is the sky blue?' >> sky.txt
  everstream ask --resume-file sky.ask >> sky.txt      (after it was killed)

Exit codes: 0 complete, 3 unreachable, 4 refused, 5 failed or interrupted, 6 stopped";

/// Ask a chat model by POST and print its answer as it comes.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Ask {
    /// The API's base, such as http://127.0.0.1:8000/demo/v1, or the whole URL of its chat completions.
    url: Option<String>,

    /// The question; `-` reads it from standard input.
    prompt: Option<String>,

    /// The model.
    #[arg(long, short, value_name = "NAME", default_value = "demo")]
    model: String,

    /// Instructions for the model, ahead of the question.
    #[arg(long, short, value_name = "TEXT")]
    system: Option<String>,

    /// Remember in FILE how far the answer was printed. If FILE is there already, print the rest of its answer; it is
    /// removed once the answer has ended.
    #[arg(long, value_name = "FILE")]
    resume_file: Option<PathBuf>,

    /// A header of every request, such as "Authorization: Bearer TOKEN".
    #[arg(long = "header", short = 'H', value_name = "HEADER")]
    headers: Vec<String>,
}

impl Ask {
    pub(crate) async fn run(self, terminal: Terminal) -> anyhow::Result<Outcome> {
        let headers = header::parse(&self.headers)?;
        let remembered = self.resume_file.as_deref().map(Memory::open).transpose()?.flatten();
        let memory = match remembered {
            Some(memory) => {
                self.check_same(&memory)?;
                memory
            }
            None => Memory::begin(self.resume_file.clone(), self.question()?)?,
        };
        Conversation::new(memory, headers, terminal)?.run().await
    }

    /// The question of the command line.
    fn question(&self) -> anyhow::Result<Question> {
        let (Some(url), Some(prompt)) = (&self.url, &self.prompt) else {
            let file = self.resume_file.as_ref().map(|file| format!(", as {} remembers none", file.display()));
            return Err(UsageError(format!(
                "a URL and a question are needed{}; try everstream ask http://127.0.0.1:8000/demo/v1 'Why is the sky blue?'",
                file.unwrap_or_default()
            ))
            .into());
        };
        let prompt = if prompt == "-" { read_stdin()? } else { prompt.clone() };
        if prompt.trim().is_empty() {
            return Err(UsageError("the question is empty; try 'Why is the sky blue?'".to_owned()).into());
        }
        Question::new(url, &self.model, self.system.as_deref(), &prompt)
    }

    /// Refuses to go on with another question than the one on the command line, if there is one.
    fn check_same(&self, memory: &Memory) -> anyhow::Result<()> {
        let (Some(url), Some(prompt)) = (&self.url, &self.prompt) else { return Ok(()) };
        let asked = memory.question();
        let is_same = prompt == "-" || Question::new(url, &self.model, self.system.as_deref(), prompt)?.is_same(asked);
        if is_same {
            return Ok(());
        }
        let file = self.resume_file.as_ref().map(|file| file.display().to_string()).unwrap_or_default();
        Err(UsageError(format!(
            "{file} remembers another question; leave out the new one to get the rest of the old answer, or remove the file"
        ))
        .into())
    }
}

fn read_stdin() -> anyhow::Result<String> {
    let mut text = String::new();
    io::stdin().lock().read_to_string(&mut text)?;
    Ok(text)
}
