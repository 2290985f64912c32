//! The server's side of the opening handshake (RFC 6455 section 4.2), for `serve` and `echo:`: who is let
//! in, with what, and what the others are told.

use hyper::header::{
    ALLOW, CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, HOST, HeaderMap, HeaderName, HeaderValue,
    LOCATION, PROXY_AUTHENTICATE, RETRY_AFTER, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_EXTENSIONS,
    SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_PROTOCOL, SEC_WEBSOCKET_VERSION, TRANSFER_ENCODING, UPGRADE,
    WWW_AUTHENTICATE,
};
use hyper::{Request as HttpRequest, Response, StatusCode, Version};
use tokio_tungstenite::tungstenite::handshake::server::create_response_with_body;

use super::{HeaderLine, Request, accept_offer, header_name};
use crate::wire::Deflate;

/// Headers that say how the answer is to be read, and are not for somebody else to set.
const OURS: [HeaderName; 8] = [
    CONNECTION,
    CONTENT_LENGTH,
    SEC_WEBSOCKET_ACCEPT,
    SEC_WEBSOCKET_EXTENSIONS,
    SEC_WEBSOCKET_PROTOCOL,
    SEC_WEBSOCKET_VERSION,
    TRANSFER_ENCODING,
    UPGRADE,
];

/// Redirects, which say where to.
const REDIRECTS: [StatusCode; 5] = [
    StatusCode::MOVED_PERMANENTLY,
    StatusCode::FOUND,
    StatusCode::SEE_OTHER,
    StatusCode::TEMPORARY_REDIRECT,
    StatusCode::PERMANENT_REDIRECT,
];

/// What a server asks of those who come in, and tells them.
#[derive(Clone, Debug, Default)]
pub struct Terms {
    /// The subprotocols that it speaks, the preferred one first; without any, whatever is offered first.
    pub subprotocols: Vec<String>,
    /// The status with which it refuses everybody.
    pub refuse: Option<StatusCode>,
    /// What it says besides.
    pub headers: HeaderMap,
}

/// The answer to a client that is not let in.
pub type Rejection = Box<Response<String>>;

/// What a client gets that is let in.
#[derive(Debug)]
pub struct Admission {
    /// The answer to its request.
    pub answer: Response<String>,
    /// How messages are compressed, if they may be.
    pub deflate: Option<Deflate>,
    /// The subprotocol that was chosen.
    pub subprotocol: Option<String>,
}

impl Terms {
    /// Terms, with header lines as they were typed.
    ///
    /// # Errors
    /// Which header cannot be set, or is missing.
    pub fn new(
        subprotocols: Vec<String>,
        refuse: Option<StatusCode>,
        lines: Vec<HeaderLine>,
    ) -> Result<Terms, String> {
        let mut headers = HeaderMap::new();
        for line in lines {
            match line {
                HeaderLine::Set(name, _) if OURS.contains(&name) => {
                    return Err(format!("-H cannot set {name}, which the handshake needs"));
                }
                HeaderLine::Set(name, value) => drop(headers.append(name, value)),
                HeaderLine::Remove(name) => {
                    return Err(format!("-H {name}: there is nothing to take away"));
                }
            }
        }
        if let Some(status) = refuse
            && REDIRECTS.contains(&status)
            && !headers.contains_key(LOCATION)
        {
            return Err(format!("--refuse {} without a Location leads nowhere", status.as_str()));
        }
        Ok(Terms { subprotocols, refuse, headers })
    }

    /// The answer to a request.
    ///
    /// # Errors
    /// The answer to a client that is not let in.
    pub fn judge<B>(&self, request: &HttpRequest<B>) -> Result<Admission, Rejection> {
        if let Some(status) = self.refuse {
            return Err(refuse(status, "it refuses everybody", &self.headers));
        }
        let mut answer = create_response_with_body(request, String::new).map_err(|error| {
            refuse(StatusCode::UPGRADE_REQUIRED, &error.to_string(), &self.headers)
        })?;
        if let Some(why) = not_once(request.headers()) {
            return Err(refuse(StatusCode::BAD_REQUEST, &why, &self.headers));
        }
        let subprotocol = self.choose(&Request::offered(request.headers()));
        let offers: Vec<_> = request
            .headers()
            .get_all(SEC_WEBSOCKET_EXTENSIONS)
            .iter()
            .filter_map(|offers| offers.to_str().ok())
            .collect();
        let (deflate, extension) = accept_offer(&offers.join(", ")).unzip();
        let headers = answer.headers_mut();
        let chosen =
            [(SEC_WEBSOCKET_PROTOCOL, &subprotocol), (SEC_WEBSOCKET_EXTENSIONS, &extension)];
        for (name, value) in chosen {
            if let Some(Ok(value)) = value.as_deref().map(HeaderValue::from_str) {
                headers.insert(name, value);
            }
        }
        headers.extend(self.headers.clone());
        Ok(Admission { answer, deflate, subprotocol })
    }

    /// The subprotocol: ours to choose, among those that are offered, and none if we speak none of them
    /// (RFC 6455 section 4.2.2, 5).
    fn choose(&self, offered: &[String]) -> Option<String> {
        if self.subprotocols.is_empty() {
            return offered.first().filter(|name| !name.is_empty()).cloned();
        }
        self.subprotocols.iter().find(|name| offered.contains(name)).cloned()
    }

    /// The answer to a client that comes while there are as many as there may be.
    pub fn full(&self, most: usize) -> Rejection {
        let why = format!("it takes {most} at a time");
        let mut answer = refuse(StatusCode::SERVICE_UNAVAILABLE, &why, &self.headers);
        answer.headers_mut().entry(RETRY_AFTER).or_insert(HeaderValue::from_static("1"));
        answer
    }
}

/// Which header an opening handshake does not have exactly once, as it must (RFC 6455 sections 4.2.1, 11.3.1
/// and 11.3.5, RFC 9112 section 3.2).
fn not_once(headers: &HeaderMap) -> Option<String> {
    let once = [HOST, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_VERSION];
    let (name, count) = once
        .into_iter()
        .map(|name| (header_name(&name, Version::HTTP_11), headers.get_all(&name).iter().count()))
        .find(|(_, count)| *count != 1)?;
    Some(match count {
        0 => format!("the request has no {name}"),
        _ => format!("the request has {count} times {name}, which may be there once"),
    })
}

/// A status as it is shown, with its name if it has one.
pub fn status_in_words(status: StatusCode) -> String {
    let name = status.canonical_reason().map(|name| format!(" {name}"));
    format!("{}{}", status.as_str(), name.unwrap_or_default())
}

/// The answer to a client that is not let in, with the headers that its status has to have (RFC 9110
/// section 15).
fn refuse(status: StatusCode, why: &str, headers: &HeaderMap) -> Rejection {
    let status_line = status_in_words(status);
    let body =
        format!("{status_line}: this is wspipe serve, a WebSocket server for tests: {why}\n");
    let mut answer = Box::new(Response::new(body));
    *answer.status_mut() = status;
    let needed: &[(HeaderName, &str)] = match status {
        StatusCode::UNAUTHORIZED => &[(WWW_AUTHENTICATE, "Basic realm=\"wspipe serve\"")],
        StatusCode::PROXY_AUTHENTICATION_REQUIRED => {
            &[(PROXY_AUTHENTICATE, "Basic realm=\"wspipe serve\"")]
        }
        StatusCode::METHOD_NOT_ALLOWED => &[(ALLOW, "GET")],
        StatusCode::UPGRADE_REQUIRED => {
            &[(UPGRADE, "websocket"), (CONNECTION, "Upgrade"), (SEC_WEBSOCKET_VERSION, "13")]
        }
        _ => &[],
    };
    *answer.headers_mut() = headers.clone();
    let type_of_body = [(CONTENT_TYPE, "text/plain; charset=utf-8")];
    for (name, value) in needed.iter().chain(&type_of_body) {
        answer.headers_mut().entry(name).or_insert(HeaderValue::from_static(value));
    }
    answer
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(lines: &[&str]) -> Vec<HeaderLine> {
        lines.iter().map(|line| HeaderLine::parse(line).unwrap()).collect()
    }

    fn request(offered: &str) -> HttpRequest<()> {
        HttpRequest::get("/")
            .header("Host", "x")
            .header("Upgrade", "websocket")
            .header("Connection", "Upgrade")
            .header("Sec-WebSocket-Version", "13")
            .header("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==")
            .header("Sec-WebSocket-Protocol", offered)
            .body(())
            .unwrap()
    }

    #[test]
    fn the_server_chooses_the_subprotocol_that_it_prefers() {
        let cases: [(&[&str], &str, Option<&str>); 6] = [
            (&["chat", "mqtt"], "mqtt, chat", Some("chat")),
            (&["chat", "mqtt"], "mqtt", Some("mqtt")),
            (&["chat"], "mqtt, Chat", None),
            (&["chat"], "", None),
            (&[], "mqtt, chat", Some("mqtt")),
            (&[], "", None),
        ];
        for (ours, offered, expected) in cases {
            let ours = ours.iter().map(|name| (*name).to_owned()).collect();
            let terms = Terms::new(ours, None, Vec::new()).unwrap();
            let admission = terms.judge(&request(offered)).unwrap();
            assert_eq!(admission.subprotocol.as_deref(), expected, "{offered}");
            let said = admission.answer.headers().get(SEC_WEBSOCKET_PROTOCOL);
            assert_eq!(said.map(|name| name.to_str().unwrap()), expected, "{offered}");
        }
    }

    #[test]
    fn a_refusal_has_the_headers_that_its_status_has_to_have() {
        type Headers = &'static [(&'static str, &'static str)];
        let cases: [(u16, &[&str], Headers); 6] = [
            (401, &[], &[("www-authenticate", "Basic realm=\"wspipe serve\"")]),
            (401, &["WWW-Authenticate: Bearer"], &[("www-authenticate", "Bearer")]),
            (405, &[], &[("allow", "GET")]),
            (426, &[], &[("upgrade", "websocket"), ("sec-websocket-version", "13")]),
            (302, &["Location: ws://h/"], &[("location", "ws://h/")]),
            (503, &["Retry-After: 5"], &[("retry-after", "5")]),
        ];
        for (status, given, expected) in cases {
            let status = StatusCode::from_u16(status).unwrap();
            let terms = Terms::new(Vec::new(), Some(status), lines(given)).unwrap();
            let answer = terms.judge(&request("")).unwrap_err();
            assert_eq!(answer.status(), status);
            for (name, value) in expected {
                let values: Vec<_> = answer.headers().get_all(*name).iter().collect();
                assert_eq!(values, [value], "{status} {name}");
            }
        }
        let full = Terms::default().full(2);
        assert_eq!(full.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(full.headers()[RETRY_AFTER], "1");
    }

    #[test]
    fn what_is_no_opening_handshake_is_told_what_is() {
        let answer = Terms::default().judge(&HttpRequest::get("/").body(()).unwrap()).unwrap_err();
        assert_eq!(answer.status(), StatusCode::UPGRADE_REQUIRED);
        assert!(answer.body().contains("a WebSocket server for tests"), "{}", answer.body());
    }

    #[test]
    fn what_has_a_header_not_once_that_must_be_there_once_is_a_bad_request() {
        type Lines = &'static [(&'static str, &'static str)];
        let judge = |without: &str, more: Lines| {
            let mut request = request("chat");
            request.headers_mut().remove(without);
            for (name, value) in more {
                request.headers_mut().append(*name, HeaderValue::from_static(value));
            }
            Terms::default().judge(&request).map(|admission| admission.answer.status().as_u16())
        };
        assert_eq!(judge("", &[]).unwrap(), 101);
        assert_eq!(judge("host", &[("host", "")]).unwrap(), 101, "one without a value is one");
        let cases: [(&str, Lines, &str); 6] = [
            ("host", &[], "the request has no Host"),
            ("", &[("host", "x")], "the request has 2 times Host"),
            ("", &[("host", "y"), ("host", "z")], "the request has 3 times Host"),
            ("", &[("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==")], "2 times Sec-Websocket-Key"),
            ("", &[("sec-websocket-key", "other")], "2 times Sec-Websocket-Key"),
            ("", &[("sec-websocket-version", "13")], "2 times Sec-Websocket-Version"),
        ];
        for (without, more, why) in cases {
            let answer = judge(without, more).unwrap_err();
            assert_eq!(answer.status(), StatusCode::BAD_REQUEST, "{without:?} {more:?}");
            assert!(answer.body().contains(why), "{}", answer.body());
        }
    }

    #[test]
    fn headers_that_would_break_the_answer_cannot_be_set() {
        for line in ["Connection: close", "Content-Length: 5", "Sec-WebSocket-Accept: x", "Server:"]
        {
            assert!(Terms::new(Vec::new(), None, lines(&[line])).is_err(), "{line}");
        }
        for status in [301, 302, 303, 307, 308] {
            let status = StatusCode::from_u16(status).ok();
            assert!(Terms::new(Vec::new(), status, Vec::new()).is_err(), "{status:?}");
        }
        let cookies = ["Set-Cookie: a=1", "Set-Cookie: b=2"];
        let terms = Terms::new(Vec::new(), None, lines(&cookies)).unwrap();
        let admission = terms.judge(&request("")).unwrap();
        assert_eq!(admission.answer.headers().get_all("set-cookie").iter().count(), 2);
    }
}
