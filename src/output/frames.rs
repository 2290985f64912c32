//! What is shown of frames: a line and a hexdump for a person, a record for a program.

use std::fmt::Write as _;

use super::encode::hexdump_line;
use crate::output::escape::one_line;
use crate::record::{self, Header, Record, Side};
use crate::wire::close::{Close, meaning};
use crate::wire::{Mask, RawFrame, Seen, opcode};

/// Bytes of a payload that a person is shown.
pub const SHOWN: usize = 256;

/// Appends a line about a frame, with its time of day, and its payload as a hexdump, or the beginning of
/// it. Nothing that the peer says reaches the terminal as it is.
pub fn show(out: &mut Vec<u8>, from: Side, time: &str, seen: &Seen) {
    let mut line = String::new();
    let sign = match from {
        Side::Us => '>',
        Side::Peer => '<',
    };
    let _ = write!(line, "{sign} {time} {}", name(seen.first & 0x0f));
    if seen.first & 0x80 != 0 {
        line.push_str(" fin");
    }
    for (bit, name) in [(0x40, " rsv1"), (0x20, " rsv2"), (0x10, " rsv3")] {
        if seen.first & bit != 0 {
            line.push_str(name);
        }
    }
    if let Some(mask) = seen.mask {
        let _ = write!(line, " mask {}", hex(&mask));
    }
    let _ = write!(line, " length {}", seen.length);
    if let Some(inflated) = seen.inflated {
        let _ = write!(line, " (inflated {inflated})");
    }
    if seen.passed < seen.length {
        let _ = write!(line, ", of which {} came", seen.passed);
    }
    if seen.first & 0x0f == opcode::CLOSE
        && let Ok(close) = Close::decode(seen.payload)
    {
        let _ = write!(line, ": {}", words(&close));
    }
    line.push('\n');
    out.extend_from_slice(line.as_bytes());
    let shown = &seen.payload[..seen.payload.len().min(SHOWN)];
    for (number, bytes) in shown.chunks(16).enumerate() {
        out.extend_from_slice(b"  ");
        hexdump_line(out, 16 * number as u64, bytes);
    }
    if seen.passed > shown.len() as u64 {
        let rest = seen.passed - shown.len() as u64;
        let _ = std::io::Write::write_fmt(out, format_args!("  … and {rest} bytes more\n"));
    }
}

/// What a Close says: its code, what that means, and its reason.
pub fn words(close: &Close) -> String {
    let code = close.number();
    let mut text = format!("{code} {}", meaning(code));
    if !close.reason.is_empty() {
        let _ = write!(text, " \"{}\"", one_line(&close.reason));
    }
    text
}

/// The record of a frame.
pub fn record<'a>(from: Side, seen: &Seen<'a>) -> Record<'a> {
    let opcode = seen.first & 0x0f;
    let is_text = opcode == opcode::TEXT && seen.inflated.is_none();
    let kept = seen.payload.len() as u64;
    let text = std::str::from_utf8(seen.payload).ok().filter(|_| is_text);
    Record::Frame {
        from,
        frame: Header {
            fin: seen.first & 0x80 != 0,
            rsv: seen.first >> 4 & 7,
            opcode,
            mask: seen.mask.is_some(),
            length: seen.length,
        },
        mask_key: seen.mask.map(|mask| hex(&mask)),
        received: (seen.passed < seen.length).then_some(seen.passed),
        kept: (kept < seen.passed).then_some(kept),
        inflated: seen.inflated,
        text,
        base64: text.is_none().then(|| record::base64(seen.payload)),
    }
}

/// The record of a frame that we make by hand.
pub fn made_by_hand(frame: &RawFrame) -> Record<'_> {
    let mask = match frame.mask {
        Mask::Key(key) => Some(key),
        Mask::Absent | Mask::Random => None,
    };
    let RawFrame { first, length, ref payload, .. } = *frame;
    let passed = payload.len() as u64;
    let mut record =
        record(Side::Us, &Seen { first, mask, length, payload, passed, inflated: None });
    if let Record::Frame { frame: header, .. } = &mut record {
        header.mask = frame.mask != Mask::Absent;
    }
    record
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The name of an opcode (RFC 6455 section 5.2).
fn name(opcode: u8) -> String {
    match opcode {
        opcode::CONTINUATION => "continuation".into(),
        opcode::TEXT => "text".into(),
        opcode::BINARY => "binary".into(),
        opcode::CLOSE => "close".into(),
        opcode::PING => "ping".into(),
        opcode::PONG => "pong".into(),
        reserved => format!("opcode {reserved:#x}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: Seen = Seen {
        first: 0x81,
        mask: Some([0x37, 0xfa, 0x21, 0x3d]),
        length: 5,
        payload: b"hello",
        passed: 5,
        inflated: None,
    };

    #[test]
    fn a_frame_is_shown_with_everything_that_it_says() {
        let long = [0x1b; 300];
        let cases: [(&str, Side, Seen, &str); 5] = [
            ("text", Side::Us, TEXT, {
                "> T text fin mask 37fa213d length 5\n  00000000  68 65 6c 6c 6f                                    |hello|\n"
            }),
            (
                "all bits",
                Side::Peer,
                Seen { first: 0x73, mask: None, length: 0, payload: b"", passed: 0, ..TEXT },
                { "< T opcode 0x3 rsv1 rsv2 rsv3 length 0\n" },
            ),
            (
                "a Close",
                Side::Peer,
                Seen {
                    first: 0x88,
                    mask: None,
                    length: 4,
                    payload: b"\x03\xf0\x1bx",
                    passed: 4,
                    ..TEXT
                },
                {
                    "< T close fin length 4: 1008 policy violation \"\\x1bx\"\n  00000000  03 f0 1b 78                                       |...x|\n"
                },
            ),
            (
                "half",
                Side::Peer,
                Seen {
                    first: 0x42,
                    mask: None,
                    length: 9,
                    payload: b"",
                    passed: 0,
                    inflated: Some(0),
                },
                { "< T binary rsv1 length 9 (inflated 0), of which 0 came\n" },
            ),
            (
                "much",
                Side::Peer,
                Seen {
                    first: 0x82,
                    mask: None,
                    length: 300,
                    payload: &long,
                    passed: 300,
                    inflated: None,
                },
                "",
            ),
        ];
        for (case, from, seen, expected) in cases {
            let mut out = Vec::new();
            show(&mut out, from, "T", &seen);
            let got = String::from_utf8(out).unwrap();
            if case == "much" {
                assert_eq!(got.lines().count(), 18);
                assert!(got.ends_with("  … and 44 bytes more\n") && !got.contains('\x1b'));
            } else {
                assert_eq!(got, expected, "{case}");
            }
        }
    }

    #[test]
    fn a_record_has_the_frame_complete() {
        let mut out = Vec::new();
        record(Side::Us, &TEXT).write(&mut out, "T");
        assert_eq!(
            String::from_utf8(out).unwrap(),
            r#"{"time":"T","event":"frame","from":"us","frame":{"fin":true,"rsv":0,"opcode":1,"mask":true,"length":5},"mask_key":"37fa213d","text":"hello"}"#
        );
        let mut out = Vec::new();
        let seen = Seen {
            first: 0x42,
            mask: None,
            length: 9,
            payload: b"\xff",
            passed: 1,
            inflated: Some(3),
        };
        record(Side::Peer, &seen).write(&mut out, "T");
        assert_eq!(
            String::from_utf8(out).unwrap(),
            r#"{"time":"T","event":"frame","from":"peer","frame":{"fin":false,"rsv":4,"opcode":2,"mask":false,"length":9},"received":1,"inflated":3,"base64":"/w=="}"#
        );
    }
}
