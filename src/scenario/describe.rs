//! What a step does or expects, in one line.

use std::time::Duration;

use super::came::shown;
use super::expectation::{Awaited, Expectation};
use super::{Act, Content, Scenario, Step};
use crate::failure::duration;
use crate::output::escape::{one_line, quoted};
use crate::wire::close::meaning;
use crate::wire::{Close, Kind};

/// Bytes of a content that are shown.
const SHORT: usize = 60;

impl Scenario {
    /// A step in one line. Names stand as they are written: what they stand for may be secret.
    pub fn describe(&self, step: &Step) -> String {
        let name = &self.conns[step.conn];
        let before = if name.is_empty() { String::new() } else { format!("{}: ", one_line(name)) };
        before + &step.act.describe()
    }
}

impl Act {
    fn describe(&self) -> String {
        match self {
            Act::Open(opening) => {
                let url = opening.url.as_ref().map(|url| format!(" {}", one_line(&url.source())));
                let refused = opening.status.map(|status| format!(", to be refused with {status}"));
                format!("open{}{}", url.unwrap_or_default(), refused.unwrap_or_default())
            }
            Act::Send(kind, content) => format!("send {}", content.describe(Some(*kind))),
            Act::Ping(payload) => format!("send ping {}", short(payload)),
            Act::Close(close, _) => format!("close {}", words(close)),
            Act::Expect(expectation) => format!("expect {}", expectation.describe()),
            Act::Silence(length) => format!("expect silence for {}", duration(length)),
        }
    }
}

impl Content {
    fn describe(&self, kind: Option<Kind>) -> String {
        let kind = kind.map(|kind| format!("{} ", kind.name())).unwrap_or_default();
        match self {
            Content::Text(template) => kind + &short(template.source().as_bytes()),
            Content::Json(template) => format!("json {}", cut(&one_line(&template.source()))),
            Content::Bytes(content) => {
                let kind = if kind.is_empty() { "binary " } else { &kind };
                format!("{kind}of {}", bytes(content.len() as u64))
            }
        }
    }
}

impl Expectation {
    /// What a Ping or Pong is to carry, if that is named.
    fn payload(&self) -> String {
        match &self.content {
            Some(Content::Bytes(payload)) => format!(" {}", short(payload)),
            _ => String::new(),
        }
    }

    /// What is expected, in one line.
    pub fn describe(&self) -> String {
        let mut parts = Vec::new();
        match self.awaited {
            Awaited::Message => parts.extend(match (&self.content, self.kind) {
                (Some(content), kind) => Some(content.describe(kind)),
                (None, Some(kind)) => Some(format!("a {} message", kind.name())),
                (None, None) if self.regex.is_none() && self.jq.is_none() => {
                    Some("a message".into())
                }
                (None, None) => None,
            }),
            Awaited::Ping => parts.push(format!("a ping{}", self.payload())),
            Awaited::Pong => parts.push(format!("a pong{}", self.payload())),
            Awaited::Close => parts.push(match self.code {
                Some(code) => format!("close {code} {}", meaning(code)),
                None => "close".into(),
            }),
        }
        parts.extend(
            self.regex.as_ref().map(|regex| format!("a match of {}", filter(&regex.source()))),
        );
        parts.extend(self.jq.as_ref().map(|query| format!("jq {}", filter(&query.source()))));
        let length = self.length.filter(|_| !matches!(self.content, Some(Content::Bytes(_))));
        parts.extend(length.map(bytes));
        parts.extend(
            self.reason
                .as_ref()
                .filter(|reason| !reason.is_empty())
                .map(|reason| short(reason.as_bytes())),
        );
        let captures: Vec<_> = self.captures.iter().map(|(name, _)| name.as_str()).collect();
        if !captures.is_empty() {
            parts.push(format!("capture {}", captures.join(" and ")));
        }
        parts.join(", ")
    }
}

fn bytes(length: u64) -> String {
    format!("{length} byte{}", if length == 1 { "" } else { "s" })
}

/// A filter or a regular expression, which may have quotes in it.
fn filter(source: &str) -> String {
    quoted(&cut(source))
}

fn words(close: &Close) -> String {
    let number = close.number();
    let reason = if close.reason.is_empty() {
        String::new()
    } else {
        format!(" {}", short(close.reason.as_bytes()))
    };
    format!("{number} {}{reason}", meaning(number))
}

fn short(payload: &[u8]) -> String {
    let text = shown(payload);
    if text.len() <= SHORT { text } else { cut(text.trim_end_matches('"')) + "\"" }
}

fn cut(text: &str) -> String {
    if text.len() <= SHORT {
        return text.to_owned();
    }
    let end = (0..=SHORT).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
    format!("{}…", &text[..end])
}

/// A limit in words, to the millisecond.
pub fn rounded(limit: Duration) -> String {
    duration(&Duration::from_millis(u64::try_from(limit.as_millis()).unwrap_or(u64::MAX)))
}

/// How long something took, for people.
pub fn took(time: Duration) -> String {
    match time.as_secs_f64() {
        seconds if seconds < 1.0 => format!("{:.1} ms", seconds * 1000.0),
        seconds => format!("{seconds:.2} s"),
    }
}
