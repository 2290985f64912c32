//! The closing line: how a session ended, in one line.

use crate::exit::{Answer, Closure, Codes, Losses, Outcome, Unsent};
use crate::handshake::Refusal;
use crate::output::escape::one_line;
use crate::output::frames::words;
use crate::output::writer::Left;
use crate::wire::close::{ABNORMAL, meaning};

/// The line for an outcome; `expected` are the close codes that were asked for and did not come.
pub fn closing_line(outcome: &Outcome, expected: Option<&Codes>) -> String {
    let mut line = how(outcome);
    if let Some(time) = outcome.since_frame {
        let time = time.as_secs_f64() * 1000.0;
        line.push_str(&format!("; {time:.1} ms after the last frame made by hand"));
    }
    if let Some(signal) = outcome.signal {
        line.push_str(&format!("; ended by {}", signal_name(signal)));
    }
    if let Some(unmet) = &outcome.unmet {
        line.push_str(&format!("; {}", one_line(&unmet.0)));
    }
    if outcome.cut {
        line.push_str("; the last message is cut");
    }
    if let Some(codes) = expected {
        line.push_str(&format!("; --expect-close {} was not met", list(codes)));
    }
    if !outcome.condition_met {
        push_unsent(&mut line, outcome.unsent);
    }
    push_losses(&mut line, outcome.losses);
    line
}

/// How a session ended that is opened again, and what that has cost.
pub fn gap_line(outcome: &Outcome, losses: Losses) -> String {
    let mut line = match &outcome.failure {
        Some(failure) => failure.to_string(),
        None => how(outcome),
    };
    push_losses(&mut line, losses);
    line
}

fn how(outcome: &Outcome) -> String {
    match (&outcome.closure, outcome.closure.peers_close()) {
        (_, Some(close)) => format!("closed by peer: {}", words(close)),
        (Closure::ByPeer(close), None) => format!("closed by peer: {}", words(close)),
        (Closure::ByUs { sent, answer }, None) => {
            let trouble = match answer {
                Answer::Close(_) | Answer::NotAwaited => "",
                Answer::Broken(_) => "; the peer broke the protocol instead of closing",
                Answer::Nothing => {
                    "; the peer did not answer our Close in time (--close-timeout waits longer)"
                }
                Answer::Lost => "; the connection was lost before the peer's Close came (1006)",
            };
            format!("closed by us: {}{trouble}", words(sent))
        }
        (Closure::Lost(why), None) => {
            format!("connection lost: {ABNORMAL} {} ({why})", meaning(ABNORMAL))
        }
        (Closure::Violated(violation), None) => {
            let code = violation.close_code();
            format!("closed by us: {code} {}: the peer sent {violation}", meaning(code))
        }
        (Closure::Apart, None) => "ended while there was no connection".to_owned(),
    }
}

fn push_losses(line: &mut String, losses: Losses) {
    if let Some(what) = losses_line(losses) {
        line.push_str(&format!("; {what}"));
    }
}

/// What connections that are gone have left behind, if that is anything.
pub fn losses_line(Losses { uncertain, cut, incomplete }: Losses) -> Option<String> {
    let counted = |count: u64, what| {
        let plural = if count == 1 { "" } else { "s" };
        (count > 0).then(|| format!("{count} message{plural} {what}"))
    };
    let parts = [
        counted(uncertain, "may not have arrived"),
        counted(cut, "cut off on the way"),
        counted(incomplete, "from the peer printed only in part"),
    ];
    let parts: Vec<_> = parts.into_iter().flatten().collect();
    if parts.is_empty() { None } else { Some(parts.join("; ")) }
}

/// The line for a refusal where one with the status `expected` was asked for.
pub fn refusal_line(refusal: &Refusal, expected: u16) -> String {
    let unmet = if refusal.status.as_u16() == expected {
        String::new()
    } else {
        format!("; --expect-status {expected} was not met")
    };
    format!("refused by the server: {refusal}{unmet}")
}

/// What to add where an output did not take everything.
pub fn unwritten(name: &str, left: Left) -> String {
    let Left { bytes, exact } = left;
    let most = if exact { "" } else { "up to " };
    let plural = if bytes == 1 { "" } else { "s" };
    match bytes {
        0 => String::new(),
        _ => format!("; {most}{bytes} byte{plural} not written to {}", one_line(name)),
    }
}

/// What a signal is called.
pub fn signal_name(signal: i32) -> &'static str {
    signal_hook::low_level::signal_name(signal).unwrap_or("a signal")
}

fn list(codes: &Codes) -> String {
    let spelled = codes.iter().map(|range| match (range.start(), range.end()) {
        (low, high) if low == high => low.to_string(),
        (low, high) => format!("{low}-{high}"),
    });
    spelled.collect::<Vec<_>>().join(",")
}

fn push_unsent(line: &mut String, unsent: Unsent) {
    if let Some(what) = unsent_line(unsent) {
        line.push_str(&format!("; {what}"));
    }
}

/// What was not sent, if that is anything.
pub fn unsent_line(unsent: Unsent) -> Option<String> {
    if !unsent.is_any() {
        return None;
    }
    let plural = if unsent.messages == 1 { "" } else { "s" };
    Some(match (unsent.messages, unsent.more) {
        (0, _) => "the input was not at its end".to_owned(),
        (count, false) => format!("{count} message{plural} not sent"),
        (count, true) => format!("{count} message{plural} and the rest of the input not sent"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    use crate::failure::Failure;
    use crate::policy::ending::Unmet;
    use crate::wire::Close;
    use crate::wire::Violation;

    #[test]
    fn the_line_says_who_closed_with_what_and_why() {
        let by_us = |answer| Closure::ByUs { sent: Close::new(1000, ""), answer };
        let peer = |code, reason: &str| Closure::ByPeer(Close::new(code, reason));
        let none = Unsent::default();
        let cases = [
            (
                peer(1008, "token expired"),
                none,
                "closed by peer: 1008 policy violation \"token expired\"",
            ),
            (
                peer(4000, "a\x1b\nb"),
                none,
                "closed by peer: 4000 private to the application \"a\\x1b\\nb\"",
            ),
            (Closure::ByPeer(Close::default()), none, "closed by peer: 1005 no close code"),
            (by_us(Answer::Close(Close::new(1000, ""))), none, "closed by us: 1000 normal closure"),
            (
                by_us(Answer::Close(Close::new(1008, "no"))),
                none,
                "closed by peer: 1008 policy violation \"no\"",
            ),
            (
                by_us(Answer::Nothing),
                none,
                "closed by us: 1000 normal closure; the peer did not answer our Close in time (--close-timeout waits longer)",
            ),
            (
                by_us(Answer::Lost),
                none,
                "closed by us: 1000 normal closure; the connection was lost before the peer's Close came (1006)",
            ),
            (
                Closure::Lost("connection reset by peer".into()),
                none,
                "connection lost: 1006 abnormal closure (connection reset by peer)",
            ),
            (
                Closure::Violated(Violation::CloseCode(5000)),
                none,
                "closed by us: 1002 protocol error: the peer sent a Close with the invalid code 5000 (RFC 6455 section 7.4)",
            ),
            (
                peer(1000, ""),
                Unsent { messages: 1, ..Unsent::default() },
                "closed by peer: 1000 normal closure; 1 message not sent",
            ),
            (
                peer(1000, ""),
                Unsent { messages: 3, more: true, queued: 0 },
                "closed by peer: 1000 normal closure; 3 messages and the rest of the input not sent",
            ),
            (
                peer(1000, ""),
                Unsent { more: true, ..Unsent::default() },
                "closed by peer: 1000 normal closure; the input was not at its end",
            ),
        ];
        for (closure, unsent, expected) in cases {
            let outcome = Outcome {
                closure,
                failure: None,
                signal: None,
                condition_met: false,
                unmet: None,
                explanation: String::new(),
                unsent,
                losses: Losses::default(),
                cut: false,
                since_frame: None,
            };
            assert_eq!(closing_line(&outcome, None), expected);
        }
        let outcome = Outcome {
            closure: by_us(Answer::NotAwaited),
            failure: None,
            signal: Some(2),
            condition_met: false,
            unmet: Some(Unmet("-n 2 was not met, messages received: 1".into())),
            explanation: String::new(),
            unsent: none,
            losses: Losses::default(),
            cut: false,
            since_frame: None,
        };
        let expected = "closed by us: 1000 normal closure; ended by SIGINT; -n 2 was not met, messages received: 1";
        assert_eq!(closing_line(&outcome, None), expected);
        let expected = format!("{expected}; --expect-close 1008,4000-4099 was not met");
        assert_eq!(closing_line(&outcome, Some(&[1008..=1008, 4000..=4099])), expected);
    }

    #[test]
    fn what_an_output_did_not_take_is_counted() {
        let cases = [
            (0, true, ""),
            (0, false, ""),
            (1, true, "; 1 byte not written to a\\nb"),
            (524_288, true, "; 524288 bytes not written to a\\nb"),
            (300, false, "; up to 300 bytes not written to a\\nb"),
        ];
        for (bytes, exact, expected) in cases {
            assert_eq!(unwritten("a\nb", Left { bytes, exact }), expected);
        }
    }

    #[test]
    fn the_line_says_how_long_after_the_last_frame_made_by_hand() {
        let cases = [(0, "0.0 ms"), (849, "0.8 ms"), (12_340, "12.3 ms"), (5_001_000, "5001.0 ms")];
        for (micros, expected) in cases {
            let outcome = Outcome {
                closure: Closure::ByPeer(Close::new(1002, "no")),
                failure: None,
                signal: None,
                condition_met: false,
                unmet: None,
                explanation: String::new(),
                unsent: Unsent { messages: 1, ..Unsent::default() },
                losses: Losses::default(),
                cut: false,
                since_frame: Some(Duration::from_micros(micros)),
            };
            let expected = format!(
                "closed by peer: 1002 protocol error \"no\"; {expected} after the last frame made by hand; 1 message not sent"
            );
            assert_eq!(closing_line(&outcome, None), expected);
        }
    }

    #[test]
    fn the_line_says_what_connections_that_are_gone_have_left_behind() {
        let outcome = |losses, cut| Outcome {
            closure: Closure::Lost("reset".into()),
            failure: None,
            signal: None,
            condition_met: false,
            unmet: None,
            explanation: String::new(),
            unsent: Unsent { messages: 3, ..Unsent::default() },
            losses,
            cut,
            since_frame: None,
        };
        let one = Losses { uncertain: 1, ..Losses::default() };
        let all = Losses { uncertain: 2, cut: 1, incomplete: 1 };
        let lost = "connection lost: 1006 abnormal closure (reset)";
        assert_eq!(
            closing_line(&outcome(all, false), None),
            format!(
                "{lost}; 3 messages not sent; 2 messages may not have arrived; 1 message cut off on the way; 1 message from the peer printed only in part"
            )
        );
        // What was not sent waits for the next connection.
        assert_eq!(gap_line(&outcome(all, false), Losses::default()), lost);
        assert_eq!(
            gap_line(&outcome(all, true), one),
            format!("{lost}; 1 message may not have arrived")
        );
        let silent = Failure::PeerSilent(Duration::from_secs(1));
        let line = gap_line(&Outcome { failure: Some(silent), ..outcome(all, false) }, one);
        assert_eq!(
            line,
            format!(
                "{}; 1 message may not have arrived",
                Failure::PeerSilent(Duration::from_secs(1))
            )
        );
    }
}
