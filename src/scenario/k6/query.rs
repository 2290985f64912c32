//! jq filters as JavaScript: paths, comparisons, `and`, `or` and parentheses. k6 has no jq, so that
//! everything else is refused: a filter that is half understood would pass what it should not.

use super::javascript::{quoted, sum};
use crate::scenario::template::{Part, Template};

/// Digits of a number that JavaScript has exactly.
const EXACT: usize = 15;
/// Parentheses within each other.
const DEEPEST: usize = 64;

/// A filter as an expression, on the message `m` of the scenario `s`.
///
/// # Errors
/// What cannot be translated.
pub fn query(template: &Template) -> Result<String, String> {
    let mut reading = Reading { tokens: tokens(template)?, at: 0, depth: 0 };
    let read = reading.or()?;
    match reading.next() {
        None => Ok(read.written),
        Some(token) => Err(format!("{} is not translated", token.shown())),
    }
}

#[derive(Clone, Debug, PartialEq)]
enum Token {
    /// `.`, `[`, `==` and others.
    Sign(&'static str),
    Word(String),
    Number(String),
    /// What is between quotes, as an expression.
    Text(String),
    /// A name without quotes around it.
    Name(String),
}

impl Token {
    fn shown(&self) -> String {
        match self {
            Token::Sign(sign) => (*sign).to_owned(),
            Token::Word(word) | Token::Number(word) | Token::Text(word) => word.clone(),
            Token::Name(name) => format!("{{{{{name}}}}}"),
        }
    }
}

const SIGNS: [&str; 14] =
    ["==", "!=", "<=", ">=", "//", "..", "<", ">", ".", "[", "]", "(", ")", "-"];

/// What an expression is, as far as a comparison must know.
struct Read {
    written: String,
    is_number: bool,
}

fn tokens(template: &Template) -> Result<Vec<Token>, String> {
    let mut tokens = Vec::new();
    let mut parts = template.parts().iter();
    let mut text = "";
    loop {
        text = text.trim_start_matches([' ', '\t', '\r', '\n']);
        let Some(first) = text.chars().next() else {
            match parts.next() {
                None => return Ok(tokens),
                Some(Part::Text(next)) => text = next,
                Some(Part::Name(name)) => tokens.push(Token::Name(name.clone())),
            }
            continue;
        };
        if first == '"' {
            let string;
            (string, text) = between_quotes(&text[1..], &mut parts)?;
            tokens.push(Token::Text(string));
            continue;
        }
        let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let is_number = |c: char| c.is_ascii_digit() || c == '.';
        let (token, length) = if first.is_ascii_digit() {
            let length = text.find(|c| !is_number(c)).unwrap_or(text.len());
            (Token::Number(text[..length].to_owned()), length)
        } else if is_word(first) {
            let length = text.find(|c| !is_word(c)).unwrap_or(text.len());
            (Token::Word(text[..length].to_owned()), length)
        } else {
            let sign = SIGNS.iter().find(|sign| text.starts_with(**sign));
            let sign = sign.ok_or_else(|| format!("{first} is not translated"))?;
            (Token::Sign(sign), sign.len())
        };
        tokens.push(token);
        text = &text[length..];
    }
}

/// A string with names in it, from behind its first quote, and what follows.
fn between_quotes<'t>(
    mut text: &'t str,
    parts: &mut std::slice::Iter<'t, Part>,
) -> Result<(String, &'t str), String> {
    let mut expressions = Vec::new();
    loop {
        let mut escaped = false;
        let end = text.find(|c| {
            let is_end = c == '"' && !escaped;
            escaped = c == '\\' && !escaped;
            is_end
        });
        let piece = &text[..end.unwrap_or(text.len())];
        let unescaped: String = serde_json::from_str(&format!("\"{piece}\""))
            .map_err(|_| format!("the string {piece:?} is not translated"))?;
        if !unescaped.is_empty() {
            expressions.push(quoted(&unescaped));
        }
        if let Some(end) = end {
            return Ok((sum(expressions.into_iter()), &text[end + 1..]));
        }
        match parts.next() {
            Some(Part::Name(name)) => {
                expressions.push(format!("s.text({})", quoted(name)));
                text = "";
            }
            Some(Part::Text(next)) => text = next,
            None => return Err("a string has no end".into()),
        }
    }
}

struct Reading {
    tokens: Vec<Token>,
    at: usize,
    depth: usize,
}

impl Reading {
    fn next(&mut self) -> Option<Token> {
        let token = self.tokens.get(self.at).cloned();
        self.at += 1;
        token
    }

    /// Takes this sign or word, if it is the next.
    fn takes(&mut self, wanted: &str) -> bool {
        let is_next = match self.tokens.get(self.at) {
            Some(Token::Sign(sign)) => *sign == wanted,
            Some(Token::Word(word)) => word == wanted,
            _ => false,
        };
        self.at += usize::from(is_next);
        is_next
    }

    fn or(&mut self) -> Result<Read, String> {
        let mut left = self.and()?;
        while self.takes("or") {
            left = both(&left, "||", &self.and()?);
        }
        Ok(left)
    }

    fn and(&mut self) -> Result<Read, String> {
        let mut left = self.comparison()?;
        while self.takes("and") {
            left = both(&left, "&&", &self.comparison()?);
        }
        Ok(left)
    }

    fn comparison(&mut self) -> Result<Read, String> {
        let left = self.term()?;
        let operators = ["==", "!=", "<=", ">=", "<", ">"];
        let Some(operator) = operators.into_iter().find(|operator| self.takes(operator)) else {
            return Ok(left);
        };
        let right = self.term()?;
        let (a, b) = (&left.written, &right.written);
        let written = match operator {
            "==" => format!("equal({a}, {b})"),
            "!=" => format!("!equal({a}, {b})"),
            _ if !left.is_number && !right.is_number => {
                return Err(format!("{operator} is translated only beside a number"));
            }
            _ => format!("order({a}, {b}) {operator} 0"),
        };
        Ok(Read { written, is_number: false })
    }

    fn term(&mut self) -> Result<Read, String> {
        let other = |written: String| Ok(Read { written, is_number: false });
        match self.next() {
            Some(Token::Sign("(")) => {
                self.depth += 1;
                if self.depth > DEEPEST {
                    return Err(format!("more than {DEEPEST} parentheses within each other"));
                }
                let inner = self.or()?;
                self.depth -= 1;
                if !self.takes(")") {
                    return Err("a parenthesis has no end that is translated".into());
                }
                // It is only ever put between parentheses.
                Ok(inner)
            }
            Some(Token::Sign(".")) => self.path(),
            Some(Token::Sign("-")) => match self.next() {
                Some(Token::Number(digits)) => number(&format!("-{digits}")),
                _ => Err("- is translated only before a number".into()),
            },
            Some(Token::Number(digits)) => number(&digits),
            Some(Token::Text(text)) => other(format!("\"s\" + {text}")),
            Some(Token::Word(word)) if ["true", "false", "null"].contains(&&*word) => other(word),
            Some(Token::Name(name)) => other(format!("s.bare({})", quoted(&name))),
            Some(token) => Err(format!("{} is not translated", token.shown())),
            None => Err("it ends too early".into()),
        }
    }

    /// What follows the first dot: `.`, `.a.b[0]`, `.["a"]`, `."a"`.
    fn path(&mut self) -> Result<Read, String> {
        let mut steps = Vec::new();
        let mut after_dot = true;
        loop {
            match self.tokens.get(self.at) {
                Some(Token::Word(word)) if after_dot && !is_operator(word) => {
                    steps.push(quoted(word))
                }
                Some(Token::Text(text)) if after_dot => steps.push(text.clone()),
                Some(Token::Sign("[")) => {
                    steps.push(self.index()?);
                    after_dot = false;
                    continue;
                }
                Some(Token::Sign(".")) if !after_dot => {
                    self.at += 1;
                    after_dot = true;
                    continue;
                }
                _ if after_dot && !steps.is_empty() => return Err("a path ends with a dot".into()),
                _ => break,
            }
            self.at += 1;
            after_dot = false;
        }
        Ok(Read { written: format!("m.at({})", steps.join(", ")), is_number: false })
    }

    /// `[0]`, `[-1]` or `["a"]`.
    fn index(&mut self) -> Result<String, String> {
        self.at += 1;
        let is_negative = self.takes("-");
        let step = match self.next() {
            Some(Token::Number(digits)) if digits.parse::<u32>().is_ok() => {
                let digits = digits.trim_start_matches('0');
                let digits = if digits.is_empty() { "0" } else { digits };
                format!("{}{digits}", if is_negative { "-" } else { "" })
            }
            Some(Token::Text(text)) if !is_negative => text,
            _ => return Err("only an index or a name is translated between brackets".into()),
        };
        if self.takes("]") {
            Ok(step)
        } else {
            Err("only [0] and [\"name\"] are translated".into())
        }
    }
}

fn is_operator(word: &str) -> bool {
    ["and", "or"].contains(&word)
}

fn both(left: &Read, operator: &str, right: &Read) -> Read {
    let written = format!("(isTrue({}) {operator} isTrue({}))", left.written, right.written);
    Read { written, is_number: false }
}

fn number(digits: &str) -> Result<Read, String> {
    let significant = digits.bytes().filter(u8::is_ascii_digit).count();
    if significant > EXACT || serde_json::from_str::<serde_json::Number>(digits).is_err() {
        return Err(format!("the number {digits} is not one that JavaScript has exactly"));
    }
    Ok(Read { written: quoted(&format!("n{digits}")), is_number: true })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn translated(source: &str) -> Result<String, String> {
        query(&Template::parse(source).unwrap())
    }

    #[test]
    fn paths_and_comparisons_are_translated() {
        let cases = [
            (".", "m.at()"),
            (".a.b[0]", "m.at(\"a\", \"b\", 0)"),
            (".[-1].\"x y\"[\"z\"]", "m.at(-1, \"x y\", \"z\")"),
            (".a.[00]", "m.at(\"a\", 0)"),
            (".a == \"x\\n\"", "equal(m.at(\"a\"), \"s\" + \"x\\n\")"),
            (". != null", "!equal(m.at(), null)"),
            (".n>=-1.5", "order(m.at(\"n\"), \"n-1.5\") >= 0"),
            (
                ".a and (.b == 1 or true)",
                "(isTrue(m.at(\"a\")) && isTrue((isTrue(equal(m.at(\"b\"), \"n1\")) || isTrue(true))))",
            ),
            (".user == \"{{x}}!\"", "equal(m.at(\"user\"), \"s\" + s.text(\"x\") + \"!\")"),
            (".id == {{id}}", "equal(m.at(\"id\"), s.bare(\"id\"))"),
            (".a and .b", "(isTrue(m.at(\"a\")) && isTrue(m.at(\"b\")))"),
        ];
        for (source, expected) in cases {
            assert_eq!(translated(source).as_deref(), Ok(expected), "{source}");
        }
    }

    #[test]
    fn everything_else_is_refused() {
        let cases = [
            (".a | length", "| is not translated"),
            ("length", "length is not translated"),
            (".[]", "between brackets"),
            (".a[1:2]", ": is not translated"),
            (".a, .b", ", is not translated"),
            (".a?", "? is not translated"),
            (".a // 1", "// is not translated"),
            ("..", ".. is not translated"),
            (".a < .b", "only beside a number"),
            (".a == 12345678901234567", "12345678901234567 is not"),
            (".a == 1e5", "e5 is not translated"),
            ("\"\\(.a)\"", "the string"),
            (".a == .b == .c", "== is not translated"),
            (".a - 1", "- is not translated"),
            (".a not", "not is not translated"),
        ];
        for (source, expected) in cases {
            let refused = translated(source).unwrap_err();
            assert!(refused.contains(expected), "{source}: {refused}");
        }
        assert!(translated(&"(".repeat(100_000)).unwrap_err().contains("64 parentheses"));
    }
}
