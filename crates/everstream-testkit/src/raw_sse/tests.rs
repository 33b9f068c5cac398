//! The reader against peers that write exactly what a test says.

use std::io::Write;
use std::net::TcpListener;
use std::thread;
use std::time::Duration;

use super::*;

const HEAD: &str = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n";

/// A subscription to a peer that writes these bytes and closes.
fn subscribed_to(answer: String) -> Result<RawSse, Failure> {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let addr = listener.local_addr().expect("its address");
    let peer = thread::spawn(move || {
        let (mut socket, _) = listener.accept().expect("the reader");
        socket.write_all(answer.as_bytes()).expect("a reader that is there");
        // FIN first and only then the end of the socket, which would reset a connection with unread bytes.
        socket.shutdown(std::net::Shutdown::Write).expect("a half-close");
        socket
    });
    let subscription = RawSse::try_open(addr, Start { target: "/", last_event_id: Some("e-1") });
    drop(peer.join());
    subscription
}

fn chunks(texts: &[&str]) -> String {
    texts.iter().map(|text| format!("{:x}\r\n{text}\r\n", text.len())).collect()
}

#[test]
fn last_chunk_is_a_clean_end_and_fin_before_it_a_cut() {
    let body = chunks(&["retry: 10\nid: e-0\n\n", "id: e-1\nda", "ta: a\n\n: hi\n"]);
    for (end, ending) in [("0\r\n\r\n", Ending::Clean), ("", Ending::Cut), ("5\r\ndata:", Ending::Cut)] {
        let mut subscription = subscribed_to(format!("{HEAD}{body}{end}")).unwrap();
        let (events, seen) = subscription.rest();
        assert_eq!((events.len(), events[0].data.as_str(), seen), (1, "a", ending));
        assert_eq!(subscription.last_event_id(), Some("e-1"));
        assert_eq!((subscription.retry(), subscription.comments()), (["10".to_owned()].as_slice(), 1));
    }
}

#[test]
fn body_without_chunks_ends_with_the_connection() {
    let head = "HTTP/1.0 200 OK\r\nContent-Type: text/event-stream\r\n\r\n";
    let (events, ending) = subscribed_to(format!("{head}data: a\n\n")).unwrap().rest();
    assert_eq!((events.len(), ending), (1, Ending::Fin));
}

#[test]
fn clean_end_inside_an_event_and_answer_inside_a_stream_are_refused() {
    for body in
        [format!("{}0\r\n\r\n", chunks(&["data: a\n"])), format!("{}HTTP/1.1 200 OK\r\n", chunks(&["data: a\n\n"]))]
    {
        let mut subscription = subscribed_to(format!("{HEAD}{body}")).unwrap();
        let failure = loop {
            match subscription.try_next_event(Deadline::patient()) {
                Ok(Some(_)) => {}
                Ok(None) => panic!("{body:?} was taken for a lawful end"),
                Err(failure) => break failure,
            }
        };
        assert!(matches!(failure, Failure::Malformed(_)), "{failure}");
    }
}

#[test]
fn other_answers_are_no_subscription() {
    for head in
        ["HTTP/1.1 404 Not Found\r\nContent-Type: text/event-stream", "HTTP/1.1 200 OK\r\nContent-Type: text/html"]
    {
        let refused = subscribed_to(format!("{head}\r\nContent-Length: 0\r\n\r\n"));
        assert!(matches!(refused, Err(Failure::Malformed(_))), "{head}");
    }
}

#[test]
fn silence_is_told_from_an_end() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let http = RawHttp::connect(listener.local_addr().expect("its address"));
    let failure = RawSse::try_read(http, Deadline::after(Duration::from_millis(20))).unwrap_err();
    assert!(matches!(failure, Failure::Deadline(_)), "{failure}");
}
