//! A crash at every single step of what must not go wrong: a roll of the journal, an append, a delete.

use everstream_crash::{Crash, History, Image, Kind, Opening, Operation, Pace, Stage, Step, Survival};
use everstream_log::Durability;

use crate::case::{POWER_CUT, after, append, check, create, delete, opening, produce, roomy};

/// What is done, on what, and how it ends.
struct Scenario<'a> {
    opening: Opening,
    before: &'a [Operation],
    during: &'a [Operation],
    pace: Pace,
    crashes: &'a [Crash],
    /// How many times a step that can be done in part is drawn.
    draws: u64,
}

impl Scenario<'_> {
    /// Crashes at every step in turn. Returns the steps of the run that was let through.
    fn crash_everywhere(&self) -> Vec<Step> {
        let (image, _) = after(&self.opening, self.before);
        for crash in self.crashes {
            let mut points = 0;
            while self.crash_at(&image, points, *crash) {
                points += 1;
            }
            println!("{crash:?}: {points} crash points, {} draws each", self.draws);
            assert!(points > 0);
        }
        let mut stage = self.stage(&image, 0);
        let begun = stage.device().step_count() as usize;
        for operation in self.during {
            stage.apply(operation, self.pace).unwrap();
        }
        stage.settle(Pace::Whole);
        let steps = stage.device().steps().split_off(begun);
        stage.end();
        steps
    }

    fn stage(&self, image: &Image, seed: u64) -> Stage {
        let mut stage = Stage::new(Some(image), seed).unwrap();
        stage.device().roll_journals_at(1);
        stage.open(&self.opening).unwrap();
        stage.settle(Pace::Whole);
        stage
    }

    /// Says whether there was such a step.
    fn crash_at(&self, image: &Image, point: u64, crash: Crash) -> bool {
        (0..self.draws).all(|seed| {
            let mut history = History::new(self.opening.durability);
            self.before.iter().for_each(|operation| history.acknowledged(operation.clone()));
            let mut stage = self.stage(image, seed);
            stage.device().crash_after(point, crash);
            for operation in self.during {
                match stage.apply(operation, self.pace) {
                    Ok(()) => history.acknowledged(operation.clone()),
                    Err(_) => history.unanswered(operation.clone()),
                }
                if stage.device().is_crashed() {
                    break;
                }
            }
            stage.settle(Pace::Whole);
            let left = stage.device().image();
            stage.end();
            let said = format!("{crash:?} at step {point}, seed {seed}");
            left.is_some_and(|left| {
                check(&self.opening, &left, &mut history, crash, &said);
                true
            })
        })
    }
}

fn count(steps: &[Step], kind: Kind, ending: &str) -> usize {
    steps.iter().filter(|step| step.kind == kind && step.path.ends_with(ending)).count()
}

/// Of the store, whose journal takes the folds of streams with producers.
fn check_roll(crash: Crash) {
    let appends: Vec<Operation> = (0..2).map(|number| produce(0, number, 3_000)).collect();
    let steps = Scenario {
        opening: opening(Durability::Fsync),
        before: &[create(0, "aaaa"), append(0, "before", 10)],
        during: &appends,
        // The table of what was before the roll is not there yet when the next appends are acknowledged.
        pace: Pace::Steps(9),
        crashes: &[crash],
        draws: 1,
    }
    .crash_everywhere();
    assert!(count(&steps, Kind::Create, ".jnl") > 0, "no journal was rolled");
    assert!(steps.iter().any(|step| step.kind == Kind::Create && step.path.contains("/tables/")), "no table");
}

#[test]
fn what_is_acknowledged_around_a_roll_of_the_journal_survives_a_power_cut_at_every_step() {
    check_roll(POWER_CUT);
}

/// A process that is killed leaves names that nobody synced; the next one builds on them.
#[test]
fn what_is_acknowledged_around_a_roll_of_the_journal_survives_the_end_of_the_process_at_every_step() {
    check_roll(Crash::Process);
}

#[test]
fn a_torn_append_is_never_seen_and_nothing_is_lost_behind_it() {
    for (durability, crash) in [(Durability::Os, Crash::Process), (Durability::Fsync, Crash::Power(Survival::Some))] {
        let steps = Scenario {
            opening: roomy(durability),
            before: &[create(0, "aaaa"), append(0, "before", 10)],
            // Over some pages, so that any of them can be missing.
            during: &[append(0, "torn", 20_000)],
            pace: Pace::Whole,
            crashes: &[crash],
            draws: 4,
        }
        .crash_everywhere();
        assert!(count(&steps, Kind::Write, ".journal") > 0);
    }
}

#[test]
fn a_deleted_stream_does_not_come_back_wherever_its_reclaiming_is_cut_off() {
    let steps = Scenario {
        opening: opening(Durability::Fsync),
        // The records are in a table, so that their end has to outlive them there.
        before: &[create(0, "aaaa"), append(0, "to be deleted", 5_000)],
        during: &[delete(0), create(0, "bbbb"), append(0, "another life", 5_000)],
        pace: Pace::Whole,
        crashes: &[POWER_CUT],
        draws: 1,
    }
    .crash_everywhere();
    assert!(steps.iter().any(|step| step.path.contains("/tables/")), "the end of the records is in no table");
}

/// Crashes at every step of a fold of two streams, one of which may be folded and the other not; what comes behind goes to
/// the next journal.
fn crash_folds(opening: Opening, crashes: &[Crash]) -> Vec<Step> {
    let steps = Scenario {
        opening,
        before: &[create(0, "aaaa"), create(1, "bbbb")],
        during: &[append(0, "one", 1_000), append(1, "two", 1_500), append(0, "three", 10)],
        pace: Pace::Whole,
        crashes,
        draws: 1,
    }
    .crash_everywhere();
    assert!(count(&steps, Kind::Remove, ".journal") > 0, "no fold came to its end");
    steps
}

fn has_table(steps: &[Step]) -> bool {
    steps.iter().any(|step| step.kind == Kind::Create && step.path.contains("/tables/"))
}

/// With room in the store's memory for what is folded.
fn check_folds(durability: Durability, crashes: &[Crash]) {
    let steps = crash_folds(Opening { pending_bytes_max: 2_048, ..roomy(durability) }, crashes);
    assert!(count(&steps, Kind::Create, ".journal") > 0 && count(&steps, Kind::Write, ".jnl") > 0);
}

#[test]
fn a_fold_cut_off_at_any_step_loses_and_repeats_nothing() {
    check_folds(Durability::Os, &[Crash::Process, Crash::Power(Survival::Some)]);
}

/// With a table for what is folded.
fn check_folds_into_tables(durability: Durability, crashes: &[Crash]) {
    let steps = crash_folds(opening(durability), crashes);
    assert!(has_table(&steps), "no table");
    assert_eq!(count(&steps, Kind::Write, ".jnl"), 0, "the fold went to the store's journal");
}

#[test]
fn a_fold_into_a_table_cut_off_at_any_step_loses_and_repeats_nothing() {
    check_folds_into_tables(Durability::Os, &[Crash::Process, Crash::Power(Survival::Some)]);
}

#[test]
fn a_synced_fold_into_a_table_cut_off_at_any_step_loses_and_repeats_nothing() {
    check_folds_into_tables(Durability::Fsync, &[POWER_CUT, Crash::Power(Survival::Some)]);
}

/// The table reaches the device before the store's journal would by itself.
fn check_comes_with_a_table(durability: Durability) {
    let steps = Scenario {
        opening: opening(durability),
        before: &[create(0, "aaaa")],
        during: &[create(1, "bbbb"), produce(0, 0, 100), append(1, "two", 3_000)],
        pace: Pace::Whole,
        crashes: &[POWER_CUT],
        draws: 1,
    }
    .crash_everywhere();
    assert!(has_table(&steps), "no table");
}

#[test]
fn a_table_brings_no_records_without_the_stream_and_the_producer_they_came_with() {
    check_comes_with_a_table(Durability::Os);
}

#[test]
fn a_synced_table_brings_no_records_without_the_stream_and_the_producer_they_came_with() {
    check_comes_with_a_table(Durability::Fsync);
}

#[test]
fn a_synced_fold_cut_off_at_any_step_loses_and_repeats_nothing() {
    check_folds(Durability::Fsync, &[POWER_CUT, Crash::Power(Survival::Some)]);
}
