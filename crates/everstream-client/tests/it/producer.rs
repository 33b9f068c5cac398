use std::time::Duration;

use everstream_client::{CloseReason, EpochRule, Error, ErrorKind, HeaderMap, Known, Producer, ProducerOptions};
use everstream_testkit::{Act, ScriptedRequest, ScriptedServer};

/// Options for servers that fail: it comes back at once and gives up soon.
fn options() -> ProducerOptions {
    let mut options = ProducerOptions::default();
    "p".clone_into(&mut options.id);
    options.in_flight_max = 1;
    options.retry.reconnection_time = Duration::ZERO;
    options.retry.attempts_max = 3;
    options.retry.first_attempts_max = 3;
    options
}

fn producer_of(server: &ScriptedServer, content_type: &str, options: ProducerOptions) -> Result<Producer, Error> {
    let http = everstream_client::http_client().unwrap();
    Producer::new(http, &server.url("/v1/stream/s"), HeaderMap::new(), content_type, options)
}

fn producer(server: &ScriptedServer) -> Producer {
    producer_of(server, "application/json", options()).unwrap()
}

fn answer(status: &str, seq: u64) -> Vec<Act> {
    let next = format!("stream-next-offset: {:016}_0000000000000000\r\n", seq + 1);
    vec![Act::answer(status, &format!("producer-epoch: 0\r\nproducer-seq: {seq}\r\n{next}"), "")]
}

fn stored(seq: u64) -> Vec<Act> {
    answer("200 OK", seq)
}

fn refused(status: &str, headers: &str) -> Vec<Act> {
    vec![Act::answer(status, headers, r#"{"detail":"so it is"}"#)]
}

/// Epoch, number and body of each request.
fn told(requests: &[ScriptedRequest]) -> Vec<String> {
    let tell = |request: &ScriptedRequest| {
        let header = |name| request.header(name).unwrap_or("-");
        let body = String::from_utf8_lossy(&request.body);
        format!("{}/{} {body}", header("producer-epoch"), header("producer-seq"))
    };
    requests.iter().map(tell).collect()
}

#[tokio::test]
async fn records_gather_while_an_append_is_in_flight_and_the_close_comes_with_the_last() {
    let server = ScriptedServer::start(vec![stored(0), stored(1)]);
    let mut producer = producer(&server);
    for record in ["1", "{}", "[3]"] {
        producer.append(record).await.unwrap();
    }
    producer.close(&CloseReason::Failed).await.unwrap();
    producer.close(&CloseReason::Failed).await.unwrap();
    assert_eq!(producer.next_offset(), Some("0000000000000002_0000000000000000"));
    assert_eq!(producer.append("4").await.unwrap_err().kind(), ErrorKind::StreamClosed);

    let requests = server.requests();
    assert_eq!(told(&requests), ["0/0 [1]", "0/1 [{},[3]]"]);
    for (request, close) in requests.iter().zip([None, Some("failed")]) {
        assert_eq!(request.target(), "POST /v1/stream/s");
        assert_eq!(request.header("producer-id"), Some("p"));
        assert_eq!(request.header("content-type"), Some("application/json"));
        assert_eq!(request.header("stream-close-reason"), close);
        assert_eq!(request.header("stream-closed"), close.map(|_| "true"));
    }
}

#[tokio::test]
async fn what_is_not_answered_is_sent_again_as_it_was() {
    let server = ScriptedServer::start(vec![
        vec![Act::Reset],
        refused("503 Service Unavailable", "retry-after: 0\r\n"),
        answer("204 No Content", 0),
        refused("429 Too Many Requests", ""),
        stored(1),
    ]);
    let mut producer = producer(&server);
    producer.append("1").await.unwrap();
    producer.append("2").await.unwrap();
    producer.flush().await.unwrap();
    assert_eq!(told(&server.requests()), ["0/0 [1]", "0/0 [1]", "0/0 [1]", "0/1 [2]", "0/1 [2]"]);
}

#[tokio::test]
async fn an_answer_that_does_not_come_in_time_is_not_waited_for() {
    let server = ScriptedServer::start(vec![vec![Act::AwaitRequests(2)], answer("204 No Content", 0)]);
    let mut options = options();
    options.answer_timeout = Duration::from_millis(50);
    let mut producer = producer_of(&server, "text/plain", options).unwrap();
    producer.append("a").await.unwrap();
    producer.flush().await.unwrap();
    assert_eq!(told(&server.requests()), ["0/0 a", "0/0 a"]);
}

#[tokio::test]
async fn it_gives_up_with_the_last_reason_and_says_so_ever_after() {
    let busy = || refused("500 Internal Server Error", "");
    let server = ScriptedServer::start(vec![busy(), busy(), busy()]);
    let mut producer = producer(&server);
    producer.append("1").await.unwrap();
    for _ in 0..2 {
        let error = producer.flush().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Refused(500));
        assert_eq!(error.to_string(), "500 Internal Server Error: so it is");
    }
    assert_eq!(producer.append("2").await.unwrap_err().kind(), ErrorKind::Refused(500));
    assert_eq!(server.requests().len(), 3);
}

#[tokio::test]
async fn what_cannot_get_better_is_not_tried_again() {
    let closed = "stream-closed: true\r\nproducer-expected-seq: 7\r\n";
    for (answer, kind) in [
        (refused("400 Bad Request", ""), ErrorKind::Refused(400)),
        (refused("403 Forbidden", ""), ErrorKind::Refused(403)),
        (refused("404 Not Found", ""), ErrorKind::Refused(404)),
        (refused("409 Conflict", ""), ErrorKind::Refused(409)),
        (refused("409 Conflict", closed), ErrorKind::StreamClosed),
        (refused("403 Forbidden", "producer-epoch: 4\r\n"), ErrorKind::ProducerFenced),
        // It was sent once only, so that somebody else has used its number.
        (answer("204 No Content", 0), ErrorKind::ProducerTaken),
        (vec![Act::answer("204 No Content", "", "")], ErrorKind::UnexpectedAnswer),
    ] {
        let server = ScriptedServer::start(vec![answer]);
        let mut producer = producer(&server);
        producer.append("1").await.unwrap();
        assert_eq!(producer.flush().await.unwrap_err().kind(), kind);
        assert_eq!(server.requests().len(), 1);
    }
}

#[tokio::test]
async fn a_read_at_the_end_of_a_redirect_acknowledges_nothing() {
    let read = "content-type: application/json\r\nstream-next-offset: 0_0\r\n";
    for status in ["301 Moved Permanently", "302 Found", "303 See Other"] {
        let there = ScriptedServer::start(vec![vec![Act::answer("200 OK", read, "[]")]]);
        let location = format!("location: {}\r\n", there.url("/v1/stream/s"));
        let here = ScriptedServer::start(vec![vec![Act::answer(status, &location, "")]]);
        let mut producer = producer(&here);
        producer.append("1").await.unwrap();
        let error = producer.close(&CloseReason::Completed).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::UnexpectedAnswer);
        assert!(error.to_string().contains(&there.url("/v1/stream/s")), "{error}");
        assert_eq!(there.requests()[0].target(), "GET /v1/stream/s");
    }
}

#[tokio::test]
async fn an_ended_epoch_is_claimed_if_that_is_wanted() {
    let fenced = refused("403 Forbidden", "producer-epoch: 4\r\n");
    let server = ScriptedServer::start(vec![fenced, stored(0)]);
    let mut options = options();
    options.epoch_rule = EpochRule::Claim;
    let mut producer = producer_of(&server, "text/plain", options).unwrap();
    producer.append("a").await.unwrap();
    producer.flush().await.unwrap();
    assert_eq!((told(&server.requests()), producer.epoch()), (vec!["0/0 a".to_owned(), "5/0 a".to_owned()], 5));
}

#[tokio::test]
async fn an_earlier_run_of_the_same_input_is_gone_over() {
    let server = ScriptedServer::start(vec![answer("204 No Content", 1), answer("204 No Content", 1), stored(2)]);
    let mut options = options();
    options.known = Known::Earlier;
    options.batch_records_max = 1;
    let mut producer = producer_of(&server, "text/plain", options).unwrap();
    for record in ["a", "b", "c"] {
        producer.append(record).await.unwrap();
    }
    producer.flush().await.unwrap();
    assert_eq!(told(&server.requests()), ["0/0 a", "0/1 b", "0/2 c"]);
}

#[tokio::test]
async fn what_cannot_be_sent_is_refused_with_an_example() {
    let server = ScriptedServer::start(Vec::new());
    let refused = |change: fn(&mut ProducerOptions)| {
        let mut options = options();
        change(&mut options);
        let error = producer_of(&server, "text/plain", options).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidProducer);
        assert!(error.to_string().contains("try "), "{error}");
    };
    refused(|options| options.id.clear());
    refused(|options| options.id = "x".repeat(257));
    refused(|options| options.id = "a\nb".to_owned());
    refused(|options| options.epoch = 1 << 53);
}
