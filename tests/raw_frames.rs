//! Frames made by hand: `--raw-frames` sends each as it stands, and says how long the server put up with
//! it.

mod support;

use std::fs;
use std::sync::mpsc::channel;

use rustix::process::Signal;
use support::{
    BINARY, CLOSE, CONTINUATION, DEADLINE, Frame, Output, PING, Peer, TEXT, Wire, close, ends,
    pong, run,
};
use tempfile::TempDir;

const SEND: [&str; 5] = ["send", "--jsonl", "--raw-frames", "--close-timeout", "20s"];
const AFTER: &str = " ms after the last frame made by hand";

/// How many milliseconds after the last frame made by hand the server ended it, if that is said.
fn time(output: &Output) -> Option<f64> {
    let stderr = output.stderr_text();
    let (before, _) = stderr.split_once(AFTER)?;
    let (_, number) = before.rsplit_once("; ").unwrap();
    Some(number.parse().unwrap_or_else(|_| panic!("{}", output.report())))
}

#[test]
fn every_frame_goes_out_exactly_as_it_stands() {
    let long = format!(r#"{{"frame":{{"opcode":9,"mask":false}},"text":"{}"}}"#, "a".repeat(126));
    let long_bytes = [&b"\x89\x7e\0\x7e"[..], &[b'a'; 126]].concat();
    let cases: [(&str, &str, &[u8]); 13] = [
        ("as it should be", r#"{"frame":{},"mask_key":"01000001","text":"hi"}"#, {
            b"\x81\x82\x01\0\0\x01ii"
        }),
        ("nothing", r#"{"frame":{"mask":false}}"#, b"\x81\0"),
        ("a continuation of nothing", r#"{"frame":{"opcode":0},"mask_key":"00000000"}"#, {
            b"\x80\x80\0\0\0\0"
        }),
        (
            "fragments in the wrong order",
            "{\"frame\":{\"fin\":false,\"mask\":false},\"text\":\"a\"}\n\
             {\"frame\":{\"fin\":false,\"mask\":false},\"text\":\"b\"}",
            b"\x01\x01a\x01\x01b",
        ),
        ("a reserved bit", r#"{"frame":{"rsv":4,"mask":false},"text":"hi"}"#, b"\xc1\x02hi"),
        ("a reserved opcode", r#"{"frame":{"opcode":3,"mask":false},"text":"hi"}"#, {
            b"\x83\x02hi"
        }),
        ("all bits", r#"{"frame":{"rsv":7,"opcode":15,"mask":false}}"#, b"\xff\0"),
        ("text that is not UTF-8", r#"{"frame":{"opcode":1,"mask":false},"hex":"ff00"}"#, {
            b"\x81\x02\xff\0"
        }),
        ("an over-long Ping", &long, &long_bytes),
        ("a length that lies", r#"{"frame":{"length":100,"mask":false},"json":[1, 2]}"#, {
            b"\x81\x64[1,2]"
        }),
        (
            "the longest lie",
            r#"{"frame":{"length":18446744073709551615},"mask_key":"ffffffff","base64":"AA=="}"#,
            b"\x82\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff",
        ),
        ("two bytes", r#"{"frame":{"length_bytes":2,"mask":false},"text":"hi"}"#, {
            b"\x81\x7e\0\x02hi"
        }),
        ("eight bytes", r#"{"frame":{"length_bytes":8},"mask_key":"00000000","text":"hi"}"#, {
            b"\x81\xff\0\0\0\0\0\0\0\x02\0\0\0\0hi"
        }),
    ];
    for (case, records, expected) in cases {
        let expected = expected.to_vec();
        let peer = Peer::start(move |wire| {
            wire.accept();
            wire.expect_bytes(&expected);
            wire.send(close(1002, "no"));
            wire.end_whatever_comes();
        });
        let output = run(SEND).arg(peer.url()).case(case).stdin(records).output();
        let says = "closed by peer: 1002 protocol error \"no\"; ";
        output.check(ends(102).saying(&[says]));
        assert!(time(&output).is_some(), "{}", output.report());
        peer.seen();
    }
}

#[test]
fn frames_keep_their_place_between_records_and_count_as_none() {
    let records = r#"{"text":"one"}
{"frame":{"opcode":9},"text":"p"}
{"frame":{"fin":false},"hex":"00"}
{"frame":{"opcode":0},"hex":"01"}
{"event":"ping","text":"q"}
{"text":"two"}
{"event":"close","code":4000}
{"frame":{}}
"#;
    let peer = Peer::start(|wire| {
        wire.accept();
        wire.expect_text("one");
        assert_eq!(wire.expect_ping().payload, b"p");
        wire.send(pong(b"p"));
        wire.finish();
    });
    let output = run(SEND)
        .arg(peer.url())
        .args(["-w", "%{messages_out} %{bytes_out} %{close_code}\n"])
        .stdin(records)
        .output();
    output.check(ends(0).printing("2 6 4000\n"));
    let frames = peer.seen().frames;
    let plain = |frame: &Frame| (frame.fin, frame.opcode, frame.payload.clone());
    let expected = [
        (true, TEXT, b"one".to_vec()),
        (true, PING, b"p".to_vec()),
        (false, BINARY, vec![0]),
        (true, CONTINUATION, vec![1]),
        (true, PING, b"q".to_vec()),
        (true, TEXT, b"two".to_vec()),
        (true, CLOSE, 4000_u16.to_be_bytes().to_vec()),
    ];
    assert_eq!(frames.iter().map(plain).collect::<Vec<_>>(), expected);
    assert_ne!(frames[1].mask, frames[2].mask, "each has a mask of its own");
}

#[test]
fn a_trace_is_played_again_to_the_byte() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("frames.jsonl");
    let peer = Peer::that_listens();
    let trace = path.to_str().unwrap();
    let args = ["send", "--trace-frames", trace, "--close-reason", "bye", &peer.url(), "é", ""];
    run(args).output().check(ends(0));
    let first = peer.seen().frames;
    assert_eq!(first.len(), 3);
    let peer = Peer::that_listens();
    let args = ["--only-from", "us", &peer.url()];
    let output = run(SEND).args(args).stdin(fs::read(&path).unwrap()).output();
    output.check(ends(0));
    let again = peer.seen().frames;
    assert_eq!(again[..3], first, "masks and all");
    assert_eq!((again.len(), again[3].close_code()), (4, Some(1000)), "our own Close is another");
}

#[test]
fn a_close_made_by_hand_is_only_a_frame() {
    let peer = Peer::start(|wire| {
        wire.accept();
        let first = wire.read_to_close();
        assert_eq!((first.close_code(), first.close_reason()), (Some(4321), "x".into()));
        wire.expect_text("after");
        wire.send(close(4321, "x"));
        wire.expect_close(4321);
        wire.end();
    });
    let args = ["connect", "--jsonl", "--raw-frames", "--format", "text", &peer.url()];
    let mut running = run(args).stdin_held().start();
    running.write("{\"frame\":{\"opcode\":8},\"hex\":\"10e178\"}\n{\"text\":\"after\"}\n");
    let output = running.output();
    output.check(ends(118).saying(&["closed by peer: 4321 private to the application \"x\"; "]));
    assert!(time(&output).is_some(), "{}", output.report());
    peer.seen();
}

#[test]
fn a_server_that_goes_away_or_falls_silent_has_a_time_too() {
    let frame = r#"{"frame":{"opcode":3,"mask":false}}"#;
    let silence = ["--close-timeout", "150ms"];
    type Case<'a> = (&'a str, &'a [&'a str], fn(&mut Wire), i32, &'a str, f64);
    let cases: [Case; 3] = [
        ("it ends", &[], |wire| wire.end_whatever_comes(), 106, "1006", 0.0),
        ("it resets", &[], Wire::reset, 106, "1006", 0.0),
        ("it is silent", &silence, |wire| wire.bytes_until_gone(), 28, "waits longer); ", 150.0),
    ];
    for (case, args, script, code, says, least) in cases {
        let peer = Peer::start(move |wire| {
            wire.accept();
            wire.expect_bytes(b"\x83\0");
            script(wire);
        });
        let output = run(SEND).args(args).arg(peer.url()).case(case).stdin(frame).output();
        output.check(ends(code).saying(&[says]));
        assert!(time(&output).is_some_and(|time| time >= least), "{}", output.report());
        peer.seen();
    }
}

#[test]
fn a_server_that_minds_nothing_has_no_time() {
    let peer = Peer::that_listens();
    let output = run(SEND).args(["-v", &peer.url()]).stdin(r#"{"frame":{}}"#).output();
    output.check(ends(0).saying(&["closed by us: 1000 normal closure\n"]));
    peer.seen();
}

#[test]
fn a_frame_that_is_not_out_when_the_server_closes_is_unsent_and_has_no_time() {
    // More than all buffers between take.
    let payload = "AAAA".repeat(8 << 20);
    let lie = r#"{"frame":{"length":18446744073709551615},"text":"lie"}"#;
    let records = format!(
        r#"{{"frame":{{"mask":false}},"base64":"{payload}"}}
{lie}
{{"text":"one"}}
{lie}
"#
    );
    let (end, ended) = channel();
    let peer = Peer::start(move |wire| {
        wire.accept();
        wire.expect_bytes(b"\x82\x7f\0\0\0\0\x01\x80\0\0");
        wire.send(close(1000, ""));
        ended.recv_timeout(DEADLINE).unwrap();
    });
    let output = run(SEND).arg(peer.url()).stdin(records).output();
    output.check(ends(4).saying(&[" 1000 normal closure; ", " not sent\n"]));
    assert_eq!(time(&output), None, "{}", output.report());
    end.send(()).unwrap();
    peer.seen();
}

#[test]
fn what_is_no_frame_is_an_input_error_after_what_came_before() {
    let flag = ["--raw-frames"];
    let cases: [(&[&str], &str, &str); 6] = [
        (&[], r#"{"frame":{"rsv":1}}"#, "a frame, not a message\n  hint: add --raw-frames"),
        (&[], r#"{"event":"frame","text":"a"}"#, "a frame, not a message\n  hint: add --raw"),
        (&flag, r#"{"frame":{"rsv":9}}"#, "rsv is 9: expected a number from 0 to 7"),
        (&flag, r#"{"frame":{"opcode":16}}"#, "opcode is 16: expected a number from 0 to 15"),
        (&flag, r#"{"frame":{},"mask_key":"abc"}"#, "mask_key is \"abc\": expected 8 hex digits"),
        (&flag, r#"{"frame":{"length":126,"length_bytes":0}}"#, "length 126 does not fit"),
    ];
    for (flags, record, says) in cases {
        let peer = Peer::that_listens();
        let args = [&["send", "--jsonl"], flags].concat();
        let records = format!("{{\"text\":\"first\"}}\n\n{record}\n");
        let output = run(args).arg(peer.url()).case(record).stdin(records).output();
        output.check(ends(26).saying(&["wspipe: stdin: record 3: ", says]));
        assert_eq!(peer.seen().texts(), ["first"], "{record}");
    }
}

#[test]
fn raw_frames_are_records() {
    for command in ["connect", "send"] {
        let output = run([command, "--raw-frames", "echo:"]).output();
        output.check(ends(2).saying(&["--jsonl"]));
    }
}

#[test]
fn serve_answers_each_broken_frame_with_its_code() {
    let server = run(["serve"]).deadline(4 * DEADLINE).start();
    let printed = server.wait_for_stdout("\n");
    let url = String::from_utf8(printed).unwrap().trim_end().to_owned();
    let long = format!(r#"{{"frame":{{"opcode":9}},"text":"{}"}}"#, "a".repeat(126));
    let cases = [
        ("a continuation of nothing", r#"{"frame":{"opcode":0}}"#, 1002),
        ("a message in another", "{\"frame\":{\"fin\":false}}\n{\"frame\":{}}", 1002),
        ("a reserved bit", r#"{"frame":{"rsv":4},"text":"hi"}"#, 1002),
        ("a reserved opcode", r#"{"frame":{"opcode":3}}"#, 1002),
        ("a reserved control opcode", r#"{"frame":{"opcode":11}}"#, 1002),
        ("no mask", r#"{"frame":{"mask":false},"text":"hi"}"#, 1002),
        ("text that is not UTF-8", r#"{"frame":{"opcode":1},"hex":"ff"}"#, 1007),
        ("an over-long Ping", &long, 1002),
        ("a Ping in fragments", r#"{"frame":{"opcode":9,"fin":false}}"#, 1002),
        ("a Close of a byte", r#"{"frame":{"opcode":8},"hex":"03"}"#, 1002),
        ("a Close with a code that is none", r#"{"frame":{"opcode":8},"hex":"03ed"}"#, 1002),
        ("a length of two bytes", r#"{"frame":{"length_bytes":2},"text":"hi"}"#, 1002),
        ("a length of eight bytes", r#"{"frame":{"length_bytes":8},"text":"hi"}"#, 1002),
        ("2^63 bytes", r#"{"frame":{"length":9223372036854775808}}"#, 1002),
        ("a good Close", r#"{"frame":{"opcode":8},"hex":"0fa0"}"#, 4000),
    ];
    for (case, records, code) in cases {
        let args = ["-w", "%{close_code} %{messages_out}\n", &url];
        let output = run(SEND).args(args).case(case).stdin(records).output();
        let exit = if code == 4000 { 118 } else { code - 900 };
        let says = format!("closed by peer: {code} ");
        output.check(ends(exit).printing(format!("{code} 0\n")).saying(&[&says]));
        assert!(time(&output).is_some(), "{}", output.report());
    }
    // Its rest never comes: our Close is a part of it.
    let args = ["--close-timeout", "150ms", &url];
    let lie = r#"{"frame":{"opcode":9,"length":100},"text":"hi"}"#;
    let output = run(SEND).args(args).stdin(lie).output();
    output.check(ends(28).saying(&["did not answer our Close in time", AFTER]));
    let output = run(SEND).arg(&url).stdin(r#"{"frame":{},"text":"as it should be"}"#).output();
    output.check(ends(0).printing("as it should be\n"));
    server.signal(Signal::INT);
    server.output().check(ends(0).printing(format!("{url}\n")));
}
