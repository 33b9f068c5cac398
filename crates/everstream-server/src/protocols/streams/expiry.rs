//! `Stream-TTL` and `Stream-Expires-At`: when a stream goes away by itself.

use std::time::Duration;

use everstream_log::{Expiry, Timestamp};
use http::{HeaderMap, HeaderName, HeaderValue};
use jiff::SignedDuration;
use jiff::civil::{DateTime, date};

use super::head::{EXPIRES_AT, TTL};
use super::sequence::one;
use crate::problem::{Code, Problem};

/// As many milliseconds as a timestamp can count.
const TTL_SECONDS_MAX: u64 = u64::MAX / 1000;

/// What a request wants; neither header leaves it to the configuration.
///
/// # Errors
/// `invalid_header` for a value that is malformed, and for one too many.
pub(super) fn wanted(headers: &HeaderMap) -> Result<Expiry, Problem> {
    let lossy = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    match (one(headers, &TTL)?.map(lossy), one(headers, &EXPIRES_AT)?.map(lossy)) {
        (None, None) => Ok(Expiry::Never),
        (Some(ttl), None) => whole_seconds(&ttl).map(Expiry::Idle).ok_or_else(|| {
            let rule = format!(
                "`Stream-TTL` is a whole number of seconds, without sign or leading zero, {TTL_SECONDS_MAX} at most"
            );
            refused(&TTL, &ttl, "3600", &rule)
        }),
        (None, Some(at)) => parse(&at).map(Expiry::At).ok_or_else(|| {
            refused(&EXPIRES_AT, &at, "2030-01-01T00:00:00Z", "`Stream-Expires-At` is an RFC 3339 time")
        }),
        (Some(_), Some(at)) => {
            Err(refused(&EXPIRES_AT, &at, "", "`Stream-TTL` and `Stream-Expires-At` exclude each other"))
        }
    }
}

fn refused(name: &HeaderName, value: &str, example: &str, detail: &str) -> Problem {
    Problem::new(Code::InvalidHeader, detail).about(name.as_str(), value, example)
}

fn whole_seconds(text: &str) -> Option<Duration> {
    let is_canonical = text.bytes().all(|byte| byte.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
    text.parse().ok().filter(|seconds| is_canonical && *seconds <= TTL_SECONDS_MAX).map(Duration::from_secs)
}

/// The moment that timestamps count from. A civil time, since the library's instants end a day before the year 9999 does,
/// which is what many write for never.
const fn origin() -> DateTime {
    date(1970, 1, 1).at(0, 0, 0, 0)
}

/// Reads a moment as RFC 3339, 5.6, has it, and not as its many relatives do.
fn parse(text: &str) -> Option<Timestamp> {
    let (day, rest) = text.split_at_checked(10)?;
    let (time, rest) = rest.strip_prefix(['T', 't', ' '])?.split_at_checked(8)?;
    if !has_shape(day, "0000-00-00") || !has_shape(time, "00:00:00") {
        return None;
    }
    let (fraction_ms, zone) = fraction(rest)?;
    let local: DateTime = format!("{day}T{time}").parse().ok()?;
    let since_origin = local.duration_since(origin()).as_millis() + i128::from(fraction_ms) - ahead_ms(zone)?;
    // Before 1970 is as much in the past as 1970.
    Some(Timestamp(u64::try_from(since_origin).unwrap_or(0)))
}

/// Whether `text` has digits where `shape` has them, and else the same.
fn has_shape(text: &str, shape: &str) -> bool {
    let fits = |(given, wanted): (u8, u8)| if wanted == b'0' { given.is_ascii_digit() } else { given == wanted };
    text.len() == shape.len() && text.bytes().zip(shape.bytes()).all(fits)
}

/// The milliseconds of a fraction of a second, and what stands behind it.
fn fraction(text: &str) -> Option<(u16, &str)> {
    let Some(behind) = text.strip_prefix('.') else { return Some((0, text)) };
    let zone = behind.trim_start_matches(|digit: char| digit.is_ascii_digit());
    let digits = behind.strip_suffix(zone).filter(|digits| !digits.is_empty())?;
    let ms = format!("{digits:0<3}").get(..3)?.parse().ok()?;
    Some((ms, zone))
}

/// How far a zone is ahead of UTC.
fn ahead_ms(zone: &str) -> Option<i128> {
    if zone.eq_ignore_ascii_case("z") {
        return Some(0);
    }
    let (sign, offset) = match zone.split_at_checked(1)? {
        ("+", offset) => (1, offset),
        ("-", offset) => (-1, offset),
        _ => return None,
    };
    let (hours, minutes) = offset.split_once(':').filter(|_| has_shape(offset, "00:00"))?;
    let (hours, minutes): (i128, i128) = (hours.parse().ok()?, minutes.parse().ok()?);
    (hours < 24 && minutes < 60).then_some(sign * (hours * 60 + minutes) * 60_000)
}

/// A moment in UTC, to the millisecond; whatever comes after the year 9999 as its end.
pub(super) fn rfc3339(at: Timestamp) -> String {
    let at = i64::try_from(at.0).ok().and_then(|ms| origin().checked_add(SignedDuration::from_millis(ms)).ok());
    format!("{:.3}Z", at.unwrap_or(DateTime::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expiry(pairs: &[(&'static str, &str)]) -> Option<Expiry> {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(*name, HeaderValue::from_str(value).unwrap());
        }
        wanted(&headers).ok()
    }

    #[test]
    fn a_ttl_is_a_canonical_number_of_seconds() {
        let ttl = |text| expiry(&[("stream-ttl", text)]);
        assert_eq!(ttl("3600"), Some(Expiry::Idle(Duration::from_secs(3600))));
        assert_eq!(ttl("0"), Some(Expiry::Idle(Duration::ZERO)));
        for text in ["00060", "+60", "60.5", "1e3", "-1", "abc", "", "18446744073709552", "99999999999999999999"] {
            assert_eq!(ttl(text), None, "{text:?}");
        }
    }

    #[test]
    fn a_deadline_is_a_time_with_a_zone() {
        for (text, ms) in [
            ("1970-01-01T00:00:02Z", 2000),
            ("1970-01-01t02:00:02.5+02:00", 2500),
            ("1969-12-31 23:59:59.0019-00:01", 59_001),
            ("0001-01-01T00:00:00Z", 0),
            ("2016-12-31T23:59:60Z", 1_483_228_799_000),
            ("9999-12-31T23:59:59.999999999Z", 253_402_300_799_999),
            ("9999-12-31T23:59:59-23:59", 253_402_387_139_000),
        ] {
            assert_eq!(expiry(&[("stream-expires-at", text)]), Some(Expiry::At(Timestamp(ms))), "{text}");
        }
        for text in [
            "tomorrow",
            "1970-01-01T00:00:02",
            "2030-13-01T00:00:00Z",
            "2030-02-29T00:00:00Z",
            "2030-01-01T24:00:00Z",
            "2030-01-01T00:00Z",
            "20300101T000000Z",
            "2030-01-01T00:00:00.Z",
            "2030-01-01T00:00:00,5Z",
            "2030-01-01T00:00:00Z[UTC]",
            "2030-01-01T00:00:00+24:00",
            "2030-01-01T00:00:00+01:60",
            "2030-01-01T00:00:00+0100",
            "+002030-01-01T00:00:00Z",
            "\u{661}030-01-01T00:00:00Z",
            "",
        ] {
            assert_eq!(parse(text), None, "{text:?}");
        }
    }

    #[test]
    fn one_of_the_two_headers_is_sent_and_once() {
        for pairs in [
            [("stream-ttl", "1"), ("stream-expires-at", "1970-01-01T00:00:02Z")],
            [("stream-ttl", "1"), ("stream-ttl", "2")],
            [("stream-expires-at", "2030-01-01T00:00:00Z"), ("stream-expires-at", "2031-01-01T00:00:00Z")],
        ] {
            assert_eq!(expiry(&pairs), None, "{pairs:?}");
        }
    }

    #[test]
    fn moments_are_written_in_utc_to_the_millisecond() {
        assert_eq!(rfc3339(Timestamp(0)), "1970-01-01T00:00:00.000Z");
        assert_eq!(rfc3339(Timestamp(1_700_000_000_123)), "2023-11-14T22:13:20.123Z");
        assert_eq!(rfc3339(parse("9999-12-31T23:59:59Z").unwrap()), "9999-12-31T23:59:59.000Z");
        assert_eq!(rfc3339(Timestamp(u64::MAX)), "9999-12-31T23:59:59.999Z");
    }
}
