//! Engines and devices that break their promises: a checker that does not notice is worth nothing.

use everstream_crash::{Subject, Syncs, simulate};
use everstream_log::Durability;

/// The first fault that is found in a few runs.
fn fault(subject: Subject) -> String {
    let failure = (0..40).find_map(|seed| simulate(seed, subject).err());
    failure.expect("nobody noticed").violation.0
}

#[test]
fn an_engine_that_acknowledges_before_it_syncs_is_noticed() {
    let said = fault(Subject { promised: Some(Durability::Fsync), kept: Some(Durability::Os), ..Subject::default() });
    assert!(said.contains("acknowledged operations are lost"), "{said}");
}

#[test]
fn an_engine_that_acknowledges_before_it_writes_is_noticed() {
    let said = fault(Subject { promised: Some(Durability::Os), kept: Some(Durability::Memory), ..Subject::default() });
    assert!(said.contains("acknowledged operations are lost"), "{said}");
}

#[test]
fn a_device_that_only_says_that_it_synced_is_noticed() {
    fault(Subject { promised: Some(Durability::Fsync), syncs: Syncs::Lying, ..Subject::default() });
}
