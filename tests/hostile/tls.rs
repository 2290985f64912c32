//! TLS where none is spoken, HTTP/2 where none is spoken, and either of them broken. TLS where none was
//! expected is with the other garbage.

use super::case::{Case, trickle};
use crate::support::Wire;

/// Reads what comes first, answers with this and ends.
fn answering(answer: &'static [u8]) -> impl FnOnce(&mut Wire) + Send {
    move |wire: &mut Wire| {
        wire.first_bytes();
        wire.try_send(answer);
        wire.end_whatever_comes();
    }
}

pub fn cases() -> Vec<Case> {
    broken_tls().into_iter().chain(broken_http2()).collect()
}

fn broken_tls() -> Vec<Case> {
    const SECTION: &str = "8446 5.1";
    let failed = |name, answer| {
        Case::new(name, SECTION, answering(answer))
            .encrypted()
            .ends(35, "wspipe: TLS with 127.0.0.1:PORT failed")
    };
    let late = |name, server: fn(&mut Wire)| {
        let limit = ["--connect-timeout", "1s"];
        let late = "127.0.0.1:PORT did not open a session within 1s";
        Case::new(name, SECTION, server).encrypted().with(&limit).ends(28, late)
    };
    let reset = |wire: &mut Wire| {
        wire.first_bytes();
        wire.reset();
    };
    let flood = |wire: &mut Wire| {
        wire.first_bytes();
        while wire.try_send(b"\x15\x03\x03\x00\x02\x01\x5a".repeat(1000)) {}
    };
    vec![
        failed("HTTP where TLS is expected", b"HTTP/1.1 400 Bad Request\r\n\r\n"),
        failed("a close instead of TLS", b""),
        failed("garbage instead of TLS", b"\xff\x00\xff\x00\xff\x00\xff\x00"),
        failed("another protocol instead of TLS", b"220 ready\r\n"),
        failed("a fatal alert", b"\x15\x03\x03\x00\x02\x02\x28"),
        failed("a record larger than TLS allows", b"\x16\x03\x03\xff\xff"),
        failed("an empty handshake record", b"\x16\x03\x03\x00\x00"),
        failed(
            "a handshake message that breaks off",
            b"\x16\x03\x03\x00\x7a\x02\x00\x00\x76\x03\x03",
        ),
        failed("encrypted data before any key", b"\x17\x03\x03\x00\x05hello"),
        failed("SSL 2", b"\x80\x2e\x01\x00\x02\x00\x15\x00\x00\x00\x10"),
        Case::new("a reset instead of TLS", SECTION, reset)
            .encrypted()
            .ends(35, "wspipe: TLS with 127.0.0.1:PORT failed"),
        Case::new("warnings without end", "8446 6", flood)
            .encrypted()
            .ends(35, "wspipe: TLS with 127.0.0.1:PORT failed"),
        late("silence instead of TLS", Wire::bytes_until_gone),
        late("a record that trickles", |wire| {
            wire.first_bytes();
            wire.try_send(b"\x16\x03\x03\x40\x00\x02\x00\x3f\xfc");
            trickle(wire, std::iter::repeat(b'x'));
        }),
    ]
}

fn broken_http2() -> Vec<Case> {
    const ASKED: &[&str] = &["--http2-prior-knowledge"];
    const SETTINGS: &[u8] = b"\x00\x00\x00\x04\x00\x00\x00\x00\x00";
    const EXTENDED: &[u8] = b"\x00\x00\x06\x04\x00\x00\x00\x00\x00\x00\x08\x00\x00\x00\x01";
    const GOAWAY: &[u8] = b"\x00\x00\x08\x07\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01";
    let failed = |name, section, answer| {
        Case::new(name, section, answering(answer))
            .with(ASKED)
            .ends(8, "wspipe: the opening handshake failed: ")
    };
    let silent = |name, answer: &'static [u8]| {
        let server = move |wire: &mut Wire| {
            wire.first_bytes();
            wire.try_send(answer);
            wire.bytes_until_gone();
        };
        let limit = ["--connect-timeout", "1s"];
        Case::new(name, "9113 3.4", server)
            .with(ASKED)
            .with(&limit)
            .ends(28, "did not open a session within 1s")
    };
    vec![
        failed(
            "HTTP/1.1 where HTTP/2 is expected",
            "9113 3.4",
            b"HTTP/1.1 400 Bad Request\r\n\r\n",
        ),
        failed("a close instead of HTTP/2", "9113 3.4", b""),
        failed("HTTP/2 that goes away", "9113 6.8", GOAWAY),
        failed("HTTP/2 that offers WebSocket and closes", "8441 4", EXTENDED),
        silent("silence instead of HTTP/2", b""),
        silent("HTTP/2 that offers no WebSocket and is silent", SETTINGS),
        silent("HTTP/2 that offers WebSocket and is silent", EXTENDED),
    ]
}
