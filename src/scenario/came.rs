//! Something that came, in words that are harmless to print.

use super::report::hide;
use super::template::Values;
use crate::exit::Closure;
use crate::output::escape::{Layout, bytes};
use crate::wire::Kind;
use crate::wire::close::{ABNORMAL, meaning};

/// Bytes of a message that are shown, as text and as hex.
const SHOWN: usize = 200;
const BYTES: usize = 24;

/// Something that came.
#[derive(Clone, Copy, Debug)]
pub enum Came<'a> {
    /// A message.
    Message(Kind, &'a [u8]),
    /// A Ping.
    Ping(&'a [u8]),
    /// A Pong.
    Pong(&'a [u8]),
    /// The end of the connection.
    End(&'a Closure),
}

impl Came<'_> {
    /// The bytes of it.
    pub(super) fn payload(&self) -> &[u8] {
        match self {
            Came::Message(_, payload) | Came::Ping(payload) | Came::Pong(payload) => payload,
            Came::End(_) => &[],
        }
    }

    /// What came, in one line. Secrets are named before anything is cut.
    pub fn describe(self, values: &Values) -> String {
        self.without_secrets(values, |came| came.words())
    }

    /// The same with the names of secrets in their place.
    pub(super) fn without_secrets<T>(self, values: &Values, then: impl FnOnce(Came) -> T) -> T {
        match self {
            Came::Message(kind, payload) => match std::str::from_utf8(payload) {
                Ok(text) => {
                    let text = hide(text.to_owned(), values.secrets());
                    then(Came::Message(kind, text.as_bytes()))
                }
                Err(_) => then(self),
            },
            _ => then(self),
        }
    }

    fn words(self) -> String {
        match self {
            Came::Message(Kind::Text, payload) => format!("text {}", shown(payload)),
            Came::Message(Kind::Binary, payload) => {
                let most = payload.len().min(BYTES);
                let hex: String = payload[..most].iter().map(|b| format!(" {b:02x}")).collect();
                let more = if most < payload.len() { " …" } else { "" };
                format!("binary, {} bytes:{hex}{more}", payload.len())
            }
            Came::Ping(payload) => format!("ping {}", shown(payload)),
            Came::Pong(payload) => format!("pong {}", shown(payload)),
            Came::End(closure) => ended(closure),
        }
    }
}

/// How a connection ended, in words.
pub fn ended(closure: &Closure) -> String {
    let (code, reason) = (closure.close_code(), closure.reason());
    let reason =
        if reason.is_empty() { String::new() } else { format!(" {}", shown(reason.as_bytes())) };
    match closure {
        Closure::Lost(why) => format!("the connection was lost ({why})"),
        Closure::Violated(violation) => format!("the peer broke the protocol: {violation}"),
        _ if code == ABNORMAL => "the connection was lost before the peer's Close came".into(),
        Closure::ByUs { .. } if closure.peers_close().is_none() => {
            format!("our Close was answered: {code} {}{reason}", meaning(code))
        }
        _ => format!("closed by peer: {code} {}{reason}", meaning(code)),
    }
}

/// The beginning of a payload, between quotes and harmless.
pub fn shown(payload: &[u8]) -> String {
    format!("\"{}\"", beginning(payload))
}

/// The beginning of a payload, harmless and on one line.
pub(super) fn beginning(payload: &[u8]) -> String {
    let mut text = String::new();
    let mut most = payload.len().min(SHOWN);
    while most < payload.len() && most > 0 && payload[most] & 0xc0 == 0x80 {
        most -= 1;
    }
    bytes(&mut text, &payload[..most], Layout::OneLine);
    if most < payload.len() {
        text.push_str(&format!("… ({} bytes)", payload.len()));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::Close;

    fn text(payload: &str) -> Came<'_> {
        Came::Message(Kind::Text, payload.as_bytes())
    }

    #[test]
    fn what_came_is_told_on_one_harmless_line() {
        let long = "x".repeat(300);
        let closed = Closure::ByPeer(Close::new(1008, "no\x1b"));
        let lost = Closure::Lost("reset".into());
        let cases = [
            (text("a\nb\x1b"), "text \"a\\nb\\x1b\"".to_owned()),
            (text(&long), format!("text \"{}… (300 bytes)\"", "x".repeat(200))),
            (Came::Message(Kind::Binary, b"\x00\x01"), "binary, 2 bytes: 00 01".to_owned()),
            (Came::Ping(b"x"), "ping \"x\"".to_owned()),
            (Came::End(&closed), "closed by peer: 1008 policy violation \"no\\x1b\"".to_owned()),
            (Came::End(&lost), "the connection was lost (reset)".to_owned()),
        ];
        for (came, expected) in cases {
            assert_eq!(came.describe(&Values::default()), expected);
        }
    }
}
