//! A line a step, and a summary.

use std::time::Duration;

use super::Telling;
use crate::output::Palette;
use crate::scenario::{Explanation, Played, StepDone, StepEnd, Tally, took};

/// Tells people.
#[derive(Debug)]
pub struct Lines {
    /// The colours.
    pub palette: Palette,
}

impl Telling for Lines {
    fn begin(&mut self, _: usize) -> String {
        String::new()
    }

    fn scenario(&mut self, file: &str, name: Option<&str>) -> String {
        match name {
            Some(name) => format!("{file}: {name}\n"),
            None => format!("{file}\n"),
        }
    }

    fn step(&mut self, _: &str, step: &StepDone) -> String {
        let Palette { good, bad, aside, end, .. } = self.palette;
        let (mark, explanation) = match &step.end {
            StepEnd::Passed => (format!("{good}ok{end}    "), None),
            StepEnd::Failed(explanation) => (format!("{bad}FAILED{end}"), Some(explanation)),
            StepEnd::Error(explanation) => (format!("{bad}ERROR{end} "), Some(explanation)),
            // How many those are is said at the end.
            StepEnd::NotRun => return String::new(),
        };
        let time = took(step.took);
        let line = format!("  {mark} line {}: {} {aside}({time}){end}\n", step.line, step.what);
        line + &explanation.map(|explanation| self.explain(explanation)).unwrap_or_default()
    }

    fn played(&mut self, played: &Played) -> String {
        match played.tally() {
            Tally { not_run: 0, .. } => String::new(),
            Tally { not_run: 1, .. } => "  1 step not run\n".into(),
            Tally { not_run, .. } => format!("  {not_run} steps not run\n"),
        }
    }

    fn end(&mut self, played: &[Played], time: Duration) -> String {
        let Palette { good, bad, end, .. } = self.palette;
        let tally = played.iter().fold(Tally::default(), |sum, one| sum.with(one.tally()));
        let broken: Vec<_> = played.iter().filter(|one| one.broken().is_some()).collect();
        let untouched = played.iter().filter(|one| one.tally().passed == 0).count();
        let untouched = untouched - broken.iter().filter(|one| one.tally().passed == 0).count();
        let all = played.len();
        let mut text = match broken.len() {
            0 if tally.not_run == 0 => format!("{good}passed{end}: {all} scenario{}", plural(all)),
            0 => format!("{bad}stopped{end}: {all} scenario{}", plural(all)),
            failed => format!("{bad}failed{end}: {failed} of {all} scenario{}", plural(all)),
        };
        if untouched > 0 {
            text += &format!(", {untouched} not run");
        }
        text += &format!(", {} of {} steps passed, {}\n", tally.passed, tally.all(), took(time));
        if played.len() > 1 {
            for one in broken {
                let line = one.broken().map_or(0, |step| step.line);
                text += &format!("  {}:{line}\n", one.file);
            }
        }
        text
    }
}

impl Lines {
    fn explain(&self, explanation: &Explanation) -> String {
        let Palette { good, bad, end, .. } = self.palette;
        let colored = |line: String| match line.as_bytes().first() {
            Some(b'-') => format!("         {good}{line}{end}\n"),
            Some(b'+') => format!("         {bad}{line}{end}\n"),
            _ => format!("         {line}\n"),
        };
        explanation.lines().map(colored).collect()
    }
}

fn plural(count: usize) -> &'static str {
    if count == 1 { "" } else { "s" }
}
