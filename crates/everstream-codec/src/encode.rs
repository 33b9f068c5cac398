//! Values to bytes. Every function appends whole lines to `out` and cannot fail.
//!
//! ```
//! use everstream_codec::{EventName, encode};
//!
//! let mut frame = Vec::new();
//! encode::id(&mut frame, "k3v9-1");
//! encode::event_type(&mut frame, &EventName::parse("token")?);
//! encode::data(&mut frame, b"two\nlines");
//! encode::end(&mut frame);
//! assert_eq!(frame, b"id: k3v9-1\nevent: token\ndata: two\ndata: lines\n\n");
//! # Ok::<(), everstream_codec::InvalidEventName>(())
//! ```

use std::time::Duration;

use bytes::BufMut;
use memchr::memchr2;

use crate::event::EventName;

/// `id:`. The caller vouches for a token without CR, LF and NUL; those are left out if they come all the same.
pub fn id(out: &mut impl BufMut, id: &str) {
    let lawful = |byte: &u8| !matches!(byte, b'\r' | b'\n' | 0);
    debug_assert!(id.as_bytes().iter().all(lawful), "an id stays on its line");
    out.put_slice(b"id: ");
    if id.as_bytes().iter().all(lawful) {
        out.put_slice(id.as_bytes());
    } else {
        id.bytes().filter(lawful).for_each(|byte| out.put_u8(byte));
    }
    out.put_u8(b'\n');
}

/// `event:`.
pub fn event_type(out: &mut impl BufMut, name: &EventName) {
    out.put_slice(b"event: ");
    out.put_slice(name.as_str().as_bytes());
    out.put_u8(b'\n');
}

/// `data:`, one line for each line of `data`, whichever of CRLF, CR and LF end them. A client gets LF between them;
/// empty data is one empty line and is delivered.
pub fn data(out: &mut impl BufMut, data: &[u8]) {
    lines(out, b"data: ", data);
}

/// The same without the space that a client drops, for protocols that are written so; a line that begins with a space
/// has it all the same, or the client would drop that one.
pub fn dense_data(out: &mut impl BufMut, data: &[u8]) {
    lines(out, b"data:", data);
}

/// A comment, one line for each line of `text`. No client shows it.
pub fn comment(out: &mut impl BufMut, text: &str) {
    lines(out, b": ", text.as_bytes());
}

/// `retry:`, in whole milliseconds.
pub fn retry(out: &mut impl BufMut, reconnection_time: Duration) {
    out.put_slice(b"retry: ");
    out.put_slice(reconnection_time.as_millis().to_string().as_bytes());
    out.put_u8(b'\n');
}

/// The blank line that ends an event.
pub fn end(out: &mut impl BufMut) {
    out.put_u8(b'\n');
}

fn lines(out: &mut impl BufMut, name: &[u8], text: &[u8]) {
    let needs_space = !name.ends_with(b" ");
    let mut rest = text;
    loop {
        let (line, after) = match memchr2(b'\n', b'\r', rest).and_then(|end| rest.split_at_checked(end)) {
            Some((line, [b'\r', b'\n', after @ ..] | [_, after @ ..])) => (line, Some(after)),
            _ => (rest, None),
        };
        out.put_slice(name);
        if needs_space && line.starts_with(b" ") {
            out.put_u8(b' ');
        }
        out.put_slice(line);
        out.put_u8(b'\n');
        match after {
            Some(after) => rest = after,
            None => return,
        }
    }
}

#[cfg(test)]
mod tests;
