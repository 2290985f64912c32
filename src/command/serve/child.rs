//! The command that is run against the server: what it is told, and what its end means.

use std::env;
use std::ffi::OsString;
use std::io::{self, Write as _};
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;

use anyhow::Context as _;
use signal_hook::consts::SIGTERM;
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
        let status = loop {
            tokio::select! {
                status = child.wait() => break status.context("cannot wait for the command")?,
                // Ctrl-C goes to the child too, which decides what it means; we only outlive it.
                interrupt = interrupts.next() => if interrupt == Interrupt::Signal(SIGTERM) {
                    pass_on_terminate(child.id());
                }
            }
        };
        let by_signal = status.signal().map(|signal| 128 + signal);
        Ok(Exit::Code(status.code().or(by_signal).unwrap_or(code::OTHER)))
    }

    fn cannot_spawn(&self, error: &io::Error) -> i32 {
        let program = self.program.display();
        // Where nobody can read it there is nobody to tell.
        let _ = writeln!(io::stderr(), "wspipe: cannot run {program}: {error}");
        if error.kind() == io::ErrorKind::NotFound { NOT_FOUND } else { CANNOT_RUN }
    }
}

fn pass_on_terminate(child: Option<u32>) {
    use rustix::process::{Pid, Signal, kill_process};
    if let Some(pid) = child.and_then(|id| Pid::from_raw(id.cast_signed())) {
        // A child that has gone meanwhile needs no signal.
        let _ = kill_process(pid, Signal::TERM);
    }
}
