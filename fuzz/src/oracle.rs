//! WHATWG 9.2.6 read literally: the whole stream at once, as text, with no thought of speed.

use std::time::Duration;

use everstream_codec::Item;

/// A decoded item, in a shape that can be compared.
#[derive(Debug, PartialEq, Eq)]
pub enum Plain {
    Event { event_type: String, data: String, id: String },
    Comment(String),
    ReconnectionTime(Duration),
    LastEventId(String),
}

impl From<Item<'_>> for Plain {
    fn from(item: Item<'_>) -> Self {
        match item {
            Item::Event(event) => Self::Event {
                event_type: event.event_type.into_owned(),
                data: event.data.into_owned(),
                id: event.id.into_owned(),
            },
            Item::Comment(text) => Self::Comment(text.into_owned()),
            Item::ReconnectionTime(time) => Self::ReconnectionTime(time),
            Item::LastEventId(id) => Self::LastEventId(id.into_owned()),
            other => unreachable!("{other:?} is new"),
        }
    }
}

#[derive(Default)]
struct Block {
    data: String,
    event_type: String,
    id: Option<String>,
}

pub fn decode(stream: &[u8]) -> Vec<Plain> {
    let text = String::from_utf8_lossy(stream);
    let text = text.strip_prefix('\u{FEFF}').unwrap_or(&text).replace("\r\n", "\n").replace('\r', "\n");
    let mut lines: Vec<&str> = text.split('\n').collect();
    lines.pop(); // What follows the last line end is no line yet.
    let (mut items, mut block, mut last_event_id) = (Vec::new(), Block::default(), String::new());
    for line in lines {
        if line.is_empty() {
            dispatch(std::mem::take(&mut block), &mut last_event_id, &mut items);
            continue;
        }
        let (name, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match name {
            "" => items.push(Plain::Comment(value.to_owned())),
            "data" => block.data += &format!("{value}\n"),
            "event" => block.event_type = value.to_owned(),
            "id" if !value.contains('\0') => block.id = Some(value.to_owned()),
            "retry" if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) => {
                items.push(Plain::ReconnectionTime(Duration::from_millis(value.parse().unwrap_or(u64::MAX))));
            }
            _ => {}
        }
    }
    items
}

fn dispatch(block: Block, last_event_id: &mut String, items: &mut Vec<Plain>) {
    let id = block.id.unwrap_or_else(|| last_event_id.clone());
    let is_new_id = id != *last_event_id;
    *last_event_id = id.clone();
    if let Some(data) = block.data.strip_suffix('\n') {
        let event_type = if block.event_type.is_empty() { "message".to_owned() } else { block.event_type };
        items.push(Plain::Event { event_type, data: data.to_owned(), id });
    } else if is_new_id {
        items.push(Plain::LastEventId(id));
    }
}
