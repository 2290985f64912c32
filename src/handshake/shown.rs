//! Headers as they are shown and recorded: with their names as they go over the wire, and with secrets
//! (redacted). The one rule for that; nothing is escaped here.

use std::borrow::Cow;

use hyper::Version;
use hyper::header::{HeaderMap, HeaderName, HeaderValue, LOCATION, SET_COOKIE};

use super::without_userinfo;

/// Stands for a secret.
const REDACTED: &str = "(redacted)";

/// The headers with what may be known of their values.
pub fn shown_headers(
    headers: &HeaderMap,
    version: Version,
) -> impl Iterator<Item = (String, Cow<'_, [u8]>)> {
    headers.iter().map(move |(name, value)| (header_name(name, version), shown(name, value)))
}

/// A header's name as it goes over the wire: HTTP/2 has them in lower case (RFC 9113 section 8.2).
pub fn header_name(name: &HeaderName, version: Version) -> String {
    let name = name.as_str();
    if version == Version::HTTP_2 {
        return name.to_owned();
    }
    let capital = |word: &str| word[..1].to_ascii_uppercase() + &word[1..];
    let words: Vec<_> = name
        .split('-')
        .map(|word| if word.is_empty() { String::new() } else { capital(word) })
        .collect();
    words.join("-")
}

fn shown<'a>(name: &HeaderName, value: &'a HeaderValue) -> Cow<'a, [u8]> {
    if value.is_sensitive() {
        Cow::Borrowed(REDACTED.as_bytes())
    } else if name == LOCATION && has_userinfo(value.as_bytes()) {
        Cow::Owned(without_userinfo(&String::from_utf8_lossy(value.as_bytes())).into_bytes())
    } else if name == SET_COOKIE {
        Cow::Owned(shown_cookie(value.as_bytes()))
    } else {
        Cow::Borrowed(value.as_bytes())
    }
}

/// A cookie's name and attributes; its value opens doors.
fn shown_cookie(value: &[u8]) -> Vec<u8> {
    let end = value.iter().position(|byte| *byte == b';').unwrap_or(value.len());
    let (pair, attributes) = value.split_at(end);
    let name = pair.iter().position(|byte| *byte == b'=').map_or(&[][..], |at| &pair[..=at]);
    [name, REDACTED.as_bytes(), attributes].concat()
}

/// Whether a URL, which may begin with its host, names a user.
fn has_userinfo(url: &[u8]) -> bool {
    let begin = url.windows(2).position(|two| two == b"//").map_or(url.len(), |at| at + 2);
    let authority = url[begin..].split(|byte| b"/?#".contains(byte)).next();
    authority.is_some_and(|authority| authority.contains(&b'@'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shown_of_a_header_is_no_secret() {
        let cases = [
            ("x-own", "a: b", "X-Own: a: b"),
            (
                "set-cookie",
                "id=s3cret; Path=/; Secure",
                "Set-Cookie: id=(redacted); Path=/; Secure",
            ),
            ("set-cookie", "s3cret", "Set-Cookie: (redacted)"),
            ("location", "ws://me:s3cret@h/x", "Location: ws://(redacted)@h/x"),
            ("location", "/x?mail=a@b", "Location: /x?mail=a@b"),
        ];
        for (name, value, expected) in cases {
            let mut headers = HeaderMap::new();
            headers.append(HeaderName::from_static(name), HeaderValue::from_static(value));
            let (name, value) = shown_headers(&headers, Version::HTTP_11).next().unwrap();
            assert_eq!(format!("{name}: {}", String::from_utf8_lossy(&value)), expected);
        }
        let mut headers = HeaderMap::new();
        let mut secret = HeaderValue::from_static("Basic s3cret");
        secret.set_sensitive(true);
        headers.append("authorization", secret);
        headers.append("x-a", HeaderValue::from_static("1"));
        headers.append("x-a", HeaderValue::from_static("2"));
        let shown: Vec<_> = shown_headers(&headers, Version::HTTP_2)
            .map(|(name, value)| (name, String::from_utf8_lossy(&value).into_owned()))
            .collect();
        let expected = [("authorization", "(redacted)"), ("x-a", "1"), ("x-a", "2")];
        assert_eq!(shown, expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
    }
}
