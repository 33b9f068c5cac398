//! Forks, and the deletes of what they read, from many threads at once.

use std::sync::Barrier;

use everstream_log::{
    Create, Durability, Error, ErrorKind, Fork, ForkPoint, Log, LogFuture, Offset, StreamHead, StreamKey,
};
use everstream_log_disk::DiskLog;

use crate::sample::{entry, name, open_at, stream, texts};

const ROUNDS: usize = 25;
const FORKS: u64 = 6;

fn fork(called: &str, source: StreamKey, base: u64) -> Create {
    let fork = Fork { source, base: Offset(base), cut: None, point: ForkPoint::default() };
    Create { fork: Some(fork), ..stream(called) }
}

async fn source(log: &DiskLog) -> StreamKey {
    let key = log.create(stream("source")).await.unwrap().key;
    log.commit((0..FORKS).map(|at| entry(key, at, &at.to_string())).collect()).await.unwrap();
    key
}

/// Makes every call on a thread and a runtime of its own, all at the same moment.
fn at_once<T: Send>(calls: Vec<LogFuture<'_, T>>) -> Vec<Result<T, Error>> {
    let start = Barrier::new(calls.len());
    std::thread::scope(|scope| {
        let threads: Vec<_> = calls
            .into_iter()
            .map(|call| {
                scope.spawn(|| {
                    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
                    start.wait();
                    runtime.block_on(call)
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    })
}

/// Forks a source while it is being deleted: every fork that was made reads what it was made with, and the source is
/// there for exactly as long as there are such.
async fn fork_while_deleting(log: &DiskLog) -> usize {
    let source = source(log).await;
    let deleted = name("source");
    let mut calls: Vec<LogFuture<'_, Option<StreamHead>>> = Vec::new();
    for base in 0..FORKS {
        let making = log.create(fork(&format!("fork/{base}"), source, base));
        calls.push(Box::pin(async move { making.await.map(Some) }));
    }
    calls.push(Box::pin(async { log.delete(&deleted, source).await.map(|()| None) }));
    let mut forks = Vec::new();
    for outcome in at_once(calls) {
        match outcome {
            Ok(made) => forks.extend(made),
            Err(error) => assert_eq!(error.kind(), ErrorKind::StreamNotFound, "{error}"),
        }
    }
    assert_eq!(log.tombstone(&deleted).await.unwrap().is_some(), !forks.is_empty());
    assert_eq!(log.stream_count(), forks.len() as u64 + u64::from(!forks.is_empty()));
    let mut names = Vec::new();
    for head in &forks {
        let expected: Vec<String> = (0..head.tail.0).map(|at| at.to_string()).collect();
        assert_eq!(texts(log, head.key).await, expected);
        names.push((name(&format!("fork/{}", head.tail)), head.key));
    }
    if !names.is_empty() {
        at_once(names.iter().map(|(name, key)| log.delete(name, *key)).collect()).into_iter().for_each(Result::unwrap);
    }
    assert_eq!(log.stream_count(), 0);
    assert_eq!(log.tombstone(&deleted).await.unwrap(), None);
    forks.len()
}

#[tokio::test]
async fn a_source_is_there_for_a_fork_or_gone_whoever_comes_first() {
    for durability in [Durability::Memory, Durability::Os, Durability::Fsync] {
        let directory = tempfile::tempdir().unwrap();
        let log = open_at(directory.path(), durability);
        let mut made = Vec::new();
        for _ in 0..ROUNDS {
            made.push(fork_while_deleting(&log).await);
        }
        println!("forks made before the delete, of {FORKS}: {made:?}");
    }
}
