//! What the fuzz targets share: cutting inputs, and a decoder so simple that it can be believed.

pub mod oracle;

use everstream_codec::{Decoder, Item, Limits};

/// Cuts `input` into chunks whose sizes follow from `seed`; `0` leaves it whole.
pub fn cut(mut input: &[u8], seed: u8) -> Vec<&[u8]> {
    if seed == 0 {
        return vec![input];
    }
    let mut chunks = Vec::new();
    let mut state = u32::from(seed);
    while !input.is_empty() {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let (chunk, rest) = input.split_at(((state >> 24) as usize % 9).min(input.len()));
        chunks.push(chunk);
        input = rest;
    }
    chunks
}

/// What a decoder makes of `chunks`, and whether an event was too large.
pub fn decode(limits: Limits, chunks: &[&[u8]]) -> (Vec<Item<'static>>, bool) {
    let mut decoder = Decoder::new(limits);
    let mut items = Vec::new();
    for mut chunk in chunks.iter().copied() {
        loop {
            match decoder.next(&mut chunk) {
                Ok(Some(item)) => items.push(item.into_owned()),
                Ok(None) => break,
                Err(_) => return (items, true),
            }
        }
        assert!(chunk.is_empty(), "bytes are left");
    }
    (items, false)
}
