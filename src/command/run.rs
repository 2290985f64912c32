//! The run of a plan: open, converse, drain the output.

use std::net::IpAddr;
use std::rc::Rc;
use std::time::{Duration, Instant};

use anyhow::Context as _;

use super::plan::{Plan, Talk};
use super::report::{End, report};
use super::serve;
use super::stderr::Stderr;
use crate::exit::{self, Asked, Exit, Outcome};
use crate::failure::Failure;
use crate::handshake::{Hop, Location, Request, Step, Target};
use crate::input::reader::Reader;
use crate::net::{self, How, Opened, Steps};
use crate::record::{Open, OpenTiming, Record};
use crate::session::{Ends, Interrupts, Output, Session, Stats};
use crate::ui::{Counts, Voice, show_progress};

/// How long the last words may take in any case: enough for a stderr that is not stuck.
const LAST_WORDS: Duration = Duration::from_millis(200);

/// What is known about the opening.
#[derive(Debug, Default)]
pub struct Opening {
    /// The URL as it is shown.
    pub url: String,
    /// The status of the answer; 0 without one.
    pub status: u16,
    /// Who answered: an address and a port, or a Unix socket.
    pub peer: String,
    /// Its address, if it has one.
    pub address: Option<IpAddr>,
    /// When.
    pub steps: Steps,
}

/// Carries a plan out and reports.
///
/// # Errors
/// The process cannot have what every run needs: threads and signals.
pub async fn run(plan: Plan, voice: Voice, start: Instant) -> Result<Exit, Failure> {
    let mut interrupts =
        Interrupts::new(start, plan.max_time).context("cannot listen for signals")?;
    let mut stderr = Stderr::default();
    let stats = Rc::new(Stats::default());
    let url = plan.talk.target.as_ref().map(Request::shown_url).unwrap_or_default();
    let mut opening = Opening { url, ..Opening::default() };
    let write_out = plan.write_out;

    let mut output = Output::new(plan.output_name, plan.encoding, plan.output);

    let end =
        attempt(plan.talk, voice, &mut interrupts, &mut output, &mut stderr, &stats, &mut opening)
            .await;
    let mut end = end.unwrap_or_else(End::failed);
    end.record(&mut output);
    drain(&mut end, &mut output, &mut interrupts).await;
    let words = report(&end, voice, write_out.as_ref(), start, &stats, &opening);
    stderr.say(&words.stderr);
    let said = async {
        stderr.said().await;
        if !words.stdout.is_empty() {
            // A stdout that is stuck must not keep signals and time limits from ending it.
            let _ = tokio::task::spawn_blocking(move || words.print()).await;
        }
    };
    unless_interrupted(said, LAST_WORDS, &mut end, &mut interrupts).await;
    Ok(end.exit)
}

async fn attempt(
    talk: Talk,
    voice: Voice,
    interrupts: &mut Interrupts,
    output: &mut Output,
    stderr: &mut Stderr,
    stats: &Rc<Stats>,
    opening: &mut Opening,
) -> Result<End, Failure> {
    let begun = Instant::now();
    let mut how = talk.how;
    let location = match talk.target? {
        Target::Server(location) => location,
        Target::Echo => {
            how.go_straight();
            serve::start_echo().await?
        }
    };
    let opened = tokio::select! {
        opened = open(&location, &how, voice, stderr, opening) => opened?,
        interrupt = interrupts.next() => return Ok(End::interrupted(interrupt)),
    };
    announce(&opened, output, opening, begun);
    output.writer.begin();
    if let Some(banner) = talk.banner {
        stderr.say(&voice.note(&format!("connected to {}; {banner}", opening.url)));
    }

    let reader = Some(Reader::new(talk.origins));
    let ends = Ends { feed: talk.feed, reader, output, stats: Rc::clone(stats) };
    let session = Session::new(opened.stream, &opened.early, ends, talk.settings);
    let outcome = match talk.progress {
        Some(total) if voice.has_audience() => {
            let counts = || Counts {
                input: stats.input.get(),
                messages_out: stats.messages_out.get(),
                messages_in: stats.messages_in.get(),
            };
            tokio::select! {
                outcome = session.run(interrupts) => outcome,
                never = show_progress(total, counts) => match never {},
            }
        }
        _ => session.run(interrupts).await,
    };
    let asked = Asked {
        ok_close: &talk.ok_close,
        expect_close: talk.expect_close.as_deref(),
        answer_matters: talk.answer_matters,
    };
    Ok(End::of(outcome, &asked))
}

async fn open(
    location: &Location,
    how: &How,
    voice: Voice,
    stderr: &mut Stderr,
    opening: &mut Opening,
) -> Result<Opened, Failure> {
    let mut tell = |step: Step| {
        let now = Some(Instant::now());
        match &step {
            Step::Resolved(_) => opening.steps.resolved = now,
            Step::Connected(peer) => {
                opening.steps.connected = now;
                opening.peer = peer.to_string();
                opening.address = Some(peer.ip());
            }
            Step::Attached(socket) => {
                opening.steps.connected = now;
                opening.peer = socket.display().to_string();
            }
            Step::Secured(Hop::Server, _) => opening.steps.secured = now,
            Step::Answered(Hop::Server, parts) => {
                opening.steps.upgraded = now;
                opening.status = parts.status.as_u16();
            }
            _ => {}
        }
        stderr.say(&voice.step(&step));
    };
    net::open(location, how, &mut tell).await
}

fn announce(opened: &Opened, output: &mut Output, opening: &Opening, begun: Instant) {
    let since = |at: Option<Instant>| {
        at.map_or(0.0, |at| at.saturating_duration_since(begun).as_secs_f64())
    };
    let steps = &opening.steps;
    output.record(&Record::Open(Open {
        url: &opening.url,
        http_version: "1.1",
        status: opening.status,
        subprotocol: opened.accepted.subprotocol.as_deref(),
        extensions: &[],
        peer_address: &opening.peer,
        timing: OpenTiming {
            namelookup: since(steps.resolved),
            connect: since(steps.connected),
            tls: steps.secured.map(|at| since(Some(at))),
            upgrade: since(steps.upgraded),
        },
    }));
}

/// Waits until the output has taken everything, unless it has failed already.
async fn drain(end: &mut End, output: &mut Output, interrupts: &mut Interrupts) {
    if matches!(end.failure, Some(Failure::Output { .. } | Failure::BrokenPipe)) {
        return;
    }
    let drained = output.writer.drain();
    if let Some(Err(error)) = unless_interrupted(drained, Duration::ZERO, end, interrupts).await {
        end.fail(output.failure(error));
    }
}

/// Does the last things of a run for as long as interruptions allow, but `at_least` so long.
async fn unless_interrupted<T>(
    last: impl Future<Output = T>,
    at_least: Duration,
    end: &mut End,
    interrupts: &mut Interrupts,
) -> Option<T> {
    let mut last = std::pin::pin!(last);
    let earliest = Instant::now() + at_least;
    loop {
        let deadline = interrupts.deadline().map(|deadline| deadline.max(earliest));
        let too_late = async {
            match deadline {
                Some(deadline) => tokio::time::sleep_until(deadline.into()).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            done = &mut last => return Some(done),
            interrupt = interrupts.next() => end.interrupt(interrupt),
            () = too_late => return None,
        }
    }
}

impl End {
    /// The end of a session.
    fn of(mut outcome: Outcome, asked: &Asked) -> Self {
        let exit = exit::judge(&outcome, asked);
        let failure = outcome.failure.take();
        let not_expected =
            asked.expect_close.filter(|codes| !exit::is_among(codes, outcome.closure.close_code()));
        let not_expected = not_expected.map(<[_]>::to_vec);
        End { exit, failure, outcome: Some(outcome), signal: None, not_expected }
    }
}
