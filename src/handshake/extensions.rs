//! The list in Sec-WebSocket-Extensions (RFC 6455 section 9.1).

/// One extension with its parameters, none of them twice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Extension {
    /// Its name.
    pub name: String,
    /// Their names, and values without quotation marks.
    pub parameters: Vec<(String, Option<String>)>,
}

/// Reads a list.
///
/// # Errors
/// What is no list, or has a parameter twice.
pub fn extensions(list: &str) -> Result<Vec<Extension>, String> {
    let mut found = Vec::new();
    for element in split(list, ',')? {
        if element.is_empty() {
            continue;
        }
        let mut parts = split(element, ';')?.into_iter();
        let name = token(parts.next().unwrap_or_default())?.to_owned();
        let mut parameters: Vec<(String, Option<String>)> = Vec::new();
        for part in parts {
            let (name, value) = parameter(part)?;
            if parameters.iter().any(|(known, _)| *known == name) {
                return Err(format!("the parameter {name} comes twice"));
            }
            parameters.push((name, value));
        }
        found.push(Extension { name, parameters });
    }
    Ok(found)
}

fn parameter(text: &str) -> Result<(String, Option<String>), String> {
    let Some((name, value)) = text.split_once('=') else {
        return Ok((token(text)?.to_owned(), None));
    };
    let value = value.trim();
    let value = match value.strip_prefix('"') {
        None => token(value)?.to_owned(),
        // The value has to be a token once it is out of its quotation marks (RFC 6455 section 9.1).
        Some(quoted) => {
            let inner = quoted.strip_suffix('"').ok_or("a quotation mark is missing")?;
            token(&unescaped(inner))?.to_owned()
        }
    };
    Ok((token(name)?.to_owned(), Some(value)))
}

/// A quoted string's value (RFC 9110 section 5.6.4).
fn unescaped(quoted: &str) -> String {
    let mut escaped = false;
    let kept = quoted.chars().filter(|c| {
        escaped = !escaped && *c == '\\';
        !escaped
    });
    kept.collect()
}

/// RFC 9110 section 5.6.2.
fn token(text: &str) -> Result<&str, String> {
    let text = text.trim();
    let is_token = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
    if text.is_empty() || !text.chars().all(is_token) {
        return Err(format!("{text:?} is no name"));
    }
    Ok(text)
}

/// Parts between separators that stand in no quotation marks.
fn split(text: &str, separator: char) -> Result<Vec<&str>, String> {
    let (mut quoted, mut escaped) = (false, false);
    let parts = text.split(|c: char| {
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            _ => {}
        }
        c == separator && !quoted
    });
    let parts: Vec<_> = parts.map(str::trim).collect();
    if quoted { Err("a quotation mark is missing".into()) } else { Ok(parts) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_has_extensions_with_parameters() {
        let cases = [
            ("a", "a"),
            ("a, b;x", "a, b; x"),
            (" a ; x=1 ;y = \"2\" ,, b", "a; x=1; y=2, b"),
            ("a; x=\"\\1\\2\"", "a; x=12"),
            ("", ""),
        ];
        for (list, expected) in cases {
            let shown = |extension: &Extension| {
                let parameters = extension.parameters.iter().map(|(name, value)| match value {
                    Some(value) => format!("; {name}={value}"),
                    None => format!("; {name}"),
                });
                extension.name.clone() + &parameters.collect::<String>()
            };
            let got: Vec<_> = extensions(list).expect(list).iter().map(shown).collect();
            assert_eq!(got.join(", "), expected, "{list:?}");
        }
        let wrong = ["a b", "a; x=1; x=2", "a;", "a; =1", "a; x=", "a; x=\"1", "a; x=\"1,2\"", "ä"];
        for wrong in wrong.into_iter().chain(["a; x=\"1\\\\2\""]) {
            assert!(extensions(wrong).is_err(), "{wrong:?}");
        }
    }
}
