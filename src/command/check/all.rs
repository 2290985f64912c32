//! All scenarios of a call: so many at once, and what comes of them together.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;

use super::open::Way;
use super::play::{Stop, Verdict, play};
use super::tell::{Sender, Told};
use crate::command::scenarios::Loaded;
use crate::exit::{Exit, code};
use crate::scenario::{Scenario, Step, StepDone, StepEnd};

/// Scenarios that are played at once, at most: more have no descriptors.
const MOST_JOBS: usize = 1000;

/// All scenarios, and what they have in common.
pub struct All {
    /// What is played.
    pub loaded: Vec<Loaded>,
    /// How connections are opened.
    pub way: Rc<Way>,
    /// Who hears of it.
    pub tell: Sender,
    /// `--jobs`.
    pub jobs: usize,
    /// `--fail-fast`.
    pub fail_fast: bool,
}

impl All {
    /// Plays them, until `stopped` says why not; how each ended, in their order.
    pub async fn play(self, stopped: watch::Receiver<Option<Stop>>) -> Vec<Verdict> {
        let slots = Rc::new(Semaphore::new(self.jobs.min(MOST_JOBS)));
        let broken = Rc::new(Cell::new(false));
        let mut playing = JoinSet::new();
        for (number, Loaded { scenario, .. }) in self.loaded.into_iter().enumerate() {
            let (slots, broken) = (Rc::clone(&slots), Rc::clone(&broken));
            let (way, stopped) = (Rc::clone(&self.way), stopped.clone());
            let (tell, fail_fast) = (self.tell.clone(), self.fail_fast);
            playing.spawn_local(async move {
                let slot = slots.acquire().await;
                let tell = move |told| tell.send(number, told);
                let is_over = stopped.borrow().is_some() || fail_fast && broken.get();
                let verdict = if is_over {
                    skip(&way, &scenario, &tell);
                    Verdict::NotRun
                } else {
                    play(scenario, way, stopped, &tell).await
                };
                broken.set(broken.get() || !matches!(verdict, Verdict::Passed | Verdict::NotRun));
                drop(slot);
                (number, verdict)
            });
        }
        let mut verdicts = playing.join_all().await;
        verdicts.sort_by_key(|(number, _)| *number);
        verdicts.into_iter().map(|(_, verdict)| verdict).collect()
    }
}

/// Tells of a scenario that is not played.
fn skip(way: &Way, scenario: &Scenario, tell: &dyn Fn(Told)) {
    tell(Told::Scenario);
    scenario.steps.iter().for_each(|step| tell(Told::Step(not_run(way, scenario, step))));
    tell(Told::Played(Duration::ZERO));
}

/// A step that is not played.
pub fn not_run(way: &Way, scenario: &Scenario, step: &Step) -> StepDone {
    let what = way.describe(scenario, step);
    StepDone { line: step.line, what, took: Duration::ZERO, end: StepEnd::NotRun }
}

/// The exit code of all together: the first failure that has one of its own, else whether all passed.
pub fn overall(verdicts: &[Verdict]) -> Exit {
    let own = verdicts.iter().find_map(|verdict| match verdict {
        Verdict::Error(exit) => Some(*exit),
        _ => None,
    });
    let failed = verdicts.contains(&Verdict::Failed);
    own.unwrap_or(Exit::Code(if failed { code::NOT_AS_ASKED } else { code::SUCCESS }))
}
