use std::io::{BufRead as _, BufReader, Write as _};

use serde_json::Value;

use crate::everstream::{run, start};

#[test]
fn it_writes_one_object_a_line_in_the_documented_shape() {
    let input = b"retry: 2000\nid: k3v9-0\n\n: keep-alive\nid: k3v9-1\nevent: x\ndata: a\ndata: \"b\"\n\ndata: c\n\ndata: half\n";
    let expected = "{\"retry\":2000}\n{\"last_event_id\":\"k3v9-0\"}\n\
                    {\"type\":\"x\",\"data\":\"a\\n\\\"b\\\"\",\"id\":\"k3v9-1\"}\n\
                    {\"type\":\"message\",\"data\":\"c\",\"id\":\"k3v9-1\"}\n";
    for arguments in [["decode"].as_slice(), &["decode", "--json"]] {
        let finished = run(arguments, input);
        assert_eq!((finished.code, finished.stdout.as_str()), (Some(0), expected));
    }
}

#[test]
fn every_shared_vector_decodes_as_it_says() {
    let vectors = include_str!("../../../../conformance/vectors/decode.json");
    let cases: Vec<Value> = serde_json::from_str(vectors).unwrap();
    for case in cases {
        let input = match (case["text"].as_str(), case["hex"].as_str()) {
            (Some(text), _) => text.as_bytes().to_vec(),
            (_, hex) => bytes(hex.unwrap()),
        };
        let expected = case["items"].as_array().unwrap().iter().filter(|item| item.get("comment").is_none());
        let finished = run(&["decode", "--json"], &input);
        let decoded: Vec<Value> = finished.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(decoded.iter().collect::<Vec<_>>(), expected.collect::<Vec<_>>(), "{}", case["name"]);
        assert_eq!(finished.code, Some(0), "{}", case["name"]);
    }
}

#[test]
fn it_writes_what_is_complete_while_the_input_is_still_open() {
    let mut child = start(&["decode"]);
    let mut input = child.stdin.take().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    // The second write ends the first event: a lone CR is enough.
    input.write_all(b"data: a\n").unwrap();
    input.write_all(b"\rdata: b").unwrap();
    assert_eq!(lines.next().unwrap().unwrap(), r#"{"type":"message","data":"a","id":""}"#);
    drop(input);
    assert!(lines.next().is_none());
    assert!(child.wait().unwrap().success());
}

#[test]
fn an_event_over_the_limit_is_told_with_the_flag_that_raises_it() {
    let finished = run(&["decode", "--max-event-bytes", "16"], b"data: a\n\ndata: 0123456789abcdef\n\n");
    assert_eq!(finished.code, Some(1));
    assert_eq!(finished.stdout, "{\"type\":\"message\",\"data\":\"a\",\"id\":\"\"}\n");
    assert_eq!(
        finished.stderr,
        "everstream: an event is larger than the limit of 16 bytes; --max-event-bytes raises it\n"
    );
}

fn bytes(hex: &str) -> Vec<u8> {
    let digits = hex.as_bytes().chunks(2);
    digits.map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
}
