//! Frames that break RFC 6455 section 5, frames that are announced and never come, and messages that are
//! larger than is allowed.

use flate2::{Compress, Compression, FlushCompress};

use super::case::{Case, told};
use crate::support::{
    BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT, Wire, binary, close, frame, header, ping, text,
};

const BROKEN: &str = "closed by us: 1002 protocol error: the peer sent ";
const RESERVED_BITS: &str = "a frame with reserved bits set";
const MASKED: &str = "a masked frame";
const TOO_LONG: &str = "a control frame of more than 125 bytes";
const FRAGMENTED: &str = "a fragmented control frame";
const NO_MESSAGE: &str = "a continuation frame with no message to continue";
const UNFINISHED: &str = "a new message before the last one was finished";
const NOT_SHORTEST: &str = "a payload length that is not in its shortest form";
const BEYOND: &str = "a payload length of 2^63 bytes or more";

pub fn cases() -> Vec<Case> {
    [headers(), opcodes(), control(), fragments(), lengths(), cut(), too_big(), compressed()]
        .into_iter()
        .flatten()
        .collect()
}

/// `one`, then this, which is a violation.
fn broken(
    name: impl Into<String>,
    section: &'static str,
    bytes: impl Into<Vec<u8>>,
    why: &str,
) -> Case {
    Case::new(name, section, told(bytes, 1002))
        .ends(102, format!("{BROKEN}{why}"))
        .printing("one\n")
}

fn masked(first: u8) -> Vec<u8> {
    [&[first, 0x82, 1, 2, 3, 4], &b"hi"[..]].concat()
}

fn headers() -> Vec<Case> {
    vec![
        broken("a masked text", "6455 5.1", masked(0x80 | TEXT), MASKED),
        broken("a masked Ping", "6455 5.1", masked(0x80 | PING), MASKED),
        broken("a masked Close", "6455 5.1", masked(0x80 | CLOSE), MASKED),
        broken("a masked frame without a payload", "6455 5.1", [0x81, 0x80, 0, 0, 0, 0], MASKED),
        broken("RSV1 without an extension", "6455 5.2", frame(0xc0 | TEXT, b"hi"), RESERVED_BITS),
        broken("RSV2", "6455 5.2", frame(0xa0 | TEXT, b"hi"), RESERVED_BITS),
        broken("RSV3", "6455 5.2", frame(0x90 | BINARY, b"hi"), RESERVED_BITS),
        broken("all reserved bits", "6455 5.2", frame(0xf0 | TEXT, b"hi"), RESERVED_BITS),
        broken("a reserved bit of a Ping", "6455 5.2", frame(0xc0 | PING, b""), RESERVED_BITS),
        broken("a reserved bit of a Pong", "6455 5.2", frame(0xa0 | PONG, b""), RESERVED_BITS),
        broken("a reserved bit of a Close", "6455 5.2", frame(0x90 | CLOSE, b""), RESERVED_BITS),
        broken(
            "a reserved bit of a continuation",
            "6455 5.2",
            [frame(TEXT, b"h"), frame(0xc0, b"i")].concat(),
            RESERVED_BITS,
        ),
    ]
}

fn opcodes() -> Vec<Case> {
    let reserved = (3..=7).chain(11..=15).map(|opcode: u8| {
        let why = format!("a frame with the reserved opcode {opcode}");
        broken(format!("opcode {opcode}"), "6455 5.2", frame(0x80 | opcode, b"hi"), &why)
    });
    let within = [frame(TEXT, b"h"), frame(0x83, b"i")].concat();
    reserved
        .chain([broken(
            "opcode 3 within a message",
            "6455 5.2",
            within,
            "a frame with the reserved opcode 3",
        )])
        .collect()
}

fn control() -> Vec<Case> {
    let kinds = [("Ping", PING), ("Pong", PONG), ("Close", CLOSE)];
    let each = kinds.into_iter().flat_map(|(name, opcode)| {
        let long = [&[3, 0xe8], &[b'x'; 124][..]].concat();
        [
            broken(
                format!("a {name} of 126 bytes"),
                "6455 5.5",
                frame(0x80 | opcode, &long),
                TOO_LONG,
            ),
            broken(
                format!("a {name} of 100 kB"),
                "6455 5.5",
                header(0x80 | opcode, 100_000),
                TOO_LONG,
            ),
            broken(
                format!("a fragmented {name}"),
                "6455 5.5",
                frame(opcode, &long[..2]),
                FRAGMENTED,
            ),
        ]
    });
    each.collect()
}

fn fragments() -> Vec<Case> {
    let twice = [frame(TEXT, b"t"), frame(0x80, b"wo"), frame(0x80, b"!")].concat();
    let after_text = [text("two"), frame(0x80 | CONTINUATION, b"!")].concat();
    vec![
        broken(
            "a continuation of nothing",
            "6455 5.4",
            frame(0x80 | CONTINUATION, b"hi"),
            NO_MESSAGE,
        ),
        broken(
            "a first continuation of nothing",
            "6455 5.4",
            frame(CONTINUATION, b"hi"),
            NO_MESSAGE,
        ),
        broken(
            "an empty continuation of nothing",
            "6455 5.4",
            frame(0x80 | CONTINUATION, b""),
            NO_MESSAGE,
        ),
        broken("a continuation of a whole message", "6455 5.4", after_text, NO_MESSAGE)
            .printing("one\ntwo\n"),
        broken("a continuation of a finished message", "6455 5.4", twice, NO_MESSAGE)
            .printing("one\ntwo\n"),
        broken(
            "a text within a text",
            "6455 5.4",
            [frame(TEXT, b"h"), text("i")].concat(),
            UNFINISHED,
        ),
        broken(
            "a binary within a text",
            "6455 5.4",
            [frame(TEXT, b"h"), binary(b"i")].concat(),
            UNFINISHED,
        ),
        broken(
            "a text within a binary",
            "6455 5.4",
            [frame(BINARY, b"h"), text("i")].concat(),
            UNFINISHED,
        ),
        broken(
            "two first fragments",
            "6455 5.4",
            [frame(TEXT, b"h"), frame(TEXT, b"i")].concat(),
            UNFINISHED,
        ),
        Case::new(
            "a Close between fragments",
            "6455 5.5.1",
            told([frame(TEXT, b"h"), close(1000, "")].concat(), 1000),
        )
        .printing("one\n"),
        Case::new("a Ping between fragments", "6455 5.4", |wire: &mut Wire| {
            wire.accept();
            wire.send([frame(TEXT, b"o"), ping(b"now"), frame(0x80, b"ne")].concat());
            wire.expect_pong(b"now");
            wire.send(close(1000, ""));
            wire.end();
        })
        .printing("one\n"),
    ]
}

fn lengths() -> Vec<Case> {
    fn of_64_bits(length: u64) -> Vec<u8> {
        [&[0x82, 127][..], &length.to_be_bytes()].concat()
    }
    let long = |name, length: u64, why| broken(name, "6455 5.2", of_64_bits(length), why);
    let cut = |name, length| {
        let server = move |wire: &mut Wire| {
            wire.accept();
            wire.send([text("one"), of_64_bits(length)].concat());
            wire.end();
        };
        Case::new(name, "6455 5.2", server)
            .ends(106, "connection lost: 1006 abnormal closure")
            .printing("one\n")
    };
    vec![
        broken("0 bytes in a length of 16 bits", "6455 5.2", [0x82, 126, 0, 0], NOT_SHORTEST),
        broken("125 bytes in a length of 16 bits", "6455 5.2", [0x82, 126, 0, 125], NOT_SHORTEST),
        long("0 bytes in a length of 64 bits", 0, NOT_SHORTEST),
        long("125 bytes in a length of 64 bits", 125, NOT_SHORTEST),
        long("65535 bytes in a length of 64 bits", 0xffff, NOT_SHORTEST),
        broken("a Ping of 5 bytes in a length of 16 bits", "6455 5.5", [0x89, 126, 0, 5], ""),
        long("2^63 bytes", 1 << 63, BEYOND),
        long("2^64 - 1 bytes", u64::MAX, BEYOND),
        cut("2^63 - 1 bytes announced, and a close", u64::MAX >> 1),
        cut("1 GiB announced, and a close", 1 << 30),
        cut("64 KiB announced, and a close", 1 << 16),
    ]
}

/// The end of the connection after each byte of a frame that takes all forms of a header.
fn cut() -> Vec<Case> {
    let frame = [header(0x80 | TEXT, 1 << 16), b"xy".to_vec()].concat();
    let parts = (1..=frame.len())
        .map(|count| (format!("a close after byte {count} of a frame"), frame[..count].to_vec()));
    let others = [
        ("a close in a Ping".to_owned(), b"\x89\x05he".to_vec()),
        ("a close in a Close".to_owned(), b"\x88\x05\x03".to_vec()),
        ("a close between fragments".to_owned(), b"\x01\x02tw".to_vec()),
    ];
    let lost = |(name, bytes): (String, Vec<u8>)| {
        let server = move |wire: &mut Wire| {
            wire.accept();
            wire.send([text("one"), bytes].concat());
            wire.end();
        };
        Case::new(name, "6455 7.1.5", server)
            .ends(106, "connection lost: 1006 abnormal closure")
            .printing("one\n")
    };
    parts.chain(others).map(lost).collect()
}

fn too_big() -> Vec<Case> {
    const LIMIT: &[&str] = &["--max-message-size", "1M"];
    let big = |name, bytes: Vec<u8>| {
        let why =
            "closed by us: 1009 message too big: the peer sent a message larger than 1048576 bytes";
        Case::new(name, "6455 10.4", told(bytes, 1009)).with(LIMIT).ends(109, why).printing("one\n")
    };
    let fragment = frame(CONTINUATION, &[b'x'; 1 << 16]);
    let fragments = [frame(BINARY, b"x"), fragment.repeat(16)].concat();
    vec![
        big("1 MiB and a byte announced", header(0x80 | BINARY, (1 << 20) + 1)),
        big("2^63 - 1 bytes announced", header(0x80 | BINARY, u64::MAX >> 1)),
        big("fragments beyond the limit", fragments),
        Case::new("65 MiB announced to who must hold it", "6455 10.4", told(header(0x80 | TEXT, 65 << 20), 1009))
            .with(&["--until", "never"])
            .ends(109, "closed by us: 1009 message too big: the peer sent a message larger than 67108864 bytes")
            .printing("one\n"),
    ]
}

fn compressed() -> Vec<Case> {
    const NO_DEFLATE: &str = "closed by us: 1007 invalid payload data: the peer sent a compressed message that is not DEFLATE";
    const BITS: &str =
        "closed by us: 1002 protocol error: the peer sent a frame with reserved bits set";
    fn server(bytes: Vec<u8>, code: u16) -> impl FnOnce(&mut Wire) + Send {
        move |wire: &mut Wire| {
            wire.request();
            let answer = wire.switching_protocols();
            let agreed = "\r\nSec-WebSocket-Extensions: permessage-deflate\r\n\r\n";
            wire.send(answer.replace("\r\n\r\n", agreed));
            wire.send([text("one"), bytes].concat());
            wire.expect_close(code);
            wire.end();
        }
    }
    let case = |name, section, bytes, code: u16, why: &str| {
        let case = Case::new(name, section, server(bytes, code)).with(&["--compress"]);
        case.ends(i32::from(code) - 900, why).printing("one\n")
    };
    let bomb = [frame(0xc0 | TEXT, &deflated_zeros(64 << 20)), close(1000, "")].concat();
    vec![
        case(
            "bytes that are not DEFLATE",
            "7692 7.2.2",
            frame(0xc0 | TEXT, b"\xff\xff\xff\xff"),
            1007,
            NO_DEFLATE,
        ),
        case(
            "DEFLATE that breaks off",
            "7692 7.2.2",
            frame(0xc0 | TEXT, b"\xf2\x48\xcd\xc9"),
            1007,
            "closed by us: 1007",
        ),
        case(
            "a distance beyond what came",
            "7692 7.2.2",
            frame(0xc0 | TEXT, b"\x4b\x04\x62\x00"),
            1007,
            "closed by us: 1007",
        ),
        case(
            "RSV1 on a continuation",
            "7692 6.1",
            [frame(0x40 | TEXT, b""), frame(0xc0, b"")].concat(),
            1002,
            BITS,
        ),
        case(
            "RSV1 on a Ping of a compressed session",
            "7692 6.1",
            frame(0xc0 | PING, b""),
            1002,
            BITS,
        ),
        Case::new("64 MiB of zeros in 64 kB", "7692 8", server(bomb.clone(), 1000)).with(&[
            "--compress",
            "-o",
            "/dev/null",
        ]),
        Case::new("64 MiB of zeros in 64 kB beyond the limit", "7692 8", server(bomb, 1009))
            .with(&["--compress", "--max-message-size", "1M"])
            .ends(109, "closed by us: 1009 message too big")
            .printing("one\n"),
    ]
}

/// So many zeros as DEFLATE without its end, as section 7.2.1 of RFC 7692 wants it.
fn deflated_zeros(count: usize) -> Vec<u8> {
    let mut out = Vec::with_capacity(1 << 20);
    let mut compress = Compress::new(Compression::best(), false);
    compress.compress_vec(&vec![0; count], &mut out, FlushCompress::Sync).unwrap();
    assert!(out.ends_with(&[0, 0, 0xff, 0xff]), "there was room for everything");
    out.truncate(out.len() - 4);
    out
}
