use std::future::poll_fn;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::FutureExt;
use hyper::rt::ReadBuf;
use tokio::sync::Notify;
use tokio::time::{Instant, timeout};

use super::*;

/// Serves a connection by what the closure makes of it.
struct Played<F>(F);

impl<F> fmt::Debug for Played<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Played")
    }
}

impl<F: Fn(FarEnd) -> Serving + Send + Sync> InProcessUpstream for Played<F> {
    fn serve(&self, connection: FarEnd) -> Serving {
        self.0(connection)
    }
}

async fn read(end: &mut (impl Read + Unpin), bytes_max: usize) -> Vec<u8> {
    let mut room = vec![0; bytes_max];
    let mut buf = ReadBuf::new(&mut room);
    poll_fn(|cx| Pin::new(&mut *end).poll_read(cx, buf.unfilled())).await.unwrap();
    buf.filled().to_vec()
}

async fn write(end: &mut (impl Write + Unpin), mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        let written = poll_fn(|cx| Pin::new(&mut *end).poll_write(cx, bytes)).await?;
        bytes = &bytes[written..];
    }
    Ok(())
}

/// Both halves at once, as an HTTP client has them: writes `bytes` and reads to the end.
async fn exchange(pipe: Pipe, bytes: &[u8]) -> Vec<u8> {
    let pipe = std::cell::RefCell::new(pipe);
    let writing = async {
        let mut rest = bytes;
        while !rest.is_empty() {
            let put = poll_fn(|cx| Pin::new(&mut *pipe.borrow_mut()).poll_write(cx, rest)).await.unwrap();
            rest = &rest[put..];
        }
        poll_fn(|cx| Pin::new(&mut *pipe.borrow_mut()).poll_shutdown(cx)).await.unwrap();
    };
    let reading = async {
        let (mut all, mut room) = (Vec::new(), vec![0; 1000]);
        loop {
            let mut buf = ReadBuf::new(&mut room);
            poll_fn(|cx| Pin::new(&mut *pipe.borrow_mut()).poll_read(cx, buf.unfilled())).await.unwrap();
            if buf.filled().is_empty() {
                return all;
            }
            all.extend_from_slice(buf.filled());
        }
    };
    tokio::join!(writing, reading).1
}

fn echo(mut far: FarEnd) -> Serving {
    Box::pin(async move {
        loop {
            let bytes = read(&mut far, 700).await;
            if bytes.is_empty() || write(&mut far, &bytes).await.is_err() {
                return;
            }
        }
    })
}

#[tokio::test]
async fn more_than_the_pipe_holds_goes_there_and_back() {
    let bytes: Vec<u8> = (0..1_000_000_u32).map(|at| (at % 251) as u8).collect();
    assert_eq!(exchange(Pipe::to(&Played(echo)), &bytes).await, bytes);
}

#[tokio::test]
async fn a_service_that_does_not_read_holds_its_client_up_at_the_bound() {
    let deaf = Played(|far| {
        Box::pin(async move {
            let _far = far;
            std::future::pending().await
        }) as Serving
    });
    let mut pipe = Pipe::to(&deaf);
    let put = poll_fn(|cx| Pin::new(&mut pipe).poll_write(cx, &[0; 100_000])).await.unwrap();
    assert_eq!(put, 64 << 10);
    assert!(write(&mut pipe, b"more").now_or_never().is_none());
}

#[tokio::test]
async fn a_client_that_does_not_read_holds_its_service_up_at_the_bound() {
    let written = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&written);
    let talker = Played(move |mut far: FarEnd| {
        let counter = Arc::clone(&counter);
        Box::pin(async move {
            while write(&mut far, &[7; 1024]).await.is_ok() {
                counter.fetch_add(1024, Ordering::Relaxed);
            }
        }) as Serving
    });
    let mut pipe = Pipe::to(&talker);
    assert_eq!(read(&mut pipe, 1).await, [7]);
    assert_eq!(written.load(Ordering::Relaxed), 64 << 10);
    let mut taken = 1;
    while taken < 64 << 10 {
        taken += read(&mut pipe, 5000).await.len();
    }
    // With room again it goes on.
    assert_eq!(read(&mut pipe, 1).await, [7]);
    assert_eq!(written.load(Ordering::Relaxed), 128 << 10);
}

#[tokio::test(start_paused = true)]
async fn what_the_service_waits_for_wakes_the_reader() {
    let slow = Played(|mut far| {
        Box::pin(async move {
            drop(timeout(Duration::from_secs(5), std::future::pending::<()>()).await);
            drop(write(&mut far, b"late").await);
        }) as Serving
    });
    let mut pipe = Pipe::to(&slow);
    let began = Instant::now();
    assert_eq!(read(&mut pipe, 100).await, b"late");
    assert_eq!(began.elapsed().as_secs(), 5);
    assert_eq!(read(&mut pipe, 100).await, b"");
}

#[tokio::test]
async fn an_answer_before_the_request_is_whole_reaches_a_client_that_is_held_up() {
    let hasty = Played(|mut far| {
        Box::pin(async move {
            drop(write(&mut far, b"no").await);
            std::future::pending().await
        }) as Serving
    });
    let mut pipe = Pipe::to(&hasty);
    let both = poll_fn(|cx| {
        while Pin::new(&mut pipe).poll_write(cx, &[0; 50_000])?.is_ready() {}
        let mut room = [0; 10];
        let mut buf = ReadBuf::new(&mut room);
        Pin::new(&mut pipe).poll_read(cx, buf.unfilled()).map_ok(|()| buf.filled().to_vec())
    });
    assert_eq!(both.await.unwrap(), b"no");
}

#[tokio::test]
async fn a_service_that_has_ended_is_an_end_for_the_reader_and_a_broken_pipe_for_the_writer() {
    let brief = Played(|mut far| Box::pin(async move { drop(write(&mut far, b"bye").await) }) as Serving);
    let mut pipe = Pipe::to(&brief);
    assert_eq!(read(&mut pipe, 100).await, b"bye");
    assert_eq!(read(&mut pipe, 100).await, b"");
    assert_eq!(write(&mut pipe, b"x").await.unwrap_err().kind(), io::ErrorKind::BrokenPipe);
}

#[tokio::test]
async fn the_service_is_polled_for_what_wakes_it_and_dropped_with_its_client() {
    let (polls, bell) = (Arc::new(AtomicUsize::new(0)), Arc::new(Notify::new()));
    let (counter, rung) = (Arc::clone(&polls), Arc::clone(&bell));
    let counted = Played(move |far| {
        let (counter, rung) = (Arc::clone(&counter), Arc::clone(&rung));
        Box::pin(async move {
            let mut far = far;
            let mut ringing = std::pin::pin!(rung.notified());
            poll_fn(|cx| {
                counter.fetch_add(1, Ordering::Relaxed);
                ringing.as_mut().poll(cx)
            })
            .await;
            drop(write(&mut far, b"rung").await);
            std::future::pending().await
        }) as Serving
    });
    let mut pipe = Pipe::to(&counted);
    for _ in 0..3 {
        assert!(read(&mut pipe, 10).now_or_never().is_none());
    }
    assert_eq!(polls.load(Ordering::Relaxed), 1);
    bell.notify_one();
    assert_eq!(read(&mut pipe, 10).await, b"rung");
    assert_eq!(polls.load(Ordering::Relaxed), 2);
    drop((pipe, counted));
    assert_eq!(Arc::strong_count(&bell), 1, "the service and all it held are gone");
}
