//! What is expected of a session and does not end it: messages that are to come, in whatever order, and
//! how the opening is to turn out. What came in place of what was expected is kept for the explanation,
//! a little of it. When to wait is decided in [`super::ending`], what it means for the exit code elsewhere.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::fmt;

use regex::bytes::Regex;

use super::ending::Unmet;
use crate::difference::{difference, nearness};
use crate::jq::{Failed, Filter, Verdict};
use crate::output::escape::{self, Layout, one_line, quoted};

/// Messages that are shown where none is nearest.
const SHOWN: usize = 3;
/// Characters of a message, and of what was expected, on a line.
const WIDTH: usize = 120;
/// Bytes that are kept of the nearest message: so many, and some more for each that was expected.
const NEAREST: usize = 4 << 10;

/// A message that is expected.
#[derive(Clone, Debug)]
pub enum Expected {
    /// `--expect`: exactly this.
    Text(String),
    /// `--expect-regex`: a match.
    Regex(Regex),
    /// `--expect-jq`: the last result is neither false nor null.
    Jq(Filter),
}

impl fmt::Display for Expected {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let (flag, asked) = match self {
            Expected::Text(text) => ("--expect", &**text),
            Expected::Regex(regex) => ("--expect-regex", regex.as_str()),
            Expected::Jq(filter) => ("--expect-jq", filter.source()),
        };
        match asked.char_indices().nth(WIDTH) {
            Some((end, _)) => write!(f, "{flag} {}…", quoted(&asked[..end])),
            None => write!(f, "{flag} {}", quoted(asked)),
        }
    }
}

/// The messages that are expected and have not come.
#[derive(Debug)]
pub struct Expectations {
    open: Vec<Open>,
    received: u64,
}

/// One of them, and what came in its place.
#[derive(Debug)]
struct Open {
    expected: Expected,
    nearest: Option<Nearest>,
    last: VecDeque<Came>,
}

/// A message that did not meet it.
#[derive(Debug, Default)]
struct Came {
    number: u64,
    /// The beginning of its payload.
    beginning: Vec<u8>,
    is_cut: bool,
    /// What a filter said of it.
    verdict: Option<Result<Verdict, Failed>>,
}

/// The message that has most in common with the text that was expected.
#[derive(Debug)]
struct Nearest {
    nearness: f64,
    number: u64,
    text: String,
}

impl Expectations {
    /// All of these are expected.
    pub fn new(expected: Vec<Expected>) -> Self {
        let open = |expected| Open { expected, nearest: None, last: VecDeque::new() };
        Expectations { open: expected.into_iter().map(open).collect(), received: 0 }
    }

    /// Whether nothing more is expected.
    pub fn are_met(&self) -> bool {
        self.open.is_empty()
    }

    /// A message was received and is to be printed.
    pub fn received(&mut self, payload: &[u8]) {
        self.received += 1;
        let number = self.received;
        self.open.retain_mut(|open| !open.is_met_by(payload, number));
    }

    /// What has not come.
    pub fn unmet(&self) -> Option<String> {
        let open: Vec<String> = self.open.iter().map(|open| open.expected.to_string()).collect();
        match &open[..] {
            [] => None,
            [one] => Some(format!("{one} was not met")),
            more => Some(format!("{} were not met", more.join(" and "))),
        }
    }

    /// What came in its place: lines that are harmless for a terminal.
    pub fn explanation(&self) -> String {
        self.open.iter().map(Open::explanation).collect()
    }
}

impl Open {
    fn is_met_by(&mut self, payload: &[u8], number: u64) -> bool {
        match &self.expected {
            Expected::Text(text) if text.as_bytes() == payload => return true,
            Expected::Text(text) => {
                let came = readable(payload, NEAREST + 4 * text.len());
                let nearness = nearness(text, &came);
                if self.nearest.as_ref().is_none_or(|nearest| nearness > nearest.nearness) {
                    let text = came.into_owned();
                    self.nearest = Some(Nearest { nearness, number, text });
                }
            }
            Expected::Regex(regex) if regex.is_match(payload) => return true,
            Expected::Regex(_) => self.keep(payload, number, None),
            Expected::Jq(filter) => match filter.verdict(payload, &[]) {
                Ok(Verdict { holds: true, .. }) => return true,
                verdict => self.keep(payload, number, Some(verdict)),
            },
        }
        false
    }

    fn keep(&mut self, payload: &[u8], number: u64, verdict: Option<Result<Verdict, Failed>>) {
        let oldest = if self.last.len() == SHOWN { self.last.pop_front() } else { None };
        let mut beginning = oldest.map(|came| came.beginning).unwrap_or_default();
        let kept = payload.len().min(4 * WIDTH);
        beginning.clear();
        beginning.extend_from_slice(&payload[..kept]);
        let is_cut = kept < payload.len();
        self.last.push_back(Came { number, beginning, is_cut, verdict });
    }

    fn explanation(&self) -> String {
        let expected = one_line(&self.expected.to_string());
        if let (Expected::Text(wanted), Some(nearest)) = (&self.expected, &self.nearest) {
            let title = format!("{expected}: message {} is the nearest\n", nearest.number);
            let difference = difference(wanted, &nearest.text);
            return difference.lines().fold(title, |text, line| text + "  " + line + "\n");
        }
        let title = format!("{expected}: what came last\n");
        let lines = self.last.iter().map(|came| format!("  {came}\n"));
        if self.last.is_empty() { String::new() } else { title + &lines.collect::<String>() }
    }
}

impl fmt::Display for Came {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let verdict = self.verdict.as_ref().map(|verdict| " ".to_owned() + &said(verdict));
        let mut text = String::new();
        escape::bytes(&mut text, &self.beginning, Layout::OneLine);
        let end = text.char_indices().nth(WIDTH).map(|(end, _)| end);
        let cut = if self.is_cut || end.is_some() { "…" } else { "" };
        let shown = &text[..end.unwrap_or(text.len())];
        write!(f, "message {}{}: {shown}{cut}", self.number, verdict.unwrap_or_default())
    }
}

/// What became of a filter that does not hold.
fn said(verdict: &Result<Verdict, Failed>) -> String {
    one_line(&match verdict {
        Ok(Verdict { shown: Some(result), .. }) => format!("gave {result}"),
        Ok(Verdict { shown: None, .. }) => "gave nothing".to_owned(),
        Err(Failed::Input(why)) => format!("is no JSON ({why})"),
        Err(Failed::Filter(why)) => format!("made the filter fail ({why})"),
        Err(Failed::Stopped(stop)) => format!("gave nothing: the filter {stop}"),
    })
}

/// The beginning of a message: text as it came, and what is no text spelled out.
fn readable(payload: &[u8], most: usize) -> Cow<'_, str> {
    let part = &payload[..payload.len().min(most)];
    match str::from_utf8(part) {
        Ok(text) => text.into(),
        // We have cut a character.
        Err(error) if error.error_len().is_none() && part.len() < payload.len() => {
            String::from_utf8_lossy(&part[..error.valid_up_to()])
        }
        Err(_) => {
            let mut text = String::new();
            escape::bytes(&mut text, part, Layout::Keep);
            text.into()
        }
    }
}

/// How the opening is to turn out.
#[derive(Clone, Debug, Default)]
pub struct AtOpening {
    /// `--expect-status`: the upgrade is refused with this status.
    pub status: Option<u16>,
    /// `--expect-subprotocol`: this is agreed on.
    pub subprotocol: Option<String>,
}

impl AtOpening {
    /// What a session does not have that was expected of it, as soon as it is open: `offered` is what the
    /// server could choose from, `agreed` what it chose.
    pub fn unmet(
        &self,
        offered: impl FnOnce() -> Vec<String>,
        agreed: Option<&str>,
    ) -> Option<Unmet> {
        if let Some(status) = self.status {
            let not_refused = "the upgrade was not refused";
            return Some(Unmet(format!("--expect-status {status} was not met: {not_refused}")));
        }
        let wanted = self.subprotocol.as_deref().filter(|wanted| agreed != Some(wanted))?;
        let why = match agreed {
            Some(other) => format!("the server chose {other}"),
            None if offered().iter().any(|offer| offer == wanted) => "the server chose none".into(),
            None => format!("it was not offered (--subprotocol {wanted} does)"),
        };
        Some(Unmet(format!("--expect-subprotocol {wanted} was not met: {why}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> Expected {
        Expected::Text(text.into())
    }

    fn regex(regex: &str) -> Expected {
        Expected::Regex(Regex::new(regex).unwrap())
    }

    fn jq(filter: &str) -> Expected {
        Expected::Jq(Filter::parse(filter, &[]).unwrap())
    }

    fn after(expected: Vec<Expected>, messages: &[&[u8]]) -> Expectations {
        let mut expectations = Expectations::new(expected);
        messages.iter().for_each(|message| expectations.received(message));
        expectations
    }

    #[test]
    fn each_expectation_is_met_by_some_message_in_any_order() {
        let three = || vec![text("pong"), regex("^h"), jq(".n == 1")];
        type Case<'a> = (Vec<Expected>, &'a [&'a [u8]], Option<&'a str>);
        let cases: [Case; 13] = [
            (vec![], &[], None),
            (vec![text("pong")], &[], Some("--expect \"pong\" was not met")),
            (vec![text("pong")], &[b"pong"], None),
            (vec![text("pong")], &[b"ping", b"pong", b"ping"], None),
            (vec![text("pong")], &[b"pong ", b"pon"], Some("--expect \"pong\" was not met")),
            (vec![text("")], &[b""], None),
            (three(), &[b"{\"n\":1}", b"hello", b"pong"], None),
            (
                three(),
                &[b"pong", b"pong"],
                Some("--expect-regex \"^h\" and --expect-jq \".n == 1\" were not met"),
            ),
            (vec![text("a"), text("a")], &[b"a"], None),
            (vec![regex("(?-u:\\xff)")], &[b"a\xff"], None),
            (vec![jq(".n")], &[b"{\"n\":0}"], None),
            (vec![jq(".n")], &[b"{\"n\":null}", b"no"], Some("--expect-jq \".n\" was not met")),
            (vec![text("a\x1b\n")], &[], Some("--expect \"a\\u{1b}\\n\" was not met")),
        ];
        for (expected, messages, unmet) in cases {
            let case = format!("{expected:?} {messages:?}");
            let expectations = after(expected, messages);
            assert_eq!(expectations.unmet().as_deref(), unmet, "{case}");
            assert_eq!(expectations.are_met(), unmet.is_none(), "{case}");
            if unmet.is_none() {
                assert_eq!(expectations.explanation(), "", "{case}");
            }
        }
    }

    #[test]
    fn what_came_instead_is_explained() {
        let cases: [(Expected, &[&[u8]], &str); 9] = [
            (text("pong"), &[], ""),
            (
                text("pong"),
                &[b"hello", b"ponh", b"bye"],
                "--expect \"pong\": message 2 is the nearest\n  - pong\n  + ponh\n",
            ),
            (
                text(r#"{"a":1,"b":[2]}"#),
                &[b"hello", br#"{"b":[3],"a":1}"#],
                "--expect '{\"a\":1,\"b\":[2]}': message 2 is the nearest\n    {\n      \"a\": 1\n      \"b\": [\n  -     2\n  +     3\n      ]\n    }\n",
            ),
            (
                text("pong"),
                &[b"\x1b[2J\x07"],
                "--expect \"pong\": message 1 is the nearest\n  - pong\n  + \\x1b[2J\\x07\n",
            ),
            (
                text("pong"),
                &[b"pon\xff\x00"],
                "--expect \"pong\": message 1 is the nearest\n  - pong\n  + pon\\xff\\x00\n",
            ),
            (
                regex("^ok"),
                &[b"1", b"2", b"3\n\xff", b"\x1b4"],
                "--expect-regex \"^ok\": what came last\n  message 2: 2\n  message 3: 3\\n\\xff\n  message 4: \\x1b4\n",
            ),
            (
                jq(".ok"),
                &[b"{\"ok\":false}", b"hello", b"[1]"],
                "--expect-jq \".ok\": what came last\n  message 1 gave false: {\"ok\":false}\n  message 2 is no JSON (expected value at line 1 column 1): hello\n  message 3 made the filter fail (cannot index [1] with \"ok\"): [1]\n",
            ),
            (
                jq(".[] | select(. > 5)"),
                &[b"[1,2]"],
                "--expect-jq \".[] | select(. > 5)\": what came last\n  message 1 gave nothing: [1,2]\n",
            ),
            (
                jq("if .a then empty else .b end"),
                &[b"{\"b\":null}"],
                "--expect-jq \"if .a then empty else .b end\": what came last\n  message 1 gave null: {\"b\":null}\n",
            ),
        ];
        for (expected, messages, explanation) in cases {
            assert_eq!(after(vec![expected], messages).explanation(), explanation);
        }
    }

    #[test]
    fn what_is_kept_is_little() {
        let long = b"\x1b".repeat(1 << 20);
        let messages: Vec<&[u8]> = (0..20).map(|cut| &long[cut..]).collect();
        let expectations = after(vec![text("a"), regex("b"), jq(".c")], &messages);
        let explanation = expectations.explanation();
        assert!(explanation.len() < 16 << 10, "{}", explanation.len());
        let kept: usize = expectations
            .open
            .iter()
            .map(|open| {
                let nearest = open.nearest.as_ref().map_or(0, |nearest| nearest.text.len());
                nearest + open.last.iter().map(|came| came.beginning.len()).sum::<usize>()
            })
            .sum();
        assert!(kept < 64 << 10, "{kept}");
    }

    #[test]
    fn the_opening_is_judged_at_once() {
        let offered = ["chat".to_owned(), "mqtt".to_owned()];
        let subprotocol =
            |name: &str| AtOpening { subprotocol: Some(name.into()), ..AtOpening::default() };
        let status = AtOpening { status: Some(401), ..AtOpening::default() };
        let cases = [
            (AtOpening::default(), None, None),
            (AtOpening::default(), Some("chat"), None),
            (subprotocol("mqtt"), Some("mqtt"), None),
            (
                subprotocol("mqtt"),
                Some("chat"),
                Some("--expect-subprotocol mqtt was not met: the server chose chat"),
            ),
            (
                subprotocol("mqtt"),
                None,
                Some("--expect-subprotocol mqtt was not met: the server chose none"),
            ),
            (
                subprotocol("wamp"),
                None,
                Some(
                    "--expect-subprotocol wamp was not met: it was not offered (--subprotocol wamp does)",
                ),
            ),
            (status, None, Some("--expect-status 401 was not met: the upgrade was not refused")),
        ];
        for (expected, agreed, unmet) in cases {
            let unmet = unmet.map(|text| Unmet(text.to_owned()));
            assert_eq!(expected.unmet(|| offered.to_vec(), agreed), unmet);
        }
    }
}
