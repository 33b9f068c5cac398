//! The listening socket: the one place that binds.

use std::fmt;
use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

use socket2::{Domain, SockRef, Socket, TcpKeepalive, Type};

/// Connections that may wait to be accepted; the kernel caps it further.
const BACKLOG: i32 = 4096;

/// Silence after which the kernel asks whether the peer is still there.
const KEEPALIVE_AFTER: Duration = Duration::from_secs(30);

/// Why an address cannot be bound; `Display` says what to do.
#[derive(Debug)]
pub struct BindError {
    address: SocketAddr,
    source: io::Error,
}

/// Binds and listens on `address`.
pub(crate) fn bind(address: SocketAddr) -> Result<TcpListener, BindError> {
    open(address).map_err(|source| BindError { address, source })
}

fn open(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
    // A restart must not wait for the connections of the process before it.
    socket.set_reuse_address(true)?;
    if address.ip().is_loopback() {
        do_not_pace(&socket);
    }
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    socket.set_nonblocking(true)?;
    Ok(socket.into())
}

/// Has the connections of a listening socket sent to as fast as they are read. Nothing is congested inside a machine, but
/// a kernel whose default is to pace (BBR) sets a timer between any two packets there, too: half of what sending much
/// costs, and of the time it takes. Best effort: Linux has `reno` always, other systems do not pace.
fn do_not_pace(socket: &Socket) {
    #[cfg(target_os = "linux")]
    let _ = socket.set_tcp_congestion(b"reno");
    #[cfg(not(target_os = "linux"))]
    let _ = socket;
}

/// Sets up an accepted socket: small frames go out at once, and a peer that is gone is noticed.
///
/// # Errors
/// As the socket; a peer that is gone already is one.
pub(crate) fn set_up(socket: &TcpStream, peer_timeout: Duration) -> io::Result<()> {
    socket.set_nodelay(true)?;
    let socket = SockRef::from(socket);
    socket.set_tcp_keepalive(&TcpKeepalive::new().with_time(KEEPALIVE_AFTER).with_interval(KEEPALIVE_AFTER / 3))?;
    #[cfg(target_os = "linux")]
    socket.set_tcp_user_timeout(Some(peer_timeout))?;
    #[cfg(not(target_os = "linux"))]
    let _ = peer_timeout;
    Ok(())
}

impl fmt::Display for BindError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { address, source } = self;
        match source.kind() {
            io::ErrorKind::AddrInUse => write!(
                f,
                "listen = \"{address}\" is in use by another process; end that, or try --listen {}:0 for a free port",
                Ip(*address)
            ),
            io::ErrorKind::PermissionDenied => {
                write!(
                    f,
                    "listen = \"{address}\" is not ours to bind; try a port above 1023, such as --listen {}:8000",
                    Ip(*address)
                )
            }
            io::ErrorKind::AddrNotAvailable => {
                write!(
                    f,
                    "listen = \"{address}\" is no address of this machine; try --listen 127.0.0.1:{}",
                    address.port()
                )
            }
            _ => write!(f, "listen = \"{address}\" cannot be bound: {source}"),
        }
    }
}

impl std::error::Error for BindError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.source)
    }
}

/// The address as it stands before a port.
struct Ip(SocketAddr);

impl fmt::Display for Ip {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            SocketAddr::V4(address) => write!(f, "{}", address.ip()),
            SocketAddr::V6(address) => write!(f, "[{}]", address.ip()),
        }
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn connections_within_the_machine_are_not_paced() {
        let listener = bind(SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
        listener.set_nonblocking(false).unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (accepted, _) = listener.accept().unwrap();
        let congestion = SockRef::from(&accepted).tcp_congestion().unwrap();
        assert_eq!(congestion.split(|byte| *byte == 0).next(), Some(b"reno".as_slice()));
        drop(client);
    }
}
