//! The other servers: where each is installed.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Result, bail};

/// Which of the other servers are wanted.
#[derive(Debug, Clone)]
pub(crate) enum Peers {
    /// Those that are part of this program: nothing needs to be installed.
    OwnOnly,
    /// All that are installed.
    Installed,
    /// These, and it is an error when one is not installed.
    Named(Vec<String>),
}

/// Whether a server can be measured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Found {
    At(PathBuf),
    /// The sentence says why not and what would help.
    Missing(String),
    NotWanted,
}

/// What installs the peers, from the project's directory.
const SCRIPT: &str = "scripts/peer.sh";

impl Peers {
    /// Whether a server that is part of this program is wanted.
    pub(crate) fn wants_own(&self, name: &str) -> bool {
        match self {
            Self::OwnOnly | Self::Installed => true,
            Self::Named(names) => names.iter().any(|one| one == name),
        }
    }

    /// Where the program of `name` is.
    ///
    /// # Errors
    /// When it was named and is not installed.
    pub(crate) fn find(&self, name: &str) -> Result<Found> {
        let is_named = match self {
            Self::OwnOnly => return Ok(Found::NotWanted),
            Self::Installed => false,
            Self::Named(names) if names.iter().any(|one| one == name) => true,
            Self::Named(_) => return Ok(Found::NotWanted),
        };
        let output = Command::new(SCRIPT).args(["--find", name]).output();
        let path = output.ok().filter(|output| output.status.success());
        let path = path.and_then(|output| Some(String::from_utf8(output.stdout).ok()?.trim().to_owned()));
        match path {
            Some(path) => Ok(Found::At(path.into())),
            None if is_named => bail!("{name} is not installed: run {SCRIPT} {name} in the project's directory"),
            None => Ok(Found::Missing(format!("not installed; {SCRIPT} {name} does that"))),
        }
    }
}
