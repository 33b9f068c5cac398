//! One incarnation of a stream's name.

use std::fmt;

/// Short token of one incarnation of a stream: a name that was deleted and made again gets a new one, so that a
/// position of the old life is never taken for one of the new.
///
/// Four to twelve of `a–z 0–9`; new ones have eight (41 bits), drawn at random.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Epoch {
    token: [u8; Self::LEN_MAX],
    len: u8,
}

/// The text is no epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InvalidEpoch;

impl Epoch {
    /// The longest epoch, in bytes.
    pub const LEN_MAX: usize = 12;
    const LEN_MIN: usize = 4;
    const LEN_NEW: usize = 8;

    /// A fresh epoch.
    #[must_use]
    pub fn random() -> Self {
        let mut token = [0; Self::LEN_MAX];
        for byte in token.iter_mut().take(Self::LEN_NEW) {
            *byte = match fastrand::u8(0..36) {
                digit @ 0..=9 => b'0' + digit,
                letter => b'a' + letter - 10,
            };
        }
        Self { token, len: Self::LEN_NEW as u8 }
    }

    /// Reads an epoch as [`Self::as_str`] writes it.
    ///
    /// # Errors
    /// [`InvalidEpoch`] when the length or a character is out of range.
    pub fn parse(text: &str) -> Result<Self, InvalidEpoch> {
        let lawful = |byte: u8| byte.is_ascii_digit() || byte.is_ascii_lowercase();
        if !(Self::LEN_MIN..=Self::LEN_MAX).contains(&text.len()) || !text.bytes().all(lawful) {
            return Err(InvalidEpoch);
        }
        let mut token = [0; Self::LEN_MAX];
        for (slot, byte) in token.iter_mut().zip(text.bytes()) {
            *slot = byte;
        }
        Ok(Self { token, len: u8::try_from(text.len()).map_err(|_| InvalidEpoch)? })
    }

    /// The token.
    #[must_use]
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(self.as_bytes()).unwrap_or_default()
    }

    /// The token as the ASCII bytes that it is, for whoever writes it beside every record.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        self.token.get(..usize::from(self.len)).unwrap_or_default()
    }
}

impl fmt::Display for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Display for InvalidEpoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an epoch has 4 to 12 of a-z and 0-9")
    }
}

impl std::error::Error for InvalidEpoch {}
