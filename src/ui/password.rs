//! A password that is asked for at the terminal, unseen.

use std::fs::File;
use std::io::{self, ErrorKind, Write as _};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;

use rpassword::{ConfigBuilder, prompt_password_with_config};
use rustix::termios::{
    LocalModes, OptionalActions, SpecialCodeIndex, Termios, tcgetattr, tcsetattr,
};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use signal_hook::low_level::emulate_default_handler;

use super::raw::{give_back, restore_terminal};
use crate::job::{DEADLY, come_forward, heed_signals};
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

/// Has the terminal show nothing of what is typed, and let every key come; gives it twice, to read and
/// to write.
fn hide() -> io::Result<(File, File)> {
    let terminal = File::options().read(true).write(true).open("/dev/tty")?;
    come_forward(&terminal, || false)?;
    let ends = (terminal.try_clone()?, terminal.try_clone()?);
    let mut unseen = lock(&UNSEEN);
    let before = tcgetattr(&terminal)?;
    let mut without_echo = before.clone();
    // Ctrl-C is read, too, whoever ignores SIGINT.
    without_echo.local_modes -=
        LocalModes::ECHO | LocalModes::ECHONL | LocalModes::ICANON | LocalModes::ISIG;
    without_echo.special_codes[SpecialCodeIndex::VMIN] = 1;
    without_echo.special_codes[SpecialCodeIndex::VTIME] = 0;
    tcsetattr(&terminal, OptionalActions::Now, &without_echo)?;
    *unseen = Some((terminal, before));
    Ok(ends)
}

/// Gives the terminal back as it was, if somebody is asked.
pub fn show() {
    show_again(&lock(&UNSEEN));
}

fn show_again(unseen: &Option<(File, Termios)>) {
    if let Some((terminal, before)) = unseen {
        give_back(terminal, before);
    }
}

/// Ends the question: the terminal as it was, and what is said next on a line of its own.
pub fn leave_question() {
    let mut unseen = lock(&UNSEEN);
    show_again(&unseen);
    end_line(&mut unseen);
}

/// The end of the line, which was typed unseen if at all.
fn end_line(unseen: &mut Option<(File, Termios)>) {
    if let Some((terminal, _)) = unseen {
        let _ = terminal.write_all(b"\n");
    }
}

/// Has signals end the process only once the terminal is as it was. Ctrl-C is one too: rpassword makes
/// it one.
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
            // From here on nobody hides anything any more.
            let mut unseen = lock(&UNSEEN);
            show_again(&unseen);
            if signal == SIGINT {
                end_line(&mut unseen);
            }
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
    let typed = hide().and_then(|(keys, screen)| {
        let config = ConfigBuilder::new().input_reader(keys).output_writer(screen);
        prompt_password_with_config(prompt, config.build())
    });
    leave_question();
    *lock(&UNSEEN) = None;
    typed.map_err(|error| match error.kind() {
        ErrorKind::Interrupted => NoPassword::Interrupted,
        ErrorKind::UnexpectedEof | ErrorKind::InvalidData => NoPassword::Nothing,
        // The terminal could not be opened.
        _ => NoPassword::NoTerminal,
    })
}
