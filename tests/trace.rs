//! Frames as they pass: `-vv`, `-vvv` and `--trace-frames`.

mod support;

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use serde_json::{Value, json};
use support::{
    CONTINUATION, Output, PING, Peer, TEXT, binary, close, ends, frame, header, ping, run, text,
};
use tempfile::TempDir;

const FIN: u8 = 0x80;

/// A server that sends a fragmented text with a Ping between, and closes.
fn talkative() -> Peer {
    Peer::start(|wire| {
        let pieces =
            [frame(TEXT, b"he\x1b[31m"), ping(b"p\x07"), frame(FIN | CONTINUATION, b"llo")];
        wire.accept_with(&pieces.concat());
        wire.expect_pong(b"p\x07");
        wire.send(close(1000, "bye \x1b"));
        wire.end_whatever_comes();
    })
}

/// The lines about frames without their times and masks, and the dumps between.
fn frames(output: &Output) -> Vec<String> {
    let stderr = output.stderr_text();
    let lines = stderr.lines().skip_while(|line| *line != "<").skip(1);
    let of_frames = lines.filter(|line| line.starts_with(['>', '<', ' ']));
    let plain = of_frames.map(|line| {
        let words = line.split(' ');
        let is_time = |word: &str| word.len() == 15 && word.contains(':') && word.contains('.');
        let is_mask = |word: &str| word.len() == 8 && !line.starts_with("  ");
        let kept: Vec<_> = words.filter(|word| !is_time(word) && !is_mask(word)).collect();
        kept.join(" ")
    });
    plain.collect()
}

#[test]
fn two_vs_show_control_frames_and_three_show_all() {
    let control = [
        "< ping fin length 2",
        "  00000000  70 07                                             |p.|",
        "> pong fin mask length 2",
        "  00000000  70 07                                             |p.|",
        "< close fin length 7: 1000 normal closure \"bye \\x1b\"",
        "  00000000  03 e8 62 79 65 20 1b                              |..bye .|",
        "> close fin mask length 7: 1000 normal closure \"bye \\x1b\"",
        "  00000000  03 e8 62 79 65 20 1b                              |..bye .|",
    ];
    let data = [
        "< text length 7",
        "  00000000  68 65 1b 5b 33 31 6d                              |he.[31m|",
        "< continuation fin length 3",
        "  00000000  6c 6c 6f                                          |llo|",
    ];
    let all = [&data[..2], &control[..2], &data[2..], &control[2..]].concat();
    for (flags, expected) in [("-v", &[][..]), ("-vv", &control[..]), ("-vvv", &all)] {
        let peer = talkative();
        let output = run(["listen", flags, &peer.url()]).output();
        output.check(ends(0).printing("he\x1b[31mllo\n").saying(&["closed by peer: 1000"]));
        assert_eq!(frames(&output), expected, "{flags}");
        assert!(!output.stderr.contains(&0x1b), "nothing of the peer reaches a terminal");
        peer.seen();
    }
}

fn records(path: &std::path::Path) -> Vec<Value> {
    let text = fs::read_to_string(path).unwrap();
    let records = text.lines().map(|line| {
        let mut record: Value = serde_json::from_str(line).unwrap();
        let record_fields = record.as_object_mut().unwrap();
        assert_eq!(record_fields.remove("event"), Some(json!("frame")));
        let time = record_fields.remove("time").unwrap();
        assert_eq!(time.as_str().unwrap().len(), "2026-11-22T18:00:00.123456Z".len());
        let key = record_fields.remove("mask_key");
        assert_eq!(key.is_some(), record_fields["frame"]["mask"] == true);
        record
    });
    records.collect()
}

fn traced(from: &str, fin: bool, opcode: u8, length: u64) -> Value {
    let frame =
        json!({"fin": fin, "rsv": 0, "opcode": opcode, "mask": from == "us", "length": length});
    json!({"from": from, "frame": frame})
}

fn with(mut record: Value, field: &str, value: impl Into<Value>) -> Value {
    record[field] = value.into();
    record
}

#[test]
fn a_trace_has_every_frame_complete_and_is_private() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("frames.jsonl");
    let peer = talkative();
    let args = ["listen", "--trace-frames", path.to_str().unwrap(), &peer.url()];
    run(args).output().check(ends(0).printing("he\x1b[31mllo\n"));
    peer.seen();
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    let expected = [
        with(traced("peer", false, 1, 7), "text", "he\u{1b}[31m"),
        with(traced("peer", true, 9, 2), "base64", "cAc="),
        with(traced("peer", true, 0, 3), "base64", "bGxv"),
        with(traced("us", true, 10, 2), "base64", "cAc="),
        with(traced("peer", true, 8, 7), "base64", "A+hieWUgGw=="),
        with(traced("us", true, 8, 7), "base64", "A+hieWUgGw=="),
    ];
    assert_eq!(records(&path), expected);
}

#[test]
fn what_breaks_the_protocol_is_traced_as_it_came() {
    let cases: [(&str, Vec<u8>, i32, Value); 4] = [
        ("reserved bits", frame(FIN | 0x30 | TEXT, b"a"), 102, {
            json!({"fin": true, "rsv": 3, "opcode": 1, "mask": false, "length": 1})
        }),
        ("a reserved opcode", frame(FIN | 3, b"a"), 102, {
            json!({"fin": true, "rsv": 0, "opcode": 3, "mask": false, "length": 1})
        }),
        ("a Ping in fragments", frame(PING, b"a"), 102, {
            json!({"fin": false, "rsv": 0, "opcode": 9, "mask": false, "length": 1})
        }),
        ("a length that never comes", [&header(FIN | TEXT, 1 << 40)[..], b"a"].concat(), 106, {
            json!({"fin": true, "rsv": 0, "opcode": 1, "mask": false, "length": 1u64 << 40})
        }),
    ];
    for (case, bytes, code, expected) in cases {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("frames.jsonl");
        let peer = Peer::start(move |wire| {
            wire.accept_with(&bytes);
            wire.end_whatever_comes();
        });
        let args = ["listen", "--trace-frames", path.to_str().unwrap(), &peer.url()];
        let output = run(args).case(case).output();
        output.check(ends(code).with_stdout_checked_apart().with_stderr_checked_apart());
        let records = records(&path);
        let theirs: Vec<_> = records.iter().filter(|record| record["from"] == "peer").collect();
        assert_eq!(theirs[0]["frame"], expected, "{case}");
        assert_eq!(theirs[0]["text"].is_string(), expected["opcode"] == 1, "{case}");
        let received = if code == 106 { json!(1) } else { Value::Null };
        assert_eq!(theirs[0]["received"], received, "{case}");
    }
}

#[test]
fn a_compressed_frame_says_what_it_was() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("frames.jsonl");
    let message = "again and ".repeat(100);
    let args = ["send", "-n", "1", "--compress", "--trace-frames", path.to_str().unwrap(), "echo:"];
    let output = run(args).arg(&message).output();
    output.check(ends(0).printing(format!("{message}\n")));
    for record in &records(&path)[..2] {
        assert_eq!((&record["inflated"], &record["frame"]["rsv"]), (&json!(1000), &json!(4)));
        assert!(record["base64"].is_string() && record["text"].is_null());
    }
}

#[test]
fn a_trace_that_cannot_be_written_ends_with_23() {
    let folder = TempDir::new().unwrap();
    let cases = [
        (folder.path().display().to_string(), "Is a directory"),
        ("/dev/full".into(), "No space left on device"),
    ];
    for (path, says) in cases {
        let peer = Peer::start(|wire| {
            wire.accept_with(&[text("one"), binary(&vec![0; 300_000])].concat());
            wire.end_whatever_comes();
        });
        let output = run(["listen", "--trace-frames", &path, &peer.url()]).case(&path).output();
        output.check(ends(23).with_stdout_checked_apart().saying(&[&path, says]));
    }
}
