//! Files that cannot be played: said to people, and to those who read reports.

use std::io::{self, Write as _};

use super::tell::{Report, annotates};
use crate::cli::CheckArgs;
use crate::command::scenarios::Unread;
use crate::exit::{Exit, code};
use crate::failure::Failure;
use crate::scenario::{Explanation, Played, StepDone, StepEnd};
use crate::ui::{Voice, mistakes};

/// Says what is wrong with files, also to those who read reports. Nothing is played.
///
/// # Errors
/// The report cannot be written.
pub fn refuse(unread: &[Unread], arguments: &CheckArgs, voice: Voice) -> Result<Exit, Failure> {
    let mut report = Report::begin(arguments)?;
    let mut said = String::new();
    let mut bad = Vec::new();
    for Unread { file, mistakes, failure } in unread {
        said += &voice.failure(failure);
        let line = mistakes.first().map_or(1, |mistake| mistake.line);
        let end = StepEnd::Error(Explanation::new([failure.to_string()]));
        let (what, took) = ("the file is read".to_owned(), Default::default());
        let steps = vec![StepDone { line, what, took, end }];
        bad.push(Played { file: file.clone(), name: None, steps, took });
    }
    report.write(&bad)?;
    if annotates() {
        said.extend(unread.iter().flat_map(|unread| mistakes(&unread.file, &unread.mistakes)));
    }
    if arguments.tap && !voice.silent {
        // Where nobody reads there is nobody to tell.
        let _ =
            io::stdout().lock().write_all(b"TAP version 13\nBail out! Not all files can be read\n");
    }
    let _ = io::stderr().lock().write_all(said.as_bytes());
    Ok(Exit::Code(code::INPUT))
}
