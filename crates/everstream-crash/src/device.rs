//! A directory on a device that can fail, fill up and lose power.
//!
//! The files are real ones, so that readers need no help; beside them the device keeps what the kernel would have
//! written to the disk by now. [`crate::interpose`] asks it before each change.

mod content;
mod file;
mod handle;
mod power_cut;
mod step;
mod tree;

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use fastrand::Rng;

pub use power_cut::Survival;
pub use step::{Fault, Kind, Step};

use crate::interpose;
use crate::thread::Role;
use handle::Handle;
use tree::Tree;

/// What is left after a crash, to be put under the next engine.
#[derive(Debug, Clone)]
pub struct Image(Tree);

impl Image {
    /// Makes its files in an empty directory.
    ///
    /// # Errors
    /// When that fails.
    pub fn save(&self, place: &Path) -> io::Result<()> {
        self.0.clone().save(place)
    }
}

/// How a run on the device ends early.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Crash {
    /// The process is gone; what it handed to the kernel stays.
    Process,
    /// The power is gone; what was not synced is subject to the [`Survival`].
    Power(Survival),
}

/// A journal is rolled once the writer's position seems to be beyond this: the store's own, fixed bound.
const ROLL_POSITION: u64 = 64_000_000;

/// A device with a directory on it. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Device(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    root: PathBuf,
    state: Mutex<State>,
    allowed: Condvar,
}

#[derive(Debug)]
struct State {
    label: String,
    tree: Tree,
    handles: HashMap<i32, Handle>,
    rng: Rng,
    steps: Vec<Step>,
    crash: Option<(u64, Crash)>,
    faults: Vec<(u64, Option<Role>, Fault)>,
    fired: Vec<(u64, Fault)>,
    is_full: bool,
    syncs: Syncs,
    image: Option<Image>,
    roll_bytes: Option<u64>,
    /// How many steps each role may still make.
    allowances: [u64; Role::COUNT],
    waiting: [usize; Role::COUNT],
}

/// Whether the device does what a sync asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Syncs {
    /// It does.
    #[default]
    Honest,
    /// It says that it did, and does not: what no engine can live with, to show that a checker notices.
    Lying,
}

impl Device {
    /// A device with the empty directory `root`, or with what a crash left; every draw follows from `seed`.
    ///
    /// # Errors
    /// When the files of the image cannot be made.
    pub fn start(root: &Path, image: Option<&Image>, seed: u64) -> io::Result<Self> {
        let root = std::fs::canonicalize(root)?;
        let mut tree = image.map_or_else(Tree::new, |image| image.0.clone());
        tree.save(&root)?;
        let state = State {
            label: String::new(),
            tree,
            handles: HashMap::new(),
            rng: Rng::with_seed(seed),
            steps: Vec::new(),
            crash: None,
            faults: Vec::new(),
            fired: Vec::new(),
            is_full: false,
            syncs: Syncs::Honest,
            image: None,
            roll_bytes: None,
            allowances: [u64::MAX; Role::COUNT],
            waiting: [0; Role::COUNT],
        };
        let device = Self(Arc::new(Inner { root, state: Mutex::new(state), allowed: Condvar::new() }));
        interpose::register(&device);
        Ok(device)
    }

    /// Where its directory is.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.0.root
    }

    /// Says in words which run it belongs to.
    pub fn set_label(&self, label: String) {
        self.state().label = label;
    }

    pub(crate) fn label(&self) -> String {
        self.state().label.clone()
    }

    /// Whether both are the same device.
    pub(crate) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// The steps made so far.
    #[must_use]
    pub fn step_count(&self) -> u64 {
        self.state().steps.len() as u64
    }

    /// What was done so far, one step a line.
    #[must_use]
    pub fn steps(&self) -> Vec<Step> {
        self.state().steps.clone()
    }

    /// The last `count` of them, for people.
    pub(crate) fn tail_of_steps(&self, count: usize) -> String {
        let steps = self.steps();
        let tail = steps.iter().skip(steps.len().saturating_sub(count));
        tail.map(|step| format!("  {step}\n")).collect()
    }

    /// Crashes in the step after `after` more of them; the step itself is done in part or not at all.
    pub fn crash_after(&self, after: u64, crash: Crash) {
        let mut state = self.state();
        let step = state.steps.len() as u64 + after;
        state.crash = Some((step, crash));
    }

    /// Fails the first step after `after` more of them to which `fault` can happen.
    pub fn fail_after(&self, after: u64, fault: Fault) {
        let mut state = self.state();
        let step = state.steps.len() as u64 + after;
        state.faults.push((step, None, fault));
    }

    /// Fails the next step of a role to which `fault` can happen.
    pub fn fail_next_of(&self, role: Role, fault: Fault) {
        self.state().faults.push((0, Some(role), fault));
    }

    /// Takes back faults that have not come yet, and frees space.
    pub fn heal(&self) {
        let mut state = self.state();
        state.faults.clear();
        state.crash = None;
        state.is_full = false;
    }

    /// The faults that came, with their steps.
    #[must_use]
    pub fn faults(&self) -> Vec<(u64, Fault)> {
        self.state().fired.clone()
    }

    /// Has journals rolled at `bytes` instead of the store's 64 MB, by a lie about the writer's position.
    pub fn roll_journals_at(&self, bytes: u64) {
        self.state().roll_bytes = Some(bytes);
    }

    /// Whether syncs do what they say.
    pub fn set_syncs(&self, syncs: Syncs) {
        self.state().syncs = syncs;
    }

    /// Whether it has crashed: nothing changes on it any more.
    #[must_use]
    pub fn is_crashed(&self) -> bool {
        self.state().image.is_some()
    }

    /// Crashes now, unless it has, and says what is left.
    #[must_use]
    pub fn crash(&self, crash: Crash) -> Image {
        let mut state = self.state();
        if state.image.is_none() {
            state.take_image(crash);
        }
        state.image.clone().unwrap_or_else(|| Image(Tree::new()))
    }

    /// Where the files differ from what the device knows of them: a change that passed it by. Empty unless the simulation
    /// itself is broken.
    ///
    /// # Errors
    /// When the files cannot be read.
    pub fn differences(&self) -> io::Result<Vec<String>> {
        // Not under the lock: reading passes through here too.
        let tree = self.state().tree.clone();
        tree.differences(self.root())
    }

    /// What the crash left, if there was one.
    #[must_use]
    pub fn image(&self) -> Option<Image> {
        self.state().image.clone()
    }

    /// Lets threads of `role` make so many steps from now on; one more waits.
    pub fn allow(&self, role: Role, steps: u64) {
        self.state().allowances[role.index()] = steps;
        self.0.allowed.notify_all();
    }

    /// Whether a thread of `role` waits for its next step.
    #[must_use]
    pub fn is_waiting(&self, role: Role) -> bool {
        let state = self.state();
        state.waiting[role.index()] > 0 && state.allowances[role.index()] == 0
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The state, once this thread may make a step.
    fn turn(&self) -> MutexGuard<'_, State> {
        let role = Role::of_this_thread().index();
        let mut state = self.state();
        while state.allowances[role] == 0 && state.image.is_none() {
            state.waiting[role] += 1;
            state = self.0.allowed.wait(state).unwrap_or_else(PoisonError::into_inner);
            state.waiting[role] -= 1;
        }
        if state.allowances[role] != u64::MAX {
            state.allowances[role] = state.allowances[role].saturating_sub(1);
        }
        state
    }

    /// The part of `path` below the root.
    fn relative<'a>(&self, path: &'a Path) -> Option<&'a Path> {
        path.strip_prefix(&self.0.root).ok()
    }
}

impl State {
    fn take_image(&mut self, crash: Crash) {
        let tree = match crash {
            Crash::Process => self.tree.clone(),
            Crash::Power(survival) => self.tree.cut(survival, &mut self.rng),
        };
        self.image = Some(Image(tree));
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        // Its descriptors are closed with the engine; nothing refers to it any more.
        self.state.get_mut().unwrap_or_else(PoisonError::into_inner).handles.clear();
    }
}
