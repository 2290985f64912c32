//! Regular expressions and jq filters with names in them, and what is wrong with a message by them.

use std::cell::RefCell;
use std::collections::VecDeque;

use regex::bytes::Regex;

use super::came::beginning;
use super::template::{Style, Template, Values};
use crate::jq::Filter;
use crate::output::escape::quoted;

/// Filters, and regular expressions, that are kept.
const RECENTLY: usize = 16;

/// A regular expression, with names in it.
#[derive(Clone, Debug)]
pub struct Pattern(Template);

/// A jq filter, with names in it.
#[derive(Clone, Debug)]
pub struct Query(Template);

thread_local! {
    /// What was read last: a file may have thousands of filters, each of which takes 100 KiB.
    static RECENT: RefCell<Recent> = RefCell::default();
}

/// Filters and regular expressions by how they are written, the latest last.
#[derive(Default)]
struct Recent {
    regexes: VecDeque<(String, Regex)>,
    filters: VecDeque<(String, Filter)>,
}

/// What a source stands for, which is read unless it was read lately.
fn lately<T: Clone>(
    recent: &mut VecDeque<(String, T)>,
    source: &str,
    read: impl FnOnce() -> Result<T, String>,
) -> Result<T, String> {
    if let Some((_, known)) = recent.iter().find(|(known, _)| known == source) {
        return Ok(known.clone());
    }
    let new = read()?;
    if recent.len() == RECENTLY {
        recent.pop_front();
    }
    recent.push_back((source.to_owned(), new.clone()));
    Ok(new)
}

fn regex(source: &str) -> Result<Regex, String> {
    let read = || Regex::new(source).map_err(|error| last_line(&error.to_string()));
    RECENT.with_borrow_mut(|recent| lately(&mut recent.regexes, source, read))
}

fn filter(source: &str) -> Result<Filter, String> {
    let read = || Filter::parse(source, &[]).map_err(|fault| fault.to_string());
    RECENT.with_borrow_mut(|recent| lately(&mut recent.filters, source, read))
}

impl Pattern {
    /// Reads it, as far as it can be read without what its names stand for.
    ///
    /// # Errors
    /// What is wrong.
    pub fn new(template: Template) -> Result<Pattern, String> {
        regex(&template.expand(&Values::default(), Style::Regex))?;
        Ok(Pattern(template))
    }

    /// How it is written.
    pub fn source(&self) -> String {
        self.0.source()
    }

    /// The same, with its names apart.
    pub(super) fn template(&self) -> &Template {
        &self.0
    }

    /// What is wrong with a message, if anything is.
    pub fn judge(&self, message: &[u8], values: &Values) -> Option<String> {
        let source = self.0.expand(values, Style::Regex);
        let regex = match regex(&source) {
            Ok(regex) => regex,
            Err(why) => return Some(format!("regex: {why}")),
        };
        let matches = regex.is_match(message);
        (!matches).then(|| format!("regex {} matches nothing in it", quoted(&source)))
    }
}

/// The last line of an error, which says what; the others draw where.
fn last_line(error: &str) -> String {
    error.lines().last().unwrap_or(error).trim_start_matches("error: ").to_owned()
}

impl Query {
    /// Reads it, as far as it can be read without what its names stand for.
    ///
    /// # Errors
    /// What is wrong.
    pub fn new(template: Template) -> Result<Query, String> {
        let mut anything = Values::default();
        let names: Vec<_> = template.names().collect();
        // A number may stand alone and between quotes.
        names.into_iter().for_each(|name| anything.set(name, "0".into()));
        filter(&template.expand(&anything, Style::Jq))?;
        Ok(Query(template))
    }

    /// How it is written.
    pub fn source(&self) -> String {
        self.0.source()
    }

    /// The same, with its names apart.
    pub(super) fn template(&self) -> &Template {
        &self.0
    }

    /// The last result on a message, as JSON.
    pub fn last(&self, message: &[u8], values: &Values) -> Result<Option<String>, String> {
        let filter = filter(&self.0.expand(values, Style::Jq))?;
        filter.last(message, &[]).map_err(|failed| failed.to_string())
    }

    /// What is wrong with a message, if anything is.
    pub fn judge(&self, message: &[u8], values: &Values) -> Option<String> {
        let source = quoted(&self.0.expand(values, Style::Jq));
        match self.last(message, values) {
            Ok(Some(result)) if result != "false" && result != "null" => None,
            Ok(Some(result)) => Some(format!("jq {source} gives {}", beginning(result.as_bytes()))),
            Ok(None) => Some(format!("jq {source} gives nothing")),
            Err(why) => Some(format!("jq {source}: {}", beginning(why.as_bytes()))),
        }
    }
}
