//! One line of a scenario as named values, each with its place. What they mean is decided in `parse`.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, DeserializeOwned, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;
use thiserror::Error;

/// What is wrong in a scenario, and where.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("{what}")]
pub struct Mistake {
    /// The line, from 1.
    pub line: u64,
    /// The character of the line, from 1.
    pub column: u64,
    /// What is wrong.
    pub what: String,
    /// What to write instead.
    pub hint: String,
}

/// The fields of one record; each is taken once.
#[derive(Debug)]
pub struct Fields<'a> {
    text: &'a str,
    line: u64,
    fields: Vec<(Cow<'a, str>, &'a RawValue)>,
}

/// What to write where something else is no record.
const EXAMPLE: &str =
    "a record is one JSON object a line, such as {\"from\":\"peer\",\"text\":\"hi\"}";

/// What may have happened to a record that has no end.
const CUT: &str =
    "a record is one line; the last one of a recording that was killed may be cut: take it out";
/// What to write in place of a comment.
const COMMENT: &str = "there are no comments; any record may have a field \"comment\"";

impl<'a> Fields<'a> {
    /// Reads a line; `number` is its place in the file.
    ///
    /// # Errors
    /// It is no JSON object, or names something twice.
    pub fn of(text: &'a str, number: u64) -> Result<Fields<'a>, Mistake> {
        let InOrder(fields) = serde_json::from_str(text).map_err(|error| {
            let what = error.to_string();
            let what = what.split(" at line ").next().unwrap_or(&what);
            // serde counts bytes, and names the one where it gave up.
            let before = text.get(..error.column().saturating_sub(1)).unwrap_or(text);
            let column = before.chars().count() as u64 + 1;
            let is_comment = ["#", "//"].iter().any(|mark| text.trim_start().starts_with(mark));
            let hint = match error.is_eof() {
                _ if is_comment => COMMENT,
                true => CUT,
                false => EXAMPLE,
            };
            let hint = hint.to_owned();
            Mistake { line: number, column, what: format!("not a record: {what}"), hint }
        })?;
        let fields = Fields { text, line: number, fields };
        for (at, (name, value)) in fields.fields.iter().enumerate() {
            if fields.fields[..at].iter().any(|(earlier, _)| earlier == name) {
                let what = format!("{name:?} is there twice");
                return Err(fields.misnamed((name, value), what, "leave one of them"));
            }
        }
        Ok(fields)
    }

    /// Takes a value out.
    pub fn raw(&mut self, name: &str) -> Option<&'a RawValue> {
        let at = self.fields.iter().position(|(given, _)| given == name)?;
        Some(self.fields.remove(at).1)
    }

    /// Takes a value out, with its place; `expected` says what it must be.
    ///
    /// # Errors
    /// It is something else.
    pub fn take<T: DeserializeOwned>(
        &mut self,
        name: &str,
        expected: &str,
    ) -> Result<Option<Given<'a, T>>, Mistake> {
        let Some(raw) = self.raw(name) else { return Ok(None) };
        match serde_json::from_str(raw.get()) {
            Ok(value) => Ok(Some(Given { value, raw })),
            Err(_) => {
                let what = format!("{name} is {}: expected {expected}", kind(raw.get()));
                let hint = format!("write {expected}, or leave {name} out");
                Err(self.mistake(raw, what, hint))
            }
        }
    }

    /// Whether there is such a field.
    pub fn has(&self, name: &str) -> bool {
        self.fields.iter().any(|(given, _)| given == name)
    }

    /// The first field whose name is none of those that may be.
    pub fn others(&self, may_be: impl Fn(&str) -> bool) -> Option<(&str, &'a RawValue)> {
        let other = self.fields.iter().find(|(name, _)| !may_be(name));
        other.map(|(name, value)| (&**name, *value))
    }

    /// A mistake at a value.
    pub fn mistake(
        &self,
        at: &RawValue,
        what: impl Into<String>,
        hint: impl Into<String>,
    ) -> Mistake {
        let offset = at.get().as_ptr().addr().checked_sub(self.text.as_ptr().addr());
        let before = offset.and_then(|offset| self.text.get(..offset)).unwrap_or_default();
        let column = before.chars().count() as u64 + 1;
        Mistake { line: self.line, column, what: what.into(), hint: hint.into() }
    }

    /// A mistake in that something has this name.
    pub fn misnamed(
        &self,
        (name, value): (&str, &RawValue),
        what: impl Into<String>,
        hint: impl Into<String>,
    ) -> Mistake {
        let mistake = self.mistake(value, what, hint);
        let before: String = self.text.chars().take(mistake.column as usize - 1).collect();
        let at = before.rfind(&format!("\"{name}\"")).unwrap_or(before.len());
        Mistake { column: before[..at].chars().count() as u64 + 1, ..mistake }
    }

    /// A mistake of the line as a whole.
    pub fn mistaken(&self, what: impl Into<String>, hint: impl Into<String>) -> Mistake {
        let column = self.text.chars().take_while(|c| c.is_whitespace()).count() as u64 + 1;
        Mistake { line: self.line, column, what: what.into(), hint: hint.into() }
    }
}

/// A value and where it stands.
#[derive(Clone, Copy, Debug)]
pub struct Given<'a, T> {
    /// The value.
    pub value: T,
    /// How it is written.
    pub raw: &'a RawValue,
}

/// What kind of JSON value a text is.
fn kind(json: &str) -> &'static str {
    match json.as_bytes().first() {
        Some(b'"') => "a string",
        Some(b'{') => "an object",
        Some(b'[') => "an array",
        Some(b't' | b'f') => "a boolean",
        Some(b'n') => "null",
        _ => "a number out of range or of another kind",
    }
}

/// The strings of an object, in the order in which they are written; with the name of the first that is
/// none.
pub fn strings(raw: &RawValue) -> Result<Vec<(String, String)>, Option<String>> {
    let InOrder(fields) = serde_json::from_str(raw.get()).map_err(|_| None)?;
    let strings = fields.into_iter().map(|(name, value)| match serde_json::from_str(value.get()) {
        Ok(text) => Ok((name.clone().into_owned(), text)),
        Err(_) => Err(Some(name.into_owned())),
    });
    strings.collect()
}

/// The word among those that is most like a mistyped one, if any is.
pub fn similar<'w>(typed: &str, words: &[&'w str]) -> Option<&'w str> {
    let likeness = |word: &&str| strsim::jaro_winkler(typed, word);
    let best = words.iter().copied().max_by(|a, b| likeness(a).total_cmp(&likeness(b)))?;
    (likeness(&best) > 0.8).then_some(best)
}

/// A JSON object as it is written.
struct InOrder<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);

impl<'de: 'a, 'a> Deserialize<'de> for InOrder<'a> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Reading;
        impl<'de> Visitor<'de> for Reading {
            type Value = InOrder<'de>;

            fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
                f.write_str("a JSON object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut fields = Vec::new();
                while let Some(field) = map.next_entry::<Cow<str>, &RawValue>()? {
                    fields.push(field);
                }
                Ok(InOrder(fields))
            }
        }
        from.deserialize_map(Reading)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mistake_has_its_place_in_characters() {
        let cases = [
            ("[1]", 1, "not a record: invalid type: sequence, expected a JSON object"),
            ("{\"ä\":1,", 7, "not a record: EOF while parsing a value"),
            ("{\"ä\":1,\"ä\":2}", 8, "\"ä\" is there twice"),
            ("x", 1, "not a record: expected value"),
        ];
        for (text, column, what) in cases {
            let mistake = Fields::of(text, 3).unwrap_err();
            assert_eq!((mistake.line, mistake.column, &*mistake.what), (3, column, what), "{text}");
        }
        let mut fields = Fields::of(" {\"äö\":1, \"text\" : 5}", 1).unwrap();
        let mistake = fields.take::<String>("text", "a string").unwrap_err();
        assert_eq!(mistake.column, 20);
        assert_eq!(
            mistake.what,
            "text is a number out of range or of another kind: expected a string"
        );
        assert_eq!(fields.others(|_| false).map(|(name, _)| name), Some("äö"));
        assert_eq!(fields.mistaken("x", "y").column, 2);
    }

    #[test]
    fn a_mistyped_word_is_guessed_and_a_strange_one_is_not() {
        let words = ["text", "regex", "within"];
        let cases = [
            ("txt", Some("text")),
            ("witin", Some("within")),
            ("regexp", Some("regex")),
            ("q", None),
        ];
        for (typed, expected) in cases {
            assert_eq!(similar(typed, &words), expected, "{typed}");
        }
    }
}
