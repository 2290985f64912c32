//! The closing line: how a session ended, in one line.

use crate::exit::{Answer, Closure, Codes, Outcome, Unsent};
use crate::handshake::Refusal;
use crate::output::escape::one_line;
use crate::output::frames::words;
use crate::wire::close::{ABNORMAL, meaning};

/// The line for an outcome; `expected` are the close codes that were asked for and did not come.
pub fn closing_line(outcome: &Outcome, expected: Option<&Codes>) -> String {
    let mut line = match (&outcome.closure, outcome.closure.peers_close()) {
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
    };
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
    line
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
    if !unsent.is_any() {
        return;
    }
    let plural = if unsent.messages == 1 { "" } else { "s" };
    line.push_str(&match (unsent.messages, unsent.more) {
        (0, _) => "; the input was not at its end".to_owned(),
        (count, false) => format!("; {count} message{plural} not sent"),
        (count, true) => format!("; {count} message{plural} and the rest of the input not sent"),
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

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
            cut: false,
            since_frame: None,
        };
        let expected = "closed by us: 1000 normal closure; ended by SIGINT; -n 2 was not met, messages received: 1";
        assert_eq!(closing_line(&outcome, None), expected);
        let expected = format!("{expected}; --expect-close 1008,4000-4099 was not met");
        assert_eq!(closing_line(&outcome, Some(&[1008..=1008, 4000..=4099])), expected);
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
                cut: false,
                since_frame: Some(Duration::from_micros(micros)),
            };
            let expected = format!(
                "closed by peer: 1002 protocol error \"no\"; {expected} after the last frame made by hand; 1 message not sent"
            );
            assert_eq!(closing_line(&outcome, None), expected);
        }
    }
}
