//! Redirects of the opening handshake (RFC 6455 section 4.1, RFC 9110 section 15.4): where to, and
//! whether we go there.

use hyper::header::LOCATION;
use hyper::http::response;
use thiserror::Error;
use url::Url;

use super::{Location, Target, TargetError};

/// How redirects are followed, with `-L`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Redirects {
    /// `--max-redirs`: how many in a row; without it, any number.
    pub most: Option<u64>,
    /// `--allow-downgrade`: from wss:// to ws:// too.
    pub downgrade: bool,
}

/// A redirect that is not followed.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum RedirectFault {
    /// There were too many before it.
    #[error("more than {most} redirects, the last one to {to}")]
    TooMany {
        /// How many there may be.
        most: u64,
        /// Where to.
        to: String,
    },
    /// It leads from wss:// to ws://.
    #[error("redirected from {from} to {to}, which is not encrypted")]
    Downgrade {
        /// Where from.
        from: String,
        /// Where to.
        to: String,
    },
    /// It leads nowhere.
    #[error("redirected from {from} by Location {to:?}: {why}")]
    Target {
        /// Where from.
        from: String,
        /// Where to.
        to: String,
        /// What is wrong with it.
        why: String,
    },
}

impl RedirectFault {
    /// The way out.
    pub fn hint(&self) -> &'static str {
        match self {
            RedirectFault::TooMany { .. } => {
                "is it a loop? -v shows each; --max-redirs N allows more"
            }
            RedirectFault::Downgrade { .. } => {
                "whatever is sent there can be read on the way; --allow-downgrade goes there"
            }
            RedirectFault::Target { .. } => {
                "the server has to say where else it is, with ws://, wss://, http:// or https://"
            }
        }
    }
}

/// Where an answer leads to; nothing if it is no redirect that leads anywhere.
pub fn leads_to(answer: &response::Parts) -> Option<&[u8]> {
    let is_redirect = matches!(answer.status.as_u16(), 301 | 302 | 303 | 307 | 308);
    answer.headers.get(LOCATION).filter(|_| is_redirect).map(|value| value.as_bytes())
}

impl Redirects {
    /// The location that a server at `from` sends us to by `to`, after `followed` redirects.
    ///
    /// # Errors
    /// Why we do not go there.
    pub fn next(
        &self,
        from: &Location,
        to: &[u8],
        followed: u64,
    ) -> Result<Location, RedirectFault> {
        let next = resolve(from, to)?;
        let to = next.url();
        if from.secure && !next.secure && !self.downgrade {
            return Err(RedirectFault::Downgrade { from: from.url(), to });
        }
        match self.most {
            Some(most) if followed >= most => Err(RedirectFault::TooMany { most, to }),
            _ => Ok(next),
        }
    }
}

/// RFC 3986 section 5; the base is a URL for HTTP, as redirects know them.
fn resolve(from: &Location, to: &[u8]) -> Result<Location, RedirectFault> {
    let to = String::from_utf8_lossy(to);
    let wrong = |why: String| {
        let to = super::target::without_userinfo(&to);
        RedirectFault::Target { from: from.url(), to, why }
    };
    let mut url = Url::parse(&from.http_url())
        .and_then(|base| base.join(&to))
        .map_err(|error| wrong(error.to_string()))?;
    if !["http", "https", "ws", "wss"].contains(&url.scheme()) {
        return Err(wrong(format!("the URL scheme {}: is not one for WebSocket", url.scheme())));
    }
    // It is for browsers: RFC 6455 section 3 knows none.
    url.set_fragment(None);
    let mut next = match Target::parse(url.as_str()) {
        Ok(Target::Server(next)) => next,
        Ok(Target::Echo) => return Err(wrong("it names no server".into())),
        Err(TargetError::Malformed { why, .. }) => return Err(wrong(why)),
        Err(error) => return Err(wrong(error.to_string())),
    };
    if next.has_origin_of(from) {
        next.socket.clone_from(&from.socket);
        next.credentials = next.credentials.or_else(|| from.credentials.clone());
    }
    Ok(next)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn location(url: &str) -> Location {
        match Target::parse(url) {
            Ok(Target::Server(location)) => location,
            other => panic!("{url}: {other:?}"),
        }
    }

    const PLAIN: Redirects = Redirects { most: Some(50), downgrade: false };

    #[test]
    fn a_redirect_leads_to_a_websocket_url() {
        let cases = [
            ("ws://h/a/b?c", "d", "ws://h/a/d"),
            ("ws://h/a/b?c", "/d?e#f", "ws://h/d?e"),
            ("ws://h:9/a", "?x", "ws://h:9/a?x"),
            ("ws://h/", "//other:8/x", "ws://other:8/x"),
            ("ws://h/", "http://other", "ws://other/"),
            ("ws://h/", "https://other/", "wss://other/"),
            ("ws://h/", "wss://h/", "wss://h/"),
            ("wss://h/", "/x", "wss://h/x"),
            ("ws+unix:///s:/a", "/b", "ws+unix:///s:/b"),
            ("ws+unix:///s:/a", "http://other/b", "ws://other/b"),
        ];
        for (from, to, expected) in cases {
            let next = PLAIN.next(&location(from), to.as_bytes(), 0).expect(to);
            assert_eq!(next.url(), expected, "{from} {to}");
        }
    }

    #[test]
    fn what_leads_nowhere_or_too_far_is_not_followed() {
        let cases = [
            (
                "wss://h/",
                "ws://h/",
                0,
                "redirected from wss://h/ to ws://h/, which is not encrypted",
            ),
            ("wss://h/", "http://h/", 0, "not encrypted"),
            ("ws://h/", "/x", 50, "more than 50 redirects, the last one to ws://h/x"),
            ("ws://h/", "ftp://h/", 0, "the URL scheme ftp: is not one for WebSocket"),
            ("ws://h/", "echo:", 0, "the URL scheme echo:"),
            ("ws://h/", "ws+unix:///run/x:/", 0, "the URL scheme ws+unix:"),
            ("ws://h/", "http://me:secret@h:99999/", 0, "(redacted)@h:99999"),
            ("ws://h/", "ws://\u{9b}2J\u{202e}/", 0, r#"by Location "ws://\u{9b}2J\u{202e}/": "#),
            ("ws://h/", "http://", 0, "redirected from ws://h/ by Location \"http://\": "),
        ];
        for (from, to, followed, expected) in cases {
            let fault = PLAIN.next(&location(from), to.as_bytes(), followed).expect_err(to);
            assert!(fault.to_string().contains(expected), "{fault}");
            assert!(!fault.to_string().contains("secret"), "{fault}");
        }
        let lax = Redirects { most: None, downgrade: true };
        let next = lax.next(&location("wss://h/"), b"ws://h/", 1_000_000).unwrap();
        assert_eq!(next.url(), "ws://h/");
    }

    #[test]
    fn credentials_of_the_url_stay_at_their_origin() {
        let from = location("ws://me:pass@h/");
        for (to, stay) in
            [("/x", true), ("http://h:80/x", true), ("//h:81/", false), ("wss://h/", false)]
        {
            let next = PLAIN.next(&from, to.as_bytes(), 0).unwrap();
            assert_eq!(next.credentials.is_some(), stay, "{to}");
        }
        let own = PLAIN.next(&from, b"http://you:too@other/", 0).unwrap();
        assert_eq!(own.credentials.unwrap().user, "you");
    }
}
