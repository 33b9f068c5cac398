//! Runs the engine step by step: one call of the load, then the background's share, then the next call.

use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::time::{Duration, Instant};

use crate::device::Device;
use crate::rest::{Rest, Threads};
use crate::thread::Role;

/// Nothing an engine does takes so long; beyond it something waits for ever.
const PATIENCE: Duration = Duration::from_secs(20);

/// How much the threads in the background may do between two calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pace {
    /// All there is to do.
    Whole,
    /// So many steps on the device each; the rest waits for later calls.
    Steps(u64),
}

/// Drives calls of an engine on a device, from one thread.
#[derive(Debug)]
pub(crate) struct Driver {
    threads: Threads,
}

impl Driver {
    /// To be made before the engine is.
    pub(crate) fn new() -> Self {
        Self { threads: Threads::new() }
    }

    /// Waits for a call, on a thread of its own: the engine may make it block. Background threads get the leave they
    /// need, a step at a time, when all wait for it.
    pub(crate) fn wait<T: Send>(&mut self, device: &Device, call: impl Future<Output = T> + Send) -> T {
        self.run(device, || block(call))
    }

    /// Runs what blocks on a thread of its own.
    pub(crate) fn run<T: Send>(&mut self, device: &Device, work: impl FnOnce() -> T + Send) -> T {
        std::thread::scope(|scope| {
            let thread = scope.spawn(work);
            let watch = Watch::new();
            let mut turns = 0_u32;
            while !thread.is_finished() {
                turns += 1;
                // A look at the threads costs more than most calls.
                if !turns.is_multiple_of(16) {
                    std::thread::yield_now();
                    continue;
                }
                let rest = self.threads.rest();
                if !thread.is_finished() {
                    self.help(device, rest, &watch);
                }
            }
            match thread.join() {
                Ok(outcome) => outcome,
                Err(panic) => std::panic::resume_unwind(panic),
            }
        })
    }

    /// Gives the background its share and waits until every thread of the engine is at rest.
    pub(crate) fn settle(&mut self, device: &Device, pace: Pace) {
        let steps = match pace {
            Pace::Whole => u64::MAX,
            Pace::Steps(steps) => steps,
        };
        Role::BACKGROUND.into_iter().for_each(|role| device.allow(role, steps));
        let watch = Watch::new();
        loop {
            match self.threads.rest() {
                Rest::Deep => break,
                Rest::Timed if Role::BACKGROUND.into_iter().any(|role| device.is_waiting(role)) => break,
                Rest::Timed | Rest::Busy => watch.check("the engine does not come to rest", device),
            }
        }
        Role::BACKGROUND.into_iter().for_each(|role| device.allow(role, 0));
    }

    fn help(&self, device: &Device, rest: Rest, watch: &Watch) {
        if rest != Rest::Busy
            && let Some(role) = Role::BACKGROUND.into_iter().find(|role| device.is_waiting(*role))
        {
            device.allow(role, 1);
        }
        watch.check("a call of the engine does not return", device);
    }
}

struct Watch {
    since: Instant,
}

impl Watch {
    fn new() -> Self {
        Self { since: Instant::now() }
    }

    #[expect(clippy::print_stderr, reason = "the last word before the process ends")]
    fn check(&self, said: &str, device: &Device) {
        std::thread::yield_now();
        if self.since.elapsed() >= PATIENCE {
            eprintln!("{}: {said}; the last steps were:\n{}", device.label(), device.tail_of_steps(30));
            // The engine's threads cannot be ended in another way, and nobody can wait for them.
            std::process::abort();
        }
    }
}

/// A call among others.
pub(crate) type Call<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// All of them, polled in order; done when each is.
pub(crate) fn all<'a, T: Send + Unpin + 'a>(mut calls: Vec<Call<'a, T>>) -> Call<'a, Vec<T>> {
    let mut answers: Vec<Option<T>> = calls.iter().map(|_| None).collect();
    Box::pin(std::future::poll_fn(move |context| {
        for (call, answer) in calls.iter_mut().zip(&mut answers) {
            if answer.is_none()
                && let Poll::Ready(ready) = call.as_mut().poll(context)
            {
                *answer = Some(ready);
            }
        }
        if answers.iter().any(Option::is_none) {
            return Poll::Pending;
        }
        Poll::Ready(std::mem::take(&mut answers).into_iter().flatten().collect())
    }))
}

/// The answer of a call, on a thread that may block.
pub(crate) fn block<T>(call: impl Future<Output = T>) -> T {
    struct Unpark(std::thread::Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
    let mut call = pin!(call);
    loop {
        match call.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(answer) => return answer,
            Poll::Pending => std::thread::park(),
        }
    }
}

/// The answer of a call that never waits, as those of the memory engine.
pub(crate) fn ready<T>(call: impl Future<Output = T>) -> T {
    let mut call = pin!(call);
    loop {
        if let Poll::Ready(answer) = call.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            return answer;
        }
    }
}
