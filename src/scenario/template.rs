//! `{{name}}` in the texts of a scenario: found once, replaced once, and never looked for in what was put
//! in their place.

use std::collections::BTreeMap;

/// Bytes of a text that can be hidden.
const SHORTEST_SECRET: usize = 4;

/// What the names stand for, as JSON texts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Values(BTreeMap<String, String>);

impl Values {
    /// Has a name stand for a text.
    pub fn set_text(&mut self, name: &str, text: &str) {
        self.set(name, quoted(text));
    }

    /// Has a name stand for a JSON value.
    pub fn set(&mut self, name: &str, json: String) {
        self.0.insert(name.to_owned(), json);
    }

    /// Has names stand for what was captured, which is JSON.
    pub fn keep(&mut self, captured: Vec<(String, String)>) {
        self.0.extend(captured);
    }

    /// Whether a name stands for anything.
    pub fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    /// All names, sorted.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// The same with the names of what the environment has given in its place.
    pub fn masked(&self) -> Values {
        let mut masked = self.clone();
        for (name, json) in &mut masked.0 {
            if name.starts_with("env.") {
                *json = quoted(&format!("{{{{{name}}}}}"));
            }
        }
        masked
    }

    /// What the environment has given, with its names: it is not to be shown. What is as short as a word
    /// in every message cannot be hidden.
    pub fn secrets(&self) -> impl Iterator<Item = (String, &str)> {
        let given = self.0.iter().filter(|(name, _)| name.starts_with("env."));
        let forms = given.flat_map(|(name, json)| {
            let plain: String = serde_json::from_str(json).unwrap_or_default();
            let in_json = json[1..json.len() - 1].to_owned();
            [(in_json, name.as_str()), (plain, name.as_str())]
        });
        let mut forms: Vec<_> = forms.filter(|(text, _)| text.len() >= SHORTEST_SECRET).collect();
        // One may be a part of another.
        forms.sort_by_key(|(text, _)| std::cmp::Reverse(text.len()));
        forms.into_iter()
    }

    /// What a name stands for, as JSON.
    pub(super) fn json(&self, name: &str) -> &str {
        self.0.get(name).map_or("\"\"", String::as_str)
    }
}

/// How a value is put in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// As it is: a string's characters, or else JSON.
    Plain,
    /// As the same value in jq: between quotes its characters, elsewhere JSON.
    Jq,
    /// So that it matches itself.
    Regex,
}

/// A text with names in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template(Vec<Part>);

/// A part of such a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// What stays.
    Text(String),
    /// What is replaced.
    Name(String),
}

impl Template {
    /// A text in which nothing is looked for.
    pub fn literal(text: impl Into<String>) -> Template {
        Template(vec![Part::Text(text.into())])
    }

    /// Finds the names in a text.
    ///
    /// # Errors
    /// What stands between braces and is no name.
    pub fn parse(text: &str) -> Result<Template, String> {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some(open) = rest.find("{{") {
            // Of three braces the last two count: a{{{n}}} is a number of times in a regular expression.
            let more = rest[open..].bytes().take_while(|byte| *byte == b'{').count() - 2;
            let open = open + more;
            let inner = &rest[open + 2..];
            let Some(close) = inner.find("}}") else {
                return Err("{{ has no }} behind it".into());
            };
            let name = inner[..close].trim();
            if !is_name(name) {
                return Err(format!("{{{{{}}}}} is no name", &inner[..close]));
            }
            parts.push(Part::Text(rest[..open].to_owned()));
            parts.push(Part::Name(name.to_owned()));
            rest = &inner[close + 2..];
        }
        parts.push(Part::Text(rest.to_owned()));
        parts.retain(|part| !matches!(part, Part::Text(text) if text.is_empty()));
        Ok(Template(parts))
    }

    /// Its parts.
    pub(super) fn parts(&self) -> &[Part] {
        &self.0
    }

    /// The names in it.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter_map(|part| match part {
            Part::Name(name) => Some(name.as_str()),
            Part::Text(_) => None,
        })
    }

    /// The text with values in place of the names.
    pub fn expand(&self, values: &Values, style: Style) -> String {
        let mut place = Place::default();
        let parts = self.0.iter().map(|part| match part {
            Part::Text(text) => {
                place.read(text);
                text.clone()
            }
            Part::Name(name) => put(values.json(name), style, &place),
        });
        parts.collect()
    }

    /// The text as it was written.
    pub fn source(&self) -> String {
        let parts = self.0.iter().map(|part| match part {
            Part::Text(text) => text.clone(),
            Part::Name(name) => format!("{{{{{name}}}}}"),
        });
        parts.collect()
    }

    /// The name, if there is nothing else.
    pub(super) fn only_name(&self) -> Option<&str> {
        match &self.0[..] {
            [Part::Name(name)] => Some(name),
            _ => None,
        }
    }
}

/// Letters, digits, `_`, `-` and dots, as in `env.HOME`.
fn is_name(name: &str) -> bool {
    let may_be = |c: char| c.is_ascii_alphanumeric() || "_-.".contains(c);
    name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') && name.chars().all(may_be)
}

/// Whether something can be the name of a variable, other than those of the environment.
pub fn is_variable(name: &str) -> bool {
    is_name(name) && !name.starts_with("env.")
}

fn put(json: &str, style: Style, place: &Place) -> String {
    let plain = || serde_json::from_str(json).unwrap_or_else(|_| json.to_owned());
    match style {
        Style::Plain => plain(),
        Style::Regex => regex::escape(&plain()),
        Style::Jq if place.is_quoted() => {
            let quoted = quoted(&plain());
            quoted[1..quoted.len() - 1].to_owned()
        }
        Style::Jq => json.to_owned(),
    }
}

/// Where in a jq filter something stands: between quotes or not. Within quotes, `\(` leads out of them
/// again until its parenthesis is closed.
#[derive(Clone, Debug, Default)]
struct Place {
    /// Of each filter within quotes that is not over, the parentheses that are open.
    open: Vec<usize>,
    quoted: bool,
    escaped: bool,
    /// Whether it is behind a `#`.
    comment: bool,
}

impl Place {
    fn is_quoted(&self) -> bool {
        self.quoted
    }

    fn read(&mut self, text: &str) {
        text.chars().for_each(|c| match c {
            '(' if self.escaped => {
                (self.escaped, self.quoted) = (false, false);
                self.open.push(0);
            }
            _ if self.escaped => self.escaped = false,
            '\\' if self.quoted => self.escaped = true,
            '"' if !self.comment => self.quoted = !self.quoted,
            _ if self.quoted => {}
            '\n' => self.comment = false,
            '#' => self.comment = true,
            '(' if !self.comment => self.open.iter_mut().rev().take(1).for_each(|open| *open += 1),
            ')' if !self.comment => match self.open.last_mut() {
                Some(0) => {
                    self.open.pop();
                    self.quoted = true;
                }
                Some(open) => *open -= 1,
                None => {}
            },
            _ => {}
        });
    }
}

fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// A JSON value with names in its strings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JsonTemplate(Vec<JsonPart>);

/// A part of such a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum JsonPart {
    /// What stays.
    Json(String),
    /// A string, and whether it is a key.
    Text(Template, bool),
}

impl JsonTemplate {
    /// Makes valid JSON compact, and finds the names in its strings if there may be any.
    ///
    /// # Errors
    /// What stands between braces and is no name.
    pub fn parse(json: &str, has_names: bool) -> Result<JsonTemplate, String> {
        let compact = crate::record::compact(json);
        if !has_names {
            return Ok(JsonTemplate(vec![JsonPart::Json(compact)]));
        }
        let mut parts = Vec::new();
        let mut rest = compact.as_str();
        while let Some(open) = rest.find('"') {
            let end = open + string_length(&rest[open..]);
            let text: String = serde_json::from_str(&rest[open..end]).unwrap_or_default();
            let template = Template::parse(&text)?;
            if template.names().next().is_some() {
                parts.push(JsonPart::Json(rest[..open].to_owned()));
                let is_key = rest[end..].starts_with(':');
                parts.push(JsonPart::Text(template, is_key));
            } else {
                parts.push(JsonPart::Json(rest[..end].to_owned()));
            }
            rest = &rest[end..];
        }
        parts.push(JsonPart::Json(rest.to_owned()));
        Ok(JsonTemplate(parts))
    }

    /// Its parts.
    pub(super) fn parts(&self) -> &[JsonPart] {
        &self.0
    }

    /// The names in it.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0
            .iter()
            .flat_map(|part| match part {
                JsonPart::Json(_) => None,
                JsonPart::Text(template, _) => Some(template.names()),
            })
            .flatten()
    }

    /// The JSON with values in place of the names. A string that is nothing but a name becomes whatever
    /// the name stands for, a number too.
    pub fn expand(&self, values: &Values) -> String {
        let parts = self.0.iter().map(|part| match part {
            JsonPart::Json(json) => json.clone(),
            JsonPart::Text(template, is_key) => match template.only_name() {
                Some(name) if !is_key => values.json(name).to_owned(),
                _ => quoted(&template.expand(values, Style::Plain)),
            },
        });
        parts.collect()
    }

    /// The JSON as it was written, but compact.
    pub fn source(&self) -> String {
        let parts = self.0.iter().map(|part| match part {
            JsonPart::Json(json) => json.clone(),
            JsonPart::Text(template, _) => quoted(&template.source()),
        });
        parts.collect()
    }
}

/// Bytes of the JSON string that a text begins with, quotes included.
fn string_length(text: &str) -> usize {
    let mut escaped = false;
    for (at, byte) in text.bytes().enumerate().skip(1) {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return at + 1,
            _ => {}
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values() -> Values {
        let mut values = Values::default();
        values.set_text("name", "a\"b{{id}}.*");
        values.set("id", "12345678901234567890.50".into());
        values.set("list", "[1,\"x\"]".into());
        values.set_text("env.HOME", "/root");
        values
    }

    #[test]
    fn names_are_replaced_once_and_never_in_what_was_put_in() {
        let cases = [
            ("no names {here}", Style::Plain, "no names {here}"),
            ("{{name}}", Style::Plain, "a\"b{{id}}.*"),
            ("<{{ id }}{{list}}>", Style::Plain, "<12345678901234567890.50[1,\"x\"]>"),
            ("{{env.HOME}}/x", Style::Plain, "/root/x"),
            (
                ".a == \"<{{name}}>\" and .n == {{id}}",
                Style::Jq,
                ".a == \"<a\\\"b{{id}}.*>\" and .n == 12345678901234567890.50",
            ),
            (".a == {{name}}", Style::Jq, ".a == \"a\\\"b{{id}}.*\""),
            (".a == {{list}}", Style::Jq, ".a == [1,\"x\"]"),
            (".a == \"{{list}}\"", Style::Jq, ".a == \"[1,\\\"x\\\"]\""),
            (
                "\"\\(({{list}}) + \"{{id}}\")\"",
                Style::Jq,
                "\"\\(([1,\"x\"]) + \"12345678901234567890.50\")\"",
            ),
            (
                "\"\\\"{{list}}\" # \"\n| {{list}}",
                Style::Jq,
                "\"\\\"[1,\\\"x\\\"]\" # \"\n| [1,\"x\"]",
            ),
            ("^{{name}}$", Style::Regex, "^a\"b\\{\\{id\\}\\}\\.\\*$"),
            ("}} {", Style::Plain, "}} {"),
            ("a{{{id}}}", Style::Regex, "a{12345678901234567890\\.50}"),
        ];
        for (text, style, expected) in cases {
            let template = Template::parse(text).unwrap();
            assert_eq!(template.expand(&values(), style), expected, "{text}");
            assert_eq!(template.source(), text.replace("{{ id }}", "{{id}}"));
        }
        assert_eq!(Template::literal("{{id}}").expand(&values(), Style::Plain), "{{id}}");
    }

    #[test]
    fn what_is_no_name_is_a_mistake() {
        let cases = [
            ("{{name", "{{ has no }} behind it"),
            ("{{}}", "{{}} is no name"),
            ("{{a b}}", "{{a b}} is no name"),
            ("{{1}}", "{{1}} is no name"),
        ];
        for (text, expected) in cases {
            assert_eq!(Template::parse(text).unwrap_err(), expected);
        }
    }

    #[test]
    fn json_keeps_its_digits_and_order_and_takes_values_of_any_kind() {
        let cases = [
            ("{\"b\": 1.50, \"a\" : \"{{name}}\"}", "{\"b\":1.50,\"a\":\"a\\\"b{{id}}.*\"}"),
            ("{\"id\":\"{{id}}\"}", "{\"id\":12345678901234567890.50}"),
            ("[\"{{list}}\", \"n {{id}}\"]", "[[1,\"x\"],\"n 12345678901234567890.50\"]"),
            ("{\"{{env.HOME}}\": \"\\\"{{id}}\"}", "{\"/root\":\"\\\"12345678901234567890.50\"}"),
            ("{\"{{id}}\":\"{{id}}\"}", "{\"12345678901234567890.50\":12345678901234567890.50}"),
            ("\"plain \\u00e9\"", "\"plain \\u00e9\""),
            ("17", "17"),
        ];
        for (json, expected) in cases {
            let template = JsonTemplate::parse(json, true).unwrap();
            assert_eq!(template.expand(&values()), expected, "{json}");
        }
        let literal = JsonTemplate::parse("[ \"{{id}}\" ]", false).unwrap();
        assert_eq!(literal.expand(&values()), "[\"{{id}}\"]");
        assert_eq!(JsonTemplate::parse("[\"{{\"]", true).unwrap_err(), "{{ has no }} behind it");
        let names: Vec<_> = JsonTemplate::parse("[\"{{a}}{{b}}\",\"{{c}}\"]", true)
            .unwrap()
            .names()
            .map(str::to_owned)
            .collect();
        assert_eq!(names, ["a", "b", "c"]);
    }
}
