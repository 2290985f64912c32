//! What `-v` and `-i` show of an opening, as curl does: lines with * about the way, with > what is asked,
//! with < what is answered. Secrets are (redacted).

use hyper::Version;
use hyper::header::HeaderMap;
use hyper::http::response;

use crate::handshake::{Hop, Route, Step, TlsInfo, shown_headers, status_line};
use crate::output::escape::{self, Layout};

/// A step on the way, if there is something to say of it.
pub fn way(step: &Step) -> Option<String> {
    Some(match step {
        Step::Route(Route::Excluded { by }) => format!("* no proxy for this host ({by})"),
        Step::Route(Route::Through { proxy, by }) => format!("* proxy {proxy} ({by})"),
        Step::Resolved(addresses) => {
            let list: Vec<_> = addresses.iter().map(ToString::to_string).collect();
            format!("* resolved to {}", list.join(", "))
        }
        Step::Connected(peer) => format!("* connected to {peer}"),
        Step::Attached(socket) => {
            format!("* connected to {}", escape::one_line(&socket.display().to_string()))
        }
        Step::Secured(hop, info) => secured(*hop, info),
        Step::Tunnelling(to) => format!("* SOCKS 5: a tunnel to {to}, please"),
        Step::Tunnelled(to) => format!("* the proxy has opened a tunnel to {to}"),
        Step::Redirected(to, false) => format!("* redirected to {}", to.url()),
        Step::Redirected(to, true) => format!(
            "* redirected to {}, another origin: what says who we are at the first is not told there",
            to.url()
        ),
        Step::Route(Route::Direct)
        | Step::Awaiting(_)
        | Step::Fallback(_)
        | Step::Asked(..)
        | Step::Answered(..) => {
            return None;
        }
    })
}

/// A request.
pub fn asked(lines: &[&str], version: Version, headers: &HeaderMap) -> String {
    let mut text = format!("> {}", lines.join("\n> "));
    push_headers(&mut text, '>', headers, version);
    text
}

/// The head of an answer.
pub fn answered(parts: &response::Parts) -> String {
    let mut text = format!("< {}", escape::one_line(&status_line(parts)));
    push_headers(&mut text, '<', &parts.headers, parts.version);
    text
}

fn secured(hop: Hop, info: &TlsInfo) -> String {
    let protocol = info.protocol.as_deref().map(|name| format!(", {}", escape::one_line(name)));
    let (with, anybody) = match hop {
        Hop::Proxy => ("TLS with the proxy: ", "--proxy-insecure"),
        Hop::Server => ("", "-k"),
    };
    let mut text = format!("* {with}{}, {}", info.version, info.cipher);
    text.push_str(&protocol.unwrap_or_default());
    for (depth, certificate) in info.chain.iter().enumerate() {
        text.push_str(&format!("\n* certificate {depth}: {certificate}"));
    }
    match info.verified {
        true => text + "\n* the certificate is trusted",
        false => format!("{text}\n* the certificate is not verified ({anybody})"),
    }
}

/// Adds lines of headers, and an empty one.
pub fn push_headers(text: &mut String, mark: char, headers: &HeaderMap, version: Version) {
    for (name, value) in shown_headers(headers, version) {
        text.push_str(&format!("\n{mark} {name}: "));
        escape::bytes(text, &value, Layout::OneLine);
    }
    text.push_str(&format!("\n{mark}"));
}
