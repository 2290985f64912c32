//! `check`: scenarios are read, played against servers, and told of.

mod all;
mod export;
mod open;
mod play;
mod refuse;
mod tell;

use std::env;
use std::io::{self, IsTerminal as _, Write as _};
use std::rc::Rc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use tokio::sync::watch;
use tokio::task::LocalSet;

use super::cookies::Cookies;
use super::plan::limit;
use super::request::{asks_for_password, how};
use super::scenarios::{Loaded, Reading, Surroundings, Unread, load};
use super::stderr::LAST_WORDS;
use super::watch::Watch;
use crate::cli::{CheckArgs, OpeningArgs};
use crate::exit::{self, Exit, code};
use crate::failure::{Failure, TimeLimit};
use crate::handshake::{Jar, Request, Secret, Target};
use crate::net::How;
use crate::output::Palette;
use crate::session::{Interrupt, Interrupts, until};
use crate::ui::{Lines, Tap, Telling, Voice, leave_signals, signal_name};
use crate::wire::Close;
use all::{All, overall};
use export::export;
use open::Way;
use play::{PARTING, Stop};
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
    let report = Report::begin(&arguments)?;
    let (jobs, fail_fast) = (arguments.jobs.get(), arguments.fail_fast);
    let (telling, is_tap) = (telling(&arguments), arguments.tap);
    let retry = arguments.opening.retry.rules();
    let asks = asks_for_password(&arguments.opening);
    // Whoever types a password holds up everything else.
    let limit = arguments.max_time.and_then(limit).filter(|_| asks);
    let watch = limit.and_then(|limit| Watch::begin(limit, start, voice));
    let (jar, how) = match means(arguments.opening, asks, &target, &mut interrupts).await? {
        Ok(means) => means,
        Err(signal) => return Ok(Exit::Signal(signal)),
    };
    if let Some(watch) = watch {
        watch.end();
    }
    leave_signals();
    let way = Rc::new(Way {
        url: target.as_ref().map(Request::shown_url),
        target,
        retry,
        jar,
        max_message: Some(arguments.max_message_size).filter(|size| *size > 0),
        how,
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
    let read = move || load(&files, &Reading { vars: &vars, has_url, surroundings });
    Ok(match unless_ended(read, interrupts).await? {
        Ok(Ok(loaded)) => Read::All(loaded),
        Ok(Err(unread)) => Read::Unread(unread),
        Err(signal) => Read::Ended(signal),
    })
}

/// The cookies and the way to the server, with what the flags name as files; or the signal that came
/// before.
///
/// # Errors
/// What cannot be obeyed, or read; or the limit on the whole run is reached.
async fn means(
    opening: OpeningArgs,
    asks: bool,
    target: &Option<Target>,
    interrupts: &mut Interrupts,
) -> Result<Result<(Option<Jar>, How), i32>, Failure> {
    let target = target.clone();
    let read = move || Ok((Cookies::of(&opening, None, target.as_ref())?.jar, how(opening)?));
    if asks {
        // At the terminal signals are somebody else's for so long.
        return read().map(Ok);
    }
    match unless_ended(read, interrupts).await? {
        Ok(means) => means.map(Ok),
        Err(signal) => Ok(Err(signal)),
    }
}

/// Reads what may take its time; or gives the signal back that came before.
///
/// # Errors
/// The limit on the whole run is reached.
async fn unless_ended<T: Send + 'static>(
    read: impl FnOnce() -> T + Send + 'static,
    interrupts: &mut Interrupts,
) -> Result<Result<T, i32>, Failure> {
    tokio::select! {
        read = tokio::task::spawn_blocking(read) => Ok(Ok(read.context("cannot read")?)),
        interrupt = interrupts.next() => match interrupt {
            Interrupt::Signal(signal) => Ok(Err(signal)),
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
    let earliest = Instant::now() + LAST_WORDS;
    let deadline = interrupts.deadline().map(|deadline| deadline.max(earliest));
    let told = tokio::select! {
        told = teller.end() => told,
        () = until(deadline) => Ok(()),
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
                let stop = Stop { why, close: Close::new(1001, ""), patience: PARTING };
                Ended { exit: Exit::Signal(signal), stop, last_words: String::new() }
            }
            Interrupt::MaxTime(limit) => {
                let failure = Failure::TimeLimit(TimeLimit::MaxTime(limit));
                let (why, close) = (failure.to_string(), Close::new(1000, ""));
                let stop = Stop { why, close, patience: Duration::ZERO };
                let last_words = voice.failure(&failure);
                Ended { exit: exit::of_failure(&failure), stop, last_words }
            }
        }
    }

    /// Because nobody reads what is told: as for any program whose reader has gone, but in order.
    fn unheard() -> Ended {
        let (why, close) = ("nobody reads the results".into(), Close::new(1001, ""));
        let stop = Stop { why, close, patience: PARTING };
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
