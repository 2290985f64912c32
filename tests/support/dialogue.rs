//! The program at a terminal where somebody types and looks: what is on the screen is what a
//! terminal emulator makes of all that came.

use std::fs::File;
use std::io::{Read, Write};
use std::num::NonZero;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, Signal, kill_process};
use rustix::termios::{Termios, tcgetattr};

use super::terminal::resize;
use super::{DEADLINE, Terminal};

const ROWS: u16 = 24;
const COLUMNS: u16 = 80;
/// Lines that can be scrolled back to.
const SCROLLBACK: usize = 2000;

pub struct Dialogue {
    child: Child,
    terminal: File,
    before: Termios,
    emulator: vt100::Parser,
    /// Everything that the terminal was sent.
    pub sent: Vec<u8>,
    until: Instant,
}

/// How the program is started.
pub struct Setting<'a> {
    pub args: &'a [&'a str],
    /// A home of its own.
    pub home: &'a Path,
    pub stdout: Option<File>,
    pub term: &'a str,
    pub no_color: &'a str,
}

impl Dialogue {
    pub fn start(Setting { args, home, stdout, term, no_color }: Setting) -> Dialogue {
        let terminal = Terminal::open();
        terminal.resize(ROWS, COLUMNS);
        let before = terminal.modes();
        let mut command = Command::new("/usr/bin/setsid");
        command.args(["--ctty", env!("CARGO_BIN_EXE_wspipe")]).args(args);
        command.env_clear().env("PATH", "/usr/bin:/bin").env("TERM", term).env("HOME", home);
        command.env("NO_COLOR", no_color);
        command.stdin(terminal.stdio()).stderr(terminal.stdio());
        command.stdout(stdout.map_or_else(|| terminal.stdio(), Stdio::from));
        let child = command.spawn().expect("the binary starts");
        drop(command);
        let terminal = terminal.into_master();
        let emulator = vt100::Parser::new(some(ROWS), some(COLUMNS), SCROLLBACK);
        let until = Instant::now() + DEADLINE;
        Dialogue { child, terminal, before, emulator, sent: Vec::new(), until }
    }

    pub fn type_in(&mut self, keys: &str) {
        self.type_bytes(keys.as_bytes());
    }

    pub fn type_bytes(&mut self, keys: &[u8]) {
        let mut rest = keys;
        // The program may have to show something before it reads on.
        while !rest.is_empty() {
            let part = rest.len().min(1024);
            self.terminal.write_all(&rest[..part]).expect("the terminal is open");
            rest = &rest[part..];
            while self.look(Duration::ZERO) {}
        }
    }

    /// Pastes as a terminal does.
    pub fn paste(&mut self, text: &str) {
        self.type_in(&format!("\x1b[200~{}\x1b[201~", text.replace('\n', "\r")));
    }

    pub fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).expect("the program still runs");
    }

    pub fn resize(&mut self, columns: u16) {
        resize(&self.terminal, ROWS, columns);
        self.emulator.screen_mut().set_size(some(ROWS), some(columns));
    }

    /// What is on the screen, without spaces at the ends of lines and empty lines at its end.
    pub fn screen(&self) -> String {
        let screen = self.emulator.screen();
        let rows = screen.rows(0, screen.size().1.get());
        let rows: Vec<_> = rows.map(|row| row.trim_end().to_owned()).collect();
        rows.join("\n").trim_end().to_owned()
    }

    /// The same, with lines that are longer than the screen is wide in one.
    pub fn text(&self) -> String {
        self.emulator.screen().contents().trim_end().to_owned()
    }

    /// Waits until the screen is like this.
    #[track_caller]
    pub fn wait_for(&mut self, what: &str, holds: impl Fn(&str) -> bool) -> String {
        while !holds(&self.screen()) {
            let left = self.until.saturating_duration_since(Instant::now());
            assert!(self.look(left), "waited in vain for {what}:\n{}", self.screen());
        }
        self.screen()
    }

    /// Waits until the screen ends with this.
    #[track_caller]
    pub fn wait_for_end(&mut self, end: &str) -> String {
        self.wait_for(end, |screen| screen.ends_with(end))
    }

    /// Waits until this came, wherever it is now.
    #[track_caller]
    pub fn wait_for_sent(&mut self, part: &str) {
        let is_there = |sent: &[u8]| sent.windows(part.len()).any(|at| at == part.as_bytes());
        while !is_there(&self.sent) {
            let left = self.until.saturating_duration_since(Instant::now());
            assert!(self.look(left), "waited in vain for {part:?}:\n{}", self.screen());
        }
    }

    /// Checks what is on the screen at last.
    #[track_caller]
    pub fn has_ended_with(&self, end: &str) {
        let screen = self.text();
        assert!(screen.ends_with(end), "{screen:?}: {}", self.sent.escape_ascii());
    }

    /// Takes what comes in this time; whether anything did.
    fn look(&mut self, time: Duration) -> bool {
        let time = Timespec::try_from(time).unwrap();
        let mut ready = [PollFd::new(&self.terminal, PollFlags::IN)];
        if poll(&mut ready, Some(&time)).unwrap() == 0 {
            return false;
        }
        let mut bytes = [0; 64 * 1024];
        // A terminal whose other end is closed reads as an error.
        let size = self.terminal.read(&mut bytes).unwrap_or(0);
        self.emulator.process(&bytes[..size]);
        self.sent.extend_from_slice(&bytes[..size]);
        size > 0
    }

    /// The same for a terminal that nobody looks at before.
    #[track_caller]
    pub fn end_unread(&mut self) -> i32 {
        let (ended, child) = (Instant::now() + DEADLINE, &mut self.child);
        while child.try_wait().expect("its end").is_none() {
            assert!(Instant::now() < ended, "it did not end");
            std::thread::yield_now();
        }
        self.end()
    }

    /// Waits for the end: the exit code as a shell has it. The terminal must be as it was.
    #[track_caller]
    pub fn end(&mut self) -> i32 {
        loop {
            let left = self.until.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "it did not end:\n{}", self.screen());
            if !self.look(left.min(Duration::from_millis(100)))
                && let Some(status) = self.child.try_wait().expect("its end")
            {
                while self.look(Duration::ZERO) {}
                let after = tcgetattr(&self.terminal).expect("its modes");
                assert_eq!(after.local_modes, self.before.local_modes, "it is left in raw mode");
                return status.code().unwrap_or_else(|| 128 + status.signal().unwrap());
            }
        }
    }
}

fn some(size: u16) -> NonZero<u16> {
    NonZero::new(size).expect("a size")
}

impl Drop for Dialogue {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
