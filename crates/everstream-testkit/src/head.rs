//! A strict parser of response heads.

/// The head of a response as it stood on the wire.
#[derive(Debug, Clone)]
pub struct Head {
    /// `HTTP/1.1` or `HTTP/1.0`.
    pub version: String,
    /// The status code.
    pub status: u16,
    /// Names as written, values without surrounding blanks, in order.
    pub fields: Vec<(String, String)>,
}

/// Fields that must not come twice (RFC 9110, section 5.3).
const SINGLETONS: &[&str] = &[
    "access-control-allow-credentials",
    "access-control-allow-origin",
    "age",
    "content-length",
    "content-location",
    "content-type",
    "date",
    "etag",
    "last-modified",
    "location",
    "retry-after",
    "server",
    "stream-closed",
    "stream-epoch",
    "stream-next-offset",
    "transfer-encoding",
    "x-accel-buffering",
];

impl Head {
    /// Parses a whole head, its empty line included.
    ///
    /// # Errors
    /// A sentence about the first thing that RFC 9110 or 9112 does not allow.
    pub fn parse(bytes: &[u8]) -> Result<Self, String> {
        let text = std::str::from_utf8(bytes).map_err(|_| "the head is not UTF-8".to_owned())?;
        let text = text.strip_suffix("\r\n\r\n").ok_or("the head does not end in an empty line")?;
        let mut lines = text.split("\r\n");
        let (version, status) = status_line(lines.next().unwrap_or_default())?;
        let fields = lines.map(field_line).collect::<Result<Vec<_>, _>>()?;
        let head = Self { version, status, fields };
        for name in SINGLETONS {
            if head.all(name).len() > 1 {
                return Err(format!("{name} comes more than once: {:?}", head.all(name)));
            }
        }
        Ok(head)
    }

    /// The value of a field that comes at most once.
    #[must_use]
    #[track_caller]
    pub fn field(&self, name: &str) -> Option<&str> {
        let values = self.all(name);
        assert!(values.len() <= 1, "{name} comes more than once: {values:?}");
        values.first().copied()
    }

    /// Every value of a field, in order.
    #[must_use]
    pub fn all(&self, name: &str) -> Vec<&str> {
        let same = |(written, _): &&(String, String)| written.eq_ignore_ascii_case(name);
        self.fields.iter().filter(same).map(|(_, value)| value.as_str()).collect()
    }

    /// Whether a comma-separated field has `token`, in any case, with or without parameters.
    #[must_use]
    pub fn lists(&self, name: &str, token: &str) -> bool {
        let items = self.all(name).into_iter().flat_map(|value| value.split(','));
        items
            .map(|item| item.split(['=', ';']).next().unwrap_or_default().trim())
            .any(|t| t.eq_ignore_ascii_case(token))
    }

    /// The media type without its parameters, in lower case; empty when there is none.
    #[must_use]
    pub fn media_type(&self) -> String {
        let value = self.field("content-type").unwrap_or_default();
        value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
    }
}

fn status_line(line: &str) -> Result<(String, u16), String> {
    let mut parts = line.splitn(3, ' ');
    let (version, status) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    if !matches!(version, "HTTP/1.1" | "HTTP/1.0") || status.len() != 3 {
        return Err(format!("not a status line: {line:?}"));
    }
    let status = status.parse().map_err(|_| format!("not a status code: {line:?}"))?;
    Ok((version.to_owned(), status))
}

fn field_line(line: &str) -> Result<(String, String), String> {
    let (name, value) = line.split_once(':').ok_or_else(|| format!("a head line without a colon: {line:?}"))?;
    if name.is_empty() || !name.bytes().all(is_token) {
        return Err(format!("not a field name: {name:?}"));
    }
    if value.chars().any(|c| c.is_control() && c != '\t') {
        return Err(format!("a control character in the value of {name}: {value:?}"));
    }
    Ok((name.to_owned(), value.trim_matches([' ', '\t']).to_owned()))
}

fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_found_in_any_case() {
        let head = Head::parse(b"HTTP/1.1 200 OK\r\ncontent-Type: Text/Plain; a=b\r\nVary: a, Origin\r\n\r\n").unwrap();
        assert_eq!((head.status, head.media_type()), (200, "text/plain".to_owned()));
        assert!(head.lists("VARY", "origin") && !head.lists("vary", "b"));
    }

    #[test]
    fn unlawful_heads_are_refused() {
        for head in [
            "HTTP/2 200 OK\r\n\r\n",
            "HTTP/1.1 2000 OK\r\n\r\n",
            "HTTP/1.1 200 OK\r\nA : b\r\n\r\n",
            "HTTP/1.1 200 OK\r\nA: b\nC: d\r\n\r\n",
            "HTTP/1.1 200 OK\r\nDate: x\r\nDate: x\r\n\r\n",
            "HTTP/1.1 200 OK\r\n",
        ] {
            assert!(Head::parse(head.as_bytes()).is_err(), "{head:?}");
        }
    }
}
