//! What a signed URL allows.

/// What a signed URL of a stream allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// To read and to abort: what the protocol's one URL is for. Not written into it.
    All,
    /// To read.
    Read,
    /// To abort.
    Abort,
}

impl Scope {
    /// What `scope` in a URL's query says; `None` for a word that is none.
    pub(super) fn of_parameter(word: Option<&str>) -> Option<Self> {
        match word {
            None => Some(Self::All),
            Some("read") => Some(Self::Read),
            Some("abort") => Some(Self::Abort),
            Some(_) => None,
        }
    }

    /// The word in the query, where one is needed.
    pub(super) const fn parameter(self) -> Option<&'static str> {
        match self {
            Self::All => None,
            Self::Read | Self::Abort => Some(self.signed()),
        }
    }

    /// The word that is signed.
    pub(super) const fn signed(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::Read => "read",
            Self::Abort => "abort",
        }
    }

    /// Whether what allows `self` allows `wanted`.
    pub(super) fn allows(self, wanted: Self) -> bool {
        self == Self::All || self == wanted
    }
}
