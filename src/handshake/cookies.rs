//! Cookies (RFC 6265), by cookie_store, and their Netscape file format, which curl and others share.
//! Files are read and written elsewhere; the clock is cookie_store's.

use std::fmt;

use cookie_store::{CookieDomain, CookieExpiration, CookieStore, RawCookie};
use hyper::header::{HeaderMap, SET_COOKIE};
use time::OffsetDateTime;
use url::Url;

use super::Location;

/// What the first line of a file says.
const TITLE: &str = "# Netscape HTTP Cookie File\n";
/// What stands before the domain of a cookie that is not for scripts.
const HTTP_ONLY: &str = "#HttpOnly_";

/// Cookies, and the hosts that they are for.
#[derive(Clone, Default)]
pub struct Jar(CookieStore);

impl fmt::Debug for Jar {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("(redacted)")
    }
}

impl Jar {
    /// Reads a file: cookies in the Netscape format, or Set-Cookie headers for `location`.
    ///
    /// # Errors
    /// The number of the first line that is neither.
    pub fn add(&mut self, text: &str, location: Option<&Location>) -> Result<(), usize> {
        for (number, line) in text.lines().enumerate() {
            let line = line.trim_end_matches('\r');
            let cookie = line.strip_prefix(HTTP_ONLY);
            if line.trim().is_empty() || cookie.is_none() && line.starts_with('#') {
                continue;
            }
            if let (None, Some(value)) = (cookie, set_cookie(line)) {
                if let Some(location) = location {
                    self.set(value, location);
                }
                continue;
            }
            let http_only = cookie.is_some();
            let (cookie, url) = netscape(cookie.unwrap_or(line), http_only).ok_or(number + 1)?;
            // One that has expired, or is for nobody, is not kept.
            let _ = self.0.insert_raw(&cookie, &url);
        }
        Ok(())
    }

    /// Takes the cookies of an answer.
    pub fn take(&mut self, location: &Location, answer: &HeaderMap) {
        for value in answer.get_all(SET_COOKIE) {
            if let Ok(value) = value.to_str() {
                self.set(value, location);
            }
        }
    }

    /// The cookies for a request, as the header has them, the longest path first (section 5.4).
    pub fn header(&self, location: &Location) -> Option<String> {
        let url = url(location)?;
        let mut cookies = self.0.matches(&url);
        cookies.sort_by_key(|cookie| std::cmp::Reverse(cookie.path.len()));
        let pairs: Vec<_> =
            cookies.iter().map(|cookie| format!("{}={}", cookie.name(), cookie.value())).collect();
        if pairs.is_empty() { None } else { Some(pairs.join("; ")) }
    }

    /// The text of a file with all of them.
    pub fn to_netscape(&self) -> String {
        let lines = self.0.iter_unexpired().map(|cookie| {
            let (domain, with_subdomains) = match &cookie.domain {
                CookieDomain::Suffix(domain) => (format!(".{domain}"), true),
                CookieDomain::HostOnly(host) => (host.clone(), false),
                CookieDomain::NotPresent | CookieDomain::Empty => return String::new(),
            };
            let expires = match &cookie.expires {
                CookieExpiration::AtUtc(at) => at.unix_timestamp(),
                CookieExpiration::SessionEnd => 0,
            };
            let mark = if cookie.http_only() == Some(true) { HTTP_ONLY } else { "" };
            let yes = |is: bool| if is { "TRUE" } else { "FALSE" };
            format!(
                "{mark}{domain}\t{}\t{}\t{}\t{expires}\t{}\t{}\n",
                yes(with_subdomains),
                &*cookie.path,
                yes(cookie.secure() == Some(true)),
                cookie.name(),
                cookie.value(),
            )
        });
        TITLE.to_owned() + &lines.collect::<String>()
    }

    /// Takes one cookie; one that may not be set is not taken (section 5.3).
    fn set(&mut self, value: &str, location: &Location) {
        let Ok(cookie) = RawCookie::parse(value) else { return };
        let host = location.host.to_string();
        // Nobody owns a whole top-level domain.
        let too_wide = |domain: &str| !domain.trim_matches('.').contains('.') && domain != host;
        // Control characters would break the header that it goes back in, and the file.
        if value.chars().any(char::is_control) || cookie.domain().is_some_and(too_wide) {
            return;
        }
        if let Some(url) = url(location)
            && (location.secure || !self.has_secure(cookie.name(), &url))
        {
            let _ = self.0.insert_raw(&cookie, &url);
        }
    }

    /// Whether there is one of that name which only came, and only goes, where nobody can read it.
    fn has_secure(&self, name: &str, url: &Url) -> bool {
        self.0.iter_unexpired().any(|known| {
            known.name() == name && known.secure() == Some(true) && known.domain.matches(url)
        })
    }
}

/// The value of a Set-Cookie header.
fn set_cookie(line: &str) -> Option<&str> {
    let (name, value) = line.split_once(':')?;
    name.eq_ignore_ascii_case("set-cookie").then(|| value.trim())
}

/// A line of the Netscape format, and a URL that its cookie is for.
fn netscape(line: &str, http_only: bool) -> Option<(RawCookie<'_>, Url)> {
    let fields: Vec<_> = line.split('\t').collect();
    let [domain, with_subdomains, path, secure, expires, name, ..] = fields[..] else {
        return None;
    };
    let value = fields.get(6).copied().unwrap_or_default();
    if fields.len() > 7 || name.is_empty() {
        return None;
    }
    let host = domain.trim_start_matches('.');
    let url = Url::parse(&format!("https://{host}/")).ok()?;
    let mut cookie = RawCookie::build((name, value)).path(path).http_only(http_only);
    if with_subdomains.eq_ignore_ascii_case("TRUE") {
        cookie = cookie.domain(host);
    }
    let expires: i64 = expires.parse().ok()?;
    if expires != 0 {
        cookie = cookie.expires(OffsetDateTime::from_unix_timestamp(expires).ok()?);
    }
    Some((cookie.secure(secure.eq_ignore_ascii_case("TRUE")).build(), url))
}

fn url(location: &Location) -> Option<Url> {
    Url::parse(&location.http_url()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::handshake::Target;
    use hyper::header::HeaderValue;

    fn location(url: &str) -> Location {
        match Target::parse(url) {
            Ok(Target::Server(location)) => location,
            other => panic!("{url}: {other:?}"),
        }
    }

    fn answer(cookies: &[&str]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for cookie in cookies {
            headers.append(SET_COOKIE, HeaderValue::from_str(cookie).unwrap());
        }
        headers
    }

    #[test]
    fn cookies_go_back_to_where_they_are_from() {
        let mut jar = Jar::default();
        let cookies = [
            "host=1",
            "wide=2; Domain=example.org",
            "deep=3; Path=/a/b",
            "safe=4; Secure",
            "gone=5; Max-Age=0",
            "foreign=6; Domain=other.org",
            "org=7; Domain=org",
            "late=8; Max-Age=1000; HttpOnly",
            "=9",
            "bad=1\t2",
        ];
        jar.take(&location("wss://www.example.org/a"), &answer(&cookies));
        jar.take(&location("ws://www.example.org/"), &answer(&["safe=open", "host=1"]));
        let cases = [
            ("wss://www.example.org/", Some("host=1; safe=4; late=8; wide=2")),
            ("ws://www.example.org/a/b/c", Some("deep=3; host=1; late=8; wide=2")),
            ("ws://api.example.org/", Some("wide=2")),
            ("ws://other.org/", None),
        ];
        for (url, expected) in cases {
            assert_eq!(jar.header(&location(url)).as_deref(), expected, "{url}");
        }
    }

    #[test]
    fn a_file_keeps_what_is_in_a_jar() {
        let mut jar = Jar::default();
        let cookies =
            ["a=1", "b=2; Domain=example.org; Path=/x; Secure; HttpOnly", "c=; Max-Age=1000"];
        jar.take(&location("wss://www.example.org/"), &answer(&cookies));
        let text = jar.to_netscape();
        assert!(text.starts_with(TITLE));
        assert!(text.contains("www.example.org\tFALSE\t/\tFALSE\t0\ta\t1\n"), "{text}");
        assert!(text.contains("#HttpOnly_.example.org\tTRUE\t/x\tTRUE\t0\tb\t2\n"), "{text}");
        let mut again = Jar::default();
        again.add(&text, None).unwrap();
        assert_eq!(again.to_netscape(), text);
    }

    #[test]
    fn a_file_is_cookies_or_headers() {
        let mut jar = Jar::default();
        let text = "# hello\n\nh\tFALSE\t/\tFALSE\t0\ta\t1\r\nSet-Cookie: b=2\nh\tTRUE\t/\tFALSE\t1\told\tx\n";
        jar.add(text, Some(&location("ws://h/"))).unwrap();
        assert_eq!(jar.header(&location("ws://h/")).as_deref(), Some("a=1; b=2"));
        for (text, line) in [("hello", 1), ("\nh\tFALSE\t/\tFALSE\tsoon\ta\t1", 2), ("a\tb", 1)] {
            assert_eq!(Jar::default().add(text, None), Err(line), "{text:?}");
        }
    }
}
