//! Which upstreams the proxy may call: scheme, host and port exactly, and a part of their paths.

use std::fmt;

use url::Url;

use super::address::{Reach, reach};
use crate::{Error, ErrorKind, Subject, target};

/// What the proxy may call. Empty, it may call nothing.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AllowList(Vec<AllowedUpstream>);

/// One entry: `https://api.openai.com`, `https://*.example.com/api/**`, `http://localhost:*/**`.
///
/// Scheme, host and port are exact; without a port it is the scheme's own. `*.` before a host stands for one or more
/// labels, never for none; `*` for a port stands for any. In the path `*` is one segment and a last `**` everything
/// below, but not the path before it; without a path every path is meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AllowedUpstream {
    text: String,
    scheme: &'static str,
    host: Host,
    port: Option<u16>,
    path: Option<Vec<Segment>>,
}

/// Why a text is no entry; `Display` ends a sentence that begins with the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InvalidAllowedUpstream {
    /// It does not begin with `http://` or `https://`.
    Scheme,
    /// The host is none, or has a `*` that is not its whole first label.
    Host,
    /// The port is neither a number nor `*`.
    Port,
    /// The path has a query, a `*` within a segment, a `**` that is not last, or is not written as URLs are.
    Path,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Host {
    Exactly(String),
    /// Ends with this, which begins with a dot.
    Below(String),
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Segment {
    Exactly(String),
    /// Any one, but not an empty one.
    One,
    /// All that come, at least one.
    Rest,
}

const EXAMPLE: &str = "https://api.openai.com/v1/chat/completions";

impl AllowList {
    /// A list of these entries.
    #[must_use]
    pub const fn new(entries: Vec<AllowedUpstream>) -> Self {
        Self(entries)
    }

    /// The entries.
    #[must_use]
    pub fn entries(&self) -> &[AllowedUpstream] {
        &self.0
    }

    /// Whether any entry needs TLS.
    pub(crate) fn has_https(&self) -> bool {
        self.0.iter().any(|entry| entry.scheme == "https")
    }

    /// Whether an entry names this very host, not by a wildcard: whoever wrote it down means it, wherever it is.
    pub(crate) fn names(&self, host: &str) -> bool {
        self.0.iter().any(|entry| matches!(&entry.host, Host::Exactly(own) if own == host))
    }

    /// The URL that `text` writes, if it may be called. What is judged is what is called: the parsed URL, with its
    /// numbers, dots, cases and escapes in their one form.
    ///
    /// # Errors
    /// `UpstreamNotAllowed`.
    pub(crate) fn admit(&self, text: &str) -> Result<Url, Error> {
        let refuse = |why: &str| {
            let subject = Subject { field: "Upstream-URL".to_owned(), value: text.to_owned(), example: EXAMPLE };
            Error::new(ErrorKind::UpstreamNotAllowed, format!("the upstream's URL {why}")).about(subject)
        };
        let mut url = Url::parse(text).map_err(|_| refuse("is no absolute URL"))?;
        let is_web = matches!(url.scheme(), "http" | "https");
        let Some(host) = url.host_str().filter(|_| is_web) else { return Err(refuse("is neither http nor https")) };
        if !url.username().is_empty() || url.password().is_some() {
            return Err(refuse("carries credentials, which belong into Upstream-Authorization"));
        }
        if target::climbs(url.path()) {
            return Err(refuse("has a path that an upstream could read as a way up"));
        }
        if !self.0.iter().any(|entry| entry.matches(&url)) {
            return Err(refuse("is not on this server's allow-list (proxy_allow)"));
        }
        let literal = host.trim_start_matches('[').trim_end_matches(']').parse();
        if literal.is_ok_and(|address| reach(address) != Reach::Public) && !self.names(host) {
            return Err(refuse("is an address that is not public and that the allow-list does not name"));
        }
        url.set_fragment(None);
        Ok(url)
    }
}

impl AllowedUpstream {
    /// Reads an entry.
    ///
    /// # Errors
    /// [`InvalidAllowedUpstream`] says which part is wrong.
    pub fn parse(text: &str) -> Result<Self, InvalidAllowedUpstream> {
        use InvalidAllowedUpstream as Invalid;
        let (scheme, rest) = match text.split_once("://") {
            Some(("http", rest)) => ("http", rest),
            Some(("https", rest)) => ("https", rest),
            _ => return Err(Invalid::Scheme),
        };
        let (authority, path) = match rest.find('/') {
            Some(at) => rest.split_at(at),
            None => (rest, ""),
        };
        let (host, port) = match authority.rsplit_once(':') {
            Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
            _ => (authority, None),
        };
        let port = match port {
            None if scheme == "https" => Some(443),
            None => Some(80),
            Some("*") => None,
            Some(number) => Some(number.parse().map_err(|_| Invalid::Port)?),
        };
        Ok(Self { text: text.to_owned(), scheme, host: Host::parse(host)?, port, path: segments(path)? })
    }

    /// As it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    fn matches(&self, url: &Url) -> bool {
        let is_host = url.host_str().is_some_and(|host| self.host.matches(host));
        let is_port = self.port.is_none() || self.port == url.port_or_known_default();
        self.scheme == url.scheme()
            && is_host
            && is_port
            && self.path.as_deref().is_none_or(|own| leads(own, url.path()))
    }
}

impl Host {
    fn parse(text: &str) -> Result<Self, InvalidAllowedUpstream> {
        let (below, name) = match text.strip_prefix("*.") {
            Some(name) => (true, name),
            None => (false, text),
        };
        let url = Url::parse(&format!("http://{name}/")).map_err(|_| InvalidAllowedUpstream::Host)?;
        // A host that is written otherwise than URLs write it (a number for an address, a capital) would surprise.
        let is_plain = url.host_str() == Some(name) && url.port().is_none() && !name.contains('*');
        let is_address = name.starts_with('[') || name.parse::<std::net::Ipv4Addr>().is_ok();
        match (is_plain, below) {
            (true, false) => Ok(Self::Exactly(name.to_owned())),
            (true, true) if !is_address => Ok(Self::Below(format!(".{name}"))),
            _ => Err(InvalidAllowedUpstream::Host),
        }
    }

    fn matches(&self, host: &str) -> bool {
        match self {
            Self::Exactly(own) => own == host,
            Self::Below(suffix) => host.strip_suffix(suffix.as_str()).is_some_and(|labels| !labels.is_empty()),
        }
    }
}

fn segments(path: &str) -> Result<Option<Vec<Segment>>, InvalidAllowedUpstream> {
    if path.is_empty() {
        return Ok(None);
    }
    let url = Url::parse(&format!("http://h{path}")).map_err(|_| InvalidAllowedUpstream::Path)?;
    if url.path() != path || target::climbs(path) {
        return Err(InvalidAllowedUpstream::Path);
    }
    let count = path.matches('/').count();
    let segment = |(at, text): (usize, &str)| match text {
        "**" if at + 1 == count => Ok(Segment::Rest),
        "*" => Ok(Segment::One),
        text if text.contains('*') => Err(InvalidAllowedUpstream::Path),
        text => Ok(Segment::Exactly(text.to_owned())),
    };
    path.split('/').skip(1).enumerate().map(segment).collect::<Result<_, _>>().map(Some)
}

/// Whether `own` describes `path`.
fn leads(own: &[Segment], path: &str) -> bool {
    let mut given = path.split('/').skip(1);
    for segment in own {
        let Some(text) = given.next() else { return false };
        match segment {
            Segment::Rest => return true,
            Segment::One if !text.is_empty() => {}
            Segment::Exactly(own) if own == text => {}
            Segment::One | Segment::Exactly(_) => return false,
        }
    }
    given.next().is_none()
}

impl fmt::Display for InvalidAllowedUpstream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Scheme => "does not begin with http:// or https://",
            Self::Host => "has no host in lower case, with or without *. before it",
            Self::Port => "has a port that is neither a number nor *",
            Self::Path => {
                "has a path in which * is no whole segment, ** is not the last one, or a segment is no plain one"
            }
        })
    }
}

impl std::error::Error for InvalidAllowedUpstream {}

#[cfg(test)]
mod tests;
