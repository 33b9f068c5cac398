//! `--header "Name: value"`.

use everstream_client::{HeaderMap, HeaderName, HeaderValue};

use crate::outcome::UsageError;

/// Reads headers as they stand on the command line.
pub(crate) fn parse(headers: &[String]) -> Result<HeaderMap, UsageError> {
    headers.iter().map(|header| read(header).ok_or_else(|| wrong(header))).collect()
}

fn read(header: &str) -> Option<(HeaderName, HeaderValue)> {
    let (name, value) = header.split_once(':')?;
    Some((name.trim().parse().ok()?, value.trim().parse().ok()?))
}

fn wrong(header: &str) -> UsageError {
    // The value may be a secret, so it is not repeated.
    let name = header.split(':').next().unwrap_or_default();
    UsageError(format!("--header {name:?} is no header; try --header \"Authorization: Bearer TOKEN\""))
}
