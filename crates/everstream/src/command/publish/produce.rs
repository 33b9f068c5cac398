//! `everstream publish --producer`: each record once, whatever is lost on the way.

use std::pin::pin;

use bytes::Bytes;
use everstream_client::{Client, CloseReason, EventName, Known, Producer, ProducerOptions};
use futures_util::{Stream, StreamExt as _};

use super::{Input, Publish};
use crate::header;
use crate::outcome::Outcome;
use crate::stdin::{self, LineAs};
use crate::terminal::Terminal;

/// How many records are on their way at a time.
const IN_FLIGHT_MAX: usize = 16;

pub(super) async fn produce(
    publish: &Publish,
    id: &str,
    name: Option<EventName>,
    http: Client,
    terminal: Terminal,
) -> anyhow::Result<Outcome> {
    let mut options = ProducerOptions::default();
    id.clone_into(&mut options.id);
    options.in_flight_max = IN_FLIGHT_MAX;
    // A record's number is its place in the input, whatever the timing: that is what makes running it again safe.
    options.batch_records_max = 1;
    options.known = Known::Earlier;
    let headers = header::parse(&publish.headers)?;
    let mut producer = Producer::new(http, &publish.url, headers, publish.input.stream_type(), options)?;
    let records = match publish.input {
        Input::Lines => append_all(&mut producer, stdin::lines(LineAs::Event(name))).await,
        Input::Ndjson => append_all(&mut producer, stdin::lines(LineAs::Json)).await,
        Input::Sse => append_all(&mut producer, stdin::events()).await,
    }?;
    if publish.close {
        producer.close(&CloseReason::Completed).await?;
    }
    let closed = if publish.close { ", and closed it" } else { "" };
    terminal.success(&format!("{records} records of producer {id} are in {}{closed}", publish.url));
    Ok(Outcome::Completed)
}

/// Appends each record as it comes and sees to it that it arrives while the next one is not there yet.
async fn append_all(
    producer: &mut Producer,
    records: impl Stream<Item = anyhow::Result<Bytes>>,
) -> anyhow::Result<u64> {
    let mut records = pin!(records);
    let (mut count, mut is_flushed) = (0, true);
    loop {
        // Both only wait: the input keeps what it has read, and the producer what it was given.
        let record = tokio::select! {
            record = records.next() => record,
            flushed = producer.flush(), if !is_flushed => {
                flushed?;
                is_flushed = true;
                continue;
            }
        };
        match record {
            Some(record) => producer.append(record?).await?,
            None => break,
        }
        count += 1;
        is_flushed = false;
    }
    producer.flush().await?;
    Ok(count)
}
