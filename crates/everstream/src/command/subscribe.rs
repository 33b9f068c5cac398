//! `everstream subscribe`.

use std::io::{self, Write as _};
use std::time::Duration;

use clap::Args;
use everstream_client::{End, Event, Notice, Request, SubscribeOptions, Subscriber, Url};

use crate::header;
use crate::json_line;
use crate::outcome::{Outcome, UsageError};
use crate::terminal::Terminal;

const EXAMPLES: &str = "\
Any event stream will do; of an Everstream one it also learns how it ended, and the exit code tells.

Examples:
  everstream subscribe http://127.0.0.1:8000/v1/stream/news
  everstream subscribe --from now --json http://127.0.0.1:8000/random | jq .data
  everstream subscribe --from k3v9-17 http://127.0.0.1:8000/v1/stream/news";

/// Follow a stream: its data, or with `--json` one object per event.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Subscribe {
    /// Where the stream is.
    url: String,

    /// Where to begin: `start`, `now`, or behind an event id (Everstream only).
    #[arg(long, value_name = "POSITION", conflicts_with = "last_event_id")]
    from: Option<String>,

    /// The `Last-Event-ID` of the first request, for any server.
    #[arg(long, value_name = "ID")]
    last_event_id: Option<String>,

    /// Write one JSON object a line: {"type","data","id"}.
    #[arg(long)]
    json: bool,

    /// A header of every request, such as "Authorization: Bearer TOKEN".
    #[arg(long = "header", short = 'H', value_name = "HEADER")]
    headers: Vec<String>,

    /// Attempts in a row that may fail before it gives up.
    #[arg(long, value_name = "N", default_value_t = 10)]
    retries: u32,

    /// Seconds of silence after which a connection counts as dead; 0 waits for ever.
    #[arg(long, value_name = "SECONDS", default_value_t = 30)]
    read_timeout: u64,
}

impl Subscribe {
    pub(crate) async fn run(self, terminal: Terminal) -> anyhow::Result<Outcome> {
        let mut options = SubscribeOptions::default();
        options.last_event_id = self.last_event_id.clone().unwrap_or_default();
        options.reconnect.attempts_max = self.retries.saturating_add(1);
        // A server that was never there is more likely a wrong URL than a restart.
        options.reconnect.first_attempts_max = 1;
        options.read_timeout = (self.read_timeout > 0).then(|| Duration::from_secs(self.read_timeout));
        let mut subscriber = Subscriber::new(everstream_client::http_client()?, self.request()?, options);
        while let Some(notice) = subscriber.next().await {
            match notice {
                Notice::Opened { .. } => terminal.progress("connected"),
                Notice::Event(event) => self.write(&event, terminal)?,
                Notice::Reconnecting { wait, cause } => {
                    terminal.note(&format!("{}; again in {:.1} s", cause.report(), wait.as_secs_f64()));
                }
                Notice::Ended(end) => return self.ended(end, terminal),
                _ => {}
            }
        }
        Ok(Outcome::Completed)
    }

    fn request(&self) -> anyhow::Result<Request> {
        let request = Request::get(&self.url)?.with_headers(header::parse(&self.headers)?);
        let Some(from) = &self.from else { return Ok(request) };
        if from.is_empty() {
            let problem = "--from \"\" is no position; try --from start, --from now or --from k3v9-17";
            return Err(UsageError(problem.to_owned()).into());
        }
        let mut url: Url = request.url().clone();
        url.query_pairs_mut().append_pair("from", from);
        Ok(Request::get(url.as_str())?.with_headers(header::parse(&self.headers)?))
    }

    fn write(&self, event: &Event<'_>, terminal: Terminal) -> io::Result<()> {
        let mut stdout = io::stdout().lock();
        if self.json {
            json_line::event(&mut stdout, event)?;
        } else if terminal.stdout_is_terminal {
            if !event.id.is_empty() {
                write!(stdout, "{} ", terminal.dim(&terminal.quote(&event.id)))?;
            }
            if event.event_type != "message" {
                write!(stdout, "{} ", terminal.name(&terminal.quote(&event.event_type)))?;
            }
            writeln!(stdout, "{}", terminal.quote(&event.data))?;
        } else {
            writeln!(stdout, "{}", event.data)?;
        }
        stdout.flush()
    }

    fn ended(&self, end: End, terminal: Terminal) -> anyhow::Result<Outcome> {
        match end {
            End::Closed(close) => {
                if self.json {
                    self.write(&close.event, terminal)?;
                }
                let outcome = Outcome::from(&close.reason);
                let detail = if close.detail.is_empty() { String::new() } else { format!(": {}", close.detail) };
                let text = format!("the stream is {}{detail}", close.reason.as_str());
                if outcome == Outcome::Completed {
                    terminal.success(&text);
                } else {
                    terminal.note(&text);
                }
                Ok(outcome)
            }
            End::Failed(error) => Err(error.into()),
            _ => {
                terminal.success("the stream has ended, and nothing of it was left");
                Ok(Outcome::Completed)
            }
        }
    }
}
