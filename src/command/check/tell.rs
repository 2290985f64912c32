//! Those who hear of scenarios: a thread of its own, since whoever reads our stdout may be slow, while
//! what comes from a server is to be taken in time. Scenarios are told of in the order of their files.

use std::collections::VecDeque;
use std::env;
use std::fs::File;
use std::future::pending;
use std::io::{self, IsTerminal as _, Write as _};
use std::path::Path;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use tokio::sync::oneshot;

use crate::cli::CheckArgs;
use crate::command::scenarios::Loaded;
use crate::failure::Failure;
use crate::scenario::{Played, StepDone, StepEnd};
use crate::session::STDOUT;
use crate::ui::{Telling, Voice, annotation, junit};

/// How often the line of the step that is under way is drawn.
const TICK: Duration = Duration::from_millis(100);

/// What is told.
#[derive(Clone, Debug)]
pub enum Told {
    /// A scenario begins.
    Scenario,
    /// A step has begun.
    Begun(String),
    /// A step is done.
    Step(StepDone),
    /// A scenario is over.
    Played(Played),
}

/// Tells the thread.
#[derive(Clone, Debug)]
pub struct Sender(mpsc::Sender<(usize, Told)>);

impl Sender {
    /// Tells of a scenario, by its place among all.
    pub fn send(&self, number: usize, told: Told) {
        // A thread that has failed says so itself.
        let _ = self.0.send((number, told));
    }
}

/// The thread, from outside.
#[derive(Debug)]
pub struct Teller {
    sender: Sender,
    done: oneshot::Receiver<Result<(), Failure>>,
}

impl Teller {
    /// Starts it.
    ///
    /// # Errors
    /// The report cannot be written, or there is no thread.
    pub fn begin(
        telling: Box<dyn Telling>,
        arguments: &CheckArgs,
        voice: Voice,
        loaded: &[Loaded],
    ) -> Result<Teller, Failure> {
        let failed =
            |path: &Path, error| Failure::Output { name: path.display().to_string(), error };
        let junit = match &arguments.junit {
            Some(path) => {
                let file = File::create(path).map_err(|error| failed(path, error))?;
                Some((path.display().to_string(), file))
            }
            None => None,
        };
        let annotates = env::var("GITHUB_ACTIONS").is_ok_and(|value| value == "true");
        let scenarios = loaded.iter().map(|one| Waiting {
            file: one.file.clone(),
            name: one.scenario.name.clone(),
            told: VecDeque::new(),
        });
        let (sender, heard) = mpsc::channel();
        let (done, is_done) = oneshot::channel();
        let thread = Thread {
            telling,
            voice,
            junit,
            annotates,
            is_tap: arguments.tap,
            waiting: scenarios.collect(),
            next: 0,
            played: Vec::new(),
            spinner: spinner(voice, arguments.tap),
            begun: Instant::now(),
        };
        let steps = loaded.iter().map(|one| one.scenario.steps.len()).sum();
        thread::Builder::new()
            .name("telling".into())
            .spawn(move || {
                let told = thread.run(heard, steps);
                // Whoever waited may have gone.
                let _ = done.send(told);
            })
            .context("cannot start a thread")?;
        Ok(Teller { sender: Sender(sender), done: is_done })
    }

    /// One who tells it.
    pub fn sender(&self) -> Sender {
        self.sender.clone()
    }

    /// Why nothing more can be told, once it is so.
    pub async fn failed(&mut self) -> Failure {
        match (&mut self.done).await {
            Ok(Err(failure)) => failure,
            // It goes on for as long as there is one who tells it.
            _ => pending().await,
        }
    }

    /// Waits until all is told.
    ///
    /// # Errors
    /// It cannot be.
    pub async fn end(self) -> Result<(), Failure> {
        let Teller { sender, done } = self;
        drop(sender);
        // A panic in it ends the process.
        done.await.unwrap_or(Ok(()))
    }
}

/// A scenario whose turn has not come.
#[derive(Debug)]
struct Waiting {
    file: String,
    name: Option<String>,
    told: VecDeque<Told>,
}

struct Thread {
    telling: Box<dyn Telling>,
    voice: Voice,
    junit: Option<(String, File)>,
    /// Whether GitHub wants to know.
    annotates: bool,
    is_tap: bool,
    waiting: Vec<Waiting>,
    /// The scenario whose turn it is.
    next: usize,
    played: Vec<Played>,
    spinner: Option<ProgressBar>,
    begun: Instant,
}

impl Thread {
    fn run(mut self, heard: mpsc::Receiver<(usize, Told)>, steps: usize) -> Result<(), Failure> {
        let text = self.telling.begin(steps);
        self.print(&text)?;
        for (number, told) in heard {
            if let (Some(spinner), Told::Begun(what)) = (&self.spinner, &told) {
                spinner.set_message(what.clone());
            }
            self.waiting[number].told.push_back(told);
            while let Some(turn) = self.waiting.get_mut(self.next)
                && let Some(told) = turn.told.pop_front()
            {
                self.tell(told)?;
            }
        }
        if let Some(spinner) = self.spinner.take() {
            spinner.finish_and_clear();
        }
        let text = self.telling.end(&self.played, self.begun.elapsed());
        self.print(&text)?;
        self.write_junit()
    }

    fn tell(&mut self, told: Told) -> Result<(), Failure> {
        let Waiting { file, name, .. } = &self.waiting[self.next];
        match told {
            Told::Begun(_) => Ok(()),
            Told::Step(step) => {
                let explains = matches!(step.end, StepEnd::Failed(_) | StepEnd::Error(_));
                let text = self.telling.step(file, &step);
                if self.voice.silent && self.voice.show_error && explains {
                    let _ = io::stderr().lock().write_all(format!("{file}\n{text}").as_bytes());
                }
                self.print(&text)
            }
            Told::Scenario => {
                let text = self.telling.scenario(file, name.as_deref());
                self.print(&text)
            }
            Told::Played(played) => {
                let text = self.telling.played(&played);
                self.print(&text)?;
                self.annotate(&played)?;
                self.played.push(played);
                self.next += 1;
                Ok(())
            }
        }
    }

    fn annotate(&self, played: &Played) -> Result<(), Failure> {
        match annotation(played) {
            // A harness that reads TAP reads stdout; GitHub reads both.
            Some(text) if self.annotates && self.is_tap => {
                let _ = io::stderr().lock().write_all(text.as_bytes());
                Ok(())
            }
            Some(text) if self.annotates => self.print(&text),
            _ => Ok(()),
        }
    }

    fn print(&self, text: &str) -> Result<(), Failure> {
        if text.is_empty() || self.voice.silent {
            return Ok(());
        }
        let print = || {
            let mut stdout = io::stdout().lock();
            stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush())
        };
        let printed = match &self.spinner {
            Some(spinner) => spinner.suspend(print),
            None => print(),
        };
        printed.map_err(|error| match error.kind() {
            io::ErrorKind::BrokenPipe => Failure::BrokenPipe,
            _ => Failure::Output { name: STDOUT.into(), error },
        })
    }

    fn write_junit(&mut self) -> Result<(), Failure> {
        let Some((name, file)) = &mut self.junit else { return Ok(()) };
        let written = junit(&self.played).and_then(|document| file.write_all(&document));
        written.map_err(|error| Failure::Output { name: name.clone(), error })
    }
}

/// What moves while a step is under way, if somebody can see it.
fn spinner(voice: Voice, is_tap: bool) -> Option<ProgressBar> {
    if is_tap || !voice.has_audience() || !io::stdout().is_terminal() {
        return None;
    }
    let style = ProgressStyle::with_template("  {spinner} {wide_msg}").ok()?;
    let spinner = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
    spinner.set_style(style);
    spinner.enable_steady_tick(TICK);
    Some(spinner)
}
