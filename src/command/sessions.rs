//! The sessions of a run: one, or with `--reconnect` one after the other, and the time between them.
//! Whether and when there is another one is decided in `policy`.

use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::cookies::Cookies;
use super::opening::{Told, announce, open_record};
use super::plan::Talk;
use super::prompt::Asks;
use super::report::End;
use super::serve;
use super::setback::{Tries, after_failure, after_session};
use super::stderr::LAST_WORDS;
use crate::exit::{Asked, Outcome, Unsent};
use crate::failure::{Failure, TimeLimit};
use crate::handshake::{Location, Request};
use crate::input::reader::Reader;
use crate::net::{How, Opened};
use crate::policy::ending::{Over, Rules};
use crate::policy::expect::AtOpening;
use crate::policy::pace::Pacing;
use crate::policy::reconnect::{Parting, Reconnect};
use crate::record::Record;
use crate::session::{
    Course, Ends, Gap, Interrupt, Interrupts, Session, Settings, Stats, unreadable,
};
use crate::ui::{Counts, show_progress};

/// Bytes that the system may keep before they are on their way, where Pings find out whether the peer is
/// alive. Linux keeps up to 4 MiB else, and says that it takes more once a third of that has left: of a peer
/// that reads 100 KB a second, nothing would be seen for 13 seconds.
const UNSENT: u32 = 128 << 10;

/// What a run needs besides what is to be done.
pub struct Around<'a> {
    /// Those who hear of it.
    pub told: Told<'a>,
    /// The cookies that are sent and kept.
    pub cookies: &'a mut Cookies,
    /// What can end it from outside.
    pub interrupts: &'a mut Interrupts,
    /// What is counted.
    pub stats: &'a Rc<Stats>,
}

/// Opens a session, and converses until it is over.
///
/// # Errors
/// There was no session.
pub async fn converse(mut talk: Talk, mut around: Around<'_>) -> Result<End, Failure> {
    let mut how = talk.how;
    how.limits.unsent = talk.settings.keepalive.map(|_| UNSENT);
    let location = serve::locate(talk.target?, &mut how).await?;
    let tries = Tries::begin(talk.retry, talk.at_opening.status);
    let opened = match open(&mut around, &location, &how, tries, talk.at_opening.status).await? {
        Ok(opened) => opened,
        Err(end) => return Ok(*end),
    };
    let told = &mut around.told;
    told.output.writer.begin();
    if talk.at_opening.unmet(|| offered(&how, &location), subprotocol(&opened)).is_some() {
        // The session closes at once: nobody is to type, or to watch.
        (talk.prompt, talk.progress, talk.banner) = (None, None, None);
    }
    if let Some(banner) = talk.banner {
        let connected = format!("connected to {}; {banner}", told.opening.url);
        told.stderr.say(&told.voice.note(&connected));
    }
    let mut asks = None;
    if let Some(prompt) = talk.prompt {
        // What has been said is not to be said into the line.
        let _ = tokio::time::timeout(LAST_WORDS, told.stderr.said()).await;
        let (origin, asked) = prompt.begin()?;
        talk.origins.push(origin);
        asks = Some(asked);
    }
    let reader = Reader::new(talk.origins).repeated(talk.repeat);
    let reader = reader.and_then(|reader| reader.greeting(talk.greeting)).map_err(unreadable)?;
    // What is told of tiny messages is a hundred times as long as they are: where it has to wait, so
    // do they.
    let one_by_one = told.output.is_recorded_slowly().then_some(Pacing::Delay(Duration::ZERO));
    let mut course = Course::new(talk.feed, Some(reader), talk.rules, Instant::now())
        .paced(talk.pacing.or(one_by_one))
        .traced(talk.trace)
        .telling(asks.as_ref().map(|asks: &Asks| asks.round_trips.clone()));
    if talk.reconnect.is_some() {
        course = course.kept(talk.greeting);
    }
    let stats = around.stats;
    let sessions = Sessions {
        around,
        location,
        how,
        settings: talk.settings,
        course,
        reconnect: talk.reconnect.map(Reconnect::new),
        apart: asks.as_ref().map(|asks| Arc::clone(&asks.apart)).unwrap_or_default(),
        at_opening: talk.at_opening,
        asked: Asked {
            ok_close: &talk.ok_close,
            expect_close: talk.expect_close.as_deref(),
            answer_matters: talk.answer_matters,
        },
        progress: talk.progress,
    };
    let Some(asks) = &mut asks else { return Ok(sessions.run(opened).await) };
    let end = tokio::select! {
        end = sessions.run(opened) => end,
        never = asks.answer(stats) => match never {},
    };
    // What was asked for is said before the end is.
    let _ = tokio::time::timeout(LAST_WORDS, asks.said()).await;
    Ok(end)
}

/// Opens the first session; or says how the run ended, where it ended well or by something from outside.
async fn open(
    around: &mut Around<'_>,
    location: &Location,
    how: &How,
    tries: Tries,
    expected: Option<u16>,
) -> Result<Result<Opened, Box<End>>, Failure> {
    let Around { told, cookies, interrupts, .. } = around;
    let opened = told.open_at_last(location, how, tries, cookies, interrupts).await;
    if let Err(Failure::Refused(_)) = &opened {
        told.output.sent(|| Record::Open(open_record(told.opening, None, Instant::now())));
    }
    match (opened, expected) {
        (Ok(Ok((opened, begun))), _) => {
            announce(&opened, told.output, told.opening, begun);
            told.stderr.say(&agreed(&opened, how, told));
            Ok(Ok(opened))
        }
        (Ok(Err(interrupt)), _) => Ok(Err(Box::new(End::interrupted(interrupt)))),
        (Err(Failure::Refused(refusal)), Some(expected)) => {
            Ok(Err(Box::new(End::refused(*refusal, expected))))
        }
        (Err(failure), _) => Err(failure),
    }
}

fn offered(how: &How, location: &Location) -> Vec<String> {
    Request::offered(&how.request.headers_for(location, None))
}

fn subprotocol(opened: &Opened) -> Option<&str> {
    opened.accepted.subprotocol.as_deref()
}

/// What there is to say of what was agreed on.
fn agreed(opened: &Opened, how: &How, told: &Told<'_>) -> String {
    match opened.accepted.deflate {
        None if how.request.compress.is_some() => {
            told.voice.aside("no compression: the server did not accept it")
        }
        Some(deflate) if !deflate.may_send_compressed() => told.voice.warning(
            "sending everything as it is: the server asks for a window of 256 bytes, and zlib has none so small",
        ),
        _ => String::new(),
    }
}

/// One session after the other.
struct Sessions<'a> {
    around: Around<'a>,
    location: Location,
    how: How,
    settings: Settings,
    course: Course,
    /// Whether it is opened again, and when.
    reconnect: Option<Reconnect>,
    /// Whether there is no connection at the moment, for whoever types.
    apart: Arc<AtomicBool>,
    at_opening: AtOpening,
    asked: Asked<'a>,
    progress: Option<Option<u64>>,
}

impl Sessions<'_> {
    async fn run(mut self, mut opened: Opened) -> End {
        loop {
            let begun = Instant::now();
            let mut outcome = self.session(opened).await;
            let parting = after_session(&outcome, &self.asked);
            let Some(pause) = self.pause(parting, Some(begun.elapsed())) else {
                outcome.failure = outcome.failure.or(self.course.failure());
                if outcome.failure.is_some() {
                    let told = &mut self.around.told;
                    told.stderr.say(&told.voice.left_behind(Unsent::default(), outcome.losses));
                }
                return End::of(outcome, &self.asked);
            };
            self.apart.store(true, Ordering::Relaxed);
            let opened_again = self.gap(outcome, pause).await;
            self.apart.store(false, Ordering::Relaxed);
            opened = match opened_again {
                Ok(opened) => opened,
                Err(apart) => return self.apart(*apart),
            };
        }
    }

    fn pause(&mut self, parting: Parting, open: Option<Duration>) -> Option<Duration> {
        self.reconnect.as_mut()?.pause(parting, open, rand::random())
    }

    /// Converses over one connection.
    async fn session(&mut self, opened: Opened) -> Outcome {
        let agreed = subprotocol(&opened);
        let unmet = self.at_opening.unmet(|| offered(&self.how, &self.location), agreed);
        if unmet.is_some() {
            self.course.end_at_once(Rules::at_once(), Instant::now());
        }
        let Around { told, interrupts, stats, .. } = &mut self.around;
        let deflate = opened.accepted.deflate;
        if let Some(trace) = self.course.trace() {
            trace.begin(deflate.as_ref());
            // Two threads write there.
            let _ = tokio::time::timeout(LAST_WORDS, told.stderr.said()).await;
        }
        let ends = Ends { course: &mut self.course, output: told.output, stats: Rc::clone(stats) };
        let settings = Settings { deflate, ..self.settings.clone() };
        let session = Session::new(opened.stream, &opened.early, ends, settings);
        let mut outcome = match self.progress {
            Some(total) if told.voice.has_audience() => {
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
        outcome
    }

    /// The time until the session is open again, after `last`; or, where it never is, how all of it ended.
    async fn gap(&mut self, mut last: Outcome, mut pause: Duration) -> Result<Opened, Box<Apart>> {
        let begun = Instant::now();
        self.begin_gap(&last, pause);
        self.drain(&mut last).await?;
        loop {
            self.wait(pause, &mut last).await?;
            let tried = Instant::now();
            let Around { told, cookies, interrupts, .. } = &mut self.around;
            told.forget();
            let open = told.open(&self.location, &self.how, cookies);
            let opened = self.course.meanwhile(open, interrupts).await;
            let failure = match done(&mut self.course, opened, &mut last)? {
                Ok(opened) => {
                    let again = self.course.begin_again().map_err(unreadable);
                    or_apart(&mut self.course, again)?;
                    announce(&opened, told.output, told.opening, tried);
                    let took = begun.elapsed();
                    told.stderr.say(&told.voice.reconnected(&told.opening.url, took));
                    told.stderr.say(&agreed(&opened, &self.how, told));
                    return Ok(opened);
                }
                Err(failure) => failure,
            };
            let parting = after_failure(&failure);
            match self.pause(parting, None) {
                None => {
                    let hint = self.reconnect.as_ref().and_then(|tries| tries.way_out(parting));
                    let outcome = self.course.apart(Some(failure));
                    return Err(Box::new(Apart { outcome, hint }));
                }
                Some(next) => {
                    pause = next;
                    let left = self.reconnect.as_ref().and_then(Reconnect::left);
                    let told = &mut self.around.told;
                    told.stderr.say(&told.voice.retry(&failure, pause, left));
                }
            }
        }
    }

    /// Says that there is a gap, and what it costs.
    fn begin_gap(&mut self, last: &Outcome, pause: Duration) {
        let before = self.course.losses();
        self.course.lose(last.cut);
        let losses = self.course.losses().since(before);
        let Told { voice, output, stderr, .. } = &mut self.around.told;
        if last.cut {
            output.separate();
        }
        output.record(&last.closure.record(last.unsent.queued));
        let delay = pause.as_millis() as f64 / 1000.0;
        let (uncertain, cut) = (losses.uncertain, losses.cut);
        output.record(&Record::Reconnect { delay, uncertain, cut });
        stderr.say(&voice.gap(last, losses, pause));
    }

    /// Waits until everything that came before is written.
    async fn drain(&mut self, last: &mut Outcome) -> Result<(), Box<Apart>> {
        let Around { told, interrupts, .. } = &mut self.around;
        let drained = self.course.meanwhile(told.output.drain(), interrupts).await;
        let drained = done(&mut self.course, drained, last)?;
        or_apart(&mut self.course, drained)
    }

    /// Waits for the time of the next try.
    async fn wait(&mut self, pause: Duration, last: &mut Outcome) -> Result<(), Box<Apart>> {
        let Around { told, interrupts, .. } = &mut self.around;
        let heeds = self.course.only_listens();
        let waited = async {
            tokio::select! {
                () = tokio::time::sleep(pause) => Ok(()),
                failure = told.output.deserted(), if heeds => Err(failure),
            }
        };
        let waited = self.course.meanwhile(waited, interrupts).await;
        let waited = done(&mut self.course, waited, last)?;
        or_apart(&mut self.course, waited)
    }

    /// The end of a run between two connections.
    fn apart(&mut self, Apart { outcome, hint }: Apart) -> End {
        let told = &mut self.around.told;
        if outcome.failure.is_some() {
            // Else the closing line says it.
            told.stderr.say(&told.voice.left_behind(outcome.unsent, outcome.losses));
        }
        End { is_recorded: true, hint, ..End::of(outcome, &self.asked) }
    }
}

/// How a run ended between two connections.
struct Apart {
    outcome: Outcome,
    /// The way out, where it is not that of the failure.
    hint: Option<String>,
}

impl From<Outcome> for Box<Apart> {
    fn from(outcome: Outcome) -> Box<Apart> {
        Box::new(Apart { outcome, hint: None })
    }
}

/// What went well between two connections; or how all of it ended, because it did not.
fn or_apart<T>(course: &mut Course, result: Result<T, Failure>) -> Result<T, Box<Apart>> {
    result.map_err(|failure| course.apart(Some(failure)).into())
}

/// What was waited for between two connections; or how all of it ended, if it did.
fn done<T>(course: &mut Course, gap: Gap<T>, last: &mut Outcome) -> Result<T, Box<Apart>> {
    let outcome = match gap {
        Gap::Done(done) => return Ok(done),
        Gap::Left | Gap::Over(Over::Met) => course.apart(None),
        Gap::Over(Over::Lingered) => {
            // Nothing more was wanted, and so it ended when the connection did.
            let closure = last.closure.clone();
            let outcome = Outcome { closure, ..course.apart(last.failure.take()) };
            return Err(Box::new(Apart { outcome, hint: course.linger_hint() }));
        }
        Gap::Over(Over::WaitedInVain(unmet)) => {
            course.apart(Some(Failure::TimeLimit(TimeLimit::Wait(unmet.0))))
        }
        Gap::Broken(failure) => course.apart(Some(failure)),
        Gap::Interrupted(Interrupt::MaxTime(limit)) => {
            course.apart(Some(Failure::TimeLimit(TimeLimit::MaxTime(limit))))
        }
        Gap::Interrupted(Interrupt::Signal(signal)) => {
            Outcome { signal: Some(signal), ..course.apart(None) }
        }
    };
    Err(outcome.into())
}
