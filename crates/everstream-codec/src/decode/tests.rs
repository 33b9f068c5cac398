use std::fmt::Write as _;

use expect_test::{Expect, expect};

use super::Decoder;
use crate::{Item, Limits, TooLarge};

mod law;

/// Decodes `input` whole, cut in two at every place, and byte by byte: all must say what is expected.
#[expect(clippy::needless_pass_by_value, reason = "reads like the value it is")]
fn check(input: impl AsRef<[u8]>, expected: Expect) {
    check_within(Limits::default(), input.as_ref(), &expected);
}

fn check_within(limits: Limits, input: &[u8], expected: &Expect) {
    let whole = render(limits, [input]);
    for cut in 1..input.len() {
        let (left, right) = input.split_at(cut);
        assert_eq!(whole, render(limits, [left, right]), "cut at {cut}");
    }
    assert_eq!(whole, render(limits, input.chunks(1)), "byte by byte");
    expected.assert_eq(&whole);
}

/// The data of the next event.
fn data(decoder: &mut Decoder, chunk: &mut &[u8]) -> Option<String> {
    match decoder.next(chunk).unwrap()? {
        Item::Event(event) => Some(event.data.into_owned()),
        other => panic!("{other:?}"),
    }
}

fn render<'a>(limits: Limits, chunks: impl IntoIterator<Item = &'a [u8]>) -> String {
    let mut decoder = Decoder::new(limits);
    let mut out = String::new();
    for mut chunk in chunks {
        loop {
            match decoder.next(&mut chunk) {
                Ok(Some(Item::Event(event))) => {
                    writeln!(out, "{} {:?} id={:?}", event.event_type, event.data, event.id)
                }
                Ok(Some(Item::Comment(text))) => writeln!(out, "comment {text:?}"),
                Ok(Some(Item::ReconnectionTime(time))) => writeln!(out, "retry {time:?}"),
                Ok(Some(Item::LastEventId(id))) => writeln!(out, "last event id {id:?}"),
                Ok(None) => break,
                Err(error) => {
                    writeln!(out, "{error}").unwrap();
                    return out;
                }
            }
            .unwrap();
        }
        assert!(chunk.is_empty(), "{chunk:?} is left");
    }
    out
}

#[test]
fn line_ends_may_be_mixed() {
    check(
        "data: a\r\n\r\ndata: b\n\ndata: c\r\rdata: d\r\n\rdata: e\n\r\n",
        expect![[r#"
            message "a" id=""
            message "b" id=""
            message "c" id=""
            message "d" id=""
            message "e" id=""
        "#]],
    );
}

#[test]
fn a_lone_cr_ends_the_event_without_waiting_for_the_next_byte() {
    let mut decoder = Decoder::new(Limits::default());
    assert_eq!(data(&mut decoder, &mut b"data: a\r\n\r".as_slice()).as_deref(), Some("a"));
    let mut chunk = b"\ndata: b\r\n\r\n".as_slice();
    assert_eq!(data(&mut decoder, &mut chunk).as_deref(), Some("b"));
    assert_eq!(data(&mut decoder, &mut chunk), None);
}

#[test]
fn only_the_first_byte_order_mark_of_a_stream_is_dropped() {
    check(
        "\u{FEFF}data: a\n\n",
        expect![[r#"
        message "a" id=""
    "#]],
    );
    check(
        "\u{FEFF}\u{FEFF}data: a\n\ndata: b\n\n",
        expect![[r#"
        message "b" id=""
    "#]],
    );
    check(
        "data: a\n\n\u{FEFF}data: b\n\ndata: \u{FEFF}c\n\n",
        expect![[r#"
        message "a" id=""
        message "\u{feff}c" id=""
    "#]],
    );
    check(
        b"\xEF\xBBdata: a\n\ndata: b\n\n",
        expect![[r#"
        message "b" id=""
    "#]],
    );
}

#[test]
fn one_space_after_the_colon_is_dropped_and_no_other_white_space() {
    check(
        "data:a\ndata: b\ndata:  c\ndata:\td\ndata:\u{b}e\ndata: f \n\n",
        expect![[r#"
        message "a\nb\n c\n\td\n\u{b}e\nf " id=""
    "#]],
    );
}

#[test]
fn only_cr_and_lf_end_a_line() {
    check(
        "data: a\u{2028}b\u{2029}c\u{85}d\u{b}e\u{c}f\0g\n\n",
        expect![[r#"
        message "a\u{2028}b\u{2029}c\u{85}d\u{b}e\u{c}f\0g" id=""
    "#]],
    );
}

#[test]
fn empty_data_lines_count() {
    check(
        "data\n\ndata:\n\ndata: \n\ndata\ndata\n\n\n\n",
        expect![[r#"
        message "" id=""
        message "" id=""
        message "" id=""
        message "\n" id=""
    "#]],
    );
}

#[test]
fn field_names_are_matched_exactly() {
    check(
        "Data: a\n data: b\ndata : c\ndatas: d\ndat: e\nfoo\n\ndata: ok\n\n",
        expect![[r#"
        message "ok" id=""
    "#]],
    );
}

#[test]
fn the_last_event_name_counts_and_only_for_its_block() {
    check(
        "event: a\nevent: b\ndata: 1\n\ndata: 2\n\nevent: c\n\ndata: 3\n\nevent: d\nevent\ndata: 4\n\n",
        expect![[r#"
        b "1" id=""
        message "2" id=""
        message "3" id=""
        message "4" id=""
    "#]],
    );
}

#[test]
fn an_id_holds_until_the_next_one() {
    check(
        "id: 1\ndata: a\n\ndata: b\n\nid\ndata: c\n\nid: 2\nid: 3\ndata: d\n\n",
        expect![[r#"
        message "a" id="1"
        message "b" id="1"
        message "c" id=""
        message "d" id="3"
    "#]],
    );
}

#[test]
fn an_id_with_nul_is_ignored() {
    check(
        b"id: 1\ndata: a\n\nid: 2\0\ndata: b\n\nid: \0\ndata: c\n\nid\0: 4\ndata: d\n\n",
        expect![[r#"
        message "a" id="1"
        message "b" id="1"
        message "c" id="1"
        message "d" id="1"
    "#]],
    );
}

#[test]
fn a_block_without_data_reports_only_an_id_that_changes() {
    check(
        "id: 5\n\nid: 5\n\nevent: x\nid: 6\n\ndata: a\n\nid\n\n",
        expect![[r#"
        last event id "5"
        last event id "6"
        message "a" id="6"
        last event id ""
    "#]],
    );
}

#[test]
fn retry_takes_digits_only_and_never_wraps() {
    check(
        format!(
            "retry: 03000\nretry: 1000x\nretry\nretry:\nretry: -1\nretry: ١\nretry:  7\nretry: {}\n",
            "9".repeat(40)
        ),
        expect![[r#"
            retry 3s
            retry 18446744073709551.615s
        "#]],
    );
}

#[test]
fn comments_and_retry_are_reported_when_their_line_is_complete() {
    check(
        "data: a\n:b\n: c\nretry: 1\n:  \n:\ndata: d\n\n: e",
        expect![[r#"
        comment "b"
        comment "c"
        retry 1ms
        comment " "
        comment ""
        message "a\nd" id=""
    "#]],
    );
}

#[test]
fn an_event_without_its_blank_line_is_not_handed_out_and_its_id_does_not_count() {
    check(
        "id: 1\ndata: a\n\nid: 2\ndata: b\n",
        expect![[r#"
        message "a" id="1"
    "#]],
    );
    check("data: a", expect![""]);
    let mut decoder = Decoder::resuming(Limits::default(), "1");
    assert_eq!(decoder.next(&mut b"id: 2\nevent: x\ndata: half\nda".as_slice()), Ok(None));
    decoder.reset();
    let Ok(Some(Item::Event(event))) = decoder.next(&mut "\u{FEFF}data: whole\n\n".as_bytes()) else {
        panic!("an event")
    };
    assert_eq!((&*event.event_type, &*event.data, &*event.id), ("message", "whole", "1"));
}

#[test]
fn what_is_not_utf8_is_replaced_never_split() {
    check(
        b"event: \xFF\ndata: \xE2\x82\n\xE2\x82\xAC\ndata: \xE2\x82\xAC\xF0\x9F\nid: \x80\n\n",
        expect![[r#"
        � "�\n€�" id="�"
    "#]],
    );
}

#[test]
fn an_event_over_the_limit_is_an_error_that_names_it() {
    let limits = Limits::with_event_bytes_max(16);
    check_within(
        limits,
        b"data: 0123456789\n\ndata: a\n\n",
        &expect![[r#"
        message "0123456789" id=""
        message "a" id=""
    "#]],
    );
    for too_large in
        ["data: a\n\ndata: 01234567890\n\n", "data: a\n\ndata: 01234\ndata: 567890", "data: a\n\n: 0123456789abcde"]
    {
        check_within(
            limits,
            too_large.as_bytes(),
            &expect![[r#"
            message "a" id=""
            an event is larger than the limit of 16 bytes
        "#]],
        );
    }
}

#[test]
fn a_decoder_that_failed_takes_nothing_until_it_is_reset() {
    let mut decoder = Decoder::new(Limits::with_event_bytes_max(8));
    let mut chunk = b"data: a\n\ndata: 0123\n\ndata: c\n\n".as_slice();
    assert_eq!(data(&mut decoder, &mut chunk).as_deref(), Some("a"));
    for _ in 0..2 {
        assert_eq!(decoder.next(&mut chunk), Err(TooLarge { limit: 8 }));
    }
    assert_eq!(decoder.next(&mut b"data: d\n\n".as_slice()), Err(TooLarge { limit: 8 }));
    decoder.reset();
    assert_eq!(data(&mut decoder, &mut b"data: b\n\n".as_slice()).as_deref(), Some("b"));
}

#[test]
fn the_last_event_id_is_that_of_the_last_item_taken() {
    let mut decoder = Decoder::new(Limits::default());
    let mut chunk = b"id: 1\ndata: a\n\nid: 2\ndata: b\n\nid: 3\n\n".as_slice();
    for taken in ["1", "2", "3"] {
        assert!(decoder.next(&mut chunk).unwrap().is_some());
        assert_eq!(decoder.last_event_id(), taken);
    }
    assert_eq!(decoder.next(&mut chunk), Ok(None));
}

#[test]
fn what_lies_whole_in_a_chunk_is_lent_and_what_does_not_is_put_together() {
    use std::borrow::Cow;

    let mut decoder = Decoder::new(Limits::default());
    let whole = b"event: a\ndata: b\n\n";
    let Ok(Some(Item::Event(event))) = decoder.next(&mut whole.as_slice()) else { panic!("an event") };
    let is_lent = |text: &Cow<'_, str>| whole.as_ptr_range().contains(&text.as_ptr());
    assert!(is_lent(&event.event_type) && is_lent(&event.data));

    let mut lines = b"data: c\ndata: d\n\n".as_slice();
    assert_eq!(data(&mut decoder, &mut lines).as_deref(), Some("c\nd"));
    assert_eq!(data(&mut decoder, &mut b"data: e\nda".as_slice()), None);
    assert_eq!(data(&mut decoder, &mut b"ta: f\n\n".as_slice()).as_deref(), Some("e\nf"));
}

#[test]
fn a_comment_within_an_event_leaves_the_event_as_it_was() {
    check(
        "event: a\nid: 1\ndata: b\n: c\nretry: 2\ndata: d\n\ndata: e\n\n",
        expect![[r#"
        comment "c"
        retry 2ms
        a "b\nd" id="1"
        message "e" id="1"
    "#]],
    );
}
