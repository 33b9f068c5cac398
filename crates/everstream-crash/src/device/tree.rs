//! The files and directories below a root, each as the cache and as the disk have it.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{OsStr, OsString};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use fastrand::Rng;

use super::file::FileNode;
use super::power_cut::Survival;

/// The number of a file or directory; never used twice.
pub(super) type NodeId = usize;

pub(super) const ROOT: NodeId = 0;

/// Names that change together: a rename takes one away and sets another.
type EntryChange = Vec<(OsString, Option<NodeId>)>;

#[derive(Debug, Clone)]
pub(super) enum Node {
    File(FileNode),
    Directory(DirectoryNode),
}

/// A directory. Its entries change in order, and a power cut keeps the first so many changes since its last sync: what
/// ext4 and xfs promise within one directory. Nothing is promised across directories, nor that a file's own sync keeps
/// its name; both do more.
#[derive(Debug, Clone, Default)]
pub(super) struct DirectoryNode {
    pub(super) cache: BTreeMap<OsString, NodeId>,
    durable: BTreeMap<OsString, NodeId>,
    pending: Vec<EntryChange>,
}

impl DirectoryNode {
    fn change(&mut self, change: EntryChange) {
        apply(&mut self.cache, &change);
        self.pending.push(change);
    }

    pub(super) fn sync(&mut self) {
        self.durable = self.cache.clone();
        self.pending.clear();
    }

    /// A sync that fails: some of it may have been done, the rest is still to do.
    pub(super) fn fail_sync(&mut self, rng: &mut Rng) {
        for change in self.pending.drain(..rng.usize(0..=self.pending.len())) {
            apply(&mut self.durable, &change);
        }
    }

    fn cut(&self, survival: Survival, rng: &mut Rng) -> Self {
        let mut entries = self.durable.clone();
        for change in &self.pending[..survival.draw(self.pending.len(), rng)] {
            apply(&mut entries, change);
        }
        Self { cache: entries.clone(), durable: entries, pending: Vec::new() }
    }
}

fn apply(entries: &mut BTreeMap<OsString, NodeId>, change: &EntryChange) {
    for (name, node) in change {
        match node {
            Some(node) => entries.insert(name.clone(), *node),
            None => entries.remove(name),
        };
    }
}

/// All files and directories, and which inodes of the real file system stand for them.
#[derive(Debug, Clone)]
pub(super) struct Tree {
    nodes: BTreeMap<NodeId, Node>,
    inodes: BTreeMap<u64, NodeId>,
    next: NodeId,
}

impl Tree {
    pub(super) fn new() -> Self {
        let nodes = BTreeMap::from([(ROOT, Node::Directory(DirectoryNode::default()))]);
        Self { nodes, inodes: BTreeMap::new(), next: ROOT + 1 }
    }

    pub(super) fn file(&mut self, node: NodeId) -> Option<&mut FileNode> {
        match self.nodes.get_mut(&node) {
            Some(Node::File(file)) => Some(file),
            _ => None,
        }
    }

    pub(super) fn directory(&mut self, node: NodeId) -> Option<&mut DirectoryNode> {
        match self.nodes.get_mut(&node) {
            Some(Node::Directory(directory)) => Some(directory),
            _ => None,
        }
    }

    /// The node at a path relative to the root, as readers see it.
    pub(super) fn find(&self, path: &Path) -> Option<NodeId> {
        path.iter().try_fold(ROOT, |node, name| match self.nodes.get(&node) {
            Some(Node::Directory(directory)) => directory.cache.get(name).copied(),
            _ => None,
        })
    }

    /// Enters a new node in a directory.
    pub(super) fn add(&mut self, directory: NodeId, name: &OsStr, node: Node, inode: u64) -> NodeId {
        let id = self.next;
        self.next += 1;
        self.nodes.insert(id, node);
        self.inodes.insert(inode, id);
        self.change(directory, vec![(name.to_owned(), Some(id))]);
        id
    }

    pub(super) fn remove(&mut self, directory: NodeId, name: &OsStr) {
        let gone = self.directory(directory).and_then(|directory| directory.cache.get(name).copied());
        self.inodes.retain(|_, node| Some(*node) != gone);
        self.change(directory, vec![(name.to_owned(), None)]);
    }

    /// Renames within a directory, in one step.
    pub(super) fn rename(&mut self, directory: NodeId, from: &OsStr, to: &OsStr) {
        let Some(entries) = self.directory(directory).map(|directory| &directory.cache) else { return };
        let (node, replaced) = (entries.get(from).copied(), entries.get(to).copied());
        self.inodes.retain(|_, node| Some(*node) != replaced);
        self.change(directory, vec![(from.to_owned(), None), (to.to_owned(), node)]);
    }

    fn change(&mut self, directory: NodeId, change: EntryChange) {
        if let Some(directory) = self.directory(directory) {
            directory.change(change);
        }
    }

    /// Notes a rename that passed unseen, by a raw system call: the name `name` now stands for another file of the same
    /// directory.
    pub(super) fn note_unseen_rename(&mut self, directory: NodeId, name: &OsStr, inode: u64) {
        let Some(&moved) = self.inodes.get(&inode) else { return };
        let Some(entries) = self.directory(directory).map(|directory| &directory.cache) else { return };
        if entries.get(name) == Some(&moved) {
            return;
        }
        let from = entries.iter().find(|(_, node)| **node == moved).map(|(name, _)| name.clone());
        if let Some(from) = from {
            self.rename(directory, &from, name);
        }
    }

    /// What a power cut leaves.
    pub(super) fn cut(&self, survival: Survival, rng: &mut Rng) -> Self {
        let nodes = self.nodes.iter().map(|(&id, node)| {
            let node = match node {
                Node::File(file) => Node::File(file.cut(survival, rng)),
                Node::Directory(directory) => Node::Directory(directory.cut(survival, rng)),
            };
            (id, node)
        });
        let mut tree = Self { nodes: nodes.collect(), inodes: BTreeMap::new(), next: self.next };
        tree.forget_unreachable();
        tree
    }

    fn forget_unreachable(&mut self) {
        let mut reachable = BTreeSet::from([ROOT]);
        let mut open = vec![ROOT];
        while let Some(node) = open.pop() {
            let Some(directory) = self.directory(node) else { continue };
            open.extend(directory.cache.values().filter(|child| reachable.insert(**child)));
        }
        self.nodes.retain(|node, _| reachable.contains(node));
    }

    /// Makes real files below `place`, and takes note of their inodes.
    pub(super) fn save(&mut self, place: &Path) -> io::Result<()> {
        self.inodes.clear();
        let mut open = vec![(ROOT, place.to_owned())];
        while let Some((node, path)) = open.pop() {
            let inode = match self.nodes.get(&node) {
                Some(Node::File(file)) => file.cache.save(&path)?.metadata()?.ino(),
                Some(Node::Directory(directory)) => {
                    if node != ROOT {
                        std::fs::create_dir(&path)?;
                    }
                    open.extend(directory.cache.iter().map(|(name, node)| (*node, path.join(name))));
                    std::fs::metadata(&path)?.ino()
                }
                None => continue,
            };
            self.inodes.insert(inode, node);
        }
        Ok(())
    }

    /// Where the cache differs from the real files below `place`: nowhere, or a change passed unseen.
    pub(super) fn differences(&self, place: &Path) -> io::Result<Vec<String>> {
        let mut found = Vec::new();
        let mut open = vec![(ROOT, place.to_owned())];
        while let Some((node, path)) = open.pop() {
            match self.nodes.get(&node) {
                Some(Node::File(file)) => {
                    if !file.cache.is_in(&path)? {
                        found.push(format!("{} has other bytes", path.display()));
                    }
                }
                Some(Node::Directory(directory)) => {
                    let mut names = BTreeSet::new();
                    for entry in std::fs::read_dir(&path)? {
                        names.insert(entry?.file_name());
                    }
                    if !names.iter().eq(directory.cache.keys()) {
                        found.push(format!("{} has {names:?} and not {:?}", path.display(), directory.cache.keys()));
                    } else {
                        open.extend(directory.cache.iter().map(|(name, node)| (*node, path.join(name))));
                    }
                }
                None => found.push(format!("{} is unknown", path.display())),
            }
        }
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_survive_in_order_and_for_sure_once_synced() {
        let mut tree = Tree::new();
        for (inode, name) in (1..).zip(["a", "b", "c"]) {
            tree.add(ROOT, name.as_ref(), Node::File(FileNode::default()), inode);
            if name == "a" {
                tree.directory(ROOT).unwrap().sync();
            }
        }
        tree.rename(ROOT, "c".as_ref(), "b".as_ref());
        let mut seen = BTreeSet::new();
        for seed in 0..100 {
            let cut = tree.cut(Survival::Some, &mut Rng::with_seed(seed));
            seen.insert(["a", "b", "c"].map(|name| cut.find(name.as_ref())));
        }
        let states =
            [[Some(1), None, None], [Some(1), Some(2), None], [Some(1), Some(2), Some(3)], [Some(1), Some(3), None]];
        assert_eq!(seen, BTreeSet::from(states));
    }

    #[test]
    fn an_unseen_rename_is_noted_by_its_inode() {
        let mut tree = Tree::new();
        tree.add(ROOT, "current".as_ref(), Node::File(FileNode::default()), 10);
        let new = tree.add(ROOT, ".tmp".as_ref(), Node::File(FileNode::default()), 11);
        tree.note_unseen_rename(ROOT, "current".as_ref(), 10);
        tree.note_unseen_rename(ROOT, "current".as_ref(), 11);
        assert_eq!((tree.find("current".as_ref()), tree.find(".tmp".as_ref())), (Some(new), None));
    }
}
