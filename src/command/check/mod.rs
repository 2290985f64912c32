//! `check`: scenarios are read, played against servers, and told of.

mod export;
mod open;
mod play;
mod tell;

use std::cell::Cell;
use std::env;
use std::future::pending;
use std::io::{self, IsTerminal as _, Write as _};
use std::rc::Rc;
use std::time::Instant;

use anyhow::Context as _;
use tokio::sync::{Semaphore, watch};
use tokio::task::{JoinSet, LocalSet};

use super::cookies::Cookies;
use super::plan::limit;
use super::request::how;
use super::scenarios::{Loaded, Reading, Surroundings, Unread, load};
use crate::cli::CheckArgs;
use crate::exit::{self, Exit, code};
use crate::failure::{Failure, TimeLimit};
use crate::handshake::{Request, Secret, Target};
use crate::output::Palette;
use crate::scenario::{Explanation, Played, Scenario, Step, StepDone, StepEnd};
use crate::session::{Interrupt, Interrupts};
use crate::ui::{Lines, Tap, Telling, Voice, mistakes, signal_name};
use crate::wire::Close;
use export::export;
use open::Way;
use play::{Stop, Verdict, play};
use tell::{Sender, Teller, Told};

/// Scenarios that are played at once, at most: more have no descriptors.
const MOST_JOBS: usize = 1000;

/// Plays the scenarios of all files.
///
/// # Errors
/// The command line or a file cannot be obeyed; nothing has been sent then. Or the report cannot be
/// written.
pub async fn check(arguments: CheckArgs, voice: Voice, start: Instant) -> Result<Exit, Failure> {
    if let Some(format) = arguments.export {
        return export(format, &arguments);
    }
    let target = arguments.url.as_ref().map(|Secret(url)| Target::parse(url)).transpose()?;
    let mut interrupts = Interrupts::new(start, arguments.max_time.and_then(limit))
        .context("cannot listen for signals")?;
    let (files, vars) = (arguments.files.clone(), arguments.vars.clone());
    let (has_url, surroundings) = (target.is_some(), Surroundings::Ours);
    // stdin and FIFOs may take their time.
    let reading = tokio::task::spawn_blocking(move || {
        load(&files, &Reading { vars: &vars, has_url, surroundings })
    });
    let loaded = tokio::select! {
        loaded = reading => loaded.context("cannot read")?,
        interrupt = interrupts.next() => return ended_early(interrupt),
    };
    let loaded = match loaded {
        Ok(loaded) => loaded,
        Err(unread) => return refuse(&unread, &arguments, voice),
    };
    let teller = Teller::begin(telling(&arguments), &arguments, voice, &loaded)?;
    let cookies = Cookies::of(&arguments.opening, None, target.as_ref())?;
    let retry = arguments.opening.retry.rules();
    let max_message = Some(arguments.max_message_size).filter(|size| *size > 0);
    let how = how(arguments.opening)?;
    let way = Rc::new(Way {
        url: target.as_ref().map(Request::shown_url),
        target,
        how,
        retry,
        jar: cookies.jar,
        max_message,
        voice,
    });
    let local = LocalSet::new();
    let (stop, stopped) = watch::channel(None);
    let all = All {
        loaded,
        way,
        tell: teller.sender(),
        stopped,
        jobs: arguments.jobs.get().min(MOST_JOBS),
        fail_fast: arguments.fail_fast,
    };
    let playing = local.run_until(all.play());
    tokio::pin!(playing);
    let (mut ended, mut last_words) = (None, String::new());
    let verdicts = loop {
        tokio::select! {
            verdicts = &mut playing => break verdicts,
            () = teller.is_unheard(), if ended.is_none() => {
                // As for any program whose reader has gone, but in order.
                ended = Some(Exit::Code(code::OUTPUT));
                let why = "nobody reads the results".to_owned();
                stop.send_replace(Some(Stop { why, close: Close::new(1001, "") }));
            }
            interrupt = interrupts.next() => {
                if let Some(Exit::Signal(_)) = ended {
                    // A second one at once.
                    return Ok(ended.unwrap_or(Exit::Code(code::OTHER)));
                }
                let (exit, stop_with) = match interrupt {
                    Interrupt::Signal(signal) => {
                        let why = format!("ended by {}", signal_name(signal));
                        (Exit::Signal(signal), Stop { why, close: Close::new(1001, "") })
                    }
                    Interrupt::MaxTime(limit) => {
                        let failure = Failure::TimeLimit(TimeLimit::MaxTime(limit));
                        last_words = voice.failure(&failure);
                        let why = failure.to_string();
                        (exit::of_failure(&failure), Stop { why, close: Close::new(1000, "") })
                    }
                };
                ended.get_or_insert(exit);
                stop.send_replace(Some(stop_with));
            }
        }
    };
    // A stdout that is stuck does not keep limits and signals from ending it.
    let deadline = interrupts.deadline();
    let late = async {
        match deadline {
            Some(deadline) => tokio::time::sleep_until(deadline.into()).await,
            None => pending().await,
        }
    };
    let told = tokio::select! {
        told = teller.end() => told,
        () = late => Ok(()),
        interrupt = interrupts.next() => return ended_early(interrupt),
    };
    // Where nobody reads there is nobody to tell.
    let _ = io::stderr().lock().write_all(last_words.as_bytes());
    told.map(|()| ended.unwrap_or_else(|| overall(&verdicts)))
}

/// The end that comes from outside, when nothing is to be closed.
fn ended_early(interrupt: Interrupt) -> Result<Exit, Failure> {
    match interrupt {
        Interrupt::Signal(signal) => Ok(Exit::Signal(signal)),
        Interrupt::MaxTime(limit) => Err(Failure::TimeLimit(TimeLimit::MaxTime(limit))),
    }
}

/// All scenarios, and what they have in common.
struct All {
    loaded: Vec<Loaded>,
    way: Rc<Way>,
    tell: Sender,
    stopped: watch::Receiver<Option<Stop>>,
    jobs: usize,
    fail_fast: bool,
}

impl All {
    async fn play(self) -> Vec<Verdict> {
        let slots = Rc::new(Semaphore::new(self.jobs));
        let broken = Rc::new(Cell::new(false));
        let mut playing = JoinSet::new();
        for (number, Loaded { file, scenario }) in self.loaded.into_iter().enumerate() {
            let (slots, broken) = (Rc::clone(&slots), Rc::clone(&broken));
            let (way, stopped) = (Rc::clone(&self.way), self.stopped.clone());
            let (tell, fail_fast) = (self.tell.clone(), self.fail_fast);
            playing.spawn_local(async move {
                let slot = slots.acquire().await;
                let tell = move |told| tell.send(number, told);
                let is_over = stopped.borrow().is_some() || fail_fast && broken.get();
                let verdict = if is_over {
                    skip(&way, &scenario, &file, &tell);
                    Verdict::NotRun
                } else {
                    play(scenario, file, way, stopped, &tell).await
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

/// Says what is wrong with files, also to those who read reports. Nothing is played.
fn refuse(unread: &[Unread], arguments: &CheckArgs, voice: Voice) -> Result<Exit, Failure> {
    let mut report = tell::Report::begin(arguments)?;
    let mut said = String::new();
    let mut bad = Vec::new();
    for Unread { file, mistakes, failure } in unread {
        said += &voice.failure(failure);
        let line = mistakes.first().map_or(1, |mistake| mistake.line);
        let end = StepEnd::Error(Explanation::new([failure.to_string()]));
        let (what, took) = ("the file is read".to_owned(), Default::default());
        let steps = vec![StepDone { line, what, took, end }];
        bad.push(Played { file: file.clone(), name: None, steps, took });
    }
    report.write(&bad)?;
    if tell::annotates() {
        said.extend(unread.iter().flat_map(|unread| mistakes(&unread.file, &unread.mistakes)));
    }
    if arguments.tap && !voice.silent {
        // Where nobody reads there is nobody to tell.
        let _ =
            io::stdout().lock().write_all(b"TAP version 13\nBail out! Not all files can be read\n");
    }
    let _ = io::stderr().lock().write_all(said.as_bytes());
    Ok(Exit::Code(code::INPUT))
}

/// Tells of a scenario that is not played.
fn skip(way: &Way, scenario: &Scenario, file: &str, tell: &dyn Fn(Told)) {
    tell(Told::Scenario);
    let steps: Vec<_> = scenario.steps.iter().map(|step| not_run(way, scenario, step)).collect();
    steps.iter().for_each(|step| tell(Told::Step(step.clone())));
    let (file, name) = (file.to_owned(), scenario.name.clone());
    tell(Told::Played(Played { file, name, steps, took: Default::default() }));
}

fn not_run(way: &Way, scenario: &Scenario, step: &Step) -> StepDone {
    let what = way.describe(scenario, step);
    StepDone { line: step.line, what, took: Default::default(), end: StepEnd::NotRun }
}

/// The exit code of all together: the first failure that has one of its own, else whether all passed.
fn overall(verdicts: &[Verdict]) -> Exit {
    let own = verdicts.iter().find_map(|verdict| match verdict {
        Verdict::Error(exit) => Some(*exit),
        _ => None,
    });
    let failed = verdicts.contains(&Verdict::Failed);
    own.unwrap_or(Exit::Code(if failed { code::NOT_AS_ASKED } else { code::SUCCESS }))
}

fn telling(arguments: &CheckArgs) -> Box<dyn Telling> {
    if arguments.tap {
        return Box::new(Tap::default());
    }
    let [no_color, term] = ["NO_COLOR", "TERM"].map(env::var_os);
    let is_wanted =
        arguments.color.is_wanted(io::stdout().is_terminal(), no_color.as_deref(), term.as_deref());
    let palette = if is_wanted { Palette::colored() } else { Palette::plain() };
    Box::new(Lines { palette })
}
