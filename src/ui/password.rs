//! A password that is asked for at the terminal, unseen.

use std::fs::File;
use std::io::{self, ErrorKind, Write as _};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;

use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use signal_hook::low_level::emulate_default_handler;

use super::raw::restore_terminal;
use crate::job::{DEADLY, come_forward, has_terminal, heed_signals};
use crate::signals::is_ignored;

/// Why there is no password.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoPassword {
    /// There is no terminal to ask at.
    NoTerminal,
    /// Ctrl-C.
    Interrupted,
    /// The end of input, or what is no text.
    Nothing,
}

/// A terminal that shows nothing of what is typed, and how it was before.
static UNSEEN: Mutex<Option<(File, Termios)>> = Mutex::new(None);

/// Whether somebody watches for signals: from the first question on, those of Ctrl-C and `kill` until the
/// run takes them over, the others to its end. Once they were watched for, the system does nothing of
/// its own about them.
static WATCHED: AtomicBool = AtomicBool::new(false);
/// Whether the run has taken its own over.
static LEFT: AtomicBool = AtomicBool::new(false);

fn hide() -> Option<()> {
    let terminal = File::options().read(true).write(true).open("/dev/tty").ok()?;
    come_forward(&terminal, || false).ok()?;
    let before = tcgetattr(&terminal).ok()?;
    let mut without_echo = before.clone();
    // As rpassword has it from then on: a Ctrl-C before that is read, too, whoever ignores SIGINT.
    without_echo.local_modes.remove(LocalModes::ECHO | LocalModes::ICANON | LocalModes::ISIG);
    let mut unseen = lock(&UNSEEN);
    tcsetattr(&terminal, OptionalActions::Now, &without_echo).ok()?;
    *unseen = Some((terminal, before));
    Some(())
}

/// Gives the terminal back as it was, if somebody is asked; rpassword may just have begun, so that this
/// is done again by whoever has time for it.
pub fn show() {
    if let Some((terminal, before)) = lock(&UNSEEN).as_ref()
        && has_terminal(terminal)
    {
        // A terminal that has gone needs nothing.
        let _ = tcsetattr(terminal, OptionalActions::Now, before);
    }
}

/// Ends the question without an answer: the terminal as it was, and what is said next on a line of its own.
pub fn leave_question() {
    show();
    if let Some((terminal, _)) = lock(&UNSEEN).as_mut() {
        let _ = terminal.write_all(b"\n");
    }
}

/// Has signals end the process only once the terminal is as it was. Ctrl-C is one too: rpassword makes
/// it one before it gives anything back.
fn watch() -> io::Result<()> {
    if WATCHED.swap(true, Ordering::Relaxed) {
        return Ok(());
    }
    let mut signals = Signals::new(DEADLY.iter().filter(|signal| !is_ignored(**signal)))?;
    thread::Builder::new().name("signals".into()).spawn(move || {
        for signal in signals.forever() {
            if matches!(signal, SIGINT | SIGTERM) && LEFT.load(Ordering::Relaxed) {
                continue;
            }
            restore_terminal();
            // It fails only for a signal that there is not.
            let _ = emulate_default_handler(signal);
        }
    })?;
    heed_signals(&DEADLY);
    Ok(())
}

/// The run has taken Ctrl-C and `kill` over.
pub fn leave_signals() {
    LEFT.store(true, Ordering::Relaxed);
}

fn lock<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    // Who panics ends the process.
    of.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Asks for a password at the terminal of this process, which need not be stdin.
///
/// # Errors
/// None was typed.
pub fn ask_password(prompt: &str) -> Result<String, NoPassword> {
    // Without it, only the terminal would not be as it was.
    let _ = watch();
    // rpassword prompts first: whoever answers at once would see the answer.
    hide();
    let typed = rpassword::prompt_password(prompt);
    show();
    *lock(&UNSEEN) = None;
    typed.map_err(|error| match error.kind() {
        ErrorKind::Interrupted => NoPassword::Interrupted,
        ErrorKind::UnexpectedEof | ErrorKind::InvalidData => NoPassword::Nothing,
        // The terminal could not be opened.
        _ => NoPassword::NoTerminal,
    })
}
