use std::fs;
use std::path::Path;

use bytes::Bytes;
use everstream_log::{Durability, Entry, NewRecord, Offset, StreamKey, Timestamp};

use super::*;
use crate::failure::Refusal;
use crate::journal::scan;
use crate::store::Store;

fn create(number: u64) -> Change {
    crate::sample::create(&format!("s/{number}"))
}

fn append(stream: StreamKey) -> Change {
    let record = NewRecord { time: Timestamp(0), data: Bytes::from_static(b"x") };
    Change::Commit(vec![Entry { stream, first: Offset::ZERO, records: vec![record], closure: None, sequencing: None }])
}

fn batches(store: &Path) -> u64 {
    scan(&fs::read(store.join("0.jnl")).unwrap()).batches
}

#[tokio::test]
async fn what_waits_shares_one_batch_and_one_flush_and_a_lone_change_waits_for_nothing() {
    let place = tempfile::tempdir().unwrap();
    let store = Arc::new(Store::open(place.path(), 1 << 20).unwrap());
    let refusal = Arc::new(Refusal::default());
    let writer = Writer::new(Arc::clone(&store), Arc::clone(&refusal), Durability::Fsync, 100).unwrap();
    let writer = Arc::new(Mutex::new(writer));
    let (reclaimer, _) = Reclaimer::start(Arc::clone(&store), refusal).unwrap();
    let (queue, thread) = CommitQueue::start(Arc::clone(&writer), reclaimer).unwrap();

    let alone = queue.change(create(0)).await.unwrap().into_head().unwrap();
    assert_eq!(batches(place.path()), 1);

    // The writing thread cannot begin before all of these wait.
    let held = writer.lock().unwrap();
    let mut waiting: Vec<_> = (1..50).map(|number| Box::pin(queue.change(create(number)))).collect();
    for change in &mut waiting {
        assert!(poll_once(change.as_mut()).is_none());
    }
    let mut twin = Box::pin(queue.change(create(1)));
    let mut append = Box::pin(queue.change(append(alone.key)));
    assert!(poll_once(twin.as_mut()).is_none() && poll_once(append.as_mut()).is_none());
    drop(held);

    for change in waiting {
        change.await.unwrap();
    }
    // Two makers of one name never share a batch, and the second is refused on its own.
    assert_eq!(twin.await.unwrap_err().kind(), ErrorKind::StreamExists);
    append.await.unwrap();
    assert_eq!(batches(place.path()), 3);

    drop(writer);
    tokio::task::spawn_blocking(move || queue.stop()).await.unwrap();
    thread.join().unwrap();
}

fn poll_once<T>(future: std::pin::Pin<&mut impl Future<Output = T>>) -> Option<T> {
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    match future.poll(&mut context) {
        std::task::Poll::Ready(value) => Some(value),
        std::task::Poll::Pending => None,
    }
}
