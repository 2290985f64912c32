//! The records that open connections.

use std::time::Duration;

use super::{Parsed, Reading, State};
use crate::handshake::{HeaderLine, Target};
use crate::scenario::fields::{self, Fields};
use crate::scenario::template::Template;
use crate::scenario::{Act, Opening};

impl Reading<'_> {
    pub(super) fn open(
        &mut self,
        fields: &mut Fields,
        within: Option<Duration>,
        conn: usize,
        line: u64,
        recorded: bool,
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
        opening.subprotocols = subprotocols(fields)?;
        opening.needs_subprotocol = !recorded && !opening.subprotocols.is_empty();
        opening.headers = self.headers(fields)?;
        opening.status = refusal(fields, recorded)?;
        if opening.status.is_some() {
            self.states[conn] = State::Closed(line);
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
}

/// The subprotocols that are offered: one, or several in order.
fn subprotocols(fields: &mut Fields) -> Parsed<Vec<String>> {
    #[derive(serde::Deserialize)]
    #[serde(untagged)]
    enum Given {
        One(Option<String>),
        Several(Vec<String>),
    }
    const WHAT: &str = "a string, or several in an array";
    Ok(match fields.take::<Given>("subprotocol", WHAT)?.map(|given| given.value) {
        Some(Given::One(name)) => name.into_iter().collect(),
        Some(Given::Several(names)) => names,
        None => Vec::new(),
    })
}

/// The status that the upgrade is to be refused with, if it is. A recording has that of a session that was
/// opened, too: 101, or with HTTP/2 one from 200 to 299.
fn refusal(fields: &mut Fields, recorded: bool) -> Parsed<Option<u16>> {
    let Some(given) = fields.take::<u16>("status", "an HTTP status")? else { return Ok(None) };
    match given.value {
        101 => Ok(None),
        200..300 if recorded => Ok(None),
        status @ 200..600 => Ok(Some(status)),
        status => {
            let what = format!("{status} is no status of a refusal");
            Err(fields.mistake(
                given.raw,
                what,
                "those are from 200 to 599; leave it out if the server accepts",
            ))
        }
    }
}
