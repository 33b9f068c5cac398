//! Groups so large that a helper writes, too: a thread of its own, so that what it wrote is there once it is free again.

use super::*;

/// A rig with one helper, and so many viewers that it is asked to help.
async fn crowd() -> (Rig, Vec<Viewer>) {
    let rig = Rig::with_helpers(1).await;
    let mut viewers = Vec::new();
    for _ in 0..MANY {
        viewers.push(rig.viewer().await);
    }
    assert_eq!((rig.groups(), rig.subscribers()), (1, MANY));
    (rig, viewers)
}

impl Rig {
    /// As [`settle`], the helper, too: it wakes the group before it is free, and the group goes on to its next round, for
    /// which it calls again, within one settling. However many rounds there are, then: none when it stays free.
    async fn settle(&self) {
        let mut idle = 0;
        while idle < 2 {
            settle().await;
            idle = if self.lane.helpers().free() == 0 { 0 } else { idle + 1 };
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_crowd_that_two_write_gets_every_event_once_and_in_order() {
    let (rig, mut viewers) = crowd().await;
    let mut late = Vec::new();
    for number in 0..20 {
        rig.append(&format!("{number}")).await;
        // The round is under way.
        late.push((number + 1, rig.viewer().await));
    }
    rig.settle().await;
    for (first, viewer) in viewers.iter_mut().map(|viewer| (0, viewer)).chain(late.iter_mut().map(|(n, v)| (*n, v))) {
        for number in first..20 {
            viewer.reads_event(&format!("{number}"));
        }
        viewer.has_nothing();
    }
    assert_eq!((rig.groups(), rig.subscribers(), rig.leavers().len()), (1, MANY + 20, 0));
}

#[tokio::test(start_paused = true)]
async fn slow_readers_leave_a_crowd_with_the_rest_of_what_they_were_written() {
    let rig = Rig::with_helpers(1).await;
    let mut viewers = Vec::new();
    // Some are the helper's, some the group's.
    for number in 0..MANY {
        let bytes = if number % 50 == 0 { 4 << 10 } else { 256 << 10 };
        viewers.push((bytes < 8 << 10, rig.viewer_with(PulseConfig::default(), bytes).await));
    }
    let text = "x".repeat(3000);
    let (mut sent, mut leavers) = (0, Vec::new());
    while leavers.len() < MANY / 50 {
        rig.append(&format!("{sent} {text}")).await;
        rig.settle().await;
        for (_, viewer) in viewers.iter_mut().filter(|(is_slow, _)| !is_slow) {
            viewer.reads_event(&format!("{sent} {text}"));
        }
        sent += 1;
        leavers.append(&mut rig.leavers());
    }
    assert_eq!((rig.groups(), rig.subscribers()), (1, MANY));
    let (slow, mut quick): (Vec<_>, Vec<_>) = viewers.into_iter().partition(|(is_slow, _)| *is_slow);
    let reading = slow.into_iter().map(|(_, mut viewer)| {
        let text = text.clone();
        std::thread::spawn(move || {
            (0..sent).for_each(|number| viewer.reads_event(&format!("{number} {text}")));
            viewer
        })
    });
    let reading: Vec<_> = reading.collect();
    for (rider, permit) in leavers {
        rig.join(rider, permit).await;
    }
    rig.append("z").await;
    rig.settle().await;
    let mut slow: Vec<_> = reading.into_iter().map(|thread| thread.join().unwrap()).collect();
    for viewer in slow.iter_mut().chain(quick.iter_mut().map(|(_, viewer)| viewer)) {
        viewer.reads_event("z");
        viewer.has_nothing();
    }
    assert_eq!((rig.groups(), rig.subscribers(), rig.leavers().len()), (1, MANY, 0));
}

#[tokio::test(start_paused = true)]
async fn a_drain_amid_a_crowds_round_cuts_everybody_behind_it() {
    let (rig, mut viewers) = crowd().await;
    rig.append("last").await;
    rig.app.app.hub.tasks().draining().cancel();
    rig.settle().await;
    let leavers = rig.leavers();
    assert_eq!((leavers.len(), rig.groups()), (MANY, 0));
    for (rider, _permit) in leavers {
        assert!(matches!(rider.await, Ended::Cut(_)));
    }
    for viewer in &mut viewers {
        viewer.reads_event("last");
        assert!(viewer.reads_to("\n\n\r\n").contains("retry: "));
    }
}

#[tokio::test(start_paused = true)]
async fn members_of_a_crowd_may_go_while_it_is_written() {
    let (rig, mut viewers) = crowd().await;
    let mut stays = viewers.swap_remove(MANY / 2);
    rig.append("a").await;
    drop(viewers);
    while rig.subscribers() > 1 {
        tokio::task::yield_now().await;
    }
    rig.append("b").await;
    rig.settle().await;
    stays.reads_event("a");
    stays.reads_event("b");
    drop(stays);
    rig.stream.unwatched().await;
    assert_eq!((rig.groups(), rig.leavers().len()), (0, 0));
    assert!(rig.lane.readiness().is_empty());
}
