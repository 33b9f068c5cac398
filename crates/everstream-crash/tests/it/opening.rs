//! A crash or a fault at every step of an opening that makes of what the store's journals hold a new journal, tables, and
//! an empty journal in the end.

use std::fs::File;
use std::io::Write;

use everstream_crash::{
    Crash, Fault, History, Image, Kind, Loss, Opening, Operation, Pace, Role, Stage, Step, Survival,
};
use everstream_log::Durability;

use crate::case::{POWER_CUT, append, check, create, delete, opening, produce, roomy};

/// What killed processes left, and what they had acknowledged.
struct Left {
    image: Image,
    operations: Vec<Operation>,
    /// How it is opened: with so little memory that what is left is worth tables.
    opening: Opening,
}

/// How the engine is opened, what it is asked for, and at which pace.
type Lived<'a> = (Opening, &'a [Operation], Pace);

/// With room in the store's memory for what is folded.
fn folding(durability: Durability) -> Opening {
    Opening { pending_bytes_max: 2_048, ..roomy(durability) }
}

impl Left {
    fn by(lives: &[Lived<'_>]) -> Self {
        let mut image = None;
        for (opening, operations, pace) in lives {
            let mut stage = Stage::new(image.as_ref(), 1).unwrap();
            stage.device().roll_journals_at(1);
            stage.open(opening).unwrap();
            stage.settle(Pace::Whole);
            operations.iter().for_each(|operation| stage.apply(operation, *pace).unwrap());
            image = Some(stage.device().crash(Crash::Process));
            stage.end();
        }
        let operations = lives.iter().flat_map(|(_, operations, _)| operations.to_vec()).collect();
        Self { image: image.unwrap(), operations, opening: opening(lives.first().unwrap().0.durability) }
    }

    /// All of it in one journal of the store, some of its rows removed or written twice.
    fn in_one_journal(durability: Durability) -> Self {
        let (made, gone) = (create(0, "aaaa"), create(1, "bbbb"));
        let operations =
            [made, append(0, "folded", 3_000), gone, delete(1), create(1, "cccc"), append(0, "pending", 10)];
        Self::by(&[(folding(durability), &operations, Pace::Whole)])
    }

    /// In several, since the tables that they wait for are not written yet.
    fn in_several_journals(durability: Durability) -> Self {
        let produced: Vec<Operation> = (0..2).map(|number| produce(0, number, 3_000)).collect();
        let made = [create(0, "aaaa")];
        Self::by(&[(opening(durability), &made, Pace::Whole), (opening(durability), &produced, Pace::Steps(9))])
    }

    /// The same in a directory of an older format, opened with so much memory that the store's worker has nothing to do.
    fn of_format(self, format: u32) -> Self {
        let stage = self.stage(1);
        let mut file = File::create(stage.device().root().join("FORMAT")).unwrap();
        writeln!(file, "everstream disk log, format {format}").unwrap();
        file.sync_all().unwrap();
        let image = stage.device().crash(Crash::Process);
        stage.end();
        Self { image, opening: roomy(self.opening.durability), ..self }
    }

    fn history(&self) -> History {
        let mut history = History::new(self.opening.durability);
        self.operations.iter().for_each(|operation| history.acknowledged(operation.clone()));
        history
    }

    fn stage(&self, seed: u64) -> Stage {
        Stage::new(Some(&self.image), seed).unwrap()
    }

    /// What an opening does until the last journal has taken its place.
    fn steps(&self) -> Vec<Step> {
        let mut stage = self.stage(0);
        stage.open(&self.opening).unwrap();
        let mut steps = stage.device().steps();
        stage.end();
        let is_new = |step: &Step| step.kind == Kind::Create && step.path.ends_with("/journal.new");
        assert_eq!(steps.iter().filter(|step| is_new(step)).count(), 2, "the new journal, and the empty one");
        let last = steps.iter().rposition(is_new).unwrap();
        let (before, behind) = steps.split_at(last);
        assert!(before.iter().any(|step| step.kind == Kind::Create && step.path.contains("/tables/")));
        assert!(before.iter().all(|step| step.role == Role::Foreground));
        let end = behind.iter().position(|step| step.path == "store").unwrap();
        steps.truncate(last + end + 2);
        steps
    }

    /// The numbers of the steps of these kinds, without the writes that follow a write; the first and the last keyspace
    /// stand for those between them.
    fn points(&self, is_asked: impl Fn(Kind) -> bool) -> Vec<u64> {
        let steps = self.steps();
        let last = steps.iter().filter(|step| step.path.contains("/tables/")).filter_map(keyspace).max();
        let stands_for_all = |number| number == 1 || Some(number) == last;
        let kinds_before = [None].into_iter().chain(steps.iter().map(|step| Some(step.kind)));
        let is_due = |step: &Step, before| {
            let is_first = step.kind != Kind::Write || before != Some(Kind::Write);
            is_asked(step.kind) && is_first && keyspace(step).is_none_or(stands_for_all)
        };
        let numbered = (0..).zip(steps.iter().zip(kinds_before));
        numbered.filter(|(_, (step, before))| is_due(step, *before)).map(|(number, _)| number).collect()
    }

    /// The numbers of the steps that make the directory one of the present format, and of the one before them.
    fn points_of_format(&self) -> Vec<u64> {
        let mut stage = self.stage(0);
        stage.open(&self.opening).unwrap();
        let steps = stage.device().steps();
        stage.end();
        let is_format = |step: &Step| step.path.starts_with("FORMAT");
        let first = steps.iter().position(is_format).unwrap();
        let last = steps.iter().rposition(is_format).unwrap();
        assert!(steps.iter().take(last + 2).all(|step| step.role == Role::Foreground));
        (first as u64 - 1..=last as u64 + 1).collect()
    }

    fn crash_everywhere(&self, crash: Crash) {
        self.crash_at(self.points(|_| true), crash);
    }

    fn crash_at(&self, points: Vec<u64>, crash: Crash) {
        println!("{crash:?}: {} crash points", points.len());
        for point in points {
            let mut stage = self.stage(point);
            stage.device().crash_after(point, crash);
            let _ = stage.open(&self.opening);
            let left = stage.device().image().expect("an opening makes the same steps each time");
            stage.end();
            check(&self.opening, &left, &mut self.history(), crash, &format!("{crash:?} at step {point}"));
        }
    }

    fn fail_everywhere(&self, fault: Fault) {
        let kind = if fault == Fault::FailedSync { Kind::Sync } else { Kind::Write };
        let points = self.points(|asked| asked == kind);
        println!("{fault:?}: {} steps", points.len());
        for point in points {
            let said = format!("{fault:?} at step {point}");
            let mut history = self.history();
            let mut stage = self.stage(point);
            stage.device().fail_after(point, fault);
            if stage.open(&self.opening).is_ok() {
                let found = stage.state().unwrap();
                history.judge(&found, Loss::Process).unwrap_or_else(|violation| panic!("{said}: {}", violation.0));
            }
            let crash = if point % 2 == 0 { Crash::Process } else { POWER_CUT };
            let left = stage.device().crash(crash);
            stage.end();
            check(&self.opening, &left, &mut history, crash, &said);
        }
    }
}

fn keyspace(step: &Step) -> Option<u64> {
    step.path.strip_prefix("store/keyspaces/")?.split('/').next()?.parse().ok()
}

#[test]
fn an_opening_cut_off_by_the_end_of_the_process_at_any_step_loses_and_repeats_nothing() {
    Left::in_one_journal(Durability::Os).crash_everywhere(Crash::Process);
}

#[test]
fn an_opening_cut_off_by_a_power_cut_at_any_step_loses_and_repeats_nothing() {
    Left::in_one_journal(Durability::Fsync).crash_everywhere(Crash::Power(Survival::Some));
}

#[test]
fn an_opening_cut_off_between_several_journals_and_one_loses_and_repeats_nothing() {
    let left = Left::in_several_journals(Durability::Fsync);
    let is_older = |step: &Step| step.kind == Kind::Remove && step.path.ends_with(".jnl");
    assert!(left.steps().iter().any(is_older), "there was one journal");
    [Crash::Process, Crash::Power(Survival::Some)].into_iter().for_each(|crash| left.crash_everywhere(crash));
}

#[test]
fn an_opening_cut_off_while_it_changes_the_format_loses_and_repeats_nothing() {
    let left = Left::in_one_journal(Durability::Fsync).of_format(3);
    let points = left.points_of_format();
    assert!(points.len() > 4, "a file made, written, synced and renamed: {points:?}");
    [Crash::Process, Crash::Power(Survival::Some)].into_iter().for_each(|crash| left.crash_at(points.clone(), crash));
}

#[test]
fn an_opening_that_fails_at_any_step_leaves_what_the_next_one_opens() {
    let left = Left::in_one_journal(Durability::Fsync);
    [Fault::FailedWrite, Fault::FailedSync, Fault::FullDisk].into_iter().for_each(|fault| left.fail_everywhere(fault));
}

/// The table of producers' states is the last one added, and nothing that is written from then on syncs its folder again.
#[test]
fn a_table_whose_name_did_not_reach_the_device_at_first_outlives_the_journal_that_had_its_rows() {
    let produced = |number| [produce(0, number, 3_000), append(0, "behind", 10)];
    let first = [[create(0, "aaaa"), create(1, "bbbb")], produced(0)].concat();
    let left = Left::by(&[
        (folding(Durability::Fsync), &first, Pace::Whole),
        // The first one's become tables here, so that there is nothing to move once there is another.
        (Opening { memtable_bytes_max: 4_096, ..folding(Durability::Fsync) }, &[], Pace::Whole),
        (folding(Durability::Fsync), &produced(1), Pace::Whole),
    ]);
    let is_of_a_keyspace = |step: &Step| step.kind == Kind::Sync && step.path.contains("/keyspaces/");
    let last = left.steps().iter().rposition(is_of_a_keyspace).unwrap();
    for seed in 0..4 {
        let mut history = left.history();
        let mut stage = left.stage(seed);
        stage.device().roll_journals_at(1);
        stage.device().fail_after(last as u64, Fault::FailedSync);
        stage.open(&left.opening).unwrap();
        for number in 10..100 {
            let one = create(number, "cccc");
            stage.apply(&one, Pace::Whole).unwrap();
            history.acknowledged(one);
        }
        let is_journal = |step: &Step| step.kind == Kind::Remove && step.path == "store/0.jnl";
        assert!(stage.device().steps().iter().any(is_journal), "its rows are in the journal, too");
        let image = stage.device().crash(POWER_CUT);
        stage.end();
        check(&left.opening, &image, &mut history, POWER_CUT, &format!("seed {seed}"));
    }
}
