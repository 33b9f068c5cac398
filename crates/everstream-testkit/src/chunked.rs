//! A strict parser of `Transfer-Encoding: chunked` (RFC 9112, section 7.1).

/// Takes bytes as they come and gives back the payload. Accepts what our server should write and nothing looser: hex
/// sizes without extensions, CRLF line ends, no trailers.
#[derive(Debug, Default)]
pub struct ChunkedParser {
    state: State,
    line: Vec<u8>,
    chunks: usize,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum State {
    #[default]
    Size,
    Data(usize),
    DataEnd,
    LastEnd,
    Done,
}

impl ChunkedParser {
    /// Consumes bytes of `input` up to the end of the body, appends the payload to `payload` and says how many bytes
    /// were taken; bytes after the last chunk are left.
    ///
    /// # Errors
    /// A sentence about the first byte that breaks the framing.
    pub fn push(&mut self, input: &[u8], payload: &mut Vec<u8>) -> Result<usize, String> {
        let mut at = 0;
        while at < input.len() && self.state != State::Done {
            if let State::Data(left) = self.state {
                let taken = left.min(input.len() - at);
                payload.extend_from_slice(&input[at..at + taken]);
                at += taken;
                self.state = if taken == left { State::DataEnd } else { State::Data(left - taken) };
            } else {
                self.line.push(input[at]);
                at += 1;
                if self.line.ends_with(b"\n") {
                    self.end_of_line()?;
                }
            }
        }
        Ok(at)
    }

    /// Whether the zero-length chunk that ends the body has come, whole.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.state == State::Done
    }

    /// How many chunks with data have begun.
    #[must_use]
    pub const fn chunks(&self) -> usize {
        self.chunks
    }

    fn end_of_line(&mut self) -> Result<(), String> {
        let line = std::mem::take(&mut self.line);
        let shown = String::from_utf8_lossy(&line).into_owned();
        let Some(content) = line.strip_suffix(b"\r\n") else {
            return Err(format!("a line of the chunked framing does not end in CRLF: {shown:?}"));
        };
        self.state = match self.state {
            State::Size => match chunk_size(content).ok_or_else(|| format!("not a chunk size: {shown:?}"))? {
                0 => State::LastEnd,
                size => {
                    self.chunks += 1;
                    State::Data(size)
                }
            },
            State::DataEnd if content.is_empty() => State::Size,
            State::LastEnd if content.is_empty() => State::Done,
            state => return Err(format!("{shown:?} where the framing needs an empty line ({state:?})")),
        };
        Ok(())
    }
}

fn chunk_size(digits: &[u8]) -> Option<usize> {
    let is_hex = !digits.is_empty() && digits.iter().all(u8::is_ascii_hexdigit);
    let text = std::str::from_utf8(digits).ok().filter(|_| is_hex)?;
    usize::from_str_radix(text, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(input: &[u8], piece: usize) -> Result<(Vec<u8>, bool, usize), String> {
        let mut parser = ChunkedParser::default();
        let mut payload = Vec::new();
        let mut taken = 0;
        for bytes in input.chunks(piece) {
            taken += parser.push(bytes, &mut payload)?;
        }
        Ok((payload, parser.is_done(), taken))
    }

    #[test]
    fn payload_is_the_same_however_the_bytes_are_cut() {
        let input = b"3\r\nabc\r\nA\r\n0123456789\r\n0\r\n\r\n";
        for piece in 1..=input.len() {
            assert_eq!(parse(input, piece), Ok((b"abc0123456789".to_vec(), true, input.len())));
        }
    }

    #[test]
    fn a_cut_body_is_not_done_and_bytes_after_the_end_are_left() {
        assert_eq!(parse(b"3\r\nabc\r\n", 64), Ok((b"abc".to_vec(), false, 8)));
        assert_eq!(parse(b"0\r\n\r\nHTTP/1.1", 64), Ok((Vec::new(), true, 5)));
    }

    #[test]
    fn loose_framing_is_refused() {
        for input in ["3\nabc\r\n", "x\r\n", "\r\n", "3;a=b\r\nabc\r\n", "3\r\nabcd\r\n", "0\r\nTrailer: x\r\n\r\n"] {
            assert!(parse(input.as_bytes(), 64).is_err(), "{input:?}");
        }
    }
}
