use std::future::poll_fn;
use std::task::Poll;

use super::*;
use crate::test_app::TestApp;

/// Of a line of the streams below: five fill a page, and none is short.
const LINE_BYTES: usize = 900 << 10;

/// A stream of so many long lines, behind more short ones than a short read is tried for.
async fn stream(app: &TestApp, lines: usize) -> Stream {
    let shorts = vec!["1"; 300].join(",");
    app.status("PUT /v1/stream/s\ncontent-type: application/json").await;
    app.status(&format!("POST /v1/stream/s\ncontent-type: application/json\n\n[{shorts}]")).await;
    append(app, lines).await;
    app.stream("s").await
}

async fn append(app: &TestApp, lines: usize) {
    let line = format!("\"{}\"", "x".repeat(LINE_BYTES));
    for _ in 0..lines {
        assert_eq!(app.status(&format!("POST /v1/stream/s\ncontent-type: application/json\n\n{line}")).await, 204);
    }
}

#[tokio::test(start_paused = true)]
async fn all_who_read_the_same_get_the_same_bytes() {
    let app = TestApp::new();
    let (stream, history) = (stream(&app, 6).await, &app.app.history);
    let (one, other) = tokio::join!(history.page(&stream, Offset::ZERO), history.page(&stream, Offset::ZERO));
    let (one, other) = (one.unwrap(), other.unwrap());
    assert!(one.body.is(&other.body));
    assert!(one.is_full && one.next == Offset(305));
}

#[tokio::test(start_paused = true)]
async fn a_page_that_was_made_for_another_keeps_its_stream_alive() {
    let app = TestApp::new();
    app.status("PUT /v1/stream/s\ncontent-type: application/json\nstream-ttl: 60").await;
    let stream = stream(&app, 6).await;
    for _ in 0..4 {
        app.clock.advance(Duration::from_secs(40));
        app.app.history.page(&stream, Offset::ZERO).await.unwrap();
    }
    assert_eq!(app.status("HEAD /v1/stream/s").await, 200);
}

#[tokio::test(start_paused = true)]
async fn a_page_that_ended_at_the_tail_is_made_again_once_there_is_more() {
    let app = TestApp::new();
    let (stream, history) = (stream(&app, 1).await, &app.app.history);
    let before = history.page(&stream, Offset::ZERO).await.unwrap();
    assert_eq!(before.next, Offset(301));
    append(&app, 1).await;
    let after = history.page(&stream, Offset::ZERO).await.unwrap();
    assert_eq!(after.next, Offset(302));
    let again = history.page(&stream, Offset::ZERO).await.unwrap();
    assert!(after.body.is(&again.body), "what was made again is kept");
}

#[tokio::test(start_paused = true)]
async fn whoever_reads_on_finds_the_next_page_made() {
    let app = TestApp::new();
    let (stream, history) = (stream(&app, 20).await, &app.app.history);
    let first = history.page(&stream, Offset::ZERO).await.unwrap();
    assert_eq!(history.shelf().pages_of(stream.key()).count(), 1, "the first read may be the only one");
    let second = history.page(&stream, first.next).await.unwrap();
    let made = |shelf: &Shelf<Page>| shelf.pages_of(stream.key()).any(|page| page.next > second.next);
    while !made(&history.shelf()) {
        tokio::task::yield_now().await;
    }
    let third = history.page(&stream, second.next).await.unwrap();
    assert_eq!(third.next, second.next.plus(5));
}

#[tokio::test(start_paused = true)]
async fn another_makes_the_page_whose_first_reader_went_away() {
    let app = TestApp::new();
    let (stream, history) = (stream(&app, 1).await, &app.app.history);
    {
        let mut gone = std::pin::pin!(history.page(&stream, Offset::ZERO));
        poll_fn(|cx| Poll::Ready(gone.as_mut().poll(cx).is_ready())).await;
    }
    assert_eq!(history.page(&stream, Offset::ZERO).await.unwrap().next, Offset(301));
}

#[tokio::test(start_paused = true)]
async fn pages_that_nobody_asks_for_are_let_go() {
    let app = TestApp::new();
    let (stream, history) = (stream(&app, 6).await, &app.app.history);
    history.page(&stream, Offset::ZERO).await.unwrap();
    assert!(!history.shelf().is_empty());
    while !history.shelf().is_empty() {
        tokio::time::advance(KEPT_FOR).await;
    }
    assert!(history.page(&stream, Offset::ZERO).await.unwrap().is_full, "it is made again");
}

#[tokio::test(start_paused = true)]
async fn a_page_made_ahead_that_nobody_asks_for_is_let_go() {
    let app = TestApp::new();
    let (stream, history) = (stream(&app, 6).await, &app.app.history);
    history.read_ahead(&stream, Offset::ZERO);
    assert!(!history.shelf().is_empty());
    for _ in 0..3 {
        tokio::time::advance(KEPT_FOR).await;
    }
    assert!(history.shelf().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_read_of_a_few_records_takes_no_place() {
    let app = TestApp::new();
    let (stream, history) = (stream(&app, 0).await, &app.app.history);
    let page = history.page(&stream, Offset(60)).await.unwrap();
    assert_eq!(page.next, Offset(300));
    assert!(history.shelf().is_empty());
}

#[tokio::test(start_paused = true)]
async fn pages_are_short_while_there_is_no_room_for_long_ones() {
    let app = TestApp::new();
    let (stream, history) = (stream(&app, 3).await, &app.app.history);
    let all = Arc::clone(&history.0.room).try_acquire_many_owned(ROOM_KIB as u32).unwrap();
    let short = history.page(&stream, Offset(0)).await.unwrap();
    assert_eq!((short.next, short.is_full), (Offset(301), true), "a record is never cut");
    drop(all);
    assert_eq!(history.page(&stream, Offset(1)).await.unwrap().next, Offset(303));
}

#[tokio::test(start_paused = true)]
async fn a_page_takes_room_until_nobody_has_it() {
    let app = TestApp::new();
    let (stream, history) = (stream(&app, 2).await, &app.app.history);
    let page = history.page(&stream, Offset::ZERO).await.unwrap();
    let taken = || (ROOM_KIB - history.0.room.available_permits()) << 10;
    assert_eq!(taken(), 2 * LINE_BYTES);
    tokio::time::advance(KEPT_FOR).await;
    history.shelf().let_go();
    assert_eq!((history.shelf().is_empty(), taken()), (true, 2 * LINE_BYTES));
    drop(page);
    assert_eq!(taken(), 0);
}
