//! What differs between a message that was expected and one that came, for people: the lines of text, the
//! values of JSON. Small, harmless on a terminal, and quick for messages of any size, of which only the
//! part around the first difference is looked at. What was expected at all is decided elsewhere.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::ops::Range;

use serde_json::value::RawValue;
use similar::{Algorithm, DiffOp, DiffTag, capture_diff_slices, group_diff_ops};

use crate::output::Palette;
use crate::output::escape::one_line;
use crate::output::json::lay_out;

/// Bytes of each text that are compared by lines, from a little before the first difference, or by values.
const MOST_COMPARED: usize = 64 << 10;
/// Lines of each text that are compared: comparing takes quadratic time at worst.
const MOST_LINES: usize = 2000;
/// Lines of a difference.
const MOST_SHOWN: usize = 40;
/// Bytes of a difference.
const LARGEST: usize = 8 << 10;
/// Characters of a line.
const WIDTH: usize = 120;
/// Characters, and lines, that stay of what both have before and after a difference.
const CONTEXT: usize = 24;
const CONTEXT_LINES: usize = 3;
/// Bytes of a message by which its nearness is judged.
const MOST_JUDGED: usize = 4 << 10;
/// Pairs of bytes are counted in so many classes.
const CLASSES: usize = 1024;

/// The lines of `expected` that are missing, with `-`, and what stands there instead, with `+`; without a
/// newline at the end. Two JSON objects or arrays are compared by their values, in which the order of
/// keys has no meaning.
pub fn difference(expected: &str, got: &str) -> String {
    if let (Some(left), Some(right)) = (values(expected), values(got)) {
        if left != right {
            return by_lines(&left, &right);
        }
        let same = "(the same JSON, but for its spelling or the order of its keys)\n";
        return same.to_owned() + &by_text(expected, got);
    }
    by_text(expected, got)
}

/// How much two messages have in common, from 0 (nothing) to 1 (everything); an estimate by their
/// beginnings.
pub fn nearness(expected: &str, got: &str) -> f64 {
    if expected == got {
        return 1.0;
    }
    let (left, left_total) = pairs(expected);
    let (right, right_total) = pairs(got);
    let common: u32 = left.iter().zip(&right).map(|(l, r)| u32::from(*l.min(r))).sum();
    let total = left_total + right_total;
    // Equal beginnings do not make equal messages.
    if total == 0 { 0.0 } else { (2.0 * f64::from(common) / total as f64).min(0.99) }
}

/// How often each class of pairs of bytes occurs, and how many there are.
fn pairs(text: &str) -> ([u16; CLASSES], usize) {
    let mut counts = [0u16; CLASSES];
    let bytes = &text.as_bytes()[..text.len().min(MOST_JUDGED)];
    // A lone character is half of two pairs.
    let before = std::iter::once(&0).chain(bytes);
    for (first, second) in before.zip(bytes.iter().chain(std::iter::once(&0))) {
        counts[(usize::from(*first) * 31 + usize::from(*second)) % CLASSES] += 1;
    }
    (counts, bytes.len() + 1)
}

/// JSON with its keys in order, a line a value and without the commas at their ends: a value that is added
/// is not to change the line before.
fn values(text: &str) -> Option<String> {
    if text.len() > MOST_COMPARED {
        return None;
    }
    // It decides what is an object or array, and not too deep for us.
    lay_out(&mut Vec::new(), text, false, &Palette::plain()).then_some(())?;
    let mut ordered = String::new();
    order(text, &mut ordered)?;
    let mut laid_out = Vec::new();
    lay_out(&mut laid_out, &ordered, false, &Palette::plain()).then_some(())?;
    let laid_out = String::from_utf8(laid_out).ok()?;
    Some(
        laid_out
            .split('\n')
            .map(|line| line.strip_suffix(',').unwrap_or(line))
            .collect::<Vec<_>>()
            .join("\n"),
    )
}

/// Appends JSON with the keys of its objects in order.
fn order(json: &str, out: &mut String) -> Option<()> {
    let json = json.trim();
    if json.starts_with('{') {
        let fields: BTreeMap<String, &RawValue> = serde_json::from_str(json).ok()?;
        out.push('{');
        for (at, (key, value)) in fields.iter().enumerate() {
            out.push_str(if at > 0 { "," } else { "" });
            out.push_str(&serde_json::to_string(key).ok()?);
            out.push(':');
            order(value.get(), out)?;
        }
        out.push('}');
    } else if json.starts_with('[') {
        let items: Vec<&RawValue> = serde_json::from_str(json).ok()?;
        out.push('[');
        for (at, value) in items.iter().enumerate() {
            out.push_str(if at > 0 { "," } else { "" });
            order(value.get(), out)?;
        }
        out.push(']');
    } else {
        out.push_str(json);
    }
    Some(())
}

fn by_text(expected: &str, got: &str) -> String {
    let is_line = |text: &str| !text.strip_suffix('\n').unwrap_or(text).contains('\n');
    if is_line(expected) && is_line(got) {
        let mut page = Page::default();
        page.pair(expected, got);
        return page.text;
    }
    by_lines(expected, got)
}

fn by_lines(expected: &str, got: &str) -> String {
    let mut page = Page::default();
    let start = first_line(expected, got);
    let (left, left_is_cut) = lines(&expected[start..]);
    let (right, right_is_cut) = lines(&got[start..]);
    let mut ops = capture_diff_slices(Algorithm::Myers, &left, &right);
    if left_is_cut || right_is_cut {
        forget_the_end(&mut ops);
    }
    if ops.iter().all(|op| op.tag() == DiffTag::Equal) {
        // They differ in a line that is longer than what is compared.
        page.pair(expected, got);
    }
    for (group, ops) in group_diff_ops(ops, CONTEXT_LINES).iter().enumerate() {
        if group > 0 || start > 0 || ops.first().is_some_and(|op| op.old_range().start > 0) {
            page.line("  ", "…");
        }
        for op in ops {
            page.change(op, &left, &right);
        }
    }
    page.text
}

/// Where both begin to be worth comparing: a few lines before the first difference.
fn first_line(expected: &str, got: &str) -> usize {
    let mut start = same_beginning(expected, got);
    for _ in 0..=CONTEXT_LINES {
        match expected[..start].rfind('\n') {
            Some(newline) => start = newline,
            None => return 0,
        }
    }
    start + 1
}

/// The lines that are compared, and whether there are more.
fn lines(text: &str) -> (Vec<&str>, bool) {
    let part = &text[..text.floor_char_boundary(MOST_COMPARED)];
    let lines: Vec<_> = part.split('\n').take(MOST_LINES).collect();
    let compared: usize = lines.iter().map(|line| line.len() + 1).sum();
    (lines, compared <= text.len())
}

/// Takes back what seems to differ only because the texts were cut.
fn forget_the_end(ops: &mut Vec<DiffOp>) {
    let differences = ops.iter().filter(|op| op.tag() != DiffTag::Equal).count();
    if differences > 1 && ops.last().is_some_and(|op| op.tag() != DiffTag::Equal) {
        ops.pop();
    }
}

/// The bytes that both begin with, whole characters of them.
fn same_beginning(left: &str, right: &str) -> usize {
    let mut same = 0;
    // Equal blocks are skipped at the speed of the memory.
    for (l, r) in left.as_bytes().chunks(4096).zip(right.as_bytes().chunks(4096)) {
        if l != r {
            same += l.iter().zip(r).take_while(|(l, r)| l == r).count();
            break;
        }
        same += l.len();
    }
    left.floor_char_boundary(same).min(right.floor_char_boundary(same))
}

/// The bytes that both end with, whole characters of them.
fn same_end(left: &str, right: &str) -> usize {
    let same = left.bytes().rev().zip(right.bytes().rev()).take_while(|(l, r)| l == r).count();
    left.len() - left.ceil_char_boundary(left.len() - same)
}

/// What is shown, as far as there is room.
#[derive(Debug, Default)]
struct Page {
    text: String,
    lines: usize,
}

impl Page {
    fn change(&mut self, op: &DiffOp, left: &[&str], right: &[&str]) {
        let (tag, old, new) = op.as_tag_tuple();
        match tag {
            DiffTag::Equal => left[old].iter().for_each(|line| self.line("  ", &beginning(line))),
            DiffTag::Delete => self.all("- ", &left[old]),
            DiffTag::Insert => self.all("+ ", &right[new]),
            DiffTag::Replace if old.len() == new.len() => {
                for (left, right) in left[old].iter().zip(&right[new]) {
                    self.pair(left, right);
                }
            }
            DiffTag::Replace => {
                self.all("- ", &left[old]);
                self.all("+ ", &right[new]);
            }
        }
    }

    fn all(&mut self, sign: &str, lines: &[&str]) {
        lines.iter().for_each(|line| self.line(sign, &beginning(line)));
    }

    /// Two lines one of which stands in the place of the other, cut where both are the same.
    fn pair(&mut self, left: &str, right: &str) {
        let start = same_beginning(left, right);
        let end = same_end(&left[start..], &right[start..]);
        let cut = |text: &str| around(text, start..text.len() - end);
        let (left, right) = (cut(left), cut(right));
        self.line("- ", &left);
        self.line("+ ", &right);
    }

    fn line(&mut self, sign: &str, text: &str) {
        if self.lines > MOST_SHOWN {
            return;
        }
        self.lines += 1;
        let mut harmless = one_line(text);
        if harmless.ends_with(' ') {
            harmless.truncate(harmless.len() - 1);
            // A space that ends a line would not be seen.
            harmless.push_str("\\x20");
        }
        let is_last = self.lines > MOST_SHOWN || self.text.len() + harmless.len() + 8 > LARGEST;
        if is_last {
            self.lines = MOST_SHOWN + 1;
        }
        let newline = if self.text.is_empty() { "" } else { "\n" };
        let (sign, shown) = if is_last { ("  ", "…") } else { (sign, &*harmless) };
        let _ = write!(self.text, "{newline}{sign}{shown}");
    }
}

fn beginning(line: &str) -> String {
    around(line, 0..line.len())
}

/// A part of a line and a little of what stands before and after it; if that is too wide, the beginning of
/// the part.
fn around(line: &str, part: Range<usize>) -> String {
    let from = if line[..part.start].chars().rev().nth(CONTEXT).is_some() {
        let (at, _) = line[..part.start].char_indices().rev().nth(CONTEXT - 1).unwrap_or_default();
        at
    } else {
        0
    };
    let context = line[part.end..].char_indices().nth(CONTEXT).map(|(at, _)| part.end + at);
    let wide = line[from..].char_indices().nth(WIDTH).map(|(at, _)| from + at);
    let to = context.into_iter().chain(wide).min().unwrap_or(line.len());
    let (before, after) = (if from > 0 { "…" } else { "" }, if to < line.len() { "…" } else { "" });
    format!("{before}{}{after}", &line[from..to])
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;

    #[test]
    fn what_differs_is_shown_and_little_else() {
        let cases = [
            ("pong", "ponh", "- pong\n+ ponh"),
            ("pong", "", "- pong\n+ "),
            ("pong", "pong ", "- pong\n+ pong\\x20"),
            ("pong", "pong\n", "- pong\n+ pong\\n"),
            ("a", "\x1b[31ma\u{202e}", "- a\n+ \\x1b[31ma\\u{202e}"),
            ("a\nb\nc", "a\nx\nc", "  a\n- b\n+ x\n  c"),
            ("1\n2\n3\n4\n5", "1\n2\n3\n4\n6", "  …\n  2\n  3\n  4\n- 5\n+ 6"),
            (
                "1\n2\n3\n4\n5\n6\n7\n8\n9",
                "0\n2\n3\n4\n5\n6\n7\n8\nx",
                "- 1\n+ 0\n  2\n  3\n  4\n  …\n  6\n  7\n  8\n- 9\n+ x",
            ),
            (
                r#"{"a":1,"b":2}"#,
                r#"{"b":3,"a":1}"#,
                "  {\n    \"a\": 1\n-   \"b\": 2\n+   \"b\": 3\n  }",
            ),
            (
                r#"{"a":1}"#,
                r#"{"a":1,"b":[2]}"#,
                "  {\n    \"a\": 1\n+   \"b\": [\n+     2\n+   ]\n  }",
            ),
            (
                r#"{"a":1,"b":2}"#,
                r#"{"b":2, "a":1}"#,
                "(the same JSON, but for its spelling or the order of its keys)\n- {\"a\":1,\"b\":2}\n+ {\"b\":2, \"a\":1}",
            ),
            (r#"{"a":1.10}"#, r#"{"a":1.1}"#, "  {\n-   \"a\": 1.10\n+   \"a\": 1.1\n  }"),
            ("[1]", "1", "- [1]\n+ 1"),
            ("[1", "[2", "- [1\n+ [2"),
        ];
        for (expected, got, difference) in cases {
            assert_eq!(super::difference(expected, got), difference, "{expected:?} {got:?}");
        }
    }

    #[test]
    fn a_long_line_is_cut_where_both_are_the_same() {
        let (same, tail) = ("ä".repeat(100), "ö".repeat(100));
        let difference = difference(&format!("{same}1{tail}"), &format!("{same}2{tail}"));
        let shown =
            |middle: &str| format!("…{}{middle}{}…", "ä".repeat(CONTEXT), "ö".repeat(CONTEXT));
        assert_eq!(difference, format!("- {}\n+ {}", shown("1"), shown("2")));
        let other = super::difference(&"a".repeat(500), &"b".repeat(500));
        assert_eq!(other, format!("- {}…\n+ {}…", "a".repeat(WIDTH), "b".repeat(WIDTH)));
    }

    #[test]
    fn neither_size_nor_time_can_be_driven() {
        let long = "x".repeat(64 << 20);
        let lines = |word: &str| format!("{word}\n").repeat(1 << 20);
        let numbers = |from: usize| {
            let numbers: Vec<String> = (from..from + 8000).map(|n| n.to_string()).collect();
            format!("[{}]", numbers.join(","))
        };
        let escapes = "\x1b".repeat(1 << 20);
        let begin = Instant::now();
        for (expected, got) in [
            (long.clone() + "a", long.clone() + "b"),
            (lines("a") + "1\nend", lines("a") + "2\nend"),
            (lines("a"), lines("b")),
            (lines("a\x1bb"), lines("b")),
            (numbers(0), numbers(4)),
            (numbers(0), numbers(9000)),
            ("a".into(), escapes.clone()),
            (String::new(), long.clone()),
            (format!("a\n{}", "[".repeat(1 << 20)), "[".repeat(1 << 20)),
        ] {
            let difference = difference(&expected, &got);
            assert!(difference.len() <= LARGEST, "{}", difference.len());
            assert!(difference.lines().count() <= MOST_SHOWN + 1);
            assert!(difference.contains("- ") || difference.contains("+ "), "{difference}");
            nearness(&expected, &got);
        }
        assert!(begin.elapsed() < Duration::from_secs(60), "{:?}", begin.elapsed());
    }

    #[test]
    fn a_late_difference_is_found() {
        let short = "a\n".repeat(10_000);
        let found = difference(&format!("{short}1\nz"), &format!("{short}2\nz"));
        assert_eq!(found, "  …\n  a\n  a\n  a\n- 1\n+ 2\n  z");
        let wide = format!("a\n{}", "x".repeat(1 << 20));
        let found = difference(&format!("{wide}1\nz"), &format!("{wide}2\nz"));
        let around = |digit| format!("…{}{digit}\\nz", "x".repeat(CONTEXT));
        assert_eq!(found, format!("- {}\n+ {}", around("1"), around("2")));
        let rest: String = (0..100_000).map(|n| format!("{n}\n")).collect();
        let found = difference(&rest, &format!("more\n{rest}"));
        assert_eq!(found, "+ more\n  0\n  1\n  2");
        let head: String = (0..100_000).map(|n| format!("line {n}\n")).collect();
        let difference = difference(&format!("{head}left\nend"), &format!("{head}right\nend"));
        assert_eq!(
            difference,
            "  …\n  line 99997\n  line 99998\n  line 99999\n- left\n+ right\n  end"
        );
    }

    #[test]
    fn the_nearest_message_has_most_in_common() {
        let expected = r#"{"type":"ready","id":1}"#;
        let nearest = nearness(expected, r#"{"type":"ready","id":2}"#);
        for candidate in [r#"{"type":"hello"}"#, "ready", ""] {
            assert!(nearness(expected, candidate) < nearest, "{candidate}");
        }
        assert_eq!(nearness(expected, expected), 1.0);
        assert_eq!(nearness("a", "b"), 0.0);
        assert_eq!(nearness("", ""), 1.0);
        assert!(nearness("", "b") < 0.5);
        assert!(nearness("pong", "ponh") > nearness("pong", "hello"));
        let long = "ab".repeat(MOST_JUDGED);
        assert!(nearness(&long, &(long.clone() + "c")) < 1.0);
    }
}
