//! The records of the load: each says who sent it as the how-manieth, so that what is read back can be judged.

use anyhow::{Context, Result, ensure};

/// Bytes of a record.
pub(in crate::definition) const SIZE: usize = 256;

/// What the streams hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::definition) enum Content {
    Binary,
    Json,
}

impl Content {
    pub(in crate::definition) const fn media_type(self) -> &'static str {
        match self {
            Self::Binary => "application/octet-stream",
            Self::Json => "application/json",
        }
    }

    /// Puts a record of [`SIZE`] bytes into `out`.
    pub(in crate::definition) fn write(self, connection: usize, sequence: u64, out: &mut Vec<u8>) {
        let end = out.len() + SIZE;
        let (open, close): (&[u8], &[u8]) = match self {
            Self::Binary => (b"", b"\n"),
            Self::Json => (b"{\"n\":\"", b"\"}"),
        };
        out.extend_from_slice(open);
        digits(out, connection as u64, CONNECTION_DIGITS);
        out.push(b':');
        digits(out, sequence, SEQUENCE_DIGITS);
        out.push(b':');
        out.resize(end - close.len(), b'x');
        out.extend_from_slice(close);
    }

    /// The records of a page: connection and sequence of each.
    pub(in crate::definition) fn parse(self, page: &[u8]) -> Result<Vec<(usize, u64)>> {
        let (stamp_at, stride, bare) = match self {
            Self::Binary => (0, SIZE, page),
            // `[a,b]`: each has one byte after it, a comma or the bracket.
            Self::Json => (6, SIZE + 1, page.strip_prefix(b"[").context("a page is no array")?),
        };
        if bare == b"]" {
            return Ok(Vec::new());
        }
        ensure!(bare.len() % stride == 0, "a page of {} bytes has half a record", page.len());
        bare.chunks(stride).map(|record| parse_stamp(record.get(stamp_at..).unwrap_or_default())).collect()
    }
}

const CONNECTION_DIGITS: usize = 5;
const SEQUENCE_DIGITS: usize = 10;

/// Without the machinery of formatting, which would cost a good part of a request.
fn digits(out: &mut Vec<u8>, mut number: u64, count: usize) {
    let start = out.len();
    out.resize(start + count, b'0');
    for place in out.get_mut(start..).unwrap_or_default().iter_mut().rev() {
        *place = b'0' + (number % 10) as u8;
        number /= 10;
    }
}

fn parse_stamp(stamp: &[u8]) -> Result<(usize, u64)> {
    let text = std::str::from_utf8(stamp.get(..CONNECTION_DIGITS + 1 + SEQUENCE_DIGITS).context("a short record")?)?;
    let (connection, sequence) = text.split_once(':').context("a record without stamp")?;
    Ok((connection.parse()?, sequence.parse()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_of_one_size_and_come_back() {
        for content in [Content::Binary, Content::Json] {
            let mut page = Vec::new();
            for sequence in 0..3 {
                page.extend_from_slice(if sequence == 0 { b"" } else { b"," });
                content.write(7, sequence, &mut page);
            }
            if content == Content::Json {
                page = [b"[", page.as_slice(), b"]"].concat();
            } else {
                page.retain(|&byte| byte != b',');
            }
            assert_eq!(content.parse(&page).unwrap(), [(7, 0), (7, 1), (7, 2)]);
            assert!(content.parse(&page[..page.len() - 2]).is_err());
        }
        assert_eq!(Content::Json.parse(b"[]").unwrap(), []);
    }
}
