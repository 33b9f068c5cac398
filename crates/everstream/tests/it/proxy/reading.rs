//! Reading: the upstream's bytes, as they come, whoever listens.

use everstream_testkit::{Deadline, Failure, RawHttp};

use super::Rig;
use crate::support::get;

#[test]
fn the_bytes_are_the_upstreams_own_whatever_they_are() {
    let rig = Rig::new();
    let binary: Vec<u8> = (0..=255).cycle().take(20_000).collect();
    for (content_type, body) in [
        ("text/event-stream", &b": c\nid: 1\r\nretry: 3\rdata: \xf0\x9f\n\n\n\ndata"[..]),
        ("application/json", br#"{"a": 12345678901234567890}"#),
        ("application/octet-stream", &binary),
        ("text/plain", b"a\r\nb"),
    ] {
        let (created, mut call) = rig.begin(content_type);
        body.chunks(7_000).for_each(|part| call.chunk(part));
        call.end();
        let (read, reason) = rig.read_to_end(&created.location);
        assert!(read == body, "{content_type}: {} of {} bytes", read.len(), body.len());
        assert_eq!(reason, "completed");
        let response = rig.api().get(&format!("{}&offset=-1", created.read_location)).expect_status(200);
        assert_eq!(response.head.field("upstream-content-type"), Some(content_type));
        assert_eq!(response.head.field("stream-up-to-date"), Some("true"));
    }
}

#[test]
fn a_byte_is_there_as_soon_as_it_has_come() {
    let rig = Rig::new();
    let (created, mut call) = rig.begin("text/plain");
    for (index, byte) in b"abc".iter().enumerate() {
        call.chunk([*byte]);
        // The upstream says nothing more until this was read.
        let response = rig.read_until(&created.location, |response| response.body.len() == index + 1);
        assert_eq!((response.head.field("stream-closed"), response.body.as_slice()), (None, &b"abc"[..=index]));
    }
    call.end();
}

#[test]
fn a_reader_goes_on_where_it_was() {
    let rig = Rig::new();
    let (created, mut call) = rig.begin("text/plain");
    call.chunk("first");
    let first = rig.read_until(&created.location, |response| response.body == b"first");
    let next = first.head.field("stream-next-offset").unwrap().to_owned();
    call.chunk("second");
    call.end();
    let rest = format!("{}&offset={next}", created.location);
    assert_eq!(rig.read_to_end(&rest), (b"second".to_vec(), "completed".to_owned()));
    for offset in ["0", "", "..", "1,2"] {
        let refused = rig.api().get(&format!("{}&offset={offset}", created.location));
        super::assert_refused(&refused, 400, "INVALID_PARAMETER");
    }
}

#[test]
fn readers_that_leave_or_stand_still_hold_nothing_up() {
    let rig = Rig::new();
    let (created, mut call) = rig.begin("application/octet-stream");
    let native = get(&created.location, &[("Accept", "text/event-stream")]);
    let mut leaving = RawHttp::connect(rig.server.addr());
    leaving.send(&native);
    assert_eq!(leaving.read_head().status, 200);
    let mut still = RawHttp::connect_with_receive_buffer(rig.server.addr(), 4096);
    still.send(&native);
    assert_eq!(still.read_head().status, 200);
    let part = vec![b'x'; 64 << 10];
    for round in 0..64 {
        call.chunk(&part);
        if round == 3 {
            leaving = {
                leaving.reset();
                RawHttp::connect(rig.server.addr())
            };
        }
    }
    call.end();
    let mut read = 0;
    let mut target = created.location.clone();
    loop {
        let response = rig.api().get(&target).expect_status(200);
        read += response.body.len();
        if response.head.field("stream-closed") == Some("true") {
            assert_eq!(response.head.field("stream-close-reason"), Some("completed"));
            break;
        }
        target = format!("{}&offset={}", created.location, response.head.field("stream-next-offset").unwrap());
    }
    assert_eq!(read, 64 * part.len());
    drop((still, leaving));
}

#[test]
fn a_live_reader_is_cut_when_its_url_ends_and_is_told_so_when_it_comes_back() {
    // Long enough for two requests on a busy machine.
    let rig = Rig::with("proxy_url_ttl = \"4s\"\nkeep_alive = 0\n", |launch| launch);
    let (created, mut call) = rig.begin("text/plain");
    call.chunk("before");
    let live = format!("{}&live=sse&offset=-1", created.location);
    let follow = |request: Vec<u8>| {
        let mut http = RawHttp::connect(rig.server.addr());
        http.send(request);
        http
    };
    let native = follow(get(&created.location, &[("Accept", "text/event-stream")]));
    for mut http in [native, follow(get(&live, &[]))] {
        match http.try_read_response("GET", Deadline::patient()) {
            Err(Failure::Closed(missing)) => assert_eq!(missing, "the last chunk"),
            other => panic!("neither an end nor a refusal was due: {other:?}"),
        }
    }
    super::assert_refused(&rig.api().get(&created.location), 401, "SIGNATURE_EXPIRED");
    call.end();
}

#[test]
fn the_live_modes_say_the_upstreams_type_and_how_bytes_are_encoded() {
    let rig = Rig::new();
    let (created, mut call) = rig.begin("text/event-stream");
    call.chunk("data: 1\n\n");
    let mut http = RawHttp::connect(rig.server.addr());
    http.send(get(&format!("{}&live=sse&offset=-1", created.read_location), &[]));
    let head = http.read_head();
    assert_eq!((head.status, &*head.media_type()), (200, "text/event-stream"));
    assert_eq!(head.field("upstream-content-type"), Some("text/event-stream"));
    assert_eq!(head.field("stream-sse-data-encoding"), Some("base64"));
    assert_eq!(head.field("access-control-allow-origin"), Some("*"));
    let seen = rig.read_until(&format!("{}&live=long-poll&offset=-1", created.read_location), |response| {
        response.status() == 200
    });
    assert_eq!(
        (seen.body.as_slice(), seen.head.field("upstream-content-type")),
        (&b"data: 1\n\n"[..], Some("text/event-stream"))
    );
    assert!(seen.head.field("stream-cursor").is_some());
    assert!(seen.head.field("cache-control").is_none_or(|value| !value.contains("public")), "{:?}", seen.head.fields);
    call.end();
}
