use std::fmt::Write as _;

use expect_test::{Expect, expect};
use proptest::prelude::*;

use super::{Source, Splitter};
use crate::{Decoder, Item, Limits};

/// Splits `input` whole, cut in two at every place, and byte by byte: all must say what is expected.
#[expect(clippy::needless_pass_by_value, reason = "reads like the value it is")]
fn check(source: Source, input: impl AsRef<[u8]>, expected: Expect) {
    check_each(&[source], input.as_ref(), &expected);
}

fn check_each(sources: &[Source], input: &[u8], expected: &Expect) {
    for source in sources.iter().copied() {
        let whole = render(source, [input]);
        for cut in 1..input.len() {
            let (left, right) = input.split_at(cut);
            assert_eq!(whole, render(source, [left, right]), "cut at {cut}");
        }
        assert_eq!(whole, render(source, input.chunks(1)), "byte by byte");
        expected.assert_eq(&whole);
    }
}

fn render<'a>(source: Source, chunks: impl IntoIterator<Item = &'a [u8]>) -> String {
    let mut splitter = Splitter::new(Limits::with_event_bytes_max(32), source);
    let mut out = String::new();
    for chunk in chunks {
        splitter.push(chunk);
        while let Some(next) = splitter.next() {
            match next {
                Ok(split) => writeln!(out, "{:?}", std::str::from_utf8(&split.stored).unwrap()).unwrap(),
                Err(rejected) => writeln!(out, "rejected: {rejected}").unwrap(),
            }
        }
    }
    if let Err(rejected) = splitter.finish() {
        writeln!(out, "rejected at the end: {rejected}").unwrap();
    }
    out
}

fn check_both(input: &str, expected: &Expect) {
    check_each(&[Source::Publisher, Source::Upstream], input.as_bytes(), expected);
}

#[test]
fn event_data_and_unknown_lines_are_kept_byte_for_byte_with_lf() {
    check_both(
        "event:a\r\ndata:  x \r\nfoo: bar\rdata\r\n\r\n",
        &expect![[r#"
        "event:a\ndata:  x \nfoo: bar\ndata\n"
    "#]],
    );
}

#[test]
fn the_line_feed_of_a_crlf_is_no_blank_line() {
    check_both(
        "data: a\r\ndata: b\n\ndata: c\r\n\ndata: d\r\rdata: e\n\r\n",
        &expect![[r#"
        "data: a\ndata: b\n"
        "data: c\n"
        "data: d\n"
        "data: e\n"
    "#]],
    );
}

#[test]
fn an_event_has_begun_with_its_first_field_until_its_blank_line() {
    for (input, has_begun) in [
        ("", false),
        ("data: a\n\n", false),
        ("data: a\r\r", false),
        ("data: a\n\n:c", false),
        (":c\nid: 1\nretry: 2\n", false),
        ("d", true),
        ("data: a", true),
        ("data: a\n", true),
        ("event: a\r\n", true),
        ("data: a\n\ndata: b\n:c\n", true),
    ] {
        for source in [Source::Publisher, Source::Upstream] {
            let mut splitter = Splitter::new(Limits::default(), source);
            splitter.push(input.as_bytes());
            assert_eq!(splitter.is_within_event(), has_begun, "{input:?}");
        }
    }
}

#[test]
fn id_retry_and_comments_are_not_stored() {
    check_both(
        ": hi\nid: 7\nretry: 1\ndata: x\n:x\nid\n\n:only\n\n\n",
        &expect![[r#"
        "data: x\n"
    "#]],
    );
}

#[test]
fn a_leading_byte_order_mark_is_not_stored() {
    check_both(
        "\u{FEFF}data: x\n\n",
        &expect![[r#"
        "data: x\n"
    "#]],
    );
}

#[test]
fn a_byte_order_mark_later_on_cannot_hide_a_field() {
    let input = "data: a\n\n\u{FEFF}event: x\ndata: b\n\n";
    check(
        Source::Publisher,
        input,
        expect![[r#"
        "data: a\n"
        rejected: line 3 ("\u{feff}event: x"): a byte order mark is only allowed at the start of the stream
    "#]],
    );
    check(
        Source::Upstream,
        input,
        expect![[r#"
        "data: a\n"
        "data: b\n"
    "#]],
    );
}

#[test]
fn a_block_without_data_is_refused_from_a_publisher_and_dropped_from_an_upstream() {
    for block in ["event: a", "id: 1", "retry: 5", "foo"] {
        let input = format!("data: x\n\n{block}\n: c\n\ndata: y\n\n");
        let publisher =
            format!("\"data: x\\n\"\nrejected: line 3 ({block:?}): the block has no data line; try \"data: hello\"\n");
        assert_eq!(render(Source::Publisher, [input.as_bytes()]), publisher);
        check(
            Source::Upstream,
            &input,
            expect![[r#"
            "data: x\n"
            "data: y\n"
        "#]],
        );
    }
}

#[test]
fn a_control_character_in_an_event_name_spoils_its_event() {
    let input = "event: a\u{b}b\ndata: x\n\ndata: y\n\n";
    check(
        Source::Publisher,
        input,
        expect![[r#"
        rejected: line 1 ("event: a\u{b}b"): the event name has a control character; try "event: token"
    "#]],
    );
    check(
        Source::Upstream,
        input,
        expect![[r#"
        "data: y\n"
    "#]],
    );
    check(
        Source::Upstream,
        "event: \0\nevent: ok\n\ndata: y\n\n",
        expect![[r#"
        "data: y\n"
    "#]],
    );
}

#[test]
fn what_is_not_utf8_is_refused_from_a_publisher_and_replaced_from_an_upstream() {
    let input = b"data: \xFFa\n\n";
    check(
        Source::Publisher,
        input,
        expect![[r#"
        rejected: line 1 ("data: �a"): the line is not UTF-8
    "#]],
    );
    check(
        Source::Upstream,
        input,
        expect![[r#"
        "data: �a\n"
    "#]],
    );
    check(
        Source::Publisher,
        b": \xE2\x82\n",
        expect![[r#"
        rejected: line 1 (": �"): the line is not UTF-8
    "#]],
    );
}

#[test]
fn an_event_that_is_too_large_is_refused_from_both() {
    let expected = expect![[r#"
        "data: x\n"
        rejected: line 4 ("data: 01234567890123456"): the event is larger than the limit of 32 bytes
    "#]];
    // The rejection comes with the byte that exceeds the limit, so what it shows of the line depends on the cut.
    let input = b"data: x\n\ndata: abc\ndata: 01234567890123456\n\n";
    for source in [Source::Publisher, Source::Upstream] {
        expected.assert_eq(&render(source, [input.as_slice()]));
        let cut = render(source, input.chunks(1));
        assert!(cut.ends_with("the event is larger than the limit of 32 bytes\n"), "{cut}");
    }
}

#[test]
fn a_trailing_incomplete_event_is_refused_from_a_publisher_and_dropped_from_an_upstream() {
    for tail in ["data: x", "data: x\n", "id: 1\n", "\u{FEFF}", "event"] {
        let input = format!("data: a\n\n{tail}");
        let publisher = render(Source::Publisher, [input.as_bytes()]);
        assert!(publisher.starts_with("\"data: a\\n\"\nrejected at the end: line 3 ("), "{publisher}");
        check(
            Source::Upstream,
            &input,
            expect![[r#"
            "data: a\n"
        "#]],
        );
    }
    check_both(
        "data: a\n\n: half a comment",
        &expect![[r#"
        "data: a\n"
    "#]],
    );
    check_both("", &expect![""]);
}

#[test]
fn a_stored_event_tells_its_data_and_type() {
    let mut splitter = Splitter::new(Limits::default(), Source::Upstream);
    splitter.push(b"data: [DONE]\n\nevent: a\ndata: x\nevent: b\ndata\ndata:y\n\nevent:\ndata:\n\n");
    let mut seen = Vec::new();
    while let Some(Ok(split)) = splitter.next() {
        seen.push((split.event_type().into_owned(), String::from_utf8(split.data().into_owned()).unwrap()));
    }
    let expected = [("message", "[DONE]"), ("b", "x\n\ny"), ("message", "")];
    assert_eq!(seen, expected.map(|(event_type, data)| (event_type.to_owned(), data.to_owned())));
}

#[test]
fn work_is_linear_in_the_bytes_however_they_are_cut() {
    for input in [format!("data: {}\n\n", "x".repeat(100_000)), "data: x\n\n".repeat(10_000), "data\n".repeat(20_000)] {
        for size in [1, 7, 4096, input.len()] {
            let mut splitter = Splitter::new(Limits::default(), Source::Publisher);
            for chunk in input.as_bytes().chunks(size) {
                splitter.push(chunk);
                while splitter.next().is_some() {}
            }
            let visited = splitter.scanner.visited;
            assert!(visited <= 3 * input.len(), "{visited} visits for {} bytes in chunks of {size}", input.len());
        }
    }
}

proptest! {
    #[test]
    fn a_framed_stored_event_is_exactly_one_event_and_the_same_as_unstored(
        tokens in prop::collection::vec(prop::sample::select(&crate::tests::TOKENS[..]), 0..60),
    ) {
        let input = tokens.concat();
        let mut splitter = Splitter::new(Limits::default(), Source::Upstream);
        splitter.push(&input);
        while let Some(next) = splitter.next() {
            let split = next.unwrap();
            let framed = [b"id: e-1\n", split.stored.as_ref(), b"\n"].concat();
            let mut decoder = Decoder::new(Limits::default());
            let mut rest = framed.as_slice();
            let Ok(Some(Item::Event(event))) = decoder.next(&mut rest) else { panic!("an event: {framed:?}") };
            prop_assert_eq!(event.id, "e-1");
            let data = split.data();
            prop_assert_eq!(event.data.as_bytes(), data.as_ref());
            prop_assert_eq!(event.event_type, split.event_type());
            prop_assert_eq!(decoder.next(&mut rest), Ok(None));
        }
    }
}
