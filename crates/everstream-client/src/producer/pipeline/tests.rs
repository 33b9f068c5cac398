use std::collections::HashSet;

use super::*;

fn policy() -> ReconnectPolicy {
    ReconnectPolicy { attempts_max: 50, first_attempts_max: 50, ..ReconnectPolicy::default() }
}

fn pipeline(in_flight_max: usize) -> Pipeline<u64> {
    Pipeline::new(0, in_flight_max, EpochRule::Keep, Known::Foreign, policy())
}

/// Pushes payloads equal to their numbers while there is room, and sends all that is due.
fn fill(pipeline: &mut Pipeline<u64>) -> Vec<u64> {
    while pipeline.has_room() {
        pipeline.push(pipeline.next_seq);
    }
    std::iter::from_fn(|| pipeline.next().map(|(seq, _)| seq)).collect()
}

#[test]
fn the_first_append_goes_alone_and_then_as_many_as_may() {
    let mut pipeline = pipeline(4);
    assert_eq!(fill(&mut pipeline), [0]);
    assert!(fill(&mut pipeline).is_empty());
    assert_eq!(pipeline.answered(0, 0, Reply::Stored, 0.0), Step::GoOn);
    assert_eq!(fill(&mut pipeline), [1, 2, 3, 4]);
    // Acknowledged together with a later one: the lost answer is not waited for.
    pipeline.answered(0, 1, Reply::Later(Disconnect::Cut), 0.0);
    pipeline.resume();
    assert_eq!(fill(&mut pipeline), [1]);
    pipeline.answered(0, 1, Reply::Duplicate { highest: 3 }, 0.0);
    assert_eq!(fill(&mut pipeline), [5, 6, 7]);
}

#[test]
fn what_overtook_waits_for_what_it_overtook() {
    let mut pipeline = pipeline(3);
    fill(&mut pipeline);
    pipeline.answered(0, 0, Reply::Stored, 0.0);
    assert_eq!(fill(&mut pipeline), [1, 2, 3]);
    assert_eq!(pipeline.answered(0, 3, Reply::Gap { expected: 1 }, 0.0), Step::GoOn);
    assert_eq!(pipeline.answered(0, 2, Reply::Gap { expected: 1 }, 0.0), Step::GoOn);
    assert!(fill(&mut pipeline).is_empty());
    pipeline.answered(0, 1, Reply::Stored, 0.0);
    assert_eq!(fill(&mut pipeline), [2, 4]);
    pipeline.answered(0, 2, Reply::Stored, 0.0);
    assert_eq!(fill(&mut pipeline), [3, 5]);
}

#[test]
fn attempts_that_fail_together_cost_one_pause_and_one_failure() {
    let policy = ReconnectPolicy { attempts_max: 2, first_attempts_max: 2, ..ReconnectPolicy::default() };
    let mut pipeline = Pipeline::new(0, 3, EpochRule::Keep, Known::Foreign, policy);
    fill(&mut pipeline);
    pipeline.answered(0, 0, Reply::Stored, 0.0);
    let later = Reply::Later(Disconnect::NotConnected);
    assert_eq!(fill(&mut pipeline), [1, 2, 3]);
    assert!(matches!(pipeline.answered(0, 1, later, 0.0), Step::Pause(_)));
    assert_eq!(pipeline.answered(0, 2, later, 0.0), Step::GoOn);
    assert!(fill(&mut pipeline).is_empty(), "nothing goes out in a pause");
    pipeline.resume();
    assert_eq!(fill(&mut pipeline), [1, 2]);
    assert!(matches!(pipeline.answered(0, 1, later, 0.0), Step::Pause(_)));
    pipeline.resume();
    fill(&mut pipeline);
    assert_eq!(pipeline.answered(0, 1, later, 0.0), Step::Fail(Fault::GaveUp));
}

#[test]
fn an_epoch_that_is_over_is_claimed_before_the_first_append_only_and_only_if_wanted() {
    let mut keeping = pipeline(2);
    fill(&mut keeping);
    assert_eq!(keeping.answered(0, 0, Reply::Fenced { epoch: 4 }, 0.0), Step::Fail(Fault::Fenced { epoch: 4 }));

    let mut claiming: Pipeline<u64> = Pipeline::new(0, 2, EpochRule::Claim, Known::Foreign, policy());
    fill(&mut claiming);
    assert_eq!(claiming.answered(0, 0, Reply::Fenced { epoch: 4 }, 0.0), Step::GoOn);
    assert_eq!((fill(&mut claiming), claiming.epoch()), (vec![0], 5));
    assert_eq!(claiming.answered(0, 0, Reply::Stored, 0.0), Step::GoOn);
    assert!(!claiming.is_empty(), "an answer of the old epoch says nothing");
    claiming.answered(5, 0, Reply::Stored, 0.0);
    fill(&mut claiming);
    assert_eq!(claiming.answered(5, 1, Reply::Fenced { epoch: 6 }, 0.0), Step::Fail(Fault::Fenced { epoch: 6 }));
}

#[test]
fn a_duplicate_of_what_was_never_sent_is_somebody_elses_or_an_earlier_runs() {
    let mut alone = pipeline(2);
    fill(&mut alone);
    assert_eq!(alone.answered(0, 0, Reply::Duplicate { highest: 0 }, 0.0), Step::Fail(Fault::Taken));

    let mut raced = pipeline(2);
    fill(&mut raced);
    raced.answered(0, 0, Reply::Later(Disconnect::Cut), 0.0);
    raced.resume();
    fill(&mut raced);
    assert_eq!(raced.answered(0, 0, Reply::Duplicate { highest: 7 }, 0.0), Step::Fail(Fault::Taken));

    let mut rerun: Pipeline<u64> = Pipeline::new(0, 2, EpochRule::Keep, Known::Earlier, policy());
    fill(&mut rerun);
    assert_eq!(rerun.answered(0, 0, Reply::Duplicate { highest: 7 }, 0.0), Step::GoOn);
    assert_eq!(fill(&mut rerun), [1, 2]);
}

#[test]
fn a_server_that_lacks_what_it_acknowledged_is_not_appended_to() {
    let mut pipeline = pipeline(2);
    fill(&mut pipeline);
    pipeline.answered(0, 0, Reply::Stored, 0.0);
    fill(&mut pipeline);
    assert_eq!(pipeline.answered(0, 1, Reply::Gap { expected: 0 }, 0.0), Step::Fail(Fault::Forgotten { expected: 0 }));
}

/// A server that keeps the protocol's law, behind a network that loses, repeats nothing and overtakes at will.
#[test]
fn over_any_network_everything_is_stored_once_and_in_order() {
    const APPENDS: u64 = 40;
    for seed in 0..500 {
        let mut random = fastrand::Rng::with_seed(seed);
        let mut pipeline = pipeline(random.usize(1..6));
        // On their way to the server, and answers on their way back.
        let (mut flying, mut answers): (Vec<u64>, Vec<(u64, Reply)>) = (Vec::new(), Vec::new());
        let mut stored: Vec<u64> = Vec::new();
        let mut pushed = 0;
        while pushed < APPENDS || !pipeline.is_empty() {
            while pushed < APPENDS && pipeline.has_room() {
                pipeline.push(pushed);
                pushed += 1;
            }
            flying.extend(std::iter::from_fn(|| pipeline.next().map(|(seq, _)| seq)));
            let unique: HashSet<_> = flying.iter().collect();
            assert_eq!(unique.len(), flying.len(), "seed {seed}: sent twice at a time");
            match random.u8(0..3) {
                0 => pipeline.resume(),
                1 if !flying.is_empty() => {
                    let seq = flying.swap_remove(random.usize(0..flying.len()));
                    answers.push((seq, arrive(seq, &mut stored, &mut random)));
                }
                2 if !answers.is_empty() => {
                    let (seq, reply) = answers.swap_remove(random.usize(0..answers.len()));
                    let step = pipeline.answered(0, seq, reply, random.f64());
                    assert!(!matches!(step, Step::Fail(_)), "seed {seed}: {step:?}");
                }
                _ => {}
            }
        }
        assert_eq!(stored, (0..APPENDS).collect::<Vec<_>>(), "seed {seed}");
    }
}

/// What the server makes of an append, and what the network makes of that.
fn arrive(seq: u64, stored: &mut Vec<u64>, random: &mut fastrand::Rng) -> Reply {
    let next = stored.len() as u64;
    if random.u8(0..8) == 0 {
        return Reply::Later(Disconnect::NotConnected);
    }
    let reply = match seq {
        seq if seq < next => Reply::Duplicate { highest: next - 1 },
        seq if seq > next => Reply::Gap { expected: next },
        seq => {
            stored.push(seq);
            Reply::Stored
        }
    };
    if random.u8(0..8) == 0 { Reply::Later(Disconnect::Cut) } else { reply }
}
