//! What kinds of records a scenario has, and which fields each may have.

use super::fields::{Fields, Mistake, similar};
use super::parse::side;
use crate::record::Side;

/// A kind of record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// The first line, which says that this is a scenario.
    Header,
    /// A connection is opened.
    Open,
    /// Something is sent.
    Sent(Event),
    /// Something is expected.
    Expected(Event),
    /// Something that a recording tells, and that neither sends nor expects anything.
    Told,
}

/// What crosses the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// A message.
    Message,
    /// A Ping.
    Ping,
    /// A Pong.
    Pong,
    /// A Close.
    Close,
}

const EVENTS: [&str; 8] =
    ["message", "ping", "pong", "close", "open", "scenario", "failure", "reconnect"];
const ANY: [&str; 5] = ["event", "from", "time", "conn", "comment"];
const CONTENT: [&str; 6] = ["opcode", "length", "text", "json", "base64", "hex"];

/// The kind of a record.
///
/// # Errors
/// Its event or its side is none.
pub fn of(fields: &mut Fields) -> Result<Shape, Mistake> {
    let event = fields.take::<String>("event", "a string")?;
    let name = event.as_ref().map_or("message", |event| event.value.as_str());
    let what = match name {
        "scenario" => return Ok(Shape::Header),
        "open" => return Ok(Shape::Open),
        "failure" | "reconnect" => return Ok(Shape::Told),
        "message" => Event::Message,
        "ping" => Event::Ping,
        "pong" => Event::Pong,
        "close" => Event::Close,
        other => {
            let hint = match similar(other, &EVENTS) {
                Some(word) => format!("did you mean {word:?}?"),
                None => format!("the events are {}", EVENTS.join(", ")),
            };
            let what = format!("unknown event {other:?}");
            return Err(match &event {
                Some(event) => fields.mistake(event.raw, what, hint),
                None => fields.mistaken(what, hint),
            });
        }
    };
    Ok(match side(fields)? {
        Side::Us if what == Event::Pong && fields.has("time") => Shape::Told,
        Side::Us if what == Event::Pong => {
            let hint = "leave it out: a ping of the peer is answered without being asked for";
            return Err(fields.mistaken("a pong of ours is not sent", hint));
        }
        Side::Us => Shape::Sent(what),
        Side::Peer => Shape::Expected(what),
    })
}

impl Shape {
    /// Whether a record of this kind, when it has a time, was not written to be compared: Pings and Pongs
    /// come and go as they like.
    pub fn is_only_told_by_recordings(self) -> bool {
        matches!(self, Shape::Sent(Event::Ping) | Shape::Expected(Event::Ping | Event::Pong))
    }

    fn name(self) -> &'static str {
        match self {
            Shape::Header => "the scenario record",
            Shape::Open => "an open record",
            Shape::Sent(Event::Message) => "a message that we send",
            Shape::Sent(Event::Ping | Event::Pong) => "a ping that we send",
            Shape::Sent(Event::Close) => "a close that we send",
            Shape::Expected(Event::Message) => "a message that is expected",
            Shape::Expected(Event::Ping) => "a ping that is expected",
            Shape::Expected(Event::Pong) => "a pong that is expected",
            Shape::Expected(Event::Close) => "a close that is expected",
            Shape::Told => "this record",
        }
    }

    /// The fields that mean something in it, and those that recordings have.
    fn fields(self) -> (Vec<&'static str>, &'static [&'static str]) {
        let own: &[&[&str]] = match self {
            Shape::Header => &[&["version", "name"]],
            Shape::Open => &[&["url", "subprotocol", "headers", "status", "within"]],
            Shape::Sent(Event::Message) => &[&CONTENT],
            Shape::Sent(Event::Ping | Event::Pong) => &[&CONTENT[2..]],
            Shape::Sent(Event::Close) => &[&["code", "reason", "within"]],
            Shape::Expected(Event::Message) => {
                &[&CONTENT, &["regex", "jq", "none", "skip", "within", "capture"]]
            }
            Shape::Expected(Event::Ping | Event::Pong) => &[&CONTENT[2..], &["skip", "within"]],
            Shape::Expected(Event::Close) => &[&["code", "reason", "skip", "within"]],
            Shape::Told => &[],
        };
        let recorded: &[&str] = match self {
            Shape::Open => &[
                "http_version",
                "extensions",
                "peer_address",
                "timing",
                "request_headers",
                "response_headers",
            ],
            Shape::Sent(Event::Close) | Shape::Expected(Event::Close) => &["clean", "unsent"],
            Shape::Expected(Event::Pong) => &["rtt_us"],
            Shape::Header => &["event"],
            _ => &[],
        };
        (own.concat(), recorded)
    }

    /// Refuses fields that mean nothing in such a record: `event` and `from` are taken out already.
    ///
    /// # Errors
    /// The first of them, and what was meant.
    pub fn check(self, fields: &Fields) -> Result<(), Mistake> {
        if self == Shape::Told {
            return Ok(());
        }
        let (own, recorded) = self.fields();
        let common: &[&str] = if self == Shape::Header { &ANY[4..] } else { &ANY };
        let may_be =
            |name: &str| own.contains(&name) || recorded.contains(&name) || common.contains(&name);
        let Some((name, value)) = fields.others(may_be) else { return self.check_none(fields) };
        let list = || format!("it may have {}", own.join(", "));
        let is_elsewhere = [Shape::Open, Shape::Sent(Event::Close)]
            .into_iter()
            .chain([Shape::Expected(Event::Message), Shape::Expected(Event::Close)])
            .any(|shape| shape.fields().0.contains(&name));
        if is_elsewhere {
            let what = format!("{name} means nothing in {}", self.name());
            let hint = match (self, name) {
                (
                    Shape::Sent(Event::Message),
                    "regex" | "jq" | "none" | "skip" | "within" | "capture",
                ) => "add \"from\":\"peer\" if it is expected".to_owned(),
                (_, "code" | "reason") => "add \"event\":\"close\"".to_owned(),
                _ => list(),
            };
            return Err(fields.misnamed((name, value), what, hint));
        }
        let known: Vec<&str> = own.iter().chain(common).copied().collect();
        let hint = match similar(name, &known) {
            Some(word) => format!("did you mean {word:?}?"),
            None => list(),
        };
        let what = format!("unknown field {name:?} in {}", self.name());
        Err(fields.misnamed((name, value), what, hint))
    }

    /// Silence has no other properties than how long it lasts.
    fn check_none(self, fields: &Fields) -> Result<(), Mistake> {
        if !fields.has("none") {
            return Ok(());
        }
        let also = fields.others(|name| ["none", "conn", "time", "comment"].contains(&name));
        also.map_or(Ok(()), |(name, value)| {
            let what = format!("{name} means nothing beside none");
            Err(fields.misnamed(
                (name, value),
                what,
                "none expects silence: {\"from\":\"peer\",\"none\":\"2s\"}",
            ))
        })
    }
}
