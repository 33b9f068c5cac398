//! `everstream decode`.

use std::io::{self, ErrorKind, Read as _, Write as _};

use clap::Args;
use everstream_codec::{Decoder, Item, Limits};

use crate::json_line;
use crate::outcome::Outcome;

const CHUNK_BYTES: usize = 64 << 10;

const EXAMPLES: &str = "\
Writes {\"type\",\"data\",\"id\"} for an event (id: the last event id), {\"retry\":n} for a reconnection time, and
{\"last_event_id\":s} for a block without data that changes it. Comments are left out, as is an event that the input
does not end with a blank line.

Examples:
  curl -N https://example.com/events | everstream decode
  printf 'data: hello\\n\\n' | everstream decode | jq -r .data";

/// Decode an event stream by WHATWG 9.2.6, flushing as bytes come.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Decode {
    /// One JSON object a line. It is the only format, so this may be left out.
    #[arg(long)]
    json: bool,

    /// The largest event.
    #[arg(long, value_name = "BYTES", default_value_t = 16 << 20)]
    max_event_bytes: usize,
}

impl Decode {
    pub(crate) fn run(&self) -> anyhow::Result<Outcome> {
        let mut stdin = io::stdin().lock();
        let mut stdout = io::stdout().lock();
        let mut decoder = Decoder::new(Limits::with_event_bytes_max(self.max_event_bytes));
        let mut chunk = vec![0; CHUNK_BYTES];
        let mut lines = Vec::new();
        loop {
            let read = match stdin.read(&mut chunk) {
                Ok(0) => return Ok(Outcome::Completed),
                Ok(read) => read,
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => return Err(anyhow::Error::new(error).context("standard input cannot be read")),
            };
            let written = write_all(&mut lines, &mut decoder, chunk.get(..read).unwrap_or_default());
            stdout.write_all(&lines)?;
            stdout.flush()?;
            lines.clear();
            written?;
        }
    }
}

/// Writes what `chunk` completes; on an error, what came before it.
fn write_all(lines: &mut Vec<u8>, decoder: &mut Decoder, mut chunk: &[u8]) -> anyhow::Result<()> {
    loop {
        match decoder.next(&mut chunk) {
            Ok(Some(item)) => write(lines, &item)?,
            Ok(None) => return Ok(()),
            Err(error) => anyhow::bail!("{error}; --max-event-bytes raises it"),
        }
    }
}

fn write(lines: &mut Vec<u8>, item: &Item<'_>) -> io::Result<()> {
    match item {
        Item::Event(event) => json_line::event(lines, event),
        Item::ReconnectionTime(time) => json_line::retry(lines, *time),
        Item::LastEventId(id) => json_line::last_event_id(lines, id),
        _ => Ok(()),
    }
}
