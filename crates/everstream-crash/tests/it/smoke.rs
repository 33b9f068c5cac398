//! A few drawn runs; thousands are a matter of `make crash-sim`.

use everstream_crash::{Subject, Tally, simulate};

fn check(seeds: std::ops::Range<u64>) {
    let mut tally = Tally::default();
    for seed in seeds {
        match simulate(seed, Subject::default()) {
            Ok(run) => tally.add(&run),
            Err(failure) => panic!("{failure}"),
        }
    }
    println!("{tally}");
    assert!(tally.acknowledged.values().sum::<u64>() > 0 && tally.records_compared > 0, "nothing happened: {tally}");
}

// Two tests, so that two cores are used.
#[test]
fn nothing_acknowledged_is_lost_repeated_or_changed_by_crashes_drawn_from_even_seeds() {
    check(0..8);
}

#[test]
fn nothing_acknowledged_is_lost_repeated_or_changed_by_crashes_drawn_from_odd_seeds() {
    check(100..108);
}
