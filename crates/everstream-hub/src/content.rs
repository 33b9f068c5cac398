//! How a stream's media type decides the look of its events.

/// How a record of a stream is put into an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ContentKind {
    /// `text/event-stream`: the record is the event, its bytes untouched.
    EventStream,
    /// `application/json` and `+json`: the record is one value on one `data:` line (or several, where it has line ends).
    Json,
    /// Other `text/*`: the record's lines become `data:` lines.
    Text,
    /// Everything else: base64 on one `data:` line.
    Binary,
}

impl ContentKind {
    /// The kind of a media type as a client wrote it; parameters do not matter.
    #[must_use]
    pub fn of(content_type: &str) -> Self {
        let essence = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        match essence.as_str() {
            "text/event-stream" => Self::EventStream,
            "application/json" => Self::Json,
            text if text.starts_with("text/") => Self::Text,
            json if json.starts_with("application/") && json.ends_with("+json") => Self::Json,
            _ => Self::Binary,
        }
    }

    /// What stands between the records where many are read as one body, for the log to keep ready.
    #[must_use]
    pub const fn separator(self) -> Option<u8> {
        match self {
            Self::Json => Some(b','),
            // Events are read as they are by few, and each would be a byte longer.
            Self::EventStream | Self::Text | Self::Binary => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::ContentKind;

    #[test]
    fn the_essence_decides_whatever_its_case_and_parameters() {
        for (text, kind) in [
            ("text/event-stream", ContentKind::EventStream),
            ("Text/Event-Stream; charset=utf-8", ContentKind::EventStream),
            ("application/json;v=1", ContentKind::Json),
            ("application/ld+json", ContentKind::Json),
            ("text/plain", ContentKind::Text),
            ("text/event-streamx", ContentKind::Text),
            ("application/octet-stream", ContentKind::Binary),
            ("application/x-ndjson", ContentKind::Binary),
            ("", ContentKind::Binary),
        ] {
            assert_eq!(ContentKind::of(text), kind, "{text}");
            assert_eq!(kind.separator(), (kind == ContentKind::Json).then_some(b','), "{text}");
        }
    }
}
