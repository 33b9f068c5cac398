//! The Rust client against the real server, which dies and comes back under it.

use std::time::Duration;

use everstream_client::{CloseReason, HeaderMap, Producer, ProducerOptions};
use everstream_testkit::Api;
use serde_json::Value;

use crate::support::server;

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
