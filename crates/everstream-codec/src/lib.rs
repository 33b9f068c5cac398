//! `text/event-stream` to values and back, exactly as WHATWG 9.2.6 has it.
//!
//! - [`Decoder`] is for clients: bytes in, [`Item`]s out.
//! - [`Splitter`] is for those who store events: bytes in, one *stored event* per complete block out.
//! - [`encode`] writes frames. It cannot fail: what could break out of a line is refused when a value is made, or
//!   split into lines of its own.
//!
//! Decoder and splitter share one line scanner. It works on bytes, never decodes a chunk by itself, and visits each
//! byte a fixed number of times however the input is cut. The crate refuses to know sockets, clocks and runtimes.
//!
//! ```
//! use everstream_codec::{Decoder, Item, Limits};
//!
//! let mut decoder = Decoder::new(Limits::default());
//! let mut answer = String::new();
//! for mut chunk in [b"data: Hel".as_slice(), b"lo\n\nda", b"ta: world\r\n\r\n"] {
//!     while let Some(item) = decoder.next(&mut chunk)? {
//!         if let Item::Event(event) = item {
//!             answer.push_str(&event.data);
//!         }
//!     }
//! }
//! assert_eq!(answer, "Helloworld");
//! # Ok::<(), everstream_codec::TooLarge>(())
//! ```
#![warn(missing_docs)]

mod decode;
pub mod encode;
mod event;
mod limits;
mod line;
mod scan;
mod split;

pub use decode::Decoder;
pub use event::{Event, EventName, InvalidEventName, Item};
pub use limits::{Limits, TooLarge};
pub use split::{Rejected, RejectedKind, Source, Split, Splitter};

#[cfg(test)]
mod tests {
    /// What random streams are made of: every byte and word that means something, and some that do not.
    pub(crate) const TOKENS: [&[u8]; 22] = [
        b"data",
        b"data:",
        b"data: x",
        b"event",
        b"event: a",
        b"id",
        b"id: 1",
        b"id:2",
        b"retry",
        b"retry: 5",
        b":",
        b": c",
        b" ",
        b"\r",
        b"\n",
        b"\r\n",
        b"\n\n",
        b"\0",
        b"\xEF\xBB\xBF",
        b"\xEF",
        b"\xFF",
        b"foo: bar",
    ];
}
