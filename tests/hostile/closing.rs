//! Closes that break the protocol, Closes at the wrong time, and what comes after a Close.

use super::case::{Case, told, trickle};
use crate::support::{TEXT, Wire, close, close_without_code, frame, ping, text};

const FORBIDDEN: &[u16] = &[0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535];
const BAD_REASON: &str = "closed by us: 1007 invalid payload data: the peer sent a Close with a reason that is not UTF-8";

pub fn cases() -> Vec<Case> {
    let forbidden = FORBIDDEN.iter().map(|code| {
        let why = format!(
            "closed by us: 1002 protocol error: the peer sent a Close with the invalid code {code} "
        );
        let name = format!("Close with {code}");
        Case::new(name, "6455 7.4", told(close(*code, "why"), 1002))
            .ends(102, why)
            .printing("one\n")
    });
    forbidden.chain(payloads()).chain(afterwards()).chain(instead_of_an_answer()).collect()
}

fn payloads() -> Vec<Case> {
    let bad_reason = |name, reason: &[u8]| {
        let frame = frame(0x88, &[&[3, 0xe8], reason].concat());
        Case::new(name, "6455 5.5.1", told(frame, 1007)).ends(107, BAD_REASON).printing("one\n")
    };
    let by_peer = |name, reason: &str, line: &str| {
        Case::new(name, "6455 5.5.1", told(close(4000, reason), 4000))
            .ends(118, line)
            .printing("one\n")
    };
    vec![
        Case::new("Close with 1 byte", "6455 5.5.1", told(b"\x88\x01\x03", 1002))
            .ends(
                102,
                "closed by us: 1002 protocol error: the peer sent a Close with a payload of 1 byte",
            )
            .printing("one\n"),
        bad_reason("a reason with a bad byte", b"a\xffb"),
        bad_reason("a reason that the end cuts in a character", b"a\xe2\x82"),
        bad_reason("a reason with a surrogate", b"\xed\xa0\x80"),
        by_peer(
            "a reason that writes to the terminal",
            "\x1b]0;x\x07\x1b[2J\u{9b}\u{202e}\r\nfine",
            "closed by peer: 4000",
        ),
        by_peer(
            "a reason that looks like our own words",
            "\"\nwspipe: all is well",
            "closed by peer: 4000",
        ),
        by_peer("a reason of 123 bytes", &"x".repeat(123), "closed by peer: 4000"),
    ]
}

/// What a server says after its Close is not heard (section 5.5.1).
fn afterwards() -> Vec<Case> {
    let unheard = |name, bytes: Vec<u8>| {
        let both = [close(1000, ""), bytes].concat();
        Case::new(name, "6455 5.5.1", told(both, 1000)).printing("one\n")
    };
    let endless = |name, packet: fn() -> Vec<u8>| {
        let server = move |wire: &mut Wire| {
            wire.accept_with(&[text("one"), close(1000, "")].concat());
            let packet = packet();
            while wire.try_send(&packet) {}
        };
        Case::new(name, "6455 5.5.1", server).with(&["--close-timeout", "1s"]).printing("one\n")
    };
    let open = |wire: &mut Wire| {
        wire.accept();
        wire.send([text("one"), close(1000, "")].concat());
        wire.until_gone();
    };
    vec![
        unheard("a message after its Close", text("two")),
        unheard("a Ping after its Close", ping(b"")),
        unheard("a second Close with another code", close(1011, "")),
        unheard("a frame that breaks the protocol after its Close", frame(0xf0 | TEXT, b"hi")),
        endless("messages without end after its Close", || text("two").repeat(10_000)),
        endless("garbage without end after its Close", || vec![0xff; 1 << 16]),
        Case::new("a connection left open after both Closes", "6455 7.1.1", open)
            .with(&["--close-timeout", "1s"])
            .printing("one\n"),
        Case::new("a reset after its Close", "6455 7.1.1", |wire: &mut Wire| {
            wire.accept();
            wire.send([text("one"), close(1000, "")].concat());
            wire.read_to_close();
            wire.reset();
        })
        .printing("one\n"),
    ]
}

/// What a server says when `send` has sent its Close and waits for the answer.
fn instead_of_an_answer() -> Vec<Case> {
    const OURS: &str = "closed by us: 1000 normal closure";
    let case = |name, section, then: fn(&mut Wire)| {
        let server = move |wire: &mut Wire| {
            wire.accept();
            wire.expect_text("hello");
            wire.expect_close(1000);
            then(wire);
        };
        Case::new(name, section, server).sending("hello\n").with(&["--close-timeout", "1s"])
    };
    let late = "closed by us: 1000 normal closure; the peer did not answer our Close in time";
    let lost = "closed by us: 1000 normal closure; the connection was lost before the peer's Close came (1006)";
    vec![
        case("silence instead of a Close", "6455 7.1.1", Wire::until_gone).ends(28, late),
        case("a close without a Close", "6455 7.1.5", Wire::end).ends(106, lost),
        case("a reset without a Close", "6455 7.1.5", Wire::reset).ends(106, lost),
        case("a Close that trickles and stops", "6455 7.1.1", |wire| {
            trickle(wire, *b"\x88\x02\x03");
            wire.until_gone();
        })
        .ends(28, late),
        case("a Close that breaks off", "6455 7.1.5", |wire| {
            wire.send(b"\x88\x02\x03");
            wire.end();
        })
        .ends(106, lost),
        case("a violation instead of a Close", "6455 7.1.7", |wire| {
            wire.send(frame(0xf0 | TEXT, b"hi"));
            wire.end();
        })
        .ends(102, "the peer"),
        case("a Close with a forbidden code for an answer", "6455 7.4", |wire| {
            wire.send(close(1005, ""));
            wire.end();
        })
        .ends(102, "1005"),
        case("messages without end instead of a Close", "6455 7.1.1", |wire| {
            let packet = text("two").repeat(10_000);
            while wire.try_send(&packet) {}
        })
        .with(&["-o", "/dev/null"])
        .ends(28, OURS),
        case("Pings without end instead of a Close", "6455 7.1.1", |wire| {
            let packet = ping(b"").repeat(10_000);
            while wire.try_send(&packet) {}
        })
        .ends(28, OURS),
        case("a Close with another code for an answer", "6455 7.1.6", |wire| {
            wire.send(close(1008, "no"));
            wire.end();
        })
        .ends(108, "closed by peer: 1008 policy violation \"no\""),
        case("a Close without a code for an answer", "6455 7.1.5", |wire| {
            wire.send(close_without_code());
            wire.end();
        }),
        case("a message before the Close", "6455 5.5.1", |wire| {
            wire.send([text("late"), close(1000, "")].concat());
            wire.end();
        })
        .printing("late\n"),
    ]
}
