//! From the text of a file to a scenario, or to everything that is wrong with it. Nothing is sent before
//! all of it is understood.

use std::collections::BTreeSet;
use std::time::{Duration, SystemTime};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::value::RawValue;

use super::expectation::{Awaited, Expectation, Pattern, Query};
use super::fields::{self, Fields, Mistake};
use super::shape::{self, Shape};
use super::template::{JsonTemplate, Template, Values, is_variable};
use super::{Act, Content, Opening, Scenario, Step, WITHIN};
use crate::codec;
use crate::duration;
use crate::handshake::{HeaderLine, Target};
use crate::record::Side;
use crate::wire::close::{self, ABNORMAL, MAX_REASON, NO_CODE};
use crate::wire::{Close, Kind, MAX_CONTROL_PAYLOAD};

/// The version of the schema.
const VERSION: u64 = 1;

/// What is given besides the file.
#[derive(Clone, Copy)]
pub struct Given<'a> {
    /// `--var`.
    pub values: &'a Values,
    /// The variables of the environment.
    pub environment: &'a dyn Fn(&str) -> Option<String>,
    /// Whether there is a URL besides those in the file.
    pub has_url: bool,
}

/// Reads a file.
///
/// # Errors
/// All mistakes, in order.
pub fn parse(text: &str, given: Given) -> Result<Scenario, Vec<Mistake>> {
    let mut reading = Reading {
        given,
        expands: false,
        scenario: Scenario {
            name: None,
            url: None,
            steps: Vec::new(),
            conns: Vec::new(),
            values: given.values.clone(),
        },
        states: Vec::new(),
        unopened: Vec::new(),
        captured: BTreeSet::new(),
        last: None,
        records: 0,
    };
    let mut mistakes = Vec::new();
    for (number, line) in (1..).zip(text.split('\n')) {
        let line = line.strip_suffix('\r').unwrap_or(line);
        if !line.trim().is_empty()
            && let Err(mistake) = reading.line(line, number)
        {
            mistakes.push(mistake);
        }
    }
    if mistakes.is_empty() && reading.scenario.steps.is_empty() {
        let hint =
            "a scenario sends or expects something, such as {\"from\":\"peer\",\"text\":\"hi\"}";
        let what = "there is no step in it".to_owned();
        mistakes.push(Mistake { line: 1, column: 1, what, hint: hint.into() });
    }
    if mistakes.is_empty() && !given.has_url && reading.scenario.url.is_none() {
        let what = "there is no URL in it".to_owned();
        let hint =
            "give --url URL, or begin with {\"event\":\"open\",\"url\":\"ws://…\"}".to_owned();
        mistakes.push(Mistake { line: 1, column: 1, what, hint });
    }
    if mistakes.is_empty() { Ok(reading.finish()) } else { Err(mistakes) }
}

struct Reading<'g> {
    given: Given<'g>,
    /// Whether `{{name}}` means anything.
    expands: bool,
    scenario: Scenario,
    /// How far each connection has come.
    states: Vec<State>,
    /// Connections that no record opens, and the line where each is used first.
    unopened: Vec<(usize, u64)>,
    captured: BTreeSet<String>,
    /// When the last step was recorded.
    last: Option<SystemTime>,
    records: u64,
}

/// How far a connection has come, and since which line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Open(u64),
    /// We have closed: the peer may still say something.
    ClosedByUs(u64),
    Closed(u64),
}

type Parsed<T> = Result<T, Mistake>;

impl Reading<'_> {
    fn line(&mut self, text: &str, number: u64) -> Parsed<()> {
        let mut fields = Fields::of(text, number)?;
        self.records += 1;
        let shape = shape::of(&mut fields)?;
        shape.check(&fields)?;
        match shape {
            Shape::Header => return self.header(&mut fields),
            Shape::Told => return Ok(()),
            _ => {}
        }
        let at = time(&mut fields)?;
        if at.is_some() && shape.is_only_told_by_recordings() {
            return Ok(());
        }
        let conn = self.conn(&mut fields, &shape, number)?;
        // A recording tells how long it took.
        let gap = at.and_then(|at| at.duration_since(self.last?).ok()).unwrap_or_default();
        let given = self::duration(&mut fields, "within")?;
        let within = given.unwrap_or(WITHIN + gap);
        if let Some(unsent) = fields.take::<usize>("unsent", "a number of messages")? {
            self.forget_unsent(conn, unsent.value);
        }
        let act = match shape {
            Shape::Open => self.open(&mut fields, given, conn, number)?,
            Shape::Sent(kind) => self.sent(kind, &mut fields, at.is_some())?,
            Shape::Expected(kind) => self.expected(kind, &mut fields, at.is_some())?,
            Shape::Header | Shape::Told => return Ok(()),
        };
        self.last = at.or(self.last);
        self.scenario.steps.push(Step { line: number, conn, act, within, gap });
        Ok(())
    }

    fn header(&mut self, fields: &mut Fields) -> Parsed<()> {
        if self.records > 1 {
            let hint = "make it the first line of the file";
            return Err(fields.mistaken("the scenario record does not come first", hint));
        }
        let hint = "this program knows version 1: write \"version\":1";
        match fields.take::<u64>("version", "a number")? {
            Some(version) if version.value == VERSION => {}
            Some(version) => {
                let what = format!("version {} is not known", version.value);
                return Err(fields.mistake(version.raw, what, hint));
            }
            None => return Err(fields.mistaken("the scenario record has no version", hint)),
        }
        self.scenario.name = fields.take::<String>("name", "a string")?.map(|given| given.value);
        self.expands = true;
        Ok(())
    }

    /// The connection that a record is about, which must be in a state for it.
    fn conn(&mut self, fields: &mut Fields, shape: &Shape, line: u64) -> Parsed<usize> {
        let given = fields.take::<String>("conn", "a string")?;
        let name = given.as_ref().map(|given| given.value.clone()).unwrap_or_default();
        let known = self.scenario.conns.iter().position(|conn| *conn == name);
        let is_open = *shape == Shape::Open;
        let Some(conn) = known else {
            let conn = self.states.len();
            self.scenario.conns.push(name);
            self.states.push(State::Open(line));
            if !is_open {
                self.unopened.push((conn, line));
            }
            self.follow(conn, shape, line);
            return Ok(conn);
        };
        let called = if name.is_empty() { "the connection".into() } else { format!("{name:?}") };
        match self.states[conn] {
            State::Open(since) if is_open => Err(fields.mistaken(
                format!("{called} is open since line {since}"),
                "open it before it is used, or give the second one a name of its own with \"conn\"",
            )),
            State::ClosedByUs(since) if matches!(shape, Shape::Sent(_)) => {
                Err(closed(fields, &called, since, "sent"))
            }
            State::Closed(since) if !is_open => {
                let what = if matches!(shape, Shape::Sent(_)) { "sent" } else { "expected" };
                Err(closed(fields, &called, since, what))
            }
            _ => {
                self.follow(conn, shape, line);
                Ok(conn)
            }
        }
    }

    fn follow(&mut self, conn: usize, shape: &Shape, line: u64) {
        match shape {
            Shape::Open => self.states[conn] = State::Open(line),
            Shape::Sent(shape::Event::Close) => self.states[conn] = State::ClosedByUs(line),
            Shape::Expected(shape::Event::Close) => self.states[conn] = State::Closed(line),
            _ => {}
        }
    }

    /// The last messages of ours that a recording has did not leave.
    fn forget_unsent(&mut self, conn: usize, mut unsent: usize) {
        let steps = std::mem::take(&mut self.scenario.steps);
        let is_unsent = |step: &Step| {
            let is_one = step.conn == conn && matches!(step.act, Act::Send(..)) && unsent > 0;
            unsent -= usize::from(is_one);
            is_one
        };
        let is_unsent: Vec<_> = steps.iter().rev().map(is_unsent).collect();
        let left = steps.into_iter().zip(is_unsent.into_iter().rev());
        self.scenario.steps = left.filter(|(_, unsent)| !unsent).map(|(step, _)| step).collect();
    }

    fn open(
        &mut self,
        fields: &mut Fields,
        within: Option<Duration>,
        conn: usize,
        line: u64,
    ) -> Parsed<Act> {
        let mut opening = Opening { within, ..Opening::default() };
        if let Some(url) = fields.take::<String>("url", "a string")? {
            let template = self.template(fields, url.raw, &url.value)?;
            if template.names().next().is_none()
                && let Err(error) = Target::parse(&url.value)
            {
                let hint = error.hint().unwrap_or("a URL looks like ws://localhost:9000/path");
                return Err(fields.mistake(url.raw, error.to_string(), hint));
            }
            self.scenario.url.get_or_insert_with(|| template.clone());
            opening.url = Some(template);
        }
        if let Some(given) = fields.take::<Option<String>>("subprotocol", "a string")? {
            opening.subprotocols.extend(given.value);
        }
        opening.headers = self.headers(fields)?;
        if let Some(status) = fields.take::<u16>("status", "an HTTP status")? {
            if !(100..600).contains(&status.value) {
                let hint = "the status of a refusal is between 200 and 599";
                let what = format!("{} is no HTTP status", status.value);
                return Err(fields.mistake(status.raw, what, hint));
            }
            // 101, and 2xx with HTTP/2, is no refusal.
            opening.status = Some(status.value).filter(|status| *status >= 300);
            if opening.status.is_some() {
                self.states[conn] = State::Closed(line);
            }
        }
        Ok(Act::Open(opening))
    }

    fn headers(&mut self, fields: &mut Fields) -> Parsed<Vec<(String, Template)>> {
        const HINT: &str = "write \"headers\":{\"Name\":\"value\"}";
        let Some(raw) = fields.raw("headers") else { return Ok(Vec::new()) };
        let given = fields::strings(raw).map_err(|name| match name {
            Some(name) => fields.mistake(raw, format!("the header {name:?} is no string"), HINT),
            None => fields.mistake(raw, "headers is no object", HINT),
        })?;
        let mut headers = Vec::new();
        for (name, value) in given {
            let template = self.template(fields, raw, &value)?;
            let line = HeaderLine::parse(&format!("{name}: {value}"));
            if let Err(why) = line {
                return Err(fields.mistake(raw, format!("the header {name:?}: {why}"), HINT));
            }
            headers.push((name, template));
        }
        Ok(headers)
    }

    fn sent(&mut self, event: shape::Event, fields: &mut Fields, recorded: bool) -> Parsed<Act> {
        match event {
            shape::Event::Message => {
                let opcode = opcode(fields)?;
                let Some((natural, content)) = self.content(fields)? else {
                    if fields.has("length") && recorded {
                        let hint = "record the session again with a larger --max-message-size";
                        let what = "the message was too large to be recorded";
                        return Err(fields.mistaken(what, hint));
                    }
                    let hint = "a message that we send has one of text, json, base64 and hex; one that is expected has \"from\":\"peer\"";
                    return Err(fields.mistaken("the message has no content", hint));
                };
                let kind = opcode.unwrap_or(natural);
                if kind == Kind::Text
                    && let Content::Bytes(bytes) = &content
                    && simdutf8::basic::from_utf8(bytes).is_err()
                {
                    let hint = "leave \"opcode\":\"text\" out to send it as binary";
                    return Err(fields.mistaken("a text message must be UTF-8", hint));
                }
                Ok(Act::Send(kind, content))
            }
            shape::Event::Ping | shape::Event::Pong => {
                let payload = self.control(fields)?.unwrap_or_default();
                Ok(Act::Ping(payload))
            }
            shape::Event::Close => self.close(fields),
        }
    }

    fn close(&mut self, fields: &mut Fields) -> Parsed<Act> {
        let is_clean = fields.take::<bool>("clean", "true or false")?.map(|given| given.value);
        let reason = self.reason(fields)?.unwrap_or_default();
        let close = match fields.take::<u16>("code", "a close code")? {
            None => Close::new(1000, reason),
            Some(given) if given.value == NO_CODE => Close::default(),
            // How a recording tells of a connection that was cut.
            Some(given) if given.value == ABNORMAL && is_clean == Some(false) => {
                Close::new(1000, reason)
            }
            Some(given) if close::is_valid_on_wire(given.value) => Close::new(given.value, reason),
            Some(given) => {
                let what = format!("close code {} cannot be sent", given.value);
                let hint = "1000 to 1003, 1007 to 1014 and 3000 to 4999 can";
                return Err(fields.mistake(given.raw, what, hint));
            }
        };
        Ok(Act::Close(close, is_clean != Some(false)))
    }

    fn reason(&self, fields: &mut Fields) -> Parsed<Option<String>> {
        let Some(given) = fields.take::<String>("reason", "a string")? else { return Ok(None) };
        if given.value.len() > MAX_REASON {
            let what = format!("the reason has {} bytes", given.value.len());
            let hint = format!("at most {MAX_REASON} are allowed");
            return Err(fields.mistake(given.raw, what, hint));
        }
        Ok(Some(given.value))
    }

    fn expected(
        &mut self,
        event: shape::Event,
        fields: &mut Fields,
        recorded: bool,
    ) -> Parsed<Act> {
        if let Some(silence) = self::duration(fields, "none")? {
            return Ok(Act::Silence(silence));
        }
        let skip = fields.take::<bool>("skip", "true or false")?.is_some_and(|given| given.value);
        let mut expected = Expectation { skip, ..Expectation::default() };
        match event {
            shape::Event::Message => {
                let opcode = opcode(fields)?;
                let content = self.content(fields)?;
                let natural = content.as_ref().map(|(kind, _)| *kind);
                expected.kind = opcode.or(natural.filter(|kind| *kind == Kind::Text));
                expected.content = content.map(|(_, content)| content);
                expected.regex = self.regex(fields)?;
                expected.jq = self.jq(fields)?;
                let length = fields.take::<u64>("length", "a number of bytes")?;
                // A recording has the content, unless that was too large for it.
                let is_compared = !recorded || expected.content.is_none();
                expected.length = length.map(|given| given.value).filter(|_| is_compared);
                expected.captures = self.captures(fields)?;
            }
            shape::Event::Ping | shape::Event::Pong => {
                expected.awaited =
                    if event == shape::Event::Ping { Awaited::Ping } else { Awaited::Pong };
                expected.content = self.control(fields)?.map(Content::Bytes);
            }
            shape::Event::Close => {
                expected.awaited = Awaited::Close;
                let code = fields.take::<u16>("code", "a close code")?;
                expected.code = code.map(|given| given.value);
                expected.reason = self.reason(fields)?;
            }
        }
        Ok(Act::Expect(Box::new(expected)))
    }

    /// The payload of a control frame.
    fn control(&mut self, fields: &mut Fields) -> Parsed<Option<Vec<u8>>> {
        let Some((_, content)) = self.content(fields)? else { return Ok(None) };
        let payload = content.payload(&Values::default());
        if payload.len() > MAX_CONTROL_PAYLOAD || !content.names().is_empty() {
            let what = format!("a ping cannot carry this ({} bytes)", payload.len());
            let hint = format!("at most {MAX_CONTROL_PAYLOAD} bytes, without names in braces");
            return Err(fields.mistaken(what, hint));
        }
        Ok(Some(payload))
    }

    fn content(&mut self, fields: &mut Fields) -> Parsed<Option<(Kind, Content)>> {
        const ONE: [&str; 4] = ["text", "json", "base64", "hex"];
        let given = ONE.iter().filter(|name| fields.has(name)).count();
        if given > 1 {
            let hint = "leave one of them";
            return Err(fields.mistaken("more than one of text, json, base64 and hex", hint));
        }
        if let Some(text) = fields.take::<String>("text", "a string")? {
            let template = self.template(fields, text.raw, &text.value)?;
            return Ok(Some((Kind::Text, Content::Text(template))));
        }
        if let Some(raw) = fields.raw("json") {
            let template = JsonTemplate::parse(raw.get(), self.expands)
                .map_err(|what| not_a_template(fields, raw, what))?;
            self.know(template.names(), fields, raw)?;
            return Ok(Some((Kind::Text, Content::Json(template))));
        }
        if let Some(encoded) = fields.take::<String>("base64", "a string of base64")? {
            let bytes = BASE64.decode(&encoded.value).map_err(|error| {
                fields.mistake(
                    encoded.raw,
                    format!("base64: {error}"),
                    "check its end and alphabet",
                )
            })?;
            return Ok(Some((Kind::Binary, Content::Bytes(bytes))));
        }
        if let Some(encoded) = fields.take::<String>("hex", "a string of hex digits")? {
            let bytes = codec::decode_hex(&encoded.value).map_err(|error| {
                let what = format!("hex: {} at byte {}", error.what, error.byte);
                fields.mistake(encoded.raw, what, "two digits make a byte")
            })?;
            return Ok(Some((Kind::Binary, Content::Bytes(bytes))));
        }
        Ok(None)
    }

    fn regex(&mut self, fields: &mut Fields) -> Parsed<Option<Pattern>> {
        let Some(given) = fields.take::<String>("regex", "a string")? else { return Ok(None) };
        let template = self.template(fields, given.raw, &given.value)?;
        let pattern = Pattern::new(template);
        pattern.map(Some).map_err(|what| {
            let hint = "a regular expression as in Rust and RE2, its backslashes doubled in JSON";
            fields.mistake(given.raw, format!("regex: {what}"), hint)
        })
    }

    fn jq(&mut self, fields: &mut Fields) -> Parsed<Option<Query>> {
        let Some(given) = fields.take::<String>("jq", "a string")? else { return Ok(None) };
        let template = self.template(fields, given.raw, &given.value)?;
        Query::new(template).map(Some).map_err(|what| {
            let hint = "a jq filter whose last result is neither false nor null, such as .id == 7";
            fields.mistake(given.raw, format!("jq: {what}"), hint)
        })
    }

    fn captures(&mut self, fields: &mut Fields) -> Parsed<Vec<(String, Query)>> {
        const HINT: &str = "write \"capture\":{\"name\":\".jq.filter\"}";
        let Some(raw) = fields.raw("capture") else { return Ok(Vec::new()) };
        if !self.expands {
            let hint = "make {\"event\":\"scenario\",\"version\":1} the first line of the file";
            return Err(fields.mistake(raw, "captures need a scenario record", hint));
        }
        let given = fields::strings(raw).map_err(|name| match name {
            Some(name) => fields.mistake(raw, format!("the filter of {name:?} is no string"), HINT),
            None => fields.mistake(raw, "capture is no object", HINT),
        })?;
        let mut captures = Vec::new();
        for (name, filter) in given {
            if !is_variable(&name) {
                let hint = "letters, digits, _, - and dots, not env.";
                return Err(fields.mistake(raw, format!("{name:?} is no name"), hint));
            }
            let query = Query::new(Template::literal(filter)).map_err(|what| {
                fields.mistake(raw, format!("the filter of {name:?}: {what}"), HINT)
            })?;
            self.captured.insert(name.clone());
            captures.push((name, query));
        }
        Ok(captures)
    }

    /// A text, with names where they mean something.
    fn template(&mut self, fields: &Fields, at: &RawValue, text: &str) -> Parsed<Template> {
        if !self.expands {
            return Ok(Template::literal(text));
        }
        let template = Template::parse(text).map_err(|what| not_a_template(fields, at, what))?;
        self.know(template.names(), fields, at)?;
        Ok(template)
    }

    /// Makes sure that each name stands for something by now.
    fn know<'n>(
        &mut self,
        names: impl Iterator<Item = &'n str>,
        fields: &Fields,
        at: &RawValue,
    ) -> Parsed<()> {
        for name in names {
            if self.scenario.values.has(name) || self.captured.contains(name) {
                continue;
            }
            let Some(variable) = name.strip_prefix("env.") else {
                let known: Vec<_> = self.scenario.values.names().collect();
                let known: Vec<_> =
                    known.into_iter().chain(self.captured.iter().map(String::as_str)).collect();
                let hint = match fields::similar(name, &known) {
                    Some(word) => format!("did you mean {{{{{word}}}}}?"),
                    None => {
                        format!("give it with --var {name}=VALUE, or capture it in a line before")
                    }
                };
                return Err(fields.mistake(at, format!("{{{{{name}}}}} stands for nothing"), hint));
            };
            let Some(value) = (self.given.environment)(variable) else {
                let what = format!("the environment has no {variable}");
                return Err(fields.mistake(at, what, format!("set it: {variable}=… wspipe check")));
            };
            self.scenario.values.set_text(name, &value);
        }
        Ok(())
    }

    /// Opens first what no record opens, and says which Closes nothing else waits for.
    fn finish(mut self) -> Scenario {
        let open = |&(conn, line): &(usize, u64)| {
            let act = Act::Open(Opening::default());
            Step { line, conn, act, within: WITHIN, gap: Duration::ZERO }
        };
        self.scenario.steps.splice(0..0, self.unopened.iter().map(open));
        let mut followed = vec![false; self.scenario.conns.len()];
        for step in self.scenario.steps.iter_mut().rev() {
            let is_followed = &mut followed[step.conn];
            match &mut step.act {
                Act::Close(_, awaited) => *awaited &= !*is_followed,
                Act::Open(_) => *is_followed = false,
                Act::Expect(_) | Act::Silence(_) => *is_followed = true,
                Act::Send(..) | Act::Ping(_) => {}
            }
        }
        self.scenario
    }
}

fn closed(fields: &Fields, called: &str, since: u64, what: &str) -> Mistake {
    fields.mistaken(
        format!("{called} is closed since line {since}: nothing can be {what}"),
        "move this line before that one, or open the connection again with {\"event\":\"open\"}",
    )
}

fn not_a_template(fields: &Fields, at: &RawValue, what: String) -> Mistake {
    let hint =
        "{{name}} stands for --var name=VALUE, a capture, or {{env.NAME}}; \\u007b{ is two braces";
    fields.mistake(at, what, hint)
}

fn opcode(fields: &mut Fields) -> Parsed<Option<Kind>> {
    let Some(given) = fields.take::<String>("opcode", "\"text\" or \"binary\"")? else {
        return Ok(None);
    };
    match given.value.as_str() {
        "text" => Ok(Some(Kind::Text)),
        "binary" => Ok(Some(Kind::Binary)),
        other => {
            let what = format!("opcode is {other:?}");
            Err(fields.mistake(given.raw, what, "write \"text\" or \"binary\""))
        }
    }
}

/// The time of a recorded line.
fn time(fields: &mut Fields) -> Parsed<Option<SystemTime>> {
    let Some(given) = fields.take::<String>("time", "a string")? else { return Ok(None) };
    humantime::parse_rfc3339(&given.value).map(Some).map_err(|_| {
        let hint = "a time looks like 2026-11-22T18:00:00.123456Z; a line that is written by hand needs none";
        fields.mistake(given.raw, "time is no time", hint)
    })
}

fn duration(fields: &mut Fields, name: &str) -> Parsed<Option<Duration>> {
    let Some(raw) = fields.raw(name) else { return Ok(None) };
    let text: String = serde_json::from_str(raw.get()).unwrap_or_else(|_| raw.get().to_owned());
    match duration::parse(&text) {
        Ok(duration) if !duration.is_zero() => Ok(Some(duration)),
        Ok(_) => Err(fields.mistake(raw, format!("{name} is 0"), "it must be more")),
        Err(why) => Err(fields.mistake(raw, format!("{name}: {why}"), "write \"2s\" or 2")),
    }
}

/// Which side a record is from.
pub(super) fn side(fields: &mut Fields) -> Parsed<Side> {
    let Some(given) = fields.take::<String>("from", "\"us\" or \"peer\"")? else {
        return Ok(Side::Us);
    };
    match given.value.as_str() {
        "us" => Ok(Side::Us),
        "peer" => Ok(Side::Peer),
        other => {
            let what = format!("from is {other:?}");
            let hint = "\"us\" sends, \"peer\" is expected; connections have names with \"conn\"";
            Err(fields.mistake(given.raw, what, hint))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str, has_url: bool) -> Result<Scenario, Vec<Mistake>> {
        let mut values = Values::default();
        values.set_text("user", "alice");
        let environment = |name: &str| (name == "TOKEN").then(|| "secret".to_owned());
        parse(text, Given { values: &values, environment: &environment, has_url })
    }

    /// What each step is, in one line.
    fn steps(text: &str) -> Vec<String> {
        let scenario = read(text, true).unwrap_or_else(|mistakes| panic!("{text}: {mistakes:?}"));
        let steps = scenario.steps.iter();
        steps.map(|step| format!("{} {}", step.line, scenario.describe(step))).collect()
    }

    const HEADER: &str = "{\"event\":\"scenario\",\"version\":1}\n";

    #[test]
    fn what_is_from_us_is_sent_and_what_is_from_the_peer_is_expected() {
        let cases: [(&str, &[&str]); 18] = [
            ("{\"text\":\"hi\"}", &["1 open", "1 send text \"hi\""]),
            ("\n  \r\n{\"text\":\"hi\"}\r\n", &["3 open", "3 send text \"hi\""]),
            (
                "{\"event\":\"open\",\"url\":\"ws://h/\",\"headers\":{\"X\":\"y\"}}\n{\"json\":{\"b\": 1.0}}",
                &["1 open ws://h/", "2 send json {\"b\":1.0}"],
            ),
            (
                "{\"hex\":\"00 ff\"}\n{\"base64\":\"AA==\",\"opcode\":\"text\"}",
                &["1 open", "1 send binary of 2 bytes", "2 send text of 1 bytes"],
            ),
            ("{\"from\":\"peer\"}", &["1 open", "1 expect a message"]),
            ("{\"from\":\"peer\",\"opcode\":\"binary\"}", &["1 open", "1 expect a binary message"]),
            ("{\"from\":\"peer\",\"hex\":\"00\"}", &["1 open", "1 expect binary of 1 bytes"]),
            (
                "{\"from\":\"peer\",\"regex\":\"^a\",\"jq\":\".b\",\"length\":5}",
                &["1 open", "1 expect a match of \"^a\", jq \".b\", 5 bytes"],
            ),
            ("{\"from\":\"peer\",\"none\":\"2s\"}", &["1 open", "1 expect silence for 2s"]),
            (
                "{\"event\":\"ping\",\"text\":\"x\"}\n{\"event\":\"pong\",\"from\":\"peer\"}",
                &["1 open", "1 send ping \"x\"", "2 expect a pong"],
            ),
            (
                "{\"event\":\"close\",\"code\":4000,\"reason\":\"x\"}",
                &["1 open", "1 close 4000 private to the application \"x\""],
            ),
            (
                "{\"event\":\"close\",\"from\":\"peer\",\"code\":1006}",
                &["1 open", "1 expect close 1006 abnormal closure"],
            ),
            ("{\"event\":\"open\",\"status\":401}", &["1 open, to be refused with 401"]),
            (
                "{\"conn\":\"a\",\"text\":\"x\"}\n{\"conn\":\"b\",\"from\":\"peer\",\"text\":\"x\"}",
                &["1 a: open", "2 b: open", "1 a: send text \"x\"", "2 b: expect text \"x\""],
            ),
            (
                "{\"event\":\"close\"}\n{\"event\":\"open\"}\n{\"text\":\"x\"}",
                &["1 open", "1 close 1000 normal closure", "2 open", "3 send text \"x\""],
            ),
            (
                "{\"event\":\"scenario\",\"version\":1}\n{\"text\":\"{{user}} {{env.TOKEN}}\"}",
                &["2 open", "2 send text \"{{user}} {{env.TOKEN}}\""],
            ),
            ("{\"text\":\"{{user\"}", &["1 open", "1 send text \"{{user\""]),
            (
                "{\"event\":\"scenario\",\"version\":1}\n{\"from\":\"peer\",\"capture\":{\"id\":\".id\"}}\n{\"json\":\"{{id}}\"}",
                &["2 open", "2 expect a message, capture id", "3 send json \"{{id}}\""],
            ),
        ];
        for (text, expected) in cases {
            assert_eq!(steps(text), expected, "{text}");
        }
    }

    #[test]
    fn a_recording_is_a_scenario() {
        let recording = "\
{\"time\":\"2026-11-22T18:00:00.000000Z\",\"event\":\"open\",\"url\":\"ws://127.0.0.1:1/\",\"http_version\":\"1.1\",\"status\":101,\"subprotocol\":\"chat\",\"extensions\":[],\"peer_address\":\"127.0.0.1:1\",\"timing\":{\"upgrade\":0.1},\"request_headers\":[[\"a\",\"b\"]],\"response_headers\":[]}
{\"time\":\"2026-11-22T18:00:01.000000Z\",\"event\":\"message\",\"from\":\"us\",\"opcode\":\"text\",\"length\":2,\"text\":\"hi\"}
{\"time\":\"2026-11-22T18:00:02.000000Z\",\"event\":\"ping\",\"from\":\"us\",\"base64\":\"AA==\"}
{\"time\":\"2026-11-22T18:00:03.000000Z\",\"event\":\"pong\",\"from\":\"peer\",\"base64\":\"AA==\",\"rtt_us\":5}
{\"time\":\"2026-11-22T18:00:08.500000Z\",\"event\":\"message\",\"from\":\"peer\",\"opcode\":\"binary\",\"length\":1,\"base64\":\"AA==\"}
{\"time\":\"2026-11-22T18:00:09.000000Z\",\"event\":\"close\",\"from\":\"peer\",\"code\":1000,\"reason\":\"bye\",\"clean\":true}
{\"time\":\"2026-11-22T18:00:09.000000Z\",\"event\":\"failure\",\"kind\":\"not_as_asked\",\"message\":\"x\",\"exit_code\":4}
";
        let scenario = read(recording, false).unwrap();
        let what: Vec<_> = scenario.steps.iter().map(|step| scenario.describe(step)).collect();
        let expected = [
            "open ws://127.0.0.1:1/",
            "send text \"hi\"",
            "expect binary of 1 bytes",
            "expect close 1000 normal closure, \"bye\"",
        ];
        assert_eq!(what, expected);
        let within: Vec<_> = scenario.steps.iter().map(|step| step.within.as_secs_f64()).collect();
        assert_eq!(within, [5.0, 6.0, 12.5, 5.5], "the gap to the step before, and 5 s");
        let Act::Open(opening) = &scenario.steps[0].act else { panic!("{:?}", scenario.steps[0]) };
        assert_eq!((&opening.subprotocols[..], opening.status), (&["chat".to_owned()][..], None));
        assert!(opening.headers.is_empty());
    }

    #[test]
    fn what_a_recording_tells_of_messages_that_did_not_leave_or_were_too_large_is_heeded() {
        let time = "\"time\":\"2026-11-22T18:00:00Z\"";
        let ours = |text: &str| {
            format!("{{{time},\"event\":\"message\",\"from\":\"us\",\"text\":{text:?}}}\n")
        };
        let recording = ours("a")
            + &ours("b")
            + &ours("c")
            + &format!(
                "{{{time},\"event\":\"message\",\"from\":\"peer\",\"opcode\":\"text\",\"length\":70}}\n"
            )
            + &format!(
                "{{{time},\"event\":\"close\",\"from\":\"peer\",\"code\":1008,\"reason\":\"\",\"clean\":true,\"unsent\":2}}\n"
            );
        let expected = [
            "1 open",
            "1 send text \"a\"",
            "4 expect a text message, 70 bytes",
            "5 expect close 1008 policy violation",
        ];
        assert_eq!(steps(&recording), expected);
        let large = format!("{{{time},\"event\":\"message\",\"from\":\"us\",\"length\":70}}");
        let mistakes = read(&large, true).unwrap_err();
        assert!(mistakes[0].what.contains("too large to be recorded"), "{mistakes:?}");
    }

    #[test]
    fn our_close_awaits_its_answer_where_nothing_else_does() {
        let awaited = |text: &str| {
            let scenario = read(text, true).unwrap();
            let close = scenario.steps.iter().find_map(|step| match step.act {
                Act::Close(_, awaited) => Some(awaited),
                _ => None,
            });
            close.unwrap()
        };
        let close = "{\"event\":\"close\"}";
        assert!(awaited(close));
        assert!(!awaited(&format!("{close}\n{{\"event\":\"close\",\"from\":\"peer\"}}")));
        assert!(awaited(&format!("{close}\n{{\"event\":\"open\"}}\n{{\"from\":\"peer\"}}")));
        assert!(awaited(&format!("{close}\n{{\"conn\":\"b\",\"from\":\"peer\"}}")));
        assert!(!awaited("{\"event\":\"close\",\"code\":1000,\"clean\":false}"));
    }

    #[test]
    fn every_mistake_has_its_place_and_a_way_out() {
        let cases: [(&str, &str, &str); 47] = [
            ("", "1:1 there is no step in it", "from\":\"peer"),
            ("{\"text\":1}", "1:9 text is a number", "write a string"),
            (
                "{\"txt\":\"a\"}",
                "1:2 unknown field \"txt\" in a message that we send",
                "did you mean \"text\"?",
            ),
            (
                "{\"text\":\"a\",\"colour\":1}",
                "1:13 unknown field \"colour\"",
                "it may have opcode, length, text",
            ),
            (
                "{\"text\":\"a\",\"within\":\"1s\"}",
                "1:13 within means nothing in a message that we send",
                "add \"from\":\"peer\"",
            ),
            (
                "{\"text\":\"a\",\"code\":1000}",
                "1:13 code means nothing in a message that we send",
                "add \"event\":\"close\"",
            ),
            (
                "{\"event\":\"mesage\"}",
                "1:10 unknown event \"mesage\"",
                "did you mean \"message\"?",
            ),
            ("{\"event\":\"xyzzy\"}", "1:10 unknown event \"xyzzy\"", "the events are message"),
            ("{\"from\":\"server\"}", "1:9 from is \"server\"", "\"peer\" is expected"),
            ("{}", "1:1 the message has no content", "text, json, base64 and hex"),
            ("{\"text\":\"a\",\"hex\":\"00\"}", "1:1 more than one of", "leave one"),
            ("{\"hex\":\"0\"}", "1:8 hex: ", "two digits"),
            ("{\"base64\":\"?\"}", "1:11 base64: ", "alphabet"),
            (
                "{\"base64\":\"/w==\",\"opcode\":\"text\"}",
                "1:1 a text message must be UTF-8",
                "leave",
            ),
            ("{\"text\":\"a\",\"opcode\":\"txt\"}", "1:22 opcode is \"txt\"", "\"binary\""),
            ("{\"from\":\"peer\",\"regex\":\"(\"}", "1:24 regex: unclosed group", "backslashes"),
            ("{\"from\":\"peer\",\"jq\":\".a |\"}", "1:21 jq: ", "jq filter"),
            ("{\"from\":\"peer\",\"jq\":\"nosuch\"}", "1:21 jq: ", "jq filter"),
            (
                "{\"from\":\"peer\",\"within\":\"soon\"}",
                "1:25 within: a duration looks like",
                "\"2s\"",
            ),
            ("{\"from\":\"peer\",\"within\":0}", "1:25 within is 0", "more"),
            ("{\"from\":\"peer\",\"within\":true}", "1:25 within: a duration looks like", "\"2s\""),
            (
                "{\"from\":\"peer\",\"none\":\"2s\",\"text\":\"a\"}",
                "1:28 text means nothing beside none",
                "expects silence",
            ),
            ("{\"from\":\"peer\",\"skip\":1}", "1:23 skip is a number", "true or false"),
            (
                "{\"from\":\"peer\",\"capture\":{\"a\":\".\"}}",
                "1:26 captures need a scenario record",
                "first line",
            ),
            (
                "{\"event\":\"close\",\"code\":1006}",
                "1:25 close code 1006 cannot be sent",
                "1000 to 1003",
            ),
            (
                "{\"event\":\"close\",\"code\":70000}",
                "1:25 code is a number out of range",
                "a close code",
            ),
            (
                "{\"event\":\"close\",\"from\":\"peer\"}\n{\"from\":\"peer\"}",
                "2:1 the connection is closed since line 1: nothing can be expected",
                "open the connection again",
            ),
            (
                "{\"event\":\"close\"}\n{\"text\":\"a\"}",
                "2:1 the connection is closed since line 1: nothing can be sent",
                "move this line",
            ),
            (
                "{\"event\":\"open\",\"status\":401}\n{\"text\":\"a\"}",
                "2:1 the connection is closed since line 1",
                "open the connection again",
            ),
            (
                "{\"text\":\"a\"}\n{\"event\":\"open\"}",
                "2:1 the connection is open since line 1",
                "a name of its own",
            ),
            ("{\"event\":\"open\",\"url\":\"ftp://x/\"}", "1:23 ", "ws://"),
            (
                "{\"event\":\"open\",\"headers\":{\"a b\":\"c\"}}",
                "1:27 the header \"a b\"",
                "\"headers\"",
            ),
            ("{\"event\":\"open\",\"status\":99}", "1:26 99 is no HTTP status", "refusal"),
            (
                "{\"event\":\"open\",\"text\":\"a\"}",
                "1:17 text means nothing in an open record",
                "it may have url",
            ),
            ("{\"conn\":1,\"text\":\"a\"}", "1:9 conn is a number", "a string"),
            ("{\"text\":\"a\",\"time\":\"now\"}", "1:20 time is no time", "2026"),
            ("{\"event\":\"ping\",\"text\":\"{126}\"}", "1:1 a ping cannot carry this", "125"),
            (
                "{\"text\":\"a\"}\n{\"event\":\"scenario\",\"version\":1}",
                "2:1 the scenario record does not come first",
                "first line",
            ),
            ("{\"event\":\"scenario\"}", "1:1 the scenario record has no version", "\"version\":1"),
            ("{\"event\":\"scenario\",\"version\":2}", "1:31 version 2 is not known", "version 1"),
            (
                "{\"event\":\"scenario\",\"version\":1,\"vars\":{}}",
                "1:33 unknown field \"vars\" in the scenario record",
                "version, name",
            ),
            ("H{\"text\":\"{{usr}}\"}", "2:9 {{usr}} stands for nothing", "did you mean {{user}}?"),
            ("H{\"text\":\"{{id}}\"}", "2:9 {{id}} stands for nothing", "--var id=VALUE"),
            ("H{\"json\":[\"{{env.NOPE}}\"]}", "2:9 the environment has no NOPE", "NOPE="),
            ("H{\"text\":\"{{\"}", "2:9 {{ has no }} behind it", "\\u007b{"),
            (
                "H{\"from\":\"peer\",\"capture\":{\"env.x\":\".\"}}",
                "2:26 \"env.x\" is no name",
                "not env.",
            ),
            ("H{\"from\":\"peer\",\"capture\":{\"x\":\"(\"}}", "2:26 the filter of \"x\": ", "jq"),
        ];
        for (text, what, hint) in cases {
            let text = text.replace('H', HEADER).replace("{126}", &"x".repeat(126));
            let mistakes = read(&text, true).unwrap_err();
            let told: Vec<_> = mistakes
                .iter()
                .map(|mistake| format!("{}:{} {mistake}", mistake.line, mistake.column))
                .collect();
            assert!(told[0].starts_with(what), "{text}: {told:?}, not {what}");
            assert!(mistakes[0].hint.contains(hint), "{text}: {:?}", mistakes[0].hint);
        }
        let all = read("{\"txt\":1}\n{\"text\":\"fine\"}\n[]", true).unwrap_err();
        assert_eq!(all.iter().map(|mistake| mistake.line).collect::<Vec<_>>(), [1, 3]);
        let no_url = read("{\"text\":\"a\"}", false).unwrap_err();
        assert!(
            no_url[0].what.contains("no URL") && no_url[0].hint.contains("--url"),
            "{no_url:?}"
        );
    }
}
