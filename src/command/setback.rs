//! The tries of an opening, and what a failure, or the end of a session, means for another one.

use std::time::{Duration, Instant, SystemTime};

use crate::exit::{Asked, Closure, Outcome, is_among};
use crate::failure::{Failure, TimeLimit};
use crate::handshake::{ProxyFault, Refusal, TlsFault};
use crate::policy::reconnect::Parting;
use crate::policy::retry::{Retry, Setback};

/// The tries of one opening.
#[derive(Debug)]
pub struct Tries {
    retry: Retry,
    /// The status of a refusal after which there is no other try.
    expected: Option<u16>,
    first: Instant,
    made: u64,
}

impl Tries {
    /// The first one begins now.
    pub fn begin(retry: Retry, expected: Option<u16>) -> Tries {
        Tries { retry, expected, first: Instant::now(), made: 0 }
    }

    /// How long to wait for the next one after a failure, and how many are left after that; nothing when
    /// there is none.
    pub fn next(&mut self, failure: &Failure) -> Option<(Duration, u64)> {
        if self.expected.is_some() && failure.refused_with() == self.expected {
            return None;
        }
        let setback = setback(failure, SystemTime::now());
        let pause = self.retry.pause(setback, self.made, self.first.elapsed())?;
        self.made += 1;
        Some((pause, self.retry.times - self.made))
    }
}

/// What `failure` means; `now` is for dates in Retry-After.
fn setback(failure: &Failure, now: SystemTime) -> Setback {
    match failure {
        Failure::TimeLimit(TimeLimit::Connect { .. } | TimeLimit::MaxTime(_))
        | Failure::Resolve { .. } => Setback::Passing(None),
        Failure::Refused(refusal) | Failure::Proxy(ProxyFault::Refused { refusal, .. }) => {
            refused(refusal, now)
        }
        Failure::Connect { is_up: false, .. }
        | Failure::Proxy(ProxyFault::Socks { is_up: false, .. }) => Setback::ConnectionRefused,
        Failure::Tls(TlsFault::Identity { .. } | TlsFault::Authorities { .. }) => Setback::Own,
        Failure::Connect { .. }
        | Failure::Proxy(_)
        | Failure::Tls(_)
        | Failure::Handshake(_)
        | Failure::Redirect(_) => Setback::Lasting,
        _ => Setback::Own,
    }
}

fn refused(refusal: &Refusal, now: SystemTime) -> Setback {
    if refusal.may_pass() { Setback::Passing(refusal.retry_after(now)) } else { Setback::Lasting }
}

/// What the end of a session means for opening it again.
pub fn after_session(outcome: &Outcome, asked: &Asked) -> Parting {
    match (&outcome.failure, &outcome.closure) {
        _ if outcome.signal.is_some() || outcome.condition_met => Parting::Done,
        (Some(Failure::PeerSilent(_)), _) => Parting::Silent,
        (Some(_), _) => Parting::Done,
        (None, closure @ (Closure::ByPeer(_) | Closure::Lost(_))) => {
            let code = closure.close_code();
            let is_asked = |codes| is_among(codes, code);
            if is_asked(asked.ok_close) || asked.expect_close.is_some_and(is_asked) {
                return Parting::Done;
            }
            Parting::Closed(code)
        }
        (None, Closure::Violated(violation)) => Parting::Violated(violation.close_code()),
        (None, Closure::ByUs { .. } | Closure::Apart) => Parting::Done,
    }
}

/// What it means that it could not be opened again.
pub fn after_failure(failure: &Failure) -> Parting {
    let now = SystemTime::now();
    match failure {
        Failure::Refused(refusal) => {
            Parting::Refused(refusal.status.as_u16(), refusal.retry_after(now))
        }
        failure if setback(failure, now) == Setback::Own => Parting::Done,
        _ => Parting::Unreachable,
    }
}
