//! Files of scenarios and recordings, read and understood before anything is sent.

use std::path::{Path, PathBuf};
use std::{env, fs, io};

use crate::failure::Failure;
use crate::output::escape::one_line;
use crate::scenario::{Given, Mistake, Scenario, Values, parse};

/// Mistakes of one file that are told.
const TOLD: usize = 20;

/// What is given besides the files.
pub struct Reading<'a> {
    /// `--var`.
    pub vars: &'a [(String, String)],
    /// Whether there is a URL besides those in the files.
    pub has_url: bool,
    /// Whose environment it is.
    pub surroundings: Surroundings,
}

/// A file that can be played.
#[derive(Debug)]
pub struct Loaded {
    /// Its name, harmless.
    pub file: String,
    /// What it asks for.
    pub scenario: Scenario,
}

/// What the variables of the environment are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Surroundings {
    /// Ours.
    Ours,
    /// Those of a later time: every variable may be there.
    Later,
}

/// A file that cannot.
#[derive(Debug)]
pub struct Unread {
    /// Its name, harmless.
    pub file: String,
    /// What is wrong in it, where it could be read.
    pub mistakes: Vec<Mistake>,
    /// All of that as a failure.
    pub failure: Failure,
}

/// Reads all files.
///
/// # Errors
/// Those that cannot be read, or have mistakes.
pub fn load(files: &[PathBuf], reading: &Reading) -> Result<Vec<Loaded>, Vec<Unread>> {
    let mut loaded = Vec::new();
    let mut wrong = Vec::new();
    for path in files {
        match understand(path, reading, Ok) {
            Ok((file, scenario)) => loaded.push(Loaded { file, scenario }),
            Err(unread) => wrong.push(*unread),
        }
    }
    if wrong.is_empty() { Ok(loaded) } else { Err(wrong) }
}

/// Reads a file for a purpose; its name, and what became of it.
///
/// # Errors
/// It cannot be read, or all its mistakes.
pub fn read<T>(
    path: &Path,
    reading: &Reading,
    purpose: impl FnOnce(Scenario) -> Result<T, Vec<Mistake>>,
) -> Result<(String, T), Failure> {
    understand(path, reading, purpose).map_err(|unread| unread.failure)
}

fn understand<T>(
    path: &Path,
    reading: &Reading,
    purpose: impl FnOnce(Scenario) -> Result<T, Vec<Mistake>>,
) -> Result<(String, T), Box<Unread>> {
    let mut values = Values::default();
    reading.vars.iter().for_each(|(name, text)| values.set_text(name, text));
    let environment = |name: &str| match reading.surroundings {
        Surroundings::Ours => env::var(name).ok(),
        Surroundings::Later => Some(String::new()),
    };
    let given = Given { values: &values, environment: &environment, has_url: reading.has_url };
    let file = name(path);
    let text = match text(path, &file) {
        Ok(text) => text,
        Err(failure) => return Err(Box::new(Unread { file, mistakes: Vec::new(), failure })),
    };
    match parse(&text, given).and_then(purpose) {
        Ok(read) => Ok((file, read)),
        Err(mistakes) => {
            let failure = Failure::Scenario(told(&file, &mistakes));
            Err(Box::new(Unread { file, mistakes, failure }))
        }
    }
}

fn name(path: &Path) -> String {
    if path == "-" { "stdin".into() } else { one_line(&path.display().to_string()) }
}

fn text(path: &Path, name: &str) -> Result<String, Failure> {
    let bytes = if path == "-" {
        let mut bytes = Vec::new();
        io::Read::read_to_end(&mut io::stdin().lock(), &mut bytes).map(|_| bytes)
    } else {
        fs::read(path)
    };
    let failed = |error| Failure::ReadInput { name: name.to_owned(), error };
    String::from_utf8(bytes.map_err(failed)?).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        let before = String::from_utf8_lossy(&error.as_bytes()[..at]);
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        Failure::Scenario(format!("{name}:{line}:{column}: not valid UTF-8"))
    })
}

/// The mistakes of a file, each with its place and the way out.
fn told(file: &str, mistakes: &[Mistake]) -> String {
    let shown = mistakes.iter().take(TOLD).map(|mistake| {
        let Mistake { line, column, what, hint } = mistake;
        format!("{file}:{line}:{column}: {}\n  hint: {}", one_line(what), one_line(hint))
    });
    let more = mistakes.len().saturating_sub(TOLD);
    let more = (more > 0).then(|| format!("{file}: and {more} more mistakes"));
    shown.chain(more).collect::<Vec<_>>().join("\nwspipe: ")
}
