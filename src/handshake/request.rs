//! The request of the opening handshake (RFC 6455 section 4.1).

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use hyper::header::{
    AUTHORIZATION, CONNECTION, COOKIE, HOST, HeaderMap, HeaderName, HeaderValue, ORIGIN,
    PROXY_AUTHORIZATION, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_PROTOCOL, SEC_WEBSOCKET_VERSION, UPGRADE,
    USER_AGENT,
};
use tokio_tungstenite::tungstenite::handshake::client::generate_key;

use super::{Location, Target};

/// A text that is never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(pub String);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("(redacted)")
    }
}

/// User and password for HTTP's Basic scheme.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Credentials {
    /// The user.
    pub user: String,
    /// The password.
    pub password: Secret,
}

/// A user as typed, with a password or without one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Login {
    /// The user.
    pub user: String,
    /// The password.
    pub password: Option<Secret>,
}

impl Login {
    /// Reads `user:password`, or `user` alone.
    pub fn parse(typed: &str) -> Self {
        let (user, password) = match typed.split_once(':') {
            Some((user, password)) => (user, Some(Secret(password.into()))),
            None => (typed, None),
        };
        Login { user: user.into(), password }
    }
}

impl Credentials {
    /// A user and a password.
    pub fn new(user: String, password: String) -> Self {
        Credentials { user, password: Secret(password) }
    }

    fn header(&self) -> HeaderValue {
        let basic = BASE64.encode(format!("{}:{}", self.user, self.password.0));
        let mut value = HeaderValue::from_str(&format!("Basic {basic}"))
            .expect("base64 is a valid header value");
        value.set_sensitive(true);
        value
    }
}

/// One `-H`, as curl understands it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HeaderLine {
    /// `Name: value`, or `Name;` for an empty value.
    Set(HeaderName, HeaderValue),
    /// `Name:` takes a header away.
    Remove(HeaderName),
}

impl HeaderLine {
    /// Reads what was typed.
    ///
    /// # Errors
    /// A line that is no header.
    pub fn parse(typed: &str) -> Result<HeaderLine, String> {
        let wrong = |what: &str| format!("{what}; a header looks like 'Name: value'");
        let name = |text: &str| {
            HeaderName::from_bytes(text.trim().as_bytes())
                .map_err(|_| wrong(&format!("{:?} is not a header name", text.trim())))
        };
        if let Some((before, after)) = typed.split_once(':') {
            let after = after.trim();
            if after.is_empty() {
                return Ok(HeaderLine::Remove(name(before)?));
            }
            let mut value = HeaderValue::from_bytes(after.as_bytes())
                .map_err(|_| wrong("the value contains a control character"))?;
            let name = name(before)?;
            value.set_sensitive([AUTHORIZATION, PROXY_AUTHORIZATION, COOKIE].contains(&name));
            return Ok(HeaderLine::Set(name, value));
        }
        match typed.trim_end().strip_suffix(';') {
            Some(before) => Ok(HeaderLine::Set(name(before)?, HeaderValue::from_static(""))),
            None => Err(wrong("there is no colon")),
        }
    }
}

/// What a request says besides its target.
#[derive(Clone, Debug, Default)]
pub struct Request {
    /// `-H`, in order.
    pub headers: Vec<HeaderLine>,
    /// `--origin`.
    pub origin: Option<HeaderValue>,
    /// `--subprotocol`, in order of preference.
    pub subprotocols: Vec<String>,
    /// `-A`; without one, our own name and version.
    pub user_agent: Option<HeaderValue>,
    /// `-u`.
    pub credentials: Option<Credentials>,
    /// `--oauth2-bearer`: the whole value of the header.
    pub bearer: Option<HeaderValue>,
}

impl Request {
    /// The headers of the request to `location`, with a fresh key. What `-H` says comes last and
    /// takes the place of what we would say.
    pub fn headers_for(&self, location: &Location) -> HeaderMap {
        let mut headers = HeaderMap::new();
        let value = |text: &str| HeaderValue::from_str(text).expect("a host is a header value");
        headers.insert(HOST, value(&location.host_header()));
        headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
        headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
        headers.insert(SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13"));
        headers.insert(SEC_WEBSOCKET_KEY, value(&generate_key()));
        headers.insert(USER_AGENT, self.user_agent());
        if let Some(origin) = &self.origin {
            headers.insert(ORIGIN, origin.clone());
        }
        if !self.subprotocols.is_empty() {
            headers.insert(SEC_WEBSOCKET_PROTOCOL, value(&self.subprotocols.join(", ")));
        }
        if let Some(bearer) = &self.bearer {
            headers.insert(AUTHORIZATION, bearer.clone());
        } else if let Some(credentials) =
            self.credentials.as_ref().or(location.credentials.as_ref())
        {
            headers.insert(AUTHORIZATION, credentials.header());
        }
        apply(&self.headers, &mut headers);
        headers
    }

    /// The headers of a request to a proxy for a tunnel to `to`. What `--proxy-header` says comes last.
    pub fn headers_for_proxy(
        &self,
        to: &str,
        credentials: Option<&Credentials>,
        lines: &[HeaderLine],
    ) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(HOST, HeaderValue::from_str(to).expect("a host is a header value"));
        headers.insert(USER_AGENT, self.user_agent());
        if let Some(credentials) = credentials {
            headers.insert(PROXY_AUTHORIZATION, credentials.header());
        }
        apply(lines, &mut headers);
        headers
    }

    fn user_agent(&self) -> HeaderValue {
        let own = concat!(env!("CARGO_PKG_NAME"), "/", env!("CARGO_PKG_VERSION"));
        self.user_agent.clone().unwrap_or(HeaderValue::from_static(own))
    }

    /// The subprotocols that this request offers, one given by `-H` included.
    pub fn offered(headers: &HeaderMap) -> Vec<String> {
        headers
            .get_all(SEC_WEBSOCKET_PROTOCOL)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(|list| list.split(','))
            .map(|name| name.trim().to_owned())
            .collect()
    }

    /// The URL of a target as it is shown.
    pub fn shown_url(target: &Target) -> String {
        match target {
            Target::Echo => "echo:".into(),
            Target::Server(location) => location.url(),
        }
    }
}

/// Does what header lines say to headers that would be sent without them.
fn apply(lines: &[HeaderLine], headers: &mut HeaderMap) {
    let mut replaced = Vec::new();
    for line in lines {
        match line {
            HeaderLine::Remove(name) => {
                headers.remove(name);
            }
            HeaderLine::Set(name, value) if replaced.contains(&name) => {
                headers.append(name, value.clone());
            }
            HeaderLine::Set(name, value) => {
                headers.insert(name, value.clone());
                replaced.push(name);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(lines: &[&str]) -> HeaderMap {
        let Ok(Target::Server(location)) = Target::parse("ws://me:pass@host:9/x") else {
            panic!("no server")
        };
        let headers = lines.iter().map(|line| HeaderLine::parse(line).unwrap()).collect();
        let subprotocols = vec!["a".into(), "b".into()];
        Request { headers, subprotocols, ..Request::default() }.headers_for(&location)
    }

    #[test]
    fn the_request_has_what_section_4_1_asks_for() {
        let headers = headers(&[]);
        let expected = [
            ("host", "host:9"),
            ("connection", "Upgrade"),
            ("upgrade", "websocket"),
            ("sec-websocket-version", "13"),
            ("sec-websocket-protocol", "a, b"),
            ("authorization", "Basic bWU6cGFzcw=="),
        ];
        for (name, value) in expected {
            assert_eq!(headers[name], value, "{name}");
        }
        assert_eq!(BASE64.decode(&headers["sec-websocket-key"]).unwrap().len(), 16);
        assert!(headers["authorization"].is_sensitive());
        assert_eq!(Request::offered(&headers), ["a", "b"]);
    }

    #[test]
    fn header_lines_set_repeat_empty_and_remove() {
        let headers = headers(&[
            "X-A: 1",
            "x-a: 2",
            "X-Empty;",
            "Host: other",
            "User-Agent:",
            "Sec-WebSocket-Protocol: c",
        ]);
        assert_eq!(headers.get_all("x-a").iter().collect::<Vec<_>>(), ["1", "2"]);
        assert_eq!(headers["x-empty"], "");
        assert_eq!(headers["host"], "other");
        assert!(!headers.contains_key("user-agent"));
        assert_eq!(Request::offered(&headers), ["c"]);
    }

    #[test]
    fn a_line_that_is_no_header_is_refused() {
        for line in ["", "novalue", "a b: c", ": x", "X: a\r\nY: b", "ä: x"] {
            assert!(HeaderLine::parse(line).is_err(), "{line:?}");
        }
    }
}
