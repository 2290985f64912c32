//! Text that is not UTF-8: whole, cut into frames at each byte, and while it still arrives.

use super::case::{Case, told};
use crate::support::{BINARY, CONTINUATION, TEXT, Wire, close, frame};

const INVALID: &str =
    "closed by us: 1007 invalid payload data: the peer sent a text message that is not UTF-8";
const SECTION: &str = "6455 8.1";

/// What is wrong, and bytes that are so.
const SEQUENCES: &[(&str, &[u8])] = &[
    ("a byte that is none of UTF-8", b"ab\xffcd"),
    ("a continuation byte alone", b"ab\x80cd"),
    ("a NUL in two bytes", b"ab\xc0\x80cd"),
    ("a slash in two bytes", b"ab\xc0\xafcd"),
    ("a slash in three bytes", b"ab\xe0\x80\xafcd"),
    ("a slash in four bytes", b"ab\xf0\x80\x80\xafcd"),
    ("a surrogate", b"ab\xed\xa0\x80cd"),
    ("a pair of surrogates", b"ab\xed\xa0\xbd\xed\xb8\x80cd"),
    ("beyond U+10FFFF", b"ab\xf4\x90\x80\x80cd"),
    ("a character of five bytes", b"ab\xf8\x88\x80\x80\x80cd"),
    ("a character that is not finished", b"ab\xe2\x82cd"),
    ("a character that the end cuts", b"ab\xe2\x82"),
];

/// The bytes of the Autobahn suite: good Greek, a surrogate, good ASCII.
const GREEK: &[u8] = b"\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5\xed\xa0\x80edited";

fn invalid(name: impl Into<String>, bytes: Vec<u8>) -> Case {
    Case::new(name, SECTION, told(bytes, 1007)).ends(107, INVALID).printing("one\n")
}

pub fn cases() -> Vec<Case> {
    let whole = SEQUENCES.iter().map(|(what, bytes)| invalid(*what, frame(0x80 | TEXT, bytes)));
    let byte_by_byte = SEQUENCES.iter().map(|(what, bytes)| {
        let fragments = bytes.iter().flat_map(|byte| frame(CONTINUATION, &[*byte]));
        let all = [frame(TEXT, b""), fragments.collect(), frame(0x80, b"")].concat();
        invalid(format!("{what}, each byte in a frame"), all)
    });
    let split = (0..=GREEK.len()).map(|at| {
        let (first, rest) = GREEK.split_at(at);
        let both = [frame(TEXT, first), frame(0x80 | CONTINUATION, rest)].concat();
        invalid(format!("a surrogate among Greek, cut after byte {at}"), both)
    });
    whole.chain(byte_by_byte).chain(split).chain(others()).collect()
}

fn others() -> Vec<Case> {
    let large = [&vec![b'x'; 2 << 20][..], b"\xff"].concat();
    let (large, printed) = (frame(0x80 | TEXT, &large), large.len() - 1);
    let good = |name, bytes: &[u8], printed: &str| {
        let bytes = [bytes, &close(1000, "")].concat();
        let server = |wire: &mut Wire| {
            wire.accept();
            wire.send(bytes);
            wire.expect_close(1000);
            wire.end();
        };
        Case::new(name, SECTION, server).printing(printed)
    };
    vec![
        invalid("a bad byte in a message that is not finished", frame(TEXT, b"ab\xff")),
        invalid(
            "a bad byte in a fragment, and silence",
            [frame(TEXT, b"ab"), frame(0, b"\xff")].concat(),
        ),
        invalid(
            "a bad byte and a good message after it",
            [frame(0x81, b"\xff"), frame(0x81, b"good")].concat(),
        ),
        invalid("a bad byte at the end of 2 MiB", large)
            .printing([b"one\n", &vec![b'x'; printed][..]].concat()),
        good(
            "a good character, each byte in a frame",
            b"\x01\x01\xe2\x00\x01\x82\x80\x01\xac",
            "\u{20ac}\n",
        ),
        good("bad UTF-8 in a binary message", &frame(0x80 | BINARY, b"\xff\xfe"), "fffe\n"),
    ]
}
