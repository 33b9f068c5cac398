//! The decoders: each reads chunks and hands out the data of every event.

use std::convert::Infallible;
use std::fmt::Display;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use anyhow::{Result, anyhow, bail};
use bytes::Bytes;
use everstream_codec::{Decoder, Item, Limits};
use futures_util::stream::{Stream, iter};

use crate::result::OURS;

/// Reads chunks and hands the data of every event to the other function.
pub(super) type Contestant = fn(&[Bytes], &mut dyn FnMut(&str)) -> Result<()>;

/// Ours first; then `eventsource-stream`, which the others measure themselves by, and those that take bytes of any
/// origin without bringing a client.
pub(super) const ALL: [(&str, Contestant); 5] = [
    (OURS, everstream),
    ("eventsource-stream", eventsource_stream),
    ("sseer", sseer),
    ("sse-stream", sse_stream),
    ("sse-core", sse_core),
];

fn everstream(chunks: &[Bytes], see: &mut dyn FnMut(&str)) -> Result<()> {
    let mut decoder = Decoder::new(Limits::default());
    for chunk in chunks {
        let mut chunk = chunk.as_ref();
        while let Some(item) = decoder.next(&mut chunk)? {
            if let Item::Event(event) = item {
                see(&event.data);
            }
        }
    }
    Ok(())
}

fn eventsource_stream(chunks: &[Bytes], see: &mut dyn FnMut(&str)) -> Result<()> {
    drain(eventsource_stream::EventStream::new(stream_of(chunks)), |event| see(&event.data))
}

fn sseer(chunks: &[Bytes], see: &mut dyn FnMut(&str)) -> Result<()> {
    drain(sseer::event_stream::EventStream::new(stream_of(chunks)), |event| see(&event.data))
}

fn sse_stream(chunks: &[Bytes], see: &mut dyn FnMut(&str)) -> Result<()> {
    drain(sse_stream::SseByteStream::new(stream_of(chunks)), |event| see(event.data.as_deref().unwrap_or_default()))
}

fn sse_core(chunks: &[Bytes], see: &mut dyn FnMut(&str)) -> Result<()> {
    let mut decoder = sse_core::SseDecoder::new();
    for chunk in chunks {
        let mut chunk = chunk.clone();
        while let Some(event) = decoder.next(&mut chunk) {
            if let sse_core::SseEvent::Message(message) = event? {
                see(&message.data);
            }
        }
    }
    Ok(())
}

/// Chunks as they come from a connection that has them all.
fn stream_of(chunks: &[Bytes]) -> impl Stream<Item = Result<Bytes, Infallible>> + Unpin {
    iter(chunks.iter().cloned().map(Ok))
}

/// Takes all that a stream has, which never makes anyone wait.
fn drain<T, E: Display>(mut stream: impl Stream<Item = Result<T, E>> + Unpin, mut see: impl FnMut(T)) -> Result<()> {
    let mut context = Context::from_waker(Waker::noop());
    loop {
        match Pin::new(&mut stream).poll_next(&mut context) {
            Poll::Ready(Some(Ok(event))) => see(event),
            Poll::Ready(Some(Err(error))) => return Err(anyhow!("{error}")),
            Poll::Ready(None) => return Ok(()),
            Poll::Pending => bail!("waits for what is there"),
        }
    }
}
