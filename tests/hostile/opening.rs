//! Every way an answer to the opening handshake can be wrong, short of a refusal, and some in which it only
//! looks wrong.

use std::time::Duration;

use super::case::{Case, trickle};
use crate::support::{Wire, close, text};

const UNFIT: &str = "wspipe: the opening handshake failed: ";
const NO_UPGRADE: &str = "the answer has no \"Upgrade: websocket\"";
const NO_CONNECTION: &str = "the answer has no \"Connection: Upgrade\"";
const WRONG_ACCEPT: &str = "the answer has a wrong Sec-WebSocket-Accept";
const NOT_OFFERED: &str = "the server chose a subprotocol that was not offered";
const EXTENSION: &str = "the server accepted an extension that was not offered";
const DEFLATE: &str = "the server's answer to permessage-deflate is";
const NOT_HTTP: &str = "the answer is not HTTP/1.1";
const TOO_LARGE: &str = "the head of the answer is too large";
const CUT: &str = "the connection was closed before the answer was complete";
const LATE: &str = "did not open a session within 1s";

/// A request and an answer that are whole, and the session after it.
fn answering(
    change: impl FnOnce(String) -> String + Send + 'static,
) -> impl FnOnce(&mut Wire) + Send {
    move |wire| {
        wire.request();
        let answer = change(wire.switching_protocols());
        wire.try_send([answer.as_bytes(), &text("one"), &close(1000, "")].concat());
        wire.end_whatever_comes();
    }
}

/// These bytes for an answer, and the end.
fn saying(answer: impl Into<Vec<u8>>) -> impl FnOnce(&mut Wire) + Send {
    let answer = answer.into();
    move |wire: &mut Wire| {
        wire.request();
        wire.try_send(answer);
        wire.end_whatever_comes();
    }
}

/// These bytes again and again, after those.
fn flooding(first: &'static str, then: &'static [u8]) -> impl FnOnce(&mut Wire) + Send {
    move |wire: &mut Wire| {
        wire.request();
        wire.try_send(first);
        let packet = then.repeat((64 << 10) / then.len());
        while wire.try_send(&packet) {}
    }
}

/// An answer with these header lines in addition.
fn adding(lines: &'static str) -> impl FnOnce(&mut Wire) + Send {
    answering(move |answer| answer.replace("\r\n\r\n", &format!("\r\n{lines}\r\n\r\n")))
}

/// An answer with this in place of that.
fn replacing(from: &'static str, to: &'static str) -> impl FnOnce(&mut Wire) + Send {
    answering(move |answer| {
        assert!(answer.contains(from), "{answer}");
        answer.replace(from, to)
    })
}

/// An answer whose Accept is made from the right one.
fn accepting(change: impl Fn(&str) -> String + Send + 'static) -> impl FnOnce(&mut Wire) + Send {
    answering(move |answer| {
        let (head, accept) = answer.split_once("Sec-WebSocket-Accept: ").unwrap();
        format!("{head}{}\r\n\r\n", change(accept.trim_end()))
    })
}

pub fn cases() -> Vec<Case> {
    [
        accept(),
        upgrade(),
        choices(),
        status_lines(),
        headers(),
        large_heads(),
        garbage(),
        breaking_off(),
        slow(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn unfit(case: Case, why: &str) -> Case {
    case.ends(8, format!("{UNFIT}{why}"))
}

fn fit(case: Case) -> Case {
    case.ends(0, "").printing("one\n")
}

fn accept() -> Vec<Case> {
    const WRONG: &str = "Sec-WebSocket-Accept: AAAAAAAAAAAAAAAAAAAAAAAAAAA=";
    let header = |value: &str| format!("Sec-WebSocket-Accept: {value}");
    let wrong = |name, server: Box<dyn FnOnce(&mut Wire) + Send>| {
        unfit(Case::new(name, "6455 4.1", server), WRONG_ACCEPT)
    };
    vec![
        fit(Case::new("nothing wrong", "6455 4.1", answering(|answer| answer))),
        wrong("Accept for another key", Box::new(accepting(|_| WRONG.into()))),
        wrong(
            "Accept in lower case",
            Box::new(accepting(move |right| header(&right.to_lowercase()))),
        ),
        wrong("Accept cut short", Box::new(accepting(move |right| header(&right[..20])))),
        wrong(
            "Accept without its padding",
            Box::new(accepting(move |right| header(right.trim_end_matches('=')))),
        ),
        wrong(
            "Accept with more behind it",
            Box::new(accepting(move |right| header(&format!("{right}, x")))),
        ),
        wrong("Accept of 90 kB", Box::new(accepting(move |_| header(&"A".repeat(90_000))))),
        wrong("an empty Accept", Box::new(accepting(move |_| header("")))),
        wrong("no Accept", Box::new(accepting(|_| "X-Accept: none".into()))),
        wrong(
            "two Accepts, both right",
            Box::new(accepting(move |right| [header(right), header(right)].join("\r\n"))),
        ),
        wrong(
            "two Accepts, the second wrong",
            Box::new(accepting(move |right| [header(right), WRONG.into()].join("\r\n"))),
        ),
        wrong(
            "two Accepts, the first wrong",
            Box::new(accepting(move |right| [WRONG.into(), header(right)].join("\r\n"))),
        ),
        fit(Case::new(
            "Accept with blanks about it",
            "6455 4.1",
            accepting(move |right| header(&format!("  {right} \t"))),
        )),
    ]
}

fn upgrade() -> Vec<Case> {
    let upgrade = |name, server: Box<dyn FnOnce(&mut Wire) + Send>| {
        unfit(Case::new(name, "6455 4.1", server), NO_UPGRADE)
    };
    let connection = |name, to| {
        unfit(Case::new(name, "6455 4.1", replacing("Connection: Upgrade", to)), NO_CONNECTION)
    };
    vec![
        upgrade("no Upgrade", Box::new(replacing("Upgrade: websocket\r\n", ""))),
        upgrade(
            "Upgrade to something else",
            Box::new(replacing("Upgrade: websocket", "Upgrade: h2c")),
        ),
        upgrade(
            "Upgrade to several things",
            Box::new(replacing("Upgrade: websocket", "Upgrade: websocket, h2c")),
        ),
        upgrade("an empty Upgrade", Box::new(replacing("Upgrade: websocket", "Upgrade:"))),
        upgrade(
            "Upgrade twice",
            Box::new(replacing("Upgrade: websocket", "Upgrade: websocket\r\nUpgrade: websocket")),
        ),
        connection("no Connection", "X-Connection: Upgrade"),
        connection("Connection that keeps alive", "Connection: keep-alive"),
        connection("Connection that only looks like it", "Connection: Upgrades, not-Upgrade"),
        fit(Case::new(
            "Connection in two lines",
            "9110 5.3",
            replacing("Connection: Upgrade", "Connection: keep-alive\r\nConnection: upgrade"),
        )),
        fit(Case::new(
            "other letter cases",
            "6455 4.1",
            answering(|answer| {
                answer
                    .replace("Upgrade: websocket", "UPGRADE: WebSocket")
                    .replace("Connection: Upgrade", "cONNECTION: uPGRADE")
            }),
        )),
    ]
}

/// A choice of 90 kB.
fn long(of: &'static str) -> impl FnOnce(&mut Wire) + Send {
    answering(move |answer| {
        let line = format!("\r\nSec-WebSocket-{of}: {}\r\n\r\n", "x".repeat(90_000));
        answer.replace("\r\n\r\n", &line)
    })
}

fn choices() -> Vec<Case> {
    const OFFER: &[&str] = &["--subprotocol", "mqtt", "--subprotocol", "amqp"];
    let protocol =
        |name, lines| unfit(Case::new(name, "6455 4.1", adding(lines)).with(OFFER), NOT_OFFERED);
    let extension = |name, lines| unfit(Case::new(name, "6455 9.1", adding(lines)), EXTENSION);
    let deflate = |name, section, lines| {
        unfit(Case::new(name, section, adding(lines)).with(&["--compress"]), DEFLATE)
    };
    vec![
        unfit(
            Case::new(
                "a subprotocol where none was offered",
                "6455 4.1",
                adding("Sec-WebSocket-Protocol: mqtt"),
            ),
            NOT_OFFERED,
        ),
        protocol("a subprotocol that was not offered", "Sec-WebSocket-Protocol: stomp"),
        protocol("a subprotocol in another letter case", "Sec-WebSocket-Protocol: MQTT"),
        protocol("two subprotocols in one line", "Sec-WebSocket-Protocol: mqtt, amqp"),
        protocol(
            "two subprotocols in two lines",
            "Sec-WebSocket-Protocol: mqtt\r\nSec-WebSocket-Protocol: amqp",
        ),
        protocol("an empty subprotocol", "Sec-WebSocket-Protocol:"),
        extension("an extension that nobody knows", "Sec-WebSocket-Extensions: x-made-up"),
        extension("permessage-deflate unasked", "Sec-WebSocket-Extensions: permessage-deflate"),
        unfit(Case::new("an extension of 90 kB", "6455 9.1", long("Extensions")), EXTENSION),
        unfit(Case::new("a subprotocol of 90 kB", "6455 4.1", long("Protocol")), NOT_OFFERED),
        extension("an extension that is no token", "Sec-WebSocket-Extensions: \";;=\""),
        deflate(
            "permessage-deflate twice",
            "7692 5",
            "Sec-WebSocket-Extensions: permessage-deflate, permessage-deflate",
        ),
        deflate(
            "permessage-deflate and another",
            "6455 9.1",
            "Sec-WebSocket-Extensions: permessage-deflate, x-made-up",
        ),
        deflate(
            "permessage-deflate with an unknown parameter",
            "7692 7.1",
            "Sec-WebSocket-Extensions: permessage-deflate; level=9",
        ),
        deflate(
            "permessage-deflate with a parameter twice",
            "7692 7.1",
            "Sec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover; server_no_context_takeover",
        ),
        deflate(
            "a window of 7 bits",
            "7692 7.1.2",
            "Sec-WebSocket-Extensions: permessage-deflate; server_max_window_bits=7",
        ),
        deflate(
            "a window of 16 bits",
            "7692 7.1.2",
            "Sec-WebSocket-Extensions: permessage-deflate; server_max_window_bits=16",
        ),
        deflate(
            "a window without a number",
            "7692 7.1.2",
            "Sec-WebSocket-Extensions: permessage-deflate; server_max_window_bits",
        ),
    ]
}

fn status_lines() -> Vec<Case> {
    let case =
        |name, line| Case::new(name, "9112 4", replacing("HTTP/1.1 101 Switching Protocols", line));
    let not_http = |name, line| unfit(case(name, line), NOT_HTTP);
    vec![
        not_http("HTTP/1.0", "HTTP/1.0 101 Switching Protocols"),
        not_http("HTTP/2.0 in words", "HTTP/2.0 101 Switching Protocols"),
        not_http("HTTP/1.2", "HTTP/1.2 101 Switching Protocols"),
        not_http("another protocol's name", "ICY 101 OK"),
        not_http("a status with letters", "HTTP/1.1 1O1 Switching Protocols"),
        not_http("a status of two digits", "HTTP/1.1 10 Switching Protocols"),
        not_http("a status of four digits", "HTTP/1.1 1010 Switching Protocols"),
        not_http("a negative status", "HTTP/1.1 -101 Switching Protocols"),
        not_http("status 000", "HTTP/1.1 000 Switching Protocols"),
        not_http("no status", "HTTP/1.1"),
        fit(case("no reason phrase", "HTTP/1.1 101")),
        fit(case("another reason phrase", "HTTP/1.1 101 \"Never\"")),
        fit(case(
            "an early hint first",
            "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 101 Go",
        )),
        Case::new(
            "early hints without end",
            "9110 15.2",
            flooding("", b"HTTP/1.1 103 Early Hints\r\n\r\n"),
        )
        .with(&["--connect-timeout", "1s"])
        .ends(28, LATE),
    ]
}

fn headers() -> Vec<Case> {
    let broken = |name, lines| unfit(Case::new(name, "9112 5", adding(lines)), NOT_HTTP);
    vec![
        broken("a header without a colon", "no colon here"),
        broken("a header without a name", ": value"),
        broken("a blank before the colon", "X-A : b"),
        broken("a folded header", "X-A: b\r\n c"),
        broken("NUL in a value", "X-A: b\0c"),
        broken("a control character in a value", "X-A: b\x01c"),
        broken("a lone CR in a value", "X-A: b\rc"),
        broken("a control character in a name", "X-\x1bA: b"),
        fit(Case::new("a value that is not ASCII", "9110 5.5", adding("X-A: caf\u{e9}\u{9b}"))),
        fit(Case::new("Content-Length in a 101", "9110 8.6", adding("Content-Length: 5"))),
        fit(Case::new(
            "Transfer-Encoding in a 101",
            "9112 6.1",
            adding("Transfer-Encoding: chunked"),
        )),
        fit(Case::new(
            "lines that end in LF alone",
            "9112 2.2",
            answering(|answer| answer.replace("\r\n", "\n")),
        )),
    ]
}

fn large_heads() -> Vec<Case> {
    fn with_header_of(size: usize) -> impl FnOnce(&mut Wire) + Send {
        answering(move |answer| {
            answer.replace("\r\n\r\n", &format!("\r\nX-Long: {}\r\n\r\n", "x".repeat(size)))
        })
    }
    fn with_headers(count: usize) -> impl FnOnce(&mut Wire) + Send {
        answering(move |answer| {
            let lines: String = (0..count).map(|number| format!("\r\nX-{number}: y")).collect();
            answer.replace("\r\n\r\n", &format!("{lines}\r\n\r\n"))
        })
    }
    const SECTION: &str = "9110 5.4";
    vec![
        fit(Case::new("a header of 100 kB", SECTION, with_header_of(100_000))),
        unfit(Case::new("a header of 10 MB", SECTION, with_header_of(10_000_000)), TOO_LARGE),
        fit(Case::new("900 headers", SECTION, with_headers(900))),
        unfit(Case::new("5000 headers", SECTION, with_headers(5000)), TOO_LARGE),
        unfit(
            Case::new(
                "headers without end",
                SECTION,
                flooding("HTTP/1.1 101 Switching Protocols\r\n", b"X-More: y\r\n"),
            ),
            TOO_LARGE,
        ),
        unfit(
            Case::new(
                "a header without end",
                SECTION,
                flooding("HTTP/1.1 101 Switching Protocols\r\nX-A: ", b"x"),
            ),
            TOO_LARGE,
        ),
        unfit(
            Case::new("a reason phrase without end", SECTION, flooding("HTTP/1.1 101 ", b"x")),
            TOO_LARGE,
        ),
    ]
}

fn garbage() -> Vec<Case> {
    let not_http =
        |name, answer: &'static [u8]| unfit(Case::new(name, "9112 2.1", saying(answer)), NOT_HTTP);
    vec![
        not_http("another protocol", b"SSH-2.0-OpenSSH_9.2\r\n"),
        not_http("a TLS alert", b"\x15\x03\x01\x00\x02\x02\x28"),
        not_http("a TLS handshake", b"\x16\x03\x03\x00\x7a\x02\x00\x00\x76\x03\x03"),
        not_http("frames without an answer", b"\x81\x05hello\x88\x00"),
        not_http("HTTP/2 settings", b"\x00\x00\x00\x04\x00\x00\x00\x00\x00"),
        not_http("a page without a head", b"<html><body>hello</body></html>\r\n\r\n"),
        not_http("bytes that are no text", b"\xff\xfe\x80\x00\x1b[2J\x9b"),
        unfit(Case::new("NULs without end", "9112 2.1", flooding("", b"\0")), NOT_HTTP),
        unfit(
            Case::new("garbage without end", "9112 2.1", flooding("", b"\xf8\x1b]0;x\x07")),
            NOT_HTTP,
        ),
        Case::new("empty lines without end", "9112 2.2", flooding("", b"\r\n")).ends(8, UNFIT),
    ]
}

/// The parts of an answer after which a connection may end.
const POINTS: &[(&str, &str)] = &[
    ("before any answer", ""),
    ("in the status line", "HTTP/1.1 101 Swit"),
    ("after the status line", "HTTP/1.1 101 Switching Protocols\r\n"),
    ("in a header", "HTTP/1.1 101 Switching Protocols\r\nUpgr"),
    ("before the empty line", "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"),
    ("in the empty line", "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r"),
];

fn breaking_off() -> Vec<Case> {
    let closes = POINTS.iter().map(|(point, part)| {
        unfit(Case::new(format!("a close {point}"), "6455 4.1", saying(*part)), CUT)
    });
    let resets = POINTS.iter().map(|(point, part)| {
        let server = move |wire: &mut Wire| {
            wire.request();
            wire.try_send(part);
            wire.reset();
        };
        unfit(Case::new(format!("a reset {point}"), "6455 4.1", server), CUT)
    });
    // Before it has come, a reset might be one of the connection, which is not to be had then.
    let unread: [(_, fn(&mut Wire)); 2] = [("a close", |_| {}), ("a reset", Wire::reset)];
    let unread = unread.into_iter().map(|(what, end)| {
        let server = move |wire: &mut Wire| {
            wire.stream().peek(&mut [0]).expect("a request");
            end(wire);
        };
        unfit(Case::new(format!("{what} and the request unread"), "6455 4.1", server), CUT)
    });
    closes.chain(resets).chain(unread).collect()
}

fn slow() -> Vec<Case> {
    let silences = POINTS.iter().map(|(point, part)| {
        let server = move |wire: &mut Wire| {
            wire.request();
            wire.try_send(part);
            wire.bytes_until_gone();
        };
        let name = format!("silence {point}");
        Case::new(name, "6455 4.1", server).with(&["--connect-timeout", "1s"]).ends(28, LATE)
    });
    let byte_by_byte = Case::new("an answer byte by byte", "9112 2.2", |wire: &mut Wire| {
        wire.request();
        let answer = wire.switching_protocols();
        for byte in [answer.as_bytes(), &text("one"), &close(1000, "")].concat() {
            wire.send([byte]);
        }
        wire.end();
    });
    let trickling =
        Case::new("an answer that trickles without end", "6455 4.1", |wire: &mut Wire| {
            wire.request();
            wire.send("HTTP/1.1 101 Switching Protocols\r\nX-A: ");
            trickle(wire, std::iter::repeat(b'x'));
        });
    let late = Case::new("an answer after a while", "6455 4.1", |wire: &mut Wire| {
        wire.request();
        wire.quiet_for(Duration::from_millis(300));
        let answer = wire.switching_protocols();
        wire.send([answer.as_bytes(), &text("one"), &close(1000, "")].concat());
        wire.end();
    });
    let trickling = trickling.with(&["--connect-timeout", "1s"]).ends(28, LATE);
    silences.chain([fit(byte_by_byte), trickling, fit(late)]).collect()
}
