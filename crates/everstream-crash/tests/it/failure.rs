//! Devices that fail, and what the engine makes of it: each of these was a fault once.

use everstream_crash::{Crash, Fault, History, Opening, Pace, Role, Stage};
use everstream_log::{Durability, ErrorKind};

use crate::case::{POWER_CUT, after, append, check, create, opening, roomy};

/// An engine that has acknowledged a stream and its first append.
fn begun(opening: &Opening, seed: u64) -> (Stage, History) {
    let mut stage = Stage::new(None, seed).unwrap();
    let mut history = History::new(opening.durability);
    stage.open(opening).unwrap();
    for operation in [create(0, "aaaa"), append(0, "fits", 100)] {
        stage.apply(&operation, Pace::Whole).unwrap();
        history.acknowledged(operation);
    }
    (stage, history)
}

#[test]
fn the_folders_of_new_keyspaces_have_a_name_after_a_power_cut() {
    let opening = roomy(Durability::Fsync);
    let (stage, mut history) = begun(&opening, 1);
    let image = stage.device().crash(POWER_CUT);
    stage.end();
    check(&opening, &image, &mut history, POWER_CUT, "a first life");
}

#[test]
fn what_a_failed_sync_dropped_is_written_again_before_anything_is_acknowledged_behind_it() {
    let opening = roomy(Durability::Fsync);
    let (image, _) = after(&opening, &[create(0, "aaaa")]);
    for seed in 0..8 {
        let mut history = History::new(Durability::Fsync);
        history.acknowledged(create(0, "aaaa"));
        let mut stage = Stage::new(Some(&image), seed).unwrap();
        stage.open(&opening).unwrap();
        stage.device().fail_after(0, Fault::FailedSync);
        // Over some pages, of which the device drops some and the kernel goes on to show all.
        let dropped = append(0, "dropped", 20_000);
        let refused = stage.apply(&dropped, Pace::Whole).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::ReadOnly);
        history.unanswered(dropped);
        let image = stage.device().crash(Crash::Process);
        stage.end();

        let mut stage = Stage::new(Some(&image), seed).unwrap();
        stage.open(&opening).unwrap();
        let found = stage.state().unwrap();
        history.judge(&found, everstream_crash::Loss::Process).unwrap();
        let behind = append(0, "behind", 10);
        stage.apply(&behind, Pace::Whole).unwrap();
        history.acknowledged(behind);
        let image = stage.device().crash(POWER_CUT);
        stage.end();
        check(&opening, &image, &mut history, POWER_CUT, &format!("seed {seed}"));
    }
}

#[test]
fn a_writer_that_waits_for_the_stores_worker_is_refused_when_that_dies() {
    let opening = opening(Durability::Os);
    let mut stage = Stage::new(None, 1).unwrap();
    let mut history = History::new(Durability::Os);
    stage.open(&opening).unwrap();
    let made = create(0, "aaaa");
    stage.apply(&made, Pace::Whole).unwrap();
    history.acknowledged(made);
    stage.device().fail_next_of(Role::Worker, Fault::FailedWrite);
    // Without leave to go on, the worker lets memtables pile up until a write has to wait for it. Then it gets leave.
    let refused = (0..20).find_map(|number| {
        let one = append(0, &format!("{number}"), 5_000);
        match stage.apply(&one, Pace::Steps(0)) {
            Ok(()) => {
                history.acknowledged(one);
                None
            }
            Err(error) => {
                history.unanswered(one);
                Some(error)
            }
        }
    });
    assert_eq!(refused.map(|error| error.kind()), Some(ErrorKind::ReadOnly));
    assert!(history.len() > 3, "refused before memtables had piled up");
    let image = stage.device().crash(Crash::Process);
    stage.end();
    check(&opening, &image, &mut history, Crash::Process, "a worker that died");
}

#[test]
fn a_disk_that_is_full_in_the_midst_of_a_batch_costs_nothing_that_was_acknowledged() {
    for (durability, seed) in [(Durability::Os, 1), (Durability::Fsync, 2), (Durability::Fsync, 3)] {
        let opening = roomy(durability);
        let (mut stage, mut history) = begun(&opening, seed);
        stage.device().fail_after(0, Fault::FullDisk);
        let large = append(0, "does not fit", 60_000);
        assert_eq!(stage.apply(&large, Pace::Whole).unwrap_err().kind(), ErrorKind::ReadOnly);
        history.unanswered(large);
        assert_eq!(stage.apply(&append(0, "small", 1), Pace::Whole).unwrap_err().kind(), ErrorKind::ReadOnly);
        let image = stage.device().crash(Crash::Process);
        stage.end();
        check(&opening, &image, &mut history, Crash::Process, &format!("{durability:?}"));
    }
}

#[test]
fn a_close_behind_a_full_disk_puts_on_the_device_what_was_acknowledged() {
    let opening = roomy(Durability::Os);
    let (mut stage, mut history) = begun(&opening, 1);
    // What the close promises, of these.
    history.closed();
    stage.device().fail_after(0, Fault::FullDisk);
    let large = append(0, "does not fit", 60_000);
    assert_eq!(stage.apply(&large, Pace::Whole).unwrap_err().kind(), ErrorKind::ReadOnly);
    history.unanswered(large);
    stage.close().unwrap();
    let image = stage.device().crash(POWER_CUT);
    stage.end();
    check(&opening, &image, &mut history, POWER_CUT, "a close behind a full disk");
}

#[test]
fn a_close_that_finds_the_disk_full_says_so() {
    let opening = roomy(Durability::Os);
    let (mut stage, mut history) = begun(&opening, 1);
    stage.device().fail_after(0, Fault::FullDisk);
    assert_eq!(stage.close().unwrap_err().kind(), ErrorKind::Storage);
    let image = stage.device().crash(Crash::Process);
    stage.end();
    check(&opening, &image, &mut history, Crash::Process, "a close that found the disk full");
}

#[test]
fn a_fold_that_finds_the_disk_full_refuses_writes_and_loses_nothing() {
    for fault in [Fault::FullDisk, Fault::FailedWrite] {
        let opening = opening(Durability::Os);
        let mut stage = Stage::new(None, 1).unwrap();
        let mut history = History::new(Durability::Os);
        stage.open(&opening).unwrap();
        let made = create(0, "aaaa");
        stage.apply(&made, Pace::Whole).unwrap();
        history.acknowledged(made);
        stage.device().fail_next_of(Role::Folder, fault);
        // The first one fills the open set, so that it is set aside; whoever comes after the fold has failed is refused.
        let refused = (0..20).find_map(|number| {
            let one = append(0, &format!("{number}"), 3_000);
            match stage.apply(&one, Pace::Whole) {
                Ok(()) => {
                    history.acknowledged(one);
                    None
                }
                Err(error) => {
                    history.unanswered(one);
                    Some(error)
                }
            }
        });
        assert_eq!(refused.map(|error| error.kind()), Some(ErrorKind::ReadOnly), "{fault:?}");
        // Readers see all that was acknowledged, wherever it is.
        let found = stage.state().unwrap();
        history.judge(&found, everstream_crash::Loss::Process).unwrap();
        let image = stage.device().crash(Crash::Process);
        stage.end();
        check(&opening, &image, &mut history, Crash::Process, &format!("{fault:?}"));
    }
}
