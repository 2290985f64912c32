//! Which proxy leads to a server, by curl's flags and environment variables. Nothing is connected
//! here.

use std::fmt;

use hyper::Uri;
use hyper_util::client::proxy::matcher::Matcher;
use thiserror::Error;
use url::{Host, Url};

use super::target::{check_name, decoded_credentials, without_userinfo};
use super::{Credentials, HeaderLine, Location, Refusal, Secret, TargetError};

/// A proxy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proxy {
    /// What is spoken with it.
    pub kind: ProxyKind,
    /// A name or an address.
    pub host: Host,
    /// The port.
    pub port: u16,
    /// Who we are.
    pub credentials: Option<Credentials>,
}

/// What is spoken with a proxy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProxyKind {
    /// CONNECT (RFC 9110 section 9.3.6).
    Http,
    /// The same over TLS.
    Https,
    /// SOCKS 5 (RFC 1928) with an address that was resolved here.
    Socks5,
    /// SOCKS 5 with a name that the proxy resolves.
    Socks5h,
}

/// What the flags and the environment say about proxies.
#[derive(Clone, Debug, Default)]
pub struct Proxies {
    /// `-x`; an empty one is no proxy, whatever the environment says.
    pub given: Option<Option<Proxy>>,
    /// `http_proxy` or what stands for it, with the variable's name, for ws://.
    pub plain: Option<(&'static str, Secret)>,
    /// `https_proxy` or what stands for it, for wss://.
    pub secure: Option<(&'static str, Secret)>,
    /// `--noproxy`, or the variable that stands for it, with its name.
    pub none: Option<(&'static str, String)>,
    /// `-U`, which takes the place of the user in a proxy's URL.
    pub credentials: Option<Credentials>,
    /// `--proxy-header`.
    pub headers: Vec<HeaderLine>,
}

/// The way to a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Route {
    /// Nobody is in between, and nobody said that anybody should be.
    Direct,
    /// A proxy was named, but not for this host.
    Excluded {
        /// The flag or variable that says so.
        by: &'static str,
    },
    /// Through a proxy.
    Through {
        /// The proxy.
        proxy: Proxy,
        /// The flag or variable that names it.
        by: &'static str,
    },
}

/// A proxy that does not do what it is asked for.
#[derive(Debug, Error)]
pub enum ProxyFault {
    /// It answers with another status than 2xx.
    #[error("the proxy {proxy} refused the tunnel to {to}: {refusal}")]
    Refused {
        /// The proxy.
        proxy: String,
        /// The server's host and port.
        to: String,
        /// The answer.
        refusal: Box<Refusal>,
        /// Whether it knew who we are.
        knew_us: bool,
    },
    /// It says that it cannot, in SOCKS.
    #[error("the proxy {proxy} gave no tunnel to {to}: {why}")]
    Socks {
        /// The proxy.
        proxy: String,
        /// The server's host and port.
        to: String,
        /// Its words.
        why: String,
        /// Whether the server may be there: otherwise nobody listens.
        is_up: bool,
        /// The way out, where it is known.
        hint: Option<&'static str>,
    },
    /// It says nothing that makes sense.
    #[error("the proxy {proxy} broke its handshake: {why}")]
    Broken {
        /// The proxy.
        proxy: String,
        /// What came.
        why: String,
    },
}

impl ProxyFault {
    /// The way out.
    pub fn hint(&self) -> Option<String> {
        match self {
            ProxyFault::Refused { refusal, knew_us, .. } => refused_hint(refusal, *knew_us),
            ProxyFault::Socks { hint, .. } => hint.map(Into::into),
            ProxyFault::Broken { .. } => {
                Some("does it speak what -x says: http, https, socks5 or socks5h?".into())
            }
        }
    }
}

fn refused_hint(refusal: &Refusal, knew_us: bool) -> Option<String> {
    // 401 is the server's to say, but some proxies have no other word for a wrong password.
    if !matches!(refusal.status.as_u16(), 401 | 407) {
        let hint = match refusal.status.is_server_error() {
            true => "it could not reach the server: is the name right, and does it listen there?",
            false => "does it allow this host and port? --noproxy HOST goes without it",
        };
        return Some(hint.into());
    }
    let asked = refusal.headers.get_all("proxy-authenticate");
    let scheme = |value: &hyper::header::HeaderValue| {
        let value = value.to_str().unwrap_or_default();
        value.split(' ').next().unwrap_or_default().to_owned()
    };
    // One may be missing, or no text.
    let schemes: Vec<String> = asked.iter().map(scheme).filter(|name| !name.is_empty()).collect();
    if !schemes.is_empty() && !schemes.iter().any(|scheme| scheme.eq_ignore_ascii_case("basic")) {
        let schemes = crate::output::escape::one_line(&schemes.join(", "));
        return Some(format!("it asks for {schemes}; only Basic is spoken here"));
    }
    Some(match knew_us {
        true => "it does not know this user and password: -U USER:PASSWORD".into(),
        false => "it wants to know who we are: -U USER:PASSWORD".into(),
    })
}

impl Proxy {
    /// Reads `[SCHEME://][USER:PASSWORD@]HOST[:PORT]`, http without a scheme.
    ///
    /// # Errors
    /// What is wrong with it, without its password.
    pub fn parse(typed: &str) -> Result<Proxy, TargetError> {
        let wrong = |why: &str| TargetError::Proxy {
            by: None,
            proxy: without_userinfo(typed),
            why: why.into(),
        };
        let (scheme, rest) = typed.split_once("://").unwrap_or(("http", typed));
        let kind = match scheme.to_ascii_lowercase().as_str() {
            "http" => ProxyKind::Http,
            "https" => ProxyKind::Https,
            "socks5" => ProxyKind::Socks5,
            "socks5h" => ProxyKind::Socks5h,
            _ => return Err(wrong("a proxy is http://, https://, socks5:// or socks5h://")),
        };
        if rest.is_empty() || rest.starts_with(['/', '?', '#', ':']) {
            return Err(wrong("the host is missing"));
        }
        // A port that is the scheme's own would be left out; this one has none.
        let url =
            Url::parse(&format!("ws+proxy://{rest}")).map_err(|error| wrong(&error.to_string()))?;
        let host = url.host_str().filter(|host| !host.is_empty());
        let host = Host::parse(host.ok_or_else(|| wrong("the host is missing"))?)
            .map_err(|error| wrong(&error.to_string()))?;
        check_name(&host).map_err(|why| wrong(&why))?;
        let port = url.port().unwrap_or(if kind == ProxyKind::Https { 443 } else { 1080 });
        let credentials = decoded_credentials(&url).map_err(|why| wrong(&why))?;
        Ok(Proxy { kind, host, port, credentials })
    }

    /// Host and port.
    pub fn authority(&self) -> String {
        format!("{}:{}", self.host, self.port)
    }
}

impl fmt::Display for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let scheme = match self.kind {
            ProxyKind::Http => "http",
            ProxyKind::Https => "https",
            ProxyKind::Socks5 => "socks5",
            ProxyKind::Socks5h => "socks5h",
        };
        write!(f, "{scheme}://{}", self.authority())
    }
}

impl Proxies {
    /// What `-x`, `--noproxy` and the environment say. Of the variables only `http_proxy` counts in
    /// lower case alone: a server that runs programs by CGI sets HTTP_PROXY to what a client says.
    ///
    /// # Errors
    /// `-x` is no proxy. A variable is read when it matters.
    pub fn new(
        given: Option<&str>,
        none: Option<String>,
        variable: impl Fn(&str) -> Option<String>,
    ) -> Result<Proxies, TargetError> {
        let first = |names: &[&'static str]| {
            let found =
                |name: &&'static str| variable(name).filter(|v| !v.is_empty()).map(|v| (*name, v));
            names.iter().find_map(found)
        };
        let secret = |(name, value)| (name, Secret(value));
        let given = given.map(|given| match given {
            "" => Ok(None),
            given => Proxy::parse(given).map(Some),
        });
        Ok(Proxies {
            given: given.transpose()?,
            plain: first(&["http_proxy", "all_proxy", "ALL_PROXY"]).map(secret),
            secure: first(&["https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"]).map(secret),
            none: none.map(|none| ("--noproxy", none)).or(first(&["no_proxy", "NO_PROXY"])),
            credentials: None,
            headers: Vec::new(),
        })
    }

    /// The way to a server.
    ///
    /// # Errors
    /// The variable that counts names no proxy.
    pub fn route(&self, location: &Location) -> Result<Route, TargetError> {
        let variable = if location.secure { &self.secure } else { &self.plain };
        let excluded = self.none.as_ref().filter(|(_, list)| excludes(list, &location.host));
        let (by, proxy) = match (&self.given, variable) {
            (Some(None), _) | (None, None) => return Ok(Route::Direct),
            _ if let Some((by, _)) = excluded => return Ok(Route::Excluded { by }),
            (Some(Some(proxy)), _) => ("-x", proxy.clone()),
            (None, Some((by, typed))) => {
                (*by, Proxy::parse(&typed.0).map_err(|error| error.said_by(by))?)
            }
        };
        let credentials = self.credentials.clone().or(proxy.credentials);
        Ok(Route::Through { proxy: Proxy { credentials, ..proxy }, by })
    }
}

/// Whether such a list names this host: by curl's rules, as hyper-util knows them, with spaces
/// for commas, brackets around IPv6 addresses, and `*` for addresses too.
fn excludes(list: &str, host: &Host) -> bool {
    let entries: Vec<_> = list
        .split([',', ' ', '\t'])
        .map(|entry| entry.trim_matches(['[', ']']).trim_end_matches('.'))
        .filter(|entry| !entry.is_empty())
        .collect();
    if entries.contains(&"*") {
        return true;
    }
    let matcher = Matcher::builder().all("http://proxy").no(entries.join(",")).build();
    let host = host.to_string();
    let host = format!("http://{}/", host.trim_end_matches('.'));
    // A host that is none in a URL for HTTP is none that a list can name.
    host.parse::<Uri>().is_ok_and(|uri| matcher.intercept(&uri).is_none())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::handshake::Target;

    fn location(url: &str) -> Location {
        match Target::parse(url) {
            Ok(Target::Server(location)) => location,
            other => panic!("{url}: {other:?}"),
        }
    }

    #[test]
    fn a_proxy_is_a_url_or_a_host() {
        let cases = [
            ("localhost:3128", "http://localhost:3128"),
            ("localhost", "http://localhost:1080"),
            ("http://h:80/", "http://h:80"),
            ("HTTPS://h", "https://h:443"),
            ("socks5://[::1]:9", "socks5://[::1]:9"),
            ("socks5h://me:pass@h", "socks5h://h:1080"),
            ("me:p%40ss@10.0.0.1:8", "http://10.0.0.1:8"),
        ];
        for (typed, shown) in cases {
            assert_eq!(Proxy::parse(typed).expect(typed).to_string(), shown, "{typed}");
        }
        let credentials = Proxy::parse("me:p%40ss@h").unwrap().credentials;
        assert_eq!(credentials, Some(Credentials::new("me".into(), "p@ss".into())));
        assert_eq!(Proxy::parse("h:1").unwrap().credentials, None);
        let wrong = ["http://", ":80", "h:99999", "ftp://h", "socks4://h", "a b", "me:secret@"];
        for typed in wrong {
            let error = Proxy::parse(typed).expect_err(typed).to_string();
            assert!(!error.contains("secret"), "{error}");
        }
    }

    #[test]
    fn flags_and_variables_name_the_proxy() {
        const WS: &str = "ws://example.org/";
        const WSS: &str = "wss://example.org/";
        let through = |by: &str, proxy: &str| format!("{by} http://{proxy}:1080");
        type Case<'a> =
            (&'a str, Option<&'a str>, Option<&'a str>, &'a [(&'a str, &'a str)], String);
        let cases: [Case; 16] = [
            (WS, None, None, &[], "direct".into()),
            (WS, Some("x"), None, &[("http_proxy", "e")], through("-x", "x")),
            (WS, Some(""), None, &[("http_proxy", "e")], "direct".into()),
            (
                WS,
                None,
                None,
                &[("http_proxy", "e"), ("ALL_PROXY", "a")],
                through("http_proxy", "e"),
            ),
            (WS, None, None, &[("HTTP_PROXY", "e")], "direct".into()),
            (WS, None, None, &[("https_proxy", "e")], "direct".into()),
            (WS, None, None, &[("http_proxy", ""), ("ALL_PROXY", "a")], through("ALL_PROXY", "a")),
            (WSS, None, None, &[("http_proxy", "e")], "direct".into()),
            (WSS, None, None, &[("HTTPS_PROXY", "E")], through("HTTPS_PROXY", "e")),
            (WSS, None, None, &[("https_proxy", "e"), ("HTTPS_PROXY", "E2")], {
                through("https_proxy", "e")
            }),
            (
                WSS,
                None,
                None,
                &[("ALL_PROXY", "A1"), ("all_proxy", "a")],
                through("all_proxy", "a"),
            ),
            (WS, Some("x"), Some("example.org"), &[], "--noproxy".into()),
            (WS, Some("x"), None, &[("NO_PROXY", "*")], "NO_PROXY".into()),
            (WS, Some("x"), None, &[("NO_PROXY", "*"), ("no_proxy", "h")], through("-x", "x")),
            (WS, Some("x"), Some(""), &[("no_proxy", "*")], through("-x", "x")),
            (WSS, None, None, &[("https_proxy", "ftp://e")], "https_proxy: malformed".into()),
        ];
        for (url, given, none, variables, expected) in cases {
            let variable = |name: &str| {
                variables
                    .iter()
                    .find(|(this, _)| *this == name)
                    .map(|(_, value)| (*value).to_owned())
            };
            let proxies = Proxies::new(given, none.map(Into::into), variable).unwrap();
            let got = match proxies.route(&location(url)) {
                Ok(Route::Direct) => "direct".to_owned(),
                Ok(Route::Excluded { by }) => by.to_owned(),
                Ok(Route::Through { proxy, by }) => format!("{by} {proxy}"),
                Err(error) => error.to_string(),
            };
            assert!(got.starts_with(&expected), "{url} {given:?} {none:?} {variables:?}: {got}");
        }
    }

    #[test]
    fn a_list_names_hosts_by_suffix_address_and_network() {
        let cases = [
            ("example.org", "www.example.org", true),
            (".example.org", "example.org", true),
            ("example.org.", "EXAMPLE.org", true),
            ("example.org", "badexample.org", false),
            ("a, b c", "c", true),
            ("*", "10.0.0.1", true),
            ("10.0.0.0/8", "10.1.2.3", true),
            ("10.0.0.0/8", "11.1.2.3", false),
            ("127.0.0.1", "127.0.0.1", true),
            ("[::1]", "[::1]", true),
            ("localhost", "127.0.0.1", false),
            ("", "h", false),
        ];
        for (list, host, excluded) in cases {
            assert_eq!(excludes(list, &Host::parse(host).unwrap()), excluded, "{list:?} {host}");
        }
    }
}
