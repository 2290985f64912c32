//! One expectation, and whether what came is what it says.

use serde_json::Value;

use super::Content;
use super::came::{Came, shown};
use super::filter::{Pattern, Query};
use super::template::Values;
use crate::difference::{difference, nearness};
use crate::exit::Closure;
use crate::wire::Kind;
use crate::wire::close::{ABNORMAL, NO_CODE, meaning};

/// Bytes around a difference that are shown, and how many of them before it.
const BYTES: usize = 24;
const BEFORE: usize = 8;

/// What kind of thing is awaited.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Awaited {
    /// A message.
    #[default]
    Message,
    /// A Ping.
    Ping,
    /// A Pong.
    Pong,
    /// A Close, or the loss of the connection.
    Close,
}

/// What is to come. What is not named does not matter.
#[derive(Clone, Debug, Default)]
pub struct Expectation {
    /// What kind of thing.
    pub awaited: Awaited,
    /// All of a message, or of what a Ping or Pong carries.
    pub content: Option<Content>,
    /// Text or binary.
    pub kind: Option<Kind>,
    /// Matches somewhere in the message.
    pub regex: Option<Pattern>,
    /// Its last result is neither false nor null.
    pub jq: Option<Query>,
    /// Bytes of the message.
    pub length: Option<u64>,
    /// The close code.
    pub code: Option<u16>,
    /// The reason of the Close.
    pub reason: Option<String>,
    /// Whether other messages may come before.
    pub skip: bool,
    /// What is kept of the message, by name.
    pub captures: Vec<(String, Query)>,
}

/// Whether something is what was expected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Judged {
    /// It is; this was captured, as JSON.
    Met(Vec<(String, String)>),
    /// It is not; [`Expectation::unlike`] says why.
    Unmet,
}

/// What is wrong with something that came.
enum Wrong {
    /// Its content, which takes longer to explain than to find.
    Content,
    /// Something else, in words.
    Else(String),
}

impl Expectation {
    /// Whether something that came is it.
    pub fn judge(&self, came: Came, values: &Values) -> Judged {
        match came {
            _ if !self.wrongs(came, values).is_empty() => Judged::Unmet,
            Came::Message(_, payload) => match self.capture(payload, values) {
                Ok(captured) => Judged::Met(captured),
                Err(_) => Judged::Unmet,
            },
            _ => Judged::Met(Vec::new()),
        }
    }

    /// Why something that came is not it, in lines.
    fn explain(&self, came: Came, values: &Values) -> Vec<String> {
        let wrongs = self.wrongs(came, values);
        if wrongs.is_empty()
            && let Came::Message(_, payload) = came
        {
            return self.capture(payload, values).err().into_iter().collect();
        }
        let explained = wrongs.into_iter().map(|wrong| match (wrong, &self.content) {
            (Wrong::Content, Some(content)) => differing(&content.payload(values), came.payload()),
            (Wrong::Content, None) => String::new(),
            (Wrong::Else(words), _) => words,
        });
        explained.collect()
    }

    fn wrongs(&self, came: Came, values: &Values) -> Vec<Wrong> {
        let content = |payload: &[u8]| match &self.content {
            Some(content) if !is_like(content, payload, values) => vec![Wrong::Content],
            _ => Vec::new(),
        };
        match (self.awaited, came) {
            (Awaited::Message, Came::Message(kind, payload)) => {
                let properties = self.properties(kind, payload);
                let regex = self.regex.as_ref().and_then(|regex| regex.judge(payload, values));
                let jq = self.jq.as_ref().and_then(|query| query.judge(payload, values));
                let after = regex.into_iter().chain(jq).map(Wrong::Else);
                properties.map(Wrong::Else).chain(content(payload)).chain(after).collect()
            }
            (Awaited::Ping, Came::Ping(payload)) | (Awaited::Pong, Came::Pong(payload)) => {
                content(payload)
            }
            (Awaited::Close, Came::End(closure)) => {
                self.judge_end(closure).into_iter().map(Wrong::Else).collect()
            }
            (_, Came::End(_)) => vec![Wrong::Else("nothing more can come".into())],
            _ => vec![Wrong::Else(format!("{} was expected", self.describe()))],
        }
    }

    fn properties(&self, kind: Kind, payload: &[u8]) -> impl Iterator<Item = String> {
        let other = self.kind.filter(|expected| *expected != kind);
        let kind = other.map(|expected| format!("it is {}, not {}", kind.name(), expected.name()));
        let size = payload.len();
        let other = self.length.filter(|length| *length != size as u64);
        let length = other.map(|length| format!("it has {size} bytes, not {length}"));
        kind.into_iter().chain(length)
    }

    /// What is kept of a message.
    fn capture(&self, payload: &[u8], values: &Values) -> Result<Vec<(String, String)>, String> {
        let captured =
            self.captures.iter().map(|(name, query)| match query.last(payload, values) {
                Ok(Some(json)) if json != "null" => Ok((name.clone(), json)),
                Ok(_) => Err(format!("there is nothing to capture as {name}")),
                Err(error) => Err(format!("cannot capture {name}: {error}")),
            });
        captured.collect()
    }

    /// What came in its place and why that is not it, in lines. Secrets are named before anything is cut.
    pub fn unlike(&self, before: &str, came: Came, values: &Values) -> Vec<String> {
        let got = format!("{before}: {}", came.describe(values));
        let mut why = came.without_secrets(values, |came| self.explain(came, &values.masked()));
        if why.is_empty() {
            why = self.explain(came, values);
        }
        [got].into_iter().chain(why).collect()
    }

    /// How near something that came is to what is expected, from 0 to 1; 0 where there is no telling.
    pub fn nearness(&self, came: Came, values: &Values) -> f64 {
        let Some(content) = &self.content else { return 0.0 };
        let expected = content.payload(values);
        match (std::str::from_utf8(&expected), std::str::from_utf8(came.payload())) {
            (Ok(expected), Ok(got)) => nearness(expected, got),
            _ => 0.0,
        }
    }

    fn judge_end(&self, closure: &Closure) -> Option<String> {
        let code = closure.close_code();
        if let Some(expected) = self.code.filter(|expected| *expected != code) {
            let (is, should) = (meaning(code), meaning(expected));
            return Some(format!("the close code is {code} ({is}), not {expected} ({should})"));
        }
        if self.code.is_none() && code == ABNORMAL {
            return Some("the connection was lost without a Close".into());
        }
        let reason = closure.reason();
        let expected = self.reason.as_deref().filter(|_| code != NO_CODE && code != ABNORMAL)?;
        (expected != reason).then(|| {
            let (is, should) = (shown(reason.as_bytes()), shown(expected.as_bytes()));
            format!("the reason is {is}, not {should}")
        })
    }
}

/// Whether a payload is what a content says. JSON is compared as what it means.
fn is_like(content: &Content, payload: &[u8], values: &Values) -> bool {
    let expected = content.payload(values);
    let parse = |json: &[u8]| serde_json::from_slice::<Value>(json).ok();
    let means =
        || matches!((parse(&expected), parse(payload)), (Some(a), Some(b)) if is_same(&a, &b));
    expected == payload || matches!(content, Content::Json(_)) && means()
}

/// Whether two JSON values mean the same: 1 and 1.0 do.
fn is_same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) if a.is_f64() || b.is_f64() => {
            a.as_f64() == b.as_f64()
        }
        (Value::Array(a), Value::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| is_same(a, b))
        }
        (Value::Object(a), Value::Object(b)) => {
            let has = |(key, a): (&String, &Value)| b.get(key).is_some_and(|b| is_same(a, b));
            a.len() == b.len() && a.iter().all(has)
        }
        (a, b) => a == b,
    }
}

/// What is different between two payloads.
fn differing(expected: &[u8], got: &[u8]) -> String {
    if let (Ok(expected), Ok(got)) = (std::str::from_utf8(expected), std::str::from_utf8(got)) {
        return difference(expected, got);
    }
    let at = expected.iter().zip(got).take_while(|(a, b)| a == b).count();
    let from = at.saturating_sub(BEFORE);
    let piece = |bytes: &[u8]| {
        let end = bytes.len().min(from + BYTES);
        let hex: String =
            bytes[from.min(end)..end].iter().map(|byte| format!(" {byte:02x}")).collect();
        let before = if from > 0 { " …" } else { "" };
        let after = if end < bytes.len() { " …" } else { "" };
        let plural = if bytes.len() == 1 { "" } else { "s" };
        format!("{before}{hex}{after} ({} byte{plural})", bytes.len())
    };
    format!("they differ at byte {}\n-{}\n+{}", at + 1, piece(expected), piece(got))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exit::Answer;
    use crate::scenario::{Act, Given, parse};
    use crate::wire::{Close, Violation};

    /// The expectation of the line, in a file that may have names.
    fn expectation(line: &str) -> Expectation {
        let values = values();
        let environment = |_: &str| None;
        let given = Given { values: &values, environment: &environment, has_url: true };
        let text = format!("{{\"event\":\"scenario\",\"version\":1}}\n{line}");
        let mut scenario = parse(&text, given).unwrap_or_else(|wrong| panic!("{line}: {wrong:?}"));
        match scenario.steps.pop().map(|step| step.act) {
            Some(Act::Expect(expectation)) => *expectation,
            other => panic!("{line}: {other:?}"),
        }
    }

    fn values() -> Values {
        let mut values = Values::default();
        values.set_text("dot", "a.b");
        values.set("seven", "7".into());
        values
    }

    fn text(payload: &str) -> Came<'_> {
        Came::Message(Kind::Text, payload.as_bytes())
    }

    #[test]
    fn what_came_is_judged_by_all_that_is_named() {
        let binary = Came::Message(Kind::Binary, b"\x00\xff");
        let closed = Closure::ByPeer(Close::new(4000, "bye"));
        let ours = Close::new(1000, "");
        let answered = Closure::ByUs { sent: ours.clone(), answer: Answer::Close(ours) };
        let lost = Closure::Lost("reset".into());
        let met = || Judged::Met(Vec::new());
        let cases = [
            ("{}", text(""), met()),
            ("{}", binary, met()),
            ("{\"text\":\"a\"}", text("a"), met()),
            ("{\"text\":\"a\"}", text("a "), Judged::Unmet),
            ("{\"text\":\"a\"}", Came::Message(Kind::Binary, b"a"), Judged::Unmet),
            ("{\"text\":\"a\",\"opcode\":\"binary\"}", Came::Message(Kind::Binary, b"a"), met()),
            ("{\"text\":\"{{dot}}\"}", text("a.b"), met()),
            ("{\"json\":{\"b\":1,\"a\":[]}}", text("{\"a\":[],\"b\":1}"), met()),
            ("{\"json\":{\"b\":[1,{}]}}", text("{\"b\":[1.0,{}]}"), met()),
            ("{\"json\":{\"b\":1,\"c\":1}}", text("{\"b\":1}"), Judged::Unmet),
            ("{\"json\":{\"b\":1}}", text("{\"b\":2}"), Judged::Unmet),
            ("{\"json\":{\"b\":1}}", text("{\"b\":"), Judged::Unmet),
            ("{\"json\":{\"b\":\"{{seven}}\"}}", text("{\"b\":7}"), met()),
            ("{\"hex\":\"00ff\"}", binary, met()),
            ("{\"hex\":\"00fe\"}", binary, Judged::Unmet),
            ("{\"hex\":\"61\"}", text("a"), met()),
            ("{\"opcode\":\"text\"}", binary, Judged::Unmet),
            ("{\"length\":2}", binary, met()),
            ("{\"length\":3}", binary, Judged::Unmet),
            ("{\"regex\":\"b$\"}", text("ab"), met()),
            ("{\"regex\":\"^b\"}", text("ab"), Judged::Unmet),
            ("{\"regex\":\"^{{dot}}$\"}", text("a.b"), met()),
            ("{\"regex\":\"^{{dot}}$\"}", text("axb"), Judged::Unmet),
            ("{\"jq\":\".a\"}", text("{\"a\":0}"), met()),
            ("{\"jq\":\".a\"}", text("{\"a\":false}"), Judged::Unmet),
            ("{\"jq\":\".a\"}", text("no json"), Judged::Unmet),
            ("{\"jq\":\"empty\"}", text("1"), Judged::Unmet),
            ("{\"jq\":\". == \\\"{{dot}}\\\"\"}", text("\"a.b\""), met()),
            ("{\"jq\":\". == {{seven}}\"}", text("7"), met()),
            (
                "{\"capture\":{\"x\":\".a\"}}",
                text("{\"a\":1.50}"),
                Judged::Met(vec![("x".into(), "1.50".into())]),
            ),
            ("{\"capture\":{\"x\":\".a\"}}", text("[]"), Judged::Unmet),
            ("{\"capture\":{\"x\":\".a\"}}", text("{}"), Judged::Unmet),
            ("{\"capture\":{\"x\":\".[]\"}}", text("[]"), Judged::Unmet),
            ("{}", Came::Ping(b""), Judged::Unmet),
            ("{}", Came::End(&closed), Judged::Unmet),
            ("{\"event\":\"pong\",\"text\":\"x\"}", Came::Pong(b"x"), met()),
            ("{\"event\":\"pong\",\"text\":\"x\"}", Came::Pong(b"y"), Judged::Unmet),
            ("{\"event\":\"pong\"}", Came::Ping(b""), Judged::Unmet),
            ("{\"event\":\"ping\"}", Came::Ping(b""), met()),
            ("{\"event\":\"ping\"}", text(""), Judged::Unmet),
            ("{\"event\":\"close\"}", Came::End(&closed), met()),
            ("{\"event\":\"close\",\"code\":4000,\"reason\":\"bye\"}", Came::End(&closed), met()),
            ("{\"event\":\"close\",\"reason\":\"by\"}", Came::End(&closed), Judged::Unmet),
            ("{\"event\":\"close\",\"code\":1000}", Came::End(&closed), Judged::Unmet),
            ("{\"event\":\"close\",\"code\":1000}", Came::End(&answered), met()),
            ("{\"event\":\"close\"}", Came::End(&lost), Judged::Unmet),
            ("{\"event\":\"close\",\"code\":1006,\"reason\":\"\"}", Came::End(&lost), met()),
            ("{\"event\":\"close\"}", text("a"), Judged::Unmet),
        ];
        for (line, came, expected) in cases {
            let named = line.replacen('{', "{\"from\":\"peer\",", 1).replace(",}", "}");
            let expectation = expectation(&named);
            assert_eq!(expectation.judge(came, &values()), expected, "{line} {came:?}");
            let explained = expectation.explain(came, &values());
            assert_eq!(explained.is_empty(), expected != Judged::Unmet, "{line}: {explained:?}");
        }
    }

    #[test]
    fn an_explanation_names_each_thing_that_is_wrong() {
        let violated = Closure::Violated(Violation::ReservedBits);
        let cases: [(&str, Came, &[&str]); 7] = [
            (
                "{\"hex\":\"000102030405060708090a0b\"}",
                Came::Message(Kind::Binary, b"\x00\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\xff"),
                &[
                    "they differ at byte 12\n- … 03 04 05 06 07 08 09 0a 0b (12 bytes)\n+ … 03 04 05 06 07 08 09 0a ff (12 bytes)",
                ],
            ),
            (
                "{\"opcode\":\"binary\",\"length\":3,\"regex\":\"x\",\"jq\":\".a\"}",
                text("{\"a\":null}"),
                &[
                    "it is text, not binary",
                    "it has 10 bytes, not 3",
                    "regex \"x\" matches nothing in it",
                    "jq \".a\" gives null",
                ],
            ),
            ("{\"capture\":{\"x\":\".[]\"}}", text("[]"), &["there is nothing to capture as x"]),
            ("{\"text\":\"a\"}", Came::End(&violated), &["nothing more can come"]),
            (
                "{\"event\":\"close\",\"code\":1000}",
                Came::End(&violated),
                &["the close code is 1002 (protocol error), not 1000 (normal closure)"],
            ),
            ("{\"event\":\"close\"}", text("a"), &["close was expected"]),
            (
                "{\"event\":\"pong\",\"text\":\"x\"}",
                Came::Pong(b"\xff"),
                &["they differ at byte 1\n- 78 (1 byte)\n+ ff (1 byte)"],
            ),
        ];
        for (line, came, expected) in cases {
            let named = line.replacen('{', "{\"from\":\"peer\",", 1);
            assert_eq!(expectation(&named).explain(came, &values()), expected, "{line}");
        }
    }
}
