//! Annotations for GitHub Actions: a workflow command that marks a line of a file.

use crate::output::escape::one_line;
use crate::scenario::{Mistake, Played, StepDone, StepEnd};

/// The annotation of the step that broke a scenario.
pub fn annotation(played: &Played) -> Option<String> {
    let StepDone { line, what, end, .. } = played.broken()?;
    let (StepEnd::Failed(explanation) | StepEnd::Error(explanation)) = end else { return None };
    let message: Vec<_> = explanation.lines().collect();
    Some(format!(
        "::error file={},line={line},title={}::{}\n",
        property(&played.file),
        property(what),
        data(&message.join("\n"))
    ))
}

/// The annotations of mistakes in a file.
pub fn mistakes(file: &str, mistakes: &[Mistake]) -> Vec<String> {
    let told = mistakes.iter().map(|Mistake { line, column, what, hint }| {
        let message = one_line(&format!("{what}; {hint}"));
        let file = property(file);
        format!("::error file={file},line={line},col={column}::{}\n", data(&message))
    });
    told.collect()
}

/// Text in whose lines the runner finds no commands: it looks for `::` behind blanks, and for `##[`.
pub fn without_commands(text: &str) -> String {
    let lines = text.split_inclusive('\n').map(|line| {
        let line = line.replace("##[", "## [");
        match line.trim_start().strip_prefix("::") {
            Some(rest) => format!("{}: :{rest}", &line[..line.len() - rest.len() - 2]),
            None => line,
        }
    });
    lines.collect()
}

fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_server_says_is_no_command() {
        let cases = [
            ("  ::error::x\nfine ::\n", "  : :error::x\nfine ::\n"),
            ("came: ##[error]x", "came: ## [error]x"),
            ("::", ": :"),
            ("", ""),
        ];
        for (text, expected) in cases {
            assert_eq!(without_commands(text), expected);
        }
    }
}
