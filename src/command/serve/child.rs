//! The command that is run against the server: what it is told, and what its end means.

use std::env;
use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Write as _};
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::ExitStatus;

use anyhow::Context as _;
use rustix::process::{Pid, Signal, getpgrp, kill_process};
use rustix::termios::tcgetpgrp;
use signal_hook::consts::SIGINT;
use tokio::process::Command;

use crate::exit::{Exit, code};
use crate::failure::Failure;
use crate::session::{Interrupt, Interrupts};

/// What a shell says of a command that is there and cannot be run, and of one that is not there.
const CANNOT_RUN: i32 = 126;
const NOT_FOUND: i32 = 127;
/// Node's variable for further authorities: the one among those of its kind that takes none away.
const NODE: &str = "NODE_EXTRA_CA_CERTS";

/// A command and its arguments.
pub struct Child<'a> {
    program: &'a OsString,
    arguments: &'a [OsString],
}

impl<'a> Child<'a> {
    /// The command, if there is one.
    pub fn of(command: &'a [OsString]) -> Option<Self> {
        let (program, arguments) = command.split_first()?;
        Some(Child { program, arguments })
    }

    /// Runs it to its end.
    ///
    /// # Errors
    /// It cannot be waited for.
    pub async fn run(
        self,
        url: &str,
        authority: Option<&Path>,
        interrupts: &mut Interrupts,
    ) -> Result<Exit, Failure> {
        let mut command = Command::new(self.program);
        command.args(self.arguments).env("WSPIPE_URL", url);
        // It is not left behind when the server cannot go on.
        command.kill_on_drop(true);
        if let Some(file) = authority {
            command.env("WSPIPE_CACERT", file);
            if env::var_os(NODE).is_none_or(|file| file.is_empty()) {
                command.env(NODE, file);
            }
        }
        let mut child = match command.spawn() {
            Ok(child) => child,
            Err(error) => return Ok(Exit::Code(self.cannot_spawn(&error))),
        };
        let mut signalled = None;
        let status = loop {
            tokio::select! {
                status = child.wait() => break status.context("cannot wait for the command")?,
                // What it means is the child's to decide; we only outlive it.
                interrupt = interrupts.next() => if let Interrupt::Signal(signal) = interrupt {
                    signalled = Some(signal);
                    pass_on(signal, child.id());
                }
            }
        };
        Ok(exit(status, signalled))
    }

    fn cannot_spawn(&self, error: &io::Error) -> i32 {
        let program = self.program.display();
        // Where nobody can read it there is nobody to tell.
        let _ = writeln!(io::stderr(), "wspipe: cannot run {program}: {error}");
        if error.kind() == io::ErrorKind::NotFound { NOT_FOUND } else { CANNOT_RUN }
    }
}

/// How we end after a child with this status, and a signal that came to us. Dying by that, as it did,
/// is what stops a shell's loop around us.
fn exit(status: ExitStatus, signalled: Option<i32>) -> Exit {
    match (status.code(), status.signal()) {
        (Some(code), _) => Exit::Code(code),
        (None, Some(signal)) if signalled == Some(signal) => Exit::Signal(signal),
        (None, Some(signal)) => Exit::Code(128 + signal),
        (None, None) => Exit::Code(code::OTHER),
    }
}

/// Passes a signal on, except a Ctrl-C that the child has had from the terminal itself.
fn pass_on(signal: i32, child: Option<u32>) {
    if signal == SIGINT && is_in_foreground() {
        return;
    }
    let child = child.and_then(|id| Pid::from_raw(id.cast_signed()));
    if let (Some(child), Some(signal)) = (child, Signal::from_named_raw(signal)) {
        // A child that has gone meanwhile needs no signal.
        let _ = kill_process(child, signal);
    }
}

/// Whether Ctrl-C at the terminal goes to us, and then to the child too.
fn is_in_foreground() -> bool {
    let terminal = File::open("/dev/tty").and_then(|tty| Ok(tcgetpgrp(tty)?));
    terminal.is_ok_and(|group| group == getpgrp())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signal_of_the_child_is_ours_if_we_had_it_too() {
        let (exited, killed) = (|code| code << 8, |signal| signal);
        let cases = [
            (exited(0), None, Exit::Code(0)),
            (exited(7), Some(2), Exit::Code(7)),
            (killed(2), Some(2), Exit::Signal(2)),
            (killed(15), Some(15), Exit::Signal(15)),
            (killed(9), Some(15), Exit::Code(137)),
            (killed(2), None, Exit::Code(130)),
        ];
        for (status, signalled, expected) in cases {
            assert_eq!(exit(ExitStatus::from_raw(status), signalled), expected, "{status:x}");
        }
    }
}
