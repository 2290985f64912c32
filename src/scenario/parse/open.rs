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
}
