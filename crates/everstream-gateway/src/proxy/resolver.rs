//! Names become addresses once, here, and only these addresses are connected to: no second look-up can give another
//! answer than the one that was judged.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

use super::AllowList;
use super::address::{Reach, reach};
use crate::upstream::{Found, Resolve};

/// The proxy's look at DNS.
#[derive(Debug, Clone)]
pub(crate) struct Resolver {
    allow: Arc<AllowList>,
}

/// A name leads only to addresses that the proxy must not call.
#[derive(Debug)]
pub(crate) struct AddressRefused;

impl Resolver {
    pub(crate) const fn new(allow: Arc<AllowList>) -> Self {
        Self { allow }
    }
}

impl Resolve for Resolver {
    fn resolve(&self, name: &str) -> Found {
        let (name, is_named) = (name.to_owned(), self.allow.names(name));
        Box::pin(async move {
            // The port is the URL's; the connector puts it in.
            let found: Vec<SocketAddr> = tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            Ok(judge(&found, is_named)?)
        })
    }
}

/// The addresses of `found` that may be called, for a name that the allow-list has as it is, or only by a wildcard.
fn judge(found: &[SocketAddr], is_named: bool) -> Result<Vec<SocketAddr>, AddressRefused> {
    let may_be = |address: &SocketAddr| match reach(address.ip()) {
        Reach::Public => true,
        Reach::Private => is_named,
        Reach::Never => false,
    };
    let allowed: Vec<SocketAddr> = found.iter().copied().filter(may_be).collect();
    if allowed.is_empty() && !found.is_empty() { Err(AddressRefused) } else { Ok(allowed) }
}

impl AddressRefused {
    /// Whether `error` comes from one.
    pub(crate) fn is_cause_of(error: &(dyn std::error::Error + 'static)) -> bool {
        let mut cause = Some(error);
        while let Some(error) = cause {
            if error.is::<Self>() {
                return true;
            }
            cause = error.source();
        }
        false
    }
}

impl fmt::Display for AddressRefused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the name leads to no address that may be called")
    }
}

impl std::error::Error for AddressRefused {}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(found: &[&str], is_named: bool) -> Option<Vec<String>> {
        let found: Vec<SocketAddr> = found.iter().map(|ip| SocketAddr::new(ip.parse().unwrap(), 0)).collect();
        let allowed = judge(&found, is_named).ok()?;
        Some(allowed.iter().map(|address| address.ip().to_string()).collect())
    }

    #[test]
    fn a_private_address_needs_a_name_that_is_written_down() {
        assert_eq!(judged(&["10.0.0.1"], false), None);
        assert_eq!(judged(&["10.0.0.1", "::1"], true), Some(vec!["10.0.0.1".into(), "::1".into()]));
    }

    #[test]
    fn no_name_leads_to_a_metadata_service() {
        assert_eq!(judged(&["169.254.169.254"], true), None);
        assert_eq!(judged(&["fe80::1", "0.0.0.0"], true), None);
    }

    #[test]
    fn of_a_mixed_answer_only_the_public_addresses_are_called() {
        assert_eq!(judged(&["127.0.0.1", "1.1.1.1"], false), Some(vec!["1.1.1.1".into()]));
    }
}
