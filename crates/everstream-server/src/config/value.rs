//! The types of configuration values, each read from text.

use std::fmt;
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use everstream_log::Durability;
use http::Uri;

/// A type of configuration values.
pub trait Value: Sized {
    /// What its values are, in words.
    const KIND: &'static str;
    /// A lawful value.
    const EXAMPLE: &'static str;
    /// Whether no message may show it.
    const IS_SECRET: bool = false;

    /// Reads a value.
    ///
    /// # Errors
    /// [`Invalid`] says what is wrong with `text`.
    fn parse(text: &str) -> Result<Self, Invalid>;
}

/// What is wrong with a value, as the end of a sentence that begins with the value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invalid(pub String);

impl fmt::Display for Invalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn invalid(text: impl Into<String>) -> Invalid {
    Invalid(text.into())
}

impl Value for SocketAddr {
    const KIND: &'static str = "address and port";
    const EXAMPLE: &'static str = "127.0.0.1:8000";

    fn parse(text: &str) -> Result<Self, Invalid> {
        let numeric = text.strip_prefix("localhost:").map(|port| format!("127.0.0.1:{port}"));
        numeric.as_deref().unwrap_or(text).parse().map_err(|_| invalid("is no IP address with a port"))
    }
}

impl Value for Option<PathBuf> {
    const KIND: &'static str = "path";
    const EXAMPLE: &'static str = "/var/lib/everstream";

    fn parse(text: &str) -> Result<Self, Invalid> {
        Ok(Some(text).filter(|text| !text.is_empty()).map(PathBuf::from))
    }
}

impl Value for Durability {
    const KIND: &'static str = "`memory`, `os` or `fsync`";
    const EXAMPLE: &'static str = "os";

    fn parse(text: &str) -> Result<Self, Invalid> {
        Self::parse(text).ok_or_else(|| invalid("is none of memory, os and fsync"))
    }
}

impl Value for bool {
    const KIND: &'static str = "`true` or `false`";
    const EXAMPLE: &'static str = "true";

    fn parse(text: &str) -> Result<Self, Invalid> {
        text.parse().map_err(|_| invalid("is neither true nor false"))
    }
}

/// No clock of a machine can be asked for a moment much later than this.
const DURATION_MAX: Duration = Duration::from_secs(876_000 * 3600);

impl Value for Duration {
    const KIND: &'static str = "duration";
    const EXAMPLE: &'static str = "15s";

    fn parse(text: &str) -> Result<Self, Invalid> {
        if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(invalid("has no unit"));
        }
        // One spelling for each unit, of the many that the parser knows.
        let mut units = text.split(|c: char| !c.is_ascii_alphabetic()).filter(|unit| !unit.is_empty());
        if !units.all(|unit| matches!(unit, "ms" | "s" | "m" | "h")) {
            return Err(invalid("is no duration"));
        }
        let signed: jiff::SignedDuration = text.parse().map_err(|_| invalid("is no duration"))?;
        let duration = Self::try_from(signed).map_err(|_| invalid("is negative"))?;
        match duration {
            Self::ZERO => Err(invalid("is zero")),
            duration if duration > DURATION_MAX => Err(invalid("is longer than a hundred years (876000h)")),
            duration => Ok(duration),
        }
    }
}

impl Value for NonZeroUsize {
    const KIND: &'static str = "number";
    const EXAMPLE: &'static str = "10000";

    fn parse(text: &str) -> Result<Self, Invalid> {
        text.parse().map_err(|_| invalid("is no whole number above zero"))
    }
}

/// A number of bytes above zero, written with a unit or as a plain number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct ByteSize(pub usize);

impl Value for ByteSize {
    const KIND: &'static str = "size";
    const EXAMPLE: &'static str = "16KiB";

    fn parse(text: &str) -> Result<Self, Invalid> {
        let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic()).trim_end();
        let unit = text.get(digits.len()..).unwrap_or_default().trim_start();
        let count: usize = digits.parse().map_err(|_| invalid("is no size"))?;
        let scale = match unit {
            "" | "B" => 1,
            "KiB" => 1 << 10,
            "MiB" => 1 << 20,
            "GiB" => 1 << 30,
            _ => return Err(invalid("has a unit that is none of B, KiB, MiB and GiB")),
        };
        match count.checked_mul(scale) {
            None => Err(invalid("is more than this machine can count")),
            Some(0) => Err(invalid("is zero")),
            Some(bytes) => Ok(Self(bytes)),
        }
    }
}

impl fmt::Display for ByteSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (count, unit) = match self.0 {
            bytes if bytes.is_multiple_of(1 << 30) => (bytes >> 30, "GiB"),
            bytes if bytes.is_multiple_of(1 << 20) => (bytes >> 20, "MiB"),
            bytes if bytes.is_multiple_of(1 << 10) => (bytes >> 10, "KiB"),
            bytes => (bytes, "B"),
        };
        write!(f, "{count}{unit}")
    }
}

/// A bound that can be off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Limit<T> {
    /// Written `0`.
    Off,
    /// The bound.
    At(T),
}

impl<T: Copy> Limit<T> {
    /// The bound, if there is one.
    pub const fn get(self) -> Option<T> {
        match self {
            Self::Off => None,
            Self::At(bound) => Some(bound),
        }
    }
}

macro_rules! limits {
    ($($type:ty: $kind:literal;)+) => {
        $(impl Value for Limit<$type> {
            const KIND: &'static str = $kind;
            const EXAMPLE: &'static str = <$type as Value>::EXAMPLE;

            fn parse(text: &str) -> Result<Self, Invalid> {
                if text == "0" { Ok(Self::Off) } else { <$type as Value>::parse(text).map(Self::At) }
            }
        })+
    };
}

limits! {
    Duration: "duration, or `0`";
    ByteSize: "size, or `0`";
    NonZeroUsize: "number, or `0`";
}

/// A web origin, exactly as a browser writes it in `Origin`: scheme, host and a port that is not the scheme's own.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Origin(String);

impl Origin {
    /// The origin as the header has it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Value for Origin {
    const KIND: &'static str = "origin";
    const EXAMPLE: &'static str = "https://app.example.com";

    fn parse(text: &str) -> Result<Self, Invalid> {
        let uri: Uri = text.parse().map_err(|_| invalid("is no origin"))?;
        let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority()) else {
            return Err(invalid("has no scheme and host"));
        };
        let own_port = matches!((scheme, uri.port_u16()), ("http", Some(80)) | ("https", Some(443)));
        if own_port {
            return Err(invalid("names its scheme's own port, which browsers leave out"));
        }
        if format!("{scheme}://{authority}") != text || text != text.to_ascii_lowercase() || text.contains('@') {
            return Err(invalid("is more than scheme, host and port in lower case"));
        }
        Ok(Self(text.to_owned()))
    }
}

impl Value for Vec<Origin> {
    const KIND: &'static str = "list of origins";
    const EXAMPLE: &'static str = "https://app.example.com";

    /// Comma-separated, as the environment and the flags write a list.
    fn parse(text: &str) -> Result<Self, Invalid> {
        let items = text.split(',').map(str::trim).filter(|item| !item.is_empty());
        items.map(|item| Origin::parse(item).map_err(|why| Invalid(format!("has {item:?}, which {why}")))).collect()
    }
}
