//! The run of a plan: open, converse, drain the output.

use std::net::IpAddr;
use std::rc::Rc;
use std::time::{Duration, Instant, SystemTime};

use anyhow::Context as _;
use hyper::{HeaderMap, Version};

use super::cookies::Cookies;
use super::dump::Dump;
use super::plan::{Plan, Talk};
use super::report::{End, report};
use super::serve;
use super::setback::setback;
use super::stderr::Stderr;
use crate::exit::{self, Asked, Exit, Outcome};
use crate::failure::{Failure, TimeLimit};
use crate::handshake::{Accepted, Hop, Location, Request, Step, Target, shown_headers};
use crate::input::Feed;
use crate::input::reader::{ReadError, Reader};
use crate::net::{self, How, Opened, Steps};
use crate::policy::ending::Rules;
use crate::policy::retry::Retry;
use crate::record::{Open, OpenTiming, Record};
use crate::session::{Ends, Interrupt, Interrupts, Output, Recording, Session, Settings, Stats};
use crate::ui::{Console, Counts, PROMPT, Voice, part_with, restore, show_progress};

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
    /// `1.1` or `2`.
    pub http_version: &'static str,
    /// When.
    pub steps: Steps,
    /// The headers of the last request and of its answer, for a recording.
    pub heads: [Head; 2],
}

/// Names and values, without secrets.
type Head = Vec<(String, String)>;

/// Carries a plan out and reports.
///
/// # Errors
/// The process cannot have what every run needs: threads and signals.
pub async fn run(plan: Plan, voice: Voice, start: Instant) -> Result<Exit, Failure> {
    let mut interrupts =
        Interrupts::new(start, plan.max_time).context("cannot listen for signals")?;
    let console = plan.talk.prompt.as_ref().map(|prompt| prompt.console.clone());
    let mut stderr = Stderr::beside(console.clone());
    let stats = Rc::new(Stats::default());
    let url = plan.talk.target.as_ref().map(Request::shown_url).unwrap_or_default();
    let mut opening = Opening { url, ..Opening::default() };
    let write_out = plan.write_out;

    let kept = plan.talk.prompt.as_ref().map(|prompt| Rc::clone(&prompt.kept));
    let recording = Recording::new(kept, plan.log, plan.talk.settings.max_message);
    let mut output =
        Output::new(plan.output_name, plan.encoding, plan.output).recorded_by(recording);

    let mut cookies = plan.cookies;
    let told = Told {
        voice,
        output: &mut output,
        stderr: &mut stderr,
        opening: &mut opening,
        dump: plan.dump,
    };
    let end = attempt(plan.talk, told, &mut cookies, &mut interrupts, &stats).await;
    let mut end = end.unwrap_or_else(End::failed);
    end.record(&mut output);
    if let Some(console) = &console {
        console.end();
    }
    drain(&mut end, &mut output, &mut interrupts).await;
    if let Some(console) = console {
        leave(console, &mut stderr, &mut end, &mut interrupts).await;
    }
    let jar = cookies.write().unwrap_or_else(|failure| {
        end.fail(failure);
        String::new()
    });
    let missing = output.recording.as_ref().and_then(Recording::remark);
    stderr.say(&missing.map(|what| voice.warning(&what)).unwrap_or_default());
    let mut words = report(&end, voice, write_out.as_ref(), start, &stats, &opening);
    words.stdout.insert_str(0, &jar);
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

/// Those who hear of an opening.
struct Told<'a> {
    voice: Voice,
    output: &'a mut Output,
    stderr: &'a mut Stderr,
    opening: &'a mut Opening,
    dump: Option<Dump>,
}

async fn attempt(
    mut talk: Talk,
    mut told: Told<'_>,
    cookies: &mut Cookies,
    interrupts: &mut Interrupts,
    stats: &Rc<Stats>,
) -> Result<End, Failure> {
    let mut how = talk.how;
    let location = match talk.target? {
        Target::Server(location) => location,
        Target::Echo => {
            how.go_straight();
            serve::start_echo().await?
        }
    };
    let patience = Patience { retry: &talk.retry, expected: talk.at_opening.status };
    let opened = told.open_at_last(&location, &how, patience, cookies, interrupts).await;
    if let Err(Failure::Refused(_)) = &opened {
        let Told { output, opening, .. } = &mut told;
        output.sent(|| Record::Open(open_record(opening, None, Instant::now())));
    }
    let (opened, begun) = match (opened, talk.at_opening.status) {
        (Ok(Ok(opened)), _) => opened,
        (Ok(Err(interrupt)), _) => return Ok(End::interrupted(interrupt)),
        (Err(Failure::Refused(refusal)), Some(expected)) => {
            return Ok(End::refused(*refusal, expected));
        }
        (Err(failure), _) => return Err(failure),
    };
    let offered = || Request::offered(&how.request.headers_for(&location, None));
    let agreed = opened.accepted.subprotocol.as_deref();
    let unmet = talk.at_opening.unmet(offered, agreed);
    if unmet.is_some() {
        // There is nothing to do but to close.
        (talk.feed, talk.origins) = (Feed::new(Vec::new()), Vec::new());
        (talk.banner, talk.prompt, talk.progress) = (None, None, None);
        talk.settings.rules = Rules::at_once();
    }
    let Told { voice, output, stderr, opening, .. } = told;
    announce(&opened, output, opening, begun);
    stderr.say(&match opened.accepted.deflate {
        None if how.request.compress.is_some() => {
            voice.aside("no compression: the server did not accept it")
        }
        Some(deflate) if !deflate.may_send_compressed() => voice.warning(
            "sending everything as it is: the server asks for a window of 256 bytes, and zlib has none so small",
        ),
        _ => String::new(),
    });
    output.writer.begin();
    if let Some(banner) = talk.banner {
        stderr.say(&voice.note(&format!("connected to {}; {banner}", opening.url)));
    }

    let mut origins = talk.origins;
    let mut asks = None;
    if let Some(prompt) = talk.prompt {
        // What has been said is not to be said into the line.
        let _ = tokio::time::timeout(LAST_WORDS, stderr.said()).await;
        let (origin, asked) = prompt.begin()?;
        origins.push(origin);
        asks = Some(asked);
    }
    let reader = Reader::new(origins).repeated(talk.repeat);
    let reader = reader
        .map_err(|ReadError { source_name: name, error }| Failure::ReadInput { name, error })?;
    let deflate = opened.accepted.deflate;
    let mut trace = talk.trace;
    if let Some(trace) = &mut trace {
        trace.agreed(deflate.as_ref());
        // Two threads write there.
        let _ = tokio::time::timeout(LAST_WORDS, stderr.said()).await;
    }
    let round_trips = asks.as_ref().map(|asks| asks.round_trips.clone());
    let feed = talk.feed;
    let ends =
        Ends { feed, reader: Some(reader), output, stats: Rc::clone(stats), trace, round_trips };
    let settings = Settings { deflate, ..talk.settings };
    let session = Session::new(opened.stream, &opened.early, ends, settings);
    let mut outcome = match (talk.progress, &mut asks) {
        (_, Some(asks)) => tokio::select! {
            outcome = session.run(interrupts) => outcome,
            never = asks.answer(stats, stderr) => match never {},
        },
        (Some(total), None) if voice.has_audience() => {
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
    outcome.unmet = unmet.or(outcome.unmet);
    let asked = Asked {
        ok_close: &talk.ok_close,
        expect_close: talk.expect_close.as_deref(),
        answer_matters: talk.answer_matters,
    };
    Ok(End::of(outcome, &asked))
}

/// How often an opening is tried.
struct Patience<'a> {
    retry: &'a Retry,
    /// The status of a refusal after which there is no other try.
    expected: Option<u16>,
}

impl Told<'_> {
    /// Tries to open a session as often as it may help; with it, when the try that did began. What
    /// comes from outside ends it.
    async fn open_at_last(
        &mut self,
        location: &Location,
        how: &How,
        patience: Patience<'_>,
        cookies: &mut Cookies,
        interrupts: &mut Interrupts,
    ) -> Result<Result<(Opened, Instant), Interrupt>, Failure> {
        let Patience { retry, expected } = patience;
        let first = Instant::now();
        let url = self.opening.url.clone();
        let mut made = 0;
        loop {
            let begun = Instant::now();
            let failure = tokio::select! {
                opened = self.open(location, how, cookies) => match opened {
                    Ok(opened) => return Ok(Ok((opened, begun))),
                    Err(failure) => failure,
                },
                interrupt = interrupts.next() => match interrupt {
                    Interrupt::MaxTime(limit) => Failure::TimeLimit(TimeLimit::MaxTime(limit)),
                    Interrupt::Signal(_) => return Ok(Err(interrupt)),
                },
            };
            if expected.is_some() && failure.refused_with() == expected {
                return Err(failure);
            }
            let setback = setback(&failure, SystemTime::now());
            let Some(pause) = retry.pause(setback, made, first.elapsed()) else {
                return Err(failure);
            };
            made += 1;
            self.stderr.say(&self.voice.retry(&failure, pause, retry.times - made));
            // The limit on the run is for each try, and a pause is none.
            interrupts.limit_from(None);
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                interrupt = interrupts.next() => return Ok(Err(interrupt)),
            }
            interrupts.limit_from(Some(Instant::now()));
            *self.opening = Opening { url: url.clone(), ..Opening::default() };
        }
    }

    async fn open(
        &mut self,
        location: &Location,
        how: &How,
        cookies: &mut Cookies,
    ) -> Result<Opened, Failure> {
        let mut tell = |step: Step| self.hear(&step);
        let opened = net::open(location, how, cookies.jar.as_mut(), &mut tell).await;
        match self.dump.as_mut().and_then(Dump::failure) {
            Some(failure) => Err(failure),
            None => opened,
        }
    }

    fn hear(&mut self, step: &Step) {
        let opening = &mut *self.opening;
        let records = self.output.recording.is_some();
        let now = Some(Instant::now());
        match step {
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
            Step::Asked(_, version, headers) if records => {
                opening.heads[0] = head(headers, *version);
            }
            Step::Answered(hop, parts) => {
                if *hop == Hop::Server {
                    if records {
                        opening.heads[1] = head(&parts.headers, parts.version);
                    }
                    opening.steps.upgraded = now;
                    opening.status = parts.status.as_u16();
                    opening.http_version =
                        if parts.version == Version::HTTP_2 { "2" } else { "1.1" };
                }
                if let Some(dump) = &mut self.dump {
                    dump.head(parts, self.output);
                }
            }
            Step::Redirected(to, _) => {
                *opening = Opening { url: to.url(), ..Opening::default() };
            }
            _ => {}
        }
        self.stderr.say(&self.voice.step(step));
    }
}

fn head(headers: &HeaderMap, version: Version) -> Head {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    shown_headers(headers, version).map(|(name, value)| (name, text(&value))).collect()
}

fn announce(opened: &Opened, output: &mut Output, opening: &Opening, begun: Instant) {
    output.opened(open_record(opening, Some(&opened.accepted), begun));
}

/// What is known of an opening that `begun` then; what was accepted, if anything was.
fn open_record<'a>(
    opening: &'a Opening,
    accepted: Option<&'a Accepted>,
    begun: Instant,
) -> Open<'a> {
    let since = |at: Option<Instant>| {
        at.map_or(0.0, |at| at.saturating_duration_since(begun).as_secs_f64())
    };
    let steps = &opening.steps;
    let [request_headers, response_headers] = opening.heads.each_ref().map(|head| Some(&head[..]));
    Open {
        url: &opening.url,
        http_version: opening.http_version,
        status: opening.status,
        subprotocol: accepted.and_then(|accepted| accepted.subprotocol.as_deref()),
        extensions: accepted.map_or(&[], |accepted| accepted.extension.as_slice()),
        peer_address: &opening.peer,
        timing: OpenTiming {
            namelookup: since(steps.resolved),
            connect: since(steps.connected),
            tls: steps.secured.map(|at| since(Some(at))),
            upgrade: since(steps.upgraded),
        },
        request_headers,
        response_headers,
    }
}

/// Waits until the recording and then the output have taken everything. One that has failed takes nothing.
async fn drain(end: &mut End, output: &mut Output, interrupts: &mut Interrupts) {
    let recorded = output.end_recording();
    match unless_interrupted(recorded, Duration::ZERO, end, interrupts).await {
        Some(Ok(())) => {}
        Some(Err(failure)) => {
            output.take_back_unrecorded();
            end.fail(failure);
        }
        None => output.take_back_unrecorded(),
    }
    let drained = output.writer.drain();
    if let Some(Err(error)) = unless_interrupted(drained, Duration::ZERO, end, interrupts).await {
        end.fail(output.failure(error));
    }
}

/// Ends the typing: shows what has been said, and gives the terminal back.
async fn leave(console: Console, stderr: &mut Stderr, end: &mut End, interrupts: &mut Interrupts) {
    let settled = async {
        stderr.said().await;
        // A terminal that is stuck must not keep signals and time limits from ending it.
        let last = tokio::task::spawn_blocking(move || console.settle(PROMPT)).await;
        restore();
        if let Ok(Some(last)) = last {
            let _ = tokio::task::spawn_blocking(move || part_with(&last)).await;
        }
    };
    unless_interrupted(settled, LAST_WORDS, end, interrupts).await;
    restore();
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
        let explanation = std::mem::take(&mut outcome.explanation);
        let not_expected =
            asked.expect_close.filter(|codes| !exit::is_among(codes, outcome.closure.close_code()));
        let not_expected = not_expected.map(<[_]>::to_vec);
        let outcome = Some(outcome);
        End { outcome, not_expected, explanation, failure, ..End::with(exit) }
    }
}
