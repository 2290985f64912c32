//! A password that is missing is asked for at the terminal, unseen, or said to be missing.

mod support;

use std::sync::mpsc::channel;

use rustix::process::Signal;
use support::{DEADLINE, Files, Peer, Running, Terminal, dies_by, ends, modes, open, run};

#[test]
fn it_is_asked_for_at_the_terminal() {
    let peer = Peer::that_says_hello();
    let mut running = run(["listen", "-u", "me", &peer.url()]).console().start();
    running.wait_for_console("Enter host password for user 'me': ");
    running.write("secret\n");
    assert!(!running.wait_for_console("\n").contains("secret"));
    running.output().check(ends(0).printing("hello\n"));
    assert_eq!(peer.seen().header("Authorization").as_deref(), Some("Basic bWU6c2VjcmV0"));
}

#[test]
fn ctrl_c_ends_the_question() {
    let mut running = run(["listen", "-u", "me", "ws://127.0.0.1:9/"]).console().start();
    running.wait_for_console("user 'me': ");
    running.write("\x03");
    running.output().check(dies_by(2));
}

#[test]
fn however_the_question_ends_the_terminal_is_as_it_was() {
    let signals = [(Signal::INT, 2), (Signal::TERM, 15), (Signal::HUP, 1), (Signal::QUIT, 3)];
    let signals = signals.map(|(signal, number)| (Some(signal), number));
    for (signal, number) in [(None, 2)].into_iter().chain(signals) {
        let run = run(["listen", "-u", "me", "ws://127.0.0.1:9/"]).console();
        let mut running = run.case(&format!("{signal:?}")).start();
        running.wait_for_console("user 'me': ");
        match signal {
            Some(signal) => running.signal(signal),
            None => running.write("\x03"),
        }
        let console = running.take_console();
        running.output().check(dies_by(number));
        let before = modes(&Terminal::open().into_master());
        assert_eq!(modes(&console), before, "{signal:?}");
    }
}

#[test]
fn the_limit_on_the_run_ends_the_question_too() {
    let files = Files::new();
    files.write("a.jsonl", "{\"text\":\"hi\"}\n");
    let scenario = files.path("a.jsonl").display().to_string();
    let check = ["check", "--url", "ws://127.0.0.1:9/", &scenario];
    let before = modes(&Terminal::open().into_master());
    for command in
        [&["listen", "ws://127.0.0.1:9/"][..], &["send", "ws://127.0.0.1:9/", "x"], &check]
    {
        let run = run(command).args(["-m", "1", "-u", "me"]).console();
        let mut running = run.start();
        // What is said next is on a line of its own.
        running.wait_for_console("user 'me': \r\n");
        let console = running.take_console();
        let said = ["wspipe: the run took longer than 1s", "hint: the limit is -m/--max-time"];
        running.output().check(ends(28).saying(&said));
        assert_eq!(modes(&console), before, "{command:?}");
    }
}

/// A session that is open once the password was typed, with a peer that waits for its end.
fn open_after_the_question() -> (Running, Peer) {
    let (opened, told) = channel();
    let peer = Peer::start(move |wire| {
        open(wire);
        opened.send(()).unwrap();
        wire.finish_if_asked();
    });
    let mut running = run(["listen", "-u", "me", &peer.url()]).console().start();
    running.wait_for_console("user 'me': ");
    running.write("secret\n");
    told.recv_timeout(DEADLINE).expect("a session");
    (running, peer)
}

#[test]
fn a_signal_after_the_question_is_one_of_the_session() {
    let (running, peer) = open_after_the_question();
    running.signal(Signal::TERM);
    let wanted = dies_by(15).saying(&["closed by us: 1001 going away; ended by SIGTERM"]);
    running.output().check(wanted);
    assert_eq!(peer.seen().close_code(), Some(1001));
}

#[test]
fn what_no_session_takes_over_ends_it_as_ever_after_the_question_too() {
    for (signal, number) in [(Signal::HUP, 1), (Signal::QUIT, 3)] {
        let (running, peer) = open_after_the_question();
        running.signal(signal);
        running.output().check(dies_by(number));
        peer.seen();
    }
}

#[test]
fn without_a_terminal_it_is_said_to_be_missing() {
    for (flag, what) in [("-u", "-u me: "), ("-U", "-U me: ")] {
        let run = run(["listen", flag, "me", "-x", "127.0.0.1:9", "ws://h/"]).without_terminal();
        run.output().check(ends(2).saying(&[
            what,
            "there is no terminal to ask at",
            "USER:PASSWORD",
        ]));
    }
    let peer = Peer::that_says_hello();
    run(["listen", "-u", "me:", &peer.url()]).output().check(ends(0).printing("hello\n"));
    assert_eq!(peer.seen().header("Authorization").as_deref(), Some("Basic bWU6"));
}
