//! The one record schema, both ways: what happened as a line of JSON, and a line of JSON as
//! something to send. No scenario logic here.

mod frame;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;
use thiserror::Error;

use crate::codec;
use crate::wire::close::{self, ABNORMAL, Close, MAX_REASON, NO_CODE};
use crate::wire::{Kind, MAX_CONTROL_PAYLOAD, RawFrame};

/// Which side something came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Side {
    /// This program.
    Us,
    /// The other end.
    Peer,
}

impl Side {
    /// The one across.
    pub fn other(self) -> Side {
        match self {
            Side::Us => Side::Peer,
            Side::Peer => Side::Us,
        }
    }
}

/// Something that happened, as it is written.
#[derive(Debug, Serialize)]
#[serde(tag = "event", rename_all = "lowercase")]
pub enum Record<'a> {
    /// The session is open.
    Open(Open<'a>),
    /// A data message; exactly one of `text` and `base64` is set.
    Message {
        /// Who sent it.
        from: Side,
        /// `text` or `binary`.
        opcode: &'static str,
        /// Bytes of the payload.
        length: usize,
        /// A text message's payload.
        #[serde(skip_serializing_if = "Option::is_none")]
        text: Option<&'a str>,
        /// A binary message's payload.
        #[serde(skip_serializing_if = "Option::is_none")]
        base64: Option<String>,
    },
    /// A Ping.
    Ping {
        /// Who sent it.
        from: Side,
        /// Its payload.
        base64: String,
    },
    /// A Pong.
    Pong {
        /// Who sent it.
        from: Side,
        /// Its payload.
        base64: String,
        /// Microseconds since our Ping left, when it answers one.
        #[serde(skip_serializing_if = "Option::is_none")]
        rtt_us: Option<u64>,
    },
    /// A frame as it passed, right or wrong (RFC 6455 section 5.2).
    Frame {
        /// Who sent it.
        from: Side,
        /// Its header.
        frame: Header,
        /// Its mask, in hexadecimal digits.
        #[serde(skip_serializing_if = "Option::is_none")]
        mask_key: Option<String>,
        /// Bytes of the payload that came, if they were fewer than the header says.
        #[serde(skip_serializing_if = "Option::is_none")]
        received: Option<u64>,
        /// Bytes of the payload that are in this record, if not all are that came.
        #[serde(skip_serializing_if = "Option::is_none")]
        kept: Option<u64>,
        /// Bytes of the payload before it was compressed.
        #[serde(skip_serializing_if = "Option::is_none")]
        inflated: Option<u64>,
        /// The payload without its mask, if it is UTF-8 in a frame of text.
        #[serde(skip_serializing_if = "Option::is_none")]
        text: Option<&'a str>,
        /// The payload without its mask otherwise.
        #[serde(skip_serializing_if = "Option::is_none")]
        base64: Option<String>,
    },
    /// How the session was closed: the first Close, or the loss of the connection.
    Close {
        /// Who closed.
        from: Side,
        /// The close code; 1005 for none and 1006 for a lost connection.
        code: u16,
        /// The reason.
        reason: &'a str,
        /// Whether both Closes were exchanged.
        clean: bool,
        /// Messages of ours that had been queued and did not leave as a whole: the last ones that a
        /// recording has.
        #[serde(skip_serializing_if = "is_zero")]
        unsent: u64,
    },
    /// The connection is gone, and the session is opened again.
    Reconnect {
        /// Seconds until that is tried.
        delay: f64,
        /// Messages of ours that may not have arrived: they had left since the last message from the peer
        /// or answered Ping.
        uncertain: u64,
        /// Messages of ours that had begun to leave and are not sent again.
        cut: u64,
    },
    /// What went wrong, when the exit code is not 0 for another reason than the close code.
    Failure {
        /// The kind of failure, one word.
        kind: &'static str,
        /// The error message.
        message: &'a str,
        /// The exit code.
        exit_code: i32,
    },
}

/// The header of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Header {
    /// Whether it is the last of its message.
    pub fin: bool,
    /// The three reserved bits as a number: 4 is RSV1.
    pub rsv: u8,
    /// The opcode.
    pub opcode: u8,
    /// Whether it says that it has a mask.
    pub mask: bool,
    /// The length of the payload that it states.
    pub length: u64,
}

/// What is known once the session is open.
#[derive(Clone, Debug, Serialize)]
pub struct Open<'a> {
    /// The URL, without a password.
    pub url: &'a str,
    /// The version of HTTP that carried the opening handshake.
    pub http_version: &'static str,
    /// The status of the answer.
    pub status: u16,
    /// The subprotocol that the server chose.
    pub subprotocol: Option<&'a str>,
    /// The extensions that the server accepted.
    pub extensions: &'a [String],
    /// The address and port of the peer, or its Unix socket.
    pub peer_address: &'a str,
    /// Seconds from the start of the attempt.
    pub timing: OpenTiming,
    /// The names and values of the request's headers, without secrets; for recordings.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_headers: Option<&'a [(String, String)]>,
    /// Those of the answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub response_headers: Option<&'a [(String, String)]>,
}

/// Whether a number is not worth being written.
fn is_zero(count: &u64) -> bool {
    *count == 0
}

/// Seconds from the start of the attempt until each step was done.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct OpenTiming {
    /// The host's name was resolved.
    pub namelookup: f64,
    /// TCP was connected.
    pub connect: f64,
    /// TLS was agreed on, if the URL asked for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls: Option<f64>,
    /// The upgrade was answered.
    pub upgrade: f64,
}

#[derive(Serialize)]
struct Stamped<'a> {
    time: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    conn: Option<&'a str>,
    #[serde(flatten)]
    record: &'a Record<'a>,
}

impl<'a> Record<'a> {
    /// The record of a data message.
    pub fn message(from: Side, kind: Kind, payload: &'a [u8]) -> Self {
        let text = match kind {
            Kind::Text => std::str::from_utf8(payload).ok(),
            Kind::Binary => None,
        };
        let base64 = if text.is_none() { Some(BASE64.encode(payload)) } else { None };
        Record::Message { from, opcode: kind.name(), length: payload.len(), text, base64 }
    }

    /// Appends the record to `out` as one line of JSON without its newline; `time` is UTC.
    pub fn write(&self, out: &mut Vec<u8>, time: &str) {
        self.write_of(out, time, None);
    }

    /// The same for one of several connections.
    pub fn write_of(&self, out: &mut Vec<u8>, time: &str, conn: Option<&str>) {
        serde_json::to_writer(out, &Stamped { time, conn, record: self })
            .expect("writing a record into memory cannot fail");
    }
}

/// Base64 as the records have it.
pub fn base64(payload: &[u8]) -> String {
    BASE64.encode(payload)
}

/// What an input record asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Send a message.
    Message(Kind, Vec<u8>),
    /// Send a Ping with this payload.
    Ping(Vec<u8>),
    /// Send a Pong with this payload that nobody has asked for.
    Pong(Vec<u8>),
    /// Send a frame exactly as it stands.
    Frame(RawFrame),
    /// Begin the closing handshake; without a code, with the one of the command line.
    Close(Option<Close>),
}

/// Which records of the input are taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Taken {
    /// The side whose records are taken, or both.
    pub only_from: Option<Side>,
    /// Whether frames made by hand are.
    pub raw_frames: bool,
    /// Whether Pongs are. In a recording they tell what has happened.
    pub pongs: bool,
}

impl Taken {
    /// Everything that can be asked for at a prompt.
    pub const TYPED: Taken = Taken { only_from: None, raw_frames: true, pongs: true };
}

/// Why a line is not a record that can be sent.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("{what}")]
pub struct RecordError {
    /// The byte of the line where it was noticed, from 1, where there is one.
    pub byte: Option<u64>,
    /// What is wrong.
    pub what: String,
    /// What can be done about it.
    pub hint: &'static str,
}

/// What to write where something else is no record.
const EXAMPLE: &str = "a record is one JSON object a line, such as {\"text\":\"hi\"}";

/// How a message gets into a recording whole.
const HELD: &str = "--record keeps messages up to --max-message-size, which is 64M unless given";

fn wrong(what: impl Into<String>) -> RecordError {
    RecordError { byte: None, what: what.into(), hint: EXAMPLE }
}

#[derive(Deserialize)]
#[serde(expecting = "a JSON object")]
struct Incoming<'a> {
    event: Option<String>,
    from: Option<String>,
    opcode: Option<String>,
    text: Option<String>,
    base64: Option<String>,
    hex: Option<String>,
    #[serde(borrow, default, deserialize_with = "even_null")]
    json: Option<&'a RawValue>,
    length: Option<IgnoredAny>,
    kept: Option<u64>,
    code: Option<u16>,
    reason: Option<String>,
    frame: Option<Value>,
    mask_key: Option<Value>,
}

/// `"json":null` is a message too.
fn even_null<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Option<&'de RawValue>, D::Error> {
    <&RawValue>::deserialize(from).map(Some)
}

/// Reads one line of `--jsonl` input; nothing when there is nothing to send: an empty line, a record
/// that only tells what happened, or one of the side that is not `taken`. A frame where none is taken is
/// a mistake.
///
/// # Errors
/// What is wrong with the line, and where.
pub fn parse(line: &[u8], taken: Taken) -> Result<Option<Command>, RecordError> {
    if line.trim_ascii().is_empty() {
        return Ok(None);
    }
    let record: Incoming = serde_json::from_slice(line).map_err(|error| not_a_record(&error))?;
    let from = match record.from.as_deref() {
        None | Some("us") => Side::Us,
        Some("peer") => Side::Peer,
        Some(other) => return Err(wrong(format!("from is {other:?}: expected us or peer"))),
    };
    if taken.only_from.is_some_and(|only| only != from) {
        return Ok(None);
    }
    let event = record.event.as_deref();
    match event.unwrap_or(if record.frame.is_some() { "frame" } else { "message" }) {
        "frame" => frame::parse(&record, taken.raw_frames).map(Some),
        "message" | "ping" | "close" if record.frame.is_some() => Err(frame::with_event(event)),
        "message" => message(record).map(Some),
        "ping" => ping(record).map(|payload| Some(Command::Ping(payload))),
        "pong" if taken.pongs => ping(record).map(|payload| Some(Command::Pong(payload))),
        // How a recording tells of a lost connection; there is nothing to send.
        "close" if record.code == Some(ABNORMAL) => Ok(None),
        "close" => close_command(record).map(Some),
        "open" | "pong" | "failure" | "reconnect" => Ok(None),
        other => Err(wrong(format!(
            "unknown event {other:?}: message, ping and close can be sent; open, pong and failure are skipped"
        ))),
    }
}

fn not_a_record(error: &serde_json::Error) -> RecordError {
    let text = error.to_string();
    let what = text.split(" at line ").next().unwrap_or(&text);
    let byte = Some(error.column().max(1) as u64);
    RecordError { byte, ..wrong(format!("not a record: {what}")) }
}

fn payload(record: &Incoming) -> Result<Option<(Kind, Vec<u8>)>, RecordError> {
    let given = [
        record.text.is_some(),
        record.base64.is_some(),
        record.hex.is_some(),
        record.json.is_some(),
    ];
    if given.iter().filter(|given| **given).count() > 1 {
        return Err(wrong("more than one of text, base64, hex and json"));
    }
    if let Some(text) = &record.text {
        return Ok(Some((Kind::Text, text.clone().into_bytes())));
    }
    if let Some(json) = record.json {
        return Ok(Some((Kind::Text, compact(json.get()).into_bytes())));
    }
    if let Some(encoded) = &record.base64 {
        let bytes = BASE64.decode(encoded).map_err(|error| wrong(format!("base64: {error}")))?;
        return Ok(Some((Kind::Binary, bytes)));
    }
    if let Some(encoded) = &record.hex {
        return decode_hex(encoded).map(|bytes| Some((Kind::Binary, bytes)));
    }
    Ok(None)
}

fn decode_hex(encoded: &str) -> Result<Vec<u8>, RecordError> {
    codec::decode_hex(encoded)
        .map_err(|error| wrong(format!("hex: {} at byte {}", error.what, error.byte)))
}

fn message(record: Incoming) -> Result<Command, RecordError> {
    let Some((natural, bytes)) = payload(&record)? else {
        if record.length.is_some() {
            return Err(RecordError {
                hint: HELD,
                ..wrong("only the length of this message was recorded")
            });
        }
        return Err(wrong("a message needs one of text, base64, hex and json"));
    };
    let kind = match record.opcode.as_deref() {
        None => natural,
        Some("text") => Kind::Text,
        Some("binary") => Kind::Binary,
        Some(other) => return Err(wrong(format!("opcode is {other:?}: expected text or binary"))),
    };
    if kind == Kind::Text && simdutf8::basic::from_utf8(&bytes).is_err() {
        return Err(wrong("the payload of a text message is not UTF-8"));
    }
    Ok(Command::Message(kind, bytes))
}

/// The payload of a control frame.
fn ping(record: Incoming) -> Result<Vec<u8>, RecordError> {
    let bytes = payload(&record)?.map(|(_, bytes)| bytes).unwrap_or_default();
    if bytes.len() > MAX_CONTROL_PAYLOAD {
        return Err(wrong(format!(
            "the payload of a ping has {} bytes: at most {MAX_CONTROL_PAYLOAD} are allowed",
            bytes.len()
        )));
    }
    Ok(bytes)
}

fn close_command(record: Incoming) -> Result<Command, RecordError> {
    let reason = record.reason.unwrap_or_default();
    if reason.len() > MAX_REASON {
        return Err(wrong(format!(
            "the reason has {} bytes: at most {MAX_REASON} are allowed",
            reason.len()
        )));
    }
    match record.code {
        None if reason.is_empty() => Ok(Command::Close(None)),
        None => Ok(Command::Close(Some(Close::new(1000, reason)))),
        Some(NO_CODE) => Ok(Command::Close(Some(Close::default()))),
        Some(code) if close::is_valid_on_wire(code) => {
            Ok(Command::Close(Some(Close::new(code, reason))))
        }
        Some(code) => Err(wrong(format!(
            "close code {code} cannot be sent: 1000 to 1003, 1007 to 1014 and 3000 to 4999 can"
        ))),
    }
}

/// Valid JSON without its insignificant white space; order, digits and escapes stay as they are.
pub fn compact(json: &str) -> String {
    let (mut in_string, mut escaped) = (false, false);
    json.chars()
        .filter(|c| {
            if in_string {
                in_string = escaped || *c != '"';
                escaped = !escaped && *c == '\\';
                return true;
            }
            in_string = *c == '"';
            !c.is_ascii_whitespace()
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> Option<Command> {
        Some(Command::Message(Kind::Text, text.into()))
    }

    #[test]
    fn an_input_record_says_what_to_send() {
        let binary = |bytes: &[u8]| Some(Command::Message(Kind::Binary, bytes.to_vec()));
        let cases = [
            (r#"{"text":"hi"}"#, text("hi")),
            (r#"{"event":"message","from":"peer","text":"","x":[1]}"#, text("")),
            (r#"{"base64":"AAEC"}"#, binary(&[0, 1, 2])),
            (r#"{"hex":"00ff"}"#, binary(&[0, 255])),
            (r#"{"hex":"6869","opcode":"text"}"#, text("hi")),
            (r#"{"text":"hi","opcode":"binary"}"#, binary(b"hi")),
            (
                r#"{"json": { "b": 1.000, "a": [1, 12345678901234567890 ], "s": "a \" b" }}"#,
                text(r#"{"b":1.000,"a":[1,12345678901234567890],"s":"a \" b"}"#),
            ),
            (r#"{"json":null}"#, text("null")),
            (r#"{"event":"ping"}"#, Some(Command::Ping(vec![]))),
            (r#"{"event":"ping","text":"x"}"#, Some(Command::Ping(b"x".to_vec()))),
            (r#"{"event":"close"}"#, Some(Command::Close(None))),
            (
                r#"{"event":"close","code":4000,"reason":"bye"}"#,
                Some(Command::Close(Some(Close::new(4000, "bye")))),
            ),
            (r#"{"event":"close","code":1005}"#, Some(Command::Close(Some(Close::default())))),
            (r#"{"event":"close","code":1006,"clean":false}"#, None),
            (" ", None),
            (r#"{"event":"open","url":"ws://x/"}"#, None),
            (r#"{"event":"pong","base64":""}"#, None),
            (r#"{"event":"failure","kind":"x"}"#, None),
        ];
        for (line, expected) in cases {
            assert_eq!(parse(line.as_bytes(), Taken::default()), Ok(expected), "{line}");
        }
    }

    #[test]
    fn only_from_picks_one_side_and_a_record_without_one_is_ours() {
        let cases = [
            (r#"{"text":"a"}"#, Side::Us, text("a")),
            (r#"{"text":"a"}"#, Side::Peer, None),
            (r#"{"text":"a","from":"peer"}"#, Side::Peer, text("a")),
            (r#"{"text":"a","from":"peer"}"#, Side::Us, None),
        ];
        for (line, only, expected) in cases {
            let taken = Taken { only_from: Some(only), ..Taken::default() };
            assert_eq!(parse(line.as_bytes(), taken), Ok(expected), "{line} {only:?}");
        }
    }

    #[test]
    fn a_wrong_record_is_named() {
        let cases = [
            ("hello", "not a record: expected value"),
            (r#"{"text":"#, "not a record: EOF while parsing"),
            (r#"["text"]"#, "expected a JSON object"),
            (r#"{"text":"a","hex":"00"}"#, "more than one of"),
            (r#"{"event":"message"}"#, "a message needs one of"),
            (r#"{"opcode":"text","length":5}"#, "only the length of this message was recorded"),
            (r#"{"event":"mesage","text":"a"}"#, "unknown event \"mesage\""),
            (r#"{"text":"a","from":"me"}"#, "from is \"me\""),
            (r#"{"text":"a","opcode":"txt"}"#, "opcode is \"txt\""),
            (r#"{"hex":"0"}"#, "hex: "),
            (r#"{"base64":"A"}"#, "base64: "),
            (r#"{"base64":"/w==","opcode":"text"}"#, "not UTF-8"),
            (r#"{"event":"close","code":1004}"#, "1004 cannot be sent"),
            (r#"{"event":"close","code":70000}"#, "not a record: invalid value"),
        ];
        for (line, expected) in cases {
            let error = parse(line.as_bytes(), Taken::default()).expect_err(line);
            assert!(error.what.contains(expected), "{line}: {error}");
        }
    }

    #[test]
    fn a_record_is_written_as_the_contract_shows_it() {
        let cases = [
            (
                Record::message(Side::Peer, Kind::Text, b"hello"),
                r#"{"time":"T","event":"message","from":"peer","opcode":"text","length":5,"text":"hello"}"#,
            ),
            (
                Record::message(Side::Peer, Kind::Binary, &[0, 1, 2]),
                r#"{"time":"T","event":"message","from":"peer","opcode":"binary","length":3,"base64":"AAEC"}"#,
            ),
            (
                Record::Pong { from: Side::Peer, base64: "YQ==".into(), rtt_us: Some(412) },
                r#"{"time":"T","event":"pong","from":"peer","base64":"YQ==","rtt_us":412}"#,
            ),
            (
                Record::Close {
                    from: Side::Peer,
                    code: 1000,
                    reason: "bye",
                    clean: true,
                    unsent: 0,
                },
                r#"{"time":"T","event":"close","from":"peer","code":1000,"reason":"bye","clean":true}"#,
            ),
            (
                Record::Failure { kind: "connect", message: "no", exit_code: 7 },
                r#"{"time":"T","event":"failure","kind":"connect","message":"no","exit_code":7}"#,
            ),
        ];
        for (record, expected) in cases {
            let mut out = Vec::new();
            record.write(&mut out, "T");
            assert_eq!(String::from_utf8(out).unwrap(), expected);
        }
    }
}
