//! Crash simulation of the disk engine: what an acknowledgement promises is held against crashes at every step.
//!
//! A run is drawn from a seed. A load asks the engine, a [`Device`] stands between the engine and its files, and at a
//! drawn step the process ends or the power goes; or a write or sync fails, or the disk is full. The engine is opened on
//! what is left, and a [`History`] says whether that is what it may be. Then the load goes on, until the next crash.
//!
//! ```text
//! Simulation ──> Driver ──> engine ──> fjall ──> std::fs ──> interpose ──> Device ──> real files
//!      │            └── waits until all threads of the engine are at rest         └── what the disk has by now
//!      └──────────> History: what must be there, against what is
//! ```
//!
//! For tests only, and on Linux only. How it works and what it found: `docs/crash-simulation.md`; why libc's symbols are
//! taken over: `docs/adr/0010-crash-simulation.md`.
#![cfg(target_os = "linux")]
#![warn(missing_docs)]
#![expect(clippy::indexing_slicing, reason = "only tests are built on this crate, which fail by panicking")]

mod device;
mod driver;
mod history;
mod interpose;
mod operation;
mod rest;
mod simulation;
mod stage;
mod state;
mod subject;
mod tally;
mod thread;

pub use device::{Crash, Device, Fault, Image, Kind, Step, Survival, Syncs};
pub use driver::Pace;
pub use history::{History, Loss, Violation};
pub use operation::{Appended, Generator, Operation};
pub use simulation::{Failure, simulate};
pub use stage::{Opening, Stage};
pub use state::LogState;
pub use subject::Subject;
pub use tally::Tally;
pub use thread::Role;
