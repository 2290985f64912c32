//! What a failure of the opening means for another try.

use std::time::SystemTime;

use crate::failure::{Failure, TimeLimit};
use crate::handshake::{ProxyFault, Refusal, TlsFault};
use crate::policy::retry::Setback;

/// What `failure` means; `now` is for dates in Retry-After.
pub fn setback(failure: &Failure, now: SystemTime) -> Setback {
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
