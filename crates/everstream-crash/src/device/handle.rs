//! What each interposed call does to the device: judge the step, do it for real, note it.
//!
//! Every function takes the real call as a closure and returns what the caller gets, or the `errno` it gets instead.

use std::ffi::{OsStr, OsString};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use super::file::FileNode;
use super::step::{Kind, Verdict};
use super::tree::{DirectoryNode, Node, NodeId};
use super::{Crash, Device, ROLL_POSITION, State};

/// What the caller gets, or the error it gets instead.
pub(crate) type Answer = Result<isize, i32>;

/// An open file or directory of the device.
#[derive(Debug, Clone)]
pub(super) struct Handle {
    node: NodeId,
    path: String,
    is_append: bool,
    /// Whether it writes a journal, which the store rolls by the position of this descriptor.
    is_journal_writer: bool,
}

/// Where a call by path leads.
struct Place {
    directory: NodeId,
    name: OsString,
    path: String,
}

impl Device {
    /// `open`: a new descriptor, or an error. `real` opens.
    pub(crate) fn open(&self, path: &Path, flags: i32, real: impl FnOnce() -> i32) -> Option<Answer> {
        let relative = self.relative(path)?;
        let is_new = flags & libc::O_CREAT != 0 && std::fs::symlink_metadata(path).is_err();
        let is_cut = flags & libc::O_TRUNC != 0 && !is_new;
        let mut state = if is_new || is_cut { self.turn() } else { self.state() };
        let shown = shown(relative);
        if is_new || is_cut {
            let kind = if is_new { Kind::Create } else { Kind::Resize };
            match state.judge(kind, &shown, 0) {
                Verdict::Crashed(_) => {
                    state.end();
                    return Some(Err(libc::EIO));
                }
                Verdict::Failed(errno) => return Some(Err(errno)),
                Verdict::Done | Verdict::Short(_) => {}
            }
        }
        let descriptor = real();
        if descriptor < 0 {
            return Some(Ok(descriptor as isize));
        }
        let node = self.opened(&mut state, path, relative, is_new);
        if let Some(node) = node {
            if is_cut && let Some(file) = state.tree.file(node) {
                file.resize(0);
            }
            let is_journal = relative.extension() == Some(OsStr::new("jnl"));
            let is_append = flags & libc::O_APPEND != 0;
            let is_journal_writer = is_journal && (is_append || flags & libc::O_EXCL != 0);
            state.handles.insert(descriptor, Handle { node, path: shown, is_append, is_journal_writer });
        }
        Some(Ok(descriptor as isize))
    }

    fn opened(&self, state: &mut State, path: &Path, relative: &Path, is_new: bool) -> Option<NodeId> {
        let metadata = std::fs::symlink_metadata(path).ok()?;
        if let Some(place) = state.place(relative) {
            if is_new {
                let node = Node::File(FileNode::default());
                return Some(state.tree.add(place.directory, &place.name, node, metadata.ino()));
            }
            state.tree.note_unseen_rename(place.directory, &place.name, metadata.ino());
        }
        state.tree.find(relative)
    }

    pub(crate) fn closed(&self, descriptor: i32) {
        self.state().handles.remove(&descriptor);
    }

    /// `write` and its kin. `real` writes so many bytes at the given place, or at the descriptor's when there is none.
    pub(crate) fn write(
        &self,
        descriptor: i32,
        bytes: &[u8],
        at: Option<u64>,
        position: impl FnOnce() -> u64,
        real: impl FnOnce(usize) -> isize,
    ) -> Option<Answer> {
        let mut state = self.turn();
        let handle = state.handles.get(&descriptor)?.clone();
        let verdict = state.judge(Kind::Write, &handle.path, bytes.len() as u64);
        let len = match verdict {
            Verdict::Done => bytes.len(),
            Verdict::Short(part) | Verdict::Crashed(part) => part.min(bytes.len()),
            Verdict::Failed(errno) => return Some(Err(errno)),
        };
        let mut written = 0;
        if len > 0 || bytes.is_empty() {
            let end = state.tree.file(handle.node).map_or(0, |file| file.cache.len);
            let offset = if handle.is_append { end } else { at.unwrap_or_else(position) };
            written = real(len);
            let taken = bytes.get(..written.max(0) as usize).unwrap_or_default();
            if let Some(file) = state.tree.file(handle.node) {
                file.write(offset, taken);
            }
        }
        Some(match verdict {
            Verdict::Crashed(_) => {
                state.end();
                Err(libc::EIO)
            }
            _ => Ok(written),
        })
    }

    /// `ftruncate`.
    pub(crate) fn resize(&self, descriptor: i32, len: u64, real: impl FnOnce() -> isize) -> Option<Answer> {
        let mut state = self.turn();
        let handle = state.handles.get(&descriptor)?.clone();
        Some(state.attempt(Kind::Resize, &handle.path, len, |state| {
            let resized = real();
            if resized == 0
                && let Some(file) = state.tree.file(handle.node)
            {
                file.resize(len);
            }
            resized
        }))
    }

    /// `fsync` and `fdatasync`: nothing reaches a real device.
    pub(crate) fn sync(&self, descriptor: i32) -> Option<Answer> {
        let mut state = self.turn();
        let handle = state.handles.get(&descriptor)?.clone();
        let verdict = state.judge(Kind::Sync, &handle.path, 0);
        let is_honest = state.syncs == super::Syncs::Honest;
        let State { tree, .. } = &mut *state;
        match verdict {
            Verdict::Done | Verdict::Short(_) if is_honest => {
                if let Some(file) = tree.file(handle.node) {
                    file.sync();
                } else if let Some(directory) = tree.directory(handle.node) {
                    directory.sync();
                }
                Some(Ok(0))
            }
            Verdict::Done | Verdict::Short(_) => Some(Ok(0)),
            Verdict::Failed(errno) => {
                if state.image.is_none() {
                    state.fail_sync(handle.node);
                }
                Some(Err(errno))
            }
            Verdict::Crashed(_) => {
                // A sync that the crash interrupts may have written a part, as a kernel does at any time.
                state.end();
                Some(Err(libc::EIO))
            }
        }
    }

    /// `lseek` to learn the position: beyond the store's bound when the journal is to be rolled.
    pub(crate) fn position(&self, descriptor: i32, position: i64) -> i64 {
        let state = self.state();
        let is_journal = state.handles.get(&descriptor).is_some_and(|handle| handle.is_journal_writer);
        let is_due = is_journal && state.roll_bytes.is_some_and(|bytes| position >= 0 && position as u64 > bytes);
        if is_due { position + ROLL_POSITION as i64 } else { position }
    }

    /// `rename`, within one directory.
    pub(crate) fn rename(&self, from: &Path, to: &Path, real: impl FnOnce() -> isize) -> Option<Answer> {
        let (from, to) = (self.relative(from)?, self.relative(to)?);
        let mut state = self.turn();
        let (old, new) = (state.place(from)?, state.place(to)?);
        Some(state.attempt(Kind::Rename, &new.path, 0, |state| {
            let renamed = real();
            if renamed == 0 {
                state.tree.rename(old.directory, &old.name, &new.name);
            }
            renamed
        }))
    }

    /// `unlink`, `rmdir` and `unlinkat`.
    pub(crate) fn remove(&self, path: &Path, real: impl FnOnce() -> isize) -> Option<Answer> {
        let relative = self.relative(path)?;
        let mut state = self.turn();
        let place = state.place(relative)?;
        Some(state.attempt(Kind::Remove, &place.path, 0, |state| {
            let removed = real();
            if removed == 0 {
                state.tree.remove(place.directory, &place.name);
            }
            removed
        }))
    }

    /// `mkdir`.
    pub(crate) fn make_directory(&self, path: &Path, real: impl FnOnce() -> isize) -> Option<Answer> {
        let relative = self.relative(path)?;
        if std::fs::symlink_metadata(path).is_ok() {
            return None;
        }
        let mut state = self.turn();
        let place = state.place(relative)?;
        Some(state.attempt(Kind::Create, &place.path, 0, |state| {
            let made = real();
            if made == 0
                && let Ok(metadata) = std::fs::symlink_metadata(path)
            {
                let node = Node::Directory(DirectoryNode::default());
                state.tree.add(place.directory, &place.name, node, metadata.ino());
            }
            made
        }))
    }

    /// The path of an open directory, for calls relative to it.
    pub(crate) fn directory_path(&self, descriptor: i32) -> Option<std::path::PathBuf> {
        self.state().handles.get(&descriptor).map(|handle| self.root().join(&handle.path))
    }
}

impl State {
    fn attempt(&mut self, kind: Kind, path: &str, bytes: u64, real: impl FnOnce(&mut Self) -> isize) -> Answer {
        match self.judge(kind, path, bytes) {
            Verdict::Done | Verdict::Short(_) => Ok(real(self)),
            Verdict::Failed(errno) => Err(errno),
            Verdict::Crashed(_) => {
                // Done or not: a power cut draws that anyway, a killed process has made the call or has not.
                if matches!(self.crash, Some((_, Crash::Process))) && self.rng.bool() {
                    real(self);
                }
                self.end();
                Err(libc::EIO)
            }
        }
    }

    fn fail_sync(&mut self, node: NodeId) {
        let Self { tree, rng, .. } = self;
        if let Some(file) = tree.file(node) {
            file.fail_sync(rng);
        } else if let Some(directory) = tree.directory(node) {
            directory.fail_sync(rng);
        }
    }

    fn place(&self, relative: &Path) -> Option<Place> {
        let name = relative.file_name()?.to_owned();
        let directory = self.tree.find(relative.parent()?)?;
        Some(Place { directory, name, path: shown(relative) })
    }
}

/// The path as it is written in a run's log: a temporary file's random name is not.
fn shown(relative: &Path) -> String {
    let text = relative.to_string_lossy();
    match text.find(".tmp") {
        Some(at) => text[..at + ".tmp".len()].to_owned(),
        None => text.into_owned(),
    }
}
