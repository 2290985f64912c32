//! What messages hold, what is asked of them, and the names in both.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::value::RawValue;

use super::{Parsed, Reading};
use crate::codec;
use crate::scenario::Content;
use crate::scenario::fields::{self, Fields, Mistake};
use crate::scenario::filter::{Pattern, Query};
use crate::scenario::template::{JsonTemplate, Template, Values, is_variable};
use crate::wire::{Kind, MAX_CONTROL_PAYLOAD};

impl Reading<'_> {
    /// The payload of a control frame.
    pub(super) fn control(&mut self, fields: &mut Fields) -> Parsed<Option<Vec<u8>>> {
        let Some((_, content)) = self.content(fields)? else { return Ok(None) };
        let payload = content.payload(&Values::default());
        if payload.len() > MAX_CONTROL_PAYLOAD || !content.names().is_empty() {
            let what = format!("a ping or pong cannot carry this ({} bytes)", payload.len());
            let hint = format!("at most {MAX_CONTROL_PAYLOAD} bytes, without names in braces");
            return Err(fields.mistaken(what, hint));
        }
        Ok(Some(payload))
    }

    pub(super) fn content(&mut self, fields: &mut Fields) -> Parsed<Option<(Kind, Content)>> {
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
            if let Err(error) = serde_json::from_str::<serde_json::Value>(raw.get()) {
                let what = error.to_string();
                let what = format!("json: {}", what.split(" at line ").next().unwrap_or(&what));
                return Err(fields.mistake(raw, what, "send what is so deep as text"));
            }
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

    pub(super) fn regex(&mut self, fields: &mut Fields) -> Parsed<Option<Pattern>> {
        let Some(given) = fields.take::<String>("regex", "a string")? else { return Ok(None) };
        let template = self.template(fields, given.raw, &given.value)?;
        let pattern = Pattern::new(template);
        pattern.map(Some).map_err(|what| {
            let hint = "a regular expression as in Rust and RE2, its backslashes doubled in JSON";
            fields.mistake(given.raw, format!("regex: {what}"), hint)
        })
    }

    pub(super) fn jq(&mut self, fields: &mut Fields) -> Parsed<Option<Query>> {
        let Some(given) = fields.take::<String>("jq", "a string")? else { return Ok(None) };
        let template = self.template(fields, given.raw, &given.value)?;
        Query::new(template).map(Some).map_err(|what| {
            let hint = "a jq filter whose last result is neither false nor null, such as .id == 7";
            fields.mistake(given.raw, format!("jq: {what}"), hint)
        })
    }

    pub(super) fn captures(&mut self, fields: &mut Fields) -> Parsed<Vec<(String, Query)>> {
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
    pub(super) fn template(
        &mut self,
        fields: &Fields,
        at: &RawValue,
        text: &str,
    ) -> Parsed<Template> {
        if !self.expands {
            return Ok(Template::literal(text));
        }
        let template = Template::parse(text).map_err(|what| not_a_template(fields, at, what))?;
        self.know(template.names(), fields, at)?;
        Ok(template)
    }

    /// Makes sure that each name stands for something by now.
    pub(super) fn know<'n>(
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
}

fn not_a_template(fields: &Fields, at: &RawValue, what: String) -> Mistake {
    let hint =
        "{{name}} stands for --var name=VALUE, a capture, or {{env.NAME}}; \\u007b{ is two braces";
    fields.mistake(at, what, hint)
}

pub fn opcode(fields: &mut Fields) -> Parsed<Option<Kind>> {
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
