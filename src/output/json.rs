//! JSON over several lines, for a person: the layout is made anew, and nothing else. Digits, the order
//! of keys, keys that come twice and the escapes of strings stay as they came.

use std::iter::Peekable;

use memchr::memchr2;
use serde::de::IgnoredAny;

use super::color::Palette;
use super::escape::{self, Layout};

/// Objects and arrays within each other that are laid out: as many as serde_json reads into values. It
/// sets no such bound where it only checks.
const DEEPEST: usize = 127;
/// Bytes that a layout may take, 64 MiB: deep in arrays, a digit and its comma become 260 bytes.
const LARGEST: usize = 64 << 20;
/// Indentation of the innermost line.
const SPACES: [u8; 2 * DEEPEST] = [b' '; 2 * DEEPEST];
/// The white space of JSON (RFC 8259 section 2).
const BLANK: [char; 4] = [' ', '\t', '\n', '\r'];

/// Appends a JSON object or array laid out, each step further in by 2 spaces; `escaped` makes it
/// harmless for a terminal. Gives back whether `text` is one, nested at most 127 deep, and its layout no
/// larger than 64 MiB; if not, nothing is appended.
pub fn lay_out(out: &mut Vec<u8>, text: &str, escaped: bool, palette: &Palette) -> bool {
    // Whatever else is valid JSON is one line already.
    if !text.trim_start_matches(BLANK).starts_with(['{', '[']) || !is_json(text) {
        return false;
    }
    let begin = out.len();
    let mut page = Page { out, depth: 0, escaped, palette };
    let mut tokens = Tokens(text).peekable();
    while let Some(token) = tokens.next() {
        let is_too_deep = page.depth == DEEPEST && matches!(token, "{" | "[");
        if is_too_deep || page.out.len() - begin > LARGEST {
            page.out.truncate(begin);
            return false;
        }
        page.token(token, &mut tokens);
    }
    true
}

fn is_json(text: &str) -> bool {
    serde_json::from_str::<IgnoredAny>(text).is_ok()
}

/// Where the layout is made.
struct Page<'a> {
    out: &'a mut Vec<u8>,
    depth: usize,
    escaped: bool,
    palette: &'a Palette,
}

impl Page<'_> {
    fn token<'t>(&mut self, token: &'t str, next: &mut Peekable<Tokens<'t>>) {
        let palette = self.palette;
        match token {
            "{" | "[" => {
                self.out.extend_from_slice(token.as_bytes());
                match next.next_if(|next| matches!(*next, "}" | "]")) {
                    Some(end) => self.out.extend_from_slice(end.as_bytes()),
                    None => self.line(self.depth + 1),
                }
            }
            "}" | "]" => {
                self.line(self.depth.saturating_sub(1));
                self.out.extend_from_slice(token.as_bytes());
            }
            "," => {
                self.out.push(b',');
                self.line(self.depth);
            }
            ":" => self.out.extend_from_slice(b": "),
            "true" | "false" | "null" => self.colored(palette.literal, token),
            string if string.starts_with('"') => {
                let is_key = next.peek() == Some(&":");
                self.colored(if is_key { palette.key } else { palette.string }, string);
            }
            number => self.colored(palette.number, number),
        }
    }

    /// Begins a line so deep.
    fn line(&mut self, depth: usize) {
        self.depth = depth;
        self.out.push(b'\n');
        self.out.extend_from_slice(&SPACES[..2 * depth]);
    }

    fn colored(&mut self, color: &str, token: &str) {
        self.out.extend_from_slice(color.as_bytes());
        if self.escaped {
            let mut harmless = String::with_capacity(token.len());
            escape::text(&mut harmless, token, Layout::Keep);
            self.out.extend_from_slice(harmless.as_bytes());
        } else {
            self.out.extend_from_slice(token.as_bytes());
        }
        self.out.extend_from_slice(self.palette.end.as_bytes());
    }
}

/// The tokens of what is known to be JSON, each as it came.
struct Tokens<'a>(&'a str);

impl<'a> Iterator for Tokens<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        let rest = self.0.trim_start_matches(BLANK);
        let length = match rest.as_bytes().first()? {
            b'"' => string_length(rest.as_bytes()),
            b'{' | b'}' | b'[' | b']' | b',' | b':' => 1,
            _ => rest.find([' ', '\t', '\n', '\r', ',', ']', '}']).unwrap_or(rest.len()),
        };
        let (token, rest) = rest.split_at(length);
        self.0 = rest;
        Some(token)
    }
}

/// The length of the string that `text` begins with, its quotes included.
fn string_length(text: &[u8]) -> usize {
    let mut at = 1;
    while let Some(found) = text.get(at..).and_then(|rest| memchr2(b'"', b'\\', rest)) {
        at += found + 1;
        if text[at - 1] == b'"' {
            return at;
        }
        // What a backslash stands before ends nothing.
        at += 1;
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;

    fn laid_out(text: &str, escaped: bool, palette: &Palette) -> Option<String> {
        let mut out = b"before ".to_vec();
        let done = lay_out(&mut out, text, escaped, palette);
        let out = String::from_utf8(out).unwrap();
        let appended = out.strip_prefix("before ").unwrap();
        assert!(done || appended.is_empty());
        done.then(|| appended.to_owned())
    }

    fn plain(text: &str) -> Option<String> {
        laid_out(text, false, &Palette::plain())
    }

    #[test]
    fn only_the_layout_is_made_anew() {
        let cases = [
            ("{}", "{}"),
            (" [ ]\n", "[]"),
            ("[1]", "[\n  1\n]"),
            ("{\"a\":{},\"b\":[ \t]}", "{\n  \"a\": {},\n  \"b\": []\n}"),
            ("[[],[[1,2]]]", "[\n  [],\n  [\n    [\n      1,\n      2\n    ]\n  ]\n]"),
            // Digits, the order of keys and what comes twice.
            (
                "{\"b\":1.10,\"a\":1E+400,\"b\":-0,\"n\":12345678901234567890.0}",
                "{\n  \"b\": 1.10,\n  \"a\": 1E+400,\n  \"b\": -0,\n  \"n\": 12345678901234567890.0\n}",
            ),
            // Escapes, half of a pair, and what only looks like layout.
            (
                r#"["\u0041\/\ud800","\\","\\\"","{ , : }",""]"#,
                "[\n  \"\\u0041\\/\\ud800\",\n  \"\\\\\",\n  \"\\\\\\\"\",\n  \"{ , : }\",\n  \"\"\n]",
            ),
            ("[true,\r\n false , null]", "[\n  true,\n  false,\n  null\n]"),
            ("{\"\u{e4}\u{1f600}\":\"\u{202e}\"}", "{\n  \"\u{e4}\u{1f600}\": \"\u{202e}\"\n}"),
        ];
        for (text, expected) in cases {
            assert_eq!(plain(text).as_deref(), Some(expected), "{text}");
        }
    }

    #[test]
    fn what_is_no_object_or_array_is_left() {
        let cases = [
            "",
            " ",
            "hello",
            "1",
            "\"a\"",
            "null",
            "{",
            "[1",
            "[1,]",
            "{\"a\"}",
            "{\"a\":1,}",
            "[01]",
            "[1.]",
            "[+1]",
            "[nul]",
            "{a:1}",
            "['a']",
            "[1] [2]",
            "[1]x",
            "[1}",
            "{\"a\":1]",
            "[\"\t\"]",
            "[\"\\x\"]",
            "[\"a]",
            "\u{feff}[1]",
            "[1]\u{a0}",
            "[NaN]",
            "// a\n[1]",
        ];
        for text in cases {
            assert_eq!(plain(text), None, "{text}");
        }
    }

    #[test]
    fn colours_are_ours_and_what_is_dangerous_is_spelled_out() {
        let palette = Palette {
            key: "<k>",
            string: "<s>",
            number: "<n>",
            literal: "<l>",
            peer: "<p>",
            aside: "<a>",
            end: "</>",
            ..Palette::plain()
        };
        let text = "{\"k\u{9b}\":\"s\u{202e}\u{7f}\",\"e\":[-1.5e3,true,null,{}]}";
        let expected = "{\n  <k>\"k\\u{9b}\"</>: <s>\"s\\u{202e}\\x7f\"</>,\n  <k>\"e\"</>: [\n    \
                        <n>-1.5e3</>,\n    <l>true</>,\n    <l>null</>,\n    {}\n  ]\n}";
        assert_eq!(laid_out(text, true, &palette).as_deref(), Some(expected));
    }

    #[test]
    fn neither_depth_nor_size_can_be_driven_without_bound() {
        let nested = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
        assert!(plain(&nested(DEEPEST)).is_some());
        assert!(serde_json::from_str::<Value>(&nested(DEEPEST)).is_ok());
        for depth in [DEEPEST + 1, 1 << 20] {
            assert_eq!(plain(&nested(depth)), None);
            assert!(serde_json::from_str::<Value>(&nested(depth)).is_err());
        }
        let (deep, line) = (100, 2 * 100 + 3);
        let wide = |count: usize| {
            format!("{}0{}{}", "[".repeat(deep), ",0".repeat(count), "]".repeat(deep))
        };
        assert!(plain(&wide(LARGEST / line / 2)).is_some());
        assert_eq!(plain(&wide(LARGEST / line + 1)), None);
    }

    /// Text without the white space between tokens, found by other means than the tokens.
    fn compact(text: &str) -> String {
        let (mut quoted, mut escaped) = (false, false);
        let kept = |c: &char| {
            let kept = quoted || !BLANK.contains(c);
            if *c == '"' && !escaped {
                quoted = !quoted;
            }
            escaped = quoted && *c == '\\' && !escaped;
            kept
        };
        text.chars().filter(kept).collect()
    }

    fn value() -> impl Strategy<Value = Value> {
        let text =
            || proptest::string::string_regex("[a\\\\\"\n\u{1}\u{7f}\u{9b}{}:, é😀]{0,6}").unwrap();
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            text().prop_map(Value::from),
        ];
        leaf.prop_recursive(6, 60, 6, move |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
                proptest::collection::vec((text(), inner), 0..6)
                    .prop_map(|fields| Value::Object(fields.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn it_is_the_same_value_and_without_the_layout_the_same_bytes(value in value()) {
            let value = Value::from(vec![value]);
            let text = value.to_string();
            let pretty = plain(&text).unwrap();
            prop_assert_eq!(&pretty, &serde_json::to_string_pretty(&value).unwrap());
            prop_assert_eq!(plain(&pretty).unwrap(), pretty.as_str(), "once is enough");
            prop_assert_eq!(compact(&pretty), text.as_str());
            let parsed = |text: &str| serde_json::from_str::<Value>(text).unwrap();
            prop_assert_eq!(parsed(&pretty), parsed(&text));
        }
    }
}
