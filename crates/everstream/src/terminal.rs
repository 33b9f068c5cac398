//! What is told besides the output: on a terminal in colour, in a pipe plain or not at all.

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
        let mut stderr = io::stderr().lock();
        // Where standard error is closed there is nobody to tell.
        let _ =
            if self.colours_stderr { writeln!(stderr, "{colour}{text}{RESET}") } else { writeln!(stderr, "{text}") };
    }
}
