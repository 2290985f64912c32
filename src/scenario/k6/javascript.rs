//! Texts, names and JSON as expressions of JavaScript. A name is looked up when the script runs.

use std::fmt::Write as _;

use crate::scenario::template::{JsonPart, JsonTemplate, Part, Template};

/// A string as JavaScript has it, harmless to show.
pub fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            '\t' => quoted.push_str("\\t"),
            // Separators of lines, and marks that turn the order of what is shown around.
            '\u{2028}'..='\u{202e}'
            | '\u{2066}'..='\u{2069}'
            | '\u{200e}'
            | '\u{200f}'
            | '\u{61c}' => {
                let _ = write!(quoted, "\\u{:04x}", u32::from(c));
            }
            c if c.is_control() => {
                let _ = write!(quoted, "\\u{:04x}", u32::from(c));
            }
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

/// A text with names in it.
pub fn text(template: &Template) -> String {
    let parts = template.parts().iter().map(|part| match part {
        Part::Text(text) => quoted(text),
        Part::Name(name) => format!("s.text({})", quoted(name)),
    });
    sum(parts)
}

/// JSON with names in its strings, as a text.
pub fn json(template: &JsonTemplate) -> String {
    let (mut parts, mut stays) = (Vec::new(), String::new());
    for part in template.parts() {
        let value = match part {
            JsonPart::Json(json) => {
                stays.push_str(json);
                continue;
            }
            JsonPart::Text(template, is_key) => match template.only_name() {
                Some(name) if !is_key => format!("s.json({})", quoted(name)),
                _ => format!("JSON.stringify({})", text(template)),
            },
        };
        parts.push(quoted(&std::mem::take(&mut stays)));
        parts.push(value);
    }
    parts.push(quoted(&stays));
    parts.retain(|part| part != "\"\"");
    sum(parts.into_iter())
}

/// Strings put together; without any, the empty one.
pub fn sum(parts: impl Iterator<Item = String>) -> String {
    let parts: Vec<_> = parts.collect();
    if parts.is_empty() { "\"\"".into() } else { parts.join(" + ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_stays_what_it_is_between_quotes() {
        let cases = [
            ("", "\"\""),
            ("a\"b\\c\n\r\t", "\"a\\\"b\\\\c\\n\\r\\t\""),
            ("\u{0}\u{1b}\u{7f}\u{85}", "\"\\u0000\\u001b\\u007f\\u0085\""),
            ("\u{2028}\u{202e}", "\"\\u2028\\u202e\""),
            ("ä€😀 ${x} `", "\"ä€😀 ${x} `\""),
        ];
        for (text, expected) in cases {
            assert_eq!(quoted(text), expected, "{text:?}");
        }
    }

    #[test]
    fn names_are_looked_up_when_the_script_runs() {
        let cases = [
            ("", "\"\""),
            ("a", "\"a\""),
            ("{{x}}", "s.text(\"x\")"),
            ("a {{env.X}}\"", "\"a \" + s.text(\"env.X\") + \"\\\"\""),
        ];
        for (template, expected) in cases {
            assert_eq!(text(&Template::parse(template).unwrap()), expected, "{template}");
        }
        assert_eq!(text(&Template::literal("{{x}}")), "\"{{x}}\"");
        let cases = [
            ("[1.50, 2]", "\"[1.50,2]\""),
            ("\"{{x}}\"", "s.json(\"x\")"),
            (
                "{\"a\": \"{{x}}\", \"b\": \"<{{x}}>\"}",
                "\"{\\\"a\\\":\" + s.json(\"x\") + \",\\\"b\\\":\" + JSON.stringify(\"<\" + s.text(\"x\") + \">\") + \"}\"",
            ),
        ];
        for (template, expected) in cases {
            assert_eq!(json(&JsonTemplate::parse(template, true).unwrap()), expected, "{template}");
        }
    }
}
