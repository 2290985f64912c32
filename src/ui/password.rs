//! A password that is asked for at the terminal, unseen.

use std::io::ErrorKind;

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

/// Asks for a password at the terminal of this process, which need not be stdin.
///
/// # Errors
/// None was typed.
pub fn ask_password(prompt: &str) -> Result<String, NoPassword> {
    rpassword::prompt_password(prompt).map_err(|error| match error.kind() {
        ErrorKind::Interrupted => NoPassword::Interrupted,
        ErrorKind::UnexpectedEof | ErrorKind::InvalidData => NoPassword::Nothing,
        // The terminal could not be opened.
        _ => NoPassword::NoTerminal,
    })
}
