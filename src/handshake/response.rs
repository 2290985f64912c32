//! The answer to the opening handshake, judged by RFC 6455 section 4.1.

use std::borrow::Cow;
use std::fmt;
use std::time::{Duration, SystemTime};

use hyper::ext::ReasonPhrase;
use hyper::header::{
    CONNECTION, HeaderMap, HeaderName, LOCATION, RETRY_AFTER, SEC_WEBSOCKET_ACCEPT,
    SEC_WEBSOCKET_EXTENSIONS, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_PROTOCOL, UPGRADE,
};
use hyper::http::response;
use hyper::{StatusCode, Version};
use thiserror::Error;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use super::{Offer, Request};
use crate::output::escape;
use crate::wire::Deflate;

/// No server is waited for longer at its word.
const LONGEST_RETRY_AFTER: Duration = Duration::from_secs(6 * 3600);

/// A session that was accepted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Accepted {
    /// The subprotocol that the server chose.
    pub subprotocol: Option<String>,
    /// How messages are compressed, if they may be.
    pub deflate: Option<Deflate>,
    /// The extension as the server accepted it.
    pub extension: Option<String>,
}

/// An answer that breaks the opening handshake.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum HandshakeFault {
    /// Section 4.1, 2.
    #[error("the answer has no \"Upgrade: websocket\"{}", shown(.0))]
    Upgrade(Option<String>),
    /// Section 4.1, 3.
    #[error("the answer has no \"Connection: Upgrade\"{}", shown(.0))]
    Connection(Option<String>),
    /// Section 4.1, 4.
    #[error("the answer has a wrong Sec-WebSocket-Accept{}", shown(.0))]
    Accept(Option<String>),
    /// Section 4.1, 5.
    #[error("the server accepted an extension that was not offered: {:?}", cut(.0))]
    Extension(String),
    /// RFC 7692 section 7.1.
    #[error("the server's answer to permessage-deflate is {:?}: {why}", cut(.answer))]
    Deflate {
        /// What it said.
        answer: String,
        /// What is wrong with that.
        why: String,
    },
    /// Section 4.1, 6.
    #[error("the server chose a subprotocol that was not offered: {:?}", cut(.0))]
    Subprotocol(String),
    /// What came is not HTTP/1.1.
    #[error("the answer is not HTTP/1.1: {0}")]
    NotHttp(String),
    /// More headers, or longer ones, than anybody needs.
    #[error("the head of the answer is too large")]
    TooLarge,
    /// The server does not speak HTTP/2.
    #[error("the server does not speak HTTP/2")]
    NoHttp2,
    /// RFC 8441 section 3.
    #[error("the server has no WebSocket over HTTP/2 (extended CONNECT, RFC 8441)")]
    NoWebSocketInHttp2,
    /// RFC 9113 section 8.6: there is nothing to switch to.
    #[error("the answer over HTTP/2 has the status 101, which is for HTTP/1.1")]
    Switching,
    /// HTTP/2 itself.
    #[error("HTTP/2 failed: {0}")]
    Http2(String),
    /// Nothing, or not everything, came.
    #[error("the connection was closed before the answer was complete{0}")]
    Cut(String),
}

impl HandshakeFault {
    /// The way out.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            HandshakeFault::Subprotocol(_) => Some("offer it with --subprotocol"),
            HandshakeFault::NoHttp2 | HandshakeFault::NoWebSocketInHttp2 => {
                Some("without --http2-prior-knowledge, HTTP/1.1 is spoken")
            }
            HandshakeFault::Switching | HandshakeFault::Http2(_) => {
                Some("is it HTTP/2 that it speaks? without the flag, HTTP/1.1 is spoken")
            }
            HandshakeFault::NotHttp(_) | HandshakeFault::Cut(_) => {
                Some("is there a WebSocket server at this address, and is it ws:// that it speaks?")
            }
            HandshakeFault::Extension(_) => Some(
                "what -H offers is not spoken here, but by --compress; or is it another server?",
            ),
            HandshakeFault::Deflate { .. } => {
                Some("it may agree to less: --compress without parameters, or no --compress")
            }
            HandshakeFault::TooLarge => Some("is it a WebSocket server?"),
            HandshakeFault::Upgrade(_)
            | HandshakeFault::Connection(_)
            | HandshakeFault::Accept(_) => {
                Some("is it a WebSocket server, and does nothing on the way change its headers?")
            }
        }
    }
}

fn shown(value: &Option<String>) -> String {
    match value {
        Some(value) => format!(", it says {:?}", cut(value)),
        None => String::new(),
    }
}

/// The beginning of a value, which may be as long as a head may be.
fn cut(value: &str) -> Cow<'_, str> {
    const MOST: usize = 200;
    match value.char_indices().nth(MOST) {
        Some((end, _)) => Cow::Owned(format!("{}…", &value[..end])),
        None => Cow::Borrowed(value),
    }
}

/// An answer with another status than 101.
#[derive(Clone, Debug)]
pub struct Refusal {
    /// The version of HTTP.
    pub version: Version,
    /// The status.
    pub status: StatusCode,
    /// The status in the server's words.
    pub reason: String,
    /// The headers.
    pub headers: HeaderMap,
    /// The beginning of the body.
    pub body: Vec<u8>,
}

impl Refusal {
    /// An answer, and what there is of its body.
    pub fn new(answer: &response::Parts, body: Vec<u8>) -> Refusal {
        let headers = answer.headers.clone();
        let version = answer.version;
        Refusal { version, status: answer.status, reason: reason(answer), headers, body }
    }

    /// The way out, where there is one.
    pub fn hint(&self) -> Option<&'static str> {
        match self.status.as_u16() {
            301 | 302 | 303 | 307 | 308 if self.headers.contains_key(LOCATION) => {
                Some("the server is elsewhere: -L goes there")
            }
            401 => Some("say who you are: -u USER:PASSWORD, --oauth2-bearer TOKEN, --netrc"),
            _ if self.may_pass() => Some("it may be over soon: --retry N tries again"),
            _ => None,
        }
    }

    /// Whether the same request may be accepted soon, as curl sees it.
    pub fn may_pass(&self) -> bool {
        matches!(self.status.as_u16(), 408 | 429 | 500 | 502 | 503 | 504)
    }

    /// How long to wait, if the server says it (RFC 9110 section 10.2.3): some seconds, or until a date.
    pub fn retry_after(&self, now: SystemTime) -> Option<Duration> {
        let value = self.headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
        let after = match value.parse() {
            Ok(seconds) => Duration::from_secs(seconds),
            Err(_) => httpdate::parse_http_date(value).ok()?.duration_since(now).ok()?,
        };
        Some(after.min(LONGEST_RETRY_AFTER)).filter(|after| !after.is_zero())
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        // A server need not say why, and what it says in other than ASCII is lost in hyper.
        let reason = match self.reason.as_str() {
            "" => self.status.canonical_reason().unwrap_or("without a reason"),
            own => own,
        };
        write!(f, "{} {}", self.status.as_u16(), escape::one_line(reason))
    }
}

/// The status in words: the server's own, or the usual ones.
fn reason(answer: &response::Parts) -> String {
    match answer.extensions.get::<ReasonPhrase>() {
        Some(own) => String::from_utf8_lossy(own.as_bytes()).into_owned(),
        None => answer.status.canonical_reason().unwrap_or_default().to_owned(),
    }
}

/// The first line of an answer (RFC 9112 section 4); HTTP/2 has none, and no words for the status.
pub fn status_line(answer: &response::Parts) -> String {
    let status = answer.status.as_u16();
    match answer.version {
        Version::HTTP_2 => format!("HTTP/2 {status}"),
        version => format!("{version:?} {status} {}", reason(answer)),
    }
}

/// Judges an answer with status 101 to the request with these headers.
///
/// # Errors
/// The first rule of section 4.1 that it breaks.
pub fn judge(
    request: &HeaderMap,
    offer: Option<&Offer>,
    answer: &HeaderMap,
) -> Result<Accepted, HandshakeFault> {
    let upgrade = joined(answer, UPGRADE);
    if !upgrade.as_deref().is_some_and(|value| value.trim().eq_ignore_ascii_case("websocket")) {
        return Err(HandshakeFault::Upgrade(upgrade));
    }
    let connection = joined(answer, CONNECTION);
    let is_upgrade = |token: &str| token.trim().eq_ignore_ascii_case("upgrade");
    if !connection.as_deref().is_some_and(|list| list.split(',').any(is_upgrade)) {
        return Err(HandshakeFault::Connection(connection));
    }
    let key = request.get(SEC_WEBSOCKET_KEY).map(|key| key.as_bytes()).unwrap_or_default();
    let accept = joined(answer, SEC_WEBSOCKET_ACCEPT);
    if accept.as_deref().map(str::trim) != Some(&derive_accept_key(key)) {
        return Err(HandshakeFault::Accept(accept));
    }
    judge_choices(request, offer, answer)
}

/// Judges what an answer that accepts has chosen, over HTTP/2 too (RFC 8441 section 5).
///
/// # Errors
/// It was not offered.
pub fn judge_choices(
    request: &HeaderMap,
    offer: Option<&Offer>,
    answer: &HeaderMap,
) -> Result<Accepted, HandshakeFault> {
    let extension = joined(answer, SEC_WEBSOCKET_EXTENSIONS).filter(|list| !list.trim().is_empty());
    let deflate = match (&extension, offer) {
        (None, _) => None,
        (Some(extension), None) => return Err(HandshakeFault::Extension(extension.clone())),
        (Some(extension), Some(offer)) => {
            let wrong = |why| HandshakeFault::Deflate { answer: extension.clone(), why };
            Some(offer.judge(extension).map_err(wrong)?)
        }
    };
    let subprotocol = joined(answer, SEC_WEBSOCKET_PROTOCOL);
    match &subprotocol {
        Some(chosen) if !Request::offered(request).contains(chosen) => {
            Err(HandshakeFault::Subprotocol(chosen.clone()))
        }
        _ => Ok(Accepted { subprotocol, deflate, extension }),
    }
}

/// A header's value; several lines of it make one list (RFC 9110 section 5.3).
fn joined(headers: &HeaderMap, name: HeaderName) -> Option<String> {
    let values: Vec<_> = headers
        .get_all(name)
        .iter()
        .map(|value| String::from_utf8_lossy(value.as_bytes()))
        .collect();
    if values.is_empty() { None } else { Some(values.join(", ")) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hyper::header::HeaderValue;

    fn map(lines: &[&str]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for line in lines {
            let (name, value) = line.split_once(": ").unwrap();
            let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
            headers.append(name, HeaderValue::from_str(value).unwrap());
        }
        headers
    }

    #[test]
    fn a_server_may_say_when_to_come_again() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000);
        let cases = [
            ("7", Some(7)),
            (" 7 ", Some(7)),
            ("0", None),
            ("Sun, 09 Sep 2001 01:46:50 GMT", Some(10)),
            ("Sun, 09 Sep 2001 01:46:30 GMT", None),
            ("99999999999999999999", None),
            ("9999999", Some(6 * 3600)),
            ("soon", None),
        ];
        for (value, seconds) in cases {
            let refusal = Refusal {
                version: Version::HTTP_11,
                status: StatusCode::SERVICE_UNAVAILABLE,
                reason: String::new(),
                headers: map(&[&format!("Retry-After: {value}")]),
                body: Vec::new(),
            };
            assert_eq!(refusal.retry_after(now), seconds.map(Duration::from_secs), "{value}");
        }
    }

    const UP: &str = "Upgrade: websocket";
    const CON: &str = "Connection: Upgrade";
    /// The example of RFC 6455 section 1.3.
    const KEY: &str = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==";
    const ACC: &str = "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

    #[test]
    fn a_value_of_any_length_is_cut_to_what_can_be_read() {
        let long = "\u{e9}".repeat(201);
        let cut = format!("{}…", "\u{e9}".repeat(200));
        for (value, shown) in [("", ""), ("chat", "chat"), (&long[2..], &long[2..]), (&long, &cut)]
        {
            assert_eq!(super::cut(value), shown);
        }
    }

    #[test]
    fn what_is_quoted_of_an_answer_is_spelled_out_once() {
        let said = || "a\u{9b}2J\u{202e}\"".to_owned();
        let faults = [
            HandshakeFault::Upgrade(Some(said())),
            HandshakeFault::Connection(Some(said())),
            HandshakeFault::Accept(Some(said())),
            HandshakeFault::Extension(said()),
            HandshakeFault::Deflate { answer: said(), why: "why".into() },
            HandshakeFault::Subprotocol(said()),
        ];
        for fault in faults {
            let text = fault.to_string();
            assert!(text.contains(r#" "a\u{9b}2J\u{202e}\"""#), "{text}");
        }
    }

    #[test]
    fn an_answer_is_judged_by_section_4_1() {
        use HandshakeFault as Fault;
        let none = Ok(Accepted::default());
        let some = |text: &str| Some(text.to_owned());
        let chat = Ok(Accepted { subprotocol: some("chat"), ..Accepted::default() });
        let cases: Vec<(&[&str], Result<Accepted, Fault>)> = vec![
            (&[UP, CON, ACC], none.clone()),
            (&["Upgrade: WebSocket", "Connection: keep-alive, uPGRADE", ACC], none.clone()),
            (&[UP, "Connection: keep-alive", CON, ACC], none.clone()),
            (&[UP, CON, ACC, "Sec-WebSocket-Extensions: "], none),
            (&[UP, CON, ACC, "Sec-WebSocket-Protocol: chat"], chat),
            (&[CON, ACC], Err(Fault::Upgrade(None))),
            (&["Upgrade: h2c", CON, ACC], Err(Fault::Upgrade(some("h2c")))),
            (&[UP, ACC], Err(Fault::Connection(None))),
            (&[UP, "Connection: close", ACC], Err(Fault::Connection(some("close")))),
            (&[UP, "Connection: upgraded", ACC], Err(Fault::Connection(some("upgraded")))),
            (&[UP, CON], Err(Fault::Accept(None))),
            (&[UP, CON, "Sec-WebSocket-Accept: x"], Err(Fault::Accept(some("x")))),
            (&[UP, CON, ACC, "Sec-WebSocket-Extensions: permessage-deflate"], {
                Err(Fault::Extension("permessage-deflate".into()))
            }),
            (&[UP, CON, ACC, "Sec-WebSocket-Protocol: other"], {
                Err(Fault::Subprotocol("other".into()))
            }),
            (&[UP, CON, ACC, "Sec-WebSocket-Protocol: Chat"], {
                Err(Fault::Subprotocol("Chat".into()))
            }),
            (&[UP, CON, ACC, "Sec-WebSocket-Protocol: chat, soap"], {
                Err(Fault::Subprotocol("chat, soap".into()))
            }),
        ];
        let request = map(&[KEY, "Sec-WebSocket-Protocol: soap, chat"]);
        for (lines, expected) in cases {
            assert_eq!(judge(&request, None, &map(lines)), expected, "{lines:?}");
        }
    }
}
