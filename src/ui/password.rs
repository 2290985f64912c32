//! A password that is asked for at the terminal, unseen.

use std::fs::File;
use std::io::ErrorKind;

use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};

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

/// A terminal that shows nothing of what is typed, until this is dropped.
struct Unseen {
    terminal: File,
    before: Termios,
}

impl Unseen {
    fn begin() -> Option<Unseen> {
        let terminal = File::options().read(true).write(true).open("/dev/tty").ok()?;
        let before = tcgetattr(&terminal).ok()?;
        let mut without_echo = before.clone();
        // As rpassword has it from then on: a Ctrl-C before that is read, too, whoever ignores SIGINT.
        without_echo.local_modes.remove(LocalModes::ECHO | LocalModes::ICANON | LocalModes::ISIG);
        tcsetattr(&terminal, OptionalActions::Now, &without_echo).ok()?;
        Some(Unseen { terminal, before })
    }
}

impl Drop for Unseen {
    fn drop(&mut self) {
        // A terminal that has gone needs nothing.
        let _ = tcsetattr(&self.terminal, OptionalActions::Now, &self.before);
    }
}

/// Asks for a password at the terminal of this process, which need not be stdin.
///
/// # Errors
/// None was typed.
pub fn ask_password(prompt: &str) -> Result<String, NoPassword> {
    // rpassword prompts first: whoever answers at once would see the answer.
    let _unseen = Unseen::begin();
    rpassword::prompt_password(prompt).map_err(|error| match error.kind() {
        ErrorKind::Interrupted => NoPassword::Interrupted,
        ErrorKind::UnexpectedEof | ErrorKind::InvalidData => NoPassword::Nothing,
        // The terminal could not be opened.
        _ => NoPassword::NoTerminal,
    })
}
