//! A scenario as a script for k6 (<https://grafana.com/docs/k6/>), for those who outgrow one machine. What k6
//! cannot do as the scenario says it is refused, with its line: a script that checks less would pass more.
//! Nothing of k6 is known here but its documented modules; whoever runs the script is elsewhere.

mod javascript;
mod pattern;
mod query;

use std::fmt::Write as _;
use std::time::Duration;

use thiserror::Error;

use super::expectation::{Awaited, Expectation};
use super::template::{Style, Template};
use super::{Act, Content, Opening, Scenario, Step};
use crate::handshake::Target;
use crate::output::escape::one_line;
use crate::record;
use crate::wire::close::{ABNORMAL, NO_CODE};
use crate::wire::{Close, Kind};
use javascript::quoted;

/// What every script runs on.
const RUNTIME: &str = include_str!("runtime.js");
/// How long an opening may take, as without an export.
const OPENING: Duration = Duration::from_secs(10);

/// A step that k6 cannot play.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("{what}")]
pub struct Untranslated {
    /// Its line.
    pub line: u64,
    /// What it is about.
    pub what: String,
    /// What to write instead.
    pub hint: String,
}

type Translated = Result<String, (String, &'static str)>;

impl Scenario {
    /// The script. `url` is a server in place of those that the scenario names.
    ///
    /// # Errors
    /// All steps that cannot be translated.
    pub fn k6(&self, file: &str, url: Option<&str>) -> Result<String, Vec<Untranslated>> {
        let mut writing = Writing { scenario: self, url, closed: vec![false; self.conns.len()] };
        let mut steps = String::new();
        let mut refused = Vec::new();
        for step in &self.steps {
            match writing.step(step) {
                Ok(call) => steps.push_str(&self.line(step, &call)),
                Err((what, hint)) => {
                    let what = format!("k6 cannot play this: {what}");
                    refused.push(Untranslated { line: step.line, what, hint: hint.into() });
                }
            }
        }
        if !refused.is_empty() {
            return Err(refused);
        }
        let name = self.name.as_deref().map(|name| format!(": {}", one_line(name)));
        let of = format!("{file}{}", name.unwrap_or_default());
        // Quoted, since JavaScript ends a comment at characters that do not look like it.
        Ok(script(&quoted(&of), &self.variables(), &steps))
    }

    fn line(&self, step: &Step, call: &str) -> String {
        // k6 has a meaning of its own for two colons.
        let what = self.describe(step).replace("::", ": :");
        let name = quoted(&format!("line {}: {what}", step.line));
        format!("    await s.step({name}, () => {call});\n")
    }

    /// What names stand for at the beginning. What the environment has is not told.
    fn variables(&self) -> String {
        let (mut own, mut of_environment) = (Vec::new(), Vec::new());
        for name in self.values.names() {
            match name.strip_prefix("env.") {
                Some(variable) => of_environment.push(quoted(variable)),
                None => own.push(format!("{}: {}", quoted(name), quoted(self.values.json(name)))),
            }
        }
        let mut all = Vec::new();
        if !of_environment.is_empty() {
            all.push(format!("...environment([{}])", of_environment.join(", ")));
        }
        all.extend(own);
        if all.is_empty() { "{}".into() } else { format!("{{ {} }}", all.join(", ")) }
    }
}

fn script(of: &str, variables: &str, steps: &str) -> String {
    format!(
        "\
// {of}
// Exported by wspipe check --export k6.
//
//   k6 run SCRIPT
//   k6 run -e URL=wss://staging.example.org/ --vus 50 --duration 1m SCRIPT
//
// -e URL=… is a server in place of the one below. A check is a step; when one fails, the rest of its
// iteration is left out, and k6 ends with 99.
import {{ check, fail }} from \"k6\";
import {{ b64decode, b64encode }} from \"k6/encoding\";
import {{ clearTimeout, setTimeout }} from \"k6/timers\";
import {{ WebSocket }} from \"k6/websockets\";

export const options = {{
  vus: 1,
  iterations: 1,
  thresholds: {{ checks: [\"rate==1\"] }},
}};

// What names stand for, as JSON.
const variables = {variables};

export default async function () {{
  const s = new Scenario({{ ...variables }});
  try {{
{steps}  }} finally {{
    s.part();
  }}
}}

{RUNTIME}"
    )
}

struct Writing<'s> {
    scenario: &'s Scenario,
    url: Option<&'s str>,
    /// Which connections we have closed.
    closed: Vec<bool>,
}

impl Writing<'_> {
    fn step(&mut self, step: &Step) -> Translated {
        let conn = quoted(&self.scenario.conns[step.conn]);
        let within = step.within.as_millis();
        let is_closed = self.closed[step.conn];
        match &step.act {
            Act::Open(opening) => {
                self.closed[step.conn] = false;
                self.open(&conn, opening)
            }
            Act::Send(kind, content) => Ok(format!("s.send({conn}, {})", sent(*kind, content))),
            Act::Ping(payload) if payload.is_empty() => Ok(format!("s.ping({conn})")),
            Act::Ping(_) => {
                Err(("a ping with a payload".into(), "leave the payload out: k6 makes its own"))
            }
            Act::Close(close, awaited) => {
                self.closed[step.conn] = true;
                let (code, reason) = sendable(close)?;
                let within = if *awaited { within.to_string() } else { "null".into() };
                Ok(format!("s.close({conn}, {code}, {}, {within})", quoted(reason)))
            }
            Act::Expect(expectation) if is_closed && expectation.awaited != Awaited::Close => {
                Err(after_close())
            }
            Act::Silence(_) if is_closed => Err(after_close()),
            Act::Expect(expectation) => expected(&conn, within, expectation),
            Act::Silence(length) => Ok(format!("s.silence({conn}, {})", length.as_millis())),
        }
    }

    fn open(&self, conn: &str, opening: &Opening) -> Translated {
        if let Some(status) = opening.status {
            let hint = "leave this step out: k6 does not tell the status of a refusal";
            return Err((format!("an upgrade that is refused with {status}"), hint));
        }
        let subprotocols: Vec<_> = opening.subprotocols.iter().map(|name| quoted(name)).collect();
        let within = opening.within.unwrap_or(OPENING).as_millis();
        Ok(format!(
            "s.open({conn}, {}, [{}], {}, {within})",
            self.url(opening)?,
            subprotocols.join(", "),
            headers(opening)?
        ))
    }

    fn url(&self, opening: &Opening) -> Translated {
        if let Some(url) = self.url {
            return address(url);
        }
        let Some(url) = opening.url.as_ref().or(self.scenario.url.as_ref()) else {
            return Ok("null".into());
        };
        if url.names().next().is_none() {
            return address(&url.expand(&self.scenario.values, Style::Plain));
        }
        if url.source().contains('@') {
            return Err(with_password());
        }
        Ok(javascript::text(url))
    }
}

/// A URL that is known now.
fn address(url: &str) -> Translated {
    let hint = "k6 knows ws:// and wss://";
    match Target::parse(url).map_err(|error| (error.to_string(), hint))? {
        Target::Echo => Err(("echo: is built into wspipe".into(), "give --url URL")),
        Target::Server(location) if location.socket.is_some() => {
            Err(("a Unix socket".into(), hint))
        }
        Target::Server(location) if location.credentials.is_some() => Err(with_password()),
        Target::Server(location) => Ok(quoted(&location.url())),
    }
}

fn with_password() -> (String, &'static str) {
    let hint = "write \"headers\":{\"Authorization\":\"Basic {{env.NAME}}\"}, which stays out of the script";
    ("a URL with a user".into(), hint)
}

fn after_close() -> (String, &'static str) {
    ("something that comes after our Close".into(), "leave this step out: k6 drops what comes then")
}

fn headers(opening: &Opening) -> Translated {
    let mut written = Vec::new();
    for (at, (name, value)) in opening.headers.iter().enumerate() {
        let is_again =
            opening.headers[..at].iter().any(|(other, _)| other.eq_ignore_ascii_case(name));
        if is_again {
            return Err((format!("the header {name:?} twice"), "leave one of them"));
        }
        if value.source().trim().is_empty() {
            return Err((format!("the header {name:?} taken away"), "leave it out"));
        }
        written.push(format!("{}: {}", quoted(name), trimmed(value)));
    }
    Ok(if written.is_empty() { "{}".into() } else { format!("{{ {} }}", written.join(", ")) })
}

/// A header's value, without the spaces around it.
fn trimmed(value: &Template) -> String {
    format!("({}).trim()", javascript::text(value))
}

/// What is sent, as an expression for send().
fn sent(kind: Kind, content: &Content) -> String {
    match (kind, content) {
        (Kind::Text, Content::Bytes(bytes)) => quoted(&String::from_utf8_lossy(bytes)),
        (Kind::Text, _) => payload(content),
        (Kind::Binary, Content::Bytes(_)) => payload(content),
        // As the bytes of UTF-8.
        (Kind::Binary, _) => format!("b64decode(b64encode({}))", payload(content)),
    }
}

fn payload(content: &Content) -> String {
    match content {
        Content::Text(template) => javascript::text(template),
        Content::Json(template) => javascript::json(template),
        Content::Bytes(bytes) => format!("b64decode({})", quoted(&record::base64(bytes))),
    }
}

fn sendable(close: &Close) -> Result<(u16, &str), (String, &'static str)> {
    match close.number() {
        code @ (1000 | 3000..=4999) => Ok((code, &close.reason)),
        NO_CODE => Err(("a Close without a code".into(), "write \"code\":1000")),
        code => Err((format!("a Close with {code}"), "k6 sends 1000 and 3000 to 4999")),
    }
}

fn expected(conn: &str, within: u128, expectation: &Expectation) -> Translated {
    let skip = expectation.skip;
    let kind = match expectation.awaited {
        Awaited::Message => return message(conn, within, expectation),
        Awaited::Close => return close(conn, within, expectation),
        Awaited::Ping => "pings",
        Awaited::Pong => "pongs",
    };
    if expectation.content.is_some() {
        let hint = "leave the payload out: k6 does not tell it";
        return Err(("what a ping or pong carries".into(), hint));
    }
    if skip {
        let hint = "leave skip out: k6 does not tell whether messages come before";
        return Err(("skip before a ping or pong".into(), hint));
    }
    Ok(format!("s.expectControl({conn}, {within}, {})", quoted(kind)))
}

fn close(conn: &str, within: u128, expectation: &Expectation) -> Translated {
    let reason = expectation.reason.as_deref().filter(|_| expectation.code != Some(ABNORMAL));
    let code = expectation.code.map_or("null".into(), |code| code.to_string());
    let reason = reason.map_or("null".into(), quoted);
    Ok(format!("s.expectClose({conn}, {within}, {}, {code}, {reason})", expectation.skip))
}

fn message(conn: &str, within: u128, expectation: &Expectation) -> Translated {
    let mut wanted = Vec::new();
    if let Some(kind) = expectation.kind {
        wanted.push(format!("m.opcode({})", quoted(kind.name())));
    }
    wanted.extend(expectation.length.map(|length| format!("m.length({length})")));
    wanted.extend(expectation.content.as_ref().map(|content| match content {
        Content::Json(_) => format!("m.json({})", payload(content)),
        _ => format!("m.payload({})", payload(content)),
    }));
    if let Some(regex) = &expectation.regex {
        let translated = pattern::pattern(regex.template()).map_err(|why| {
            (format!("the regex: {why}"), "write it with text, classes, groups, ^ and $")
        })?;
        wanted.push(format!("m.matches({translated})"));
    }
    let of_query = |filter: &Template| {
        query::query(filter).map_err(|why| {
            let hint =
                "k6 has no jq: translated are paths such as .a.b[0], == != < <= > >=, and, or";
            (format!("the filter {:?}: {why}", filter.source()), hint)
        })
    };
    if let Some(filter) = &expectation.jq {
        wanted.push(format!("m.holds({})", of_query(filter.template())?));
    }
    for (name, filter) in &expectation.captures {
        wanted.push(format!("m.keep({}, {})", quoted(name), of_query(filter.template())?));
    }
    let mut call = format!("s.expect({conn}, {within}, {}, (m) => {{", expectation.skip);
    for one in &wanted {
        let _ = write!(call, "\n      {one};");
    }
    call.push_str(if wanted.is_empty() { "})" } else { "\n    })" });
    Ok(call)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::{Given, Values, parse};

    const HEADER: &str = "{\"event\":\"scenario\",\"version\":1}\n";

    fn exported(text: &str, url: Option<&str>) -> Result<String, Vec<Untranslated>> {
        let mut values = Values::default();
        values.set_text("user", "al\"ice");
        let environment = |_: &str| Some("secret".to_owned());
        let given = Given { values: &values, environment: &environment, has_url: true };
        parse(text, given).unwrap_or_else(|wrong| panic!("{text}: {wrong:?}")).k6("a.jsonl", url)
    }

    /// What the step of the last line calls.
    fn call(text: &str) -> String {
        let script = exported(text, None).unwrap_or_else(|refused| panic!("{text}: {refused:?}"));
        let (_, call) =
            script.split("  } finally").next().unwrap().rsplit_once(", () => ").unwrap();
        call.trim_end().strip_suffix(");").unwrap().to_owned()
    }

    #[test]
    fn every_kind_of_step_has_its_call() {
        let cases = [
            (
                "{\"event\":\"open\",\"url\":\"http://h\",\"subprotocol\":\"a\",\"headers\":{\"X\":\"y\"},\"within\":1}",
                "s.open(\"\", \"ws://h/\", [\"a\"], { \"X\": (\"y\").trim() }, 1000",
            ),
            ("{\"event\":\"open\",\"conn\":\"b\"}", "s.open(\"b\", null, [], {}, 10000"),
            (
                "H{\"event\":\"open\",\"url\":\"{{env.U}}/x\"}",
                "s.open(\"\", s.text(\"env.U\") + \"/x\", [], {}, 10000",
            ),
            ("{\"text\":\"a\\nb\"}", "s.send(\"\", \"a\\nb\""),
            ("{\"text\":\"{{user}}\"}", "s.send(\"\", \"{{user}}\""),
            (
                "H{\"text\":\"{{user}}\",\"opcode\":\"binary\"}",
                "s.send(\"\", b64decode(b64encode(s.text(\"user\")))",
            ),
            ("H{\"json\":[\"{{user}}\",1.0]}", "s.send(\"\", \"[\" + s.json(\"user\") + \",1.0]\""),
            ("{\"base64\":\"AAE=\"}", "s.send(\"\", b64decode(\"AAE=\")"),
            ("{\"hex\":\"6162\",\"opcode\":\"text\"}", "s.send(\"\", \"ab\""),
            ("{\"event\":\"ping\"}", "s.ping(\"\""),
            ("{\"event\":\"close\"}", "s.close(\"\", 1000, \"\", 5000"),
            (
                "{\"event\":\"close\",\"code\":4000,\"reason\":\"x\"}\n{\"event\":\"close\",\"from\":\"peer\",\"code\":4000}",
                "s.expectClose(\"\", 5000, false, 4000, null",
            ),
            (
                "{\"event\":\"close\",\"from\":\"peer\",\"reason\":\"x\",\"skip\":true}",
                "s.expectClose(\"\", 5000, true, null, \"x\"",
            ),
            (
                "{\"event\":\"close\",\"from\":\"peer\",\"code\":1006,\"reason\":\"\"}",
                "s.expectClose(\"\", 5000, false, 1006, null",
            ),
            ("{\"event\":\"ping\",\"from\":\"peer\"}", "s.expectControl(\"\", 5000, \"pings\""),
            (
                "{\"event\":\"pong\",\"from\":\"peer\",\"within\":\"2s\"}",
                "s.expectControl(\"\", 2000, \"pongs\"",
            ),
            ("{\"from\":\"peer\",\"none\":\"100ms\"}", "s.silence(\"\", 100"),
            ("{\"from\":\"peer\"}", "s.expect(\"\", 5000, false, (m) => {}"),
            (
                "{\"from\":\"peer\",\"text\":\"a\",\"length\":1,\"skip\":true}",
                "s.expect(\"\", 5000, true, (m) => {\n      m.opcode(\"text\");\n      m.length(1);\n      m.payload(\"a\");\n    }",
            ),
            (
                "H{\"from\":\"peer\",\"json\":{\"a\":1},\"regex\":\"^.\",\"jq\":\".a == 1\",\"capture\":{\"x\":\".a\"}}",
                "s.expect(\"\", 5000, false, (m) => {\n      m.opcode(\"text\");\n      m.json(\"{\\\"a\\\":1}\");\n      m.matches(new RegExp(\"^[^\\n]\", \"u\"));\n      m.holds(equal(m.at(\"a\"), \"n1\"));\n      m.keep(\"x\", m.at(\"a\"));\n    }",
            ),
            (
                "{\"from\":\"peer\",\"hex\":\"00\"}",
                "s.expect(\"\", 5000, false, (m) => {\n      m.payload(b64decode(\"AA==\"));\n    }",
            ),
        ];
        for (text, expected) in cases {
            assert_eq!(call(&text.replace('H', HEADER)), format!("{expected})"), "{text}");
        }
    }

    #[test]
    fn what_k6_cannot_do_is_refused_with_its_line() {
        let cases = [
            ("{\"event\":\"open\",\"status\":401}", 1, "refused with 401"),
            ("{\"event\":\"open\",\"url\":\"echo:\"}", 1, "echo:"),
            ("{\"event\":\"open\",\"url\":\"ws+unix:///s:/\"}", 1, "Unix socket"),
            ("{\"event\":\"open\",\"url\":\"ws://u:p@h/\"}", 1, "a URL with a user"),
            ("H{\"event\":\"open\",\"url\":\"ws://u:{{env.P}}@h/\"}", 2, "a URL with a user"),
            ("{\"event\":\"open\",\"headers\":{\"A\":\"1\",\"a\":\"2\"}}", 1, "twice"),
            ("{\"event\":\"open\",\"headers\":{\"A\":\"\"}}", 1, "taken away"),
            ("{\"event\":\"ping\",\"text\":\"x\"}", 1, "a ping with a payload"),
            ("{\"event\":\"pong\",\"from\":\"peer\",\"text\":\"x\"}", 1, "carries"),
            ("{\"event\":\"pong\",\"from\":\"peer\",\"skip\":true}", 1, "skip before"),
            ("{\"event\":\"close\",\"code\":1001}", 1, "a Close with 1001"),
            ("{\"event\":\"close\",\"code\":1005}", 1, "without a code"),
            ("{\"event\":\"close\"}\n{\"from\":\"peer\",\"text\":\"x\"}", 2, "after our Close"),
            ("{\"event\":\"close\"}\n{\"from\":\"peer\",\"none\":1}", 2, "after our Close"),
            ("{\"from\":\"peer\",\"jq\":\"length == 1\"}", 1, "length is not translated"),
            ("H{\"from\":\"peer\",\"capture\":{\"x\":\".[]\"}}", 2, "between brackets"),
            ("{\"from\":\"peer\",\"regex\":\"\\\\bx\"}", 1, "\\b"),
        ];
        for (text, line, what) in cases {
            let refused = exported(&text.replace('H', HEADER), None).unwrap_err();
            let told = refused[0].to_string();
            assert!(refused[0].line == line && told.contains(what), "{text}: {refused:?}");
            assert!(!refused[0].hint.is_empty(), "{text}");
        }
        let all = "{\"event\":\"ping\",\"text\":\"x\"}\n{\"text\":\"a\"}\n{\"event\":\"close\",\"code\":1001}";
        let lines: Vec<_> = exported(all, None).unwrap_err().iter().map(|one| one.line).collect();
        assert_eq!(lines, [1, 3]);
    }

    #[test]
    fn a_secret_of_the_environment_is_not_in_the_script() {
        let text = format!("{HEADER}{{\"text\":\"{{{{env.TOKEN}}}}\"}}");
        let script = exported(&text, Some("wss://h:1/")).unwrap();
        assert!(!script.contains("secret"));
        let variables = "const variables = { ...environment([\"TOKEN\"]), \"user\": \"\\\"al\\\\\\\"ice\\\"\" };";
        assert!(script.contains(variables), "{script}");
        assert!(script.contains("s.open(\"\", \"wss://h:1/\", [], {}, 10000)"));
        assert!(script.starts_with("// \"a.jsonl\"\n"));
    }

    #[test]
    fn a_name_of_a_check_has_no_two_colons() {
        let script = exported("{\"text\":\"a::b\"}", None).unwrap();
        assert!(script.contains("\"line 1: send text \\\"a: :b\\\"\""), "{script}");
    }
}
