use super::*;

const LAST: u64 = (1 << 53) - 1;

fn accepted(epoch: u64, seq: u64) -> ProducerState {
    ProducerState { epoch, seq, next: Offset(9) }
}

/// The law once more, as a walk over the numbers instead of a comparison of them: what a stream that accepts 0, 1, 2 …
/// one after another would have said.
fn by_walking(last: Option<ProducerState>, epoch: u64, seq: u64) -> Verdict {
    let Some(last) = last else {
        return if seq == 0 { Verdict::Accept } else { Verdict::Gap { expected: 0 } };
    };
    match epoch.cmp(&last.epoch) {
        std::cmp::Ordering::Less => Verdict::Fenced { epoch: last.epoch },
        std::cmp::Ordering::Greater => [Verdict::Accept].into_iter().nth(seq as usize).unwrap_or(Verdict::LateStart),
        std::cmp::Ordering::Equal => {
            let taken: Vec<u64> = (0..=last.seq).collect();
            let next = taken.len() as u64;
            match taken.contains(&seq) {
                true => Verdict::Duplicate(last),
                false if seq == next => Verdict::Accept,
                false => Verdict::Gap { expected: next },
            }
        }
    }
}

#[test]
fn every_small_append_after_every_small_state_is_judged_as_by_walking() {
    let states = (0..5).flat_map(|epoch| (0..5).map(move |seq| Some(accepted(epoch, seq))));
    for last in states.chain([None]) {
        for (epoch, seq) in (0..7).flat_map(|epoch| (0..7).map(move |seq| (epoch, seq))) {
            assert_eq!(judge(last, epoch, seq), by_walking(last, epoch, seq), "{last:?}, {epoch}, {seq}");
        }
    }
}

#[test]
fn a_producer_may_begin_in_any_life_but_at_0() {
    for epoch in [0, 1, LAST, u64::MAX] {
        assert_eq!(judge(None, epoch, 0), Verdict::Accept);
        assert_eq!(judge(None, epoch, 1), Verdict::Gap { expected: 0 });
    }
}

#[test]
fn what_was_accepted_is_a_duplicate_from_then_on() {
    let mut last = None;
    let appends = [(3, 0), (3, 1), (3, 2), (7, 0), (7, 1)];
    for (epoch, seq) in appends {
        assert_eq!(judge(last, epoch, seq), Verdict::Accept);
        last = Some(accepted(epoch, seq));
        for earlier in 0..=seq {
            assert_eq!(judge(last, epoch, earlier), Verdict::Duplicate(accepted(epoch, seq)));
        }
    }
    for (epoch, seq) in appends.into_iter().filter(|(epoch, _)| *epoch == 3) {
        assert_eq!(judge(last, epoch, seq), Verdict::Fenced { epoch: 7 });
    }
}

#[test]
fn a_new_life_begins_at_0() {
    assert_eq!(judge(Some(accepted(1, 5)), 2, 0), Verdict::Accept);
    for seq in [1, 5, 6, u64::MAX] {
        assert_eq!(judge(Some(accepted(1, 5)), 2, seq), Verdict::LateStart);
    }
}

#[test]
fn the_largest_numbers_are_judged_like_any() {
    assert_eq!(judge(Some(accepted(LAST, LAST)), LAST, LAST), Verdict::Duplicate(accepted(LAST, LAST)));
    assert_eq!(judge(Some(accepted(0, u64::MAX)), 0, u64::MAX), Verdict::Duplicate(accepted(0, u64::MAX)));
    assert_eq!(judge(Some(accepted(0, u64::MAX - 1)), 0, u64::MAX), Verdict::Accept);
    assert_eq!(judge(Some(accepted(0, 0)), 0, u64::MAX), Verdict::Gap { expected: 1 });
    assert_eq!(judge(Some(accepted(u64::MAX, 0)), 0, 0), Verdict::Fenced { epoch: u64::MAX });
}

#[test]
fn ids_and_positions_have_1_to_256_bytes() {
    for bytes in [&b""[..], &[b'x'; 257]] {
        assert_eq!(ProducerId::parse(bytes), Err(InvalidLength));
        assert_eq!(StreamSeq::parse(bytes), Err(InvalidLength));
    }
    for bytes in [&b"\xff\0 "[..], &[b'x'; 256]] {
        assert_eq!(ProducerId::parse(bytes).unwrap().as_bytes(), bytes);
        assert_eq!(StreamSeq::parse(bytes).unwrap().as_bytes(), bytes);
    }
}

#[test]
fn positions_are_ordered_bytewise() {
    let seq = |text: &str| StreamSeq::parse(text.as_bytes()).unwrap();
    assert!(seq("10") < seq("2") && seq("B") < seq("a") && seq("a") < seq("aa"));
}
