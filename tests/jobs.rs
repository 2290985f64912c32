//! Job control: the program at a terminal under a shell that stops it, and continues or ends it.

mod support;

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::process::{Child, Command};
use std::time::Instant;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use support::{DEADLINE, Peer, Terminal, modes};
use tempfile::TempDir;

/// An interactive shell.
struct Shell {
    child: Child,
    terminal: File,
    /// What came and was not waited for yet.
    came: String,
    until: Instant,
    _home: TempDir,
}

impl Shell {
    /// `$W` is the program, `$URL` this; jobs are told of at once.
    fn start(url: &str, term: &str) -> Shell {
        let (terminal, home) = (Terminal::open(), TempDir::new().unwrap());
        terminal.resize(24, 200);
        let mut command = Command::new("/usr/bin/setsid");
        command.args(["--ctty", "/bin/bash", "--norc", "--noprofile", "--noediting", "-i"]);
        command.env_clear().env("PATH", "/usr/bin:/bin").env("HOME", home.path());
        command.env("W", env!("CARGO_BIN_EXE_wspipe")).env("URL", url).env("TERM", term);
        command.env("PS1", "shell$ ").env("NO_COLOR", "1");
        command.stdin(terminal.stdio()).stdout(terminal.stdio()).stderr(terminal.stdio());
        let child = command.spawn().expect("the shell starts");
        drop(command);
        let until = Instant::now() + DEADLINE;
        let terminal = terminal.into_master();
        let mut shell = Shell { child, terminal, came: String::new(), until, _home: home };
        shell.wait_for("shell$ ");
        shell.type_in("set -b\n");
        shell.wait_for("shell$ ");
        shell
    }

    fn type_in(&mut self, keys: &str) {
        self.terminal.write_all(keys.as_bytes()).expect("the terminal is open");
    }

    /// Waits until this has come; forgets it, and what came before it.
    #[track_caller]
    fn wait_for(&mut self, part: &str) {
        loop {
            if let Some(at) = self.came.find(part) {
                self.came.drain(..at + part.len());
                return;
            }
            let left = self.until.saturating_duration_since(Instant::now());
            let left = Timespec::try_from(left).unwrap();
            let ready = poll(&mut [PollFd::new(&self.terminal, PollFlags::IN)], Some(&left));
            assert_eq!(ready.unwrap(), 1, "waited in vain for {part:?} after {:?}", self.came);
            let mut bytes = [0; 1024];
            let count = self.terminal.read(&mut bytes).expect("the terminal is open");
            self.came.push_str(&String::from_utf8_lossy(&bytes[..count]));
        }
    }

    /// A line for the shell, which must have read what came before it: it flushes what was typed ahead of a
    /// job that stops.
    #[track_caller]
    fn does(&mut self, line: &str) {
        self.type_in("\n");
        self.wait_for("shell$ ");
        self.type_in(&format!("{line}\n"));
    }
}

impl Drop for Shell {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// With lines that are edited, and without.
const TERMS: [&str; 2] = ["xterm", "dumb"];

#[test]
fn a_prompt_that_stopped_in_the_background_is_ended_by_a_signal() {
    for term in TERMS {
        for (signal, wanted) in [("TERM", "Terminated"), ("HUP", "Hangup")] {
            let peer = Peer::that_echoes();
            let mut shell = Shell::start(&peer.url(), term);
            shell.type_in("\"$W\" connect \"$URL\" &\n");
            shell.wait_for("Stopped");
            shell.does(&format!("kill -{signal} %1"));
            shell.wait_for(wanted);
            let seen = peer.seen();
            if signal == "TERM" {
                assert_eq!(seen.close_code(), Some(1001), "{term}");
            }
        }
    }
}

#[test]
fn a_prompt_that_was_stopped_by_ctrl_z_is_ended_by_a_signal() {
    for term in TERMS {
        let peer = Peer::that_echoes();
        let mut shell = Shell::start(&peer.url(), term);
        let before = modes(&shell.terminal);
        shell.type_in("\"$W\" connect \"$URL\"\n");
        shell.wait_for(", Ctrl-D closes");
        // Only now it is sure to be read as a key.
        shell.type_in("hello\r");
        shell.wait_for("< hello");
        shell.type_in("\x1a");
        shell.wait_for("Stopped");
        shell.does("kill %1");
        shell.wait_for("Terminated");
        assert_eq!(modes(&shell.terminal), before, "{term}");
        assert_eq!(peer.seen().close_code(), Some(1001), "{term}");
    }
}

#[test]
fn a_prompt_in_the_background_stops_until_it_is_brought_forward() {
    for term in TERMS {
        let peer = Peer::that_echoes();
        let mut shell = Shell::start(&peer.url(), term);
        let before = modes(&shell.terminal);
        shell.type_in("\"$W\" connect \"$URL\" &\n");
        shell.wait_for("Stopped");
        shell.does("bg");
        shell.wait_for("Stopped");
        shell.does("fg");
        shell.wait_for("connect \"$URL\"");
        shell.type_in("hello\r");
        shell.wait_for("< hello");
        shell.type_in("\x1a");
        shell.wait_for("Stopped");
        shell.does("fg");
        shell.wait_for("connect \"$URL\"");
        shell.type_in("again\r");
        shell.wait_for("< again");
        shell.type_in("\x04");
        shell.wait_for("closed by us: 1000 normal closure");
        shell.does("echo it was $?");
        shell.wait_for("it was 0");
        assert_eq!(modes(&shell.terminal), before, "{term}");
        assert_eq!(peer.seen().texts(), ["hello", "again"], "{term}");
    }
}

#[test]
fn input_from_a_terminal_that_stopped_in_the_background_is_ended_by_a_signal() {
    for args in ["send", "connect --whole"] {
        let peer = Peer::that_echoes();
        let mut shell = Shell::start(&peer.url(), "xterm");
        shell.type_in(&format!("\"$W\" {args} \"$URL\" &\n"));
        shell.wait_for("Stopped");
        shell.does("fg");
        shell.wait_for(&format!("{args} \"$URL\""));
        shell.type_in("\x1a");
        shell.wait_for("Stopped");
        shell.does("bg");
        shell.wait_for("Stopped");
        shell.does("kill %1");
        shell.wait_for("Terminated");
        assert_eq!(peer.seen().close_code(), Some(1001), "{args}");
    }
}

#[test]
fn a_question_that_stopped_in_the_background_is_ended_by_a_signal() {
    let mut shell = Shell::start("ws://127.0.0.1:9/", "xterm");
    let before = modes(&shell.terminal);
    shell.type_in("\"$W\" listen -u me \"$URL\" &\n");
    shell.wait_for("Stopped");
    shell.does("kill %1");
    shell.wait_for("Terminated");
    assert_eq!(modes(&shell.terminal), before);
}
