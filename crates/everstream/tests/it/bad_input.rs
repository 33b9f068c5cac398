//! A wrong value is answered by its name, what it was and an example of a right one.

use everstream_testkit::{Api, Exited, Launch, eventually};

use crate::support::{EVENTS, assert_problem, assert_problem_with_field, launch, server};

#[test]
fn unfit_requests_name_the_field_the_value_and_an_example() {
    let server = server();
    let api = server.api();
    api.create_events("s");
    let text = ("Content-Type", "text/plain");
    for (method, target, fields, status, field, value) in [
        ("GET", "/v1/stream/s?from=yesterday", &[EVENTS][..], 400, "from", "yesterday"),
        ("GET", "/v1/stream/s?from=abcd-x", &[EVENTS], 400, "from", "abcd-x"),
        ("POST", "/v1/stream/s", &[text], 409, "Content-Type", "text/plain"),
        ("PUT", "/v1/stream/s", &[text], 409, "Content-Type", "text/plain"),
        ("PUT", "/v1/stream/new", &[("Content-Type", "plain")], 400, "Content-Type", "plain"),
        ("PUT", "/v1/stream/new", &[text, ("Stream-TTL", "an hour")], 400, "Stream-TTL", "an hour"),
        ("PUT", "/v1/stream/new", &[text, ("Stream-TTL", "-1")], 400, "Stream-TTL", "-1"),
        ("PUT", "/v1/stream/new", &[text, ("Stream-Expires-At", "soon")], 400, "Stream-Expires-At", "soon"),
        ("PUT", "/v1/stream/a%20b", &[text], 400, "path", "a b"),
        ("PUT", "/v1/stream/__mine", &[text], 400, "path", "__mine"),
        (
            "POST",
            "/v1/stream/s",
            &[("Stream-Closed", "true"), ("Stream-Close-Reason", "bored")],
            400,
            "Stream-Close-Reason",
            "bored",
        ),
        ("POST", "/v1/stream/s?action=dance", &[], 400, "action", "dance"),
        ("POST", "/v1/stream/s?action=stop&epoch=NOT!", &[], 400, "epoch", "NOT!"),
        ("GET", "/v1/stream/s?view=sideways", &[], 400, "view", "sideways"),
        ("GET", "/v1/stream/s?offset=third", &[], 400, "offset", "third"),
        ("GET", "/event?appId=a&page=1&pageSize=2&interval_ms=fast", &[EVENTS], 400, "interval_ms", "fast"),
    ] {
        let body = if method == "POST" { "data: x\n\n" } else { "" };
        let answer = api.request(method, target, fields, body);
        assert_eq!(answer.status(), status, "{method} {target} {fields:?}: {}", answer.text());
        assert_problem_with_field(&answer, status, field, value);
    }
}

#[test]
fn missing_parameter_of_the_demo_is_named() {
    let server = server();
    for (query, missing) in
        [("page=1&pageSize=2", "appId"), ("appId=a&pageSize=2", "page"), ("appId=a&page=1", "pageSize")]
    {
        let answer = server.api().request("GET", &format!("/event?{query}"), &[EVENTS], "");
        assert_problem(&answer, 400);
        assert_eq!(answer.json()["field"], missing);
        assert!(!answer.json()["example"].is_null());
    }
}

#[test]
fn unknown_paths_and_streams_are_shown_in_the_answer() {
    let server = server();
    for target in ["/nowhere", "/v1/stream/nobody"] {
        let answer = server.api().get(target);
        assert_problem(&answer, 404);
        let name = target.rsplit('/').next().unwrap();
        assert!(answer.text().contains(name), "{target}: {}", answer.text());
    }
}

#[test]
fn bodies_and_events_above_their_limits_are_refused_whole_and_those_at_the_limit_taken() {
    let server = launch().config("max_body_bytes = 20000\nmax_event_bytes = 10000\n").start();
    let api = server.api();
    api.create_events("s");
    let append = |body: &str| api.request("POST", "/v1/stream/s", &[("Content-Type", "text/event-stream")], body);
    let event = |data_bytes: usize| format!("data: {}\n\n", "x".repeat(data_bytes));
    assert_problem(&append(&event(30_000)), 413);
    assert_problem(&append(&format!("data: small\n\n{}", event(10_001))), 413);
    assert_eq!(api.state("s")["records"], 0);
    append(&event(9_900)).expect_status(204);
    assert_eq!(api.state("s")["records"], 1);
    let too_large = append(&event(10_001)).json();
    assert!(too_large["detail"].as_str().unwrap().contains("10000"), "the limit is named: {too_large}");
}

#[test]
fn chunked_body_above_the_limit_is_refused() {
    let server = launch().config("max_body_bytes = 20000\n").start();
    server.api().create_events("s");
    let mut http = server.api().try_connect().unwrap();
    let chunk = format!("4000\r\n{}\r\n", "x".repeat(0x4000));
    http.send("POST /v1/stream/s HTTP/1.1\r\nHost: t\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n");
    http.send_while_taken(chunk.as_bytes(), 20);
    assert_eq!(http.read_head().status, 413);
    assert_eq!(server.api().state("s")["records"], 0);
}

/// Panics unless the server refused to start with a sentence that has all of these words, and without a panic.
#[track_caller]
fn assert_refused(launch: Launch, words: &[&str]) {
    let Exited { status, stderr } = launch.start_refused();
    assert!(status.code().is_some_and(|code| code != 0 && code != 101), "{status}; {stderr}");
    for word in words {
        assert!(stderr.contains(word), "{word:?} is not in {stderr}");
    }
}

#[test]
fn unknown_configuration_keys_are_named_with_their_origin() {
    assert_refused(launch().config("keep_alve = \"1s\"\n"), &["keep_alve", "everstream.toml", "keep_alive"]);
    assert_refused(launch().config("[upstreams.a]\nurll = \"http://127.0.0.1:1\"\n"), &["urll", "everstream.toml"]);
    assert_refused(launch().flags(&["--keep-alve", "1s"]), &["--keep-alve"]);
}

// Container platforms set variables after the names of services, so that a stranger among them is no reason to refuse.
#[test]
fn unknown_variable_of_the_environment_is_warned_of() {
    let server = launch().environment("EVERSTREAM_KEEP_ALVE", "1s").start();
    eventually("a warning", || match server.stderr() {
        text if text.contains("EVERSTREAM_KEEP_ALVE") && text.contains("EVERSTREAM_KEEP_ALIVE") => Ok(()),
        text => Err(text),
    });
}

#[test]
fn wrong_configuration_values_are_shown_with_key_origin_and_example() {
    let (origin, value) = ("everstream.toml", "a while");
    assert_refused(
        launch().config("listen = \"127.0.0.1:0\"\nkeep_alive = \"a while\"\n"),
        &["keep_alive", origin, value],
    );
    assert_refused(launch().config("keep_alive = 3.5\n"), &["keep_alive", origin]);
    assert_refused(launch().environment("EVERSTREAM_RETRY", "soon"), &["EVERSTREAM_RETRY", "soon"]);
    assert_refused(launch().flags(&["--durability", "sometimes"]), &["durability", "sometimes", "fsync"]);
    assert_refused(launch().config("max_body_bytes = \"many\"\n"), &["max_body_bytes", "many", origin]);
    assert_refused(launch().config("not toml at all"), &[origin]);
}

#[test]
fn missing_configuration_file_is_named() {
    assert_refused(launch().flags(&["--config", "/nonexistent/everstream.toml"]), &["/nonexistent/everstream.toml"]);
}

#[test]
fn environment_beats_the_file_and_flags_beat_both() {
    let server = launch()
        .config("retry = \"1s\"\nkeep_alive = \"0\"\n")
        .environment("EVERSTREAM_RETRY", "100s")
        .environment("EVERSTREAM_KEEP_ALIVE", "10m")
        .flags(&["--keep-alive", "20ms"])
        .start();
    server.api().create_events("s");
    let mut subscriber = server.api().subscribe("s");
    while subscriber.comments() == 0 {
        subscriber.next_item();
    }
    let retry_ms: u64 = subscriber.retry()[0].parse().unwrap();
    assert!((50_000..=150_000).contains(&retry_ms), "{retry_ms}");
}

#[test]
fn port_in_use_is_named() {
    let server = server();
    let address = server.addr().to_string();
    assert_refused(launch().listen(&address), &[&address]);
}

#[test]
fn open_address_without_authentication_is_refused() {
    assert_refused(launch().listen("0.0.0.0:0"), &["0.0.0.0", "--insecure"]);
}

#[test]
fn data_directory_that_cannot_be_written_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("a-file");
    std::fs::write(&file, "x").unwrap();
    // Permissions would not stop root; a path below a regular file stops everybody.
    for unfit in [file.join("data"), file, "/proc/everstream".into()] {
        assert_refused(launch().data_dir(&unfit), &[&unfit.display().to_string()]);
    }
}

#[test]
fn data_directory_of_a_newer_format_is_refused_and_left_as_it_is() {
    let mut server = server();
    server.api().create_events("s");
    server.kill9();
    let file = server.data_dir().join("FORMAT");
    let format = std::fs::read_to_string(&file).unwrap();
    let newer = format.trim_end().trim_end_matches(|c: char| c.is_ascii_digit()).to_owned() + "999\n";
    std::fs::write(&file, newer).unwrap();
    let directory = server.data_dir().to_owned();
    assert_refused(launch().data_dir(&directory), &[&directory.display().to_string(), "999"]);
    std::fs::write(&file, format).unwrap();
    server.restart();
    assert_eq!(server.api().state("s")["state"], "open");
}

#[test]
fn second_process_on_a_data_directory_is_refused_and_the_first_lives_on() {
    let server = server();
    server.api().create_events("s");
    let directory = server.data_dir().to_owned();
    assert_refused(launch().data_dir(&directory), &[&directory.display().to_string(), "in use"]);
    server.api().append("s", "data: x\n\n");
    assert_eq!(Api::subscribe(server.api(), "s").next_event().data, "x");
}
