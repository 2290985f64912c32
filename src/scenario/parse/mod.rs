//! From the text of a file to a scenario, or to everything that is wrong with it. Nothing is sent before
//! all of it is understood.

mod content;
mod open;

use std::collections::BTreeSet;
use std::time::{Duration, SystemTime};

use crate::duration;
use crate::output::escape::one_line;
use crate::record::Side;
use crate::scenario::expectation::{Awaited, Expectation};
use crate::scenario::fields::{self, Fields, Mistake};
use crate::scenario::shape::{self, Shape};
use crate::scenario::template::Values;
use crate::scenario::{Act, Content, Opening, Scenario, Step, WITHIN};
use crate::wire::close::{self, ABNORMAL, MAX_REASON, NO_CODE};
use crate::wire::{Close, Kind};
use content::opcode;

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
    // What some editors put before everything.
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    for (number, line) in (1..).zip(text.split('\n')) {
        let line = line.strip_suffix('\r').unwrap_or(line);
        if !line.trim().is_empty()
            && let Err(mistake) = reading.line(line, number)
        {
            mistakes.push(mistake);
            reading.learn(line);
        }
    }
    if mistakes.is_empty() {
        mistakes.extend(reading.undeclared());
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
            Shape::Open => self.open(&mut fields, given, conn, number, at.is_some())?,
            Shape::Sent(kind) => self.sent(kind, &mut fields, at.is_some())?,
            Shape::Expected(kind) => self.expected(kind, &mut fields, at.is_some())?,
            Shape::Header | Shape::Told => return Ok(()),
        };
        self.last = at.or(self.last);
        self.scenario.steps.push(Step { line: number, conn, act, within, gap });
        Ok(())
    }

    /// What a line that has a mistake would have captured, so that nothing else is said of that.
    fn learn(&mut self, text: &str) {
        let capture = Fields::of(text, 0).ok().and_then(|mut fields| fields.raw("capture"));
        let names = capture.and_then(|capture| fields::strings(capture).ok()).unwrap_or_default();
        self.captured.extend(names.into_iter().map(|(name, _)| name));
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
        let name = fields.take::<String>("name", "a string")?;
        self.scenario.name = name.map(|given| one_line(&given.value));
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

    /// In a file that opens connections, those that it does not open: their names may be mistyped.
    fn undeclared(&self) -> Option<Mistake> {
        let is_open = |step: &Step| matches!(step.act, Act::Open(_));
        let opens = self.scenario.steps.iter().filter(|step| is_open(step));
        let known: Vec<_> = opens.map(|step| self.scenario.conns[step.conn].as_str()).collect();
        let name = |conn: usize| &self.scenario.conns[conn];
        let is_known = |conn: usize| known.contains(&name(conn).as_str());
        let (conn, line) = *self.unopened.iter().find(|(conn, _)| !is_known(*conn))?;
        if known.is_empty() {
            return None;
        }
        let name = name(conn);
        let what = match name.as_str() {
            "" => "no record opens a connection without a name".to_owned(),
            name => format!("no record opens {name:?}"),
        };
        let hint = match fields::similar(name, &known) {
            Some(word) if !word.is_empty() => format!("did you mean {word:?}?"),
            _ => "a file that opens a connection opens all of them: add {\"event\":\"open\",\"conn\":…}".into(),
        };
        Some(Mistake { line, column: 1, what, hint })
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
mod tests;
