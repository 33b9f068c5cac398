//! Which part of the engine a thread does, by the name it was given.

use std::cell::Cell;

/// Who changes files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Role {
    /// What a caller waits for: opening, committing, closing.
    Foreground,
    /// The store's worker: writes memtables to files and merges these.
    Worker,
    /// Folds pending appends into the store.
    Folder,
    /// Gives back the space of deleted streams.
    Reclaimer,
}

impl Role {
    /// How many there are.
    pub const COUNT: usize = 4;
    /// Those nobody waits for.
    pub const BACKGROUND: [Self; 3] = [Self::Worker, Self::Folder, Self::Reclaimer];

    pub(crate) const fn index(self) -> usize {
        self as usize
    }

    /// The role of this thread. The kernel cuts names to 15 bytes.
    pub(crate) fn of_this_thread() -> Self {
        thread_local! {
            static ROLE: Cell<Option<Role>> = const { Cell::new(None) };
        }
        ROLE.with(|role| match role.get() {
            Some(role) => role,
            None => {
                let current = std::fs::read_to_string("/proc/thread-self/comm").unwrap_or_default();
                let found = match current.trim_end() {
                    "fjall:worker" => Self::Worker,
                    "everstream-fold" => Self::Folder,
                    "everstream-recl" => Self::Reclaimer,
                    _ => Self::Foreground,
                };
                role.set(Some(found));
                found
            }
        })
    }
}
