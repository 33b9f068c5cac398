//! The first request head of a connection, judged before hyper sees it.
//!
//! hyper answers a malformed or oversized head with a bare status. The first head is where nearly all of them come in
//! (another protocol, a scanner, an overlong URL), so it is read here, within a bound of bytes and time, and a refusal
//! says what was wrong. What is lawful goes to hyper unread, byte for byte; later heads of the connection are hyper's.

use std::future::poll_fn;
use std::io;
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::task::{Poll, ready};
use std::time::Duration;

use http::{Method, Uri};
use httparse::Status;
use tokio::io::{AsyncRead, ReadBuf};

use crate::lawful;
use crate::problem::{Code, Problem};

/// So many headers a request may have; hyper's own bound.
const HEADERS_MAX: usize = 100;

/// The longest request target that hyper takes, in bytes.
const TARGET_BYTES_MAX: usize = 65_534;

/// So much of it is read at once.
const TAKEN_BYTES_MAX: usize = 8 * 1024;

/// What a head is read within.
#[derive(Debug, Clone, Copy)]
pub(crate) struct HeadLimits {
    pub(crate) bytes_max: usize,
    pub(crate) timeout: Duration,
}

/// How the reading of the first head ended.
#[derive(Debug)]
pub(crate) enum FirstHead {
    /// The bytes read so far: a whole head and perhaps more.
    Whole(Vec<u8>),
    /// Nothing to answer: the client sent nothing, or went away.
    Gone,
    /// What to answer before the connection is closed.
    Refused(Problem),
}

/// Reads until the first head is whole.
///
/// # Errors
/// As the socket.
///
/// # Cancel safety
/// Dropped, it has lost the bytes read so far: the connection can only be closed.
pub(crate) async fn read_first<R: AsyncRead + Unpin>(socket: &mut R, limits: HeadLimits) -> io::Result<FirstHead> {
    let mut bytes = Vec::new();
    match tokio::time::timeout(limits.timeout, read_whole(socket, &mut bytes, limits.bytes_max)).await {
        Ok(Ok(Some(Judgement::Whole))) => Ok(FirstHead::Whole(bytes)),
        Ok(Ok(Some(Judgement::Refused(problem)))) => Ok(FirstHead::Refused(problem)),
        Ok(Ok(Some(Judgement::Partial) | None)) => Ok(FirstHead::Gone),
        Ok(Err(error)) => Err(error),
        Err(_) if bytes.is_empty() => Ok(FirstHead::Gone),
        Err(_) => {
            let detail = format!("the head did not arrive within {:?}", limits.timeout);
            Ok(FirstHead::Refused(Problem::new(Code::HeadTimeout, detail)))
        }
    }
}

/// The judgement of the head, or nothing at the end of the input.
async fn read_whole<R: AsyncRead + Unpin>(
    socket: &mut R,
    bytes: &mut Vec<u8>,
    bytes_max: usize,
) -> io::Result<Option<Judgement>> {
    loop {
        let judged = bytes.len();
        if read_more(socket, bytes, bytes_max).await? == 0 {
            return Ok(None);
        }
        // Only a line's end can complete or break a head: a dribbling client does not make each byte cost a parse.
        let is_news = bytes.iter().skip(judged).any(|&byte| byte == b'\n') || bytes.len() >= bytes_max || judged == 0;
        if is_news {
            match judge(bytes, bytes_max) {
                Judgement::Partial => {}
                end => return Ok(Some(end)),
            }
        }
    }
}

/// Reads what is there into `bytes`, which may hold `bytes_max` at most. By way of the stack: a connection that has sent
/// nothing has no buffer.
async fn read_more<R: AsyncRead + Unpin>(socket: &mut R, bytes: &mut Vec<u8>, bytes_max: usize) -> io::Result<usize> {
    poll_fn(|cx| {
        let mut taken = [MaybeUninit::uninit(); TAKEN_BYTES_MAX];
        let room = bytes_max.saturating_sub(bytes.len()).min(TAKEN_BYTES_MAX);
        let mut taken = ReadBuf::uninit(taken.get_mut(..room).unwrap_or_default());
        ready!(Pin::new(&mut *socket).poll_read(cx, &mut taken))?;
        bytes.extend_from_slice(taken.filled());
        Poll::Ready(Ok(taken.filled().len()))
    })
    .await
}

/// What the bytes at the start of a connection are.
#[derive(Debug)]
pub(crate) enum Judgement {
    /// The lawful beginning of a head.
    Partial,
    /// A whole lawful head, and perhaps more.
    Whole,
    /// No head this server takes.
    Refused(Problem),
}

/// Judges `bytes`, which may hold `bytes_max` at most.
pub(crate) fn judge(bytes: &[u8], bytes_max: usize) -> Judgement {
    if bytes.starts_with(&[0x16, 0x03]) {
        return refused(Code::BadRequest, "this port speaks plain HTTP, not TLS");
    }
    let mut headers = [httparse::EMPTY_HEADER; HEADERS_MAX];
    let mut request = httparse::Request::new(&mut headers);
    match request.parse(bytes) {
        Ok(Status::Complete(_)) => judge_whole(&request),
        Ok(Status::Partial) if bytes.len() < bytes_max => Judgement::Partial,
        Ok(Status::Partial) if request.version.is_none() => {
            refused(Code::TargetTooLong, format!("the request line alone is over max_head_bytes ({bytes_max})"))
        }
        Ok(Status::Partial) => refused(Code::HeadTooLarge, format!("the head is over max_head_bytes ({bytes_max})")),
        Err(httparse::Error::TooManyHeaders) => {
            refused(Code::HeadTooLarge, format!("the head has more than {HEADERS_MAX} headers"))
        }
        Err(httparse::Error::Version) => refused(Code::VersionUnsupported, "this server speaks HTTP/1.1 and HTTP/1.0"),
        Err(error) => refused(Code::BadRequest, format!("the request head is malformed: {error}")),
    }
}

fn judge_whole(request: &httparse::Request<'_, '_>) -> Judgement {
    let target = request.path.unwrap_or_default();
    if target.len() > TARGET_BYTES_MAX {
        return refused(Code::TargetTooLong, format!("the request target is over {TARGET_BYTES_MAX} bytes"));
    }
    let method = Method::from_bytes(request.method.unwrap_or_default().as_bytes());
    let (Ok(method), Ok(uri)) = (method, Uri::try_from(target)) else {
        let detail = "the request target is malformed";
        return Judgement::Refused(Problem::new(Code::BadRequest, detail).about("target", target, "/v1/stream/a"));
    };
    match lawful::check_target(&method, &uri).and_then(|()| judge_framing(request)) {
        Ok(()) => Judgement::Whole,
        Err(problem) => Judgement::Refused(problem),
    }
}

fn judge_framing(request: &httparse::Request<'_, '_>) -> Result<(), Problem> {
    lawful::check_lengths(values(request, "content-length"))?;
    lawful::check_codings(request.version == Some(1), values(request, "transfer-encoding"))?;
    if values(request, "content-length").next().is_some() && values(request, "transfer-encoding").next().is_some() {
        return Err(Problem::new(Code::BadRequest, "a body has a Content-Length or a Transfer-Encoding, not both"));
    }
    Ok(())
}

fn values<'h>(request: &httparse::Request<'h, '_>, name: &'static str) -> impl Iterator<Item = &'h [u8]> {
    let headers: &[httparse::Header<'h>] = request.headers;
    headers.iter().filter(move |header| header.name.eq_ignore_ascii_case(name)).map(|header| header.value)
}

fn refused(code: Code, detail: impl Into<String>) -> Judgement {
    Judgement::Refused(Problem::new(code, detail))
}

#[cfg(test)]
mod tests;
