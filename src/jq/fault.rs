//! What is wrong with a filter, in words.

use std::fmt;

use jaq_core::compile::{self, Undefined};
use jaq_core::load::{self, lex};

use super::language;

/// A mistake in a filter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// What is wrong.
    pub message: String,
    /// The character where it is, from 1.
    pub column: usize,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "{} (at character {})", self.message, self.column)
    }
}

impl std::error::Error for Fault {}

/// A mistake at a part of the source; at its beginning, should the part not be one.
fn at(source: &str, part: &str, message: String) -> Fault {
    let start = (part.as_ptr().addr()).checked_sub(source.as_ptr().addr());
    let before = start.and_then(|start| source.get(..start)).unwrap_or_default();
    Fault { message, column: before.chars().count() + 1 }
}

/// The first of some mistakes.
fn first(faults: impl Iterator<Item = Fault>) -> Fault {
    let none = Fault { message: "it cannot be read".into(), column: 1 };
    faults.min_by_key(|fault| fault.column).unwrap_or(none)
}

/// What is no token.
pub fn lexing(source: &str, errors: &[lex::Error<&str>]) -> Fault {
    first(errors.iter().map(|(expected, found)| {
        let message = match (expected, found.chars().next()) {
            (lex::Expect::Token, Some(character)) => {
                format!("{:?} has no meaning here", character.to_string())
            }
            _ => expected_found(expected.as_str(), found),
        };
        at(source, found, message)
    }))
}

/// What is not put together as a filter is.
pub fn loading(source: &str, errors: load::Errors<&str, ()>) -> Fault {
    first(errors.into_iter().map(|(_, error)| match error {
        load::Error::Io(errors) => first(errors.iter().map(|(path, _)| {
            at(source, path, format!("{path:?} cannot be loaded: a filter reads no files"))
        })),
        load::Error::Lex(errors) => lexing(source, &errors),
        load::Error::Parse(errors) => {
            first(errors.iter().map(|(expected, found)| {
                at(source, found, expected_found(expected.as_str(), found))
            }))
        }
    }))
}

/// What is not defined.
pub fn compiling(source: &str, errors: compile::Errors<&str, ()>) -> Fault {
    let errors = errors.into_iter().flat_map(|(_, errors)| errors);
    first(errors.map(|(name, what)| {
        let message = match what {
            Undefined::Filter(_) if language::LEFT_OUT.contains(&name) => {
                format!("{name} is not there: a filter has the message, and no clock, dates, files or environment")
            }
            Undefined::Filter(0) => format!("there is no function {name} without arguments"),
            Undefined::Filter(1) => format!("there is no function {name} with 1 argument"),
            Undefined::Filter(count) => {
                format!("there is no function {name} with {count} arguments")
            }
            Undefined::Var => format!("there is no variable {name}"),
            other => format!("there is no {} {name}", other.as_str()),
        };
        at(source, name, message)
    }))
}

fn expected_found(expected: &str, found: &str) -> String {
    let beginning: String = found.chars().take(20).collect();
    let cut = if beginning.len() < found.len() { "…" } else { "" };
    match found {
        "" => format!("expected {expected}, not the end of the filter"),
        _ => format!("expected {expected}, not {beginning:?}{cut}"),
    }
}
