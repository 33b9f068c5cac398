//! `everstream publish`.

mod produce;

use clap::{Args, ValueEnum};
use everstream_client::{CloseReason, ErrorKind, EventName, Publisher};

use crate::header;
use crate::outcome::{Outcome, UsageError};
use crate::stdin::{self, LineAs};
use crate::terminal::Terminal;

const EXAMPLES: &str = "\
The stream is made if there is none. Each line or event can be read as soon as it was written, not only at the end.

Examples:
  seq 10 | everstream publish --event tick --close http://127.0.0.1:8000/v1/stream/count
  tail -f app.log | everstream publish http://127.0.0.1:8000/v1/stream/logs/app
  everstream publish --producer import-7 http://127.0.0.1:8000/v1/stream/import < lines.txt
  printf '{\"n\":0}\\n{\"n\":1}\\n' | everstream publish --type ndjson http://127.0.0.1:8000/v1/stream/numbers
  curl -N https://example.com/events | everstream publish --type sse http://127.0.0.1:8000/v1/stream/copy";

/// Append standard input to a stream as it comes.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Publish {
    /// Where the stream is, or shall be.
    url: String,

    /// What standard input holds.
    #[arg(long = "type", value_name = "TYPE", default_value = "lines")]
    input: Input,

    /// The event name of each line.
    #[arg(long, value_name = "NAME")]
    event: Option<String>,

    /// Store each line or event exactly once, as the producer ID: what is not acknowledged is sent again, and running the
    /// same input again under the same ID appends only what is missing. One input, one ID.
    #[arg(long, value_name = "ID")]
    producer: Option<String>,

    /// Close the stream as completed at the end of the input.
    #[arg(long)]
    close: bool,

    /// A header of every request, such as "Authorization: Bearer TOKEN".
    #[arg(long = "header", short = 'H', value_name = "HEADER")]
    headers: Vec<String>,
}

/// What standard input holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Input {
    /// Lines of text; each becomes an event.
    #[value(alias = "text/plain")]
    Lines,
    /// A JSON value on each line; the stream is of JSON.
    #[value(aliases = ["json", "application/json", "application/x-ndjson"])]
    Ndjson,
    /// An event stream; each complete event is taken as it is.
    #[value(alias = "text/event-stream")]
    Sse,
}

impl Input {
    /// The type of a stream that takes it.
    const fn stream_type(self) -> &'static str {
        match self {
            Self::Lines | Self::Sse => "text/event-stream",
            Self::Ndjson => "application/json",
        }
    }

    /// The type of the upload.
    const fn upload_type(self) -> &'static str {
        match self {
            Self::Lines | Self::Sse => "text/event-stream",
            Self::Ndjson => "application/x-ndjson",
        }
    }
}

impl Publish {
    pub(crate) async fn run(self, terminal: Terminal) -> anyhow::Result<Outcome> {
        let name = self.event_name()?;
        let http = everstream_client::http_client()?;
        let publisher = Publisher::new(http.clone(), &self.url, header::parse(&self.headers)?)?;
        self.prepare(&publisher, terminal).await?;
        if let Some(id) = &self.producer {
            return produce::produce(&self, id, name, http, terminal).await;
        }
        let upload_type = self.input.upload_type();
        let appended = match self.input {
            Input::Lines => publisher.append_streaming(upload_type, stdin::lines(LineAs::Event(name))).await,
            Input::Ndjson => publisher.append_streaming(upload_type, stdin::lines(LineAs::Json)).await,
            Input::Sse => publisher.append_streaming(upload_type, stdin::chunks()).await,
        }?;
        if self.close {
            publisher.close(&CloseReason::Completed).await?;
        }
        let closed = if self.close { ", and closed it" } else { "" };
        terminal.success(&format!("appended {} records to {}{closed}", appended.records, self.url));
        Ok(Outcome::Completed)
    }

    fn event_name(&self) -> Result<Option<EventName>, UsageError> {
        let Some(event) = &self.event else { return Ok(None) };
        if self.input != Input::Lines {
            return Err(UsageError(
                "--event names the events made of lines; leave it out, or use --type lines".to_owned(),
            ));
        }
        EventName::parse(event).map(Some).map_err(|error| UsageError(format!("--event {event:?}: {error}")))
    }

    /// Makes the stream if there is none, and refuses early one that does not take the input.
    async fn prepare(&self, publisher: &Publisher, terminal: Terminal) -> anyhow::Result<()> {
        let wanted = self.input.stream_type();
        let found = match publisher.content_type().await {
            // The answer to a HEAD has no body: the one to a PUT says why.
            Err(error) if matches!(error.kind(), ErrorKind::Refused(_)) => None,
            found => found?,
        };
        let Some(content_type) = found else {
            publisher.create(wanted).await?;
            terminal.progress(&format!("made {} for {wanted}", self.url));
            return Ok(());
        };
        let essence = content_type.split(';').next().unwrap_or_default().trim();
        if essence.eq_ignore_ascii_case(wanted) {
            return Ok(());
        }
        let advice = match essence.to_ascii_lowercase().as_str() {
            "application/json" => "; try --type ndjson",
            "text/event-stream" => "; try --type lines",
            _ => "; make another stream for this input",
        };
        let input = self.input.upload_type();
        Err(UsageError(format!("the stream {} is of type {essence}, the input of {input}{advice}", self.url)).into())
    }
}
