//! The modes of the terminal while lines are typed there, and how it was before.

use std::fs::File;
use std::io::{self, Write as _};
use std::sync::OnceLock;

use rustix::process::{Signal, kill_current_process_group};
use rustix::termios::{
    InputModes, LocalModes, OptionalActions, SpecialCodeIndex, Termios, tcgetattr, tcsetattr,
};

/// What begins and ends bracketed paste: what is pasted is marked.
const PASTE_ON: &str = "\x1b[?2004h";
const PASTE_OFF: &str = "\x1b[?2004l";

/// The terminal as it was before anybody typed, to be left behind like that in any case.
static BEFORE: OnceLock<(File, Termios)> = OnceLock::new();

/// Lets every key come as it is typed. The editor does so too, but only while a line is typed: what
/// comes between two lines would be taken by the terminal for a line, or a signal, of its own.
///
/// # Errors
/// It is no terminal.
pub fn begin(terminal: File) -> io::Result<()> {
    let before = tcgetattr(&terminal)?;
    let _ = BEFORE.set((terminal, before));
    set_raw();
    Ok(())
}

fn set_raw() {
    let Some((terminal, before)) = BEFORE.get() else { return };
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
    if let Some((terminal, before)) = BEFORE.get() {
        // A terminal that has gone needs nothing.
        let _ = tcsetattr(terminal, OptionalActions::Now, before);
    }
}

/// Asks the terminal to mark what is pasted.
pub fn mark_pastes() {
    write(PASTE_ON);
}

/// Writes the last of what goes to the terminal while lines are typed, and asks it to mark nothing any
/// more. It waits for a terminal that is stuck.
pub fn part_with(text: &str) {
    write(&format!("{PASTE_OFF}{text}"));
}

/// Gives the terminal back as it was before anybody typed; does nothing if nobody did.
pub fn restore_terminal() {
    super::password::show();
    restore();
    part_with("");
}

/// Ctrl-Z: the shell has its turn, with the terminal as it was.
pub fn suspend() {
    restore_terminal();
    // There is a process group in any case.
    let _ = kill_current_process_group(Signal::TSTP);
    set_raw();
    mark_pastes();
}

fn write(text: &str) {
    if let Some((terminal, _)) = BEFORE.get() {
        let mut terminal: &File = terminal;
        let _ = terminal.write_all(text.as_bytes());
    }
}
