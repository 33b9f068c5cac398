//! Delayed acknowledgements (RFC 1122, 4.2.3.2) on a connection that mostly receives.
//!
//! Linux delays them where both sides talk. Where one only listens, each small segment is acknowledged as soon as it is
//! read: a packet through the whole stack for every token. Asked to delay (`TCP_QUICKACK` off, tcp(7)), the kernel
//! acknowledges every second segment, and after 40 ms without one it goes back to its habit by itself.
//!
//! It goes back where tokens are further apart, and where the upstream withholds a small segment until the one before it is
//! acknowledged (Nagle, RFC 1122, 4.2.3.4). There each attempt holds up one token for 40 ms, so that attempts become rare
//! where they fail.

use tokio::net::TcpStream;

/// So many reads lie between the first two looks; twice as many after each time that the kernel had to be asked.
const READS_BETWEEN_LOOKS: u32 = 32;

/// Asks a kernel to delay its acknowledgements: before the first read, and again where it has gone back meanwhile, at
/// intervals that double with each attempt.
#[derive(Debug)]
pub(super) struct DelayedAcks {
    reads_left: u32,
    interval: u32,
}

impl DelayedAcks {
    pub(super) const fn new() -> Self {
        Self { reads_left: 0, interval: READS_BETWEEN_LOOKS }
    }

    /// To be called before each read of `socket`. Best effort: a system without delayed acknowledgements is as good.
    pub(super) fn before_read(&mut self, socket: &TcpStream) {
        match self.reads_left.checked_sub(1) {
            Some(left) => self.reads_left = left,
            None => self.look(socket),
        }
    }

    #[cold]
    fn look(&mut self, socket: &TcpStream) {
        self.reads_left = self.interval - 1;
        if !delays(socket) {
            delay(socket);
            self.interval = self.interval.saturating_mul(2);
        }
    }
}

#[cfg(target_os = "linux")]
fn delays(socket: &TcpStream) -> bool {
    socket.quickack().is_ok_and(|acks_at_once| !acks_at_once)
}

#[cfg(target_os = "linux")]
fn delay(socket: &TcpStream) {
    let _ = socket.set_quickack(false);
}

#[cfg(not(target_os = "linux"))]
const fn delays(_socket: &TcpStream) -> bool {
    true
}

#[cfg(not(target_os = "linux"))]
const fn delay(_socket: &TcpStream) {}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests {
    use tokio::net::TcpListener;

    use super::*;

    async fn connected() -> (TcpStream, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let here = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        (here, listener.accept().await.unwrap().0)
    }

    #[tokio::test]
    async fn the_kernel_is_asked_before_the_first_read_and_seldom_where_it_goes_back() {
        let (socket, _upstream) = connected().await;
        assert!(!delays(&socket));
        let mut acks = DelayedAcks::new();
        let mut asked_at = Vec::new();
        for read in 0..1_000 {
            acks.before_read(&socket);
            if delays(&socket) {
                asked_at.push(read);
            }
            // As the kernel does after 40 ms.
            socket.set_quickack(true).unwrap();
        }
        assert_eq!(asked_at, [0, 32, 96, 224, 480, 992]);
    }

    #[tokio::test]
    async fn a_kernel_that_still_delays_is_not_asked() {
        let (socket, _upstream) = connected().await;
        let mut acks = DelayedAcks::new();
        for _ in 0..1_000 {
            acks.before_read(&socket);
        }
        assert!(delays(&socket));
        // Once, at the first read.
        assert_eq!(acks.interval, 2 * READS_BETWEEN_LOOKS);
    }
}
