//! What a peer says, made harmless for a terminal: control characters and the Unicode direction
//! controls are spelled out.

use std::borrow::Cow;
use std::fmt::Write as _;

/// Whether line feeds and tabs are layout, or are spelled out like other control characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// They pass: messages on a terminal.
    Keep,
    /// They are spelled out: everything on one line that begins with our own text.
    OneLine,
}

/// Whether it is a control character, or one for the direction of text.
fn is_dangerous(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Appends `text` with every dangerous character spelled out.
pub fn text(out: &mut String, text: &str, layout: Layout) {
    for character in text.chars() {
        match character {
            '\n' | '\t' if layout == Layout::Keep => out.push(character),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            '\r' => out.push_str("\\r"),
            _ if !is_dangerous(character) => out.push(character),
            _ if character.is_ascii() => {
                let _ = write!(out, "\\x{:02x}", u32::from(character));
            }
            _ => {
                let _ = write!(out, "\\u{{{:x}}}", u32::from(character));
            }
        }
    }
}

/// Appends bytes of any kind: text as [`text`], what is no UTF-8 as `\xHH`.
pub fn bytes(out: &mut String, bytes: &[u8], layout: Layout) {
    for chunk in bytes.utf8_chunks() {
        text(out, chunk.valid(), layout);
        for byte in chunk.invalid() {
            let _ = write!(out, "\\x{byte:02x}");
        }
    }
}

/// JSON with the same characters spelled out as JSON has it.
pub fn json(text: &str) -> Cow<'_, str> {
    if !text.chars().any(is_dangerous) {
        return text.into();
    }
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        if is_dangerous(character) {
            // They are all in the first plane.
            let _ = write!(out, "\\u{:04x}", u32::from(character));
        } else {
            out.push(character);
        }
    }
    out.into()
}

/// `text` on one line, for stderr.
pub fn one_line(untrusted: &str) -> String {
    let mut out = String::with_capacity(untrusted.len());
    text(&mut out, untrusted, Layout::OneLine);
    out
}

/// `text` in quotes, as it would be typed at a prompt where that needs no more than quotes.
pub fn quoted(text: &str) -> String {
    let spelled = format!("{text:?}");
    let is_plain = spelled.len() == text.len() + 2;
    let needs_more = text.chars().any(|c| c == '\'' || !matches!(c, '"' | '\\') && spelled_out(c));
    if is_plain || needs_more { spelled } else { format!("'{text}'") }
}

fn spelled_out(character: char) -> bool {
    character.escape_debug().len() > 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_are_those_that_need_nothing_else() {
        let cases = [
            ("", "\"\""),
            ("pong", "\"pong\""),
            ("it's", "\"it's\""),
            ("{\"a\":1}", "'{\"a\":1}'"),
            ("^\\d+$", "'^\\d+$'"),
            ("\"it's\"", "\"\\\"it's\\\"\""),
            ("\"\n\u{202e}\"", "\"\\\"\\n\\u{202e}\\\"\""),
            ("ä\u{1b}", "\"ä\\u{1b}\""),
        ];
        for (text, expected) in cases {
            assert_eq!(quoted(text), expected);
        }
    }

    #[test]
    fn controls_are_spelled_out_and_the_rest_is_left() {
        let cases = [
            ("plain ä€😀 \\n", "plain ä€😀 \\n", "plain ä€😀 \\n"),
            ("a\tb\nc", "a\tb\nc", "a\\tb\\nc"),
            ("\x1b[31mred\x07", "\\x1b[31mred\\x07", "\\x1b[31mred\\x07"),
            ("\r\x7f\0", "\\r\\x7f\\x00", "\\r\\x7f\\x00"),
            ("\u{9b}2J", "\\u{9b}2J", "\\u{9b}2J"),
            ("\u{202e}x\u{2066}", "\\u{202e}x\\u{2066}", "\\u{202e}x\\u{2066}"),
        ];
        for (input, kept, one_line) in cases {
            let mut out = String::new();
            text(&mut out, input, Layout::Keep);
            assert_eq!(out, kept);
            assert_eq!(super::one_line(input), one_line);
        }
        let mut out = String::new();
        bytes(&mut out, b"a\xff\x1bb\xe2\x82", Layout::Keep);
        assert_eq!(out, "a\\xff\\x1bb\\xe2\\x82");
    }

    #[test]
    fn json_stays_json() {
        let harmless = r#"{"a":"\u001b é"}"#;
        assert_eq!(json(harmless), harmless);
        let spelled = json("{\"a\":\"\u{9b}\u{202e}\u{7f}b\"}");
        assert_eq!(spelled, r#"{"a":"\u009b\u202e\u007fb"}"#);
        let value: serde_json::Value = serde_json::from_str(&spelled).unwrap();
        assert_eq!(value["a"], "\u{9b}\u{202e}\u{7f}b");
    }
}
