//! What became of a scenario, for those who tell of it.

use std::time::Duration;

use crate::output::escape::one_line;

/// What became of a step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StepDone {
    /// Its line in the file.
    pub line: u64,
    /// What it does, in one line.
    pub what: String,
    /// How long it took.
    pub took: Duration,
    /// How it ended.
    pub end: StepEnd,
}

/// How a step ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StepEnd {
    /// As the scenario says.
    Passed,
    /// Otherwise.
    Failed(Explanation),
    /// It could not be tried: a failure with an exit code of its own.
    Error(Explanation),
    /// It was not reached.
    NotRun,
}

/// Why a step failed. All of it is harmless to print.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Explanation {
    /// What came in place of what was expected, in lines.
    pub why: Vec<String>,
    /// What else came.
    pub arrived: Vec<String>,
}

impl Explanation {
    /// An explanation in these lines.
    pub fn new(why: impl IntoIterator<Item = String>) -> Explanation {
        let why = why.into_iter();
        let lines = why.flat_map(|text| text.lines().map(one_line).collect::<Vec<_>>());
        Explanation { why: lines.collect(), arrived: Vec::new() }
    }

    /// Puts the names of secrets in the place of what they stand for.
    pub fn hide<'a>(&mut self, secrets: impl Iterator<Item = (String, &'a str)>) {
        let secrets: Vec<_> = secrets.collect();
        for line in self.why.iter_mut().chain(&mut self.arrived) {
            *line = hide(std::mem::take(line), secrets.iter().cloned());
        }
    }

    /// All of it, in lines.
    pub fn lines(&self) -> impl Iterator<Item = String> {
        let heading = (!self.arrived.is_empty()).then(|| "what else arrived:".to_owned());
        let arrived = self.arrived.iter().map(|line| format!("  {line}"));
        self.why.iter().cloned().chain(heading).chain(arrived)
    }
}

/// Puts the names of secrets in the place of what they stand for.
pub fn hide<'a>(text: String, secrets: impl Iterator<Item = (String, &'a str)>) -> String {
    secrets.fold(text, |text, (secret, name)| match text.contains(&secret) {
        true => text.replace(&secret, &format!("{{{{{name}}}}}")),
        false => text,
    })
}

/// A scenario that has been played, or has not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Played {
    /// The file.
    pub file: String,
    /// What it calls itself.
    pub name: Option<String>,
    /// Its steps.
    pub steps: Vec<StepDone>,
    /// How long all of them took.
    pub took: Duration,
}

/// How many steps ended in which way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// As the scenario says.
    pub passed: usize,
    /// Otherwise.
    pub failed: usize,
    /// Could not be tried.
    pub errors: usize,
    /// Were not reached.
    pub not_run: usize,
}

impl Tally {
    /// All of them.
    pub fn all(self) -> usize {
        self.passed + self.failed + self.errors + self.not_run
    }

    /// Those of two together.
    pub fn with(self, other: Tally) -> Tally {
        Tally {
            passed: self.passed + other.passed,
            failed: self.failed + other.failed,
            errors: self.errors + other.errors,
            not_run: self.not_run + other.not_run,
        }
    }
}

impl Played {
    /// How its steps ended.
    pub fn tally(&self) -> Tally {
        let mut tally = Tally::default();
        for step in &self.steps {
            *match step.end {
                StepEnd::Passed => &mut tally.passed,
                StepEnd::Failed(_) => &mut tally.failed,
                StepEnd::Error(_) => &mut tally.errors,
                StepEnd::NotRun => &mut tally.not_run,
            } += 1;
        }
        tally
    }

    /// The step that did not end as it should.
    pub fn broken(&self) -> Option<&StepDone> {
        self.steps.iter().find(|step| matches!(step.end, StepEnd::Failed(_) | StepEnd::Error(_)))
    }
}
