//! Colours: which there are, and whether they are wanted. Who writes with them escapes what comes from
//! the peer first.

use std::ffi::OsStr;

/// When there are colours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Color {
    /// Where the output is a terminal, unless NO_COLOR is set and not empty, or TERM is dumb.
    #[default]
    Auto,
    /// In a pipe and a file too.
    Always,
    /// Nowhere.
    Never,
}

impl Color {
    /// Whether there are any; `no_color` and `term` are the variables of the environment. An empty
    /// NO_COLOR is none (no-color.org).
    pub fn is_wanted(
        self,
        is_terminal: bool,
        no_color: Option<&OsStr>,
        term: Option<&OsStr>,
    ) -> bool {
        match self {
            Color::Always => true,
            Color::Never => false,
            Color::Auto => {
                is_terminal
                    && no_color.is_none_or(OsStr::is_empty)
                    && term.is_none_or(|term| term != "dumb")
            }
        }
    }
}

/// What stands before each kind of text (ECMA-48, SGR), and what ends it. All is empty in the plain one,
/// so that nobody who writes with it has to ask.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Palette {
    /// A key of a JSON object: blue.
    pub key: &'static str,
    /// A JSON string: green.
    pub string: &'static str,
    /// A JSON number: yellow.
    pub number: &'static str,
    /// true, false and null: magenta.
    pub literal: &'static str,
    /// The mark of what the peer says: cyan.
    pub peer: &'static str,
    /// What is as it should be: green.
    pub good: &'static str,
    /// What is not: red.
    pub bad: &'static str,
    /// What is beside the point, such as a time: dim.
    pub aside: &'static str,
    /// Behind each of them.
    pub end: &'static str,
}

impl Palette {
    /// No colours.
    pub const fn plain() -> Self {
        Palette {
            key: "",
            string: "",
            number: "",
            literal: "",
            peer: "",
            good: "",
            bad: "",
            aside: "",
            end: "",
        }
    }

    /// The colours that every terminal has.
    pub const fn colored() -> Self {
        Palette {
            key: "\x1b[34m",
            string: "\x1b[32m",
            number: "\x1b[33m",
            literal: "\x1b[35m",
            peer: "\x1b[36m",
            good: "\x1b[32m",
            bad: "\x1b[31m",
            aside: "\x1b[2m",
            end: "\x1b[0m",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_are_for_terminals_that_have_them_and_for_those_who_insist() {
        use Color::{Always, Auto, Never};
        let cases = [
            (Auto, true, None, None, true),
            (Auto, true, Some(""), Some("xterm-256color"), true),
            (Auto, true, Some("1"), Some("xterm"), false),
            (Auto, true, Some("0"), None, false),
            (Auto, true, None, Some("dumb"), false),
            (Auto, true, None, Some(""), true),
            (Auto, false, None, Some("xterm"), false),
            (Always, false, Some("1"), Some("dumb"), true),
            (Always, true, None, None, true),
            (Never, true, None, Some("xterm"), false),
        ];
        for (choice, is_terminal, no_color, term, expected) in cases {
            let wanted =
                choice.is_wanted(is_terminal, no_color.map(OsStr::new), term.map(OsStr::new));
            assert_eq!(wanted, expected, "{choice:?} {is_terminal} {no_color:?} {term:?}");
        }
    }
}
