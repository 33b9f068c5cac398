//! When the next event is due, on the same epoll as the sockets. The time limit of epoll itself counts in whole
//! milliseconds, which is too coarse for a load.

use std::os::fd::{AsRawFd as _, OwnedFd};
use std::time::Instant;

use anyhow::Result;
use mio::unix::SourceFd;
use mio::{Interest, Registry, Token};
use rustix::time::{Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec};
use rustix::time::{timerfd_create, timerfd_settime};

/// A timer that makes its poll return.
#[derive(Debug)]
pub(crate) struct Timer {
    fd: OwnedFd,
}

impl Timer {
    /// What its poll knows it by; connections count from 0.
    pub(crate) const TOKEN: Token = Token(usize::MAX);

    pub(crate) fn new(registry: &Registry) -> Result<Self> {
        let fd = timerfd_create(TimerfdClockId::Monotonic, TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC)?;
        registry.register(&mut SourceFd(&fd.as_raw_fd()), Self::TOKEN, Interest::READABLE)?;
        Ok(Self { fd })
    }

    /// Rings once at `at`, and says whether that is still to come; setting it forgets what it was set to before.
    pub(crate) fn set(&self, at: Instant) -> Result<bool> {
        let time = at.saturating_duration_since(Instant::now());
        if time.is_zero() {
            return Ok(false);
        }
        let once = Timespec { tv_sec: 0, tv_nsec: 0 };
        let value = Timespec { tv_sec: i64::try_from(time.as_secs())?, tv_nsec: time.subsec_nanos().into() };
        timerfd_settime(&self.fd, TimerfdTimerFlags::empty(), &Itimerspec { it_interval: once, it_value: value })?;
        Ok(true)
    }
}
