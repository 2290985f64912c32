//! The prompt of a run: whether there is one, and what is asked for there.

use std::cell::RefCell;
use std::env;
use std::fs::File;
use std::io::{self, IsTerminal as _};
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Instant;

use anyhow::Context as _;
use rustix::termios::tcgetpgrp;
use signal_hook::consts::{SIGHUP, SIGQUIT};
use signal_hook::low_level::emulate_default_handler;
use tokio::sync::mpsc;

use super::stderr::Stderr;
use crate::cli::{PipeArgs, PromptArgs};
use crate::failure::{Failure, root_cause};
use crate::input::Framing;
use crate::input::reader::Origin;
use crate::output::escape::one_line;
use crate::session::{Kept, RoundTrip, Stats};
use crate::signals::Awaited;
use crate::ui::{Ask, Console, PromptOptions, Typist, restore_terminal, start_prompt, statistics};

/// Terminals that cannot do more than print.
const SIMPLE: [&str; 4] = ["", "dumb", "cons25", "emacs"];

/// A prompt that is to come.
#[derive(Debug)]
pub struct Prompt {
    options: PromptOptions,
    /// Where everything is shown.
    pub console: Console,
    /// What keeps everything, for `/save`.
    pub kept: Rc<RefCell<Kept>>,
}

/// A prompt for what is typed at a terminal, unless the flags say what is to be made of it.
pub fn prompt(pipe: &PipeArgs, flags: &PromptArgs) -> Option<Prompt> {
    let PipeArgs { message, framing, .. } = pipe;
    let lines = matches!(framing.chosen(), None | Some(Framing::Lines));
    let is_plain = lines && !framing.jsonl && !message.binary && message.decode.is_none();
    if !is_plain || !io::stdin().is_terminal() {
        return None;
    }
    let on_stdout = io::stdout().is_terminal();
    let term = env::var("TERM").unwrap_or_default();
    let edits = !SIMPLE.contains(&term.as_str()) && (on_stdout || has_terminal());
    let history = if flags.no_history { None } else { history() };
    Some(Prompt {
        options: PromptOptions { history, edits, on_stdout },
        console: Console::default(),
        kept: Rc::default(),
    })
}

/// Whether stdin is the terminal that /dev/tty is.
fn has_terminal() -> bool {
    let device = File::options().read(true).write(true).open("/dev/tty");
    device.is_ok() && tcgetpgrp(io::stdin()).is_ok()
}

/// The file for lines that were typed, in the XDG state folder.
fn history() -> Option<PathBuf> {
    let folder = |name| env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let state = folder("XDG_STATE_HOME").or_else(|| Some(folder("HOME")?.join(".local/state")));
    Some(state?.join("wspipe/history"))
}

impl Prompt {
    /// Begins it: where lines come from, and what is asked.
    ///
    /// # Errors
    /// The terminal cannot be had.
    pub fn begin(self) -> Result<((String, Origin), Asks), Failure> {
        // Before the prompt hears of them too.
        let deadly = Deadly::new().context("cannot listen for signals")?;
        let typist = start_prompt(self.options, &self.console).context("cannot show a prompt")?;
        let Typist { lines, taken, asks, apart } = typist;
        let (round_trips, heard) = mpsc::unbounded_channel();
        let stderr = Stderr::beside(Some(self.console));
        let asks = Asks { asks, heard, round_trips, kept: self.kept, apart, deadly, stderr };
        Ok((("the prompt".to_owned(), Origin::Made { blocks: lines, spent: taken }), asks))
    }
}

/// What is asked at the prompt, and what it hears of.
#[derive(Debug)]
pub struct Asks {
    asks: mpsc::UnboundedReceiver<Ask>,
    heard: mpsc::UnboundedReceiver<RoundTrip>,
    /// For the session, which tells of round trips.
    pub round_trips: mpsc::UnboundedSender<RoundTrip>,
    kept: Rc<RefCell<Kept>>,
    /// Where the prompt hears that there is no connection at the moment.
    pub apart: Arc<AtomicBool>,
    deadly: Deadly,
    /// Where it is answered.
    stderr: Stderr,
}

/// Signals that end the process at once, but not before the terminal is as it was.
#[derive(Debug)]
struct Deadly {
    hangup: Awaited,
    quit: Awaited,
}

impl Deadly {
    fn new() -> io::Result<Self> {
        Ok(Deadly { hangup: Awaited::new(SIGHUP)?, quit: Awaited::new(SIGQUIT)? })
    }

    async fn next(&mut self) -> i32 {
        tokio::select! {
            () = self.hangup.next() => SIGHUP,
            () = self.quit.next() => SIGQUIT,
        }
    }
}

impl Asks {
    /// Answers for as long as there is a session, or another one is waited for.
    pub async fn answer(&mut self, stats: &Stats) -> std::convert::Infallible {
        loop {
            let said = tokio::select! {
                Some(ask) = self.asks.recv() => match ask {
                    Ask::Stats => figures(stats),
                    Ask::Save(path) => self.save(path).await,
                },
                Some(round_trip) = self.heard.recv() => answered(&round_trip),
                signal = self.deadly.next() => {
                    restore_terminal();
                    // It fails only for a signal that there is not.
                    let _ = emulate_default_handler(signal);
                    String::new()
                }
            };
            self.stderr.say(&said);
        }
    }

    /// Waits until all answers are given, or cannot be.
    pub async fn said(&mut self) {
        self.stderr.said().await;
    }

    /// Saves what was kept, while the session goes on.
    async fn save(&self, path: PathBuf) -> String {
        let name = one_line(&path.display().to_string());
        let snapshot = self.kept.borrow_mut().snapshot();
        let save = move || snapshot.and_then(|snapshot| snapshot.save(&path));
        match tokio::task::spawn_blocking(save).await {
            Ok(Ok((records, why))) => {
                let why = why.map(|why| format!("; {}", one_line(&why))).unwrap_or_default();
                format!("* {name}: {records} records{why}\n")
            }
            Ok(Err(error)) => format!("* {name}: {}\n", one_line(&root_cause(&error))),
            // The process is about to end.
            Err(_) => String::new(),
        }
    }
}

fn figures(stats: &Stats) -> String {
    let figures = stats.figures(Instant::now());
    let lines = figures.iter().flat_map(statistics);
    lines.map(|line| format!("* {line}\n")).collect()
}

fn answered(RoundTrip { payload, took }: &RoundTrip) -> String {
    let text = String::from_utf8_lossy(payload);
    let shown = if text.is_empty() { String::new() } else { format!(" \"{}\"", one_line(&text)) };
    match took {
        Some(took) => format!("< pong{shown} after {:.2} ms\n", took.as_secs_f64() * 1000.0),
        None => format!("< pong{shown}\n"),
    }
}
