//! Making streams.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use everstream_log::{
    Alias, Create, Epoch, Expiry, NewRecord, Origin, Sequencing, Settings, StreamName, Timestamp, Verdict, judge,
};

use crate::deadline::slack;
use crate::fork::ForkFrom;
use crate::hub::{ATTEMPTS_MAX, Shared, restless};
use crate::live_stream::LiveStream;
use crate::registry::Known;
use crate::stream::Close;
use crate::{ContentKind, Error, ErrorKind, Hub, Stream};

/// A stream to be made.
#[derive(Debug, Clone)]
pub struct CreateStream {
    /// Its name.
    pub name: StreamName,
    /// Its incarnation, drawn by its creator, so that an alias may be derived from it.
    pub epoch: Epoch,
    /// Its media type, as its readers will see it.
    pub content_type: String,
    /// When it goes away; [`Expiry::Never`] leaves it to the configuration.
    pub expiry: Expiry,
    /// Who appends.
    pub origin: Origin,
    /// Set when it begins with the records of another stream. Its type is then that one's, and its expiry too, unless it is
    /// given one.
    pub fork: Option<ForkFrom>,
    /// A second, unique handle.
    pub alias: Option<Alias>,
    /// Opaque bytes for its creator.
    pub annotation: Bytes,
    /// Its first records.
    pub records: Vec<Bytes>,
    /// Set when it is closed from the start.
    pub close: Option<Close>,
    /// Set when its publisher numbers its appends, of which the making is the first.
    pub sequencing: Option<Sequencing>,
}

/// A stream that is there now.
#[derive(Debug, Clone)]
pub struct Created {
    /// The stream.
    pub stream: Stream,
    /// Whether this call made it; else it was there with equal settings and nothing was appended.
    pub is_new: bool,
}

impl CreateStream {
    /// An open, empty stream of `content_type` with default settings.
    #[must_use]
    pub fn new(name: StreamName, content_type: impl Into<String>) -> Self {
        Self {
            name,
            epoch: Epoch::random(),
            content_type: content_type.into(),
            expiry: Expiry::Never,
            origin: Origin::Published,
            fork: None,
            alias: None,
            annotation: Bytes::new(),
            records: Vec::new(),
            close: None,
            sequencing: None,
        }
    }
}

impl Hub {
    /// Makes a stream, with its first records, in one atomic step. A stream that is there with equal settings (type,
    /// expiry, closed or not, where it was forked from) is answered as it is.
    ///
    /// # Errors
    /// `StreamExists` with other settings, `AliasTaken`, `ProducerGap`, `RecordTooLarge`, `StreamFull`, `Overloaded`,
    /// `ReadOnly`, `Storage`; for a fork, of its source, `StreamNotFound`, `StreamDeleted`, `OffsetTrimmed`, `OffsetBeyondTail`,
    /// `SubOffsetInvalid`, `ForkTooDeep`.
    ///
    /// # Cancel safety
    /// A dropped call may have made the stream or not.
    pub async fn create(&self, create: &CreateStream) -> Result<Created, Error> {
        self.check_size(create)?;
        check_first(create.sequencing.as_ref())?;
        for _ in 0..ATTEMPTS_MAX {
            // What only forks need is on the heap: there may be many creations, and few of them are forks.
            let inherited = match &create.fork {
                Some(fork) => Some(Box::pin(self.inherit(create, fork)).await?),
                None => None,
            };
            let create = inherited.as_deref().unwrap_or(create);
            match self.stream(&create.name).await {
                Ok(stream) if stream.matches(create) => return Ok(Created { stream, is_new: false }),
                Ok(stream) => return Err(exists(&stream)),
                Err(error) if error.kind() == ErrorKind::StreamNotFound => {}
                Err(error) if error.kind() == ErrorKind::StreamDeleted => return Err(held(&error)),
                Err(error) => return Err(error),
            }
            match self.make(create).await {
                Ok(stream) => return Ok(Created { stream, is_new: true }),
                Err(error) if error.kind() == ErrorKind::StreamExists => {}
                // The source went while it was being forked: the next look says what has become of it.
                Err(error) if error.kind() == ErrorKind::StreamNotFound && create.fork.is_some() => {}
                Err(error) => return Err(error),
            }
        }
        Err(restless(&create.name))
    }

    async fn make(&self, create: &CreateStream) -> Result<Stream, Error> {
        let shared = &self.shared;
        let now = shared.clock.now();
        let Known::Absent(seen) = shared.registry.get(&create.name) else {
            return Err(Error::new(ErrorKind::StreamExists, format!("stream {} is there", create.name)));
        };
        let fork = match &create.fork {
            Some(from) => Some(Box::pin(self.resolve(from)).await?),
            None => None,
        };
        let (expires_at, logged) = shared.first_deadline(create.expiry, create.close.is_some(), now);
        let records = create.records.iter().map(|data| NewRecord { time: now, data: data.clone() }).collect();
        let head = shared
            .log
            .create(Create {
                name: create.name.clone(),
                epoch: create.epoch,
                settings: Settings {
                    content_type: create.content_type.clone(),
                    expiry: create.expiry,
                    origin: create.origin,
                    alias: create.alias.clone(),
                    annotation: create.annotation.clone(),
                    separator: ContentKind::of(&create.content_type).separator(),
                },
                at: now,
                expires_at: logged,
                fork,
                records,
                closure: create.close.as_ref().map(|close| close.at(now)),
                sequencing: create.sequencing.clone().map(Box::new),
            })
            .await?;
        let live = LiveStream::new(head, create.name.clone(), Arc::clone(&self.home), &shared.config);
        live.deadline.set_exact(expires_at);
        match shared.registry.enter(live, seen) {
            Some(live) => Ok(self.handle(live, self.shared.clock.now())),
            None => self.stream(&create.name).await,
        }
    }

    /// What a fork has from its source was bounded when it was appended there, and counts again with the next append.
    fn check_size(&self, create: &CreateStream) -> Result<(), Error> {
        let config = &self.shared.config;
        let bytes_max = config.record_bytes_max;
        if let Some(large) = create.records.iter().find(|data| data.len() > bytes_max) {
            let context = format!("a record of {} bytes is over the limit of {bytes_max}", large.len());
            return Err(Error::new(ErrorKind::RecordTooLarge, context));
        }
        let (bytes, bytes_max) =
            (create.records.iter().map(|data| data.len() as u64).sum::<u64>(), config.stream_bytes_max);
        if bytes > bytes_max {
            let context = format!("stream {} would begin with {bytes} of {bytes_max} bytes", create.name);
            return Err(Error::new(ErrorKind::StreamFull, context));
        }
        Ok(())
    }
}

impl Shared {
    /// When a new stream expires, and what the log is told of it: see [`Deadline`](crate::deadline::Deadline).
    fn first_deadline(
        &self,
        expiry: Expiry,
        is_closed: bool,
        now: Timestamp,
    ) -> (Option<Timestamp>, Option<Timestamp>) {
        let unless_zero = |ttl: Duration| (!ttl.is_zero()).then_some(ttl);
        let (ttl, slack) = match expiry {
            Expiry::At(at) => return (Some(at), Some(at)),
            Expiry::Idle(ttl) => (Some(ttl), slack(ttl)),
            // Use does not move it.
            Expiry::Never if is_closed => (unless_zero(self.config.closed_ttl), Duration::ZERO),
            Expiry::Never => (unless_zero(self.config.ttl), slack(self.config.ttl)),
        };
        let at = ttl.map(|ttl| now.plus(ttl));
        (at, at.map(|at| at.plus(slack)))
    }
}

fn held(deleted: &Error) -> Error {
    Error::new(ErrorKind::StreamExists, format!("{deleted}; its name is free once the last of them is deleted"))
}

fn exists(stream: &Stream) -> Error {
    Error::new(ErrorKind::StreamExists, format!("stream {} is there with other settings", stream.name()))
}

/// A producer of which the stream knows nothing begins with 0.
fn check_first(sequencing: Option<&Sequencing>) -> Result<(), Error> {
    let Some(mark) = sequencing.and_then(|sequencing| sequencing.producer.as_ref()) else { return Ok(()) };
    match judge(None, mark.epoch, mark.seq) {
        Verdict::Gap { expected } => {
            let context = format!("producer {} makes a stream with {}, but {expected} comes first", mark.id, mark.seq);
            Err(Error::new(ErrorKind::ProducerGap { expected }, context))
        }
        _ => Ok(()),
    }
}
