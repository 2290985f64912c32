//! permessage-deflate (RFC 7692): what is offered, what may be answered, and what goes over the wire.
//! The other side's DEFLATE is flate2's own, fed by hand.

mod support;

use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress};
use rustix::process::Signal;
use support::{
    CONTINUATION, Frame, Peer, TEXT, Wire, close, dies_by, ends, frame, ping, run, text,
};

const RSV1: u8 = 0x40;
const FIN: u8 = 0x80;

/// Accepts the upgrade with this in Sec-WebSocket-Extensions.
fn accept(wire: &mut Wire, extensions: &str) {
    wire.request();
    let answer = wire.switching_protocols();
    let (head, _) = answer.split_at(answer.len() - 2);
    wire.try_send(format!("{head}Sec-WebSocket-Extensions: {extensions}\r\n\r\n"));
}

fn deflate(compress: &mut Compress, message: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(message.len() + 1000);
    compress.compress_vec(message, &mut out, FlushCompress::Sync).unwrap();
    assert!(out.ends_with(&[0, 0, 0xff, 0xff]));
    out.truncate(out.len() - 4);
    out
}

fn inflate(decompress: &mut Decompress, bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(1 << 20);
    let input = [bytes, &[0, 0, 0xff, 0xff]].concat();
    decompress.decompress_vec(&input, &mut out, FlushDecompress::Sync).unwrap();
    out
}

fn compressor() -> Compress {
    Compress::new(Compression::default(), false)
}

#[test]
fn what_is_offered_is_what_was_asked_for() {
    let cases = [
        ("--compress", Some("permessage-deflate; client_max_window_bits")),
        ("--compress=server_no_context_takeover,level=1", {
            Some("permessage-deflate; server_no_context_takeover; client_max_window_bits")
        }),
        ("--no-buffer", None),
    ];
    for (flag, offer) in cases {
        let peer = Peer::start(|wire| {
            wire.accept_with(&[text("hello"), close(1000, "")].concat());
            wire.end();
        });
        let output = run(["listen", "-v", flag, &peer.url()]).output();
        output.check(ends(0).printing("hello\n").saying(&["closed by peer: 1000"]));
        let says_so = output.says("* no compression: the server did not accept it\n");
        assert_eq!(says_so, offer.is_some(), "{flag}");
        assert_eq!(peer.seen().header("Sec-WebSocket-Extensions").as_deref(), offer, "{flag}");
    }
}

#[test]
fn an_answer_that_breaks_section_7_is_8() {
    let cases = [
        ("--compress", "permessage-deflate; x=1", "the parameter x is not known"),
        ("--compress", "permessage-deflate; server_max_window_bits=7", "has to be 8 to 15"),
        ("--compress", "permessage-deflate, permessage-deflate", "it is more than one"),
        ("--compress", "x-other", "x-other was not offered"),
        ("--compress", "permessage-deflate; server_no_context_takeover=", "is no name"),
        ("--compress=server_max_window_bits=9", "permessage-deflate", "is not promised"),
        ("--no-buffer", "permessage-deflate", "an extension that was not offered"),
    ];
    for (flag, answer, says) in cases {
        let peer = Peer::start(move |wire| {
            accept(wire, answer);
            wire.end_whatever_comes();
        });
        let output = run(["listen", flag, &peer.url()]).case(answer).output();
        output.check(ends(8).saying(&["the opening handshake failed: ", says, "hint: "]));
    }
}

#[test]
fn messages_come_out_as_they_went_in() {
    let peer = Peer::start(|wire| {
        accept(wire, "permessage-deflate");
        let mut compress = compressor();
        let first = deflate(&mut compress, "häß häß häß".as_bytes());
        let again = deflate(&mut compress, "häß häß häß".as_bytes());
        assert!(again.len() < first.len(), "the second refers to the first");
        let long = deflate(&mut compress, &[b'x'; 100_000]);
        let (begin, end) = long.split_at(3);
        wire.send(
            [
                frame(FIN | RSV1 | TEXT, &first),
                frame(FIN | RSV1 | TEXT, &again),
                text("plain"),
                frame(RSV1 | TEXT, begin),
                ping(b"between"),
                frame(CONTINUATION, b""),
                frame(FIN | CONTINUATION, end),
                frame(FIN | RSV1 | TEXT, &[0]),
                close(1000, ""),
            ]
            .concat(),
        );
        wire.expect_pong(b"between");
        wire.end_whatever_comes();
    });
    let output = run(["listen", "--compress", &peer.url()]).output();
    let long = "x".repeat(100_000);
    output.check(ends(0).printing(format!("häß häß häß\nhäß häß häß\nplain\n{long}\n\n")));
}

#[test]
fn what_is_sent_is_compressed_with_rsv1_on_the_first_frame_only() {
    let cases = [
        ("--compress", "permessage-deflate", true),
        ("--compress=client_no_context_takeover", "permessage-deflate", false),
        ("--compress", "permessage-deflate; client_no_context_takeover", false),
    ];
    for (flag, answer, keeps_context) in cases {
        let peer = Peer::start(move |wire| {
            accept(wire, answer);
            wire.finish();
        });
        let args = ["send", flag, &peer.url(), "one one one", "one one one", ""];
        run(args).case(flag).output().check(ends(0));
        let seen = peer.seen();
        let frames: Vec<&Frame> = seen.frames.iter().filter(|frame| frame.opcode == TEXT).collect();
        assert_eq!(frames.len(), 3);
        assert_eq!((frames[2].rsv, frames[2].payload.len()), (0, 0), "nothing is not compressed");
        let mut decompress = Decompress::new(false);
        for frame in &frames[..2] {
            assert_eq!(frame.rsv, RSV1);
            assert_eq!(inflate(&mut decompress, &frame.payload), b"one one one");
        }
        let is_shorter = frames[1].payload.len() < frames[0].payload.len();
        assert_eq!(is_shorter, keeps_context, "{flag} {answer}");
    }
}

#[test]
fn a_large_message_is_one_compressed_message_in_fragments() {
    let payload: Vec<u8> = (0..3_000_000u32).flat_map(|n| (n / 7).to_le_bytes()).collect();
    let expected = payload.clone();
    let peer = Peer::start(|wire| {
        accept(wire, "permessage-deflate");
        wire.finish();
    });
    run(["send", "--compress", "--whole", "--binary", &peer.url()])
        .stdin(&payload)
        .output()
        .check(ends(0));
    let seen = peer.seen();
    let data: Vec<&Frame> = seen.frames.iter().filter(|frame| frame.opcode < 8).collect();
    assert!(data.len() > 1 && data[0].rsv == RSV1 && data[1..].iter().all(|frame| frame.rsv == 0));
    let bytes: Vec<u8> = data.iter().flat_map(|frame| frame.payload.clone()).collect();
    let mut out = Vec::with_capacity(expected.len() + 1000);
    let input = [&bytes[..], &[0, 0, 0xff, 0xff]].concat();
    Decompress::new(false).decompress_vec(&input, &mut out, FlushDecompress::Sync).unwrap();
    assert!(out == expected);
}

#[test]
fn short_messages_go_out_as_they_are_if_asked() {
    let peer = Peer::start(|wire| {
        accept(wire, "permessage-deflate");
        wire.finish();
    });
    run(["send", "--compress=min-size=10", &peer.url(), "short", "not so short"])
        .output()
        .check(ends(0));
    let rsv: Vec<u8> = peer.seen().frames.iter().map(|frame| frame.rsv).collect();
    assert_eq!(rsv, [0, RSV1, 0]);
}

#[test]
fn a_window_that_is_too_small_is_said_and_nothing_compressed() {
    let peer = Peer::start(|wire| {
        accept(wire, "permessage-deflate; client_max_window_bits=8");
        wire.finish();
    });
    let output = run(["send", "--compress", &peer.url(), "one one one"]).output();
    output.check(
        ends(0).saying(&["sending everything as it is: the server asks for a window of 256 bytes"]),
    );
    assert_eq!(peer.seen().texts(), ["one one one"]);
}

#[test]
fn garbage_bombs_and_bad_text_end_the_session() {
    let bomb = deflate(&mut compressor(), &vec![b'x'; 10_000_000]);
    let bad = deflate(&mut compressor(), b"good\xffbad");
    let mut cut = deflate(&mut compressor(), b"good, but not all of it");
    cut.truncate(cut.len() - 4);
    let cases: [(&str, Vec<u8>, u16, i32, &str); 6] = [
        ("garbage", vec![0xff, 0xff], 1007, 107, "not DEFLATE"),
        ("nothing at all", vec![], 1007, 107, "ends in the middle of its DEFLATE data"),
        ("a message that is cut off", cut, 1007, 107, "ends in the middle of its DEFLATE data"),
        ("a bomb", bomb, 1009, 109, "larger than 1048576 bytes"),
        ("bad text", bad, 1007, 107, "not UTF-8"),
        ("rsv1 on a continuation", b"\0".to_vec(), 1002, 102, "reserved bits"),
    ];
    for (case, payload, code, exit, says) in cases {
        let peer = Peer::start(move |wire| {
            accept(wire, "permessage-deflate");
            if payload == [0] {
                wire.try_send([frame(TEXT, b"a"), frame(FIN | RSV1 | CONTINUATION, b"b")].concat());
            } else {
                wire.try_send(frame(FIN | RSV1 | TEXT, &payload));
            }
            wire.expect_close(code);
            wire.end_whatever_comes();
        });
        let args = ["listen", "--compress", "--max-message-size", "1M", &peer.url()];
        run(args).case(case).output().check(ends(exit).saying(&[says]));
        peer.seen();
    }
}

#[test]
fn a_message_that_must_be_held_is_no_larger_for_being_compressed() {
    let bomb = deflate(&mut compressor(), &vec![0; (64 << 20) + 1]);
    let peer = Peer::start(move |wire| {
        accept(wire, "permessage-deflate");
        wire.try_send(frame(FIN | RSV1 | TEXT, &bomb));
        wire.expect_close(1009);
        wire.end_whatever_comes();
    });
    let output = run(["listen", "--compress", "--until", "x", &peer.url()]).output();
    output.check(ends(109).saying(&["larger than 67108864 bytes"]));
}

#[test]
fn a_large_message_that_is_cut_off_leaves_what_came_of_it() {
    let message: Vec<u8> =
        (0..2_000_000u32).map(|n| b'a' + (n.wrapping_mul(n) / 7 % 26) as u8).collect();
    let mut compressed = deflate(&mut compressor(), &message);
    compressed.truncate(compressed.len() - 1000);
    let mut expected = Vec::with_capacity(message.len());
    let mut decompress = Decompress::new(false);
    decompress.decompress_vec(&compressed, &mut expected, FlushDecompress::Sync).unwrap();
    let peer = Peer::start(move |wire| {
        accept(wire, "permessage-deflate");
        wire.try_send(frame(FIN | RSV1 | TEXT, &compressed));
        wire.expect_close(1007);
        wire.end_whatever_comes();
    });
    let output = run(["listen", "--compress", "--format", "raw", &peer.url()]).output();
    output.check(ends(107).printing(&expected).saying(&["ends in the middle", "message is cut"]));
}

#[test]
fn no_flood_of_compressed_data_keeps_a_limit_or_a_signal_from_ending_the_run() {
    let bomb = deflate(&mut compressor(), &vec![0; 8 << 20]);
    let floods = [("bombs", bomb), ("streams that end at once", b"\x03\0".repeat(100_000))];
    for (case, payload) in floods {
        let flood = move |wire: &mut Wire| {
            accept(wire, "permessage-deflate");
            while wire.try_send(frame(FIN | RSV1 | TEXT, &payload)) {}
        };
        let peer = Peer::start(flood.clone());
        let args = ["listen", "--compress", "-m", "0.5", "-o", "/dev/null", &peer.url()];
        let output = run(args).case(case).output();
        output.check(ends(28).saying(&["the run took longer than 500ms"]));
        let peer = Peer::start(flood);
        let args = ["listen", "--compress", "-i", "-o", "/dev/null", &peer.url()];
        let running = run(args).case(case).start();
        running.wait_for_stderr("< HTTP/1.1 101");
        running.signal(Signal::INT);
        running.output().check(dies_by(2).saying(&["1001 going away; ended by SIGINT"]));
    }
}

#[test]
fn what_is_sent_refers_no_further_back_than_was_agreed_on() {
    // What repeats is farther away than a small window is wide.
    let noise: Vec<u8> =
        (0..3000u32).flat_map(|n| (n.wrapping_mul(2_654_435_761)).to_le_bytes()).collect();
    let message = noise.repeat(2);
    for bits in [9, 12, 15] {
        let peer = Peer::start(move |wire| {
            accept(wire, &format!("permessage-deflate; client_max_window_bits={bits}"));
            wire.finish();
        });
        let args = ["send", "--compress=level=9", "--binary", "--whole", &peer.url()];
        run(args).stdin(&message).output().check(ends(0));
        let seen = peer.seen();
        let bytes: Vec<u8> = seen
            .frames
            .iter()
            .filter(|frame| frame.opcode < 8)
            .flat_map(|frame| frame.payload.clone())
            .collect();
        let mut out = Vec::with_capacity(message.len() + 1000);
        let input = [&bytes[..], &[0, 0, 0xff, 0xff]].concat();
        // zlib says so when it meets a reference from outside of the window.
        let mut decompress = Decompress::new_with_window_bits(false, bits);
        decompress.decompress_vec(&input, &mut out, FlushDecompress::Sync).unwrap();
        assert!(out == message, "{bits}");
        assert_eq!(bytes.len() < noise.len() * 3 / 2, bits == 15, "{bits}: {}", bytes.len());
    }
}

#[test]
fn what_cannot_be_offered_is_said_before_anything_is_sent() {
    let cases: [(&[&str], i32, &str); 3] = [
        (&["--compress=level=10", "echo:"], 2, "level is 0 (nothing is compressed), or 1 (fast)"),
        (&["--compress", "-H", "Sec-WebSocket-Extensions: x", "echo:"], 2, "about the same header"),
        (&["--compress", "level=9"], 6, "hint: a flag's value was taken for the URL?"),
    ];
    for (args, code, says) in cases {
        let output = run([&["listen"], args].concat()).output();
        output.check(ends(code).saying(&[says]));
    }
}

#[test]
fn the_closing_line_and_the_open_record_say_what_it_brought() {
    let line = "the same again and again, ".repeat(40);
    let output = run(["send", "-v", "--compress", "-n", "1", "echo:", &line]).output();
    output.check(ends(0).printing(format!("{line}\n")).saying(&[
        "closed by us: 1000 normal closure; on the wire ",
        " of 1040 bytes received (",
        " of 1040 bytes sent (",
    ]));
    let output = run(["listen", "--compress", "--format", "jsonl", "-n", "0", "echo:"]).output();
    output.check(ends(0).with_stdout_checked_apart());
    assert!(output.stdout_text().contains("\"extensions\":[\"permessage-deflate\"]"));
}
