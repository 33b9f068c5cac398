//! Random histories: appenders, subscribers that come, lag, go and resume, evictions and restarts; every subscriber's
//! view is a gapless, unrepeated piece of the same sequence.

use std::collections::VecDeque;

use bytes::Bytes;
use everstream_hub::{Append, CreateStream, Delivery, EventId, Start, Subscription};
use everstream_log::CloseReason;

use crate::rig::{Rig, close, config, name, text};

/// One viewer: the live subscription, if any, and everything seen so far.
struct Viewer {
    subscription: Option<Subscription>,
    seen: Vec<String>,
    last_id: Option<EventId>,
}

impl Viewer {
    async fn subscribe(&mut self, rig: &Rig) {
        let stream = rig.hub.stream(&name("s")).await.unwrap();
        let opening = stream.resume(self.last_id.map_or(Start::Beginning, Start::After));
        assert_eq!(opening.reset, None);
        self.subscription = Some(stream.subscribe(opening.from).unwrap());
    }

    /// Takes one delivery if there is one; returns whether the stream has ended for this viewer.
    async fn read(&mut self) -> bool {
        let Some(subscription) = &mut self.subscription else { return false };
        let mut frames = VecDeque::new();
        let delivery = tokio::select! {
            biased;
            delivery = subscription.next(&mut frames) => delivery,
            () = tokio::task::yield_now() => return false,
        };
        for frame in &frames {
            let id = std::str::from_utf8(frame).unwrap().lines().next().unwrap().strip_prefix("id: ").unwrap();
            self.last_id = Some(EventId::parse(id).unwrap());
            self.seen.push(text(frame));
        }
        matches!(delivery, Delivery::Ended(_))
    }
}

#[tokio::test(start_paused = true)]
async fn every_viewer_sees_the_same_sequence_whatever_happens() {
    for seed in 0..60 {
        run(seed).await;
    }
}

async fn run(seed: u64) {
    let mut random = fastrand::Rng::with_seed(seed);
    let mut rig = Rig::new(config());
    rig.hub.create(&CreateStream::new(name("s"), "text/plain")).await.unwrap();
    let mut viewers: Vec<Viewer> =
        (0..4).map(|_| Viewer { subscription: None, seen: Vec::new(), last_id: None }).collect();
    let mut written = Vec::new();
    for _ in 0..300 {
        let viewer = &mut viewers[random.usize(0..4)];
        match random.u8(0..20) {
            0..=6 => {
                let batch: Vec<String> = (0..random.usize(1..4)).map(|n| (written.len() + n).to_string()).collect();
                let records = batch.iter().map(|text| Bytes::from(text.clone())).collect();
                let stream = rig.hub.stream(&name("s")).await.unwrap();
                stream.append(Append { records, close: None }).await.unwrap();
                written.extend(batch);
            }
            7..=14 => drop(viewer.read().await),
            15..=16 => viewer.subscribe(&rig).await,
            17 => viewer.subscription = None,
            18 => {
                rig.clock.advance(rig.hub.config().idle_max);
                rig.hub.sweep().await;
            }
            _ => {
                viewers.iter_mut().for_each(|viewer| viewer.subscription = None);
                rig = rig.restarted();
            }
        }
    }
    close(&rig.hub.stream(&name("s")).await.unwrap(), CloseReason::Completed).await.unwrap();
    for viewer in &mut viewers {
        viewer.subscribe(&rig).await;
        while !viewer.read().await {}
        assert_eq!(viewer.seen, written, "seed {seed}");
    }
}
