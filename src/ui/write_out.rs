//! `-w`: curl's format language over what is known at the end of a run.

use std::time::Duration;

use serde_json::{Map, Value, json};

use crate::failure::Failure;
use crate::output::escape;

/// A parsed format.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WriteOut(Vec<Part>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Text(String),
    Variable(&'static str),
    Json,
    Stdout,
    Stderr,
}

/// The names of the variables.
pub const VARIABLES: &[&str] = &[
    "exitcode",
    "errormsg",
    "http_code",
    "url_effective",
    "remote_ip",
    "time_namelookup",
    "time_connect",
    "time_appconnect",
    "time_upgrade",
    "time_first_message",
    "time_total",
    "close_code",
    "close_reason",
    "messages_in",
    "messages_out",
    "bytes_in",
    "bytes_out",
    "rtt_min",
    "rtt_median",
    "rtt_p99",
];

/// What is known at the end. Times are counted from the start of the process.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    /// The exit code; 128+n for signal n.
    pub exit_code: i32,
    /// What went wrong.
    pub error: Option<String>,
    /// The status of the answer to the upgrade.
    pub http_code: u16,
    /// The URL.
    pub url: String,
    /// The address of the peer, without its port.
    pub remote_ip: String,
    /// The name was resolved.
    pub resolved: Option<Duration>,
    /// TCP was connected.
    pub connected: Option<Duration>,
    /// TLS was agreed on.
    pub secured: Option<Duration>,
    /// The upgrade was answered.
    pub upgraded: Option<Duration>,
    /// The first message came.
    pub first_message: Option<Duration>,
    /// The end.
    pub total: Duration,
    /// The close code: 1005 for none, 1006 for a lost connection; nothing without a session.
    pub close_code: Option<u16>,
    /// The reason.
    pub close_reason: String,
    /// Messages received.
    pub messages_in: u64,
    /// Messages sent.
    pub messages_out: u64,
    /// Payload bytes received.
    pub bytes_in: u64,
    /// Payload bytes sent.
    pub bytes_out: u64,
    /// The shortest round trip of a Ping.
    pub rtt_min: Option<Duration>,
    /// The median.
    pub rtt_median: Option<Duration>,
    /// The 99th percentile.
    pub rtt_p99: Option<Duration>,
}

impl WriteOut {
    /// Reads a format.
    ///
    /// # Errors
    /// An unknown variable.
    pub fn parse(format: &str) -> Result<WriteOut, Failure> {
        let mut parts = Vec::new();
        let mut text = String::new();
        let mut rest = format;
        while let Some(character) = rest.chars().next() {
            rest = &rest[character.len_utf8()..];
            match character {
                '\\' => rest = meant(rest, &mut text),
                '%' if rest.starts_with('%') => {
                    text.push('%');
                    rest = &rest[1..];
                }
                '%' if rest.starts_with('{') => {
                    let Some((name, after)) = rest[1..].split_once('}') else {
                        let what = format!("-w: {:?} has no closing brace", &format!("%{rest}"));
                        return Err(Failure::usage(what, "a variable looks like %{exitcode}"));
                    };
                    parts.push(Part::Text(std::mem::take(&mut text)));
                    parts.push(variable(name)?);
                    rest = after;
                }
                _ => text.push(character),
            }
        }
        parts.push(Part::Text(text));
        Ok(WriteOut(parts))
    }

    /// The texts for stdout and stderr. What may be the peer's words is harmless on stderr, and on a
    /// stdout that is a terminal.
    pub fn render(&self, facts: &Facts, is_terminal: bool) -> (String, String) {
        let values = values(facts);
        let mut texts = [String::new(), String::new()];
        let escapes = [is_terminal, true];
        let mut to = 0;
        for part in &self.0 {
            match part {
                Part::Text(text) => texts[to].push_str(text),
                Part::Json => {
                    let json = Value::Object(values.clone()).to_string();
                    let escaped =
                        if escapes[to] { escape::json(&json) } else { json.as_str().into() };
                    texts[to].push_str(&escaped);
                }
                Part::Stdout => to = 0,
                Part::Stderr => to = 1,
                Part::Variable(name) => match &values[*name] {
                    Value::String(text) if escapes[to] => {
                        texts[to].push_str(&escape::one_line(text))
                    }
                    Value::String(text) => texts[to].push_str(text),
                    Value::Null => {}
                    // curl prints three digits, none of them left away.
                    code if *name == "http_code" => texts[to].push_str(&format!("{code:0>3}")),
                    Value::Number(number) if number.is_f64() => {
                        let seconds = number.as_f64().unwrap_or_default();
                        texts[to].push_str(&format!("{seconds:.6}"));
                    }
                    other => texts[to].push_str(&other.to_string()),
                },
            }
        }
        let [stdout, stderr] = texts;
        (stdout, stderr)
    }
}

fn meant<'a>(rest: &'a str, text: &mut String) -> &'a str {
    let known = [('n', '\n'), ('r', '\r'), ('t', '\t')];
    match known.iter().find(|(letter, _)| rest.starts_with(*letter)) {
        Some((_, meant)) => {
            text.push(*meant);
            &rest[1..]
        }
        None => {
            text.push('\\');
            rest
        }
    }
}

fn variable(name: &str) -> Result<Part, Failure> {
    match name {
        "json" => Ok(Part::Json),
        "stdout" => Ok(Part::Stdout),
        "stderr" => Ok(Part::Stderr),
        _ => match VARIABLES.iter().find(|known| **known == name) {
            Some(known) => Ok(Part::Variable(known)),
            None => Err(Failure::usage(
                format!("-w: unknown variable {name:?}"),
                format!("there are {}, json, stdout and stderr", VARIABLES.join(", ")),
            )),
        },
    }
}

fn values(facts: &Facts) -> Map<String, Value> {
    let seconds = |time: Option<Duration>| json!(time.unwrap_or_default().as_secs_f64());
    let rtt = |time: Option<Duration>| time.map_or(Value::Null, |time| json!(time.as_secs_f64()));
    let value = |name: &str| match name {
        "exitcode" => json!(facts.exit_code),
        "errormsg" => json!(facts.error.clone().unwrap_or_default()),
        "http_code" => json!(facts.http_code),
        "url_effective" => json!(facts.url),
        "remote_ip" => json!(facts.remote_ip),
        "time_namelookup" => seconds(facts.resolved),
        "time_connect" => seconds(facts.connected),
        // There is no TLS handshake on ws://; curl says 0 then.
        "time_appconnect" => seconds(facts.secured),
        "time_upgrade" => seconds(facts.upgraded),
        "time_first_message" => seconds(facts.first_message),
        "time_total" => seconds(Some(facts.total)),
        "close_code" => facts.close_code.map_or(Value::Null, |code| json!(code)),
        "close_reason" => json!(facts.close_reason),
        "messages_in" => json!(facts.messages_in),
        "messages_out" => json!(facts.messages_out),
        "bytes_in" => json!(facts.bytes_in),
        "bytes_out" => json!(facts.bytes_out),
        "rtt_min" => rtt(facts.rtt_min),
        "rtt_median" => rtt(facts.rtt_median),
        "rtt_p99" => rtt(facts.rtt_p99),
        _ => Value::Null,
    };
    VARIABLES.iter().map(|name| ((*name).to_owned(), value(name))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts() -> Facts {
        Facts {
            exit_code: 108,
            error: Some("closed".into()),
            http_code: 101,
            connected: Some(Duration::from_micros(1500)),
            close_code: Some(1008),
            close_reason: "no".into(),
            ..Facts::default()
        }
    }

    #[test]
    fn a_format_is_rendered_as_curl_does() {
        let cases = [
            ("%{exitcode} %{close_code} %{close_reason}\\n", "108 1008 no\n", ""),
            ("100%% %{http_code}\\t\\r\\q%", "100% 101\t\r\\q%", ""),
            ("%{time_connect},%{time_upgrade}", "0.001500,0.000000", ""),
            ("a%{stderr}b%{stdout}c", "ac", "b"),
            ("[%{rtt_min}]", "[]", ""),
            ("ä%{errormsg}", "äclosed", ""),
            ("%{remote_ip}|", "|", ""),
        ];
        for (format, stdout, stderr) in cases {
            let (out, err) = WriteOut::parse(format).unwrap().render(&facts(), false);
            assert_eq!((&out[..], &err[..]), (stdout, stderr), "{format}");
        }
        let (out, _) = WriteOut::parse("%{json}").unwrap().render(&facts(), false);
        let json: Value = serde_json::from_str(&out).unwrap();
        assert_eq!(json["exitcode"], 108);
        assert_eq!(json.as_object().unwrap().len(), VARIABLES.len());
    }

    #[test]
    fn an_unknown_variable_is_a_usage_error() {
        for format in ["%{nothing}", "%{exitcode"] {
            assert!(matches!(WriteOut::parse(format), Err(Failure::Usage { .. })), "{format}");
        }
    }

    #[test]
    fn the_peers_words_are_harmless_on_stderr_and_on_a_terminal() {
        let facts = Facts { close_reason: "\x1b[31m\u{202e}".into(), ..facts() };
        let render =
            |format, is_terminal| WriteOut::parse(format).unwrap().render(&facts, is_terminal);
        let raw = facts.close_reason.clone();
        let harmless = "\\x1b[31m\\u{202e}".to_owned();
        assert_eq!(render("%{close_reason}", false).0, raw);
        assert_eq!(render("%{close_reason}", true).0, harmless);
        assert_eq!(render("%{stderr}%{close_reason}", false).1, harmless);
        assert!(render("%{json}", false).0.contains('\u{202e}'));
        assert!(render("%{json}", true).0.contains("\\u001b[31m\\u202e"));
    }
}
