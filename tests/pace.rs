//! `send --repeat`, `--rate` and `--delay`: how often and how fast.

mod support;

use std::fs::{self, File};
use std::io::{Seek as _, Write as _};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::Value;
use support::{PING, Peer, Running, Wire, close, dies_by, ends, ping, run, text};
use tempfile::TempDir;

#[test]
fn all_messages_are_sent_so_many_times_in_their_order() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("lines");
    fs::write(&path, "x\ny").unwrap();
    let at = format!("@{}", path.display());
    let cases: [(&str, &[&str], bool, &[&str]); 6] = [
        ("arguments", &["a", "b", "--repeat", "3"], false, &["a", "b", "a", "b", "a", "b"]),
        ("once", &["a", "--repeat", "1"], false, &["a"]),
        ("-d", &["-d", "a", "-d", &at, "--repeat", "2"], false, &["a", "x\ny", "a", "x\ny"]),
        ("a file as stdin", &["--repeat", "2"], true, &["x", "y", "x", "y"]),
        ("-d @-", &["-d", "@-", "-d", "b", "--repeat", "2"], true, &["x\ny", "b", "x\ny", "b"]),
        ("at a rate", &["a", "b", "--repeat", "2", "--rate", "1000/s"], false, {
            &["a", "b", "a", "b"]
        }),
    ];
    for (case, flags, has_stdin, expected) in cases {
        let peer = Peer::that_listens();
        let mut run = run(["send", &peer.url()]).args(flags).case(case);
        if has_stdin {
            run = run.stdin_file(File::open(&path).unwrap());
        }
        run.output().check(ends(0));
        assert_eq!(peer.seen().texts(), expected, "{case}");
    }
}

#[test]
fn a_large_file_is_sent_again_from_where_it_was_at_any_pace() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("lines");
    let lines: Vec<_> = (0..60_000).map(|number| number.to_string()).collect();
    fs::write(&path, lines.join("\n")).unwrap();
    for flags in [&["--repeat", "3"][..], &["--repeat", "3", "--rate", "1000000/s"]] {
        let peer = Peer::that_listens();
        let stdin = File::open(&path).unwrap();
        run(["send", &peer.url()]).args(flags).stdin_file(stdin).output().check(ends(0));
        assert!(peer.seen().texts() == [&lines[..], &lines, &lines].concat(), "{flags:?}");
    }
    let large = "x".repeat(3 << 20);
    fs::write(&path, &large).unwrap();
    let peer = Peer::that_listens();
    let args = ["send", "--repeat", "2", "--delay", "10ms", "-d", "@lines", &peer.url()];
    run(args).directory(folder.path()).output().check(ends(0));
    assert!(peer.seen().texts() == [large.clone(), large]);
}

#[test]
fn what_can_be_read_only_once_is_not_repeated() {
    let output = run(["send", "--repeat", "2", "echo:"]).stdin("a\n").output();
    let says = ["--repeat: stdin can be read only once", "hint: put what it brings into a file"];
    output.check(ends(2).saying(&says));
    run(["send", "--repeat", "1", "-n", "1", "echo:"])
        .stdin("a\n")
        .output()
        .check(ends(0).printing("a\n"));
}

#[test]
fn a_record_that_closes_ends_all_rounds() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("records");
    fs::write(&path, "{\"text\":\"a\"}\n{\"event\":\"close\",\"code\":4000}\n{\"text\":\"b\"}\n")
        .unwrap();
    for flags in [&[][..], &["--delay", "1ms"]] {
        let peer = Peer::that_listens();
        let args = ["send", "--jsonl", "--repeat", "5", &peer.url()];
        let stdin = File::open(&path).unwrap();
        run(args).args(flags).stdin_file(stdin).output().check(ends(0));
        let seen = peer.seen();
        assert_eq!((seen.texts(), seen.close_code()), (vec!["a".to_owned()], Some(4000)));
    }
}

#[test]
fn messages_are_no_faster_than_their_pace() {
    let cases: [(&str, &[&str], u64); 4] = [
        ("a rate", &["--rate", "20/s"], 250),
        ("a slow one", &["--rate", "600/m"], 500),
        ("a delay", &["--delay", "50ms"], 250),
        ("faster than timers are", &["--rate", "2000/s", "--repeat", "200"], 599),
    ];
    for (case, flags, least) in cases {
        let peer = Peer::that_listens();
        let start = Instant::now();
        run(["send", &peer.url()]).args(flags).stdin_file(six_lines()).output().check(ends(0));
        let took = start.elapsed();
        assert!(took >= Duration::from_millis(least), "{case}: {took:?}");
        let rounds = if flags.len() == 4 { 200 } else { 1 };
        assert_eq!(peer.seen().texts().len(), 6 * rounds, "{case}");
    }
}

fn six_lines() -> File {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(b"1\n2\n3\n4\n5\n6\n").unwrap();
    file.rewind().unwrap();
    file
}

/// A session in which one message was sent and the next one has a long time to wait.
fn waiting(script: impl FnOnce(&mut Wire) + Send + 'static, flags: &[&str]) -> (Peer, Running) {
    let peer = Peer::start(move |wire| {
        wire.accept();
        wire.expect_text("a");
        script(wire);
    });
    let args = ["send", "--delay", "1h", &peer.url()];
    let running = run(args).args(flags).start();
    (peer, running)
}

#[test]
fn what_is_received_and_pings_do_not_wait() {
    let script = |wire: &mut Wire| {
        wire.send([text("hello"), ping(b"p")].concat());
        wire.expect_pong(b"p");
        let mut ours = wire.read().expect("a Ping");
        while ours.opcode != PING {
            ours = wire.read().expect("a Ping");
        }
        wire.send(close(1000, ""));
        wire.end_whatever_comes();
    };
    let (peer, running) =
        waiting(script, &["--ping-interval", "20ms", "--ping-timeout", "20s", "a", "b", "c"]);
    let wanted =
        ends(4).printing("hello\n").saying(&["closed by peer: 1000", "2 messages not sent"]);
    running.output().check(wanted);
    peer.seen();
}

#[test]
fn the_peers_close_during_a_wait_counts_what_waits() {
    let cases: [(&str, &[&str], &str); 3] = [
        ("arguments", &["a", "b"], "1 message not sent"),
        ("rounds", &["--repeat", "3", "a", "b"], "5 messages not sent"),
        ("many rounds", &["--repeat", "1000", "a"], "999 messages not sent"),
    ];
    for (case, flags, says) in cases {
        let script = |wire: &mut Wire| {
            wire.send(close(1000, ""));
            wire.end_whatever_comes();
        };
        let (peer, running) = waiting(script, flags);
        let output = running.output();
        output.check(ends(4).saying(&[says]));
        assert_eq!(peer.seen().texts().len(), 1, "{case}");
    }
    let peer = Peer::start(|wire| {
        wire.accept();
        wire.expect_text("a");
        wire.send(close(1000, ""));
        wire.end_whatever_comes();
    });
    let output = run(["send", "--rate", "1/h", &peer.url()]).stdin("a\nb\nc\n").output();
    output.check(ends(4).saying(&["2 messages not sent"]));
    peer.seen();
}

#[test]
fn a_signal_and_the_time_limit_end_a_wait_at_once() {
    let (arrived, has_arrived) = mpsc::channel();
    let script = move |wire: &mut Wire| {
        arrived.send(()).unwrap();
        wire.finish();
    };
    let (peer, running) = waiting(script, &["a", "b"]);
    has_arrived.recv_timeout(support::DEADLINE).unwrap();
    running.signal(Signal::INT);
    running.output().check(dies_by(2).saying(&["1 message not sent"]));
    assert_eq!(peer.seen().close_code(), Some(1001));

    let script = |wire: &mut Wire| wire.finish_if_asked();
    let (peer, running) = waiting(script, &["-m", "2s", "a", "b"]);
    running.output().check(ends(28).saying(&["the run took longer than 2s"]));
    peer.seen();
}

#[test]
fn input_that_is_wrong_ends_the_run_after_what_came_before_it() {
    let peer = Peer::that_listens();
    let output = run(["send", "--delay", "10ms", &peer.url()]).stdin(b"a\nb\n\xff\nc\n").output();
    output.check(ends(26).saying(&["stdin: message 3, byte 1: not valid UTF-8"]));
    assert_eq!(peer.seen().texts(), ["a", "b"]);
}

#[test]
fn records_keep_their_order_and_pings_have_no_turn() {
    let records = [
        "{\"text\":\"a\"}",
        "{\"event\":\"ping\",\"text\":\"p\"}",
        "{\"text\":\"b\"}",
        "{\"frame\":{},\"text\":\"c\"}",
    ];
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("recording");
    let peer = Peer::that_listens();
    let args = ["send", "--jsonl", "--raw-frames", "--delay", "30ms", "--record"];
    let output =
        run(args).args([path.to_str().unwrap(), &peer.url()]).stdin(records.join("\n")).output();
    output.check(ends(0));
    let seen = peer.seen();
    let opcodes: Vec<_> = seen.frames.iter().map(|frame| frame.opcode).collect();
    assert_eq!(opcodes, [1, PING, 1, 1, 8]);
    let recorded = fs::read_to_string(path).unwrap();
    let times = recorded.lines().map(|line| {
        let record: Value = serde_json::from_str(line).unwrap();
        let time = humantime::parse_rfc3339(record["time"].as_str().unwrap()).unwrap();
        (record["event"].as_str().unwrap().to_owned(), time)
    });
    let times: Vec<_> = times.collect();
    let gap = |at: usize| times[at + 1].1.duration_since(times[at].1).unwrap_or_default();
    assert_eq!(times[1].0, "message");
    assert_eq!(times[2].0, "ping");
    let after_message = times[3].1.duration_since(times[1].1).unwrap();
    assert!(after_message >= Duration::from_millis(30), "{after_message:?}");
    assert!(gap(3) >= Duration::from_millis(30), "{:?}", gap(3));
}
