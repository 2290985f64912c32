//! The modes of the terminal while lines are typed there, and how it was before.

use std::fs::File;
use std::io::{self, Write as _};
use std::sync::OnceLock;

use rustix::process::Signal;
use rustix::termios::{
    InputModes, LocalModes, OptionalActions, SpecialCodeIndex, Termios, tcgetattr, tcsetattr,
};

use crate::job::{come_forward, has_terminal, stop};

/// What begins and ends bracketed paste: what is pasted is marked.
const PASTE_ON: &str = "\x1b[?2004h";
const PASTE_OFF: &str = "\x1b[?2004l";

/// The terminal.
static TERMINAL: OnceLock<File> = OnceLock::new();
/// Its modes before anybody typed, to be left behind like that in any case. In the background they are
/// somebody else's, and not ours to change.
static BEFORE: OnceLock<Termios> = OnceLock::new();

/// Lets every key come as it is typed. The editor does so too, but only while a line is typed: what
/// comes between two lines would be taken by the terminal for a line, or a signal, of its own. In the
/// background that has to wait for [`take`].
///
/// # Errors
/// It is no terminal.
pub fn begin(terminal: File) -> io::Result<()> {
    tcgetattr(&terminal)?;
    if has_terminal(TERMINAL.get_or_init(|| terminal)) {
        set_raw();
    }
    Ok(())
}

/// Whether the terminal is ours, and not somebody else's because we are in the background.
pub fn is_ours() -> bool {
    TERMINAL.get().is_none_or(has_terminal)
}

/// Takes the terminal, which may have been somebody else's meanwhile; waits until it is ours, or for the end
/// of the process, which may be near because all `is_over`.
///
/// # Errors
/// It will not be ours.
pub fn take(is_over: impl Fn() -> bool) -> io::Result<()> {
    let Some(terminal) = TERMINAL.get() else { return Ok(()) };
    come_forward(terminal, is_over)?;
    set_raw();
    write(PASTE_ON);
    Ok(())
}

fn set_raw() {
    let Some(terminal) = TERMINAL.get() else { return };
    // One that has gone is not as it was.
    let before = BEFORE.get().cloned().or_else(|| tcgetattr(terminal).ok());
    let Some(before) = before else { return };
    let before = BEFORE.get_or_init(|| before);
    let mut raw = before.clone();
    raw.input_modes -= InputModes::BRKINT
        | InputModes::ICRNL
        | InputModes::INPCK
        | InputModes::ISTRIP
        | InputModes::IXON;
    raw.local_modes -=
        LocalModes::ECHO | LocalModes::ICANON | LocalModes::IEXTEN | LocalModes::ISIG;
    raw.special_codes[SpecialCodeIndex::VMIN] = 1;
    raw.special_codes[SpecialCodeIndex::VTIME] = 0;
    // A terminal that has gone needs nothing.
    let _ = tcsetattr(terminal, OptionalActions::Now, &raw);
}

/// Gives the modes back as they were, which never waits.
pub fn restore() {
    if let (Some(terminal), Some(before)) = (TERMINAL.get(), BEFORE.get()) {
        give_back(terminal, before);
    }
}

/// Gives a terminal back as it was before, unless it is somebody else's by now.
pub fn give_back(terminal: &File, before: &Termios) {
    if has_terminal(terminal) {
        // A terminal that has gone needs nothing.
        let _ = tcsetattr(terminal, OptionalActions::Now, before);
    }
}

/// Writes the last of what goes to the terminal while lines are typed, and asks it to mark nothing any
/// more. It waits for a terminal that is stuck.
pub fn part_with(text: &str) {
    write(&format!("{}{text}", if is_ours() { PASTE_OFF } else { "" }));
}

/// Gives the terminal back as it was before anybody typed; does nothing if nobody did.
pub fn restore_terminal() {
    super::password::show();
    restore();
    part_with("");
}

/// Ctrl-Z: the shell has its turn, with the terminal as it was. After it the terminal is to be taken.
pub fn suspend() {
    restore_terminal();
    stop(Signal::TSTP);
}

fn write(text: &str) {
    if let Some(mut terminal) = TERMINAL.get() {
        let _ = terminal.write_all(text.as_bytes());
    }
}
