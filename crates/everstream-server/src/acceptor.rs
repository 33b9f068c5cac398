//! Accepts connections and hands them to the workers in turn.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use everstream_hub::Tasks;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::sync::mpsc::Sender;
use tokio::sync::mpsc::error::TrySendError;

use crate::admission::{Admission, Permit};
use crate::connection;
use crate::listener;
use crate::problem::Problem;
use crate::worker::Arrival;

/// How long nothing is accepted after the process ran out of file descriptors.
const PAUSE: Duration = Duration::from_millis(100);

/// Refusals under way at a time; further ones are just closed, so that refusing never costs more than serving.
const REFUSALS_MAX: usize = 64;

/// The accepting side of the server.
#[derive(Debug)]
pub(crate) struct Acceptor {
    pub(crate) listener: TcpListener,
    pub(crate) admission: Admission,
    pub(crate) peer_timeout: Duration,
    pub(crate) workers: Vec<Sender<Arrival>>,
    pub(crate) tasks: Tasks,
}

impl Acceptor {
    /// Accepts until dropped.
    ///
    /// # Cancel safety
    /// Dropped, it has dropped the listener: further connections are refused by the kernel.
    pub(crate) async fn run(self) {
        let refusals = Arc::new(Semaphore::new(REFUSALS_MAX));
        let mut turn = 0_usize;
        loop {
            match self.listener.accept().await {
                Ok((socket, peer)) => match self.admission.admit(peer.ip()) {
                    Ok(permit) => {
                        turn = turn.wrapping_add(1);
                        if let Err(error) = self.hand_over(socket, peer, permit, turn).await {
                            tracing::debug!(%peer, %error, "a connection was gone before it was served");
                        }
                    }
                    Err(problem) => self.refuse(socket, problem, &refusals),
                },
                Err(error) if is_of_one_connection(&error) => {}
                Err(error) => {
                    tracing::error!(%error, "no connection can be accepted; is the limit of open files too low?");
                    tokio::time::sleep(PAUSE).await;
                }
            }
        }
    }

    /// To the worker whose turn it is, or the next one with room; when none has, accepting waits.
    async fn hand_over(&self, socket: TcpStream, peer: SocketAddr, permit: Permit, turn: usize) -> io::Result<()> {
        let socket = socket.into_std()?;
        listener::set_up(&socket, self.peer_timeout)?;
        let mut arrival = Arrival { socket, peer, permit };
        let count = self.workers.len().max(1);
        for worker in self.workers.iter().cycle().skip(turn % count).take(count) {
            match worker.try_send(arrival) {
                Ok(()) => return Ok(()),
                Err(TrySendError::Full(back) | TrySendError::Closed(back)) => arrival = back,
            }
        }
        match self.workers.get(turn % count) {
            Some(worker) => worker.send(arrival).await.map_err(|_| io::ErrorKind::NotConnected.into()),
            None => Err(io::ErrorKind::NotConnected.into()),
        }
    }

    fn refuse(&self, socket: TcpStream, problem: Problem, refusals: &Arc<Semaphore>) {
        let Ok(place) = Arc::clone(refusals).try_acquire_owned() else { return };
        drop(self.tasks.spawn(async move {
            // A client that is gone needs no answer.
            let _ = connection::refuse(socket, &problem).await;
            drop(place);
        }));
    }
}

/// Whether the error is about the connection that would have been accepted, not about accepting.
fn is_of_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted)
}
