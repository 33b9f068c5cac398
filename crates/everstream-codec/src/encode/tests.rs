use std::time::Duration;

use expect_test::{Expect, expect};

use crate::{EventName, encode};

#[expect(clippy::needless_pass_by_value, reason = "reads like the value it is")]
fn check(write: impl FnOnce(&mut Vec<u8>), expected: Expect) {
    let mut out = Vec::new();
    write(&mut out);
    expected.assert_eq(&format!("{:?}", String::from_utf8(out).unwrap()));
}

#[test]
fn data_has_one_line_for_each_line_whatever_ends_it() {
    check(|out| encode::data(out, b"a\nb\r\nc\rd"), expect![[r#""data: a\ndata: b\ndata: c\ndata: d\n""#]]);
    check(|out| encode::data(out, b""), expect![[r#""data: \n""#]]);
    check(|out| encode::data(out, b"a\n"), expect![[r#""data: a\ndata: \n""#]]);
    check(|out| encode::data(out, b"\r\n\r\n"), expect![[r#""data: \ndata: \ndata: \n""#]]);
    check(|out| encode::data(out, b" a"), expect![[r#""data:  a\n""#]]);
}

#[test]
fn a_comment_cannot_break_out_of_its_lines() {
    check(|out| encode::comment(out, "keep-alive"), expect![[r#"": keep-alive\n""#]]);
    check(|out| encode::comment(out, "a\n\ndata: b"), expect![[r#"": a\n: \n: data: b\n""#]]);
}

#[test]
fn retry_is_in_whole_milliseconds() {
    check(|out| encode::retry(out, Duration::from_micros(2_000_900)), expect![[r#""retry: 2000\n""#]]);
}

#[test]
fn an_event_name_that_could_break_out_cannot_be_made() {
    for name in ["", "a\nb", "a\r", "\0", "a\u{7f}", "\u{85}"] {
        assert!(EventName::parse(name).is_err(), "{name:?}");
    }
    let name = EventName::parse(" naïve\u{2028}").unwrap();
    check(|out| encode::event_type(out, &name), expect![[r#""event:  naïve\u{2028}\n""#]]);
}
