//! Regular expressions as JavaScript has them. What is read is what Rust's regex crate makes of them, so that
//! \d, \w, `.` and (?i) keep their meaning, which is another in JavaScript. Refused is what has no
//! equal there.

use regex_syntax::hir::{Class, ClassUnicode, Hir, HirKind, Look, Repetition};
use regex_syntax::parse;

use super::javascript::{quoted, sum};
use crate::scenario::template::{Part, Template};

/// What stands for a name while the expression is read: two characters for private use, so that what is
/// repeated, or chosen from a class, is not taken for all of it.
const NAMES: u32 = 0xf_0000;
const MOST_NAMES: u32 = 0x8000;
const AFTER: char = '\u{f_8000}';

/// A pattern as an expression for a RegExp.
///
/// # Errors
/// What cannot be translated.
pub fn pattern(template: &Template) -> Result<String, String> {
    let names: Vec<&str> = template.names().collect();
    let hir =
        parse(&source(template, names.len())?).map_err(|_| "it is more than text is matched by")?;
    let mut writing = Writing { names: &names, used: 0, parts: Vec::new(), text: String::new() };
    writing.hir(&hir)?;
    if writing.used != names.len() {
        return Err("a name stands where it is not taken as a whole".into());
    }
    writing.flush();
    Ok(format!("new RegExp({}, \"u\")", sum(writing.parts.into_iter())))
}

/// The pattern with other characters in place of the names.
fn source(template: &Template, names: usize) -> Result<String, String> {
    let text = template.source();
    let is_ours = |c: char| (NAMES..=u32::from(AFTER)).contains(&u32::from(c));
    if names > 0 && text.contains(is_ours) {
        return Err("it has names, and characters for private use".into());
    }
    // Case and spaces of what is put in would matter.
    if names > 0 && text.contains("(?") && !only_groups(&text) {
        return Err("it has names, and flags or groups of a kind that changes them".into());
    }
    let mut number = 0..MOST_NAMES;
    let parts = template.parts().iter().map(|part| match part {
        Part::Text(text) => Ok(text.clone()),
        Part::Name(_) => {
            let next = number.next().and_then(|number| char::from_u32(NAMES + number));
            next.map(|c| format!("{c}{AFTER}")).ok_or("it has too many names".to_owned())
        }
    });
    parts.collect()
}

/// Whether every `(?` begins a group that changes nothing.
fn only_groups(text: &str) -> bool {
    text.split("(?").skip(1).all(|after| after.starts_with([':', '<', 'P']))
}

struct Writing<'n> {
    names: &'n [&'n str],
    used: usize,
    parts: Vec<String>,
    /// What is to become a string.
    text: String,
}

impl Writing<'_> {
    fn flush(&mut self) {
        if !self.text.is_empty() {
            self.parts.push(quoted(&std::mem::take(&mut self.text)));
        }
    }

    fn hir(&mut self, hir: &Hir) -> Result<(), String> {
        match hir.kind() {
            HirKind::Empty => self.text.push_str("(?:)"),
            HirKind::Literal(literal) => self.literal(&literal.0)?,
            HirKind::Class(class) => self.class(class)?,
            HirKind::Look(Look::Start) => self.text.push('^'),
            HirKind::Look(Look::End) => self.text.push('$'),
            HirKind::Look(Look::WordUnicode | Look::WordUnicodeNegate) => {
                return Err("\\b and \\B mean something else in JavaScript".into());
            }
            HirKind::Look(_) => return Err("it looks at the borders of lines or words".into()),
            HirKind::Repetition(repetition) => self.repetition(repetition)?,
            // Nobody asks what a group has found.
            HirKind::Capture(capture) => self.hir(&capture.sub)?,
            HirKind::Concat(parts) => parts.iter().try_for_each(|part| self.grouped(part))?,
            HirKind::Alternation(choices) => {
                for (at, choice) in choices.iter().enumerate() {
                    if at > 0 {
                        self.text.push('|');
                    }
                    self.hir(choice)?;
                }
            }
        }
        Ok(())
    }

    /// A part of a sequence.
    fn grouped(&mut self, hir: &Hir) -> Result<(), String> {
        if is_alternation(hir) { self.group(hir) } else { self.hir(hir) }
    }

    fn group(&mut self, hir: &Hir) -> Result<(), String> {
        self.text.push_str("(?:");
        self.hir(hir)?;
        self.text.push(')');
        Ok(())
    }

    fn repetition(&mut self, repetition: &Repetition) -> Result<(), String> {
        match repetition.sub.kind() {
            HirKind::Class(class) => self.class(class)?,
            _ => self.group(&repetition.sub)?,
        }
        self.text.push_str(&match (repetition.min, repetition.max) {
            (0, None) => "*".to_owned(),
            (1, None) => "+".to_owned(),
            (0, Some(1)) => "?".to_owned(),
            (min, None) => format!("{{{min},}}"),
            (min, Some(max)) if min == max => format!("{{{min}}}"),
            (min, Some(max)) => format!("{{{min},{max}}}"),
        });
        Ok(())
    }

    fn literal(&mut self, bytes: &[u8]) -> Result<(), String> {
        let text = std::str::from_utf8(bytes).map_err(|_| "it matches bytes that are no text")?;
        let mut characters = text.chars();
        while let Some(c) = characters.next() {
            let number = u32::from(c).wrapping_sub(NAMES) as usize;
            if let Some(name) = self.names.get(number) {
                if characters.next() != Some(AFTER) {
                    return Err("what is repeated is a part of a name".into());
                }
                self.flush();
                self.parts.push(format!("literal(s.text({}))", quoted(name)));
                self.used += 1;
            } else {
                escape(&mut self.text, c);
            }
        }
        Ok(())
    }

    fn class(&mut self, class: &Class) -> Result<(), String> {
        let of_bytes;
        let class = match class {
            Class::Unicode(class) => class,
            Class::Bytes(class) => {
                of_bytes = class.to_unicode_class().ok_or("it matches bytes that are no text")?;
                &of_bytes
            }
        };
        let mut others = class.clone();
        others.negate();
        if class.ranges().is_empty() {
            return Err("it matches nothing".into());
        }
        let is_negated =
            !others.ranges().is_empty() && others.ranges().len() < class.ranges().len();
        self.text.push_str(if is_negated { "[^" } else { "[" });
        self.ranges(if is_negated { &others } else { class });
        self.text.push(']');
        Ok(())
    }

    fn ranges(&mut self, class: &ClassUnicode) {
        for range in class.ranges() {
            escape(&mut self.text, range.start());
            if range.end() > range.start() {
                self.text.push('-');
                escape(&mut self.text, range.end());
            }
        }
    }
}

fn is_alternation(hir: &Hir) -> bool {
    match hir.kind() {
        HirKind::Alternation(_) => true,
        HirKind::Capture(capture) => is_alternation(&capture.sub),
        _ => false,
    }
}

/// A character that means itself, within a class and without.
fn escape(text: &mut String, c: char) {
    match c {
        '-' => text.push_str("\\x2d"),
        _ if "^$\\.*+?()[]{}|/".contains(c) => text.extend(['\\', c]),
        _ => text.push(c),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn translated(source: &str) -> Result<String, String> {
        pattern(&Template::parse(source).unwrap())
    }

    #[test]
    fn what_is_translated_means_the_same() {
        let cases = [
            ("", "\"(?:)\""),
            ("abc", "\"abc\""),
            ("^a.c$", "\"^a[^\\n]c$\""),
            ("a-b/c\\.", "\"a\\\\x2db\\\\/c\\\\.\""),
            ("(?s)a.", "\"a[\\u0000-\u{10ffff}]\""),
            ("[a-c]+?x*", "\"[a-c]+(?:x)*\""),
            ("[^a-c]{2,3}", "\"[^a-c]{2,3}\""),
            ("x{2}|y{3,}", "\"(?:x){2}|(?:y){3,}\""),
            ("a(b|cd)e", "\"a(?:b|cd)e\""),
            ("(ab)?", "\"(?:ab)?\""),
            ("(?i)k", "\"[Kk\u{212a}]\""),
            ("[-^\\]]", "\"[\\\\x2d\\\\]-\\\\^]\""),
            (
                "\\S",
                "\"[^\\t-\\r \\u0085\u{a0}\u{1680}\u{2000}-\u{200a}\\u2028-\\u2029\u{202f}\u{205f}\u{3000}]\"",
            ),
            ("^{{x}}$", "\"^\" + literal(s.text(\"x\")) + \"$\""),
            (
                "(?:{{x}}|{{y}})+",
                "\"(?:\" + literal(s.text(\"x\")) + \"|\" + literal(s.text(\"y\")) + \")+\"",
            ),
            ("{{x}}a|{{x}}b", "literal(s.text(\"x\")) + \"a|\" + literal(s.text(\"x\")) + \"b\""),
        ];
        for (source, expected) in cases {
            assert_eq!(
                translated(source),
                Ok(format!("new RegExp({expected}, \"u\")")),
                "{source}"
            );
        }
        assert!(translated("\\d").unwrap().starts_with("new RegExp(\"[0-9\u{660}-\u{669}"));
    }

    #[test]
    fn what_has_no_equal_is_refused() {
        let cases = [
            ("\\bx", "\\b and \\B"),
            ("(?m)^x", "borders of lines"),
            ("(?-u:\\xff)", "more than text"),
            ("{{x}}*", "a part of a name"),
            ("[{{x}}]", "as a whole"),
            ("(?i){{x}}", "flags"),
            ("\u{f0001}{{x}}", "private use"),
        ];
        for (source, expected) in cases {
            let refused = translated(source).unwrap_err();
            assert!(refused.contains(expected), "{source}: {refused}");
        }
    }
}
