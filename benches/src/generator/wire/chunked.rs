//! The chunks of an answer without a length (RFC 9112, 7.1); trailers are not understood.

use anyhow::{Context, Result};
use memchr::memmem;

const LINE_END: &[u8] = b"\r\n";

/// How many bytes of `bytes` the chunks take, the last one included; none while they are not all there.
pub(super) fn length(bytes: &[u8]) -> Result<Option<usize>> {
    let mut at = 0;
    while let Some((data, size)) = chunk(bytes.get(at..).unwrap_or_default())? {
        at += data + size + LINE_END.len();
        if size == 0 {
            return Ok((at <= bytes.len()).then_some(at));
        }
    }
    Ok(None)
}

/// What whole chunks hold.
pub(super) fn body(bytes: &[u8]) -> Vec<u8> {
    let mut body = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Ok(Some((data, size))) = chunk(bytes.get(at..).unwrap_or_default())
        && size > 0
    {
        body.extend_from_slice(bytes.get(at + data..at + data + size).unwrap_or_default());
        at += data + size + LINE_END.len();
    }
    body
}

/// Where the data of the chunk at the start begins, and its size.
fn chunk(bytes: &[u8]) -> Result<Option<(usize, usize)>> {
    let Some(end) = memmem::find(bytes, LINE_END) else { return Ok(None) };
    let size = std::str::from_utf8(bytes.get(..end).unwrap_or_default())?;
    let size = usize::from_str_radix(size, 16).with_context(|| format!("{size:?} is no size of a chunk"))?;
    Ok(Some((end + LINE_END.len(), size)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_are_whole_with_the_last_one_and_not_before() {
        let text = b"5\r\nhello\r\n1b\r\n, and a good morning to you\r\n0\r\n\r\n";
        for cut in 0..text.len() {
            assert_eq!(length(&text[..cut]).unwrap(), None, "cut at {cut}");
        }
        assert_eq!(length(text).unwrap(), Some(text.len()));
        assert_eq!(body(text), b"hello, and a good morning to you");
        assert!(length(b"five\r\n").is_err());
    }
}
