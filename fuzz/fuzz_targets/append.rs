//! Whatever is appended, a stored event is one event for every subscriber: it adds no line and loses no data.
#![no_main]

use everstream_codec::{Decoder, Event, Item, Limits, Source, Split, Splitter};
use everstream_fuzz::{cut, decode};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let Some((seed, stream)) = input.split_first() else { return };
    for source in [Source::Publisher, Source::Upstream] {
        let (splits, accepted) = split(source, &[stream]);
        assert_eq!((splits.clone(), accepted), split(source, &cut(stream, *seed)), "cut by {seed}");
        let stored: Vec<Event<'static>> = splits.iter().map(subscribe).collect();
        let unnamed = !String::from_utf8_lossy(stream).contains(|c: char| c.is_control() && c != '\r' && c != '\n');
        if accepted && (source == Source::Publisher || unnamed) {
            assert_same(&stored, stream);
        }
    }
});

fn split(source: Source, chunks: &[&[u8]]) -> (Vec<Split>, bool) {
    let mut splitter = Splitter::new(Limits::default(), source);
    let (mut splits, mut accepted) = (Vec::new(), true);
    for chunk in chunks {
        splitter.push(chunk);
        while let Some(next) = splitter.next() {
            match next {
                Ok(split) => splits.push(split),
                Err(_) => accepted = false,
            }
        }
    }
    let accepted = splitter.finish().is_ok() && accepted;
    (splits, accepted)
}

/// What a subscriber gets of a stored event.
fn subscribe(split: &Split) -> Event<'static> {
    let text = std::str::from_utf8(&split.stored).expect("a stored event is UTF-8");
    assert!(!text.contains('\r') && text.ends_with('\n') && !text.starts_with('\n') && !text.contains("\n\n"));

    let frame = ["id: e-1\n", text, "\n"].concat();
    let mut decoder = Decoder::new(Limits::default());
    let mut rest = frame.as_bytes();
    let item = decoder.next(&mut rest).expect("no larger than it was");
    let Some(Item::Event(event)) = item.map(Item::into_owned) else { panic!("{frame:?} is no event") };
    assert_eq!(decoder.next(&mut rest), Ok(None), "{frame:?} is more than one event");
    assert_eq!(event.id, "e-1");
    assert!(!event.event_type.contains(char::is_control));
    assert_eq!(event.data.as_bytes(), &*split.data());
    assert_eq!(event.event_type, split.event_type());
    event
}

/// The stored events are those that the stream itself decodes to.
fn assert_same(stored: &[Event<'_>], stream: &[u8]) {
    let (items, _) = decode(Limits::default(), &[stream]);
    let events = items.into_iter().filter_map(|item| match item {
        Item::Event(event) => Some((event.event_type, event.data)),
        _ => None,
    });
    let stored = stored.iter().map(|event| (event.event_type.clone(), event.data.clone()));
    assert_eq!(events.collect::<Vec<_>>(), stored.collect::<Vec<_>>());
}
