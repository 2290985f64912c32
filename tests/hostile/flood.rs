//! More of everything than anybody needs: frames without end, a million empty ones, Pings whose Pongs nobody
//! reads.

use std::io::Write;
use std::thread;

use super::case::Case;
use crate::support::{
    BINARY, CLOSE, CONTINUATION, TEXT, Wire, close, frame, header, ping, pong, text,
};

const TOO_LONG: &str = "wspipe: the run took longer than 2s";
const MILLION: usize = 1_000_000;

pub fn cases() -> Vec<Case> {
    counted().into_iter().chain(endless()).collect()
}

/// After `one`, so many of these, then the end; what the program says meanwhile is read.
fn flooding(
    first: Vec<u8>,
    each: Vec<u8>,
    count: usize,
    last: Vec<u8>,
) -> impl FnOnce(&mut Wire) + Send {
    move |wire: &mut Wire| {
        const AT_ONCE: usize = 1000;
        wire.accept();
        wire.send([text("one"), first].concat());
        let packet = each.repeat(AT_ONCE);
        let mut out = wire.stream();
        let writing = thread::spawn(move || {
            for _ in 0..count / AT_ONCE {
                out.write_all(&packet).expect("the program reads");
            }
            out.write_all(&[last, close(1000, "")].concat()).expect("the program reads");
        });
        while wire.read_and_forget().is_some_and(|frame| frame.opcode != CLOSE) {}
        writing.join().unwrap();
        wire.end();
    }
}

fn counted() -> Vec<Case> {
    let none = Vec::new;
    let empty = frame(CONTINUATION, b"");
    vec![
        Case::new(
            "a million empty messages",
            "6455 5.6",
            flooding(none(), text(""), MILLION, none()),
        )
        .printing([b"one\n", &vec![b'\n'; MILLION][..]].concat()),
        Case::new(
            "a million empty binary messages",
            "6455 5.6",
            flooding(none(), frame(0x80 | BINARY, b""), MILLION, none()),
        )
        .printing([b"one\n", &vec![b'\n'; MILLION][..]].concat()),
        Case::new(
            "a million empty fragments",
            "6455 5.4",
            flooding(frame(TEXT, b"tw"), empty.clone(), MILLION, frame(0x80, b"o")),
        )
        .printing("one\ntwo\n"),
        Case::new(
            "a million empty fragments of a message that is kept",
            "6455 5.4",
            flooding(frame(TEXT, b"tw"), empty, MILLION, frame(0x80, b"o")),
        )
        .with(&["--until", "never"])
        .ends(4, "closed by peer: 1000 normal closure; ")
        .printing("one\ntwo\n"),
        Case::new("a million Pongs", "6455 5.5.3", flooding(none(), pong(b""), MILLION, none()))
            .printing("one\n"),
        Case::new(
            "a hundred thousand Pings",
            "6455 5.5.2",
            flooding(none(), ping(b""), MILLION / 10, none()),
        )
        .printing("one\n"),
        Case::new(
            "ten thousand long Pings within a message",
            "6455 5.5.2",
            flooding(frame(TEXT, b"tw"), ping(&[b'x'; 125]), 10_000, frame(0x80, b"o")),
        )
        .printing("one\ntwo\n"),
    ]
}

fn endless() -> Vec<Case> {
    let case = |name, section, first: Vec<u8>, packet: Vec<u8>| {
        let server = move |wire: &mut Wire| {
            wire.accept();
            wire.try_send([text("one"), first].concat());
            while wire.try_send(&packet) {}
        };
        Case::new(name, section, server).with(&["-o", "/dev/null", "-m", "2s"]).ends(28, TOO_LONG)
    };
    let large = || frame(CONTINUATION, &[b'x'; 1 << 16]);
    let small = || text("two").repeat(10_000);
    vec![
        case("messages without end", "6455 5.6", vec![], small()),
        case("empty messages without end", "6455 5.6", vec![], text("").repeat(30_000)),
        case("fragments without end", "6455 5.4", frame(TEXT, b""), large()),
        case(
            "empty fragments without end",
            "6455 5.4",
            frame(TEXT, b""),
            frame(CONTINUATION, b"").repeat(30_000),
        ),
        case("Pongs without end", "6455 5.5.3", vec![], pong(b"").repeat(30_000)),
        case(
            "Pings without end whose Pongs nobody reads",
            "6455 5.5.2",
            vec![],
            ping(&[b'x'; 125]).repeat(500),
        ),
        case(
            "Pings without end within a message",
            "6455 5.5.2",
            frame(TEXT, b""),
            ping(&[b'x'; 125]).repeat(500),
        ),
        case(
            "one frame without end",
            "6455 5.2",
            header(0x80 | BINARY, u64::MAX >> 1),
            vec![b'x'; 1 << 16],
        ),
        case(
            "fragments without end of a message that is kept",
            "6455 10.4",
            frame(TEXT, b""),
            large(),
        )
        .with(&["--until", "never", "--max-message-size", "1M"])
        .ends(109, "closed by us: 1009 message too big"),
        case("messages without end once the last was had", "6455 7.1.1", vec![], small())
            .with(&["-n", "1", "--close-timeout", "1s"])
            .ends(0, ""),
        case("messages without end and a stop by time", "6455 7.1.1", vec![], small())
            .with(&["--duration", "500ms", "--close-timeout", "1s"])
            .ends(0, ""),
    ]
}
