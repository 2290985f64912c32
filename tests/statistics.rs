//! What `-v` says at the end of what the session has counted.

mod support;

use std::time::Duration;

use support::{Nobody, Output, PING, Peer, close, ends, ping, pong, run, text};

/// What the statistics say, line by line.
fn statistics(output: &Output) -> Vec<String> {
    let stderr = output.stderr_text();
    let after = stderr.lines().skip_while(|line| !line.starts_with("* times: ")).skip(1);
    let lines = after.filter_map(|line| line.strip_prefix("* "));
    lines.map(str::to_owned).collect()
}

/// The time that stands behind these words.
#[track_caller]
fn time(line: &str, words: &str) -> Duration {
    let (_, after) = line.split_once(words).unwrap_or_else(|| panic!("{line} lacks {words}"));
    let mut parts = after.split([' ', ',']);
    let number: f64 = parts.next().unwrap().parse().unwrap();
    match parts.next() {
        Some("ms") => Duration::from_secs_f64(number / 1000.0),
        Some("s") => Duration::from_secs_f64(number),
        unit => panic!("{line} has {unit:?} behind {words}"),
    }
}

#[test]
fn the_end_says_what_went_each_way_and_how_long_the_peer_was_silent() {
    const SILENCE: Duration = Duration::from_millis(300);
    let peer = Peer::start(|wire| {
        wire.accept();
        for message in ["a", "b", "c"] {
            wire.expect_text(message);
        }
        wire.send([text("hello"), text("hello"), ping(b"read?")].concat());
        wire.expect_pong(b"read?");
        wire.quiet_for(SILENCE);
        wire.send([text("hello"), close(1000, "")].concat());
        wire.read_to_close();
        wire.end();
    });
    let args = ["listen", "-v", "-d", "a", "-d", "b", "-d", "c", &peer.url()];
    let output = run(args).output();
    output.check(ends(0).printing("hello\nhello\nhello\n").saying(&["closed by peer: 1000"]));
    peer.seen();
    let lines = statistics(&output);
    let [received, sent] = &lines[..] else { panic!("{lines:?}") };
    assert!(received.starts_with("received: 3 messages, 15 B in "), "{received}");
    assert!(received.contains(" messages/s, ") && received.contains(" B/s), "), "{received}");
    assert!(sent.starts_with("sent: 3 messages, 3 B (") && sent.ends_with(" B/s)"), "{sent}");
    let (silence, open) = (time(received, "longest silence "), time(received, " in "));
    // One decimal is shown.
    let rounded = Duration::from_millis(50);
    assert!(silence + rounded >= SILENCE && silence <= open + rounded, "{received}");
    let stderr = output.stderr_text();
    let last = stderr.lines().next_back().unwrap();
    assert_eq!(last, "closed by peer: 1000 normal closure");
}

#[test]
fn answered_pings_have_a_line() {
    let peer = Peer::start(|wire| {
        wire.accept();
        for _ in 0..5 {
            let ping = wire.expect_ping();
            wire.send(pong(&ping.payload));
        }
        wire.send(close(1000, ""));
        wire.end_whatever_comes();
    });
    let args = ["listen", "-v", "--ping-interval", "10ms", "--ping-timeout", "20s", &peer.url()];
    let output = run(args).output();
    output.check(ends(0).saying(&["closed by peer: 1000"]));
    assert!(peer.seen().frames.iter().filter(|frame| frame.opcode == PING).count() >= 5);
    let lines = statistics(&output);
    let [received, sent, trips] = &lines[..] else { panic!("{lines:?}") };
    assert!(received.starts_with("received: nothing in "), "{received}");
    assert_eq!(sent, "sent: nothing");
    assert!(trips.starts_with("round trips: 5, min "), "{trips}");
    let times = ["min ", "median ", "p99 "].map(|words| time(trips, words));
    assert!(times.is_sorted(), "{trips}");
}

#[test]
fn what_compression_has_brought_is_said_once() {
    let message = "again and ".repeat(100);
    let output = run(["send", "-v", "--compress", "-n", "1", "echo:", &message]).output();
    let says = "; on the wire ";
    output.check(ends(0).printing(format!("{message}\n")).saying(&["closed by us: 1000", says]));
    assert_eq!(output.stderr_text().matches("on the wire").count(), 1, "{}", output.report());
    let lines = statistics(&output);
    assert!(lines[1].starts_with("sent: 1 message, 1000 B ("), "{lines:?}");
    assert_eq!(lines.len(), 2, "{lines:?}");
}

#[test]
fn a_session_that_fails_has_its_statistics_and_one_that_never_was_has_none() {
    let peer = Peer::start(|wire| {
        wire.accept_with(&text("hello"));
        wire.bytes_until_gone();
    });
    let output = run(["listen", "-v", "-m", "500ms", &peer.url()]).output();
    output.check(ends(28).printing("hello\n").saying(&["-m"]));
    peer.seen();
    let lines = statistics(&output);
    assert!(lines[0].starts_with("received: 1 message, 5 B in "), "{lines:?}");
    assert_eq!(lines[1..], ["sent: nothing"]);

    let nobody = Nobody::refusing();
    let url = format!("ws://{}/", nobody.address);
    let output = run(["listen", "-v", &url]).output();
    output.check(ends(7).saying(&["* times: "]));
    assert!(statistics(&output).is_empty(), "{}", output.report());
}

#[test]
fn nobody_who_did_not_ask_hears_of_them() {
    let peer = Peer::that_says_hello();
    run(["listen", &peer.url()]).output().check(ends(0).printing("hello\n"));
    peer.seen();
}
