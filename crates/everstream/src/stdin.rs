//! Standard input as a stream of what an append takes.

use bytes::Bytes;
use everstream_client::EventName;
use everstream_codec::{Limits, Source, Splitter, encode};
use futures_util::stream::{self, Stream};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, BufReader, Stdin};

/// The longest line, in bytes.
const LINE_BYTES_MAX: u64 = 16 << 20;

type Reader = BufReader<Stdin>;

/// What becomes of a line.
#[derive(Debug, Clone)]
pub(crate) enum LineAs {
    /// An event with the line as its data.
    Event(Option<EventName>),
    /// The line itself, as one JSON value.
    Json,
}

/// Each line as an append. Blank ones are no JSON values and are left out there.
pub(crate) fn lines(line_as: LineAs) -> impl Stream<Item = anyhow::Result<Bytes>> + Send {
    stream::try_unfold((BufReader::new(tokio::io::stdin()), 1_u64), move |(mut reader, mut number)| {
        let line_as = line_as.clone();
        async move {
            loop {
                let Some(line) = next_line(&mut reader, number).await? else { return Ok(None) };
                number += 1;
                if let Some(bytes) = render(&line, &line_as) {
                    return Ok(Some((bytes, (reader, number))));
                }
            }
        }
    })
}

/// The bytes as they come.
pub(crate) fn chunks() -> impl Stream<Item = anyhow::Result<Bytes>> + Send {
    stream::try_unfold(tokio::io::stdin(), async |mut stdin| {
        let mut chunk = bytes::BytesMut::with_capacity(64 << 10);
        let read = stdin.read_buf(&mut chunk).await?;
        Ok((read > 0).then(|| (chunk.freeze(), stdin)))
    })
}

/// Each event as an append.
pub(crate) fn events() -> impl Stream<Item = anyhow::Result<Bytes>> + Send {
    let limits = Limits::with_event_bytes_max(usize::try_from(LINE_BYTES_MAX).unwrap_or(usize::MAX));
    let splitter = Some(Splitter::new(limits, Source::Publisher));
    stream::try_unfold((tokio::io::stdin(), splitter), async |(mut stdin, splitter)| {
        let Some(mut splitter) = splitter else { return Ok(None) };
        loop {
            if let Some(split) = splitter.next() {
                let mut event = split?.stored.to_vec();
                encode::end(&mut event);
                return Ok(Some((Bytes::from(event), (stdin, Some(splitter)))));
            }
            let mut chunk = bytes::BytesMut::with_capacity(64 << 10);
            if stdin.read_buf(&mut chunk).await? == 0 {
                splitter.finish()?;
                return Ok(None);
            }
            splitter.push(&chunk);
        }
    })
}

async fn next_line(reader: &mut Reader, number: u64) -> anyhow::Result<Option<String>> {
    let mut line = Vec::new();
    let mut limited = reader.take(LINE_BYTES_MAX);
    if limited.read_until(b'\n', &mut line).await? == 0 {
        return Ok(None);
    }
    if line.len() as u64 == LINE_BYTES_MAX && !line.ends_with(b"\n") {
        anyhow::bail!("line {number} of standard input is longer than {LINE_BYTES_MAX} bytes");
    }
    let line = line.strip_suffix(b"\n").unwrap_or(&line);
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    match std::str::from_utf8(line) {
        Ok(text) => Ok(Some(text.to_owned())),
        Err(error) => anyhow::bail!("line {number} of standard input is not UTF-8: {error}"),
    }
}

fn render(line: &str, line_as: &LineAs) -> Option<Bytes> {
    let mut out = Vec::with_capacity(line.len() + 16);
    match line_as {
        LineAs::Event(name) => {
            if let Some(name) = name {
                encode::event_type(&mut out, name);
            }
            encode::data(&mut out, line.as_bytes());
            encode::end(&mut out);
        }
        LineAs::Json if line.trim().is_empty() => return None,
        LineAs::Json => {
            out.extend_from_slice(line.as_bytes());
            out.push(b'\n');
        }
    }
    Some(out.into())
}

#[cfg(test)]
mod tests {
    use super::{LineAs, render};
    use everstream_client::EventName;

    #[test]
    fn a_line_becomes_one_event_and_cannot_break_out() {
        let name = EventName::parse("tick").unwrap();
        let rendered = |line, line_as| render(line, &line_as).map(|bytes| String::from_utf8(bytes.to_vec()).unwrap());
        assert_eq!(rendered("a", LineAs::Event(None)).unwrap(), "data: a\n\n");
        assert_eq!(rendered("", LineAs::Event(Some(name))).unwrap(), "event: tick\ndata: \n\n");
        assert_eq!(rendered("a\rid: 7", LineAs::Event(None)).unwrap(), "data: a\ndata: id: 7\n\n");
        assert_eq!(rendered("{}", LineAs::Json).unwrap(), "{}\n");
        assert_eq!(rendered("  ", LineAs::Json), None);
    }
}
