//! How far an answer was printed, kept in a file so that a command that was killed can be started again.
//!
//! The file has one JSON object a line: the question first, then where its answer is, then the id of each event once it
//! was printed. A line is written by one call, so that a kill leaves whole lines and at most a torn last one, which does
//! not count. Print and line are two calls: a kill exactly between them has one token printed again.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use serde::{Deserialize, Serialize};

use super::question::Question;

/// One ask, and how far it is.
#[derive(Debug)]
pub(super) struct Memory {
    question: Question,
    location: Option<String>,
    last_event_id: String,
    file: Option<(PathBuf, File)>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Line {
    Question(Question),
    Location(String),
    Printed(String),
}

impl Memory {
    /// What `path` remembers, if it is there.
    pub(super) fn open(path: &Path) -> anyhow::Result<Option<Self>> {
        let text = match fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error).with_context(|| format!("{} cannot be read", path.display())),
        };
        let Some((mut memory, whole)) = read(&text) else {
            anyhow::bail!("{} is not a resume file of everstream ask; name another file", path.display());
        };
        let context = || format!("{} cannot be written", path.display());
        let file = OpenOptions::new().append(true).open(path).with_context(context)?;
        file.set_len(whole as u64).with_context(context)?;
        memory.file = Some((path.to_owned(), file));
        Ok(Some(memory))
    }

    /// A new ask, remembered in `path` before it is sent.
    pub(super) fn begin(path: Option<PathBuf>, question: Question) -> anyhow::Result<Self> {
        let file = match path {
            Some(path) => {
                // The question and its key are nobody else's business.
                let file = OpenOptions::new().append(true).create_new(true).mode(0o600).open(&path);
                let file = file.with_context(|| format!("{} cannot be made", path.display()))?;
                Some((path, file))
            }
            None => None,
        };
        let mut memory = Self { question, location: None, last_event_id: String::new(), file };
        memory.write(&Line::Question(memory.question.clone()))?;
        Ok(memory)
    }

    pub(super) const fn question(&self) -> &Question {
        &self.question
    }

    /// Where the answer is, once that is known.
    pub(super) fn location(&self) -> Option<&str> {
        self.location.as_deref()
    }

    /// The last event that was printed; empty for none.
    pub(super) fn last_event_id(&self) -> &str {
        &self.last_event_id
    }

    pub(super) fn is_resumable(&self) -> bool {
        self.file.is_some()
    }

    pub(super) fn set_location(&mut self, location: &str) -> anyhow::Result<()> {
        if self.location() == Some(location) {
            return Ok(());
        }
        self.location = Some(location.to_owned());
        self.write(&Line::Location(location.to_owned()))
    }

    pub(super) fn printed(&mut self, id: &str) -> anyhow::Result<()> {
        id.clone_into(&mut self.last_event_id);
        self.write(&Line::Printed(id.to_owned()))
    }

    /// The answer has ended: there is nothing left to resume.
    pub(super) fn forget(&mut self) -> anyhow::Result<()> {
        match self.file.take() {
            Some((path, _)) => fs::remove_file(&path).with_context(|| format!("{} cannot be removed", path.display())),
            None => Ok(()),
        }
    }

    fn write(&mut self, line: &Line) -> anyhow::Result<()> {
        let Some((path, file)) = &mut self.file else { return Ok(()) };
        let mut bytes = serde_json::to_vec(line)?;
        bytes.push(b'\n');
        file.write_all(&bytes).with_context(|| format!("{} cannot be written", path.display()))
    }
}

/// What the whole lines of a file say, and how many bytes those are.
fn read(text: &str) -> Option<(Memory, usize)> {
    let whole = text.rfind('\n')? + 1;
    let mut lines = text.get(..whole)?.lines().map(serde_json::from_str::<Line>);
    let Ok(Line::Question(question)) = lines.next()? else { return None };
    let mut memory = Memory { question, location: None, last_event_id: String::new(), file: None };
    for line in lines {
        match line.ok()? {
            Line::Question(_) => return None,
            Line::Location(location) => memory.location = Some(location),
            Line::Printed(id) => memory.last_event_id = id,
        }
    }
    Some((memory, whole))
}

#[cfg(test)]
mod tests {
    use super::{Memory, read};
    use crate::command::ask::question::Question;

    #[test]
    fn a_file_cut_at_any_byte_remembers_its_whole_lines() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a.ask");
        assert!(Memory::open(&path).unwrap().is_none());
        let question = Question::new("http://h/v1", "m", None, "why?").unwrap();
        let mut memory = Memory::begin(Some(path.clone()), question.clone()).unwrap();
        let first = std::fs::metadata(&path).unwrap().len() as usize;
        memory.set_location("http://h/v1/stream/asks/1").unwrap();
        memory.printed("e-1").unwrap();
        memory.printed("e-2").unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        for cut in 0..=text.len() {
            let read = read(&text[..cut]);
            assert_eq!(read.is_some(), cut >= first, "cut at {cut}");
            let Some((memory, _)) = read else { continue };
            assert_eq!(memory.question(), &question);
            assert!(["", "e-1", "e-2"].contains(&memory.last_event_id()));
        }
        std::fs::write(&path, &text[..text.len() - 3]).unwrap();
        let mut memory = Memory::open(&path).unwrap().unwrap();
        assert_eq!(memory.last_event_id(), "e-1");
        memory.printed("e-2").unwrap();
        assert_eq!(Memory::open(&path).unwrap().unwrap().last_event_id(), "e-2");
        memory.forget().unwrap();
        assert!(!path.exists());
    }
}
