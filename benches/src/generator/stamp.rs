//! The text of an event of a load: its number and when it was sent, so that order, completeness and latency can be judged.

use std::sync::LazyLock;

use anyhow::{Context, Result};
use memchr::memmem::{self, Finder};

/// What precedes a record's number and the time it was sent, in nanoseconds since the epoch.
const NUMBER: &[u8] = b"\"n\":";
const SENT: &[u8] = b",\"t\":";
/// Nanoseconds since the epoch have so many digits from 2001 to 2286.
const SENT_DIGITS: usize = 19;

/// Made once, not for each event.
static NUMBER_FINDER: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(NUMBER));

/// The text of a stamped record: its number, when it was `sent` and padding up to `size` bytes.
pub(crate) fn stamped(number: u64, sent: u64, size: usize) -> String {
    let head = format!("{{\"n\":{number},\"t\":{sent},\"p\":\"");
    let padding = "x".repeat(size.saturating_sub(head.len() + 2));
    format!("{head}{padding}\"}}")
}

/// Hands the number and the time sent of every stamp in `bytes` to `see`; returns how many bytes are done with. What may
/// be the beginning of a stamp that is not complete is not.
pub(crate) fn take_stamps(bytes: &[u8], mut see: impl FnMut(u64, u64) -> Result<()>) -> Result<usize> {
    let mut done = 0;
    loop {
        let rest = bytes.get(done..).unwrap_or_default();
        let Some(start) = NUMBER_FINDER.find(rest) else {
            return Ok(done + rest.len().saturating_sub(NUMBER.len() - 1));
        };
        let record = rest.get(start + NUMBER.len()..).unwrap_or_default();
        let Some((number, sent, length)) = parse(record)? else { return Ok(done + start) };
        see(number, sent)?;
        done += start + NUMBER.len() + length;
    }
}

/// Number, time sent and length of the stamp at the start of `text`, unless it is cut off.
fn parse(text: &[u8]) -> Result<Option<(u64, u64, usize)>> {
    let Some(digits) = memmem::find(text.get(..40.min(text.len())).unwrap_or_default(), SENT) else { return Ok(None) };
    let time_start = digits + SENT.len();
    let Some(time) = text.get(time_start..time_start + SENT_DIGITS) else { return Ok(None) };
    let number = std::str::from_utf8(text.get(..digits).context("a cut stamp")?)?.parse()?;
    Ok(Some((number, std::str::from_utf8(time)?.parse()?, time_start + SENT_DIGITS)))
}
