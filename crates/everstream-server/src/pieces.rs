//! Large bodies in pieces, some of them memory of the store, that hyper writes in one call of the system.
//!
//! hyper takes a body frame by frame and writes what it has before it asks for more than `max_head_bytes`. So a response has
//! its pieces beside its body, too, and they take the body's place, as a single frame, where hyper gets it.

use std::io::IoSlice;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use bytes::{Buf, Bytes};
use http_body::{Body as _, Frame, SizeHint};
use tokio::sync::OwnedSemaphorePermit;

/// A body that many may send at the same time. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Pieces(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    pieces: Vec<Bytes>,
    /// What it was given of the memory that all such bodies may take, until the last one has sent it.
    _room: Option<OwnedSemaphorePermit>,
}

impl Pieces {
    /// A body of these, which keeps its `room` for as long as somebody has it.
    pub(crate) fn new(pieces: Vec<Bytes>, room: Option<OwnedSemaphorePermit>) -> Self {
        Self(Arc::new(Inner { pieces, _room: room }))
    }

    /// Its length in bytes.
    fn len(&self) -> usize {
        self.0.pieces.iter().map(Bytes::len).sum()
    }
}

impl IntoResponse for Pieces {
    fn into_response(self) -> Response {
        let mut response = Response::new(Body::new(PieceByPiece(Unsent::of(self.clone()))));
        response.extensions_mut().insert(self);
        response
    }
}

/// What is left of a body's pieces.
#[derive(Debug)]
pub(crate) struct Unsent {
    pieces: Pieces,
    /// The next piece, and how much of it was sent.
    next: usize,
    at: usize,
    left: usize,
}

impl Unsent {
    fn of(pieces: Pieces) -> Self {
        Self { left: pieces.len(), pieces, next: 0, at: 0 }
    }

    fn slices(&self) -> impl Iterator<Item = &[u8]> {
        let (first, rest) = self.pieces.0.pieces.get(self.next..).unwrap_or_default().split_first().unzip();
        let first = first.and_then(|piece| piece.get(self.at..));
        first.into_iter().chain(rest.unwrap_or_default().iter().map(|piece| &**piece)).filter(|slice| !slice.is_empty())
    }
}

impl Buf for Unsent {
    fn remaining(&self) -> usize {
        self.left
    }

    fn chunk(&self) -> &[u8] {
        self.slices().next().unwrap_or_default()
    }

    fn advance(&mut self, count: usize) {
        self.left = self.left.saturating_sub(count);
        self.at += count;
        while let Some(piece) = self.pieces.0.pieces.get(self.next).filter(|piece| piece.len() <= self.at) {
            self.at -= piece.len();
            self.next += 1;
        }
    }

    fn chunks_vectored<'a>(&'a self, into: &mut [IoSlice<'a>]) -> usize {
        into.iter_mut().zip(self.slices()).map(|(place, slice)| *place = IoSlice::new(slice)).count()
    }
}

/// The pieces as a body like any other, a frame each.
struct PieceByPiece(Unsent);

impl http_body::Body for PieceByPiece {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(mut self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let Some(piece) = self.0.pieces.0.pieces.get(self.0.next).cloned() else { return Poll::Ready(None) };
        self.0.advance(piece.len());
        Poll::Ready(Some(Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        !self.0.has_remaining()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.0.left as u64)
    }
}

/// What hyper sends.
#[derive(Debug)]
pub(crate) enum Outgoing {
    Body(Body),
    /// All of it at once; nothing when hyper has it.
    Pieces(Option<Unsent>),
}

/// What it sends at a time.
#[derive(Debug)]
pub(crate) enum Chunk {
    Bytes(Bytes),
    Pieces(Unsent),
}

impl Outgoing {
    /// The response as hyper gets it. One whose body is not that of its pieces any more keeps the body.
    pub(crate) fn of(response: Response) -> http::Response<Self> {
        let (mut parts, body) = response.into_parts();
        let pieces = parts.extensions.remove::<Pieces>().map(Unsent::of);
        let outgoing = match pieces.filter(|pieces| body.size_hint().exact() == Some(pieces.left as u64)) {
            Some(pieces) if pieces.has_remaining() => Self::Pieces(Some(pieces)),
            _ => Self::Body(body),
        };
        http::Response::from_parts(parts, outgoing)
    }
}

impl http_body::Body for Outgoing {
    type Data = Chunk;
    type Error = axum::Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Chunk>, axum::Error>>> {
        match self.get_mut() {
            Self::Body(body) => {
                let frame = Pin::new(body).poll_frame(cx);
                frame.map(|frame| frame.map(|frame| frame.map(|frame| frame.map_data(Chunk::Bytes))))
            }
            Self::Pieces(pieces) => Poll::Ready(pieces.take().map(|pieces| Ok(Frame::data(Chunk::Pieces(pieces))))),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Body(body) => body.is_end_stream(),
            Self::Pieces(pieces) => pieces.is_none(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Body(body) => body.size_hint(),
            Self::Pieces(pieces) => SizeHint::with_exact(pieces.as_ref().map_or(0, |pieces| pieces.left as u64)),
        }
    }
}

impl Buf for Chunk {
    fn remaining(&self) -> usize {
        match self {
            Self::Bytes(bytes) => bytes.remaining(),
            Self::Pieces(pieces) => pieces.remaining(),
        }
    }

    fn chunk(&self) -> &[u8] {
        match self {
            Self::Bytes(bytes) => bytes.chunk(),
            Self::Pieces(pieces) => pieces.chunk(),
        }
    }

    fn advance(&mut self, count: usize) {
        match self {
            Self::Bytes(bytes) => bytes.advance(count),
            Self::Pieces(pieces) => pieces.advance(count),
        }
    }

    fn chunks_vectored<'a>(&'a self, into: &mut [IoSlice<'a>]) -> usize {
        match self {
            Self::Bytes(bytes) => bytes.chunks_vectored(into),
            Self::Pieces(pieces) => pieces.chunks_vectored(into),
        }
    }
}

#[cfg(test)]
impl Pieces {
    /// Whether both share their memory.
    pub(crate) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt as _;

    use super::*;

    const CASES: [&[&str]; 5] = [&[], &[""], &["abc"], &["ab", "c"], &["", "a", "", "bc", ""]];

    fn pieces(parts: &[&'static str]) -> Pieces {
        Pieces::new(parts.iter().map(|part| Bytes::from_static(part.as_bytes())).collect(), None)
    }

    #[tokio::test]
    async fn a_response_of_pieces_has_all_of_them_and_says_how_long_it_is_in_both_ways() {
        for parts in CASES {
            let whole = parts.concat();
            let body = pieces(parts).into_response().into_body();
            assert_eq!(body.size_hint().exact(), Some(whole.len() as u64));
            assert_eq!(body.collect().await.unwrap().to_bytes(), whole);
            let outgoing = Outgoing::of(pieces(parts).into_response()).into_body();
            assert_eq!(outgoing.size_hint().exact(), Some(whole.len() as u64));
            assert_eq!(outgoing.is_end_stream(), whole.is_empty());
            assert_eq!(outgoing.collect().await.unwrap().to_bytes(), whole);
        }
    }

    #[test]
    fn pieces_are_left_as_far_as_they_were_not_sent() {
        for parts in CASES {
            let whole = parts.concat();
            for sent in 0..=whole.len() {
                let mut unsent = Unsent::of(pieces(parts));
                unsent.advance(sent);
                let mut slices = [IoSlice::new(&[]); 8];
                let count = unsent.chunks_vectored(&mut slices);
                let left: Vec<u8> = slices[..count].iter().flat_map(|slice| slice.iter().copied()).collect();
                assert_eq!(left, &whole.as_bytes()[sent..]);
                assert!(slices[..count].iter().all(|slice| !slice.is_empty()));
                assert_eq!((unsent.remaining(), unsent.chunk().is_empty()), (whole.len() - sent, count == 0));
            }
        }
    }

    #[tokio::test]
    async fn a_body_that_took_the_place_of_the_pieces_is_sent() {
        let response = pieces(&["ab", "c"]).into_response().map(|_| Body::from("other"));
        let outgoing = Outgoing::of(response).into_body();
        assert_eq!(outgoing.collect().await.unwrap().to_bytes(), "other");
    }
}
