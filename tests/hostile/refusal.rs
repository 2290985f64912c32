//! Answers that refuse, and what they bring along.

use super::case::{Case, trickle};
use crate::support::Wire;

const REFUSED: &str = "wspipe: refused by the server: ";

pub fn cases() -> Vec<Case> {
    statuses().into_iter().chain(bodies()).collect()
}

fn answering(answer: impl Into<Vec<u8>>) -> impl FnOnce(&mut Wire) + Send {
    let answer = answer.into();
    move |wire: &mut Wire| {
        wire.request();
        wire.try_send(answer);
        wire.end_whatever_comes();
    }
}

/// Any status but 101 is a refusal, whatever headers of an upgrade come with it.
fn statuses() -> Vec<Case> {
    const STATUSES: &[u16] =
        &[200, 204, 301, 302, 304, 400, 401, 403, 404, 407, 426, 429, 500, 503, 599, 600, 999];
    let case = |status: &u16| {
        let status = *status;
        let server = move |wire: &mut Wire| {
            wire.request();
            let answer = wire.switching_protocols();
            wire.try_send(answer.replace("101 Switching Protocols", &format!("{status} No")));
            wire.end_whatever_comes();
        };
        let name = format!("status {status} with all the rest of a 101");
        Case::new(name, "6455 4.1", server).ends(22, format!("{REFUSED}{status}"))
    };
    STATUSES.iter().map(case).collect()
}

fn bodies() -> Vec<Case> {
    let refused = |name, section, answer: &'static [u8]| {
        Case::new(name, section, answering(answer)).ends(22, format!("{REFUSED}403 Forbidden"))
    };
    let endless = |name, head: &'static str, packet: &'static str| {
        let server = move |wire: &mut Wire| {
            wire.request();
            wire.try_send(head);
            while wire.try_send(packet.repeat(1000)) {}
        };
        Case::new(name, "9112 6.3", server).ends(22, format!("{REFUSED}403 Forbidden"))
    };
    let silent = |name, answer: &'static str| {
        let server = move |wire: &mut Wire| {
            wire.request();
            wire.send(answer);
            wire.bytes_until_gone();
        };
        let limit = ["--connect-timeout", "1s"];
        Case::new(name, "9112 6.3", server).with(&limit).ends(22, format!("{REFUSED}403 Forbidden"))
    };
    let trickling = |wire: &mut Wire| {
        wire.request();
        wire.send("HTTP/1.1 403 Forbidden\r\nContent-Length: 1000000\r\n\r\n");
        trickle(wire, std::iter::repeat(b'x'));
    };
    vec![
        endless("a body without end", "HTTP/1.1 403 Forbidden\r\n\r\n", "more and more "),
        endless("chunks without end", "HTTP/1.1 403 Forbidden\r\nTransfer-Encoding: chunked\r\n\r\n", "4\r\nmore\r\n"),
        endless("trailers without end", "HTTP/1.1 403 Forbidden\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n", "X-A: b\r\n"),
        silent("a body that never comes", "HTTP/1.1 403 Forbidden\r\nContent-Length: 1000\r\n\r\n"),
        silent("a body that stops", "HTTP/1.1 403 Forbidden\r\nContent-Length: 1000\r\n\r\nused"),
        Case::new("a body that trickles", "9112 6.3", trickling)
            .with(&["--connect-timeout", "1s"])
            .ends(22, format!("{REFUSED}403 Forbidden")),
        refused("a body cut short", "9112 6.3", b"HTTP/1.1 403 Forbidden\r\nContent-Length: 1000\r\n\r\nused"),
        refused("a chunk whose size is no number", "9112 7.1", b"HTTP/1.1 403 Forbidden\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nused"),
        refused("a chunk of 2^64 bytes", "9112 7.1", b"HTTP/1.1 403 Forbidden\r\nTransfer-Encoding: chunked\r\n\r\n10000000000000000\r\nused"),
        refused("a body that writes to the terminal", "6455 10", b"HTTP/1.1 403 Forbidden\r\nX-A: \x9b2J\r\n\r\n\x1b]0;x\x07\x1b[2J\rfine\n"),
        refused("a reason phrase that is not ASCII", "9112 4", b"HTTP/1.1 403 Forbidden \xc2\x9b\xe2\x80\xae\r\n\r\n"),
        refused("no reason phrase", "9112 4", b"HTTP/1.1 403\r\n\r\n"),
        Case::new(
            "no reason phrase for a status that nobody knows",
            "9112 4",
            answering("HTTP/1.1 599\r\n\r\n"),
        )
        .ends(22, format!("{REFUSED}599 without a reason")),
        Case::new("a Content-Length that is no number", "9112 6.3", answering("HTTP/1.1 403 Forbidden\r\nContent-Length: many\r\n\r\n"))
            .ends(8, "wspipe: the opening handshake failed: the answer is not HTTP/1.1"),
        Case::new("a negative Content-Length", "9112 6.3", answering("HTTP/1.1 403 Forbidden\r\nContent-Length: -1\r\n\r\n"))
            .ends(8, "wspipe: the opening handshake failed: the answer is not HTTP/1.1"),
        Case::new("two Content-Lengths", "9112 6.3", answering("HTTP/1.1 403 Forbidden\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab"))
            .ends(8, "wspipe: the opening handshake failed: the answer is not HTTP/1.1"),
        Case::new("a redirect that is not to be followed", "9110 15.4", answering("HTTP/1.1 302 Found\r\nLocation: file:///etc/passwd\r\n\r\n"))
            .ends(22, format!("{REFUSED}302 Found")),
        Case::new("a redirect to a file", "9110 15.4", answering("HTTP/1.1 302 Found\r\nLocation: file:///etc/passwd\r\n\r\n"))
            .with(&["-L"])
            .ends(3, "the URL scheme file: is not one for WebSocket"),
    ]
}
