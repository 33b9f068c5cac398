//! The shared vectors, replayed whole, cut in two at every byte, and byte by byte.

#![expect(clippy::unwrap_used, reason = "a test file: a surprise is a failure")]

use everstream_codec::{Decoder, Item, Limits};
use serde_json::{Value, json};

const VECTORS: &str = include_str!("../../../conformance/vectors/decode.json");

#[test]
fn every_vector_decodes_as_it_says_however_it_is_cut() {
    let cases: Vec<Value> = serde_json::from_str(VECTORS).unwrap();
    assert!(!cases.is_empty());
    for case in cases {
        let name = case["name"].as_str().unwrap();
        let expected = case["items"].as_array().unwrap();
        let input = match (case["text"].as_str(), case["hex"].as_str()) {
            (Some(text), None) => text.as_bytes().to_vec(),
            (None, Some(hex)) => bytes(hex),
            _ => panic!("{name}: one of text and hex"),
        };
        assert_eq!(&decode([input.as_slice()]), expected, "{name}");
        for cut in 0..input.len() {
            let (left, right) = input.split_at(cut);
            assert_eq!(&decode([left, right]), expected, "{name}, cut at {cut}");
        }
        assert_eq!(&decode(input.chunks(1)), expected, "{name}, byte by byte");
    }
}

fn decode<'a>(chunks: impl IntoIterator<Item = &'a [u8]>) -> Vec<Value> {
    let mut decoder = Decoder::new(Limits::default());
    let mut items = Vec::new();
    for mut chunk in chunks {
        while let Some(item) = decoder.next(&mut chunk).unwrap() {
            items.push(match item {
                Item::Event(event) => json!({ "type": event.event_type, "data": event.data, "id": event.id }),
                Item::Comment(text) => json!({ "comment": text }),
                Item::ReconnectionTime(time) => json!({ "retry": u64::try_from(time.as_millis()).unwrap() }),
                Item::LastEventId(id) => json!({ "last_event_id": id }),
                other => panic!("{other:?} is not in the vectors"),
            });
        }
    }
    items
}

fn bytes(hex: &str) -> Vec<u8> {
    hex.as_bytes().chunks(2).map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
}
