//! What a caller says about its ask, in headers.

use everstream_hub::{EventId, Start};
use everstream_log::StreamName;
use http::{HeaderMap, HeaderName};

use crate::identity::IdempotencyKey;
use crate::{Error, Mount, OnDisconnect};

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");
const ON_DISCONNECT: HeaderName = HeaderName::from_static("everstream-on-disconnect");
const PREFER: HeaderName = HeaderName::from_static("prefer");
const STREAM: HeaderName = HeaderName::from_static("everstream-stream");

/// The ask's headers, read.
#[derive(Debug, Default)]
pub(crate) struct Options {
    pub(crate) key: Option<IdempotencyKey>,
    pub(crate) resume: Option<Resume>,
    pub(crate) reply: Reply,
    pub(crate) name: Option<StreamName>,
    /// Chosen by the caller; the mount's holds otherwise.
    pub(crate) on_disconnect: Option<OnDisconnect>,
}

/// A `Last-Event-ID` that is not empty.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Resume {
    /// An id this server may have made.
    After(EventId),
    /// Something else (`-1` is some client's "nothing yet"): this server made no such id, hence no answer it stands for.
    Foreign,
}

/// How the caller wants its answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Reply {
    /// As the response to its request.
    #[default]
    Stream,
    /// Elsewhere: `Prefer: respond-async`.
    Async,
}

impl Options {
    /// Reads the headers of one request to `mount`.
    ///
    /// # Errors
    /// `InvalidHeader` names the header, its value and a lawful one.
    pub(crate) fn read(headers: &HeaderMap, mount: &Mount) -> Result<Self, Error> {
        Ok(Self {
            key: key(headers)?,
            resume: resume(headers)?,
            reply: reply(headers),
            name: name(headers)?,
            on_disconnect: on_disconnect(headers, mount)?,
        })
    }

    /// Whether any of them was given: then the request means to be an ask.
    pub(crate) const fn are_given(&self) -> bool {
        self.key.is_some()
            || matches!(self.resume, Some(Resume::After(_)))
            || matches!(self.reply, Reply::Async)
            || self.name.is_some()
            || self.on_disconnect.is_some()
    }
}

impl Resume {
    /// The hub's view of the position.
    pub(crate) const fn start(self) -> Start {
        match self {
            Self::After(id) => Start::After(id),
            Self::Foreign => Start::Beginning,
        }
    }
}

/// The one value of `name`, if there is one.
fn single<'a>(headers: &'a HeaderMap, name: &HeaderName, example: &'static str) -> Result<Option<&'a str>, Error> {
    let mut values = headers.get_all(name).iter();
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err(Error::header(name, value.as_bytes(), "is there more than once", example));
    }
    match value.to_str() {
        Ok(text) => Ok(Some(text.trim())),
        Err(_) => Err(Error::header(name, value.as_bytes(), "has characters beyond visible ASCII", example)),
    }
}

fn key(headers: &HeaderMap) -> Result<Option<IdempotencyKey>, Error> {
    const EXAMPLE: &str = "8e03978e-40d5-43dd-bc93-6894a57f9324";
    let Some(text) = single(headers, &IDEMPOTENCY_KEY, EXAMPLE)? else { return Ok(None) };
    match IdempotencyKey::parse(text) {
        Some(key) => Ok(Some(key)),
        None => {
            let context = format!("has 1 to {} visible ASCII characters", IdempotencyKey::LEN_MAX);
            Err(Error::header(&IDEMPOTENCY_KEY, text.as_bytes(), &context, EXAMPLE))
        }
    }
}

fn resume(headers: &HeaderMap) -> Result<Option<Resume>, Error> {
    // A client that goes on by itself must not be refused for a strange id, only for an ambiguous one.
    let text = match headers.get(LAST_EVENT_ID).map(http::HeaderValue::to_str) {
        None => return Ok(None),
        Some(Err(_)) => return Ok(Some(Resume::Foreign)),
        Some(Ok(_)) => single(headers, &LAST_EVENT_ID, "k3v9x2ab-42")?.unwrap_or_default(),
    };
    Ok((!text.is_empty()).then(|| EventId::parse(text).map_or(Resume::Foreign, Resume::After)))
}

fn reply(headers: &HeaderMap) -> Reply {
    // RFC 7240: a list of preferences, each perhaps with a value and parameters; unknown ones are ignored.
    let lists = headers.get_all(PREFER).iter().filter_map(|value| value.to_str().ok());
    let mut preferences = lists.flat_map(|list| list.split(',')).map(|item| item.split(';').next().unwrap_or_default());
    let is_wanted = preferences.any(|preference| preference.trim().eq_ignore_ascii_case("respond-async"));
    if is_wanted { Reply::Async } else { Reply::Stream }
}

fn name(headers: &HeaderMap) -> Result<Option<StreamName>, Error> {
    const EXAMPLE: &str = "chat/42/answer-7";
    let Some(text) = single(headers, &STREAM, EXAMPLE)? else { return Ok(None) };
    match StreamName::parse(text) {
        Ok(name) => Ok(Some(name)),
        Err(broken) => Err(Error::header(&STREAM, text.as_bytes(), &format!("names no stream: {broken}"), EXAMPLE)),
    }
}

fn on_disconnect(headers: &HeaderMap, mount: &Mount) -> Result<Option<OnDisconnect>, Error> {
    const EXAMPLE: &str = "cancel-after=30";
    let Some(text) = single(headers, &ON_DISCONNECT, EXAMPLE)? else { return Ok(None) };
    let refuse = |context| Err(Error::header(&ON_DISCONNECT, text.as_bytes(), context, EXAMPLE));
    match OnDisconnect::parse(text) {
        None => refuse("is none of continue, cancel and cancel-after=<seconds>"),
        // Taking it silently would leave the caller with a false belief about what it pays for.
        Some(policy) if !mount.on_disconnect_override && policy != mount.on_disconnect => {
            refuse("cannot be chosen for this upstream")
        }
        policy => Ok(policy),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use http::HeaderValue;
    use url::Url;

    use super::*;
    use crate::ErrorKind;

    fn read(name: &'static str, value: &'static str) -> Result<Options, Error> {
        let mount = Mount::new("m", "/m", Url::parse("http://h").unwrap());
        let headers = HeaderMap::from_iter([(HeaderName::from_static(name), HeaderValue::from_static(value))]);
        Options::read(&headers, &mount)
    }

    #[test]
    fn a_foreign_or_empty_last_event_id_is_no_error() {
        assert_eq!(read("last-event-id", "").unwrap().resume, None);
        assert_eq!(read("last-event-id", "-1").unwrap().resume, Some(Resume::Foreign));
        let ours = EventId::parse("k3v9x2ab-42").unwrap();
        assert_eq!(read("last-event-id", " k3v9x2ab-42 ").unwrap().resume, Some(Resume::After(ours)));
    }

    #[test]
    fn respond_async_is_found_among_other_preferences() {
        for (value, reply) in [
            ("respond-async", Reply::Async),
            ("return=minimal, Respond-Async; x=1", Reply::Async),
            ("respond-asynchronously", Reply::Stream),
            ("wait=10", Reply::Stream),
        ] {
            assert_eq!(read("prefer", value).unwrap().reply, reply, "{value}");
        }
    }

    #[test]
    fn a_wrong_header_is_named_with_its_value_and_an_example() {
        for (name, value) in
            [("idempotency-key", ""), ("everstream-stream", "a//b"), ("everstream-on-disconnect", "stop")]
        {
            let error = read(name, value).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidHeader);
            let subject = error.subject().unwrap();
            assert_eq!((subject.field.as_str(), subject.value.as_str()), (name, value));
            assert!(read(name, subject.example).is_ok(), "{name}: its own example");
        }
    }

    #[test]
    fn a_mount_may_keep_its_policy_to_itself() {
        let mut mount = Mount::new("m", "/m", Url::parse("http://h").unwrap());
        mount.on_disconnect_override = false;
        let chosen = |value| HeaderMap::from_iter([(ON_DISCONNECT, HeaderValue::from_static(value))]);
        assert!(Options::read(&chosen("cancel"), &mount).is_err());
        assert!(Options::read(&chosen("continue"), &mount).is_ok());
        mount.on_disconnect_override = true;
        let options = Options::read(&chosen("cancel-after=5"), &mount).unwrap();
        assert_eq!(options.on_disconnect, Some(OnDisconnect::CancelAfter(Duration::from_secs(5))));
    }
}
