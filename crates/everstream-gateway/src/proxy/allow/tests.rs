use super::*;

fn list(entries: &[&str]) -> AllowList {
    AllowList::new(entries.iter().map(|text| AllowedUpstream::parse(text).unwrap()).collect())
}

#[track_caller]
fn check(entry: &str, allowed: &[&str], refused: &[&str]) {
    let list = list(&[entry]);
    for url in allowed {
        assert!(list.admit(url).is_ok(), "{entry} allows {url}");
    }
    for url in refused {
        let error = list.admit(url).expect_err(url);
        assert_eq!(error.kind(), ErrorKind::UpstreamNotAllowed, "{entry} refuses {url}");
    }
}

#[test]
fn an_empty_list_allows_nothing() {
    assert!(AllowList::default().admit("https://api.openai.com/v1").is_err());
}

#[test]
fn scheme_host_and_port_are_exact() {
    check(
        "https://api.openai.com",
        &[
            "https://api.openai.com",
            "https://api.openai.com:443/v1/chat?x=1#y",
            "HTTPS://API.OpenAI.com/v1",
            "https://api.openai.com/",
        ],
        &[
            "http://api.openai.com/v1",
            "https://api.openai.com:8443/v1",
            "https://api.openai.com.evil.com/v1",
            "https://evil.com/api.openai.com",
            "https://openai.com/",
            "https://xapi.openai.com/",
            "https://api.openai.com./v1",
            "ftp://api.openai.com/",
            "//api.openai.com/",
            "api.openai.com/v1",
            "not-a-valid-url",
            "",
            "https://",
        ],
    );
    check("http://h:8080", &["http://h:8080/x"], &["http://h/x", "http://h:80/x", "https://h:8080/x"]);
    check("http://localhost:*/**", &["http://localhost:1/x", "http://localhost/"], &["https://localhost:1/x"]);
}

#[test]
fn credentials_in_a_url_are_refused() {
    let refused =
        ["https://u@h.example/", "https://u:p@h.example/", "https://h.example@evil.com/", "https://:p@h.example/"];
    check("https://h.example", &["https://h.example/@x"], &refused);
}

#[test]
fn a_wildcard_host_needs_a_label() {
    check(
        "https://*.example.com/api/**",
        &["https://sub.example.com/api/v1/test", "https://a.b.example.com/api/", "https://SUB.example.com/api/x"],
        &[
            "https://example.com/api/v1/test",
            "https://.example.com/api/x",
            "https://evilexample.com/api/x",
            "https://evil.example.com/api",
            "https://sub.example.com/apix/y",
            "https://sub.example.com.evil.com/api/x",
        ],
    );
}

#[test]
fn a_star_is_one_segment_and_two_are_the_rest() {
    check(
        "https://h.example/v1/*",
        &["https://h.example/v1/a"],
        &["https://h.example/v1", "https://h.example/v1/", "https://h.example/v1/a/b", "https://h.example/v2/a"],
    );
    check(
        "https://h.example/*/x/**",
        &["https://h.example/a/x/", "https://h.example/a/x/b/c"],
        &["https://h.example/a/x", "https://h.example//x/b"],
    );
    check("https://h.example/only", &["https://h.example/only?q"], &["https://h.example/only/", "https://h.example/"]);
    check("https://h.example/", &["https://h.example", "https://h.example/"], &["https://h.example/x"]);
}

#[test]
fn no_spelling_climbs_out_of_a_path() {
    check(
        "https://h.example/api/**",
        &["https://h.example/api/a..b", "https://h.example/x/../api/y"],
        &[
            "https://h.example/api/../admin",
            "https://h.example/api/%2e%2e/admin",
            "https://h.example/api/..%2fadmin",
            "https://h.example/api/..%5cadmin",
            "https://h.example/api/%252e%252e/admin",
            "https://h.example/api/..;/admin",
            "https://h.example/api\\..\\admin",
        ],
    );
}

#[test]
fn an_address_that_is_not_public_has_to_be_named() {
    let private = [
        "http://127.0.0.1:9/",
        "http://127.1:9/",
        "http://2130706433:9/",
        "http://0x7f.0.0.1:9/",
        "http://017700000001:9/",
        "http://0:9/",
        "http://[::1]:9/",
        "http://[::ffff:127.0.0.1]:9/",
        "http://[::ffff:7f00:1]:9/",
        "http://[64:ff9b::7f00:1]:9/",
        "http://169.254.169.254:9/latest/meta-data/",
        "http://10.0.0.1:9/",
        "http://[fd00::1]:9/",
        "http://[fe80::1]:9/",
    ];
    // Nothing but the host itself stands for an address: a wildcard cannot.
    check("http://*.example.com:*", &[], &private);
    check("http://127.0.0.1:9", &private[..5], &private[5..]);
    check("http://[::1]:9", &[private[6]], &["http://127.0.0.1:9/", private[7]]);
    check("http://8.8.8.8", &["http://8.8.8.8/x", "http://134744072/x"], &["http://8.8.4.4/"]);
}

#[test]
fn a_host_is_named_by_its_own_entry_alone() {
    let list = list(&["http://ollama:11434", "https://*.example.com"]);
    assert!(list.names("ollama") && !list.names("a.example.com") && !list.names("example.com"));
    assert!(list.has_https() && !self::list(&["http://h"]).has_https());
}

#[test]
fn an_entry_that_is_not_plain_is_refused() {
    use InvalidAllowedUpstream::*;
    for (text, why) in [
        ("api.openai.com", Scheme),
        ("ftp://h", Scheme),
        ("*", Scheme),
        ("https://", Host),
        ("https://*", Host),
        ("https://a*.example.com", Host),
        ("https://*.*.example.com", Host),
        ("https://*.10.0.0.1", Host),
        ("https://API.openai.com", Host),
        ("https://u@h", Host),
        ("http://0x7f.1", Host),
        ("https://h:port", Port),
        ("https://h:", Port),
        ("https://h:99999", Port),
        ("https://h/a*", Path),
        ("https://h/**/a", Path),
        ("https://h/a?b", Path),
        ("https://h/a#b", Path),
        ("https://h/../b", Path),
        ("https://h/a b", Path),
    ] {
        assert_eq!(AllowedUpstream::parse(text), Err(why), "{text}");
    }
}
