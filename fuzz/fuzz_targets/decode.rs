//! The decoder never panics, says the same however its input is cut, and says what a naive decoder says.
#![no_main]

use everstream_codec::Limits;
use everstream_fuzz::{cut, decode, oracle};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let Some((seed, stream)) = input.split_first() else { return };
    let whole = decode(Limits::default(), &[stream]);
    assert_eq!(whole, decode(Limits::default(), &cut(stream, *seed)), "cut by {seed}");
    assert_eq!(whole, decode(Limits::default(), &stream.chunks(1).collect::<Vec<_>>()), "byte by byte");

    let plain: Vec<oracle::Plain> = whole.0.into_iter().map(Into::into).collect();
    assert_eq!(plain, oracle::decode(stream), "the naive decoder");

    let small = Limits::with_event_bytes_max(usize::from(*seed % 32));
    assert_eq!(decode(small, &[stream]), decode(small, &cut(stream, *seed)), "cut by {seed}, with a limit");
});
