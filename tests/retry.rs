//! Trying again: after what, how often, and that nothing is sent twice.

mod support;

use std::time::{Duration, Instant};

use rustix::process::Signal;
use support::{Nobody, Peer, Run, Script, Wire, behind_socket, close, dies_by, ends, run};

fn answering(head: &'static str) -> Script {
    Box::new(move |wire| {
        wire.request();
        wire.try_send(format!("HTTP/1.1 {head}\r\nContent-Length: 0\r\n\r\n"));
        wire.end_whatever_comes();
    })
}

fn silent(wire: &mut Wire) {
    wire.request();
    wire.until_gone();
}

/// A run that tries again three times, soon.
fn trying(args: &[&str]) -> Run {
    run([args, &["--retry", "3", "--retry-delay", "10ms"]].concat())
}

#[test]
fn what_may_pass_is_tried_again() {
    for status in [408, 429, 500, 502, 503, 504] {
        let head: &str = Box::leak(format!("{status} Later").into_boxed_str());
        let peers = Peer::start_each(vec![answering(head), answering(head), Box::new(Wire::hello)]);
        let output = trying(&["listen", &peers.url()]).output();
        output.check(ends(0).printing("hello\n").saying(&[
            &format!(
                "wspipe: refused by the server: {status} Later; next try in 10ms, 2 left after it\n"
            ),
            "1 left after it\n",
        ]));
        assert_eq!(peers.seen().len(), 3);
    }
}

#[test]
fn the_last_failure_stands() {
    let peers = Peer::start_each((0..4).map(|_| answering("503 Later")).collect());
    let output = trying(&["listen", &peers.url()]).output();
    output.check(ends(22).saying(&["0 left after it", "503 Later\n"]));
    assert_eq!(peers.seen().len(), 4);
}

#[test]
fn what_will_stay_is_tried_again_only_if_asked() {
    let peers = Peer::start_each(vec![answering("403 Forbidden")]);
    let output = trying(&["listen", &peers.url()]).output();
    output.check(ends(22).saying(&["wspipe: refused by the server: 403 Forbidden\n"]));
    let peers = Peer::start_each(vec![answering("403 Forbidden"), Box::new(Wire::hello)]);
    let output = trying(&["listen", "--retry-all-errors", &peers.url()]).output();
    output.check(ends(0).printing("hello\n").saying(&["403"]));
    let output = trying(&["listen", "--retry-all-errors", "ftp://h/"]).output();
    output.check(ends(3).saying(&["the URL scheme ftp:"]));
}

#[test]
fn a_connect_that_hangs_is_a_limit_that_is_reached() {
    let nobody = Nobody::hanging();
    let url = format!("ws://{}/", nobody.address);
    let output = trying(&["listen", "--connect-timeout", "100ms", &url]).output();
    output.check(
        ends(28)
            .saying(&["within 100ms: no connection; next try in 10ms, 2 left", "0 left after it"]),
    );
}

#[test]
fn a_server_that_is_not_up_yet_is_waited_for_if_asked() {
    let folder = tempfile::TempDir::new().unwrap();
    let path = folder.path().join("socket");
    let url = format!("ws+unix://{}:/", path.display());
    let output = trying(&["listen", &url]).output();
    output.check(ends(7).saying(&["cannot connect"]));

    let patient = ["listen", "--retry-connrefused", "--retry", "1000", "--retry-delay", "10ms"];
    let running = run(patient.into_iter().chain([&url[..]])).start();
    running.wait_for_stderr("next try in 10ms");
    let peer = Peer::that_says_hello();
    let passing = behind_socket(&path, peer.address);
    running.output().check(ends(0).printing("hello\n").saying(&["next try in 10ms"]));
    passing.join().unwrap();
}

#[test]
fn the_server_says_when() {
    let later = "503 Later\r\nRetry-After: 1";
    let peers = Peer::start_each(vec![answering(later), Box::new(Wire::hello)]);
    let begun = Instant::now();
    let output = trying(&["listen", &peers.url()]).output();
    output.check(ends(0).printing("hello\n").saying(&["next try in 1s"]));
    assert!(begun.elapsed() >= Duration::from_secs(1));

    let peers = Peer::start_each(vec![answering("503 Later\r\nRetry-After: 100")]);
    let output = trying(&["listen", "--retry-max-time", "60", &peers.url()]).output();
    output.check(ends(22).saying(&["wspipe: refused by the server: 503 Later\n"]));
}

#[test]
fn limits_are_for_each_try() {
    for limit in ["--connect-timeout", "-m"] {
        let peers =
            Peer::start_each(vec![Box::new(silent), Box::new(silent), Box::new(Wire::hello)]);
        let output = trying(&["listen", limit, "1", &peers.url()]).case(limit).output();
        output.check(ends(0).printing("hello\n").saying(&["next try in 10ms", "1 left"]));
    }
}

#[test]
fn once_it_is_open_nothing_is_tried_again() {
    let peers = Peer::start_each(vec![Box::new(|wire| {
        wire.accept();
        wire.expect_text("a");
        wire.send(close(1013, "later"));
        wire.end_whatever_comes();
    })]);
    let output = trying(&["connect", "--retry-all-errors", &peers.url()]).stdin("a\n").output();
    output.check(ends(113).saying(&["closed by peer: 1013"]));
}

#[test]
fn input_waits_for_the_try_that_succeeds() {
    let taking: Script = Box::new(|wire| {
        wire.accept();
        wire.finish();
    });
    let peers = Peer::start_each(vec![answering("503 Later"), taking]);
    let output = trying(&["send", &peers.url()]).stdin("a\nb\n").output();
    output.check(ends(0).saying(&["503 Later"]));
    assert_eq!(peers.seen()[1].texts(), ["a", "b"]);
}

#[test]
fn a_pause_ends_with_a_signal() {
    let peers = Peer::start_each(vec![answering("503 Later")]);
    let running = run(["listen", "--retry", "1", "--retry-delay", "1h", &peers.url()]).start();
    running.wait_for_stderr("next try in 1h");
    running.signal(Signal::INT);
    running.output().check(dies_by(2).saying(&["next try in 1h", "ended by SIGINT"]));
}
