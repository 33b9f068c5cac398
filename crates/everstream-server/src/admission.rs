//! How many connections there may be: in all, and from one address.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, PoisonError};

use crate::problem::{Code, Problem};

/// How long a refused client is asked to wait.
const RETRY_AFTER_SECONDS: u32 = 1;

/// The bounds and what is in use of them. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Admission {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    connections_max: NonZeroUsize,
    per_address_max: Option<NonZeroUsize>,
    in_use: Mutex<InUse>,
}

#[derive(Debug, Default)]
struct InUse {
    connections: usize,
    /// Only kept while there is a bound per address; never more entries than connections.
    by_address: HashMap<IpAddr, usize>,
}

/// One connection's place, given back when dropped.
#[derive(Debug)]
pub(crate) struct Permit {
    shared: Arc<Shared>,
    address: IpAddr,
}

impl Admission {
    pub(crate) fn new(connections_max: NonZeroUsize, per_address_max: Option<NonZeroUsize>) -> Self {
        Self { shared: Arc::new(Shared { connections_max, per_address_max, in_use: Mutex::default() }) }
    }

    /// A place for a connection from `address`.
    ///
    /// # Errors
    /// The problem to answer with before the connection is closed.
    pub(crate) fn admit(&self, address: IpAddr) -> Result<Permit, Problem> {
        let address = network(address);
        let Shared { connections_max, per_address_max, in_use } = &*self.shared;
        let mut in_use = in_use.lock().unwrap_or_else(PoisonError::into_inner);
        if in_use.connections >= connections_max.get() {
            let detail = format!("there are as many connections as max_connections ({connections_max}) allows");
            return Err(Problem::new(Code::TooManyConnections, detail).retry_after_seconds(RETRY_AFTER_SECONDS));
        }
        if let Some(bound) = per_address_max {
            let count = in_use.by_address.entry(address).or_default();
            if *count >= bound.get() {
                let detail =
                    format!("{address} has as many connections as max_connections_per_address ({bound}) allows");
                let problem = Problem::new(Code::TooManyConnectionsFromAddress, detail);
                return Err(problem.retry_after_seconds(RETRY_AFTER_SECONDS));
            }
            *count += 1;
        }
        in_use.connections += 1;
        drop(in_use);
        Ok(Permit { shared: Arc::clone(&self.shared), address })
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let mut in_use = self.shared.in_use.lock().unwrap_or_else(PoisonError::into_inner);
        in_use.connections = in_use.connections.saturating_sub(1);
        if let Some(count) = in_use.by_address.get_mut(&self.address) {
            *count -= 1;
            if *count == 0 {
                in_use.by_address.remove(&self.address);
            }
        }
    }
}

/// What counts as one address: of IPv6 the /64, since a single host has all of it.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => address.into(),
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() >> 64 << 64).into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(number: usize) -> NonZeroUsize {
        NonZeroUsize::new(number).unwrap()
    }

    fn code(admitted: Result<Permit, Problem>) -> Code {
        admitted.unwrap_err().code()
    }

    #[test]
    fn a_place_given_back_can_be_taken_again() {
        let admission = Admission::new(number(1), None);
        let first = admission.admit([10, 0, 0, 1].into()).unwrap();
        assert_eq!(code(admission.admit([10, 0, 0, 2].into())), Code::TooManyConnections);
        drop(first);
        admission.admit([10, 0, 0, 2].into()).unwrap();
    }

    #[test]
    fn each_address_has_its_own_bound() {
        let admission = Admission::new(number(10), Some(number(1)));
        let first = admission.admit([10, 0, 0, 1].into()).unwrap();
        assert_eq!(code(admission.admit([10, 0, 0, 1].into())), Code::TooManyConnectionsFromAddress);
        let _other = admission.admit([10, 0, 0, 2].into()).unwrap();
        drop(first);
        admission.admit([10, 0, 0, 1].into()).unwrap();
    }

    #[test]
    fn a_refusal_takes_no_place() {
        let admission = Admission::new(number(1), Some(number(1)));
        let first = admission.admit([10, 0, 0, 1].into()).unwrap();
        assert_eq!(code(admission.admit([10, 0, 0, 1].into())), Code::TooManyConnections);
        drop(first);
        let in_use = admission.shared.in_use.lock().unwrap();
        assert!(in_use.connections == 0 && in_use.by_address.is_empty());
    }

    #[test]
    fn an_ipv6_host_is_one_address_whatever_it_makes_of_its_network() {
        let admission = Admission::new(number(10), Some(number(1)));
        let _first = admission.admit("2001:db8::1".parse().unwrap()).unwrap();
        assert_eq!(code(admission.admit("2001:db8::2".parse().unwrap())), Code::TooManyConnectionsFromAddress);
        admission.admit("2001:db8:0:1::1".parse().unwrap()).unwrap();
        let _mapped = admission.admit("::ffff:10.0.0.1".parse().unwrap()).unwrap();
        assert_eq!(code(admission.admit([10, 0, 0, 1].into())), Code::TooManyConnectionsFromAddress);
    }
}
