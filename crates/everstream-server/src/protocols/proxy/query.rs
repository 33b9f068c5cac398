//! The query of a request to the proxy.

use http::Uri;

use crate::proxy_gate::Proof;

/// Parameters that are the proxy's own; everything else is about reading and goes on.
const OWN: [&str; 5] = ["expires", "signature", "scope", "secret", "action"];

/// Names and values in their order, decoded once.
#[derive(Debug, Default)]
pub(super) struct Query(Vec<(String, String)>);

impl Query {
    pub(super) fn of(uri: &Uri) -> Self {
        axum::extract::Query::try_from_uri(uri).map(|query| Self(query.0)).unwrap_or_default()
    }

    /// The first value of `name`.
    pub(super) fn first(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// What proves that the URL was signed; `None` when either part is missing or empty.
    pub(super) fn proof(&self) -> Option<Proof<'_>> {
        let part = |name| self.first(name).filter(|value| !value.is_empty());
        Some(Proof { expires: part("expires")?, signature: part("signature")?, scope: self.first("scope") })
    }

    /// What is left for the routes of streams, as it was written.
    pub(super) fn about_reading(uri: &Uri) -> String {
        let is_own = |pair: &&str| OWN.contains(&pair.split('=').next().unwrap_or_default());
        let pairs = uri.query().unwrap_or_default().split('&').filter(|pair| !pair.is_empty() && !is_own(pair));
        pairs.collect::<Vec<_>>().join("&")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn proofs_stay_here_and_the_rest_goes_on_as_it_was_written() {
        let uri = "/v1/proxy/x?expires=1&offset=0_0&signature=a.b&live=sse&secret=s&cursor=%31&action=abort&scope=read";
        assert_eq!(Query::about_reading(&uri.parse().unwrap()), "offset=0_0&live=sse&cursor=%31");
        assert_eq!(Query::about_reading(&"/v1/proxy/x".parse().unwrap()), "");
    }

    #[test]
    fn a_proof_has_both_parts() {
        for (query, is_there) in [
            ("expires=1&signature=a", true),
            ("expires=1", false),
            ("signature=a", false),
            ("expires=&signature=a", false),
            ("expires=1&signature=", false),
        ] {
            assert_eq!(Query::of(&format!("/x?{query}").parse().unwrap()).proof().is_some(), is_there, "{query}");
        }
    }
}
