//! The request of the opening handshake (RFC 6455 section 4.1).

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use hyper::header::{
    AUTHORIZATION, CONNECTION, COOKIE, HOST, HeaderMap, HeaderName, HeaderValue, ORIGIN,
    PROXY_AUTHORIZATION, SEC_WEBSOCKET_EXTENSIONS, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_PROTOCOL,
    SEC_WEBSOCKET_VERSION, UPGRADE, USER_AGENT,
};
use tokio_tungstenite::tungstenite::handshake::client::generate_key;

use super::{Location, Netrc, Offer, Target};

/// A text that is never shown.
#[derive(Clone, Default, PartialEq, Eq)]
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
    /// The header's name.
    pub fn name(&self) -> &HeaderName {
        match self {
            HeaderLine::Set(name, _) | HeaderLine::Remove(name) => name,
        }
    }

    /// Reads what was typed.
    ///
    /// # Errors
    /// Why a line is no header, without its words: they may be secret.
    pub fn parse(typed: &str) -> Result<HeaderLine, String> {
        let name = |text: &str| {
            HeaderName::from_bytes(text.trim().as_bytes())
                .map_err(|_| "what stands before the colon is not a header's name".to_owned())
        };
        if let Some((before, after)) = typed.split_once(':') {
            let after = after.trim();
            if after.is_empty() {
                return Ok(HeaderLine::Remove(name(before)?));
            }
            let mut value = HeaderValue::from_bytes(after.as_bytes())
                .map_err(|_| "the value contains a control character".to_owned())?;
            let name = name(before)?;
            value.set_sensitive([AUTHORIZATION, PROXY_AUTHORIZATION, COOKIE].contains(&name));
            return Ok(HeaderLine::Set(name, value));
        }
        match typed.trim_end().strip_suffix(';') {
            Some(before) => Ok(HeaderLine::Set(name(before)?, HeaderValue::from_static(""))),
            None => Err("there is no colon".into()),
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
    /// `--netrc`, `--netrc-file`.
    pub netrc: Option<Netrc>,
    /// `--compress`.
    pub compress: Option<Offer>,
    /// `-b` with cookies themselves, as the header has them.
    pub cookies: Option<HeaderValue>,
}

impl Request {
    /// The same for another origin: without what only the first one may know (RFC 6454). Of a netrc file
    /// it hears what is there for its own host, but not if everybody on the way can read it.
    pub fn for_another_origin(&self, is_secure: bool) -> Request {
        let only_the_first = [AUTHORIZATION, PROXY_AUTHORIZATION, COOKIE, HOST];
        let is_for_all = |line: &&HeaderLine| !matches!(line, HeaderLine::Set(name, _) if only_the_first.contains(name));
        let headers = self.headers.iter().filter(is_for_all).cloned().collect();
        let netrc = self.netrc.as_ref().filter(|_| is_secure).map(Netrc::without_default);
        Request { headers, credentials: None, bearer: None, cookies: None, netrc, ..self.clone() }
    }

    /// The headers of the request to `location`, with a fresh key and these cookies of a jar. What
    /// `-H` says comes last and takes the place of what we would say.
    pub fn headers_for(&self, location: &Location, jar: Option<String>) -> HeaderMap {
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
        if let Some(offer) = &self.compress {
            headers.insert(SEC_WEBSOCKET_EXTENSIONS, value(&offer.to_string()));
        }
        let authorization = self.bearer.clone();
        if let Some(authorization) =
            authorization.or_else(|| Some(self.credentials_for(location)?.header()))
        {
            headers.insert(AUTHORIZATION, authorization);
        }
        if let Some(cookies) = self.cookies_with(jar) {
            headers.insert(COOKIE, cookies);
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

    /// Who we are there: `-u`, then netrc, then the URL.
    fn credentials_for(&self, location: &Location) -> Option<Credentials> {
        let of_url = location.credentials.as_ref();
        let known = || {
            let user = of_url.map(|url| url.user.as_str());
            self.netrc.as_ref()?.credentials(&location.host.to_string(), user)
        };
        self.credentials.clone().or_else(known).or_else(|| of_url.cloned())
    }

    fn cookies_with(&self, jar: Option<String>) -> Option<HeaderValue> {
        let given = self.cookies.as_ref().map(|given| given.as_bytes().to_vec());
        let parts: Vec<_> = jar.map(String::into_bytes).into_iter().chain(given).collect();
        // What a server wrote into a jar is no header if it has control characters.
        let mut value = HeaderValue::from_bytes(&parts.join(&b"; "[..])).ok()?;
        value.set_sensitive(true);
        (!parts.is_empty()).then_some(value)
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
        Request { headers, subprotocols, ..Request::default() }.headers_for(&location, None)
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
    fn another_origin_hears_no_secrets() {
        let lines = ["Authorization: x", "Cookie: a=b", "Host: other", "X-Own: 1", "User-Agent:"];
        let request = Request {
            headers: lines.map(|line| HeaderLine::parse(line).unwrap()).to_vec(),
            credentials: Some(Credentials::new("me".into(), "pass".into())),
            bearer: Some(HeaderValue::from_static("Bearer x")),
            cookies: Some(HeaderValue::from_static("c=d")),
            netrc: Some(Netrc::parse("machine h login l password p").unwrap()),
            ..Request::default()
        };
        let Ok(Target::Server(location)) = Target::parse("ws://h/") else { panic!("no server") };
        let own = request.headers_for(&location, Some("j=1".into()));
        assert_eq!(
            (&own["authorization"], &own["cookie"]),
            (&"x".parse().unwrap(), &"a=b".parse().unwrap())
        );
        let other = request.for_another_origin(true).headers_for(&location, Some("j=1".into()));
        let expected =
            [("authorization", "Basic bDpw"), ("cookie", "j=1"), ("host", "h"), ("x-own", "1")];
        for (name, value) in expected {
            assert_eq!(other[name], value, "{name}");
        }
        assert!(!other.contains_key("user-agent"));
        let open = request.for_another_origin(false).headers_for(&location, None);
        assert!(!open.contains_key("authorization"));
        let elsewhere = Location { host: url::Host::parse("other").unwrap(), ..location };
        let other = request.for_another_origin(true).headers_for(&elsewhere, None);
        assert!(!other.contains_key("authorization") && !other.contains_key("cookie"));
    }

    #[test]
    fn who_we_are_is_said_by_flag_then_file_then_url() {
        let Ok(Target::Server(location)) = Target::parse("ws://you:url@h/") else {
            panic!("no server")
        };
        let netrc = || Some(Netrc::parse("machine h login you password file").unwrap());
        let flag = || Some(Credentials::new("you".into(), "flag".into()));
        let cases = [(flag(), netrc(), "flag"), (None, netrc(), "file"), (None, None, "url")];
        for (credentials, netrc, expected) in cases {
            let request = Request { credentials, netrc, ..Request::default() };
            let expected = Credentials::new("you".into(), expected.into()).header();
            assert_eq!(request.headers_for(&location, None)["authorization"], expected);
        }
    }

    #[test]
    fn cookies_of_a_jar_come_before_those_that_are_given() {
        let Ok(Target::Server(location)) = Target::parse("ws://h/") else { panic!("no server") };
        let given = |text: &'static str| Some(HeaderValue::from_static(text));
        let cases = [
            (Some("a=1"), given("b=2"), Some("a=1; b=2")),
            (None, given("b=2"), Some("b=2")),
            (Some("a=1"), None, Some("a=1")),
            (None, None, None),
        ];
        for (jar, cookies, expected) in cases {
            let request = Request { cookies, ..Request::default() };
            let headers = request.headers_for(&location, jar.map(Into::into));
            let got = headers.get("cookie").map(|value| value.to_str().unwrap());
            assert_eq!(got, expected);
            assert!(headers.get("cookie").is_none_or(HeaderValue::is_sensitive));
        }
    }

    #[test]
    fn a_line_that_is_no_header_is_refused() {
        for line in ["", "novalue", "a b: c", ": x", "X: a\r\nY: b", "ä: x"] {
            assert!(HeaderLine::parse(line).is_err(), "{line:?}");
        }
    }
}
