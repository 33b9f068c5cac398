//! What a client is willing to take: the `Accept` header (RFC 9110, 12.5.1).

use http::HeaderMap;
use http::header::ACCEPT;

/// The media type of event streams.
pub const EVENT_STREAM: &str = "text/event-stream";

/// The `Accept` of one request. Several header lines are one list; a header without one readable range counts as none,
/// so that nothing is refused for a preference that nobody can know.
#[derive(Debug, Clone, Copy)]
pub struct Accept<'a>(&'a HeaderMap);

/// One readable range of the list. Parameters other than the weight do not matter here.
#[derive(Debug, Clone, Copy)]
struct Range<'a> {
    kind: &'a str,
    subtype: &'a str,
    weight: Weight,
}

/// A weight in thousandths, 0 to 1000. Zero excludes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Weight(u16);

/// How closely a range names a type: the closest one decides, whatever the others weigh.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Closeness {
    Anything,
    Kind,
    Exact,
}

impl<'a> Accept<'a> {
    /// The preferences in `headers`.
    #[must_use]
    pub const fn of(headers: &'a HeaderMap) -> Self {
        Self(headers)
    }

    /// Whether the client names `media_type` itself (no wildcard) and does not exclude it.
    #[must_use]
    pub fn names(self, media_type: &str) -> bool {
        self.best(media_type).is_some_and(|(closeness, weight)| closeness == Closeness::Exact && weight > Weight(0))
    }

    /// Whether the client takes `media_type`, whose parameters do not matter.
    #[must_use]
    pub fn allows(self, media_type: &str) -> bool {
        match self.best(media_type) {
            Some((_, weight)) => weight > Weight(0),
            None => self.ranges().next().is_none(),
        }
    }

    /// The closest range that covers `media_type`; of equally close ones the heaviest.
    fn best(self, media_type: &str) -> Option<(Closeness, Weight)> {
        let essence = media_type.split(';').next().unwrap_or_default().trim();
        let (kind, subtype) = essence.split_once('/')?;
        self.ranges().filter_map(|range| Some((range.closeness(kind, subtype)?, range.weight))).max()
    }

    fn ranges(self) -> impl Iterator<Item = Range<'a>> {
        let lines = self.0.get_all(ACCEPT).iter().filter_map(|line| line.to_str().ok());
        lines.flat_map(|line| split_unquoted(line, ',')).filter_map(Range::parse)
    }
}

impl<'a> Range<'a> {
    fn parse(text: &'a str) -> Option<Self> {
        let mut parts = split_unquoted(text, ';').map(str::trim);
        let (kind, subtype) = parts.next()?.split_once('/')?;
        if kind.is_empty() || subtype.is_empty() || (kind == "*" && subtype != "*") {
            return None;
        }
        let weight = parts.find_map(|part| {
            let (name, value) = part.split_once('=')?;
            name.trim().eq_ignore_ascii_case("q").then(|| Weight::parse(value.trim()))
        });
        Some(Self { kind, subtype, weight: weight.unwrap_or(Weight::FULL) })
    }

    fn closeness(&self, kind: &str, subtype: &str) -> Option<Closeness> {
        match (self.kind, self.subtype) {
            ("*", _) => Some(Closeness::Anything),
            (own, "*") if own.eq_ignore_ascii_case(kind) => Some(Closeness::Kind),
            (own, own_sub) if own.eq_ignore_ascii_case(kind) && own_sub.eq_ignore_ascii_case(subtype) => {
                Some(Closeness::Exact)
            }
            _ => None,
        }
    }
}

impl Weight {
    const FULL: Self = Self(1000);

    /// Reads `0.5`; what cannot be read counts as full, since the client did name the range.
    fn parse(text: &str) -> Self {
        let weight: f32 = text.parse().unwrap_or(1.0);
        if (0.0..=1.0).contains(&weight) { Self((weight * 1000.0) as u16) } else { Self::FULL }
    }
}

/// Splits at `separator`, but not inside quoted strings.
fn split_unquoted(text: &str, separator: char) -> impl Iterator<Item = &str> {
    let (mut is_quoted, mut is_escaped) = (false, false);
    text.split(move |c: char| {
        match c {
            _ if is_escaped => is_escaped = false,
            '\\' if is_quoted => is_escaped = true,
            '"' => is_quoted = !is_quoted,
            _ => return c == separator && !is_quoted,
        }
        false
    })
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn headers(lines: &[&str]) -> HeaderMap {
        lines.iter().map(|line| (ACCEPT, HeaderValue::from_str(line).unwrap())).collect()
    }

    fn allows(line: &str) -> bool {
        Accept::of(&headers(&[line])).allows(EVENT_STREAM)
    }

    fn names(line: &str) -> bool {
        Accept::of(&headers(&[line])).names(EVENT_STREAM)
    }

    #[test]
    fn an_event_stream_is_allowed_by_every_range_that_covers_it() {
        assert!(Accept::of(&HeaderMap::new()).allows(EVENT_STREAM));
        for line in [
            "*/*",
            "text/*",
            "text/event-stream",
            "Text/Event-Stream",
            "text/event-stream; charset=utf-8",
            "text/html, text/event-stream;q=0.3",
            "text/html;x=\"a,b;q=0\", text/event-stream",
            "text/event-stream;q=nonsense",
            "text/*;q=0, text/event-stream",
        ] {
            assert!(allows(line), "{line}");
        }
    }

    #[test]
    fn other_types_and_a_zero_weight_exclude_it() {
        for line in [
            "application/json",
            "text/html",
            "text/event-streamx",
            "text/event-stream;q=0",
            "text/event-stream;q=0.000",
            "text/event-stream;Q=0, */*",
            "text/*;q=0, */*",
        ] {
            assert!(!allows(line), "{line}");
        }
    }

    #[test]
    fn only_the_type_itself_names_it() {
        for line in
            ["text/event-stream", "text/html, TEXT/EVENT-STREAM;q=0.001", "text/event-stream;q=0, text/event-stream"]
        {
            assert!(names(line), "{line}");
        }
        for line in ["", "*/*", "text/*", "text/event-stream;q=0", "text/event-stream;q=0, */*", "application/json"] {
            assert!(!names(line), "{line}");
        }
    }

    #[test]
    fn unreadable_lists_are_no_preference() {
        for line in ["", " ", ";;;,,/", "/", "*", "*/x", "\"", "text"] {
            assert!(allows(line), "{line:?}");
        }
    }

    #[test]
    fn several_lines_are_one_list_however_long() {
        let long = "a/b,".repeat(2048);
        let lines = headers(&["text/html", &long, "text/event-stream;q=0.1"]);
        assert!(Accept::of(&lines).names(EVENT_STREAM));
        assert!(!Accept::of(&lines).allows("application/json"));
    }

    #[test]
    fn parameters_of_the_offered_type_do_not_matter() {
        let lines = headers(&["application/json"]);
        assert!(Accept::of(&lines).allows("Application/JSON; charset=utf-8"));
    }
}
