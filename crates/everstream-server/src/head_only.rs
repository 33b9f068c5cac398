//! The body of an answer to `HEAD`.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::Frame;

/// Nothing, of a length that nobody knows: an empty body would announce `Content-Length: 0`, which the `GET` does not.
#[derive(Debug, Clone, Copy)]
pub struct HeadOnly;

impl http_body::Body for HeadOnly {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(None)
    }
}
