//! WebSocket over HTTP/2 (RFC 8441): the same session above it, and the fall back to HTTP/1.1.

mod support;

use std::io::Read as _;

use support::{Authority, BINARY, Identity, Peer, TEXT, Two, close, ends, run, text, two};

const PRIOR: &str = "--http2-prior-knowledge";

// Types and flags of frames (RFC 9113 section 6).
const HEADERS: u8 = 1;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const CONTINUATION: u8 = 9;
const ACK: u8 = 1;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;

// `:status: 200` and `:status: 404` (RFC 7541 appendix A).
const OK: u8 = 0x88;
const NOT_FOUND: u8 = 0x8d;

/// A server in clear, in front of this peer.
fn clear(peer: &Peer) -> String {
    format!("ws://{}/", two(Two { extended: true, ..Two::default() }, peer.address))
}

fn secure(identity: Identity, offered: bool, extended: bool, peer: &Peer) -> String {
    let address = two(Two { tls: Some(identity), offered, extended, crumbs: false }, peer.address);
    format!("wss://localhost:{}/", address.port())
}

/// A frame of HTTP/2 (RFC 9113 section 4.1).
fn two_frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let size = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&size[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// A server that answers the request with these frames, by hand, and then with `endless` as long as the
/// program is there.
fn by_hand(answer: Vec<u8>, endless: Vec<u8>) -> Peer {
    Peer::start(move |wire| {
        wire.expect_bytes(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
        // ENABLE_CONNECT_PROTOCOL (RFC 8441 section 3).
        wire.send(two_frame(SETTINGS, 0, 0, &[0, 8, 0, 0, 0, 1]));
        let mut stream = wire.stream();
        loop {
            let mut header = [0; 9];
            stream.read_exact(&mut header).expect("a frame");
            let size = u32::from_be_bytes([0, header[0], header[1], header[2]]);
            let mut payload = vec![0; usize::try_from(size).unwrap()];
            stream.read_exact(&mut payload).expect("a frame");
            match header[3] {
                HEADERS => break,
                PING if header[4] & ACK == 0 => wire.send(two_frame(PING, ACK, 0, &payload)),
                _ => {}
            }
        }
        wire.send(answer);
        while !endless.is_empty() && wire.try_send(&endless) {}
        wire.bytes_until_gone();
    })
}

fn identity() -> (Authority, Identity) {
    let authority = Authority::new();
    let identity = authority.sign("server", &["localhost"]);
    (authority, identity)
}

#[test]
fn a_session_goes_over_http2() {
    let (_authority, identity) = identity();
    let over_tls = |peer: &Peer| secure(identity.clone(), true, true, peer);
    for (flag, url) in
        [(PRIOR, &clear as &dyn Fn(&Peer) -> String), (PRIOR, &over_tls), ("--http2", &over_tls)]
    {
        let peer = Peer::start(|wire| {
            wire.accept();
            wire.expect_text("one");
            wire.send([text("two"), close(1008, "enough")].concat());
            wire.end_whatever_comes();
        });
        let url = url(&peer);
        let args = ["connect", "-k", "-v", flag, "--subprotocol", "a", "--subprotocol", "b", &url];
        let output = run(args).stdin("one\n").output();
        output.check(ends(108).printing("two\n").saying(&[
            "> CONNECT / HTTP/2\n> :protocol: websocket\n> :authority: ",
            "\n> sec-websocket-protocol: a, b\n",
            "< HTTP/2 200\n< sec-websocket-protocol: b\n",
            "closed by peer: 1008 policy violation \"enough\"\n",
        ]));
        peer.seen();
    }
}

#[test]
fn the_open_record_names_the_version() {
    let peer = Peer::that_says_hello();
    let output = run(["listen", PRIOR, "--format", "jsonl", &clear(&peer)]).output();
    output.check(ends(0).with_stdout_checked_apart());
    let open: serde_json::Value =
        serde_json::from_str(output.stdout_text().lines().next().unwrap()).unwrap();
    assert_eq!((&open["http_version"], &open["status"]), (&"2".into(), &200.into()));
}

#[test]
fn large_messages_stream_both_ways() {
    let payload: Vec<u8> = (0..5_000_000u32).map(|number| (number % 251) as u8).collect();
    let expected = payload.clone();
    let peer = Peer::start(move |wire| {
        wire.accept();
        let (opcode, message) = wire.read_message();
        assert_eq!((opcode, message.len()), (BINARY, expected.len()));
        assert!(message == expected);
        wire.send(support::binary(&message));
        wire.finish();
    });
    let args = ["send", "--whole", "--binary", "-n", "1", "--format", "raw", PRIOR, &clear(&peer)];
    let output = run(args).stdin(&payload).output();
    output.check(ends(0).with_stdout_checked_apart());
    assert!(output.stdout == payload);
    peer.seen();
}

#[test]
fn many_messages_keep_their_order() {
    let lines: String = (0..20_000).map(|number| format!("line {number}\n")).collect();
    let peer = Peer::start(|wire| {
        wire.accept();
        wire.finish();
    });
    run(["send", PRIOR, &clear(&peer)]).stdin(&lines).output().check(ends(0));
    let seen = peer.seen();
    let messages = seen.messages();
    assert!(messages.iter().all(|(opcode, _)| *opcode == TEXT));
    assert!(seen.texts().join("\n") + "\n" == lines);
}

#[test]
fn many_small_frames_wait_for_a_slow_reader() {
    // Far more than the pipe and the window take together.
    let lines: String = (0..200_000).map(|number| format!("{number:06}\n")).collect();
    let expected = lines.clone();
    let peer = Peer::start(move |wire| {
        wire.accept();
        for line in lines.lines() {
            wire.send(text(line));
        }
        wire.send(close(1000, ""));
        wire.end_whatever_comes();
    });
    let manner = Two { extended: true, crumbs: true, ..Two::default() };
    let url = format!("ws://{}/", two(manner, peer.address));
    let mut running = run(["listen", PRIOR, &url]).stdout_unread().start();
    let mut stdout = running.take_stdout();
    let mut first = [0; 7];
    stdout.read_exact(&mut first).unwrap();
    // Now nothing is read until everything has come to a halt.
    while !running.is_asleep() {
        std::thread::yield_now();
    }
    let mut got = first.to_vec();
    stdout.read_to_end(&mut got).unwrap();
    running.output().check(ends(0));
    assert!(got == expected.as_bytes());
}

#[test]
fn where_there_is_no_http2_it_falls_back_or_insists() {
    let (_authority, identity) = identity();
    let no_http2 = |peer: &Peer| secure(identity.clone(), false, false, peer);
    let no_websocket = |peer: &Peer| secure(identity.clone(), true, false, peer);
    type Case<'a> = (&'a dyn Fn(&Peer) -> String, &'a str, i32, &'a str);
    let cases: [Case; 3] = [
        (&no_http2, "the server does not speak HTTP/2", 8, "does not speak HTTP/2"),
        (
            &no_websocket,
            "the server has no WebSocket over HTTP/2",
            8,
            "has no WebSocket over HTTP/2",
        ),
        (&Peer::url, "it is agreed on by TLS, and this is ws://", 8, "HTTP/2 failed: "),
    ];
    for (url, fallback, insisting, why) in cases {
        let peer = Peer::that_says_hello();
        let output = run(["listen", "-k", "--http2", &url(&peer)]).output();
        let says = format!("wspipe: going on with HTTP/1.1 in place of HTTP/2: {fallback}");
        output.check(ends(0).printing("hello\n").saying(&[&says]));

        let peer = Peer::start(|wire| {
            wire.try_send("HTTP/1.1 400 Bad Request\r\n\r\n");
            wire.end_whatever_comes();
        });
        let output = run(["listen", "-k", PRIOR, &url(&peer)]).output();
        output.check(ends(insisting).saying(&[why, "hint: ", "HTTP/1.1"]));
    }
}

#[test]
fn a_refusal_is_shown_as_over_http1() {
    let peer = Peer::that_says_hello();
    let url = clear(&peer) + "refuse";
    let output = run(["listen", PRIOR, "-w", "%{http_code}", &url]).output();
    output.check(ends(22).printing("403").saying(&[
        "wspipe: refused by the server: 403 Forbidden\n< x-why: never\n",
        "< go away\n",
    ]));
}

#[test]
fn a_stream_that_is_reset_is_a_connection_lost() {
    let peer = Peer::that_says_hello();
    let url = clear(&peer) + "reset";
    let output = run(["connect", PRIOR, &url]).stdin("hello\n").output();
    output.check(ends(106).saying(&["HTTP/2: the server says CANCEL"]));
}

#[test]
fn the_end_of_the_stream_without_a_close_is_a_connection_lost() {
    let peer = Peer::start(|wire| {
        wire.accept();
        wire.send(text("hello"));
    });
    let output = run(["listen", PRIOR, &clear(&peer)]).output();
    output.check(ends(106).printing("hello\n").saying(&["connection lost"]));
}

#[test]
fn a_head_without_end_is_no_answer_and_takes_no_memory() {
    // A header each, `a: b`, written out, which counts for 34 bytes (RFC 9113 section 10.5.1).
    let tiny = b"\x00\x01a\x01b".repeat(1000);
    let more = two_frame(CONTINUATION, 0, 1, &tiny);
    let begun = two_frame(HEADERS, 0, 1, &[OK]);
    let ended = two_frame(CONTINUATION, END_HEADERS, 1, &[]);
    let heard = |name: &str, answer: Vec<u8>, endless: Vec<u8>| {
        let peer = by_hand(answer, endless);
        let running = run(["listen", PRIOR, "-m", "20", &peer.url()]).case(name).start();
        let (output, peak) = running.output_and_peak();
        peer.seen();
        (output, peak)
    };
    let a_thousand = [&[NOT_FOUND], &tiny[..]].concat();
    let (output, usual) = heard(
        "a thousand",
        two_frame(HEADERS, END_HEADERS | END_STREAM, 1, &a_thousand),
        Vec::new(),
    );
    output.check(ends(22).saying(&["refused by the server: 404 Not Found\n< a: b\n"]));
    const TOO_LARGE: &str = "the head of the answer is too large";
    const MALFORMED: &str = "the answer is malformed, or its head larger than 400 KiB";
    let cases = [
        ("headers without end", begun.clone(), more.clone(), TOO_LARGE),
        ("frames without end", begun.clone(), two_frame(CONTINUATION, 0, 1, &[]), TOO_LARGE),
        ("20000 headers", [begun, more.repeat(20), ended].concat(), Vec::new(), MALFORMED),
    ];
    for (name, answer, endless, why) in cases {
        let (output, peak) = heard(name, answer, endless);
        output.check(ends(8).saying(&["wspipe: the opening handshake failed: ", why]));
        assert!(peak < usual + (4 << 20), "{name}: {peak} bytes, usually {usual}");
    }
}

#[test]
fn an_answer_that_switches_protocols_is_none_over_http2() {
    // `:status` as a name of the table, with a value of its own (RFC 7541 section 6.2.2).
    let status =
        |code: &[u8; 3]| two_frame(HEADERS, END_HEADERS, 1, &[b"\x08\x03", &code[..]].concat());
    let output = |answer: Vec<u8>| {
        let peer = by_hand(answer, Vec::new());
        let output = run(["listen", PRIOR, "-m", "20", &peer.url()]).output();
        peer.seen();
        output
    };
    let why = "wspipe: the opening handshake failed: the answer over HTTP/2 has the status 101, ";
    for before in [Vec::new(), status(b"103").repeat(3)] {
        output([before, status(b"101")].concat()).check(ends(8).saying(&[why, "hint: "]));
    }
    // Others come before the answer.
    let refused = two_frame(HEADERS, END_HEADERS | END_STREAM, 1, &[NOT_FOUND]);
    let early = [status(b"103"), status(b"100"), refused].concat();
    output(early).check(ends(22).saying(&["refused by the server: 404 Not Found\n"]));
}
