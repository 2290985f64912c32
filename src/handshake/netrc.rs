//! Users and passwords in a netrc file, as ftp, curl and others read it. Crates for it keep one
//! user a host, or show passwords in their errors.

use super::{Credentials, Secret};

/// What a netrc file says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Netrc(Vec<Entry>);

#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Entry {
    /// The host; none for `default`.
    machine: Option<String>,
    login: Option<String>,
    password: Secret,
}

impl Netrc {
    /// Reads the text of a file.
    ///
    /// # Errors
    /// The number of a line and what is wrong there, without its words: they may be secret.
    pub fn parse(text: &str) -> Result<Netrc, (usize, &'static str)> {
        let mut entries: Vec<Entry> = Vec::new();
        let mut tokens = Tokens::new(text);
        while let Some(token) = tokens.next()? {
            let keyword = token.to_ascii_lowercase();
            match keyword.as_str() {
                "machine" => {
                    entries.push(Entry { machine: Some(tokens.value()?), ..Entry::default() })
                }
                "default" => entries.push(Entry::default()),
                "login" | "password" | "account" => {
                    let value = tokens.value()?;
                    let entry =
                        entries.last_mut().ok_or((tokens.line, "there is no machine before it"))?;
                    match keyword.as_str() {
                        "login" => entry.login = Some(value),
                        "password" => entry.password = Secret(value),
                        // Nothing but ftp has accounts.
                        _ => {}
                    }
                }
                "macdef" => tokens.skip_macro(),
                _ => return Err((tokens.line, "machine, default, login or password is missing")),
            }
        }
        Ok(Netrc(entries))
    }

    /// Who we are at a host, or as that user there.
    pub fn credentials(&self, host: &str, user: Option<&str>) -> Option<Credentials> {
        let fits = |entry: &&Entry| {
            entry.machine.as_ref().is_none_or(|machine| machine.eq_ignore_ascii_case(host))
                && user.is_none_or(|user| entry.login.as_deref().is_none_or(|login| login == user))
        };
        let entry = self.0.iter().find(fits)?;
        let login = user.or(entry.login.as_deref())?;
        Some(Credentials { user: login.to_owned(), password: entry.password.clone() })
    }

    /// The same without what is for every host that is not named.
    pub fn without_default(&self) -> Netrc {
        Netrc(self.0.iter().filter(|entry| entry.machine.is_some()).cloned().collect())
    }
}

/// Words between white space; quotation marks hold one together.
struct Tokens<'a> {
    rest: &'a str,
    line: usize,
}

impl<'a> Tokens<'a> {
    fn new(text: &'a str) -> Self {
        Tokens { rest: text.trim_start_matches('\u{feff}'), line: 1 }
    }

    fn next(&mut self) -> Result<Option<String>, (usize, &'static str)> {
        loop {
            let trimmed = self.rest.trim_start();
            self.pass(self.rest.len() - trimmed.len());
            match trimmed.chars().next() {
                None => return Ok(None),
                Some('#') => self.pass(trimmed.find('\n').unwrap_or(trimmed.len())),
                Some('"') => return self.quoted().map(Some),
                Some(_) => {
                    let end = trimmed.find(char::is_whitespace).unwrap_or(trimmed.len());
                    self.pass(end);
                    return Ok(Some(trimmed[..end].to_owned()));
                }
            }
        }
    }

    fn value(&mut self) -> Result<String, (usize, &'static str)> {
        let line = self.line;
        // A value may begin with #.
        let trimmed = self.rest.trim_start();
        if trimmed.starts_with('#') {
            let end = trimmed.find(char::is_whitespace).unwrap_or(trimmed.len());
            self.pass(self.rest.len() - trimmed.len() + end);
            return Ok(trimmed[..end].to_owned());
        }
        self.next()?.ok_or((line, "a value is missing"))
    }

    fn quoted(&mut self) -> Result<String, (usize, &'static str)> {
        let mut value = String::new();
        let mut characters = self.rest.char_indices().skip(1);
        while let Some((at, character)) = characters.next() {
            match character {
                '"' => {
                    self.pass(at + 1);
                    return Ok(value);
                }
                '\\' => value.push(match characters.next() {
                    Some((_, 'n')) => '\n',
                    Some((_, 'r')) => '\r',
                    Some((_, 't')) => '\t',
                    Some((_, other)) => other,
                    None => break,
                }),
                '\n' => break,
                other => value.push(other),
            }
        }
        Err((self.line, "a quotation mark is missing"))
    }

    /// A macro goes on to the next empty line.
    fn skip_macro(&mut self) {
        let end = self.rest.find("\n\n").or(self.rest.find("\n\r\n"));
        self.pass(end.unwrap_or(self.rest.len()));
    }

    fn pass(&mut self, bytes: usize) {
        let (passed, rest) = self.rest.split_at(bytes);
        self.line += passed.matches('\n').count();
        self.rest = rest;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_has_a_user_and_a_password() {
        let text = "\
# a comment
machine a.example login me password secret
machine b.example
    login \"two words\"
    account x
    password \"a \\\"b\\\" \\\\\"
macdef init
machine no.example login x password y

machine c.example login one password 1
machine c.example login two password #2
default login anonymous password guest
";
        let netrc = Netrc::parse(text).unwrap();
        let cases = [
            ("A.example", None, "me", "secret"),
            ("b.example", None, "two words", "a \"b\" \\"),
            ("c.example", None, "one", "1"),
            ("c.example", Some("two"), "two", "#2"),
            ("no.example", None, "anonymous", "guest"),
            ("a.example", Some("anonymous"), "anonymous", "guest"),
        ];
        for (host, user, login, password) in cases {
            let expected = Some(Credentials::new(login.into(), password.into()));
            assert_eq!(netrc.credentials(host, user), expected, "{host} {user:?}");
        }
        assert_eq!(netrc.credentials("a.example", Some("other")), None);
        let named = netrc.without_default();
        assert_eq!(named.credentials("no.example", None), None);
        assert!(named.credentials("a.example", None).is_some());
        let only_password = Netrc::parse("machine h password p").unwrap();
        let expected = Some(Credentials::new("me".into(), "p".into()));
        assert_eq!(only_password.credentials("h", Some("me")), expected);
        assert_eq!(only_password.credentials("h", None), None);
    }

    #[test]
    fn what_is_wrong_is_told_by_its_line_and_not_shown() {
        let cases = [
            ("login me", 1, "no machine"),
            ("machine h\nlogin", 2, "a value is missing"),
            ("machine h login me password secret words", 1, "is missing"),
            ("\n\nmachine h password \"secret", 3, "quotation mark"),
        ];
        for (text, line, what) in cases {
            let (at, said) = Netrc::parse(text).expect_err(text);
            assert_eq!(at, line, "{text:?}");
            assert!(said.contains(what), "{said}");
        }
    }
}
