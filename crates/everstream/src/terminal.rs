//! What is told besides the output: on a terminal in colour, in a pipe plain or not at all.

use std::borrow::Cow;
use std::io::{self, IsTerminal as _, Write as _};

use crate::cli::Colour;

const DIM: &str = "\x1b[2m";
const RED: &str = "\x1b[31m";
const GREEN: &str = "\x1b[32m";
const CYAN: &str = "\x1b[36m";
const RESET: &str = "\x1b[0m";

/// Where standard output and error go, and whether they want colour.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Terminal {
    pub(crate) stdout_is_terminal: bool,
    stderr_is_terminal: bool,
    colours_stdout: bool,
    colours_stderr: bool,
}

impl Terminal {
    pub(crate) fn detect(colour: Colour) -> Self {
        let (stdout_is_terminal, stderr_is_terminal) = (io::stdout().is_terminal(), io::stderr().is_terminal());
        let wanted = |is_terminal| match colour {
            Colour::Auto => is_terminal,
            Colour::Always => true,
            Colour::Never => false,
        };
        Self {
            stdout_is_terminal,
            stderr_is_terminal,
            colours_stdout: wanted(stdout_is_terminal),
            colours_stderr: wanted(stderr_is_terminal),
        }
    }

    pub(crate) const fn colours_stderr(self) -> bool {
        self.colours_stderr
    }

    /// Progress, for somebody who watches. A script does not see it.
    pub(crate) fn progress(self, text: &str) {
        if self.stderr_is_terminal {
            self.tell(DIM, text);
        }
    }

    /// A success, for somebody who watches.
    pub(crate) fn success(self, text: &str) {
        if self.stderr_is_terminal {
            self.tell(GREEN, text);
        }
    }

    /// Something that a script's log should have too.
    pub(crate) fn note(self, text: &str) {
        self.tell(DIM, &format!("everstream: {text}"));
    }

    pub(crate) fn error(self, text: &str) {
        self.tell(RED, &format!("everstream: {text}"));
    }

    /// What others wrote, for standard output: as it is, but on a terminal without what would steer it.
    pub(crate) fn quote(self, text: &str) -> Cow<'_, str> {
        if self.stdout_is_terminal { harmless(text) } else { Cow::Borrowed(text) }
    }

    /// `text` as the less important part of an output line.
    pub(crate) fn dim(self, text: &str) -> String {
        self.paint(DIM, text)
    }

    /// `text` as a name in an output line.
    pub(crate) fn name(self, text: &str) -> String {
        self.paint(CYAN, text)
    }

    fn paint(self, colour: &str, text: &str) -> String {
        if self.colours_stdout { format!("{colour}{text}{RESET}") } else { text.to_owned() }
    }

    fn tell(self, colour: &str, text: &str) {
        let text = if self.stderr_is_terminal { harmless(text) } else { Cow::Borrowed(text) };
        let mut stderr = io::stderr().lock();
        // Where standard error is closed there is nobody to tell.
        let _ =
            if self.colours_stderr { writeln!(stderr, "{colour}{text}{RESET}") } else { writeln!(stderr, "{text}") };
    }
}

/// `text` with a sign in place of each control character but line ends and tabs, and no carriage returns: whoever writes to
/// a stream must not move its reader's cursor, rename the window or answer in the reader's name.
fn harmless(text: &str) -> Cow<'_, str> {
    let steers = |char: char| char.is_control() && !matches!(char, '\n' | '\t');
    if !text.contains(steers) {
        return Cow::Borrowed(text);
    }
    let shown = |char| if steers(char) { char::REPLACEMENT_CHARACTER } else { char };
    Cow::Owned(text.chars().filter(|char| *char != '\r').map(shown).collect())
}

#[cfg(test)]
mod tests {
    use super::harmless;

    #[test]
    fn what_would_steer_a_terminal_is_shown_as_a_sign() {
        assert_eq!(harmless("a\tb\nü 😀"), "a\tb\nü 😀");
        assert_eq!(harmless("\u{1b}[2J\u{9b}31m\r\n\u{7}\u{7f}x\r"), "\u{fffd}[2J\u{fffd}31m\n\u{fffd}\u{fffd}x");
    }
}
