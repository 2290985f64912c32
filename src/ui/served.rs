//! What `serve` says of a connection, in one line. How it went is told by `session`.

use crate::exit::{Answer, Closure};
use crate::figures::Flow;
use crate::output::escape::one_line;
use crate::output::frames::words;
use crate::wire::close::{ABNORMAL, meaning};

use super::statistics::amount;

/// A connection that is over: what it asked for, how it ended, and what passed.
pub fn closed(
    path: &str,
    subprotocol: Option<&str>,
    closure: Option<&Closure>,
    [received, sent]: [&Flow; 2],
) -> String {
    let subprotocol = match subprotocol {
        Some(name) => format!(", subprotocol {}", one_line(name)),
        None => String::new(),
    };
    let (ended, received, sent) = (ended(closure), amount(received), amount(sent));
    format!("{path}{subprotocol}: {ended}; received {received}; sent {sent}")
}

fn ended(closure: Option<&Closure>) -> String {
    match closure {
        None | Some(Closure::Apart) => format!("dropped by us: {ABNORMAL} {}", meaning(ABNORMAL)),
        Some(Closure::ByPeer(close)) => format!("closed by peer: {}", words(close)),
        Some(Closure::ByUs { sent, answer }) => {
            let trouble = match answer {
                Answer::Close(_) | Answer::NotAwaited => "",
                Answer::Broken(_) => "; the peer broke the protocol instead of closing",
                Answer::Nothing => "; the peer did not answer our Close in time",
                Answer::Lost => "; the connection was lost before the peer's Close came",
            };
            format!("closed by us: {}{trouble}", words(sent))
        }
        Some(Closure::Lost(why)) => {
            format!("connection lost: {ABNORMAL} {} ({})", meaning(ABNORMAL), one_line(why))
        }
        Some(Closure::Violated(violation)) => {
            let code = violation.close_code();
            format!("closed by us: {code} {}: the peer sent {violation}", meaning(code))
        }
    }
}

/// A client for which others had to wait.
pub fn behind(path: &str) -> String {
    format!("{path}: it read nothing for two seconds while others waited; closed with 1013")
}

/// A client for whose message there was no memory.
pub fn too_much(path: &str) -> String {
    format!("{path}: no memory was left for its message besides those of others; closed with 1013")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::{Close, Violation};

    #[test]
    fn the_line_says_what_was_asked_for_how_it_ended_and_what_passed() {
        let by_us = |answer| Some(Closure::ByUs { sent: Close::new(4000, "a\x1bb"), answer });
        let cases = [
            (None, None, "/: dropped by us: 1006 abnormal closure"),
            (
                Some("chat"),
                Some(Closure::ByPeer(Close::default())),
                "/, subprotocol chat: closed by peer: 1005 no close code",
            ),
            (
                None,
                by_us(Answer::Lost),
                "/: closed by us: 4000 private to the application \"a\\x1bb\"; \
                 the connection was lost before the peer's Close came",
            ),
            (
                None,
                Some(Closure::Lost("reset".into())),
                "/: connection lost: 1006 abnormal closure (reset)",
            ),
            (
                None,
                Some(Closure::Violated(Violation::CloseCode(1005))),
                "/: closed by us: 1002 protocol error: the peer sent",
            ),
        ];
        for (subprotocol, closure, expected) in cases {
            let flows = [Flow { messages: 1, bytes: 5 }, Flow::default()];
            let line = closed("/", subprotocol, closure.as_ref(), [&flows[0], &flows[1]]);
            assert!(line.starts_with(expected), "{line}");
            assert!(line.ends_with("; received 1 message, 5 B; sent nothing"), "{line}");
        }
    }
}
