//! Those who hear of scenarios: a thread of its own, since whoever reads our stdout may be slow, while
//! what comes from a server is to be taken in time. Scenarios are told of in the order of their files.

use std::collections::VecDeque;
use std::env;
use std::fs::{File, Permissions};
use std::io::{self, IsTerminal as _, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use tempfile::{Builder, NamedTempFile};
use tokio::sync::{Notify, oneshot};

use crate::cli::CheckArgs;
use crate::command::scenarios::Loaded;
use crate::failure::Failure;
use crate::scenario::{Played, StepDone, StepEnd};
use crate::ui::{Telling, Voice, annotation, junit, without_commands};

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
    /// A scenario is over, after so long.
    Played(Duration),
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

/// How it is told.
#[derive(Debug)]
pub struct Manner {
    /// In which words.
    pub telling: Box<dyn Telling>,
    /// The file of `--junit`.
    pub report: Report,
    /// Whether the words are TAP.
    pub is_tap: bool,
    /// How much.
    pub voice: Voice,
}

/// The thread, from outside.
#[derive(Debug)]
pub struct Teller {
    sender: Sender,
    done: oneshot::Receiver<Result<(), Failure>>,
    gone: Arc<Notify>,
}

impl Teller {
    /// Starts it.
    ///
    /// # Errors
    /// There is no thread.
    pub fn begin(manner: Manner, loaded: &[Loaded]) -> Result<Teller, Failure> {
        let Manner { telling, report, is_tap, voice } = manner;
        let scenarios = loaded.iter().map(|one| Waiting {
            file: one.file.clone(),
            name: one.scenario.name.clone(),
            told: VecDeque::new(),
            steps: Vec::with_capacity(one.scenario.steps.len()),
        });
        let (sender, heard) = mpsc::channel();
        let (done, is_done) = oneshot::channel();
        let gone = Arc::new(Notify::new());
        let thread = Thread {
            telling,
            voice,
            report,
            annotates: annotates(),
            is_tap,
            waiting: scenarios.collect(),
            next: 0,
            played: Vec::new(),
            spinner: spinner(voice, is_tap),
            begun: Instant::now(),
            unprinted: None,
            gone: Arc::clone(&gone),
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
        Ok(Teller { sender: Sender(sender), done: is_done, gone })
    }

    /// One who tells it.
    pub fn sender(&self) -> Sender {
        self.sender.clone()
    }

    /// Waits until nothing more can be printed.
    pub async fn is_unheard(&self) {
        self.gone.notified().await;
    }

    /// Waits until all is told.
    ///
    /// # Errors
    /// It cannot be.
    pub async fn end(self) -> Result<(), Failure> {
        let Teller { sender, done, .. } = self;
        drop(sender);
        // A panic in it ends the process.
        done.await.unwrap_or(Ok(()))
    }
}

/// A scenario that is not over.
#[derive(Debug, Default)]
struct Waiting {
    file: String,
    name: Option<String>,
    told: VecDeque<Told>,
    /// What became of its steps.
    steps: Vec<StepDone>,
}

struct Thread {
    telling: Box<dyn Telling>,
    voice: Voice,
    report: Report,
    /// Whether GitHub wants to know.
    annotates: bool,
    is_tap: bool,
    waiting: Vec<Waiting>,
    /// The scenario whose turn it is.
    next: usize,
    played: Vec<Played>,
    spinner: Option<ProgressBar>,
    begun: Instant,
    /// Why nothing more is printed.
    unprinted: Option<Failure>,
    /// Told when it is so.
    gone: Arc<Notify>,
}

impl Thread {
    fn run(mut self, heard: mpsc::Receiver<(usize, Told)>, steps: usize) -> Result<(), Failure> {
        let told = self.tell_all(heard, steps);
        // Whoever reads the report need not be the one who reads our stdout.
        told.and(self.report.write(&self.played))
    }

    fn tell_all(
        &mut self,
        heard: mpsc::Receiver<(usize, Told)>,
        steps: usize,
    ) -> Result<(), Failure> {
        let text = self.telling.begin(steps);
        self.print(&text);
        for (number, told) in heard {
            if let (Some(spinner), Told::Begun(what)) = (&self.spinner, &told) {
                spinner.set_message(what.clone());
            }
            self.waiting[number].told.push_back(told);
            while let Some(turn) = self.waiting.get_mut(self.next)
                && let Some(told) = turn.told.pop_front()
            {
                self.tell(told);
            }
        }
        if let Some(spinner) = self.spinner.take() {
            spinner.finish_and_clear();
        }
        let text = self.telling.end(&self.played, self.begun.elapsed());
        self.print(&text);
        match self.unprinted.take() {
            Some(failure) => Err(failure),
            None => Ok(()),
        }
    }

    fn tell(&mut self, told: Told) {
        let Waiting { file, name, .. } = &self.waiting[self.next];
        match told {
            Told::Begun(_) => {}
            Told::Step(step) => {
                let explains = matches!(step.end, StepEnd::Failed(_) | StepEnd::Error(_));
                let text = self.telling.step(file, &step);
                let text = if self.annotates { without_commands(&text) } else { text };
                if self.voice.silent && self.voice.show_error && explains {
                    let _ = io::stderr().lock().write_all(format!("{file}\n{text}").as_bytes());
                }
                self.print(&text);
                self.waiting[self.next].steps.push(step);
            }
            Told::Scenario => {
                let text = self.telling.scenario(file, name.as_deref());
                self.print(&text);
            }
            Told::Played(took) => {
                let Waiting { file, name, steps, .. } =
                    std::mem::take(&mut self.waiting[self.next]);
                let played = Played { file, name, steps, took };
                let text = self.telling.played(&played);
                self.print(&text);
                self.annotate(&played);
                self.played.push(played);
                self.next += 1;
            }
        }
    }

    fn annotate(&mut self, played: &Played) {
        match annotation(played) {
            // A harness that reads TAP reads stdout; GitHub reads both.
            Some(text) if self.annotates && self.is_tap => {
                let _ = io::stderr().lock().write_all(text.as_bytes());
            }
            Some(text) if self.annotates => self.print(&text),
            _ => {}
        }
    }

    /// Prints something, unless that has failed before.
    fn print(&mut self, text: &str) {
        if text.is_empty() || self.voice.silent || self.unprinted.is_some() {
            return;
        }
        let print = || {
            let mut stdout = io::stdout().lock();
            stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush())
        };
        let printed = match &self.spinner {
            Some(spinner) => spinner.suspend(print),
            None => print(),
        };
        if let Err(error) = printed {
            self.unprinted = Some(Failure::of_stdout(error));
            self.gone.notify_one();
        }
    }
}

/// Whether GitHub wants to know.
pub fn annotates() -> bool {
    env::var("GITHUB_ACTIONS").is_ok_and(|value| value == "true")
}

/// The file of `--junit`. An ordinary one is written beside it and then takes its place, so that there is
/// never half of one.
#[derive(Debug, Default)]
pub enum Report {
    /// None is asked for.
    #[default]
    Unwanted,
    /// An ordinary file.
    Beside(PathBuf, NamedTempFile),
    /// A FIFO or a device, which may have to be waited for.
    Into(PathBuf),
}

impl Report {
    /// Begins it.
    ///
    /// # Errors
    /// It cannot be written, or is none.
    pub fn begin(arguments: &CheckArgs) -> Result<Report, Failure> {
        let Some(path) = &arguments.junit else { return Ok(Report::Unwanted) };
        if path == "-" {
            let hint = "name a file; ./- is a file of that name";
            return Err(Failure::usage("--junit -: stdout is for the steps", hint));
        }
        // What a link leads to is what is replaced.
        let path = path.canonicalize().unwrap_or_else(|_| path.clone());
        if path.metadata().is_ok_and(|data| !data.is_file() && !data.is_dir()) {
            return Ok(Report::Into(path));
        }
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        let file = Builder::new()
            .permissions(Permissions::from_mode(0o644))
            .tempfile_in(folder.unwrap_or(Path::new(".")));
        match file {
            Ok(_) if path.is_dir() => Err(unwritten(&path, io::ErrorKind::IsADirectory.into())),
            Ok(file) => Ok(Report::Beside(path, file)),
            Err(error) => Err(unwritten(&path, error)),
        }
    }

    /// Writes it.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn write(&mut self, played: &[Played]) -> Result<(), Failure> {
        match std::mem::take(self) {
            Report::Unwanted => Ok(()),
            Report::Beside(path, mut file) => {
                let written = junit(played).and_then(|document| file.write_all(&document));
                let placed =
                    written.and_then(|()| file.persist(&path).map_err(|error| error.error));
                placed.map(drop).map_err(|error| unwritten(&path, error))
            }
            Report::Into(path) => {
                let file = File::options().write(true).open(&path);
                let written = file.and_then(|mut file| file.write_all(&junit(played)?));
                written.map_err(|error| unwritten(&path, error))
            }
        }
    }
}

fn unwritten(path: &Path, error: io::Error) -> Failure {
    Failure::Output { name: path.display().to_string(), error }
}

/// What moves while a step is under way, if somebody can see it.
fn spinner(voice: Voice, is_tap: bool) -> Option<ProgressBar> {
    // What -v says goes there too.
    if is_tap || voice.verbose || !voice.has_audience() || !io::stdout().is_terminal() {
        return None;
    }
    // Room is left for the ^C that a terminal echoes.
    let style = ProgressStyle::with_template("  {spinner} {msg:60!}").ok()?;
    let spinner = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
    spinner.set_style(style);
    spinner.enable_steady_tick(TICK);
    Some(spinner)
}
