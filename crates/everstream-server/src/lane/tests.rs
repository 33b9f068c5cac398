//! Groups, with real sockets: a group writes when its task has a turn, so that what it wrote is there when the turn is over.
//! Time stands still unless a test moves it: no round takes any, and so no group pauses behind one.

use std::io::Read;
use std::net::{TcpListener, TcpStream as StdStream};
use std::num::NonZeroUsize;
use std::time::Duration;

use bytes::Bytes;
use everstream_hub::{Append, Close, CreateStream, Start, Stream};
use everstream_log::{CloseReason, StreamName};
use socket2::SockRef;

use super::*;
use crate::admission::Admission;
use crate::sse_body::{Native, NativeStart, PulseConfig, SseBody};
use crate::test_app::TestApp;

mod crowd;

const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// Timers are as fine as this.
const TICK: Duration = Duration::from_millis(1);

/// More than a group serves in one turn, and enough for a helper.
const MANY: usize = 600;

/// A lane whose leavers are gathered.
struct Rig {
    app: TestApp,
    stream: Stream,
    lane: Lane,
    onward: Arc<Gathered>,
    admission: Admission,
    listener: TcpListener,
}

#[derive(Debug, Default)]
struct Gathered(Mutex<Vec<(Rider, Permit)>>);

impl Onward for Gathered {
    fn go_on(self: Arc<Self>, rider: Rider, permit: Permit) {
        self.0.lock().unwrap().push((rider, permit));
    }
}

/// The other end of a member's connection.
struct Viewer(StdStream);

impl Viewer {
    /// Everything up to the end of `text`, which comes.
    #[track_caller]
    fn reads_to(&mut self, text: &str) -> String {
        let mut read = Vec::new();
        while !read.ends_with(text.as_bytes()) {
            let mut byte = [0];
            self.0.read_exact(&mut byte).unwrap_or_else(|error| {
                panic!("{error} before {text:?}, behind {:?}", String::from_utf8_lossy(&read));
            });
            read.push(byte[0]);
        }
        String::from_utf8(read).unwrap()
    }

    /// The data of the next event, and nothing before it.
    #[track_caller]
    fn reads_event(&mut self, data: &str) {
        let read = self.reads_to("\n\n\r\n");
        assert!(read.ends_with(&format!("\ndata: {data}\n\n\r\n")), "{read:?} is not {data:?}");
    }

    /// Panics if there is something to read.
    #[track_caller]
    fn has_nothing(&mut self) {
        self.0.set_nonblocking(true).unwrap();
        let mut read = [0; 256];
        let error =
            self.0.read(&mut read).map(|count| String::from_utf8_lossy(&read[..count]).into_owned()).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::WouldBlock);
        self.0.set_nonblocking(false).unwrap();
    }
}

impl Rig {
    async fn new() -> Self {
        Self::with_helpers(0).await
    }

    async fn with_helpers(count: usize) -> Self {
        let app = TestApp::new();
        let wanted = CreateStream::new(StreamName::parse("s").unwrap(), "text/event-stream");
        let stream = app.app.hub.create(&wanted).await.unwrap().stream;
        let lane = Lane::open(app.app.hub.tasks(), Helpers::new(count)).unwrap();
        let admission = Admission::new(NonZeroUsize::new(10_000).unwrap(), None);
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        Self { app, stream, lane, onward: Arc::default(), admission, listener }
    }

    async fn append(&self, data: &str) {
        let records = vec![Bytes::from(format!("data: {data}\n"))];
        self.stream.append(Append { records, close: None }).await.unwrap();
    }

    async fn close(&self) {
        let close = Some(Close::because(CloseReason::Completed));
        self.stream.append(Append { records: Vec::new(), close }).await.unwrap();
    }

    /// A viewer that has been told its position, and is a member now. `bytes` is what its client's kernel takes.
    async fn viewer_with(&self, pulse: PulseConfig, bytes: usize) -> Viewer {
        let client = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
        client.set_recv_buffer_size(bytes).unwrap();
        client.connect(&self.listener.local_addr().unwrap().into()).unwrap();
        let mut viewer = Viewer(client.into());
        viewer.0.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        let (socket, peer) = self.listener.accept().unwrap();
        SockRef::from(&socket).set_send_buffer_size(bytes).unwrap();
        socket.set_nonblocking(true).unwrap();
        let opening = self.stream.resume(Start::Now);
        let voice = Native::new(NativeStart::of(&opening), Duration::from_secs(2), fastrand::Rng::new());
        let subscription = self.stream.subscribe(opening.from).unwrap();
        let body = SseBody::new(subscription, voice, pulse, self.app.app.hub.tasks().draining());
        let rider = Rider::new(TcpStream::from_std(socket).unwrap(), Vec::new(), Box::new(body));
        self.join(rider, self.admission.admit(peer.ip()).unwrap()).await;
        viewer.reads_to("\n\n\r\n");
        viewer
    }

    async fn viewer(&self) -> Viewer {
        self.viewer_with(PulseConfig::default(), 256 << 10).await
    }

    /// Follows `rider` until it is a member.
    async fn join(&self, mut rider: Rider, permit: Permit) {
        let onward: Arc<dyn Onward> = Arc::<Gathered>::clone(&self.onward);
        let mut permit = Some(permit);
        while let Some(given) = permit.take() {
            let Ended::MayJoin(socket, unread, events) = (&mut rider).await else { panic!("it has ended") };
            if let Err((peer, events)) = events.join(Peer { socket, unread, permit: given }, &self.lane, &onward) {
                rider = Rider::new(peer.socket, peer.unread, events).alone();
                permit = Some(peer.permit);
            }
        }
    }

    fn leavers(&self) -> Vec<(Rider, Permit)> {
        std::mem::take(&mut self.onward.0.lock().unwrap())
    }

    fn subscribers(&self) -> usize {
        self.stream.state().subscribers
    }

    fn groups(&self) -> usize {
        self.lane.groups().len()
    }
}

#[tokio::test(start_paused = true)]
async fn a_large_group_pauses_behind_a_long_round_and_then_writes_what_has_gathered() {
    let rig = Rig::new().await;
    let mut viewers = Vec::new();
    for _ in 0..MANY {
        viewers.push(rig.viewer().await);
    }
    let round = Duration::from_millis(3);
    rig.append("a").await;
    tokio::task::yield_now().await;
    viewers[MANY - 1].has_nothing();
    tokio::time::advance(round).await;
    settle().await;
    viewers.iter_mut().for_each(|viewer| viewer.reads_event("a"));
    for data in ["b", "c"] {
        rig.append(data).await;
        settle().await;
    }
    viewers.iter_mut().for_each(Viewer::has_nothing);
    tokio::time::advance(2 * round + TICK).await;
    settle().await;
    for viewer in &mut viewers {
        for data in ["b", "c"] {
            viewer.reads_event(data);
        }
        viewer.has_nothing();
    }
}

/// Everything that can run has run: turns enough for all that these tests have written.
async fn settle() {
    for _ in 0..1000 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test(start_paused = true)]
async fn all_who_follow_a_stream_are_one_group_and_get_every_event() {
    let rig = Rig::new().await;
    let mut viewers = Vec::new();
    for _ in 0..MANY {
        viewers.push(rig.viewer().await);
    }
    assert_eq!((rig.groups(), rig.subscribers()), (1, MANY));
    for data in ["a", "b", "c"] {
        rig.append(data).await;
    }
    settle().await;
    for viewer in &mut viewers {
        for data in ["a", "b", "c"] {
            viewer.reads_event(data);
        }
        viewer.has_nothing();
    }
    assert!(rig.leavers().is_empty());
}

#[tokio::test(start_paused = true)]
async fn who_comes_while_others_are_being_written_sees_each_event_once() {
    let rig = Rig::new().await;
    let mut viewers = Vec::new();
    for _ in 0..MANY {
        viewers.push(rig.viewer().await);
    }
    let mut late = Vec::new();
    for number in 0..20 {
        rig.append(&format!("{number}")).await;
        // A turn or less: the round is under way.
        late.push((number + 1, rig.viewer().await));
    }
    settle().await;
    for (first, viewer) in viewers.iter_mut().map(|viewer| (0, viewer)).chain(late.iter_mut().map(|(n, v)| (*n, v))) {
        for number in first..20 {
            viewer.reads_event(&format!("{number}"));
        }
        viewer.has_nothing();
    }
    assert_eq!((rig.groups(), rig.subscribers()), (1, MANY + 20));
}

#[tokio::test(start_paused = true)]
async fn a_slow_reader_leaves_the_others_and_comes_back_without_a_gap() {
    let rig = Rig::new().await;
    let mut slow = rig.viewer_with(PulseConfig::default(), 4 << 10).await;
    let mut quick = rig.viewer().await;
    let text = "x".repeat(3000);
    let mut sent = 0;
    let (rider, permit) = loop {
        rig.append(&format!("{sent} {text}")).await;
        settle().await;
        quick.reads_event(&format!("{sent} {text}"));
        sent += 1;
        if let Some(leaver) = rig.leavers().pop() {
            break leaver;
        }
    };
    assert_eq!(rig.subscribers(), 2);
    let reading = std::thread::spawn(move || {
        (0..sent).for_each(|number| slow.reads_event(&format!("{number} {text}")));
        slow
    });
    rig.join(rider, permit).await;
    let mut slow = reading.join().unwrap();
    rig.append("z").await;
    settle().await;
    slow.reads_event("z");
    quick.reads_event("z");
    assert_eq!((rig.groups(), rig.subscribers(), rig.leavers().len()), (1, 2, 0));
}

#[tokio::test(start_paused = true)]
async fn silence_is_broken_for_all_at_once() {
    let rig = Rig::new().await;
    let pulse = PulseConfig { keep_alive: Some(KEEP_ALIVE), age_max: None };
    let mut viewers = [rig.viewer_with(pulse, 1 << 16).await, rig.viewer_with(pulse, 1 << 16).await];
    for _ in 0..2 {
        tokio::time::advance(KEEP_ALIVE + TICK).await;
        settle().await;
        for viewer in &mut viewers {
            assert_eq!(viewer.reads_to("\n\r\n"), "d\r\n: keep-alive\n\r\n");
            viewer.has_nothing();
        }
    }
    tokio::time::advance(KEEP_ALIVE / 2).await;
    rig.append("a").await;
    settle().await;
    tokio::time::advance(KEEP_ALIVE - TICK).await;
    settle().await;
    for viewer in &mut viewers {
        viewer.reads_event("a");
        viewer.has_nothing();
    }
}

#[tokio::test(start_paused = true)]
async fn each_member_leaves_at_its_own_age() {
    let rig = Rig::new().await;
    let pulse = |seconds| PulseConfig { keep_alive: None, age_max: Some(Duration::from_secs(seconds)) };
    let mut viewers = Vec::new();
    for seconds in [30, 20, 10] {
        viewers.push(rig.viewer_with(pulse(seconds), 1 << 16).await);
    }
    for members in [2, 1, 0] {
        tokio::time::advance(Duration::from_secs(10) + TICK).await;
        settle().await;
        let [(rider, _permit)] = &mut rig.leavers()[..] else { panic!("one leaves, so that {members} are left") };
        assert!(matches!(rider.await, Ended::Cut(_)));
        assert!(viewers.pop().unwrap().reads_to("\n\n\r\n").contains("retry: "), "a parting word");
        assert_eq!(rig.groups(), usize::from(members > 0));
    }
}

#[tokio::test(start_paused = true)]
async fn an_end_reaches_everybody_by_their_own_voices() {
    let rig = Rig::new().await;
    let mut viewers = Vec::new();
    for _ in 0..MANY {
        viewers.push(rig.viewer().await);
    }
    rig.append("last").await;
    rig.close().await;
    settle().await;
    let leavers = rig.leavers();
    assert_eq!((leavers.len(), rig.groups(), rig.subscribers()), (MANY, 0, MANY));
    for (rider, _permit) in leavers {
        assert!(matches!(rider.await, Ended::Clean(_, unread) if unread.is_empty()));
    }
    for viewer in &mut viewers {
        viewer.reads_event("last");
        assert!(viewer.reads_to("0\r\n\r\n").contains("event: close\n"));
    }
    assert_eq!(rig.subscribers(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_drain_cuts_everybody() {
    let rig = Rig::new().await;
    let mut viewers = [rig.viewer().await, rig.viewer().await];
    rig.app.app.hub.tasks().draining().cancel();
    settle().await;
    let leavers = rig.leavers();
    assert_eq!((leavers.len(), rig.groups()), (2, 0));
    for (rider, _permit) in leavers {
        assert!(matches!(rider.await, Ended::Cut(_)));
    }
    for viewer in &mut viewers {
        assert!(viewer.reads_to("\n\n\r\n").contains("retry: "));
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_that_goes_is_no_subscriber_and_the_last_one_takes_the_group_with_it() {
    let rig = Rig::new().await;
    let mut viewers = Vec::new();
    for _ in 0..MANY {
        viewers.push(rig.viewer().await);
    }
    let mut stays = rig.viewer().await;
    drop(viewers);
    while rig.subscribers() > 1 {
        tokio::task::yield_now().await;
    }
    rig.append("a").await;
    settle().await;
    stays.reads_event("a");
    drop(stays);
    rig.stream.unwatched().await;
    assert_eq!((rig.groups(), rig.leavers().len()), (0, 0));
    assert!(rig.lane.readiness().is_empty());
}
