//! The whole exit-code contract: how a run ended, and the one table that says what that is for the
//! shell. The man page's and the README's tables are made from [`TABLE`].

mod outcome;

use std::ops::RangeInclusive;

pub use outcome::{Answer, Closure, Losses, Outcome, Unsent};

use crate::failure::Failure;
use crate::handshake::{Hop, RedirectFault, TlsFault};
use crate::wire::close::NO_CODE;

/// What the process does last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// It ends with this code.
    Code(i32),
    /// It dies by this signal.
    Signal(i32),
}

/// Exit codes that are no close codes.
pub mod code {
    /// The session did what was asked.
    pub const SUCCESS: i32 = 0;
    /// A failure of no other kind.
    pub const OTHER: i32 = 1;
    /// The command line is wrong.
    pub const USAGE: i32 = 2;
    /// A URL is malformed.
    pub const URL: i32 = 3;
    /// The session ended well, but not as asked.
    pub const NOT_AS_ASKED: i32 = 4;
    /// The proxy's name could not be resolved.
    pub const RESOLVE_PROXY: i32 = 5;
    /// The host's name could not be resolved.
    pub const RESOLVE: i32 = 6;
    /// Could not connect or bind.
    pub const CONNECT: i32 = 7;
    /// The answer breaks the opening handshake.
    pub const HANDSHAKE: i32 = 8;
    /// The server refused the upgrade.
    pub const REFUSED: i32 = 22;
    /// Output could not be written.
    pub const OUTPUT: i32 = 23;
    /// Input could not be read or is invalid.
    pub const INPUT: i32 = 26;
    /// A time limit was reached.
    pub const TIME_LIMIT: i32 = 28;
    /// The peer stopped answering Pings.
    pub const PEER_SILENT: i32 = 29;
    /// TLS could not be agreed on.
    pub const TLS: i32 = 35;
    /// Too many redirects.
    pub const REDIRECTS: i32 = 47;
    /// Our certificate or key cannot be used.
    pub const IDENTITY: i32 = 58;
    /// The server's certificate is not trusted.
    pub const UNTRUSTED: i32 = 60;
    /// The authorities cannot be read.
    pub const AUTHORITIES: i32 = 77;
    /// The server has another key than the pinned one.
    pub const PINNED: i32 = 90;
    /// The proxy gave no tunnel.
    pub const PROXY: i32 = 97;
    /// A bug in wspipe.
    pub const BUG: i32 = 70;
}

/// A row of the table of exit codes.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// The code, or the codes.
    pub code: &'static str,
    /// What they mean.
    pub meaning: &'static str,
}

const fn row(code: &'static str, meaning: &'static str) -> Row {
    Row { code, meaning }
}

/// Every exit code, for people.
pub const TABLE: &[Row] = &[
    row(
        "0",
        "the session did what was asked: we ended it, or the peer closed with 1000, without a code, or with a code in --ok-close or --expect-close, and every condition and expectation was met",
    ),
    row("1", "a failure of no other kind"),
    row("2", "the command line is wrong"),
    row("3", "a URL is malformed, a proxy's included"),
    row(
        "4",
        "the session ended well but not as asked: an expectation or end condition was not met, a step of a scenario failed, a client departed from what serve --replay plays, or input stayed unsent",
    ),
    row("5", "the proxy's name could not be resolved"),
    row("6", "the host's name could not be resolved"),
    row("7", "could not connect; serve: could not bind"),
    row(
        "8",
        "the server's answer breaks the opening handshake: wrong Accept, a subprotocol or extension that was not offered, not HTTP, closed before any answer",
    ),
    row("22", "the server refused the upgrade: any status but 101"),
    row("23", "output could not be written"),
    row("26", "input (stdin, a file, a record, a scenario) could not be read or is invalid"),
    row(
        "28",
        "a time limit was reached, or the peer did not answer our Close after the end of input",
    ),
    row("29", "the peer stopped answering pings"),
    row("35", "the TLS handshake failed, or the server ended TLS before it answered"),
    row("47", "too many redirects"),
    row("58", "our certificate or its key cannot be used"),
    row("60", "the server's certificate is not trusted"),
    row("70", "a bug in wspipe"),
    row("77", "the file of trusted authorities cannot be read"),
    row("90", "the server's public key is not the pinned one"),
    row("97", "the proxy refused or broke its handshake"),
    row(
        "101-103, 107-114",
        "the session ended with that close code, drop a zero: 1008 is 108; a peer that breaks the protocol is closed with 1002 (102), invalid UTF-8 with 1007 (107), too big a message with 1009 (109)",
    ),
    row("106", "the connection was lost without a Close (1006)"),
    row("117", "the session ended with a close code from 3000 to 3999"),
    row("118", "the session ended with a close code from 4000 to 4999"),
    row("126, 127", "serve -- COMMAND: the command could not be run, or was not found"),
    row("128+n", "ended by signal n: 130 Ctrl-C, 143 SIGTERM, 141 the reader of stdout has gone"),
];

/// The exit code of a failure.
pub fn of_failure(failure: &Failure) -> Exit {
    Exit::Code(match failure {
        Failure::Usage { .. } => code::USAGE,
        Failure::Other(_) => code::OTHER,
        Failure::Target(_) => code::URL,
        Failure::Resolve { hop: Hop::Proxy, .. } => code::RESOLVE_PROXY,
        Failure::Resolve { hop: Hop::Server, .. } => code::RESOLVE,
        Failure::Connect { .. } | Failure::Bind { .. } => code::CONNECT,
        Failure::Tls(fault) => match fault {
            TlsFault::Handshake { .. } => code::TLS,
            TlsFault::Identity { .. } => code::IDENTITY,
            TlsFault::Untrusted { .. } => code::UNTRUSTED,
            TlsFault::Authorities { .. } => code::AUTHORITIES,
            TlsFault::Pinned { .. } => code::PINNED,
        },
        Failure::Proxy(_) => code::PROXY,
        Failure::Handshake(_) => code::HANDSHAKE,
        Failure::Redirect(fault) => match fault {
            RedirectFault::TooMany { .. } => code::REDIRECTS,
            RedirectFault::Downgrade { .. } => code::REFUSED,
            RedirectFault::Target { .. } => code::URL,
        },
        Failure::Refused(_) => code::REFUSED,
        Failure::Output { .. } => code::OUTPUT,
        Failure::ReadInput { .. }
        | Failure::BadFile { .. }
        | Failure::Scenario(_)
        | Failure::Input(_) => code::INPUT,
        Failure::TimeLimit(_) => code::TIME_LIMIT,
        Failure::PeerSilent(_) => code::PEER_SILENT,
        Failure::Interrupted => return Exit::Signal(signal_hook::consts::SIGINT),
        Failure::BrokenPipe => return Exit::Signal(signal_hook::consts::SIGPIPE),
    })
}

/// The exit code of an upgrade that was refused with `status`, where `expected` was asked for.
pub fn of_refusal(expected: u16, status: u16) -> Exit {
    Exit::Code(if expected == status { code::SUCCESS } else { code::NOT_AS_ASKED })
}

/// The exit code of a close code that is no success.
pub fn of_close_code(close_code: u16) -> i32 {
    match close_code {
        1000..=1014 => i32::from(close_code) - 900,
        3000..=3999 => 117,
        4000..=4999 => 118,
        _ => code::OTHER,
    }
}

/// Close codes given by the user: single ones and ranges.
pub type Codes = [RangeInclusive<u16>];

/// What the user said about the ending.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// `--ok-close`.
    pub ok_close: &'a Codes,
    /// `--expect-close`.
    pub expect_close: Option<&'a Codes>,
    /// `send` and piped `connect`: our Close must be answered.
    pub answer_matters: bool,
}

/// The exit code of a session, by the contract's precedence: a signal; a failure or time limit; a
/// close code that is no success; then what was asked and not done.
pub fn judge(outcome: &Outcome, asked: &Asked) -> Exit {
    if let Some(signal) = outcome.signal {
        return Exit::Signal(signal);
    }
    if let Some(failure) = &outcome.failure {
        return of_failure(failure);
    }
    let expected = match of_ending(outcome, asked) {
        Verdict::Code(code) => return Exit::Code(code),
        Verdict::Fine => false,
        Verdict::Expected => true,
    };
    let excused = expected && !is_normal(outcome.closure.close_code());
    let unsent = outcome.unsent.is_any() && !outcome.condition_met && !excused;
    // Whoever wants our Close to be answered wants to know that everything before it came.
    let losses = outcome.losses.are_ours() && asked.answer_matters && !outcome.condition_met;
    let incomplete = outcome.cut || outcome.losses.incomplete > 0;
    if outcome.unmet.is_some() || unsent || losses || incomplete {
        return Exit::Code(code::NOT_AS_ASKED);
    }
    Exit::Code(code::SUCCESS)
}

enum Verdict {
    Code(i32),
    Fine,
    Expected,
}

fn of_ending(outcome: &Outcome, asked: &Asked) -> Verdict {
    let number = outcome.closure.close_code();
    let trouble_matters = asked.answer_matters && !outcome.condition_met;
    let unanswered = matches!(outcome.closure, Closure::ByUs { answer: Answer::Nothing, .. });
    if unanswered && trouble_matters {
        return Verdict::Code(code::TIME_LIMIT);
    }
    if let Some(expected) = asked.expect_close {
        return if is_among(expected, number) {
            Verdict::Expected
        } else {
            Verdict::Code(code::NOT_AS_ASKED)
        };
    }
    let is_fine = match &outcome.closure {
        Closure::ByUs { answer: Answer::Lost | Answer::Nothing | Answer::Broken(_), .. } => {
            !trouble_matters
        }
        Closure::Apart => !trouble_matters,
        Closure::ByUs { .. } => outcome.closure.peers_close().is_none(),
        _ => is_normal(number),
    };
    if is_fine || is_among(asked.ok_close, number) {
        Verdict::Fine
    } else {
        Verdict::Code(of_close_code(number))
    }
}

/// Whether a close code is one of these.
pub fn is_among(codes: &Codes, close_code: u16) -> bool {
    codes.iter().any(|range| range.contains(&close_code))
}

fn is_normal(close_code: u16) -> bool {
    matches!(close_code, 1000 | NO_CODE)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failure::TimeLimit;
    use crate::policy::ending::Unmet;
    use crate::wire::{Close, Violation};

    const PLAIN: Asked = Asked { ok_close: &[], expect_close: None, answer_matters: true };

    fn ended(closure: Closure) -> Outcome {
        Outcome {
            closure,
            failure: None,
            signal: None,
            condition_met: false,
            unmet: None,
            explanation: String::new(),
            unsent: Unsent::default(),
            losses: Losses::default(),
            cut: false,
            since_frame: None,
        }
    }

    fn by_peer(code: u16) -> Outcome {
        ended(Closure::ByPeer(Close::new(code, "")))
    }

    fn by_us(answer: Answer) -> Outcome {
        ended(Closure::ByUs { sent: Close::new(1000, ""), answer })
    }

    fn answered(code: Option<u16>) -> Outcome {
        by_us(Answer::Close(Close { code, reason: String::new() }))
    }

    #[test]
    fn every_close_code_from_the_peer_has_its_exit_code() {
        let cases = [
            (1000, 0),
            (1001, 101),
            (1002, 102),
            (1003, 103),
            (1007, 107),
            (1008, 108),
            (1009, 109),
            (1010, 110),
            (1011, 111),
            (1012, 112),
            (1013, 113),
            (1014, 114),
            (3000, 117),
            (3999, 117),
            (4000, 118),
            (4999, 118),
        ];
        for (close_code, expected) in cases {
            assert_eq!(judge(&by_peer(close_code), &PLAIN), Exit::Code(expected), "{close_code}");
        }
        assert_eq!(judge(&ended(Closure::ByPeer(Close::default())), &PLAIN), Exit::Code(0));
        assert_eq!(judge(&ended(Closure::Lost(String::new())), &PLAIN), Exit::Code(106));
        for (violation, expected) in [
            (Violation::Masked, 102),
            (Violation::CloseCode(1005), 102),
            (Violation::InvalidUtf8, 107),
            (Violation::TooBig { limit: 1 }, 109),
        ] {
            assert_eq!(judge(&ended(Closure::Violated(violation)), &PLAIN), Exit::Code(expected));
        }
    }

    #[test]
    fn our_own_close_is_judged_by_its_answer() {
        let listen = Asked { answer_matters: false, ..PLAIN };
        let cases = [
            (answered(Some(1000)), 0, 0),
            (answered(None), 0, 0),
            (answered(Some(1008)), 108, 108),
            (answered(Some(4000)), 118, 118),
            (by_us(Answer::Nothing), 28, 0),
            (by_us(Answer::Lost), 106, 0),
            (by_us(Answer::NotAwaited), 0, 0),
        ];
        for (outcome, strict, lax) in cases {
            assert_eq!(judge(&outcome, &PLAIN), Exit::Code(strict), "{outcome:?}");
            assert_eq!(judge(&outcome, &listen), Exit::Code(lax), "{outcome:?}");
        }
        for answer in [Answer::Nothing, Answer::Lost, Answer::Broken(Violation::ReservedBits)] {
            let outcome = Outcome { condition_met: true, ..by_us(answer) };
            assert_eq!(judge(&outcome, &PLAIN), Exit::Code(0));
        }
        let outcome = Outcome { condition_met: true, ..answered(Some(1008)) };
        assert_eq!(judge(&outcome, &PLAIN), Exit::Code(108), "a rejected last message");
        let ours = ended(Closure::ByUs {
            sent: Close::new(4001, "done"),
            answer: Answer::Close(Close::new(4001, "")),
        });
        assert_eq!(judge(&ours, &PLAIN), Exit::Code(0));
    }

    #[test]
    fn ok_close_widens_success_and_expect_close_judges_the_ending() {
        let ok: &Codes = &[1001..=1001, 4000..=4099, 1005..=1006];
        let expect: &Codes = &[1008..=1008];
        let asked_ok = Asked { ok_close: ok, ..PLAIN };
        let asked_expect = Asked { expect_close: Some(expect), ..PLAIN };
        let lost = || ended(Closure::Lost(String::new()));
        let cases = [
            (by_peer(1001), asked_ok, 0),
            (by_peer(4099), asked_ok, 0),
            (by_peer(4100), asked_ok, 118),
            (lost(), asked_ok, 0),
            (by_peer(1000), asked_ok, 0),
            (by_peer(1008), asked_expect, 0),
            (by_peer(1000), asked_expect, 4),
            (lost(), asked_expect, 4),
            (answered(Some(1008)), asked_expect, 0),
            (answered(Some(1000)), asked_expect, 4),
        ];
        for (outcome, asked, expected) in cases {
            assert_eq!(judge(&outcome, &asked), Exit::Code(expected), "{outcome:?} {asked:?}");
        }
    }

    #[test]
    fn a_refusal_that_was_asked_for_is_success_and_another_is_not() {
        assert_eq!(of_refusal(401, 401), Exit::Code(0));
        assert_eq!(of_refusal(401, 403), Exit::Code(4));
    }

    #[test]
    fn between_two_connections_it_ends_as_if_the_last_had_been_closed_by_us() {
        let apart = || ended(Closure::Apart);
        let listening = Asked { answer_matters: false, ..PLAIN };
        let losses = Losses { uncertain: 1, ..Losses::default() };
        let unsent = Unsent { messages: 1, ..Unsent::default() };
        let limit = || Some(Failure::TimeLimit(TimeLimit::Wait(String::new())));
        let cases = [
            (apart(), listening, 0),
            (apart(), PLAIN, 106),
            (Outcome { condition_met: true, ..apart() }, PLAIN, 0),
            (Outcome { unsent, ..apart() }, listening, 4),
            (Outcome { failure: limit(), ..apart() }, listening, 28),
            (Outcome { losses, ..by_us(Answer::Close(Close::new(1000, ""))) }, PLAIN, 4),
            (Outcome { losses, ..by_us(Answer::Close(Close::new(1000, ""))) }, listening, 0),
            (Outcome { losses, condition_met: true, ..apart() }, PLAIN, 0),
        ];
        for (outcome, asked, expected) in cases {
            assert_eq!(judge(&outcome, &asked), Exit::Code(expected), "{outcome:?} {asked:?}");
        }
    }

    #[test]
    fn what_was_asked_and_not_done_is_4_after_everything_else() {
        let unsent = Unsent { messages: 2, ..Unsent::default() };
        let unmet = || Some(Unmet("-n 2".into()));
        let cases = [
            (Outcome { unsent, ..by_peer(1000) }, 4),
            (Outcome { unsent, ..ended(Closure::ByPeer(Close::default())) }, 4),
            (Outcome { unsent, ..by_peer(1011) }, 111),
            (Outcome { unmet: unmet(), ..by_peer(1000) }, 4),
            (Outcome { cut: true, condition_met: true, ..answered(Some(1000)) }, 4),
            (Outcome { unmet: unmet(), ..by_peer(1008) }, 108),
            (Outcome { unsent, condition_met: true, ..answered(Some(1000)) }, 0),
            (
                Outcome {
                    failure: Some(Failure::TimeLimit(TimeLimit::Wait("x".into()))),
                    unmet: unmet(),
                    ..by_peer(1008)
                },
                28,
            ),
        ];
        for (outcome, expected) in cases {
            assert_eq!(judge(&outcome, &PLAIN), Exit::Code(expected), "{outcome:?}");
        }
        let expect = Asked { expect_close: Some(&[1008..=1008]), ..PLAIN };
        let rejected = Outcome { unsent, ..by_peer(1008) };
        assert_eq!(judge(&rejected, &expect), Exit::Code(0));
        let signalled = Outcome { signal: Some(2), ..by_peer(1008) };
        assert_eq!(judge(&signalled, &PLAIN), Exit::Signal(2));
    }

    #[test]
    fn the_table_names_every_code_that_is_given() {
        let named = |code: i32| {
            TABLE.iter().flat_map(|row| row.code.split(", ")).any(|part| {
                match part.split_once('-') {
                    Some((low, high)) => {
                        (low.parse().unwrap()..=high.parse().unwrap()).contains(&code)
                    }
                    None => part.parse() == Ok(code),
                }
            })
        };
        for code in (1000..=4999).filter(|c| crate::wire::close::is_valid_on_wire(*c)) {
            assert!(code == 1000 || named(of_close_code(code)), "{code}");
        }
        for code in
            [0, 1, 2, 3, 4, 5, 6, 7, 8, 22, 23, 26, 28, 29, 35, 47, 58, 60, 70, 77, 90, 97, 106]
        {
            assert!(named(code), "{code}");
        }
    }
}
