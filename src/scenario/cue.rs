//! A scenario seen from the other side: what the peer says in it is said, and what we say is awaited.

use std::time::Duration;

use super::expectation::{Awaited, Expectation};
use super::{Act, Content, Mistake, Scenario, Step};
use crate::wire::close::{ABNORMAL, NO_CODE, is_valid_on_wire};
use crate::wire::{Close, Kind};

/// What is done when its turn comes.
#[derive(Clone, Debug)]
pub enum Cue {
    /// A client comes; this subprotocol is spoken with it.
    Enter(Option<String>),
    /// A message is sent, of which something may be kept.
    Say(Kind, Content, Box<Expectation>),
    /// A Ping is sent.
    Ping(Vec<u8>),
    /// We close.
    Close(Close),
    /// The connection is dropped.
    Drop,
    /// The client sends something.
    Hear(Box<Expectation>),
    /// Nothing is said for so long.
    Pause(Duration),
}

/// One thing to do or to await.
#[derive(Clone, Debug)]
pub struct Part {
    /// The line in the file.
    pub line: u64,
    /// Which connection, by its place among those of the file.
    pub conn: usize,
    /// What.
    pub cue: Cue,
    /// How long after the one before it was recorded.
    pub gap: Duration,
}

/// How fast a recording is played.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Speed {
    /// Without any pause.
    Fast,
    /// So many times as fast as it was.
    Times(f64),
}

impl Speed {
    /// Reads what was typed.
    ///
    /// # Errors
    /// What a speed looks like.
    pub fn parse(typed: &str) -> Result<Speed, String> {
        let times = || typed.strip_suffix('x').unwrap_or(typed).parse().ok();
        match typed {
            "fast" => Ok(Speed::Fast),
            "real" => Ok(Speed::Times(1.0)),
            _ => times()
                .filter(|times: &f64| (0.001..=1_000_000.0).contains(times))
                .map(Speed::Times)
                .ok_or_else(|| "a speed is real, fast or a number, such as 2 or 0.5".into()),
        }
    }

    /// How long a time takes at this speed.
    pub fn of(self, time: Duration) -> Duration {
        match self {
            Speed::Fast => Duration::ZERO,
            Speed::Times(times) => {
                Duration::try_from_secs_f64(time.as_secs_f64() / times).unwrap_or(Duration::MAX)
            }
        }
    }
}

/// What the peer does in a scenario, and what it hears.
///
/// # Errors
/// What cannot be played.
pub fn parts(scenario: &Scenario) -> Result<Vec<Part>, Vec<Mistake>> {
    let mut parts = Vec::new();
    let mut mistakes = Vec::new();
    for step in &scenario.steps {
        let Step { line, conn, gap, .. } = *step;
        match cue(&step.act) {
            Ok(Some(cue)) => parts.push(Part { line, conn, cue, gap }),
            Ok(None) => {}
            Err((what, hint)) => {
                let (what, hint) = (what.to_owned(), hint.to_owned());
                mistakes.push(Mistake { line, column: 1, what, hint });
            }
        }
    }
    if mistakes.is_empty() { Ok(parts) } else { Err(mistakes) }
}

fn cue(act: &Act) -> Result<Option<Cue>, (&'static str, &'static str)> {
    Ok(Some(match act {
        Act::Open(opening) if opening.status.is_some() => {
            return Err(("a refusal cannot be replayed", "serve --refuse STATUS refuses"));
        }
        Act::Open(opening) => Cue::Enter(opening.subprotocols.first().cloned()),
        Act::Send(kind, content) => {
            let (kind, content) = (Some(*kind), Some(content.clone()));
            Cue::Hear(Box::new(Expectation { kind, content, ..Expectation::default() }))
        }
        // Pings come and go as they like.
        Act::Ping(_) => return Ok(None),
        Act::Close(close, _) => {
            let (awaited, code) = (Awaited::Close, Some(close.number()));
            let reason = Some(close.reason.clone());
            Cue::Hear(Box::new(Expectation { awaited, code, reason, ..Expectation::default() }))
        }
        Act::Expect(expected) => return said(expected),
        Act::Silence(length) => Cue::Pause(*length),
    }))
}

/// What the peer says where this is expected of it.
fn said(expected: &Expectation) -> Result<Option<Cue>, (&'static str, &'static str)> {
    const DESCRIBED: &str = "a message that is only described cannot be sent";
    const HINT: &str = "say what it is with one of text, json, base64 and hex";
    let content = expected.content.clone();
    Ok(Some(match expected.awaited {
        Awaited::Message => {
            let content = content.ok_or((DESCRIBED, HINT))?;
            let natural = if let Content::Bytes(_) = content { Kind::Binary } else { Kind::Text };
            Cue::Say(expected.kind.unwrap_or(natural), content, Box::new(expected.clone()))
        }
        Awaited::Ping => {
            let Some(Content::Bytes(payload)) = content else { return Ok(Some(Cue::Ping(vec![]))) };
            Cue::Ping(payload)
        }
        // What a Ping of the client is answered with.
        Awaited::Pong => return Ok(None),
        Awaited::Close => match expected.code.unwrap_or(1000) {
            ABNORMAL => Cue::Drop,
            NO_CODE => Cue::Close(Close::default()),
            code if is_valid_on_wire(code) => {
                Cue::Close(Close::new(code, expected.reason.clone().unwrap_or_default()))
            }
            _ => {
                let hint = "1000 to 1003, 1007 to 1014 and 3000 to 4999 can";
                return Err(("this close code cannot be sent", hint));
            }
        },
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::{Given, Values, parse};

    fn of(text: &str) -> Result<Vec<Part>, Vec<Mistake>> {
        let (values, environment) = (Values::default(), |_: &str| None);
        let given = Given { values: &values, environment: &environment, has_url: true };
        parts(&parse(text, given).unwrap_or_else(|wrong| panic!("{text}: {wrong:?}")))
    }

    #[test]
    fn what_the_peer_says_is_said_and_what_we_say_is_awaited() {
        let cases = [
            ("{\"text\":\"a\"}", "Hear text"),
            ("{\"hex\":\"00\"}", "Hear binary"),
            ("{\"from\":\"peer\",\"json\":[1]}", "Say text"),
            ("{\"from\":\"peer\",\"hex\":\"61\",\"opcode\":\"text\"}", "Say text"),
            ("{\"from\":\"peer\",\"base64\":\"AA==\",\"skip\":true}", "Say binary"),
            ("{\"from\":\"peer\",\"none\":2}", "Pause"),
            ("{\"event\":\"ping\"}", "-"),
            ("{\"event\":\"ping\",\"from\":\"peer\",\"text\":\"x\"}", "Ping 1"),
            ("{\"event\":\"pong\",\"from\":\"peer\"}", "-"),
            ("{\"event\":\"close\",\"code\":4000}", "Hear close 4000"),
            ("{\"event\":\"close\",\"from\":\"peer\",\"code\":4000}", "Close 4000"),
            ("{\"event\":\"close\",\"from\":\"peer\"}", "Close 1000"),
            ("{\"event\":\"close\",\"from\":\"peer\",\"code\":1005}", "Close 1005"),
            ("{\"event\":\"close\",\"from\":\"peer\",\"code\":1006}", "Drop"),
        ];
        for (text, expected) in cases {
            let parts = of(text).unwrap();
            assert!(matches!(parts[0].cue, Cue::Enter(None)), "{text}");
            let got = match parts.get(1).map(|part| &part.cue) {
                None => "-".to_owned(),
                Some(Cue::Say(kind, ..)) => format!("Say {}", kind.name()),
                Some(Cue::Ping(payload)) => format!("Ping {}", payload.len()),
                Some(Cue::Close(close)) => format!("Close {}", close.number()),
                Some(Cue::Drop) => "Drop".into(),
                Some(Cue::Pause(_)) => "Pause".into(),
                Some(Cue::Hear(expected)) => match (expected.kind, expected.code) {
                    (Some(kind), _) => format!("Hear {}", kind.name()),
                    (None, code) => format!("Hear close {}", code.unwrap()),
                },
                Some(Cue::Enter(_)) => "Enter".into(),
            };
            assert_eq!(got, expected, "{text}");
        }
    }

    #[test]
    fn a_speed_is_real_fast_or_a_number() {
        let second = Duration::from_secs(1);
        let cases = [
            ("fast", Some(Duration::ZERO)),
            ("real", Some(second)),
            ("2", Some(second / 2)),
            ("4x", Some(second / 4)),
            ("0.5", Some(2 * second)),
            ("0", None),
            ("-1", None),
            ("nan", None),
            ("slow", None),
        ];
        for (typed, expected) in cases {
            assert_eq!(Speed::parse(typed).ok().map(|speed| speed.of(second)), expected, "{typed}");
        }
    }

    #[test]
    fn what_cannot_be_played_is_a_mistake() {
        let cases = [
            ("{\"from\":\"peer\",\"regex\":\"a\"}", "only described", "text, json"),
            ("{\"from\":\"peer\"}", "only described", "text, json"),
            ("{\"event\":\"open\",\"status\":401}", "a refusal", "--refuse"),
            ("{\"event\":\"close\",\"from\":\"peer\",\"code\":1015}", "close code", "1000 to"),
        ];
        for (text, what, hint) in cases {
            let mistakes = of(text).unwrap_err();
            assert!(mistakes[0].what.contains(what), "{text}: {mistakes:?}");
            assert!(mistakes[0].hint.contains(hint), "{text}: {mistakes:?}");
        }
        let two =
            of("{\"from\":\"peer\"}\n{\"from\":\"peer\",\"text\":\"a\"}\n{\"from\":\"peer\"}");
        assert_eq!(two.unwrap_err().iter().map(|one| one.line).collect::<Vec<_>>(), [1, 3]);
    }
}
