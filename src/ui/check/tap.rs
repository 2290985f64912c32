//! The Test Anything Protocol, version 13 (testanything.org): a test a step.

use std::time::Duration;

use super::Telling;
use crate::scenario::{Explanation, Played, StepDone, StepEnd, took};

/// Tells a TAP harness.
#[derive(Debug, Default)]
pub struct Tap {
    /// Tests so far.
    tests: usize,
}

impl Telling for Tap {
    fn begin(&mut self, steps: usize) -> String {
        format!("TAP version 13\n1..{steps}\n")
    }

    fn scenario(&mut self, file: &str, name: Option<&str>) -> String {
        let name = name.map(|name| format!(": {name}")).unwrap_or_default();
        format!("# {file}{name}\n")
    }

    fn step(&mut self, file: &str, step: &StepDone) -> String {
        self.tests += 1;
        let (number, line) = (self.tests, step.line);
        // A # would begin a directive.
        let what = format!("{file}:{line} {}", step.what).replace('\\', "\\\\").replace('#', "\\#");
        match &step.end {
            StepEnd::Passed => format!("ok {number} - {what}\n"),
            StepEnd::NotRun => format!("ok {number} - {what} # SKIP not run\n"),
            StepEnd::Failed(explanation) | StepEnd::Error(explanation) => {
                format!("not ok {number} - {what}\n{}", diagnostics(explanation))
            }
        }
    }

    fn played(&mut self, _: &Played) -> String {
        String::new()
    }

    fn end(&mut self, _: &[Played], time: Duration) -> String {
        format!("# {}\n", took(time))
    }
}

fn diagnostics(explanation: &Explanation) -> String {
    explanation.lines().map(|line| format!("#   {line}\n")).collect()
}
