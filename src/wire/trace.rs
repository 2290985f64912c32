//! Frames as they pass, in one direction, for whoever wants to look at them: any bytes are taken for
//! frames, right or wrong (RFC 6455 section 5.2). Nothing is judged here, and nothing held up.

use super::decode::{MASKED, RSV1};
use super::encode::apply_mask;
use super::{Inflater, Kind, opcode};

/// The longest header: two bytes, the longest length, a mask.
const MAX_HEADER: usize = 14;
/// Bytes that are looked at at a time, to be unmasked and inflated.
const PIECE: usize = 16 * 1024;

/// A frame that has passed, or as much as came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen<'a> {
    /// The first byte: FIN, the reserved bits and the opcode.
    pub first: u8,
    /// The mask, if the frame says that it has one.
    pub mask: Option<[u8; 4]>,
    /// The length that the header states.
    pub length: u64,
    /// The payload, unmasked, up to what is kept of it.
    pub payload: &'a [u8],
    /// Bytes of the payload that have passed.
    pub passed: u64,
    /// What the payload was before it was compressed, in bytes, if it is.
    pub inflated: Option<u64>,
}

/// Looks at one direction of a connection.
#[derive(Debug)]
pub struct Tracer {
    /// Bytes of a payload that are kept.
    keep: usize,
    inflater: Option<Inflater>,
    /// Whether the current data message is compressed (RFC 7692 section 6).
    is_compressed: bool,
    header: Vec<u8>,
    passing: Option<Passing>,
    kept: Vec<u8>,
}

/// A frame whose header has come.
#[derive(Debug)]
struct Passing {
    first: u8,
    mask: Option<[u8; 4]>,
    length: u64,
    passed: u64,
    inflated: Option<u64>,
}

impl Tracer {
    /// Keeps so many bytes of each payload.
    pub fn new(keep: usize) -> Self {
        Tracer {
            keep,
            inflater: None,
            is_compressed: false,
            header: Vec::with_capacity(MAX_HEADER),
            passing: None,
            kept: Vec::new(),
        }
    }

    /// Counts what compressed messages were, too.
    pub fn inflate_with(&mut self, inflater: Option<Inflater>) {
        self.inflater = inflater;
    }

    /// Takes the next bytes of the connection; `tell` hears of each frame that they end.
    pub fn push(&mut self, mut bytes: &[u8], tell: &mut dyn FnMut(Seen)) {
        while !bytes.is_empty() {
            bytes = match &self.passing {
                None => self.header(bytes),
                Some(passing) => {
                    let rest = passing.length - passing.passed;
                    let take = (bytes.len().min(PIECE) as u64).min(rest) as usize;
                    let (piece, rest) = bytes.split_at(take);
                    self.payload(piece);
                    rest
                }
            };
            if self.passing.as_ref().is_some_and(|passing| passing.passed == passing.length) {
                self.finish(tell);
            }
        }
    }

    /// Tells of a frame that has begun, which is all that will come.
    pub fn finish(&mut self, tell: &mut dyn FnMut(Seen)) {
        let Some(passing) = self.passing.take() else { return };
        let Passing { first, mask, length, passed, inflated } = passing;
        tell(Seen { first, mask, length, payload: &self.kept, passed, inflated });
        self.kept.clear();
        self.header.clear();
    }

    /// Takes bytes of a header; what is behind them.
    fn header<'a>(&mut self, bytes: &'a [u8]) -> &'a [u8] {
        let needed = |header: &[u8]| {
            let second = header.get(1).copied().unwrap_or_default();
            let length = match second & 0x7f {
                126 => 2,
                127 => 8,
                _ => 0,
            };
            2 + length + if second & MASKED != 0 { 4 } else { 0 }
        };
        let mut at = 0;
        while self.header.len() < 2 || self.header.len() < needed(&self.header) {
            let Some(byte) = bytes.get(at) else { return &[] };
            self.header.push(*byte);
            at += 1;
        }
        let [first, second, rest @ ..] = &self.header[..] else { return &[] };
        let (length, mask) = rest.split_at(rest.len() - if second & MASKED != 0 { 4 } else { 0 });
        let stated = length.iter().fold(0, |sum: u64, byte| sum << 8 | u64::from(*byte));
        let (first, second) = (*first, *second);
        let length = if length.is_empty() { u64::from(second & 0x7f) } else { stated };
        let is_data = first & 0x0f < opcode::CLOSE;
        if is_data && first & 0x0f != opcode::CONTINUATION {
            self.is_compressed = first & RSV1 != 0;
        }
        let inflates = is_data && self.is_compressed && self.inflater.is_some();
        self.passing = Some(Passing {
            first,
            mask: mask.try_into().ok(),
            length,
            passed: 0,
            inflated: inflates.then_some(0),
        });
        if length == 0 && inflates {
            self.inflate(Vec::new());
        }
        &bytes[at..]
    }

    fn payload(&mut self, piece: &[u8]) {
        let Some(passing) = &mut self.passing else { return };
        let room = self.keep - self.kept.len();
        let looks_at = if passing.inflated.is_some() { piece.len() } else { piece.len().min(room) };
        let mut payload = piece[..looks_at].to_vec();
        if let Some(mask) = passing.mask {
            apply_mask(&mut payload, mask, (passing.passed % 4) as usize);
        }
        passing.passed += piece.len() as u64;
        self.kept.extend_from_slice(&payload[..payload.len().min(room)]);
        if passing.inflated.is_some() {
            self.inflate(payload);
        }
    }

    /// Counts what a piece of the payload was.
    fn inflate(&mut self, piece: Vec<u8>) {
        let (Some(passing), Some(inflater)) = (&mut self.passing, &mut self.inflater) else {
            return;
        };
        let last = passing.passed == passing.length && passing.first & 0x80 != 0;
        let mut rest = &piece[..];
        loop {
            // What is text makes no difference to its length.
            let Ok(step) = inflater.step(Kind::Binary, rest, last) else {
                // There is nothing to be said of this message or any after it.
                passing.inflated = None;
                self.inflater = None;
                return;
            };
            passing.inflated = passing.inflated.map(|sum| sum + step.payload.len() as u64);
            rest = &rest[step.consumed..];
            if step.done {
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::encode::{self, Head};
    use crate::wire::{Agreement, Deflate, Role};
    use proptest::prelude::*;

    /// What is told of these bytes, cut in pieces of this size, as short texts.
    fn told(tracer: &mut Tracer, bytes: &[u8], size: usize) -> Vec<String> {
        let mut told = Vec::new();
        let mut tell = |seen: Seen| {
            let inflated = seen.inflated.map_or(String::new(), |size| format!(" inflated {size}"));
            let mask = if seen.mask.is_some() { " masked" } else { "" };
            told.push(format!(
                "{:02x}{mask} {} of {}: {}{inflated}",
                seen.first,
                seen.passed,
                seen.length,
                seen.payload.escape_ascii()
            ));
        };
        bytes.chunks(size).for_each(|piece| tracer.push(piece, &mut tell));
        tracer.finish(&mut tell);
        told
    }

    #[test]
    fn frames_are_told_right_or_wrong_in_every_split() {
        let mut masked = Vec::new();
        let text = Head { fin: true, opcode: opcode::TEXT, rsv1: false };
        encode::frame(&mut masked, text, Some([1, 2, 3, 4]), b"hello");
        let long = [&b"\x82\x7e\0\x80"[..], &[b'x'; 128]].concat();
        let cases: [(&str, Vec<u8>, &str); 9] = [
            ("nothing", vec![], ""),
            ("a masked text", masked, "81 masked 5 of 5: hello"),
            ("an empty one", b"\x80\0".to_vec(), "80 0 of 0: "),
            ("reserved bits and opcode", b"\xf3\x01a".to_vec(), "f3 1 of 1: a"),
            ("a Close too long", b"\x88\x7e\0\x02ab".to_vec(), "88 2 of 2: ab"),
            ("what is kept", long, "82 128 of 128: xxxxxxxx"),
            ("two", b"\x01\x01a\x80\x01b".to_vec(), "01 1 of 1: a|80 1 of 1: b"),
            ("one that ends early", b"\x82\x05abc".to_vec(), "82 3 of 5: abc"),
            ("a lie", b"\x82\xff\xff\xff\xff\xff\xff\xff\xff\xff\0\0\0\0a".to_vec(), {
                "82 masked 1 of 18446744073709551615: a"
            }),
        ];
        for (case, bytes, expected) in cases {
            for size in [1, 2, 3, 1000] {
                let got = told(&mut Tracer::new(8), &bytes, size);
                assert_eq!(got.join("|"), expected, "{case} by {size}");
            }
        }
    }

    #[test]
    fn what_was_compressed_is_told_with_its_length() {
        let deflate = Deflate { agreement: Agreement::default(), level: 6, min_size: 0 };
        let mut deflater = deflate.deflater(Role::Server).unwrap();
        let mut bytes = Vec::new();
        let mut frame = |fin: bool, opcode, rsv1, payload: &[u8]| {
            encode::frame(&mut bytes, Head { fin, opcode, rsv1 }, None, payload);
        };
        let mut piece = |payload: &[u8], last| {
            let mut out = Vec::new();
            deflater.push(payload, last, &mut out);
            out
        };
        frame(false, opcode::TEXT, true, &piece(&[b'a'; 1000], false));
        frame(true, opcode::PING, false, b"p");
        frame(true, opcode::CONTINUATION, false, &piece(&[b'b'; 500], true));
        frame(true, opcode::BINARY, false, b"as it is");
        frame(true, opcode::BINARY, true, &piece(&[b'c'; 70_000], true));
        frame(true, opcode::BINARY, true, b"\xff");
        frame(true, opcode::BINARY, true, b"\0");
        let sizes = |told: Vec<String>| -> Vec<String> {
            told.iter().map(|line| line.rsplit(' ').next().unwrap().to_owned()).collect()
        };
        for size in [1, 7, 100_000] {
            let mut tracer = Tracer::new(0);
            tracer.inflate_with(Some(deflate.inflater(Role::Client, None)));
            let got = sizes(told(&mut tracer, &bytes, size));
            assert_eq!(got, ["1000", "", "500", "", "70000", "", ""], "by {size}");
        }
    }

    proptest! {
        #[test]
        fn what_is_told_is_what_has_passed(bytes: Vec<u8>, size in 1usize..40) {
            let (mut payloads, mut frames) = (0, 0);
            let mut tracer = Tracer::new(usize::MAX);
            let mut tell = |seen: Seen| {
                assert_eq!(seen.payload.len() as u64, seen.passed);
                payloads += seen.payload.len();
                frames += 1;
            };
            bytes.chunks(size).for_each(|piece| tracer.push(piece, &mut tell));
            tracer.finish(&mut tell);
            let headers = bytes.len() - payloads;
            // Of the last one, the header may have come in part.
            prop_assert!((2 * frames..=MAX_HEADER * (frames + 1)).contains(&headers));
        }
    }
}
