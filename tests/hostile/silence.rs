//! Servers that say nothing, do not read, or say everything too slowly, once the session is open.

use std::net::Shutdown;

use super::case::{Case, trickle};
use crate::support::{BINARY, TEXT, Wire, close, header, pong, text};

const SILENT: &str = "wspipe: the peer stopped answering: no Pong within 500ms";
const TOO_LONG: &str = "wspipe: the run took longer than 2s";
const LOST: &str = "connection lost: 1006 abnormal closure";

pub fn cases() -> Vec<Case> {
    [unanswered_pings(), silent(), half_closed(), slow()].into_iter().flatten().collect()
}

/// After `one`, this.
fn then(act: impl FnOnce(&mut Wire) + Send + 'static) -> impl FnOnce(&mut Wire) + Send {
    move |wire: &mut Wire| {
        wire.accept();
        wire.send(text("one"));
        act(wire);
    }
}

fn unanswered_pings() -> Vec<Case> {
    const LIMITS: &[&str] = &["--ping-interval", "300ms", "--ping-timeout", "500ms"];
    let case = |name, act: fn(&mut Wire)| {
        Case::new(name, "6455 5.5.2", then(act)).with(LIMITS).ends(29, SILENT).printing("one\n")
    };
    vec![
        case("no Pong", Wire::until_gone),
        case("a Pong with another payload", |wire| {
            wire.expect_ping();
            wire.send(pong(b"not what you said"));
            wire.until_gone();
        }),
        case("a Pong without a payload", |wire| {
            wire.expect_ping();
            wire.send(pong(b""));
            wire.until_gone();
        }),
        case("a Pong that breaks off", |wire| {
            let ping = wire.expect_ping();
            let answer = pong(&ping.payload);
            wire.send(&answer[..answer.len() - 1]);
            wire.until_gone();
        }),
        case("Pongs before they are asked for", |wire| {
            wire.send(pong(b"").repeat(10));
            wire.until_gone();
        }),
        case("a message that trickles and no Pong", |wire| {
            wire.send(header(0x80 | TEXT, 1 << 16));
            trickle(wire, std::iter::repeat(b'x'));
        }),
        case("a Pong for the first Ping and no other", |wire| {
            let ping = wire.expect_ping();
            wire.send(pong(&ping.payload));
            wire.until_gone();
        }),
    ]
}

fn silent() -> Vec<Case> {
    const LIMIT: &[&str] = &["-m", "2s"];
    let announced = |name, length| {
        let act = move |wire: &mut Wire| {
            wire.send(header(0x80 | BINARY, length));
            wire.until_gone();
        };
        Case::new(name, "6455 5.2", then(act)).with(LIMIT).ends(28, TOO_LONG).printing("one\n")
    };
    vec![
        Case::new("silence", "6455 7.1", then(Wire::until_gone))
            .with(LIMIT)
            .ends(28, TOO_LONG)
            .printing("one\n"),
        Case::new("silence where that is the end", "6455 7.1", then(Wire::finish))
            .with(&["--idle", "500ms"])
            .printing("one\n"),
        Case::new("silence instead of an answer to a message", "6455 7.1", |wire: &mut Wire| {
            wire.accept();
            wire.finish();
        })
        .sending("hello\n")
        .with(&["-n", "1", "--wait", "500ms"])
        .ends(28, "wspipe: waited in vain"),
        announced("64 KiB announced and never sent", 1 << 16),
        announced("1 GiB announced and never sent", 1 << 30),
        announced("2^63 - 1 bytes announced and never sent", u64::MAX >> 1),
        Case::unread("nothing read of what is sent", "6455 7.1")
            .sending("x".repeat(16 << 20))
            .with(&["--lines", "-m", "2s"])
            .ends(28, TOO_LONG),
        Case::unread("nothing read of what is sent, and no Pong", "6455 5.5.2")
            .sending("hello\n")
            .with(&["-n", "1", "--ping-interval", "300ms", "--ping-timeout", "500ms"])
            .ends(29, SILENT),
    ]
}

fn half_closed() -> Vec<Case> {
    fn half_close(wire: &mut Wire) {
        wire.stream().shutdown(Shutdown::Write).unwrap();
    }
    vec![
        Case::new(
            "a half-close without a Close",
            "6455 7.1.5",
            then(|wire| {
                half_close(wire);
                wire.until_gone();
            }),
        )
        .ends(106, LOST)
        .printing("one\n"),
        Case::new(
            "a half-close after its Close",
            "6455 7.1.1",
            then(|wire| {
                wire.send(close(1000, ""));
                half_close(wire);
                wire.expect_close(1000);
                wire.until_gone();
            }),
        )
        .printing("one\n"),
        Case::new("a half-close while we send", "6455 7.1.5", |wire: &mut Wire| {
            wire.accept();
            half_close(wire);
            wire.bytes_until_gone();
        })
        // More than can have left before the end of the other side is seen.
        .connecting("hello\n".repeat(1 << 22))
        .with(&["--linger", "forever"])
        .ends(106, "the input was not at its end"),
        Case::new("a half-close after our Close", "6455 7.1.5", |wire: &mut Wire| {
            wire.accept();
            wire.expect_close(1000);
            half_close(wire);
            wire.until_gone();
        })
        .sending("hello\n")
        .ends(106, "the connection was lost before the peer's Close came (1006)"),
        Case::new("a reset at once", "6455 7.1.5", |wire: &mut Wire| {
            wire.accept();
            wire.reset();
        })
        .ends(106, LOST),
        Case::new("a close at once", "6455 7.1.5", Wire::accept).ends(106, LOST),
        Case::new(
            "a reset after a message",
            "6455 7.1.5",
            then(|wire| {
                wire.send(text("two"));
                wire.reset();
            }),
        )
        .ends(106, LOST)
        .printing("one\ntwo\n"),
    ]
}

fn slow() -> Vec<Case> {
    vec![
        Case::new("a session byte by byte", "6455 5.2", |wire: &mut Wire| {
            wire.accept();
            trickle(wire, [text("one"), text("two"), close(1000, "")].concat());
            wire.end();
        })
        .printing("one\ntwo\n"),
        Case::new(
            "a message that trickles without end",
            "6455 5.2",
            then(|wire| {
                wire.send(header(0x80 | BINARY, 1 << 40));
                trickle(wire, std::iter::repeat(b'x'));
            }),
        )
        .with(&["-m", "2s"])
        .ends(28, TOO_LONG)
        .printing("one\n"),
        Case::new(
            "fragments that trickle without end",
            "6455 5.4",
            then(|wire| {
                wire.send([TEXT, 0]);
                trickle(wire, std::iter::repeat(0));
            }),
        )
        .with(&["-m", "2s"])
        .ends(28, TOO_LONG)
        .printing("one\n"),
        Case::new(
            "messages that trickle without end",
            "6455 5.4",
            then(|wire| {
                trickle(wire, text("").repeat(1 << 20));
            }),
        )
        .with(&["-o", "/dev/null", "--duration", "1s", "--close-timeout", "1s"]),
    ]
}
