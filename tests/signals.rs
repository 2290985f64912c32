//! Signals as shells and pipelines mean them: a loop around the program stops, a reader that has gone ends
//! it quietly, and what whoever started it had ignored stays ignored.

mod support;

use std::fs::File;
use std::io::{Write as _, pipe};
use std::os::fd::OwnedFd;
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::Command;
use std::sync::mpsc::{Receiver, channel};

use rustix::process::Signal;
use support::{
    DEADLINE, Nobody, Peer, Run, Terminal, Wire, close, dies_by, ends, open, read_terminal, run,
    text,
};

const SIGHUP: i32 = 1;
const SIGINT: i32 = 2;
const SIGPIPE: i32 = 13;

/// A peer that tells when the session is open, and then does this.
fn telling(then: impl FnOnce(&mut Wire) + Send + 'static) -> (Peer, Receiver<()>) {
    let (opened, told) = channel();
    let peer = Peer::start(move |wire| {
        open(wire);
        opened.send(()).unwrap();
        then(wire);
    });
    (peer, told)
}

fn wait_for(told: &Receiver<()>) {
    told.recv_timeout(DEADLINE).expect("a session");
}

#[test]
fn what_was_ignored_stays_ignored() {
    for (name, signal) in [("INT", Signal::INT), ("TERM", Signal::TERM), ("HUP", Signal::HUP)] {
        for command in ["listen", "connect"] {
            let (go, going) = channel();
            let (peer, opened) = telling(move |wire| {
                going.recv_timeout(DEADLINE).expect("a signal");
                wire.send([text("still here"), close(1000, "")].concat());
                wire.read_to_close();
                wire.end();
            });
            let run = run([command, &peer.url()]).case(name).stdin_held().ignoring(name);
            let running = run.start();
            wait_for(&opened);
            running.signal(signal);
            go.send(()).unwrap();
            let output = running.output();
            // Input that was not at its end is not what this is about.
            let code = if command == "listen" { 0 } else { output.code.unwrap() };
            output.check(ends(code).printing("still here\n").with_stderr_checked_apart());
            assert!(!output.says("ended by"), "{}", output.report());
            peer.seen();
        }
    }
}

#[test]
fn a_terminal_that_goes_ends_it_as_it_ends_all_programs() {
    let (peer, opened) = telling(Wire::until_gone);
    let running = run(["listen", &peer.url()]).start();
    wait_for(&opened);
    running.signal(Signal::HUP);
    running.output().check(dies_by(SIGHUP));
    peer.seen();
}

#[test]
fn ctrl_c_ends_a_loop_around_it_too() {
    let loops = [
        "while true; do \"$0\" listen \"$1\"; done; echo went on",
        "for i in 1 2 3; do \"$0\" listen \"$1\"; done; echo went on",
        "until \"$0\" listen \"$1\"; do :; done; echo went on",
    ];
    let shells = ["/bin/bash", "/bin/dash", "/bin/sh", "/bin/zsh"];
    for shell in shells.into_iter().filter(|shell| Path::new(shell).exists()) {
        for script in loops {
            let (peer, opened) = telling(Wire::finish);
            let terminal = Terminal::open();
            let mut command = Command::new("/usr/bin/setsid");
            command.args(["--ctty", shell, "-c", script, env!("CARGO_BIN_EXE_wspipe")]);
            command.arg(peer.url()).env_clear().env("PATH", "/usr/bin:/bin");
            command.stdin(terminal.stdio()).stdout(terminal.stdio()).stderr(terminal.stdio());
            let mut child = command.spawn().expect("the shell starts");
            drop(command);
            let mut terminal = terminal.into_master();
            wait_for(&opened);
            terminal.write_all(b"\x03").expect("the terminal is open");
            let screen = read_terminal(&mut terminal, "");
            let status = child.wait().expect("its end");
            let case = format!("{shell}, {script}: {screen}");
            assert_eq!(status.signal(), Some(SIGINT), "{case}");
            assert!(screen.contains("closed by us: 1001 going away; ended by SIGINT"), "{case}");
            assert!(!screen.contains("went on"), "{case}");
            assert_eq!(peer.seen().close_code(), Some(1001), "{case}");
        }
    }
}

/// `listen` whose stdout is a pipe that somebody reads, and the end of that.
fn listening(flags: &[&str]) -> (Run, std::io::PipeReader, Peer, Receiver<()>) {
    let (peer, opened) = telling(Wire::until_gone);
    let (reader, writer) = pipe().expect("a pipe");
    let run = run(["listen", &peer.url()]).args(flags);
    (run.stdout_file(File::from(OwnedFd::from(writer))), reader, peer, opened)
}

#[test]
fn listen_ends_quietly_once_nobody_reads_what_it_prints() {
    for ignored in ["", "PIPE"] {
        for flags in [&[][..], &["-o", "/dev/stdout"], &["-v", "--format", "jsonl"]] {
            let (run, reader, peer, opened) = listening(flags);
            let run = if ignored.is_empty() { run } else { run.ignoring(ignored) };
            let running = run.case(&format!("{ignored:?} ignored")).start();
            wait_for(&opened);
            drop(reader);
            let output = running.output();
            // -v says how it came to be open, and nothing of its end but numbers.
            output.check(match flags {
                ["-v", ..] => dies_by(SIGPIPE).with_stderr_checked_apart(),
                _ => dies_by(SIGPIPE),
            });
            peer.seen();
        }
    }
}

#[test]
fn who_sends_goes_on_though_nobody_reads_until_there_is_something_to_print() {
    let (peer, opened) = telling(|wire| {
        wire.expect_text("sent all the same");
        wire.send(text("an answer"));
        wire.until_gone();
    });
    let mut running = run(["connect", &peer.url()]).stdin_held().stdout_unread().start();
    wait_for(&opened);
    drop(running.take_stdout());
    running.write("sent all the same\n");
    running.output().check(dies_by(SIGPIPE));
    peer.seen();
}

#[test]
fn all_that_is_printed_before_the_reader_goes_is_no_failure() {
    let peer = Peer::start(|wire| {
        wire.accept();
        wire.send([text("one"), text("two")].concat());
        wire.finish();
    });
    // The reader goes after the second line, and so does the condition that ends it.
    let script = "\"$0\" listen -n 2 \"$1\" | head -2; echo";
    let script = format!("set -o pipefail; {script} $?");
    let mut command = Command::new("/bin/bash");
    command.args(["-c", &script, env!("CARGO_BIN_EXE_wspipe"), &peer.url()]);
    let output = command.output().expect("bash");
    assert_eq!(String::from_utf8_lossy(&output.stdout), "one\ntwo\n0\n");
    peer.seen();
}

#[test]
fn a_stderr_that_nobody_reads_changes_nothing() {
    for flags in [&["-vv"][..], &["-v", "-n", "1"]] {
        let (reader, writer) = pipe().expect("a pipe");
        drop(reader);
        let peer = Peer::that_says_hello();
        let run = run(["listen", &peer.url()]).args(flags);
        let run = run.stderr_file(File::from(OwnedFd::from(writer)));
        run.output().check(ends(0).printing("hello\n"));
        peer.seen();
    }
    let (reader, writer) = pipe().expect("a pipe");
    drop(reader);
    let nobody = Nobody::refusing();
    let run = run(["listen", &format!("ws://{}/", nobody.address)]);
    run.stderr_file(File::from(OwnedFd::from(writer))).output().check(ends(7));
}
