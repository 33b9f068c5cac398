//! A strict parser of `text/event-stream`, for judging what a server writes.

/// Takes body bytes as they come and gives back whole blocks and comments.
///
/// Far stricter than a client must be (WHATWG, "Server-sent events"): line ends are LF alone, text is UTF-8, a value
/// follows its colon and one blank, comments stand between blocks, `id` comes once in a block, `retry` has digits, and
/// no empty line stands alone. Lines that break this are errors, since they are how an injection would show.
#[derive(Debug, Default)]
pub struct EventParser {
    unfinished: Vec<u8>,
    block: Block,
}

/// What came whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Item {
    /// Fields up to an empty line.
    Block(Block),
    /// A comment line between blocks: what stands after the colon.
    Comment(String),
}

/// The fields between two empty lines.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Block {
    /// Names and values, in order.
    pub fields: Vec<(String, String)>,
    /// Its bytes, the final empty line included.
    pub bytes: Vec<u8>,
}

impl Block {
    /// The last value of a field.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<&str> {
        self.fields.iter().rev().find(|(written, _)| written == name).map(|(_, value)| value.as_str())
    }

    /// The `data` lines joined by LF; `None` when there is none, so that a client sees no event.
    #[must_use]
    pub fn data(&self) -> Option<String> {
        let lines: Vec<_> = self.fields.iter().filter(|(name, _)| name == "data").map(|(_, v)| v.as_str()).collect();
        (!lines.is_empty()).then(|| lines.join("\n"))
    }

    fn check(&self) -> Result<(), String> {
        let ids = self.fields.iter().filter(|(name, _)| name == "id").count();
        if ids > 1 {
            return Err(format!("{ids} ids in one block: {:?}", self.fields));
        }
        if self.field("id").is_some_and(|id| id.contains('\0')) {
            return Err(format!("NUL in an id: {:?}", self.fields));
        }
        match self.field("retry") {
            Some(retry) if retry.is_empty() || !retry.bytes().all(|b| b.is_ascii_digit()) => {
                Err(format!("retry is not digits: {retry:?}"))
            }
            _ => Ok(()),
        }
    }
}

impl EventParser {
    /// Takes `bytes` and appends what they complete to `items`.
    ///
    /// # Errors
    /// A sentence about the first line that breaks the rules above.
    pub fn push(&mut self, bytes: &[u8], items: &mut Vec<Item>) -> Result<(), String> {
        for piece in bytes.split_inclusive(|&byte| byte == b'\n') {
            self.unfinished.extend_from_slice(piece);
            if piece.ends_with(b"\n") {
                let line = std::mem::take(&mut self.unfinished);
                if let Some(item) = self.line(&line)? {
                    items.push(item);
                }
            }
        }
        Ok(())
    }

    /// Whether all bytes so far make whole blocks and comments.
    #[must_use]
    pub fn is_between_blocks(&self) -> bool {
        self.unfinished.is_empty() && self.block.bytes.is_empty()
    }

    fn line(&mut self, line: &[u8]) -> Result<Option<Item>, String> {
        let text = std::str::from_utf8(line).map_err(|_| format!("not UTF-8: {:?}", String::from_utf8_lossy(line)))?;
        let text = text.strip_suffix('\n').unwrap_or(text);
        if text.contains('\r') {
            return Err(format!("CR in a line: {text:?}"));
        }
        if let Some(comment) = text.strip_prefix(':') {
            return match self.block.bytes.is_empty() {
                true => Ok(Some(Item::Comment(comment.to_owned()))),
                false => Err(format!("comment {text:?} inside a block: {:?}", self.block.fields)),
            };
        }
        self.block.bytes.extend_from_slice(line);
        if text.is_empty() {
            let block = std::mem::take(&mut self.block);
            block.check()?;
            return match block.fields.is_empty() {
                true => Err("an empty line without a block before it".to_owned()),
                false => Ok(Some(Item::Block(block))),
            };
        }
        let (name, value) = text.split_once(':').unwrap_or((text, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        self.block.fields.push((name.to_owned(), value.to_owned()));
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(input: &[u8], piece: usize) -> Result<(Vec<Item>, bool), String> {
        let mut parser = EventParser::default();
        let mut items = Vec::new();
        for bytes in input.chunks(piece) {
            parser.push(bytes, &mut items)?;
        }
        Ok((items, parser.is_between_blocks()))
    }

    #[test]
    fn blocks_are_the_same_however_the_bytes_are_cut() {
        let input = "retry: 20\nid: e-0\n\n: hi\nid: e-1\nevent: a\ndata: ä\ndata\ndata:  b\n\n".as_bytes();
        for piece in 1..=input.len() {
            let (items, whole) = parse(input, piece).unwrap();
            let [Item::Block(first), Item::Comment(comment), Item::Block(second)] = items.as_slice() else {
                panic!("{items:?}")
            };
            assert!(whole);
            assert_eq!((first.field("retry"), first.field("id"), first.data()), (Some("20"), Some("e-0"), None));
            assert_eq!(comment, " hi");
            assert_eq!((second.field("event"), second.data()), (Some("a"), Some("ä\n\n b".to_owned())));
            assert_eq!(second.bytes, "id: e-1\nevent: a\ndata: ä\ndata\ndata:  b\n\n".as_bytes());
        }
    }

    #[test]
    fn a_cut_block_is_no_block() {
        for input in ["data: a", "data: a\n", "id"] {
            assert_eq!(parse(input.as_bytes(), 3), Ok((Vec::new(), false)), "{input:?}");
        }
    }

    #[test]
    fn what_an_injection_would_leave_is_refused() {
        for input in [
            "data: a\rdata: b\n\n",
            "data: a\r\n\r\n",
            "\n",
            "data: a\n\n\n",
            "id: a\nid: b\ndata: c\n\n",
            "id: \0\ndata: c\n\n",
            "retry: 1s\n\n",
            "data: a\n: comment\n\n",
        ] {
            assert!(parse(input.as_bytes(), 5).is_err(), "{input:?}");
        }
        assert!(parse(b"data: \xff\n\n", 5).is_err());
    }
}
