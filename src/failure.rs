//! What can go wrong: one type, one wording, one hint each. Exit codes are in `exit.rs`.

use std::fmt;
use std::io;
use std::time::Duration;

use thiserror::Error;

use crate::handshake::{
    HandshakeFault, Hop, ProxyFault, RedirectFault, Refusal, TargetError, TlsFault, deflate,
};
use crate::input::InputError;
use crate::output::escape::one_line;

/// A reason why a run cannot go on, or did not do what it was to do.
#[derive(Debug, Error)]
pub enum Failure {
    /// The command line cannot be obeyed.
    #[error("{what}")]
    Usage {
        /// What is wrong.
        what: String,
        /// What to type instead.
        hint: Option<String>,
    },
    /// The URL cannot be used.
    #[error(transparent)]
    Target(#[from] TargetError),
    /// The host has no address.
    #[error("cannot resolve {host}: {}", reason(.error))]
    Resolve {
        /// The host's name.
        host: String,
        /// Whether it is a proxy's.
        hop: Hop,
        /// What the resolver said.
        error: io::Error,
    },
    /// No connection.
    #[error("cannot connect to {address}: {reason}")]
    Connect {
        /// Host and port.
        address: String,
        /// What the operating system said.
        reason: String,
        /// Whether the other side may be there: otherwise it said that nobody listens.
        is_up: bool,
    },
    /// The proxy does not lead to the server.
    #[error(transparent)]
    Proxy(#[from] ProxyFault),
    /// `serve` cannot listen.
    #[error("cannot listen on {address}: {}", reason(.error))]
    Bind {
        /// Host and port.
        address: String,
        /// What the operating system said.
        error: io::Error,
    },
    /// TLS cannot be spoken, or not with this server.
    #[error(transparent)]
    Tls(#[from] TlsFault),
    /// The server's answer breaks the opening handshake.
    #[error("the opening handshake failed: {0}")]
    Handshake(#[from] HandshakeFault),
    /// The server is elsewhere, and we do not go there.
    #[error(transparent)]
    Redirect(#[from] RedirectFault),
    /// The server refused the upgrade.
    #[error("refused by the server: {0}")]
    Refused(Box<Refusal>),
    /// The output cannot be written.
    #[error("cannot write {name}: {}", reason(.error))]
    Output {
        /// `stdout`, or the file.
        name: String,
        /// What the operating system said.
        error: io::Error,
    },
    /// The reader of our stdout has gone; told by a signal, not by words.
    #[error("stdout was closed by its reader")]
    BrokenPipe,
    /// Ctrl-C before there was a session; told by a signal, not by words.
    #[error("ended by Ctrl-C")]
    Interrupted,
    /// The input cannot be read.
    #[error("cannot read {name}: {}", reason(.error))]
    ReadInput {
        /// `stdin`, or the file.
        name: String,
        /// What the operating system said.
        error: io::Error,
    },
    /// A file has something else in it than it should.
    #[error("{what}")]
    BadFile {
        /// Its name, the place and what is wrong there.
        what: String,
        /// What it should look like.
        hint: &'static str,
    },
    /// Scenarios have mistakes: each with its place and its hint, in lines.
    #[error("{0}")]
    Scenario(String),
    /// The input is not valid.
    #[error("{0}")]
    Input(#[from] InputError),
    /// A time limit was reached.
    #[error("{0}")]
    TimeLimit(TimeLimit),
    /// The peer does not answer Pings.
    #[error("the peer stopped answering: no Pong within {}", duration(.0))]
    PeerSilent(Duration),
    /// A failure of no other kind.
    #[error("{0:#}")]
    Other(#[from] anyhow::Error),
}

/// The time limits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TimeLimit {
    /// `--connect-timeout`.
    Connect {
        /// Host and port.
        address: String,
        /// The limit.
        limit: Duration,
        /// What was waited for.
        missing: String,
    },
    /// `-m`.
    MaxTime(Duration),
    /// `--wait`: this was waited for.
    Wait(String),
}

impl fmt::Display for TimeLimit {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            TimeLimit::Connect { address, limit, missing } => {
                let limit = duration(limit);
                write!(f, "{address} did not open a session within {limit}: {missing}")
            }
            TimeLimit::MaxTime(limit) => write!(f, "the run took longer than {}", duration(limit)),
            TimeLimit::Wait(what) => write!(f, "waited in vain: {what}"),
        }
    }
}

impl Failure {
    /// A wrong command line, and what to type instead.
    pub fn usage(what: impl Into<String>, hint: impl Into<String>) -> Failure {
        Failure::Usage { what: what.into(), hint: Some(hint.into()) }
    }

    /// What it is that stdout cannot be written: its reader may just have gone.
    pub fn of_stdout(error: io::Error) -> Failure {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Failure::BrokenPipe,
            _ => Failure::Output { name: "stdout".into(), error },
        }
    }

    /// The way out, where there is one.
    pub fn hint(&self) -> Option<String> {
        match self {
            Failure::Usage { hint, .. } => hint.clone(),
            Failure::Target(error) => error.hint().map(Into::into),
            Failure::Resolve { hop, host, .. } => Some(resolve_hint(*hop, host).into()),
            Failure::Connect { is_up, .. } => Some(connect_hint(*is_up).into()),
            Failure::Tls(fault) => fault.hint(),
            Failure::Proxy(fault) => fault.hint(),
            Failure::Handshake(fault) => fault.hint().map(Into::into),
            Failure::Redirect(fault) => Some(fault.hint().into()),
            Failure::Refused(refusal) => refusal.hint().map(Into::into),
            Failure::BadFile { hint, .. } => Some((*hint).into()),
            Failure::Input(error) => error.hint.map(Into::into),
            Failure::TimeLimit(TimeLimit::Connect { .. }) => {
                Some("give it more time with --connect-timeout".into())
            }
            Failure::TimeLimit(TimeLimit::MaxTime(_)) => Some("the limit is -m/--max-time".into()),
            Failure::TimeLimit(TimeLimit::Wait(_)) => {
                Some("wait longer with --wait DURATION, or --wait forever".into())
            }
            Failure::PeerSilent(_) => Some("the limit is --ping-timeout".into()),
            _ => None,
        }
    }

    /// The status of a refused upgrade.
    pub fn refused_with(&self) -> Option<u16> {
        match self {
            Failure::Refused(refusal) => Some(refusal.status.as_u16()),
            _ => None,
        }
    }

    /// The word for it in a `failure` record.
    pub fn kind(&self) -> &'static str {
        match self {
            Failure::Usage { .. } => "usage",
            Failure::Target(_) => "url",
            Failure::Resolve { .. } => "resolve",
            Failure::Connect { .. } => "connect",
            Failure::Bind { .. } => "bind",
            Failure::Tls(_) => "tls",
            Failure::Proxy(_) => "proxy",
            Failure::Handshake(_) => "handshake",
            Failure::Redirect(_) => "redirect",
            Failure::Refused(_) => "refused",
            Failure::Output { .. } | Failure::BrokenPipe => "output",
            Failure::ReadInput { .. }
            | Failure::BadFile { .. }
            | Failure::Scenario(_)
            | Failure::Input(_) => "input",
            Failure::TimeLimit(_) => "time_limit",
            Failure::Interrupted => "signal",
            Failure::PeerSilent(_) => "ping_timeout",
            Failure::Other(_) => "other",
        }
    }
}

fn resolve_hint(hop: Hop, host: &str) -> &'static str {
    match hop {
        Hop::Server if host.contains('=') || deflate::is_parameter(host) => {
            "a flag's value was taken for the URL? it follows without a space, as in --compress=level=9"
        }
        Hop::Proxy => {
            "is the name right? -x and the variables name proxies, --noproxy goes without"
        }
        Hop::Server => "is the name right? --resolve HOST:PORT:ADDRESS says where it is",
    }
}

fn connect_hint(is_up: bool) -> &'static str {
    if is_up {
        "is there a way to this address from here, and from the interface that was asked for?"
    } else {
        "nobody listens there: is the port right? --retry N --retry-connrefused waits for a server"
    }
}

/// A duration as a person writes it.
pub fn duration(of: &Duration) -> String {
    humantime::format_duration(*of).to_string()
}

/// The operating system's words, without its number, on one line.
fn reason(error: &io::Error) -> String {
    let text = error.to_string();
    one_line(text.split(" (os error").next().unwrap_or(&text))
}

/// The innermost cause of an error chain, which is where the operating system speaks.
pub fn root_cause(error: &(dyn std::error::Error + 'static)) -> String {
    let mut cause = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    let text = cause.to_string();
    // The system's errors have a number, those of rustls an address with more about them.
    let end = text.find(" (os error").or(text.find(": https://")).unwrap_or(text.len());
    one_line(&text[..end])
}
