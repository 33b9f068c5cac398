//! Who may do what to which stream.
//!
//! A handler touches a stream only through a [`Grant`], and only [`Access`] makes one: by its policy, or by a proof that
//! the calling protocol has judged itself. The policy of today is
//! open: whoever reaches the server may do everything, which is why binding anything but loopback asks for
//! `insecure`. Tokens will change [`Access`] and [`Caller`] and no handler.

use std::any::TypeId;
use std::convert::Infallible;
use std::marker::PhantomData;

use axum::extract::{FromRequestParts, Path};
use everstream_log::StreamName;
use http::request::Parts;

use crate::app::App;
use crate::problem::{Code, Problem};

/// See the stream's records and state.
#[derive(Debug, Clone, Copy)]
pub enum Read {}

/// Create the stream, append to it and close it.
#[derive(Debug, Clone, Copy)]
pub enum Append {}

/// Stop the stream.
#[derive(Debug, Clone, Copy)]
pub enum Stop {}

/// Delete the stream.
#[derive(Debug, Clone, Copy)]
pub enum Admin {}

/// What a [`Grant`] can be for. Sealed: the four actions of this module are all there are.
pub trait Action: sealed::Sealed + Send + Sync + 'static {}

mod sealed {
    pub trait Sealed {}
}

macro_rules! actions {
    ($($action:ident),+) => {
        $(impl sealed::Sealed for $action {}
        impl Action for $action {})+
    };
}

actions!(Read, Append, Stop, Admin);

/// Leave to do `A` to one stream.
///
/// As an extractor it reads the stream's name from the wildcard of the route, which is percent-decoded once.
#[derive(Debug)]
pub struct Grant<A> {
    stream: StreamName,
    action: PhantomData<A>,
}

impl<A> Grant<A> {
    /// The stream it is for.
    #[must_use]
    pub const fn stream(&self) -> &StreamName {
        &self.stream
    }

    /// The stream it is for, by value.
    #[must_use]
    pub fn into_stream(self) -> StreamName {
        self.stream
    }
}

/// A stream that another protocol has found and judged by a proof of its own (a signed URL): whoever forwards a request
/// with it as an extension has decided that it may be read. Nothing from outside can make one.
#[derive(Debug, Clone)]
pub(crate) struct Readable(StreamName);

impl Readable {
    /// `stream` may be read with this request. Takes the grant that says so.
    pub(crate) fn by(grant: Grant<Read>) -> Self {
        Self(grant.stream)
    }
}

/// Who asks. Everybody is anonymous until there are tokens.
#[derive(Debug, Clone, Copy)]
pub struct Caller(());

impl Caller {
    /// Whoever sends a request without any credentials.
    pub(crate) const fn anonymous() -> Self {
        Self(())
    }
}

/// The policy.
#[derive(Debug, Clone, Copy)]
pub struct Access(());

impl Access {
    /// The policy under which everybody may do everything.
    #[must_use]
    pub const fn open() -> Self {
        Self(())
    }

    /// Leave for `caller` to do `A` to `stream`.
    ///
    /// # Errors
    /// A problem that says what the caller lacks; never under the open policy.
    pub fn grant<A: Action>(&self, _caller: Caller, stream: StreamName) -> Result<Grant<A>, Problem> {
        Ok(Grant { stream, action: PhantomData })
    }

    /// Leave to do `A` to `stream` by a proof that the calling protocol has judged itself, whatever the policy says about
    /// who asks: a signed URL, or a secret that stands above all streams of that protocol.
    pub(crate) fn proven<A: Action>(&self, stream: StreamName) -> Grant<A> {
        Grant { stream, action: PhantomData }
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Caller {
    type Rejection = Infallible;

    async fn from_request_parts(_parts: &mut Parts, _state: &S) -> Result<Self, Infallible> {
        Ok(Self(()))
    }
}

impl<A: Action> FromRequestParts<App> for Grant<A> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        if let Some(Readable(stream)) = parts.extensions.get()
            && TypeId::of::<A>() == TypeId::of::<Read>()
        {
            return Ok(app.access.proven(stream.clone()));
        }
        let Ok(caller) = Caller::from_request_parts(parts, app).await;
        let Path(text) = Path::<String>::from_request_parts(parts, app).await.map_err(|rejection| {
            Problem::new(Code::InvalidStreamName, rejection.body_text()).about("path", parts.uri.path(), "chat/42")
        })?;
        app.access.grant(caller, stream_name(&text)?)
    }
}

/// The stream that `text`, already percent-decoded, names.
///
/// # Errors
/// `invalid_stream_name`, with the rule it breaks.
pub fn stream_name(text: &str) -> Result<StreamName, Problem> {
    StreamName::parse(text)
        .map_err(|broken| Problem::new(Code::InvalidStreamName, broken.to_string()).about("path", text, "chat/42"))
}
