//! What a line means that is typed at the prompt: a message, or a command, which begins with a slash.
//! What is to be sent becomes a record, as in `--jsonl` input, and is checked as one.

use serde_json::{Map, Value, json};

use crate::record;
use crate::wire::close::ABNORMAL;
use crate::wire::{Kind, MAX_CONTROL_PAYLOAD};

/// A command: its name, what may follow it, and what it does.
pub struct Help {
    /// The name, with its slash.
    pub name: &'static str,
    /// What may follow.
    pub arguments: &'static str,
    /// What it does.
    pub does: &'static str,
}

/// Every command, in the order in which they are shown.
pub const COMMANDS: &[Help] = &[
    help("/ping", "[TEXT]", "send a Ping and show the round trip"),
    help("/pong", "[TEXT]", "send a Pong that nobody asked for"),
    help("/close", "[CODE [REASON]]", "begin the closing handshake"),
    help("/binary", "HEX", "send a binary message"),
    help("/base64", "BASE64", "send a binary message"),
    help("/file", "PATH [text|binary]", "send a file as one message"),
    help("/json", "JSON", "check it, and send it as compact text"),
    help("/frame", "[NAME=VALUE]... [DATA]", "send one frame, right or wrong"),
    help("/stats", "", "show what has passed so far"),
    help("/history", "", "show the lines that were typed"),
    help("/save", "FILE", "save this session as records"),
    help("/help", "", "show this"),
    help("/quit", "", "close, as Ctrl-D does"),
];

const fn help(name: &'static str, arguments: &'static str, does: &'static str) -> Help {
    Help { name, arguments, does }
}

/// What a line means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Typed {
    /// This record is sent.
    Send(String),
    /// A file is sent as one message; without a kind, as text if it is text.
    File {
        /// Its name.
        path: String,
        /// What it is sent as.
        kind: Option<Kind>,
    },
    /// `/stats`
    Stats,
    /// `/history`
    History,
    /// `/save`
    Save(String),
    /// `/help`
    Help,
    /// `/quit`
    Quit,
}

/// What a line means.
///
/// # Errors
/// It is no command, or not what the command needs: what is wrong, and the way out.
pub fn understand(line: &str) -> Result<Typed, String> {
    // What was copied as a whole line ends like one.
    let line = line.strip_suffix('\n').unwrap_or(line);
    let line = line.strip_suffix('\r').unwrap_or(line);
    if let Some(message) = line.strip_prefix('/').filter(|rest| rest.starts_with('/')) {
        return sent(&json!({ "text": message }));
    }
    if !line.starts_with('/') {
        return sent(&json!({ "text": line }));
    }
    let (name, rest) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
    let trimmed = rest.trim();
    match name {
        "/ping" => control("ping", rest),
        "/pong" => control("pong", rest),
        "/close" => close(trimmed),
        "/binary" => given(trimmed, "/binary 00 ff: the bytes in hexadecimal digits")
            .and_then(|hex| sent(&json!({ "hex": without_spaces(hex) }))),
        "/base64" => given(trimmed, "/base64 AP8=")
            .and_then(|base64| sent(&json!({ "base64": without_spaces(base64) }))),
        "/json" => given(trimmed, "/json {\"a\":1}").and_then(json_text),
        "/frame" => frame(trimmed),
        "/file" => file(given(trimmed, "/file PATH, with text or binary behind it or not")?),
        "/save" => Ok(Typed::Save(given(trimmed, "/save FILE")?.to_owned())),
        "/stats" => alone(Typed::Stats, trimmed),
        "/history" => alone(Typed::History, trimmed),
        "/help" | "/?" => alone(Typed::Help, trimmed),
        "/quit" | "/exit" => alone(Typed::Quit, trimmed),
        other => Err(format!(
            "there is no command {other}: /help shows all of them, and //{} sends a slash",
            &line[1..]
        )),
    }
}

/// The record of bytes of a file; as text if that is asked for, or nothing is and it is text.
///
/// # Errors
/// It is to be text and is none.
pub fn contents(bytes: &[u8], kind: Option<Kind>) -> Result<String, String> {
    let is_text = std::str::from_utf8(bytes).is_ok();
    let kind = match kind {
        Some(Kind::Text) if !is_text => {
            return Err("it is not UTF-8: /file PATH binary sends it".into());
        }
        Some(kind) => kind,
        None if is_text => Kind::Text,
        None => Kind::Binary,
    };
    // Escapes would make a text of unknown length.
    Ok(json!({ "opcode": kind.name(), "base64": record::base64(bytes) }).to_string())
}

/// Something that may have been pasted with more behind it does nothing but what it says.
fn alone(typed: Typed, rest: &str) -> Result<Typed, String> {
    if rest.is_empty() { Ok(typed) } else { Err("there is nothing to follow this command".into()) }
}

fn given<'a>(rest: &'a str, usage: &str) -> Result<&'a str, String> {
    if rest.is_empty() { Err(format!("something is missing: {usage}")) } else { Ok(rest) }
}

fn without_spaces(text: &str) -> String {
    text.split_whitespace().collect()
}

/// Checks a record as it will be checked when it is sent.
fn sent(record: &Value) -> Result<Typed, String> {
    checked(record.to_string())
}

fn checked(line: String) -> Result<Typed, String> {
    match record::parse(line.as_bytes(), record::Taken::TYPED) {
        Ok(Some(_)) => Ok(Typed::Send(line)),
        Ok(None) => Err("there is nothing to send".into()),
        Err(error) => Err(error.to_string()),
    }
}

fn control(event: &str, text: &str) -> Result<Typed, String> {
    if text.len() > MAX_CONTROL_PAYLOAD {
        let length = text.len();
        return Err(format!(
            "the payload of a {event} has {length} bytes: at most {MAX_CONTROL_PAYLOAD} are allowed; /frame sends more"
        ));
    }
    sent(&json!({ "event": event, "text": text }))
}

fn close(rest: &str) -> Result<Typed, String> {
    let mut record = Map::from_iter([("event".to_owned(), json!("close"))]);
    if !rest.is_empty() {
        let (code, reason) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
        let number: u16 = code.parse().map_err(|_| {
            format!("{code:?} is no close code: /close 1000 done; /close alone takes --close-code")
        })?;
        if number == ABNORMAL {
            return Err(format!("{ABNORMAL} is never sent: it says that a connection was lost"));
        }
        record.insert("code".into(), json!(number));
        record.insert("reason".into(), json!(reason.trim_start()));
    }
    sent(&Value::Object(record))
}

/// JSON is sent as it was typed but for its layout, so it is not read as a value.
fn json_text(text: &str) -> Result<Typed, String> {
    // A record is one line.
    let text = text.replace(['\n', '\r'], " ");
    checked(format!("{{\"json\":{text}}}")).map_err(|error| match serde_json::from_str(&text) {
        Ok(serde::de::IgnoredAny) => error,
        Err(wrong) => format!("this is no JSON: {wrong}"),
    })
}

fn file(rest: &str) -> Result<Typed, String> {
    let (path, kind) = match rest.rsplit_once(char::is_whitespace) {
        Some((path, "text")) => (path.trim_end(), Some(Kind::Text)),
        Some((path, "binary")) => (path.trim_end(), Some(Kind::Binary)),
        _ => (rest, None),
    };
    Ok(Typed::File { path: path.to_owned(), kind })
}

/// `/frame fin=false opcode=3 text hello`, or a record as in `--raw-frames`.
fn frame(rest: &str) -> Result<Typed, String> {
    if rest.starts_with('{') {
        let record = rest.replace(['\n', '\r'], " ");
        return match serde_json::from_str::<Map<String, Value>>(&record) {
            Ok(fields) if fields.contains_key("frame") => checked(record),
            Ok(_) => {
                Err("this record has no frame: {\"frame\":{\"opcode\":3},\"text\":\"x\"}".into())
            }
            Err(wrong) => Err(format!("this is no record: {wrong}")),
        };
    }
    let (mut header, mut record) = (Map::new(), Map::new());
    let mut rest = rest;
    while !rest.is_empty() {
        let (word, after) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
        if let "text" | "hex" | "base64" = word {
            let data = if word == "text" { after.to_owned() } else { without_spaces(after) };
            record.insert(word.into(), Value::String(data));
            break;
        }
        field(word, &mut header, &mut record)?;
        rest = after.trim_start();
    }
    record.insert("frame".into(), Value::Object(header));
    sent(&Value::Object(record))
}

/// The opcodes that have a name (RFC 6455 section 5.2).
const OPCODES: [(&str, u8); 6] =
    [("continuation", 0), ("text", 1), ("binary", 2), ("close", 8), ("ping", 9), ("pong", 10)];

fn field(
    word: &str,
    header: &mut Map<String, Value>,
    record: &mut Map<String, Value>,
) -> Result<(), String> {
    let wrong = || {
        format!(
            "{word:?} is not understood: fin=false rsv=4 opcode=ping mask=false mask_key=00000000 length=9 length_bytes=8, then text, hex or base64 and the payload"
        )
    };
    let (name, value) = word.split_once('=').ok_or_else(wrong)?;
    let value = match (name, value) {
        ("mask_key", value) => {
            record.insert(name.into(), json!(value));
            return Ok(());
        }
        ("fin" | "mask", "true" | "yes" | "1") => json!(true),
        ("fin" | "mask", "false" | "no" | "0") => json!(false),
        ("opcode", value) => {
            let named = OPCODES.iter().find(|(name, _)| *name == value).map(|(_, opcode)| *opcode);
            json!(
                named
                    .map_or_else(|| number(value), |opcode| Some(opcode.into()))
                    .ok_or_else(wrong)?
            )
        }
        ("rsv" | "length" | "length_bytes", value) => json!(number(value).ok_or_else(wrong)?),
        _ => return Err(wrong()),
    };
    header.insert(name.into(), value);
    Ok(())
}

fn number(text: &str) -> Option<u64> {
    match text.strip_prefix("0x") {
        Some(digits) => u64::from_str_radix(digits, 16).ok(),
        None => text.parse().ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_a_message_or_a_command() {
        let send = |record: &str| Ok(Typed::Send(record.to_owned()));
        let cases = [
            ("hello", send(r#"{"text":"hello"}"#)),
            ("", send(r#"{"text":""}"#)),
            (" /x", send(r#"{"text":" /x"}"#)),
            ("a\nb\n", send(r#"{"text":"a\nb"}"#)),
            ("copied\r\n", send(r#"{"text":"copied"}"#)),
            ("//path", send(r#"{"text":"/path"}"#)),
            ("///", send(r#"{"text":"//"}"#)),
            ("/ping", send(r#"{"event":"ping","text":""}"#)),
            ("/ping a b", send(r#"{"event":"ping","text":"a b"}"#)),
            ("/pong x", send(r#"{"event":"pong","text":"x"}"#)),
            ("/close", send(r#"{"event":"close"}"#)),
            ("/close 4000 bye  now", send(r#"{"code":4000,"event":"close","reason":"bye  now"}"#)),
            ("/binary 00 fF", send(r#"{"hex":"00fF"}"#)),
            ("/base64 AP8=", send(r#"{"base64":"AP8="}"#)),
            ("/json {\"b\":1.0,\n \"a\":2}", send("{\"json\":{\"b\":1.0,  \"a\":2}}")),
            ("/file a b", Ok(Typed::File { path: "a b".into(), kind: None })),
            ("/file a text", Ok(Typed::File { path: "a".into(), kind: Some(Kind::Text) })),
            ("/file a b binary", Ok(Typed::File { path: "a b".into(), kind: Some(Kind::Binary) })),
            ("/stats", Ok(Typed::Stats)),
            ("/history", Ok(Typed::History)),
            ("/save my file", Ok(Typed::Save("my file".into()))),
            ("/help", Ok(Typed::Help)),
            ("/quit", Ok(Typed::Quit)),
        ];
        for (line, expected) in cases {
            assert_eq!(understand(line), expected, "{line:?}");
        }
    }

    #[test]
    fn a_frame_is_made_of_words_or_is_a_record() {
        let cases = [
            ("/frame", r#"{"frame":{}}"#),
            (
                "/frame fin=false rsv=4 opcode=3 text  a b",
                r#"{"frame":{"fin":false,"opcode":3,"rsv":4},"text":" a b"}"#,
            ),
            (
                "/frame opcode=ping mask=no length=0x7d hex 00 ff",
                r#"{"frame":{"length":125,"mask":false,"opcode":9},"hex":"00ff"}"#,
            ),
            (
                "/frame mask_key=00000000 length_bytes=8 base64 AP8=",
                r#"{"base64":"AP8=","frame":{"length_bytes":8},"mask_key":"00000000"}"#,
            ),
            ("/frame {\"frame\":{}}", r#"{"frame":{}}"#),
        ];
        for (line, record) in cases {
            assert_eq!(understand(line), Ok(Typed::Send(record.to_owned())), "{line}");
        }
    }

    #[test]
    fn what_is_wrong_is_said_with_the_way_out() {
        let long = format!("/ping {}", "x".repeat(126));
        let cases = [
            (
                "/nope",
                "there is no command /nope: /help shows all of them, and //nope sends a slash",
            ),
            ("/binary", "something is missing: /binary 00 ff"),
            ("/binary 0", "hex"),
            ("/binary zz", "hex"),
            ("/base64 ?", "base64"),
            ("/json {", "this is no JSON: EOF"),
            ("/json 1 2", "this is no JSON: trailing"),
            ("/close x", "\"x\" is no close code"),
            ("/close 1006", "1006 is never sent"),
            ("/close 999", "close code 999 cannot be sent"),
            ("/close 99999", "is no close code"),
            (&long, "at most 125 are allowed"),
            ("/frame opcode=nope", "is not understood"),
            ("/frame opcode=16", "opcode"),
            ("/frame hello", "\"hello\" is not understood"),
            ("/frame {\"text\":\"x\"}", "this record has no frame"),
            ("/frame {", "this is no record"),
            ("/quit\nmore", "there is nothing to follow"),
            ("/file", "something is missing"),
            ("/save ", "something is missing"),
        ];
        for (line, expected) in cases {
            let error = understand(line).expect_err(line);
            assert!(error.contains(expected), "{line}: {error}");
        }
    }

    #[test]
    fn a_file_is_text_if_it_is_text() {
        let cases = [
            (&b"a\n"[..], None, Ok(r#"{"base64":"YQo=","opcode":"text"}"#)),
            (b"a", Some(Kind::Binary), Ok(r#"{"base64":"YQ==","opcode":"binary"}"#)),
            (b"\xff", None, Ok(r#"{"base64":"/w==","opcode":"binary"}"#)),
            (b"", Some(Kind::Text), Ok(r#"{"base64":"","opcode":"text"}"#)),
            (b"\xff", Some(Kind::Text), Err("it is not UTF-8: /file PATH binary sends it")),
        ];
        for (bytes, kind, expected) in cases {
            let expected = expected.map(str::to_owned).map_err(str::to_owned);
            assert_eq!(contents(bytes, kind), expected);
        }
    }
}
