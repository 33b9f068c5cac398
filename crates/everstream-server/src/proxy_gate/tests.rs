use super::*;
use crate::signing::{Secret, SigningKey};

const NOW: Timestamp = Timestamp(1_700_000_000_123);
const ID: &str = "0192f0c1-0000-7000-8000-000000000001";

fn gate() -> ProxyGate {
    let keys = SigningKeys::new(vec![SigningKey::new("k1", Secret::new(b"signing"))]);
    let via = via(&keys);
    let secrets = Secrets::new(vec![Secret::new(b"a secret")]);
    ProxyGate { secrets, keys, url_ttl: Duration::from_secs(60), via }
}

/// Judges the URL with this query as the protocol would.
fn judge(gate: &ProxyGate, id: &str, query: &str, wanted: Scope, now: Timestamp) -> Result<Timestamp, Code> {
    let value = |name: &str| {
        query.split('&').find_map(|pair| pair.split_once('=').filter(|(key, _)| *key == name).map(|(_, value)| value))
    };
    let proof =
        Proof { expires: value("expires").unwrap(), signature: value("signature").unwrap(), scope: value("scope") };
    gate.check_url(id, proof, wanted, now).map_err(|problem| problem.code())
}

#[test]
fn a_url_holds_for_its_stream_and_its_time() {
    let gate = gate();
    let query = gate.sign(ID, Scope::All, NOW);
    assert!(query.starts_with("expires=1700000060&signature=k1."), "{query}");
    let end = Timestamp(1_700_000_060_000);
    for wanted in [Scope::Read, Scope::Abort] {
        assert_eq!(judge(&gate, ID, &query, wanted, end), Ok(end));
        assert_eq!(judge(&gate, ID, &query, wanted, Timestamp(end.0 + 1)), Err(Code::SignatureExpired));
        let other = "0192f0c1-0000-7000-8000-000000000002";
        assert_eq!(judge(&gate, other, &query, wanted, NOW), Err(Code::SignatureInvalid));
    }
}

#[test]
fn a_url_for_one_thing_does_not_allow_the_other() {
    let gate = gate();
    for (own, other) in [(Scope::Read, Scope::Abort), (Scope::Abort, Scope::Read)] {
        let query = gate.sign(ID, own, NOW);
        assert!(judge(&gate, ID, &query, own, NOW).is_ok());
        assert_eq!(judge(&gate, ID, &query, other, NOW), Err(Code::ScopeExceeded));
        let widened = query.replace("&scope=read", "").replace("&scope=abort", "");
        assert_eq!(judge(&gate, ID, &widened, other, NOW), Err(Code::SignatureInvalid));
        let renamed = query.replace("scope=read", "scope=x").replace("scope=abort", "scope=x");
        assert_eq!(judge(&gate, ID, &renamed, own, NOW), Err(Code::SignatureInvalid));
    }
}

#[test]
fn a_changed_url_is_refused() {
    let gate = gate();
    let query = gate.sign(ID, Scope::All, NOW);
    for (from, to, code) in [
        ("1700000060", "1700000061", Code::SignatureInvalid),
        ("1700000060", "01700000060", Code::SignatureInvalid),
        ("1700000060", "99999999999999999999", Code::SignatureExpired),
        ("1700000060", "1", Code::SignatureExpired),
        ("1700000060", "", Code::SignatureExpired),
        ("1700000060", "soon", Code::SignatureExpired),
        ("signature=k1.", "signature=k2.", Code::SignatureInvalid),
        ("signature=k1.", "signature=", Code::SignatureInvalid),
    ] {
        assert_eq!(judge(&gate, ID, &query.replace(from, to), Scope::Read, NOW), Err(code), "{to}");
    }
}

#[test]
fn a_caller_shows_its_secret_in_the_query_or_as_a_bearer_token() {
    let headers = |value: &'static str| HeaderMap::from_iter([(AUTHORIZATION, HeaderValue::from_static(value))]);
    let check = |query, value| gate().check_secret(query, &headers(value)).map_err(|problem| problem.code());
    assert_eq!(check(Some("a secret"), ""), Ok(()));
    assert_eq!(check(None, "bearer  a secret"), Ok(()));
    assert_eq!(check(Some(""), "Bearer a secret"), Ok(()));
    assert_eq!(check(Some("another"), "Bearer a secret"), Err(Code::InvalidSecret));
    assert_eq!(check(None, "Bearer another"), Err(Code::InvalidSecret));
    for missing in ["", "Bearer", "Bearer ", "Basic a secret"] {
        assert_eq!(check(None, missing), Err(Code::MissingSecret), "{missing:?}");
    }
}

#[test]
fn a_call_of_its_own_is_recognised_behind_other_hops() {
    let gate = gate();
    let own = gate.via.to_str().unwrap();
    let is_own = |via: &str| gate.is_own_call(&HeaderMap::from_iter([(VIA, HeaderValue::from_str(via).unwrap())]));
    assert!(is_own(own) && is_own(&format!("1.0 fred, {own} ,1.1 nginx")));
    assert!(!is_own("1.1 everstream-other") && !gate.is_own_call(&HeaderMap::new()));
}
