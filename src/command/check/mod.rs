//! `check`: scenarios are read, played against servers, and told of.

mod all;
mod export;
mod open;
mod play;
mod refuse;
mod tell;

use std::env;
use std::future::pending;
use std::io::{self, IsTerminal as _, Write as _};
use std::rc::Rc;
use std::time::Instant;

use anyhow::Context as _;
use tokio::sync::watch;
use tokio::task::LocalSet;

use super::cookies::Cookies;
use super::plan::limit;
use super::request::how;
use super::scenarios::{Loaded, Reading, Surroundings, Unread, load};
use crate::cli::CheckArgs;
use crate::exit::{self, Exit, code};
use crate::failure::{Failure, TimeLimit};
use crate::handshake::{Request, Secret, Target};
use crate::output::Palette;
use crate::session::{Interrupt, Interrupts};
use crate::ui::{Lines, Tap, Telling, Voice, signal_name};
use crate::wire::Close;
use all::{All, overall};
use export::export;
use open::Way;
use play::Stop;
use refuse::refuse;
use tell::{Manner, Report, Teller};

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
    let loaded = match read(&arguments, target.is_some(), &mut interrupts).await? {
        Read::All(loaded) => loaded,
        Read::Unread(unread) => return refuse(&unread, &arguments, voice),
        Read::Ended(signal) => return Ok(Exit::Signal(signal)),
    };
    let jar = Cookies::of(&arguments.opening, None, target.as_ref())?.jar;
    let report = Report::begin(&arguments)?;
    let (jobs, fail_fast) = (arguments.jobs.get(), arguments.fail_fast);
    let (telling, is_tap) = (telling(&arguments), arguments.tap);
    let way = Rc::new(Way {
        url: target.as_ref().map(Request::shown_url),
        target,
        retry: arguments.opening.retry.rules(),
        jar,
        max_message: Some(arguments.max_message_size).filter(|size| *size > 0),
        how: how(arguments.opening)?,
        voice,
    });
    let teller = Teller::begin(Manner { telling, report, is_tap, voice }, &loaded)?;
    conduct(All { loaded, way, tell: teller.sender(), jobs, fail_fast }, teller, interrupts).await
}

/// What came of reading the files.
enum Read {
    /// All can be played.
    All(Vec<Loaded>),
    /// Some cannot.
    Unread(Vec<Unread>),
    /// A signal came before.
    Ended(i32),
}

/// Reads the files, which may take its time: stdin and FIFOs are as slow as they are.
///
/// # Errors
/// The limit on the whole run is reached.
async fn read(
    arguments: &CheckArgs,
    has_url: bool,
    interrupts: &mut Interrupts,
) -> Result<Read, Failure> {
    let (files, vars) = (arguments.files.clone(), arguments.vars.clone());
    let surroundings = Surroundings::Ours;
    let reading = tokio::task::spawn_blocking(move || {
        load(&files, &Reading { vars: &vars, has_url, surroundings })
    });
    tokio::select! {
        loaded = reading => Ok(match loaded.context("cannot read")? {
            Ok(loaded) => Read::All(loaded),
            Err(unread) => Read::Unread(unread),
        }),
        interrupt = interrupts.next() => match interrupt {
            Interrupt::Signal(signal) => Ok(Read::Ended(signal)),
            Interrupt::MaxTime(limit) => Err(Failure::TimeLimit(TimeLimit::MaxTime(limit))),
        },
    }
}

/// Has all scenarios played and told of, until they are over or something from outside ends them.
async fn conduct(all: All, teller: Teller, mut interrupts: Interrupts) -> Result<Exit, Failure> {
    let voice = all.way.voice;
    let (stop, stopped) = watch::channel(None);
    let local = LocalSet::new();
    let playing = local.run_until(all.play(stopped));
    tokio::pin!(playing);
    let mut ended: Option<Ended> = None;
    let verdicts = loop {
        let ending = tokio::select! {
            verdicts = &mut playing => break verdicts,
            () = teller.is_unheard(), if ended.is_none() => Ended::unheard(),
            interrupt = interrupts.next() => Ended::by(interrupt, voice),
        };
        if let Some(Ended { exit: exit @ Exit::Signal(_), .. }) = ended {
            // A second one at once.
            return Ok(exit);
        }
        stop.send_replace(Some(ending.stop.clone()));
        ended.get_or_insert(ending);
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
        interrupt = interrupts.next() => return Ok(Ended::by(interrupt, voice).exit),
    };
    let (exit, last_words) = match ended {
        Some(Ended { exit, last_words, .. }) => (exit, last_words),
        None => (overall(&verdicts), String::new()),
    };
    // Where nobody reads there is nobody to tell.
    let _ = io::stderr().lock().write_all(last_words.as_bytes());
    told.map(|()| exit)
}

/// How all was ended before it was over.
struct Ended {
    exit: Exit,
    stop: Stop,
    last_words: String,
}

impl Ended {
    /// By a signal or the limit on the whole run.
    fn by(interrupt: Interrupt, voice: Voice) -> Ended {
        match interrupt {
            Interrupt::Signal(signal) => {
                let why = format!("ended by {}", signal_name(signal));
                let stop = Stop { why, close: Close::new(1001, "") };
                Ended { exit: Exit::Signal(signal), stop, last_words: String::new() }
            }
            Interrupt::MaxTime(limit) => {
                let failure = Failure::TimeLimit(TimeLimit::MaxTime(limit));
                let stop = Stop { why: failure.to_string(), close: Close::new(1000, "") };
                let last_words = voice.failure(&failure);
                Ended { exit: exit::of_failure(&failure), stop, last_words }
            }
        }
    }

    /// Because nobody reads what is told: as for any program whose reader has gone, but in order.
    fn unheard() -> Ended {
        let stop = Stop { why: "nobody reads the results".into(), close: Close::new(1001, "") };
        Ended { exit: Exit::Code(code::OUTPUT), stop, last_words: String::new() }
    }
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
