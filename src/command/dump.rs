//! `-D`: the heads of all answers.

use std::fs::File;
use std::io::{self, IsTerminal as _, Write as _};
use std::os::fd::AsFd as _;
use std::path::Path;

use hyper::http::response;

use crate::failure::Failure;
use crate::handshake::{header_name, status_line};
use crate::output::escape::{self, Layout};
use crate::session::{Output, STDOUT};

/// Where they go.
#[derive(Debug)]
pub struct Dump {
    name: String,
    /// None where the messages go.
    file: Option<File>,
    /// Whether that is a terminal, for which the peer's words are made harmless.
    escapes: bool,
    /// Why it could not be written.
    error: Option<io::Error>,
}

impl Dump {
    /// Opens a file for them; - is stdout, where the messages go too unless they have a file.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn open(path: &Path, messages_go_to_stdout: bool) -> Result<Dump, Failure> {
        let name = path.display().to_string();
        if name == "-" {
            let apart = if messages_go_to_stdout { None } else { Some(stdout()?) };
            let escapes = stdout()?.is_terminal();
            return Ok(Dump { name, file: apart, escapes, error: None });
        }
        let file =
            File::create(path).map_err(|error| Failure::Output { name: name.clone(), error })?;
        let escapes = file.is_terminal();
        Ok(Dump { name, file: Some(file), escapes, error: None })
    }

    /// Writes the head of an answer.
    pub fn head(&mut self, answer: &response::Parts, output: &mut Output) {
        let mut text = format!("{}\r\n", status_line(answer)).into_bytes();
        for (name, value) in &answer.headers {
            text.extend_from_slice(header_name(name, answer.version).as_bytes());
            text.extend_from_slice(b": ");
            if self.escapes {
                let mut value_shown = String::new();
                escape::bytes(&mut value_shown, value.as_bytes(), Layout::OneLine);
                text.extend_from_slice(value_shown.as_bytes());
            } else {
                text.extend_from_slice(value.as_bytes());
            }
            text.extend_from_slice(b"\r\n");
        }
        text.extend_from_slice(b"\r\n");
        match &mut self.file {
            None => output.writer.buffer.extend_from_slice(&text),
            Some(file) => {
                if let Err(error) = file.write_all(&text) {
                    self.error = Some(error);
                }
            }
        }
    }

    /// What could not be written.
    pub fn failure(&mut self) -> Option<Failure> {
        let error = self.error.take()?;
        Some(Failure::Output { name: self.name.clone(), error })
    }
}

/// Our stdout, to be written without a buffer.
///
/// # Errors
/// There is none.
pub fn stdout() -> Result<File, Failure> {
    let stdout = io::stdout().as_fd().try_clone_to_owned().map(File::from);
    stdout.map_err(|error| Failure::Output { name: STDOUT.into(), error })
}
