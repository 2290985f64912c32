//! The opening of a session, as it goes: who hears of its steps, and what is known of it.

use std::net::IpAddr;
use std::time::Instant;

use hyper::{HeaderMap, Version};

use super::cookies::Cookies;
use super::dump::Dump;
use super::setback::Tries;
use super::stderr::Stderr;
use crate::failure::{Failure, TimeLimit};
use crate::handshake::{Accepted, Hop, Location, Step, shown_headers};
use crate::net::{self, How, Opened, Steps};
use crate::record::{Open, OpenTiming};
use crate::session::{Interrupt, Interrupts, Output};
use crate::ui::Voice;

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

/// Those who hear of an opening.
pub struct Told<'a> {
    /// How much is said.
    pub voice: Voice,
    /// Where heads are dumped, and records written.
    pub output: &'a mut Output,
    /// Where it is said.
    pub stderr: &'a mut Stderr,
    /// What keeps it.
    pub opening: &'a mut Opening,
    /// `-D`.
    pub dump: Option<Dump>,
    /// The URL that was asked for, as it is shown.
    pub url: String,
}

impl Told<'_> {
    /// Tries to open a session as often as it may help; with it, when the try that did began. What
    /// comes from outside ends it.
    ///
    /// # Errors
    /// Why it is not open.
    pub async fn open_at_last(
        &mut self,
        location: &Location,
        how: &How,
        mut tries: Tries,
        cookies: &mut Cookies,
        interrupts: &mut Interrupts,
    ) -> Result<Result<(Opened, Instant), Interrupt>, Failure> {
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
            let Some((pause, left)) = tries.next(&failure) else { return Err(failure) };
            self.stderr.say(&self.voice.retry(&failure, pause, Some(left)));
            // The limit on the run is for each try, and a pause is none.
            interrupts.limit_from(None);
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                interrupt = interrupts.next() => return Ok(Err(interrupt)),
            }
            interrupts.limit_from(Some(Instant::now()));
            self.forget();
        }
    }

    /// Forgets an opening that there was.
    pub fn forget(&mut self) {
        *self.opening = Opening { url: self.url.clone(), ..Opening::default() };
    }

    /// Tries to open a session.
    ///
    /// # Errors
    /// Why it is not open.
    pub async fn open(
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

/// Tells of a session that is open; the try that did it `begun` then.
pub fn announce(opened: &Opened, output: &mut Output, opening: &Opening, begun: Instant) {
    output.opened(open_record(opening, Some(&opened.accepted), begun));
}

/// What is known of an opening that `begun` then; what was accepted, if anything was.
pub fn open_record<'a>(
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
