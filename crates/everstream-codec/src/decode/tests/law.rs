//! What holds for all bytes, however they are cut.

use proptest::prelude::*;

use super::super::Decoder;
use super::render;
use crate::{EventName, Item, Limits, encode};

/// Counts bytes visited rather than time. Three visits a byte is what an unfinished line costs: searched, held, put
/// into the event.
#[test]
fn work_is_linear_in_the_bytes_however_they_are_cut() {
    let inputs = [
        format!("data: {}\n\n", "x".repeat(100_000)),
        "data\n".repeat(20_000) + "\n",
        "data: x\n\n".repeat(10_000),
        ":\n".repeat(50_000),
        "\r\n".repeat(50_000),
        format!("id: {}\n{}", "x".repeat(50_000), "data\n\n".repeat(10_000)),
        format!("data: {}\n", "x".repeat(1_000)).repeat(100),
    ];
    for input in inputs {
        for size in [1, 2, 3, 7, 64, 4096, input.len()] {
            let mut decoder = Decoder::new(Limits::default());
            for mut chunk in input.as_bytes().chunks(size) {
                while decoder.next(&mut chunk).unwrap().is_some() {}
            }
            let visited = decoder.visited();
            assert!(visited <= 3 * input.len(), "{visited} visits for {} bytes in chunks of {size}", input.len());
        }
    }
}

proptest! {
    #[test]
    fn what_is_encoded_decodes_to_the_same(
        events in prop::collection::vec(("[^\\p{Cc}]{1,12}", "[^\r]{0,40}", "[^\r\n\0]{0,8}"), 0..8),
        size in 1_usize..40,
    ) {
        let mut bytes = Vec::new();
        for (name, data, id) in &events {
            encode::id(&mut bytes, id);
            encode::event_type(&mut bytes, &EventName::parse(name).unwrap());
            encode::data(&mut bytes, data.as_bytes());
            encode::end(&mut bytes);
        }
        let mut decoder = Decoder::new(Limits::default());
        let mut decoded = Vec::new();
        for mut chunk in bytes.chunks(size) {
            while let Some(item) = decoder.next(&mut chunk).unwrap() {
                let Item::Event(event) = item.into_owned() else { panic!("an event") };
                decoded.push((event.event_type.into_owned(), event.data.into_owned(), event.id.into_owned()));
            }
        }
        prop_assert_eq!(decoded, events);
    }

    #[test]
    fn any_bytes_cut_anywhere_decode_as_when_whole(
        tokens in prop::collection::vec(prop::sample::select(&crate::tests::TOKENS[..]), 0..60),
        cuts in prop::collection::vec(1_usize..20, 1..20),
    ) {
        let input = tokens.concat();
        let mut rest = input.as_slice();
        let mut chunks = Vec::new();
        for cut in cuts.iter().cycle() {
            if rest.is_empty() {
                break;
            }
            let (chunk, after) = rest.split_at((*cut).min(rest.len()));
            chunks.push(chunk);
            rest = after;
        }
        let limits = Limits::default();
        prop_assert_eq!(render(limits, chunks), render(limits, [input.as_slice()]));
    }
}
