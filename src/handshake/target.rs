//! What a URL names (RFC 6455 section 3). Nothing is resolved here.

use std::path::PathBuf;

use percent_encoding::{AsciiSet, CONTROLS, percent_encode};
use thiserror::Error;
use url::{Host, Url};

use super::Credentials;
use crate::output::escape::one_line;

/// The longest path, with its query, that hyper takes.
const MAX_RESOURCE: usize = 65_000;
/// Characters of a URL that an error shows.
const SHOWN: usize = 200;
/// What stands for itself nowhere in the path of a socket.
const IN_SOCKET: &AsciiSet = &CONTROLS.add(b' ').add(b'%').add(b':');

/// What is connected to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// `echo:`, the echo server that is built in.
    Echo,
    /// A server on the network.
    Server(Location),
}

/// Where a server is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Location {
    /// The Unix socket that leads to it, in place of host and port.
    pub socket: Option<PathBuf>,
    /// Whether it is spoken to over TLS.
    pub secure: bool,
    /// A name or an address.
    pub host: Host,
    /// The port.
    pub port: u16,
    /// The path with its query, as it goes into the request line.
    pub resource: String,
    /// User and password, if the URL had them.
    pub credentials: Option<Credentials>,
}

/// Why a URL cannot be used.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum TargetError {
    /// It is no URL at all.
    #[error("malformed URL {url:?}: {why}")]
    Malformed {
        /// What was given, without a password.
        url: String,
        /// What is wrong with it.
        why: String,
    },
    /// What is to be a proxy is none.
    #[error("{}malformed proxy {proxy:?}: {why}", by.map(|by| format!("{by}: ")).unwrap_or_default())]
    Proxy {
        /// The variable that names it.
        by: Option<&'static str>,
        /// What was given, without a password.
        proxy: String,
        /// What is wrong with it.
        why: String,
    },
    /// Its scheme has nothing to do with WebSocket.
    #[error("the URL scheme {scheme}: is not one for WebSocket")]
    Scheme {
        /// The scheme.
        scheme: String,
    },
}

impl TargetError {
    /// The same, with the name of the variable that it was read from.
    pub(super) fn said_by(mut self, variable: &'static str) -> TargetError {
        if let TargetError::Proxy { by, .. } = &mut self {
            *by = Some(variable);
        }
        self
    }

    /// The way out.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            TargetError::Malformed { .. } => {
                Some("a URL looks like ws://host:port/path; echo: is the built-in echo server")
            }
            TargetError::Proxy { .. } => {
                Some("a proxy looks like http://host:port, https://…, socks5://… or socks5h://…")
            }
            TargetError::Scheme { .. } => {
                Some("use ws:// or wss:// (http:// and https:// are taken as these)")
            }
        }
    }
}

impl Target {
    /// Reads a URL as it is typed.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(typed: &str) -> Result<Target, TargetError> {
        if typed == "echo:" {
            return Ok(Target::Echo);
        }
        let (scheme, rest) = match typed.split_once("://") {
            Some((scheme, rest)) if is_scheme(scheme) => (scheme.to_ascii_lowercase(), rest),
            _ => ("ws".to_owned(), typed),
        };
        let malformed = |why: String| TargetError::Malformed { url: without_userinfo(typed), why };
        if scheme == "ws+unix" {
            return unix(rest).map(Target::Server).map_err(malformed);
        }
        let secure = match scheme.as_str() {
            "ws" | "http" => false,
            "wss" | "https" => true,
            _ => return Err(TargetError::Scheme { scheme }),
        };
        let location = location(rest, secure).map_err(malformed)?;
        Ok(Target::Server(location))
    }
}

impl Location {
    /// Host and port, or the socket, for messages.
    pub fn address(&self) -> String {
        match &self.socket {
            // A URL can name a socket with anything in its name.
            Some(socket) => one_line(&socket.display().to_string()),
            None => self.authority(),
        }
    }

    /// Host and port.
    pub fn authority(&self) -> String {
        format!("{}:{}", self.host, self.port)
    }

    /// The value of the Host header: the port only where it is not the scheme's own.
    pub fn host_header(&self) -> String {
        if self.port == default_port(self.secure) {
            self.host.to_string()
        } else {
            self.authority()
        }
    }

    /// The URL without its user and password.
    pub fn url(&self) -> String {
        if let Some(socket) = &self.socket {
            let socket = percent_encode(socket.as_os_str().as_encoded_bytes(), IN_SOCKET);
            return format!("ws+unix://{socket}:{}", self.resource);
        }
        let scheme = if self.secure { "wss" } else { "ws" };
        format!("{scheme}://{}{}", self.host_header(), self.resource)
    }

    /// The same as a URL for HTTP, without its user.
    pub fn http_url(&self) -> String {
        let scheme = if self.secure { "https" } else { "http" };
        format!("{scheme}://{}{}", self.host_header(), self.resource)
    }

    /// Whether scheme, host and port are those of another one (RFC 6454 section 5).
    pub fn has_origin_of(&self, other: &Location) -> bool {
        (self.secure, &self.host, self.port) == (other.secure, &other.host, other.port)
    }
}

/// RFC 3986 section 3.1.
fn is_scheme(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c))
}

/// `/path/to.sock:/resource`, as in Node's `ws`.
fn unix(rest: &str) -> Result<Location, String> {
    let (socket, resource) = rest.split_once(':').unwrap_or((rest, "/"));
    if !socket.starts_with('/') {
        return Err("the path of the socket is missing: ws+unix:///path/to.sock:/path".into());
    }
    // Anything else would become a part of the host's name.
    if !resource.is_empty() && !resource.starts_with(['/', '?', '#']) {
        return Err("no path follows the socket: ws+unix:///path/to.sock:/path, with %3A for a colon in the socket's own".into());
    }
    let socket = Some(percent_decode(socket)?.into());
    Ok(Location { socket, ..location(&format!("localhost{resource}"), false)? })
}

/// RFC 6455 section 3.
fn default_port(secure: bool) -> u16 {
    if secure { 443 } else { 80 }
}

fn location(rest: &str, secure: bool) -> Result<Location, String> {
    if let Some(c) = rest.chars().find(|c| c.is_control() || c.is_whitespace()) {
        return Err(format!("it contains {c:?}; write it percent-encoded"));
    }
    if rest.starts_with(['/', '\\', '?', '#']) || rest.is_empty() {
        return Err("the host is missing".into());
    }
    let authority = &rest[..rest.find(['/', '?', '#']).unwrap_or(rest.len())];
    if authority.ends_with(':') {
        return Err("the port is missing".into());
    }
    if authority.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(format!("{authority} is a number; for a port, write localhost:{authority}"));
    }
    let scheme = if secure { "wss" } else { "ws" };
    let url = Url::parse(&format!("{scheme}://{rest}")).map_err(|error| error.to_string())?;
    if url.fragment().is_some() {
        return Err("a WebSocket URL has no #fragment (RFC 6455 section 3)".into());
    }
    let host = url.host().ok_or("the host is missing")?.to_owned();
    check_name(&host)?;
    let port = url.port().unwrap_or(default_port(secure));
    let mut resource = url.path().to_owned();
    if let Some(query) = url.query() {
        resource.push('?');
        resource.push_str(query);
    }
    if resource.len() > MAX_RESOURCE {
        return Err(format!("the path is longer than {MAX_RESOURCE} bytes"));
    }
    let credentials = decoded_credentials(&url)?;
    Ok(Location { socket: None, secure, host, port, resource, credentials })
}

/// User and password of a URL, if it has them.
pub(super) fn decoded_credentials(url: &Url) -> Result<Option<Credentials>, String> {
    if url.username().is_empty() && url.password().is_none() {
        return Ok(None);
    }
    let user = percent_decode(url.username())?;
    Ok(Some(Credentials::new(user, percent_decode(url.password().unwrap_or(""))?)))
}

fn percent_decode(text: &str) -> Result<String, String> {
    let decoded = percent_encoding::percent_decode_str(text).decode_utf8();
    decoded.map(Into::into).map_err(|_| "a percent-encoded part is not UTF-8".into())
}

/// A name that no resolver could know (RFC 1035 section 2.3.4), and that is too long for SOCKS.
///
/// # Errors
/// It is too long.
pub(super) fn check_name(host: &Host) -> Result<(), String> {
    match host {
        Host::Domain(name) if name.len() > 254 => Err("the host's name is too long".into()),
        _ => Ok(()),
    }
}

/// A URL as it may be shown: without what may be a user and a password, even where it is malformed, and
/// not too much of it.
pub fn without_userinfo(typed: &str) -> String {
    let scheme = typed.split_once("://").map_or("", |(scheme, _)| scheme);
    let shown = match typed.rfind('@') {
        None => typed.to_owned(),
        Some(at) if scheme.is_empty() || scheme.contains('@') => {
            format!("(redacted){}", &typed[at..])
        }
        Some(at) => format!("{scheme}://(redacted){}", &typed[at..]),
    };
    match shown.char_indices().nth(SHOWN) {
        None => shown,
        Some((end, _)) => format!("{}…", &shown[..end]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_names_host_port_and_resource() {
        let cases = [
            ("ws://example.org", "example.org", 80, "/", "ws://example.org/"),
            ("WS://example.org:80/a?b=c", "example.org", 80, "/a?b=c", "ws://example.org/a?b=c"),
            ("http://h:8080/x/../y", "h", 8080, "/y", "ws://h:8080/y"),
            ("localhost:9000", "localhost", 9000, "/", "ws://localhost:9000/"),
            ("host/path", "host", 80, "/path", "ws://host/path"),
            ("ws:9000/", "ws", 9000, "/", "ws://ws:9000/"),
            ("h:1/?next=http://x", "h", 1, "/?next=http://x", "ws://h:1/?next=http://x"),
            ("[::1]:7/", "[::1]", 7, "/", "ws://[::1]:7/"),
            ("wss://h/x", "h", 443, "/x", "wss://h/x"),
            ("https://h:443/", "h", 443, "/", "wss://h/"),
            ("wss://h:80/", "h", 80, "/", "wss://h:80/"),
            ("ws://h:443/", "h", 443, "/", "ws://h:443/"),
            ("ws://127.0.0.1?q", "127.0.0.1", 80, "/?q", "ws://127.0.0.1/?q"),
            ("ws://bücher.example/ä", "xn--bcher-kva.example", 80, "/%C3%A4", {
                "ws://xn--bcher-kva.example/%C3%A4"
            }),
        ];
        for (typed, host, port, resource, url) in cases {
            let Target::Server(location) = Target::parse(typed).expect(typed) else {
                panic!("{typed} is no server")
            };
            assert_eq!(location.host.to_string(), host, "{typed}");
            assert_eq!((location.port, &location.resource[..]), (port, resource), "{typed}");
            assert_eq!(location.url(), url);
        }
        assert_eq!(Target::parse("echo:"), Ok(Target::Echo));
    }

    #[test]
    fn a_unix_socket_has_a_path_and_then_a_resource() {
        let cases = [
            ("ws+unix:///run/x.sock:/a?b", "/run/x.sock", "/a?b", "ws+unix:///run/x.sock:/a?b"),
            ("ws+unix:///run/x.sock", "/run/x.sock", "/", "ws+unix:///run/x.sock:/"),
            ("ws+unix:///x.sock:?q", "/x.sock", "/?q", "ws+unix:///x.sock:/?q"),
            ("ws+unix:///with%20space:/:", "/with space", "/:", "ws+unix:///with%20space:/:"),
            ("ws+unix:///a%3Ab%25%1b:/", "/a:b%\u{1b}", "/", "ws+unix:///a%3Ab%25%1B:/"),
        ];
        for (typed, socket, resource, url) in cases {
            let Target::Server(location) = Target::parse(typed).expect(typed) else {
                panic!("{typed} is no server")
            };
            assert_eq!(location.socket.as_deref(), Some(std::path::Path::new(socket)), "{typed}");
            assert_eq!((&location.resource[..], location.secure), (resource, false), "{typed}");
            assert_eq!((&location.host_header()[..], &location.url()[..]), ("localhost", url));
        }
    }

    #[test]
    fn user_and_password_are_taken_out_of_the_url() {
        let Ok(Target::Server(location)) = Target::parse("ws://a%40b:p+%3A%25&=@h/") else {
            panic!("no server")
        };
        assert_eq!(location.credentials, Some(Credentials::new("a@b".into(), "p+:%&=".into())));
        assert_eq!(location.url(), "ws://h/");
    }

    #[test]
    fn a_wrong_url_is_refused_and_its_password_not_shown() {
        let long_name = format!("ws://{}h/", "a.".repeat(130));
        let long_path = format!("ws://h/{}", "a".repeat(70_000));
        let cases = [
            ("", "the host is missing"),
            ("ws://", "the host is missing"),
            ("ws:///path", "the host is missing"),
            ("ws:/h/", "the port is missing"),
            ("9000", "write localhost:9000"),
            ("ws://h:99999/", "port"),
            ("ws://h:abc/", "port"),
            ("ws://h/#top", "no #fragment"),
            ("ws://a b/", "contains ' '"),
            ("ws://h/\r\nX: y", "contains '\\r'"),
            ("ws://[::1/", "IPv6"),
            ("ftp://h/", "scheme ftp: is not one for WebSocket"),
            ("ws+unix://x.sock:/", "the path of the socket is missing"),
            ("ws+unix:///x.sock:/a b", "contains ' '"),
            ("ws+unix:///a:b.sock", "%3A for a colon"),
            ("ws+unix:///a.sock:8080/", "no path follows the socket"),
            ("ws://me:secret@h:99999/", "(redacted)@h"),
            ("ws://me:se/cret@h:99999/", "(redacted)@h"),
            ("ws://me:se#cret@h/", "ws://(redacted)@h/"),
            ("me:secret@h:99999", "(redacted)@h"),
            (&long_name, "too long"),
            (&long_path, "longer than 65000 bytes"),
        ];
        for (typed, expected) in cases {
            let error = Target::parse(typed).expect_err(typed).to_string();
            assert!(error.contains(expected), "{typed}: {error}");
            assert!(!error.contains("cret"), "{error}");
            assert!(error.len() < 400, "{error}");
        }
    }
}
