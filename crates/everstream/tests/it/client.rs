//! The Rust client against the real server, which dies and comes back under it.

use std::time::Duration;

use everstream_client::{
    CloseReason, HeaderMap, Live, Producer, ProducerOptions, ReadEnd, ReadNotice, ReadOptions, Reader,
};
use everstream_testkit::Api;
use serde_json::Value;

use crate::support::{launch, server};

const RECORDS: u64 = 3_000;
const KILLS: u64 = 6;

fn options() -> ProducerOptions {
    let mut options = ProducerOptions::default();
    options.retry.reconnection_time = Duration::from_millis(10);
    options.batch_records_max = 7;
    options
}

#[tokio::test]
async fn a_producer_stores_each_record_once_and_in_order_across_kill_9() {
    let mut server = server();
    server.api().create("s", "application/json");
    let url = format!("http://{}{}", server.addr(), Api::path("s"));
    let http = everstream_client::http_client().unwrap();
    let mut producer = Producer::new(http, &url, HeaderMap::new(), "application/json", options()).unwrap();
    for record in 0..RECORDS {
        producer.append(record.to_string()).await.unwrap();
        if record % (RECORDS / KILLS) == RECORDS / KILLS / 2 {
            // Some appends are on their way, and what becomes of their answers nobody will know.
            server.kill9();
            server.restart_on_same_port();
        }
    }
    producer.close(&CloseReason::Completed).await.unwrap();
    producer.close(&CloseReason::Completed).await.unwrap();

    let state = server.api().state("s");
    assert_eq!((&state["state"], &state["records"]), (&"closed".into(), &RECORDS.into()));
    let stored: Value = server.api().get(&Api::path("s")).json();
    assert_eq!(stored, Value::from((0..RECORDS).collect::<Vec<_>>()));
}

/// Reads a stream to its close; says how often a connection broke.
async fn read(url: &str, live: Live) -> (Vec<u8>, usize, Option<CloseReason>) {
    let mut options = ReadOptions::default();
    options.live = live;
    options.reconnect.reconnection_time = Duration::from_millis(10);
    options.reconnect.attempts_max = 100;
    let http = everstream_client::http_client().unwrap();
    let mut reader = Reader::new(http, url, HeaderMap::new(), options).unwrap();
    let (mut data, mut breaks) = (Vec::new(), 0);
    loop {
        match reader.next().await.expect("an end") {
            ReadNotice::Piece(piece) => data.extend_from_slice(&piece.data),
            ReadNotice::Reconnecting { .. } => breaks += 1,
            ReadNotice::Ended(ReadEnd::Closed(reason)) => return (data, breaks, reason),
            ReadNotice::Ended(end) => panic!("{end:?}"),
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn readers_of_every_mode_see_each_byte_once_across_kill_9_and_learn_why_it_ended() {
    // Its clients are told to come back at once.
    let mut server = launch().flags(&["--retry", "10ms"]).start();
    for content_type in ["text/plain", "application/octet-stream"] {
        let name = content_type.replace('/', "-");
        server.api().create(&name, content_type);
        let url = format!("http://{}{}", server.addr(), Api::path(&name));
        let http = everstream_client::http_client().unwrap();
        let mut producer = Producer::new(http, &url, HeaderMap::new(), content_type, options()).unwrap();
        let mut expected = Vec::new();
        let mut readers = Vec::new();
        for round in 0..3 {
            let reader = |live| {
                let url = url.clone();
                async move { read(&url, live).await }
            };
            readers.extend([Live::LongPoll, Live::Sse].map(|live| spawn(reader(live))));
            for record in 0..200 {
                let record = format!("{round}:{record}\n");
                expected.extend_from_slice(record.as_bytes());
                producer.append(record).await.unwrap();
            }
            producer.flush().await.unwrap();
            server.kill9();
            server.restart_on_same_port();
        }
        producer.close(&CloseReason::Failed).await.unwrap();
        let mut breaks_seen = 0;
        for reader in readers {
            let (data, breaks, reason) = reader.await.unwrap();
            assert_eq!((String::from_utf8(data).unwrap(), reason), (text(&expected), Some(CloseReason::Failed)));
            breaks_seen += breaks;
        }
        assert!(breaks_seen > 0, "nobody was there when the server died");
        let (data, breaks, reason) = read(&url, Live::Not).await;
        assert_eq!((data, breaks, reason), (expected, 0, Some(CloseReason::Failed)));
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[expect(clippy::disallowed_methods, reason = "a test joins its own tasks")]
fn spawn<T: Send + 'static>(task: impl Future<Output = T> + Send + 'static) -> tokio::task::JoinHandle<T> {
    tokio::spawn(task)
}
