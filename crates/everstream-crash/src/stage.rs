//! A device with an engine on it, driven step by step.

use std::io;

use everstream_log::{Durability, Error, Log};
use everstream_log_disk::Recovery;
use tempfile::TempDir;

use crate::device::{Device, Image};
use crate::driver::{Call, Driver, Pace, all};
use crate::interpose;
use crate::operation::Operation;
use crate::state::LogState;
use crate::subject::{Opened, Subject};

/// Where an engine lives; to be ended with [`Stage::end`].
#[derive(Debug)]
pub struct Stage {
    place: TempDir,
    device: Device,
    driver: Driver,
    opened: Option<Opened>,
}

/// How the engine is opened.
#[derive(Debug, Clone, Copy)]
pub struct Opening {
    /// What is opened.
    pub subject: Subject,
    /// What its acknowledgements mean.
    pub durability: Durability,
    /// How much it holds in memory before it writes a table; the smaller, the more of them there are.
    pub memtable_bytes_max: u64,
    /// How much it holds in memory before it folds it.
    pub pending_bytes_max: usize,
}

impl Stage {
    /// An empty device, or what a crash left.
    ///
    /// # Errors
    /// When the files cannot be made.
    pub fn new(image: Option<&Image>, seed: u64) -> io::Result<Self> {
        let place = tempfile::tempdir()?;
        let device = Device::start(place.path(), image, seed)?;
        Ok(Self { place, device, driver: Driver::new(), opened: None })
    }

    /// The device.
    #[must_use]
    pub fn device(&self) -> &Device {
        &self.device
    }

    /// Opens the engine. Says what that had to repair.
    ///
    /// # Errors
    /// What the engine says.
    pub fn open(&mut self, opening: &Opening) -> Result<Recovery, Error> {
        let root = self.device.root().to_owned();
        let opened = self.driver.run(&self.device, || opening.subject.open(&root, opening))?;
        let recovery = opened.recovery.clone();
        self.opened = Some(opened);
        Ok(recovery)
    }

    /// Asks for an operation and gives the background its share.
    ///
    /// # Errors
    /// What the engine says.
    pub fn apply(&mut self, operation: &Operation, pace: Pace) -> Result<(), Error> {
        let answers = self.apply_all(std::slice::from_ref(operation));
        self.settle(pace);
        answers.into_iter().collect()
    }

    /// Asks for all at once, in this order.
    pub fn apply_all(&mut self, operations: &[Operation]) -> Vec<Result<(), Error>> {
        self.wait(|log| {
            let calls = operations.iter().map(|operation| -> Call<'_, _> { Box::pin(operation.apply(log)) });
            all(calls.collect())
        })
    }

    /// Reads everything.
    ///
    /// # Errors
    /// What the engine says.
    pub fn state(&mut self) -> Result<LogState, Error> {
        self.wait(|log| Box::pin(LogState::of(log)))
    }

    /// Closes the engine in good order.
    ///
    /// # Errors
    /// What the engine says.
    pub fn close(&mut self) -> Result<(), Error> {
        self.wait(|log| log.close())
    }

    fn wait<'a, T: Send>(&'a mut self, ask: impl FnOnce(&'a dyn Log) -> Call<'a, T>) -> T {
        let Self { driver, device, opened, .. } = self;
        match opened {
            Some(opened) => driver.wait(device, ask(&*opened.log)),
            None => panic!("the engine is not open"),
        }
    }

    /// Gives the background its share and waits until the engine is at rest.
    pub fn settle(&mut self, pace: Pace) {
        self.driver.settle(&self.device, pace);
    }

    /// Ends the engine's threads and the device.
    pub fn end(mut self) {
        self.end_engine();
        interpose::unregister(&self.device);
        drop(self.place);
    }

    fn end_engine(&mut self) {
        let opened = self.opened.take();
        self.driver.run(&self.device, move || drop(opened));
    }
}
