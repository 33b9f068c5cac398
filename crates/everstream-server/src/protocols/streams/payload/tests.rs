use super::*;

const LIMITS: PayloadLimits = PayloadLimits { event_bytes_max: 64, records_max: 4 };

fn split(kind: ContentKind, body: &[u8]) -> Result<Vec<String>, String> {
    match records(kind, Bytes::copy_from_slice(body), LIMITS) {
        Ok(records) => Ok(records.iter().map(|record| String::from_utf8_lossy(record).into_owned()).collect()),
        Err(problem) => Err(problem.code().as_str().to_owned()),
    }
}

fn check(kind: ContentKind, body: &[u8], records: &[&str]) {
    assert_eq!(
        split(kind, body).as_deref(),
        Ok(records.iter().map(|&record| record.into()).collect::<Vec<_>>().as_slice())
    );
}

fn check_refused(kind: ContentKind, body: &[u8], code: &str) {
    assert_eq!(split(kind, body), Err(code.to_owned()), "{:?}", String::from_utf8_lossy(body));
}

#[test]
fn one_array_level_is_flattened_and_values_keep_their_bytes() {
    check(
        ContentKind::Json,
        br#" {"n": 1e400, "big":12345678901234567890123 } "#,
        &[r#"{"n": 1e400, "big":12345678901234567890123 }"#],
    );
    check(ContentKind::Json, b"[1.00, [2,3] ,\n{\"a\" : null}]\n", &["1.00", "[2,3]", "{\"a\" : null}"]);
    check(ContentKind::Json, b"\"[1]\"", &["\"[1]\""]);
    check(ContentKind::Json, b" [ ] ", &[]);
    check(ContentKind::Json, b"[[]]", &["[]"]);
}

#[test]
fn what_is_not_json_is_refused() {
    for body in [b"{".as_slice(), b"[1,]", b"[1] 2", b"1 2", b"nope", b"\xff", b"[\"\xff\"]", b"\xef\xbb\xbf1"] {
        check_refused(ContentKind::Json, body, "invalid_body");
    }
}

#[test]
fn events_are_stored_without_our_lines() {
    check(
        ContentKind::EventStream,
        b"id: 7\nevent: a\r\ndata:x\r\n\r\n: note\n\ndata: y\n\n",
        &["event: a\ndata:x\n", "data: y\n"],
    );
    check(ContentKind::EventStream, b": only a comment\n\n", &[]);
}

#[test]
fn one_event_that_cannot_be_stored_refuses_the_body() {
    for body in
        [b"data: a\n\nevent: b\n\n".as_slice(), b"data: a\n\ndata: b", b"data: a\n\ndata: b\n", b"data: \xff\n\n"]
    {
        check_refused(ContentKind::EventStream, body, "invalid_event");
    }
}

#[test]
fn other_types_are_one_record() {
    check(ContentKind::Text, b"a\r\n\r\nb", &["a\r\n\r\nb"]);
    check(ContentKind::Binary, b"[1,2]", &["[1,2]"]);
}

#[test]
fn size_and_number_are_bounded() {
    let long = "x".repeat(65);
    check_refused(ContentKind::Text, long.as_bytes(), "event_too_large");
    check_refused(ContentKind::Json, format!("[1,\"{long}\"]").as_bytes(), "event_too_large");
    check_refused(ContentKind::EventStream, format!("data: {long}\n\n").as_bytes(), "event_too_large");
    check(ContentKind::Json, b"[1,2,3,4]", &["1", "2", "3", "4"]);
    check_refused(ContentKind::Json, b"[1,2,3,4,5]", "too_many_records");
    check_refused(ContentKind::EventStream, "data: a\n\n".repeat(5).as_bytes(), "too_many_records");
}

#[test]
fn a_refused_event_is_named_by_line_and_excerpt() {
    let problem =
        records(ContentKind::EventStream, Bytes::from_static(b"data: a\n\nevent: b\n\n"), LIMITS).unwrap_err();
    let document: serde_json::Value = serde_json::from_slice(&problem.to_json()).unwrap();
    assert_eq!(document["field"], "body, line 3");
    assert_eq!(document["value"], "event: b");
    assert_eq!(document["example"], "data: hello\n\n");
}
