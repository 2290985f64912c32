//! What `check` says: lines for people, TAP, JUnit's XML, and annotations for GitHub. Pure: from what
//! became of the steps to text.

mod github;
mod junit;
mod lines;
mod tap;

pub use github::{annotation, mistakes, without_commands};
pub use junit::junit;
pub use lines::Lines;
pub use tap::Tap;

use std::time::Duration;

use crate::scenario::{Played, StepDone};

/// A way to tell of scenarios as they are played; what is given back is printed.
pub trait Telling: std::fmt::Debug + Send {
    /// So many steps will be told of.
    fn begin(&mut self, steps: usize) -> String;
    /// A scenario begins.
    fn scenario(&mut self, file: &str, name: Option<&str>) -> String;
    /// A step is done.
    fn step(&mut self, file: &str, step: &StepDone) -> String;
    /// A scenario is over.
    fn played(&mut self, played: &Played) -> String;
    /// All are over.
    fn end(&mut self, played: &[Played], took: Duration) -> String;
}
