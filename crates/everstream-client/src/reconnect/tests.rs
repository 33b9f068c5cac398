use std::time::Duration;

use super::{Disconnect, Next, Reconnect, ReconnectPolicy};

const CUT: Disconnect = Disconnect::Cut;
const DOWN: Disconnect = Disconnect::NotConnected;

/// What happens to a subscriber, and the shortest and longest wait that follow, in milliseconds.
enum Step {
    Progress,
    Retry(u64),
    Wait(Disconnect, u64, u64),
    GiveUp(Disconnect, u32),
}
use Step::{GiveUp, Progress, Retry, Wait};

fn check(policy: ReconnectPolicy, steps: &[Step]) {
    let mut reconnect = Reconnect::new(policy);
    for (n, step) in steps.iter().enumerate() {
        match step {
            Progress => reconnect.progressed(),
            Retry(ms) => reconnect.set_reconnection_time(Duration::from_millis(*ms)),
            Wait(how, shortest, longest) => {
                let wait = |jitter| reconnect.clone().disconnected(*how, jitter);
                assert_eq!(wait(0.0), Next::Wait(Duration::from_millis(*shortest)), "shortest wait of step {n}");
                assert_eq!(wait(1.0), Next::Wait(Duration::from_millis(*longest)), "longest wait of step {n}");
                reconnect.disconnected(*how, 0.5);
            }
            GiveUp(how, attempts) => {
                assert_eq!(reconnect.disconnected(*how, 0.5), Next::GiveUp { attempts: *attempts }, "step {n}");
            }
        }
    }
}

fn policy(reconnection_ms: u64) -> ReconnectPolicy {
    ReconnectPolicy { reconnection_time: Duration::from_millis(reconnection_ms), ..ReconnectPolicy::default() }
}

#[test]
fn the_wait_after_a_good_connection_does_not_grow() {
    check(
        policy(1000),
        &[Progress, Wait(CUT, 1000, 1250), Progress, Wait(CUT, 1000, 1250), Progress, Wait(CUT, 1000, 1250)],
    );
}

#[test]
fn waits_double_while_nothing_comes_and_are_capped() {
    check(
        policy(5000),
        &[Wait(DOWN, 5000, 10_000), Wait(DOWN, 5000, 20_000), Wait(DOWN, 5000, 30_000), Wait(DOWN, 5000, 30_000)],
    );
}

#[test]
fn a_connection_that_brings_nothing_counts_as_a_failed_attempt() {
    check(policy(1000), &[Progress, Wait(CUT, 1000, 1250), Wait(CUT, 1000, 2000), Wait(CUT, 1000, 4000)]);
}

#[test]
fn one_good_connection_ends_the_back_off() {
    check(policy(1000), &[Wait(DOWN, 1000, 2000), Wait(DOWN, 1000, 4000), Progress, Wait(CUT, 1000, 1250)]);
}

#[test]
fn the_servers_reconnection_time_holds_for_later_connections() {
    check(policy(1000), &[Progress, Retry(300), Wait(CUT, 300, 375), Progress, Wait(CUT, 300, 375)]);
}

#[test]
fn a_server_may_ask_for_more_than_the_cap_but_not_for_ever() {
    check(policy(1000), &[Progress, Retry(60_000), Wait(CUT, 60_000, 75_000), Wait(DOWN, 60_000, 60_000)]);
    check(policy(1000), &[Retry(u64::MAX), Progress, Wait(CUT, 3_600_000, 4_500_000)]);
}

#[test]
fn a_retry_of_zero_does_not_make_it_spin() {
    check(policy(1000), &[Retry(0), Wait(DOWN, 10, 20), Wait(DOWN, 10, 40)]);
}

#[test]
fn retry_after_is_honoured_up_to_an_hour() {
    let busy = |seconds| Disconnect::Busy { retry_after: Some(Duration::from_secs(seconds)) };
    check(
        policy(1000),
        &[
            Wait(busy(7), 7000, 7000),
            Wait(busy(1), 1000, 4000),
            Wait(Disconnect::Busy { retry_after: None }, 1000, 8000),
            Wait(busy(u64::MAX), 3_600_000, 3_600_000),
        ],
    );
}

#[test]
fn it_gives_up_after_its_attempts_in_a_row() {
    let policy = ReconnectPolicy { attempts_max: 3, ..policy(1000) };
    check(policy, &[Progress, Wait(CUT, 1000, 1250), Wait(DOWN, 1000, 2000), Wait(DOWN, 1000, 4000), GiveUp(DOWN, 3)]);
}

#[test]
fn a_server_that_was_never_reached_has_a_bound_of_its_own() {
    let policy = ReconnectPolicy { first_attempts_max: 1, ..policy(1000) };
    check(policy.clone(), &[GiveUp(DOWN, 1)]);
    check(policy, &[Wait(Disconnect::Busy { retry_after: None }, 1000, 2000), Wait(DOWN, 1000, 4000)]);
}
