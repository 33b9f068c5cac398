use std::collections::BTreeMap;
use std::time::Duration;

use everstream_log::SystemClock;

use super::*;
use crate::protocols::demo_upstream::{self, Surroundings};

/// Resolves a file, an environment and flags.
fn layers(file: &str, environment: &[(&str, &str)], flags: &[(&'static str, &str)]) -> Result<Resolved, ConfigError> {
    let environment = environment.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())).collect();
    resolve(Layers {
        file: Some(FileText { path: "everstream.toml", text: file }),
        environment: &environment,
        flags: &ServeArgs::with(flags),
    })
}

fn config(file: &str) -> Config {
    layers(file, &[], &[]).unwrap().config
}

fn refusal(file: &str, environment: &[(&str, &str)], flags: &[(&'static str, &str)]) -> String {
    layers(file, environment, flags).unwrap_err().to_string()
}

#[test]
fn every_default_is_lawful_and_the_documented_one() {
    let config = Config::defaults().unwrap();
    assert_eq!(config.listen, ([127, 0, 0, 1], 8000).into());
    assert_eq!(config.storage(), Storage::Disk("everstream-data".into()));
    assert_eq!(config.keep_alive, Limit::At(Duration::from_secs(15)));
    assert_eq!(config.drain_timeout, Duration::from_secs(10));
    assert_eq!(config.head_timeout, Duration::from_secs(10));
    assert_eq!(config.max_head_bytes, ByteSize(16 << 10));
    assert_eq!(config.max_body_bytes, ByteSize(32 << 20));
    assert_eq!(config.max_event_bytes, ByteSize(1 << 20));
    assert_eq!((config.cors_origins.len(), config.cors_credentials), (0, false));
    assert!(config.serves_demo());
}

#[test]
fn every_key_has_an_example_that_does() {
    for key in KEYS {
        if let Err(error) = layers("", &[], &[(key.name, key.example), ("insecure", "true")]) {
            panic!("{}: {error}", key.name);
        }
    }
}

#[test]
fn a_stronger_layer_wins_and_says_where_it_is() {
    let file = "# first line\nretry = \"1s\"\n";
    let environment = ("EVERSTREAM_RETRY", "3s");
    let flag = ("retry", "4s");
    let source = |resolved: &Resolved| {
        let entry = resolved.entries.iter().find(|(name, ..)| *name == "retry").unwrap();
        (resolved.config.retry.as_secs(), entry.2.to_string())
    };
    let from = |file, environment: &[_], flags: &[_]| source(&layers(file, environment, flags).unwrap());
    assert_eq!(from("", &[], &[]), (2, "default".to_owned()));
    assert_eq!(from(file, &[], &[]), (1, "everstream.toml:2".to_owned()));
    assert_eq!(from(file, &[environment], &[]), (3, "environment EVERSTREAM_RETRY".to_owned()));
    assert_eq!(from(file, &[environment], &[flag]), (4, "--retry".to_owned()));
}

#[test]
fn values_are_read_with_their_units() {
    let config = config(
        "ttl = \"876000h\"\npeer_timeout = \"596h\"\nkeep_alive = 0\nretry = \"500ms\"\nmax_subscription_age = \"1h 30m\"\nmax_body_bytes = \"5MiB\"\n\
         max_event_bytes = 20000\nmax_connections = 7\ndurability = \"memory\"\ncors_origins = [\"http://localhost:5173\", \"https://a.example\"]\n\
         cors_credentials = true\n",
    );
    assert_eq!(config.keep_alive, Limit::Off);
    assert_eq!(config.retry, Duration::from_millis(500));
    assert_eq!(config.max_subscription_age, Limit::At(Duration::from_secs(5400)));
    assert_eq!(config.max_body_bytes, ByteSize(5 << 20));
    assert_eq!(config.max_event_bytes, ByteSize(20_000));
    assert_eq!(config.max_connections.get(), 7);
    assert_eq!(config.storage(), Storage::Memory);
    assert_eq!(
        config.cors_origins.iter().map(Origin::as_str).collect::<Vec<_>>(),
        ["http://localhost:5173", "https://a.example"]
    );
    assert!(config.cors_credentials);
}

#[test]
fn a_wrong_value_is_named_with_its_key_place_and_an_example() {
    for (file, sentence) in [
        ("\nretry = \"1 hr\"", "retry = \"1 hr\" (everstream.toml:2) is no duration; try \"15s\""),
        ("\nretry = 15", "retry = \"15\" (everstream.toml:2) has no unit; try \"15s\""),
        ("retry = \"soon\"", "retry = \"soon\" (everstream.toml:1) is no duration; try \"15s\""),
        ("retry = \"-1s\"", "retry = \"-1s\" (everstream.toml:1) is negative; try \"15s\""),
        ("retry = \"0s\"", "retry = \"0s\" (everstream.toml:1) is zero; try \"15s\""),
        (
            "idle_timeout = \"2562047788015215h\"",
            "idle_timeout = \"2562047788015215h\" (everstream.toml:1) is longer than a hundred years (876000h); try \"15s\"",
        ),
        (
            "peer_timeout = \"597h\"",
            "peer_timeout = \"597h\" (everstream.toml:1) is more than the 596h that a kernel can count; try \"60s\"",
        ),
        (
            "max_queued_appends = 9223372036854775807",
            "max_queued_appends = \"9223372036854775807\" (everstream.toml:1) is more than can ever wait; try \"1024\"",
        ),
        ("max_event_bytes = \"5 or 6\"", "max_event_bytes = \"5 or 6\" (everstream.toml:1) is no size; try \"16KiB\""),
        (
            "max_event_bytes = \"5MB\"",
            "max_event_bytes = \"5MB\" (everstream.toml:1) has a unit that is none of B, KiB, MiB and GiB; try \"16KiB\"",
        ),
        (
            "max_connections = 0",
            "max_connections = \"0\" (everstream.toml:1) is no whole number above zero; try \"10000\"",
        ),
        (
            "durability = \"disk\"",
            "durability = \"disk\" (everstream.toml:1) is none of memory, os and fsync; try \"os\"",
        ),
        ("listen = 8000", "listen = \"8000\" (everstream.toml:1) is no IP address with a port; try \"127.0.0.1:8000\""),
        (
            "cors_origins = [\"https://a.example/\"]",
            "cors_origins = \"https://a.example/\" (everstream.toml:1) has \"https://a.example/\", \
                 which is more than scheme, host and port in lower case; try \"https://app.example.com\"",
        ),
        (
            "max_head_bytes = \"1KiB\"",
            "max_head_bytes = \"1KiB\" (everstream.toml:1) is less than 8KiB, which a browser's head may need; try \"16KiB\"",
        ),
    ] {
        assert_eq!(refusal(file, &[], &[]), sentence);
    }
}

#[test]
fn the_environment_and_the_flags_are_named_in_refusals() {
    assert_eq!(
        refusal("", &[("EVERSTREAM_RETRY", "x")], &[]),
        "retry = \"x\" (environment EVERSTREAM_RETRY) is no duration; try \"15s\""
    );
    assert_eq!(
        refusal("", &[], &[("long_poll_timeout", "x")]),
        "long_poll_timeout = \"x\" (--long-poll-timeout) is no duration; try \"15s\""
    );
}

#[test]
fn an_unknown_key_leads_to_the_nearest() {
    assert_eq!(refusal("\n\nkeepalive = \"5s\"", &[], &[]), "keepalive (everstream.toml:3) is no key; try keep_alive");
    assert_eq!(
        refusal("[upstreams.a]\nmout = \"/a\"", &[], &[]),
        "upstreams.a.mout (everstream.toml:2) is no key; try mount"
    );
}

#[test]
fn an_unknown_variable_is_warned_of() {
    let resolved = layers("", &[("EVERSTREAM_RETRYY", "1s")], &[]).unwrap();
    assert_eq!(resolved.warnings, ["environment EVERSTREAM_RETRYY is no key; try EVERSTREAM_RETRY"]);
}

#[test]
fn variables_that_are_not_meant_for_us_are_left_alone() {
    let others =
        ["EVERSTREAM_CONFIG", "EVERSTREAM_SERVICE_HOST", "EVERSTREAM_PORT", "EVERSTREAM_PORT_8000_TCP", "HOME"];
    let resolved = layers("", &others.map(|name| (name, "tcp://10.0.0.1:8000")), &[]).unwrap();
    assert!(resolved.warnings.is_empty(), "{:?}", resolved.warnings);
}

#[test]
fn text_that_is_no_toml_is_refused_at_its_line() {
    let sentence = refusal("retry = \"1s\"\nlisten 8000\n", &[], &[]);
    assert!(sentence.starts_with("everstream.toml:2 is no TOML: "), "{sentence}");
}

#[test]
fn an_open_address_needs_a_word() {
    assert_eq!(
        refusal("", &[], &[("listen", "0.0.0.0:8000")]),
        "listen = \"0.0.0.0:8000\" (--listen) is open to other machines while clients need no credentials; \
         add --insecure if that is meant; try \"127.0.0.1:8000\""
    );
    layers("", &[], &[("listen", "0.0.0.0:8000"), ("insecure", "true")]).unwrap();
    layers("", &[], &[("listen", "[::1]:0")]).unwrap();
}

const UPSTREAM: &str = r#"
[upstreams.openai]
mount = "/openai"
url = "https://api.openai.com/"
on_disconnect = "cancel-after=30"
total_timeout = 0
[upstreams.openai.headers]
Authorization = "Bearer ${OPENAI_API_KEY}"
X-Plain = "a"
"#;

#[test]
fn an_upstream_takes_its_secrets_from_the_environment_and_never_shows_them() {
    let resolved = layers(UPSTREAM, &[("OPENAI_API_KEY", "sk-hidden")], &[]).unwrap();
    let upstream = &resolved.config.upstreams[0];
    assert_eq!((upstream.name.as_str(), upstream.mount.as_str()), ("openai", "/openai"));
    assert_eq!(upstream.url.as_str(), "https://api.openai.com/");
    assert_eq!(upstream.on_disconnect, everstream_gateway::OnDisconnect::CancelAfter(Duration::from_secs(30)));
    assert_eq!(upstream.total_timeout, Limit::Off);
    assert_eq!(upstream.idle_timeout, Duration::from_secs(120));
    let authorization = upstream.headers.iter().find(|(name, _)| name == "authorization").unwrap();
    assert_eq!(authorization.1, "Bearer sk-hidden");
    assert!(!resolved.config.serves_demo());
    assert!(!format!("{resolved:?}").contains("sk-hidden"));
}

#[test]
fn the_gateway_gets_every_upstream_and_the_demo_while_there_is_none() {
    let mounts = |config: &Config, address: &str| {
        let surroundings = Surroundings::new(Arc::new(SystemClock), config);
        let mounts = config.gateway(address.parse().unwrap(), &demo_upstream::in_process(surroundings)).mounts;
        assert!(mounts.iter().all(|mount| mount.in_process.is_some() == (mount.name == "demo")));
        mounts.iter().map(|mount| format!("{} {}", mount.path, mount.url)).collect::<Vec<_>>()
    };
    let plain = Config::defaults().unwrap();
    assert_eq!(mounts(&plain, "127.0.0.1:8000"), ["/demo http://127.0.0.1:8000/demo-upstream"]);
    assert_eq!(mounts(&plain, "0.0.0.0:81"), ["/demo http://127.0.0.1:81/demo-upstream"]);
    assert_eq!(mounts(&plain, "[::]:81"), ["/demo http://[::1]:81/demo-upstream"]);
    let file = "[upstreams.a]\nmount = \"/a\"\nurl = \"http://a.example\"\n";
    assert_eq!(mounts(&config(file), "127.0.0.1:8000"), ["/a http://a.example/"]);
    let both = format!("demo = \"on\"\n{file}");
    assert_eq!(mounts(&config(&both), "127.0.0.1:8000").len(), 2);
}

#[test]
fn an_upstream_that_cannot_work_is_refused_without_its_secrets() {
    let with = |line: &str| format!("[upstreams.a]\nmount = \"/a\"\nurl = \"http://a\"\n{line}\n");
    for (file, sentence) in [
        (
            UPSTREAM.to_owned(),
            "upstreams.openai.headers.Authorization (everstream.toml:8) needs the environment variable OPENAI_API_KEY, which is not set",
        ),
        (
            "[upstreams.a]\nmount = \"/a\"".to_owned(),
            "upstreams.a.url is missing; try url = \"https://api.openai.com\"",
        ),
        (
            with("dialect = \"x\""),
            "upstreams.a.dialect = \"x\" (everstream.toml:4) is none of auto, openai-chat and sse; try \"openai-chat\"",
        ),
        (
            with("headers = { \"a b\" = \"sk-1\" }"),
            "upstreams.a.headers.a b (everstream.toml:4) is no header name; try \"authorization\"",
        ),
        (
            with("[upstreams.b]\nmount = \"/a\"\nurl = \"http://b\""),
            "upstreams.b.mount = \"/a\" is mounted twice; give each upstream a path of its own",
        ),
        (
            "[upstreams.a]\nmount = \"/v1/x\"\nurl = \"http://a\"".to_owned(),
            "upstreams.a.mount = \"/v1/x\" is a path of the server itself; try \"/openai\"",
        ),
        (
            "[upstreams.a]\nmount = \"a\"\nurl = \"http://a\"".to_owned(),
            "upstreams.a.mount = \"a\" (everstream.toml:2) is no path of letters, digits, - _ . and single slashes; try \"/openai\"",
        ),
        (
            "[upstreams.a]\nmount = \"/a\"\nurl = \"ftp://a\"".to_owned(),
            "upstreams.a.url = \"ftp://a\" (everstream.toml:3) is no http or https URL; try \"https://api.openai.com\"",
        ),
    ] {
        assert_eq!(refusal(&file, &[], &[]), sentence);
    }
}

#[test]
fn the_flags_of_the_command_line_are_those_of_the_table() {
    use clap::{Args, FromArgMatches};
    let command = || ServeArgs::augment_args(clap::Command::new("serve"));
    command().debug_assert();
    let parse = |line: &str| {
        command().try_get_matches_from(line.split(' ')).map(|matches| ServeArgs::from_arg_matches(&matches).unwrap())
    };
    let flags = parse("serve --listen 0.0.0.0:0 --insecure --keep-alive 0 --config a.toml").unwrap();
    assert_eq!(flags.config().unwrap().to_str(), Some("a.toml"));
    let resolved = resolve(Layers { file: None, environment: &BTreeMap::new(), flags: &flags }).unwrap();
    assert!(resolved.config.insecure && resolved.config.keep_alive == Limit::Off);
    assert!(parse("serve --max-streams 5").is_err());
}
