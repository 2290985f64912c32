//! The run of a plan: open, converse, drain the output.

use std::net::SocketAddr;
use std::rc::Rc;
use std::time::{Duration, Instant};

use anyhow::Context as _;

use super::plan::Plan;
use super::report::{End, report};
use super::serve;
use crate::exit::{self, Asked, Exit, Outcome};
use crate::failure::{Failure, TimeLimit};
use crate::handshake::{Location, Request, Target};
use crate::input::reader::Reader;
use crate::net::{self, Opened, Step, Steps};
use crate::record::{Open, OpenTiming, Record};
use crate::session::{Ends, Interrupt, Interrupts, Output, Session, Stats};
use crate::ui::{Counts, Voice, show_progress};

/// How long the output may still take when a signal ended the run.
const AFTER_SIGNAL: Duration = Duration::from_secs(1);
/// How long it may take when the limit on the whole run was hit: enough for an output that is not
/// stuck.
const AFTER_MAX_TIME: Duration = Duration::from_millis(200);

/// What is known about the opening.
#[derive(Debug, Default)]
pub struct Opening {
    /// The URL as it is shown.
    pub url: String,
    /// The status of the answer; 0 without one.
    pub status: u16,
    /// Who answered.
    pub peer: Option<SocketAddr>,
    /// When.
    pub steps: Steps,
}

/// Carries a plan out and reports.
///
/// # Errors
/// The process cannot have what every run needs: threads and signals.
pub async fn run(mut plan: Plan, voice: Voice, start: Instant) -> Result<Exit, Failure> {
    let mut interrupts =
        Interrupts::new(start, plan.max_time).context("cannot listen for signals")?;
    let stdout = plan.output.try_clone().context("cannot use the output")?;
    let mut output = Output::start(plan.output_name.clone(), plan.encoding, stdout)
        .context("cannot start a thread")?;
    let stats = Rc::new(Stats::default());
    let mut opening = Opening { url: Request::shown_url(&plan.target), ..Opening::default() };
    let write_out = plan.write_out.take();

    let end = attempt(plan, voice, &mut interrupts, &mut output, &stats, &mut opening).await;
    let mut end = end.unwrap_or_else(End::failed);
    end.record(&mut output);
    drain(&mut end, &mut output, &mut interrupts).await;
    report(&end, voice, write_out.as_ref(), start, &stats, &opening);
    Ok(end.exit)
}

async fn attempt(
    plan: Plan,
    voice: Voice,
    interrupts: &mut Interrupts,
    output: &mut Output,
    stats: &Rc<Stats>,
    opening: &mut Opening,
) -> Result<End, Failure> {
    let reader = if plan.origins.is_empty() {
        None
    } else {
        Some(Reader::start(plan.origins).context("cannot start a thread")?)
    };
    let begun = Instant::now();
    let location = match plan.target {
        Target::Server(location) => location,
        Target::Echo => serve::start_echo().await?,
    };
    let opened = tokio::select! {
        opened = open(&location, &plan.request, plan.limits, voice, opening) => opened?,
        interrupt = interrupts.next() => return Ok(End::interrupted(interrupt)),
    };
    announce(&opened, output, opening, begun);
    if plan.typed {
        voice.note(&format!("connected to {}; a line is a message, Ctrl-D closes", opening.url));
    }

    let ends = Ends { feed: plan.feed, reader, output, stats: Rc::clone(stats) };
    let session = Session::new(opened.stream, &opened.early, ends, plan.settings);
    let outcome = match plan.progress {
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
        ok_close: &plan.ok_close,
        expect_close: plan.expect_close.as_deref(),
        answer_matters: plan.answer_matters,
    };
    Ok(End::of(outcome, &asked))
}

async fn open(
    location: &Location,
    request: &Request,
    limits: net::Limits,
    voice: Voice,
    opening: &mut Opening,
) -> Result<Opened, Failure> {
    let mut tell = |step: Step| {
        let now = Some(Instant::now());
        match step {
            Step::Resolved(addresses) => {
                opening.steps.resolved = now;
                voice.resolved(addresses);
            }
            Step::Connected(peer) => {
                opening.steps.connected = now;
                opening.peer = Some(peer);
                voice.connected(peer);
            }
            Step::Request(location, headers) => voice.request(location, headers),
            Step::Answer(parts) => {
                opening.steps.upgraded = now;
                opening.status = parts.status.as_u16();
                voice.answer(parts);
            }
        }
    };
    net::open(location, request, limits, &mut tell).await
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
        peer_address: opening.peer.map(|peer| peer.to_string()).unwrap_or_default(),
        timing: OpenTiming {
            namelookup: since(steps.resolved),
            connect: since(steps.connected),
            upgrade: since(steps.upgraded),
        },
    }));
}

/// Waits until the output has taken everything, unless it has failed already.
async fn drain(end: &mut End, output: &mut Output, interrupts: &mut Interrupts) {
    if matches!(end.failure, Some(Failure::Output { .. } | Failure::BrokenPipe)) {
        return;
    }
    let mut patience = match (&end.failure, end.exit) {
        (Some(Failure::TimeLimit(TimeLimit::MaxTime(_))), _) => Some(AFTER_MAX_TIME),
        (_, Exit::Signal(_)) => Some(AFTER_SIGNAL),
        _ => None,
    };
    loop {
        output.writer.flush();
        if output.writer.is_dry() {
            end.drained = true;
            return;
        }
        let limit = async {
            match patience {
                Some(patience) => tokio::time::sleep(patience).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            written = output.writer.written() => if let Err(error) = written {
                return end.fail(output.failure(error));
            },
            interrupt = interrupts.next() => match interrupt {
                Interrupt::Signal(signal) => {
                    end.exit = Exit::Signal(signal);
                    return;
                }
                Interrupt::MaxTime(limit) => {
                    end.fail(Failure::TimeLimit(TimeLimit::MaxTime(limit)));
                    patience = Some(AFTER_MAX_TIME);
                }
            },
            () = limit => return,
        }
    }
}

impl End {
    /// The end of a session.
    fn of(mut outcome: Outcome, asked: &Asked) -> Self {
        let exit = exit::judge(&outcome, asked);
        let failure = outcome.failure.take();
        End { exit, failure, outcome: Some(outcome), signal: None, drained: false }
    }
}
