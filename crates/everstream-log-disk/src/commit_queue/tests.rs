use std::fs;
use std::path::Path;

use bytes::Bytes;
use everstream_log::{Durability, Entry, NewRecord, Offset, StreamKey, Timestamp};

use super::*;
use crate::failure::Refusal;
use crate::sample::{delete, fork, writer};
use crate::store::Store;
use crate::store::journal::read;

fn create(number: u64) -> Change {
    crate::sample::create(&format!("s/{number}"))
}

fn append(stream: StreamKey) -> Change {
    let record = NewRecord { time: Timestamp(0), data: Bytes::from_static(b"x") };
    Change::Commit(vec![Entry { stream, first: Offset::ZERO, records: vec![record], closure: None, sequencing: None }])
}

fn batches(store: &Path) -> u64 {
    read(&store.join("0.jnl"), |_| ()).unwrap().0.batches
}

struct Rig {
    place: tempfile::TempDir,
    journals: tempfile::TempDir,
    store: Arc<Store>,
    writer: Arc<Mutex<Writer>>,
    queue: CommitQueue,
    thread: JoinHandle<()>,
}

impl Rig {
    fn new() -> Self {
        let place = tempfile::tempdir().unwrap();
        let store = Arc::new(Store::open(place.path(), 1 << 20, 8 << 20).unwrap());
        let refusal = Arc::new(Refusal::default());
        let journals = tempfile::tempdir().unwrap();
        let (writer, _) = writer(&store, &refusal, Durability::Fsync, journals.path());
        let writer = Arc::new(Mutex::new(writer));
        let (reclaimer, _) = Reclaimer::start(Arc::clone(&store), refusal).unwrap();
        let (queue, thread) = CommitQueue::start(Arc::clone(&writer), Arc::clone(&store), reclaimer).unwrap();
        Self { place, journals, store, writer, queue, thread }
    }

    fn batches(&self) -> u64 {
        batches(self.place.path())
    }

    /// The frames of the first journal of appends.
    fn frames(&self) -> usize {
        let journal = fs::read(self.journals.path().join("1.journal")).unwrap();
        journal.windows(4).filter(|bytes| bytes == b"EVF\x01").count()
    }

    async fn make(&self, change: Change) -> StreamKey {
        self.queue.change(change).await.unwrap().into_head().unwrap().key
    }

    /// The answers to changes that all wait before the writing thread begins.
    async fn at_once(&self, changes: Vec<Change>) -> Vec<Answer> {
        let mut waiting: Vec<_> = changes.into_iter().map(|change| Box::pin(self.queue.change(change))).collect();
        {
            let _held = self.writer.lock().unwrap();
            for change in &mut waiting {
                assert!(poll_once(change.as_mut()).is_none());
            }
        }
        let mut answers = Vec::new();
        for change in waiting {
            answers.push(change.await);
        }
        answers
    }

    async fn end(self) {
        drop(self.writer);
        tokio::task::spawn_blocking(move || self.queue.stop()).await.unwrap();
        self.thread.join().unwrap();
    }
}

fn kinds(answers: Vec<Answer>) -> Vec<Option<ErrorKind>> {
    answers.into_iter().map(|answer| answer.err().map(|error| error.kind())).collect()
}

#[tokio::test]
async fn what_waits_shares_one_batch_and_one_flush_and_a_lone_change_waits_for_nothing() {
    let rig = Rig::new();
    let alone = rig.make(create(0)).await;
    assert_eq!(rig.batches(), 1);
    let changes = (1..50).chain([1]).map(create).chain([append(alone)]).collect();
    let answers = kinds(rig.at_once(changes).await);
    // Two makers of one name never share a batch, and the second is refused on its own.
    let refused: Vec<_> = (0..).zip(answers).filter(|(_, kind)| kind.is_some()).collect();
    assert_eq!(refused, [(49, Some(ErrorKind::StreamExists))]);
    assert_eq!((rig.batches(), rig.frames()), (2, 1));
    rig.end().await;
}

#[tokio::test]
async fn a_change_waits_for_a_folds_table_without_the_writer_that_appends_need() {
    let rig = Rig::new();
    let mut made = Box::pin(rig.queue.change(create(0)));
    let placed = rig.store.while_placing(|| {
        assert!(poll_once(made.as_mut()).is_none());
        while rig.queue.0.capacity() < WAITING_MAX {
            std::thread::yield_now();
        }
        for _ in 0..100 {
            std::thread::yield_now();
            assert!(rig.writer.try_lock().is_ok(), "an append could not be made");
        }
        assert!(rig.store.is_busy() && poll_once(made.as_mut()).is_none());
        Ok(())
    });
    placed.unwrap();
    assert!(made.await.is_ok() && !rig.store.is_busy());
    rig.end().await;
}

#[tokio::test]
async fn a_fork_and_the_delete_of_its_source_take_effect_one_after_the_other() {
    let rig = Rig::new();
    let source = rig.make(create(0)).await;
    let first = rig.make(fork("f/1", source, 0)).await;
    let answers = rig
        .at_once(vec![
            append(source),
            fork("f/2", source, 1),
            fork("f/3", source, 0),
            delete("s/0", source),
            fork("f/4", source, 0),
            delete("f/1", first),
            fork("g", first, 0),
            create(0),
        ])
        .await;
    let not_found = Some(ErrorKind::StreamNotFound);
    let exists = Some(ErrorKind::StreamExists);
    assert_eq!(kinds(answers), [None, None, None, None, not_found, None, not_found, exists]);

    // The last two forks, of a tombstone by now, and whoever wants its name, all in one breath.
    let answers = rig
        .at_once(vec![delete("f/2", StreamKey(3)), delete("f/3", StreamKey(4)), create(0), delete("s/0", source)])
        .await;
    assert_eq!(kinds(answers), [None; 4]);
    let again = rig.queue.change(create(0)).await;
    assert_eq!(again.unwrap_err().kind(), ErrorKind::StreamExists, "the delete was of another life");
    rig.end().await;
}

#[tokio::test]
async fn a_group_takes_many_deletes_but_none_beside_a_fork() {
    let rig = Rig::new();
    let mut keys = Vec::new();
    for number in 0..4 {
        keys.push(rig.make(create(number)).await);
    }
    {
        let mut writer = rig.writer.lock().unwrap();
        let mut group = writer.group();
        writer.stage(&mut group, delete("s/0", keys[0])).unwrap();
        assert!(!group.refuses(&delete("s/1", keys[1])));
        assert!(group.refuses(&fork("f", keys[0], 0)), "its source is going");
        assert!(!group.refuses(&fork("f", keys[2], 0)));
        writer.stage(&mut group, fork("f", keys[2], 0)).unwrap();
        assert!(!group.refuses(&fork("g", keys[2], 0)));
        assert!(group.refuses(&delete("s/2", keys[2])), "whether it has forks is not in the store yet");
        writer.commit(group).unwrap();

        let mut group = writer.group();
        writer.stage(&mut group, delete("s/2", keys[2])).unwrap();
        assert!(group.refuses(&delete("f", StreamKey(5))) && group.refuses(&fork("h", keys[3], 0)));
        writer.commit(group).unwrap();
    }
    rig.end().await;
}

fn poll_once<T>(future: std::pin::Pin<&mut impl Future<Output = T>>) -> Option<T> {
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    match future.poll(&mut context) {
        std::task::Poll::Ready(value) => Some(value),
        std::task::Poll::Pending => None,
    }
}
