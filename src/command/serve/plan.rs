//! From the flags of `serve` to what it does.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::replay::Replay;
use crate::cli::ServeArgs;
use crate::command::file::open_private;
use crate::command::request::header_lines;
use crate::failure::Failure;
use crate::handshake::Terms;
use crate::net::{Places, Reception};
use crate::output::Destination;
use crate::session::{Chronicle, Conduct, Farewell, Hub, Leave, Log, Manner};
use crate::wire::Close;
use crate::wire::close::{ABNORMAL, NO_CODE};

/// What `serve` does.
pub struct Plan {
    /// Where it listens.
    pub address: String,
    /// How clients are received.
    pub reception: Reception,
    /// What is done with their messages.
    pub conduct: Conduct,
    /// The recording that is played in their place.
    pub replay: Option<Replay>,
    /// Where what passes is written down.
    pub chronicle: Option<Chronicle>,
    /// How TLS is spoken, if it is.
    pub tls: Option<Tls>,
    /// Whether there is a line for each connection.
    pub verbose: bool,
    /// The command that is run against it.
    pub command: Vec<OsString>,
}

/// Where the certificate comes from.
pub enum Tls {
    /// It is made, and its authority's is written here, or to a temporary file.
    Made(Option<PathBuf>),
    /// It is given, and its key, unless that is in the same file.
    Given(PathBuf, Option<PathBuf>),
}

/// What the flags ask for.
///
/// # Errors
/// What cannot be.
pub fn plan(arguments: ServeArgs) -> Result<Plan, Failure> {
    let headers = header_lines("-H", &arguments.headers)?;
    let replay = |file: &PathBuf| Replay::of(file, &arguments.vars, arguments.speed);
    let replay = arguments.replay.as_ref().map(replay).transpose()?;
    let mut subprotocols = arguments.subprotocols;
    if let (Some(replay), true) = (&replay, subprotocols.is_empty()) {
        subprotocols.extend(replay.subprotocols());
    }
    let terms = Terms::new(subprotocols, arguments.refuse, headers).map_err(|what| {
        let hint = "serve adds -H 'Name: value' to its answers, such as -H 'Location: ws://…' with --refuse 302";
        Failure::usage(what, hint)
    })?;
    let delay = arguments.delay;
    let leave = match arguments.close {
        Some(code) => {
            let farewell = farewell(code, arguments.close_reason)?;
            Some(Leave { after: arguments.close_after, farewell })
        }
        None => None,
    };
    let manner = if arguments.broadcast {
        Manner::Broadcast(Hub::default())
    } else if arguments.sink {
        Manner::Sink
    } else {
        Manner::Echo
    };
    let tls = match (arguments.certificate, arguments.tls) {
        (Some(certificate), _) => Some(Tls::Given(certificate, arguments.key)),
        (None, true) => Some(Tls::Made(arguments.tls_ca)),
        (None, false) => None,
    };
    let places = arguments.max_connections.map(Places::new);
    Ok(Plan {
        address: arguments.address,
        reception: Reception { terms, places, delay, tls: None },
        conduct: Conduct { manner, delay, leave },
        replay,
        chronicle: arguments.record.as_deref().map(chronicle).transpose()?,
        tls,
        verbose: arguments.verbose,
        command: arguments.command,
    })
}

/// Opens the file in which what passes is written down.
fn chronicle(path: &Path) -> Result<Chronicle, Failure> {
    match open_private("--record", path, "-v shows what becomes of each connection")? {
        (name, Destination::Opened(file)) if file.metadata().is_ok_and(|data| data.is_file()) => {
            Ok(Chronicle::new(Log::new(name, Destination::Opened(file))))
        }
        (name, _) => Err(Failure::usage(
            format!("--record {name}: it is no ordinary file, and all clients would wait for it"),
            "name a file; wspipe listen --record takes a FIFO",
        )),
    }
}

/// How a connection is closed that is closed with this code.
fn farewell(code: u16, reason: String) -> Result<Farewell, Failure> {
    match code {
        NO_CODE | ABNORMAL if !reason.is_empty() => Err(Failure::usage(
            format!("--close {code} is a close without a code, and so without a reason"),
            "leave --close-reason out",
        )),
        ABNORMAL => Ok(Farewell::Drop),
        NO_CODE => Ok(Farewell::Close(Close::default())),
        code => Ok(Farewell::Close(Close::new(code, reason))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_a_close_with_it_or_without_one_or_none_at_all() {
        let cases = [
            (1000, "", Some(Farewell::Close(Close::new(1000, "")))),
            (4000, "why", Some(Farewell::Close(Close::new(4000, "why")))),
            (1005, "", Some(Farewell::Close(Close::default()))),
            (1006, "", Some(Farewell::Drop)),
            (1005, "why", None),
            (1006, "why", None),
        ];
        for (code, reason, expected) in cases {
            assert_eq!(farewell(code, reason.into()).ok(), expected, "{code} {reason:?}");
        }
    }
}
