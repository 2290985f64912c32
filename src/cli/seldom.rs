//! Flags that clap hears of only when one of them may have been typed. To tell it of all hundred takes an
//! eighth of a short run, most of which type none of them.

use std::cell::Cell;
use std::ops::Deref;

use clap::{ArgMatches, Args, Command, Error, FromArgMatches};

thread_local! {
    static LEFT_OUT: Cell<bool> = const { Cell::new(false) };
}

/// A group of flags that may be left out: where none is typed it is its `Default`, whatever default values
/// clap knows. Flags outside refer to none inside; clap's assertions see to that.
#[derive(Debug, Default)]
pub struct Seldom<T>(pub T);

/// Parses without these groups. What comes of it counts if it is no error: every flag that was typed is
/// then one of the others, which are the same as ever.
pub fn without<T>(parse: impl FnOnce() -> Result<T, Error>) -> Result<T, Error> {
    LEFT_OUT.set(true);
    let parsed = parse();
    LEFT_OUT.set(false);
    parsed
}

impl<T> Deref for Seldom<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T: Args + Default> Args for Seldom<T> {
    fn augment_args(command: Command) -> Command {
        if LEFT_OUT.get() { command } else { T::augment_args(command) }
    }

    fn augment_args_for_update(command: Command) -> Command {
        if LEFT_OUT.get() { command } else { T::augment_args_for_update(command) }
    }
}

impl<T: FromArgMatches + Default> FromArgMatches for Seldom<T> {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, Error> {
        Seldom::from_arg_matches_mut(&mut matches.clone())
    }

    fn from_arg_matches_mut(matches: &mut ArgMatches) -> Result<Self, Error> {
        if LEFT_OUT.get() {
            Ok(Seldom::default())
        } else {
            T::from_arg_matches_mut(matches).map(Seldom)
        }
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), Error> {
        if LEFT_OUT.get() { Ok(()) } else { self.0.update_from_arg_matches(matches) }
    }
}
