//! One run: an engine lives, crashes, is opened again on what is left, and so on; after each opening it is judged.

mod life;

use std::collections::VecDeque;
use std::fmt;

use everstream_log::Durability;
use fastrand::Rng;

use crate::device::{Crash, Image, Step, Survival};
use crate::history::{History, Loss, Violation};
use crate::operation::{Generator, Operation};
use crate::subject::Subject;
use crate::tally::Tally;

pub(crate) use life::Life;

/// A run that showed what must not be.
#[derive(Debug)]
pub struct Failure {
    /// The seed that shows it again.
    pub seed: u64,
    /// What the acknowledgements meant.
    pub durability: Durability,
    /// In which life, from 0.
    pub life: usize,
    /// What it was.
    pub violation: Violation,
    /// The last steps on the device.
    pub steps: Vec<Step>,
    /// What befell the lives.
    pub events: Vec<String>,
    /// The last operations.
    pub operations: Vec<String>,
    /// What this life began with.
    pub before: Option<Image>,
}

/// A run under way.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) seed: u64,
    pub(crate) subject: Subject,
    pub(crate) durability: Durability,
    pub(crate) rng: Rng,
    pub(crate) load: Generator,
    pub(crate) history: History,
    pub(crate) tally: Tally,
    /// What the next life begins with.
    pub(crate) image: Option<Image>,
    /// What took the engine away since it was last judged.
    pub(crate) loss: Loss,
    pub(crate) asked: Vec<String>,
    pub(crate) events: Vec<String>,
    pub(crate) ended_by: Option<Crash>,
    /// The last operations of producers, which they will try again.
    pub(crate) retries: VecDeque<Operation>,
}

/// Runs one seed on `subject`.
///
/// # Errors
/// What was found that must not be.
pub fn simulate(seed: u64, subject: Subject) -> Result<Tally, Box<Failure>> {
    let mut rng = Rng::with_seed(seed);
    let drawn = match rng.u8(0..10) {
        0 => Durability::Memory,
        1..5 => Durability::Os,
        _ => Durability::Fsync,
    };
    let durability = subject.promised.unwrap_or(drawn);
    let load = Generator::new(rng.u64(..));
    let mut run = Run {
        seed,
        subject,
        durability,
        rng,
        load,
        history: History::new(durability),
        tally: Tally { seeds: 1, ..Tally::default() },
        image: None,
        loss: Loss::Process,
        asked: Vec::new(),
        events: Vec::new(),
        ended_by: None,
        retries: VecDeque::new(),
    };
    let lives = run.rng.usize(2..=5);
    for number in 0..=lives {
        let is_last = number == lives;
        let before = run.image.clone();
        let mut life = Life::begin(&mut run, is_last);
        let lived = life.live();
        let steps = life.end();
        run.tally.note_steps(&steps);
        if let Err(violation) = lived {
            let tail = steps.len().saturating_sub(40);
            return Err(Box::new(Failure {
                seed,
                durability,
                life: number,
                violation,
                steps: steps[tail..].to_vec(),
                events: run.events,
                operations: run.asked.split_off(run.asked.len().saturating_sub(20)),
                before,
            }));
        }
    }
    Ok(run.tally)
}

pub(crate) fn any_crash(rng: &mut Rng) -> Crash {
    if rng.bool() { Crash::Process } else { Crash::Power(Survival::any(rng)) }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "seed {}, durability {:?}, life {}: {}", self.seed, self.durability, self.life, self.violation.0)?;
        writeln!(f, "faults and crashes, life by life:")?;
        self.events.iter().try_for_each(|event| writeln!(f, "  {event}"))?;
        writeln!(f, "asked last:")?;
        self.operations.iter().try_for_each(|operation| writeln!(f, "  {operation}"))?;
        writeln!(f, "the last steps of this life:")?;
        self.steps.iter().try_for_each(|step| writeln!(f, "  {step}"))?;
        write!(f, "once more: make crash-sim SEED={}", self.seed)
    }
}
