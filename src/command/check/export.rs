//! `--export`: a scenario as a script for another program. Nothing is opened, and nothing is sent.

use std::io::{self, Write as _};

use crate::cli::{CheckArgs, Export};
use crate::command::scenarios::{Reading, Surroundings, read};
use crate::exit::{Exit, code};
use crate::failure::Failure;
use crate::handshake::{Secret, Target};
use crate::output::escape::one_line;
use crate::scenario::Untranslated;

/// Prints the script.
///
/// # Errors
/// There is more than one file, it has a mistake, or cannot be translated; nothing is printed then. Or
/// stdout cannot be written.
pub fn export(format: Export, arguments: &CheckArgs) -> Result<Exit, Failure> {
    if let Some(Secret(url)) = &arguments.url {
        Target::parse(url)?;
    }
    let [file] = &arguments.files[..] else {
        let what = format!("--export takes one file, not {}", arguments.files.len());
        return Err(Failure::usage(what, "export each scenario to a script of its own"));
    };
    let url = arguments.url.as_ref().map(|Secret(url)| url.as_str());
    let surroundings = Surroundings::Later;
    let reading = Reading { vars: &arguments.vars, has_url: true, surroundings };
    let (name, scenario) = read(file, &reading, Ok)?;
    let script = match format {
        Export::K6 => scenario.k6(&name, url),
    };
    let script = script.map_err(|refused| Failure::Scenario(told(&name, &refused)))?;
    let mut stdout = io::stdout().lock();
    let written = stdout.write_all(script.as_bytes()).and_then(|()| stdout.flush());
    written.map(|()| Exit::Code(code::SUCCESS)).map_err(Failure::of_stdout)
}

fn told(file: &str, refused: &[Untranslated]) -> String {
    let lines = refused.iter().map(|Untranslated { line, what, hint }| {
        format!("{file}:{line}: {}\n  hint: {}", one_line(what), one_line(hint))
    });
    lines.collect::<Vec<_>>().join("\nwspipe: ")
}
