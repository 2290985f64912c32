//! Frames out: a header and a payload, masked when we are the client (RFC 6455 section 5.2).

use super::decode::{MASKED, RSV1};
use super::{LengthForm, Mask, RawFrame};

/// The first byte of a frame, before it becomes bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// Whether this is the last frame of its message.
    pub fin: bool,
    /// One of [`super::opcode`].
    pub opcode: u8,
    /// The first reserved bit, which belongs to an extension.
    pub rsv1: bool,
}

/// The longest header: two bytes, the longest length, a mask.
const MAX_HEADER: usize = 14;
/// Bytes that are masked at once: what the processor's registers make of it is left to the compiler.
pub(super) const WIDE: usize = 32;

/// Appends one frame to `out`; `mask` is given by a client, fresh for each frame and from a strong
/// source of entropy (RFC 6455 section 10.3).
#[inline]
pub fn frame(out: &mut Vec<u8>, head: Head, mask: Option<[u8; 4]>, payload: &[u8]) {
    let rsv1 = if head.rsv1 { RSV1 } else { 0 };
    let first = if head.fin { 0x80 } else { 0 } | rsv1 | head.opcode;
    let mask_bit = if mask.is_some() { 0x80 } else { 0 };
    out.reserve(MAX_HEADER + payload.len());
    match payload.len() {
        len @ 0..=125 => out.extend_from_slice(&[first, mask_bit | len as u8]),
        len @ 126..=0xffff => {
            out.extend_from_slice(&[first, mask_bit | 126]);
            out.extend_from_slice(&(len as u16).to_be_bytes());
        }
        len => {
            out.extend_from_slice(&[first, mask_bit | 127]);
            out.extend_from_slice(&(len as u64).to_be_bytes());
        }
    }
    let Some(mask) = mask else { return out.extend_from_slice(payload) };
    let key = u32::from_ne_bytes(mask);
    out.extend_from_slice(&mask);
    let (blocks, rest) = payload.as_chunks::<WIDE>();
    for block in blocks {
        out.extend_from_slice(&masked_wide(block, key));
    }
    let (words, rest) = rest.as_chunks::<4>();
    for word in words {
        out.extend_from_slice(&masked(*word, key));
    }
    for (i, byte) in rest.iter().enumerate() {
        out.push(byte ^ mask[i]);
    }
}

/// Appends one frame made by hand to `out`; `random` is the mask if it asks for any.
pub fn raw_frame(out: &mut Vec<u8>, frame: &RawFrame, random: [u8; 4]) {
    let mask = match frame.mask {
        Mask::Absent => None,
        Mask::Random => Some(random),
        Mask::Key(key) => Some(key),
    };
    let mask_bit = if mask.is_some() { MASKED } else { 0 };
    out.reserve(MAX_HEADER + frame.payload.len());
    out.push(frame.first);
    match frame.length_form {
        LengthForm::InHeader => out.push(mask_bit | frame.length as u8),
        LengthForm::TwoBytes => {
            out.push(mask_bit | 126);
            out.extend_from_slice(&(frame.length as u16).to_be_bytes());
        }
        LengthForm::EightBytes => {
            out.push(mask_bit | 127);
            out.extend_from_slice(&frame.length.to_be_bytes());
        }
    }
    out.extend_from_slice(&mask.unwrap_or_default()[..if mask.is_some() { 4 } else { 0 }]);
    let start = out.len();
    out.extend_from_slice(&frame.payload);
    if let Some(mask) = mask {
        apply_mask(&mut out[start..], mask, 0);
    }
}

#[inline]
pub(super) fn masked_wide(block: &[u8; WIDE], key: u32) -> [u8; WIDE] {
    let mut wide = *block;
    for word in wide.as_chunks_mut::<4>().0 {
        *word = masked(*word, key);
    }
    wide
}

fn masked(word: [u8; 4], key: u32) -> [u8; 4] {
    (u32::from_ne_bytes(word) ^ key).to_ne_bytes()
}

/// Masks or unmasks in place (RFC 6455 section 5.3); `offset` is the payload position of the
/// first byte.
pub fn apply_mask(payload: &mut [u8], mask: [u8; 4], offset: usize) {
    let turned = u32::from_le_bytes(mask).rotate_right(8 * (offset % 4) as u32).to_le_bytes();
    let key = u32::from_ne_bytes(turned);
    let (blocks, rest) = payload.as_chunks_mut::<WIDE>();
    for block in blocks {
        *block = masked_wide(block, key);
    }
    let (words, rest) = rest.as_chunks_mut::<4>();
    for word in words {
        *word = masked(*word, key);
    }
    for (i, byte) in rest.iter_mut().enumerate() {
        *byte ^= turned[i];
    }
}

/// One frame of our own, found again in a run of whole frames that [`frame`] wrote.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Placed {
    /// What the frame is.
    pub head: Head,
    /// Bytes of its payload.
    pub payload: usize,
    /// The position behind its last byte.
    pub end: usize,
}

/// Walks the whole frames in `frames`, which only [`frame`] wrote.
pub fn walk(frames: &[u8]) -> impl Iterator<Item = Placed> + '_ {
    let mut at = 0;
    std::iter::from_fn(move || {
        let (first, second) = (*frames.get(at)?, *frames.get(at + 1)?);
        let mask_len = if second & 0x80 != 0 { 4 } else { 0 };
        let (length_len, payload) = match second & 0x7f {
            126 => (2, big_endian(&frames[at + 2..at + 4])),
            127 => (8, big_endian(&frames[at + 2..at + 10])),
            len => (0, len as usize),
        };
        at += 2 + length_len + mask_len + payload;
        let rsv1 = first & RSV1 != 0;
        let head = Head { fin: first & 0x80 != 0, opcode: first & 0x0f, rsv1 };
        Some(Placed { head, payload, end: at })
    })
}

fn big_endian(bytes: &[u8]) -> usize {
    bytes.iter().fold(0, |sum, byte| sum << 8 | usize::from(*byte))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::opcode;

    const TEXT: Head = Head { fin: true, opcode: opcode::TEXT, rsv1: false };

    #[test]
    fn the_header_takes_the_shortest_length_form() {
        let cases: [(usize, &[u8]); 6] = [
            (0, &[0x81, 0]),
            (125, &[0x81, 125]),
            (126, &[0x81, 126, 0, 126]),
            (65535, &[0x81, 126, 0xff, 0xff]),
            (65536, &[0x81, 127, 0, 0, 0, 0, 0, 1, 0, 0]),
            (70000, &[0x81, 127, 0, 0, 0, 0, 0, 1, 0x11, 0x70]),
        ];
        for (len, header) in cases {
            let mut out = Vec::new();
            frame(&mut out, TEXT, None, &vec![b'x'; len]);
            assert_eq!(&out[..header.len()], header);
            assert_eq!(out.len(), header.len() + len);
        }
    }

    #[test]
    fn the_example_of_section_5_7_comes_out() {
        let mut out = Vec::new();
        frame(&mut out, TEXT, Some([0x37, 0xfa, 0x21, 0x3d]), b"Hello");
        assert_eq!(out, [0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58]);
    }

    #[test]
    fn a_frame_made_by_hand_comes_out_as_it_stands() {
        let plain = RawFrame {
            first: 0x81,
            mask: Mask::Absent,
            length: 2,
            length_form: LengthForm::InHeader,
            payload: b"ab".to_vec(),
        };
        let cases: [(&str, RawFrame, &[u8]); 8] = [
            ("plain", plain.clone(), b"\x81\x02ab"),
            ("a key", RawFrame { mask: Mask::Key([1, 0, 0, 0]), ..plain.clone() }, {
                b"\x81\x82\x01\0\0\0\x60b"
            }),
            ("any key", RawFrame { mask: Mask::Random, ..plain.clone() }, {
                b"\x81\x82\x03\0\0\0\x62b"
            }),
            ("all bits", RawFrame { first: 0x7f, ..plain.clone() }, b"\x7f\x02ab"),
            ("too short", RawFrame { length: 1, ..plain.clone() }, b"\x81\x01ab"),
            ("two bytes", RawFrame { length_form: LengthForm::TwoBytes, ..plain.clone() }, {
                b"\x81\x7e\0\x02ab"
            }),
            ("eight bytes", RawFrame { length_form: LengthForm::EightBytes, ..plain.clone() }, {
                b"\x81\x7f\0\0\0\0\0\0\0\x02ab"
            }),
            (
                "the longest",
                RawFrame {
                    length: u64::MAX,
                    length_form: LengthForm::shortest(u64::MAX),
                    payload: vec![],
                    ..plain
                },
                b"\x81\x7f\xff\xff\xff\xff\xff\xff\xff\xff",
            ),
        ];
        for (case, frame, expected) in cases {
            let mut out = b"before".to_vec();
            raw_frame(&mut out, &frame, [3, 0, 0, 0]);
            assert_eq!(out.strip_prefix(b"before"), Some(expected), "{case}");
        }
    }

    #[test]
    fn the_shortest_form_is_the_one_of_an_ordinary_frame() {
        for length in [0, 125, 126, 0xffff, 0x10000] {
            let payload = vec![b'x'; length];
            let (mut by_hand, mut ordinary) = (Vec::new(), Vec::new());
            let length = length as u64;
            let length_form = LengthForm::shortest(length);
            frame(&mut ordinary, TEXT, None, &payload);
            let raw = RawFrame { first: 0x81, mask: Mask::Absent, length, length_form, payload };
            raw_frame(&mut by_hand, &raw, [0; 4]);
            assert!(by_hand == ordinary, "{length}");
        }
    }

    #[test]
    fn a_mask_goes_on_where_the_piece_before_stopped() {
        let whole: Vec<u8> = (0..100).collect();
        let mask = [1, 20, 133, 244];
        let mut at_once = whole.clone();
        apply_mask(&mut at_once, mask, 0);
        for cut in 0..whole.len() {
            let mut pieces = whole.clone();
            let (first, second) = pieces.split_at_mut(cut);
            apply_mask(first, mask, 0);
            apply_mask(second, mask, cut);
            assert_eq!(pieces, at_once, "cut at {cut}");
        }
    }

    #[test]
    fn walking_finds_every_frame_again() {
        let mut out = Vec::new();
        let mut ends = Vec::new();
        for len in [0, 5, 126, 70000] {
            for mask in [None, Some([1, 2, 3, 4])] {
                frame(&mut out, TEXT, mask, &vec![0; len]);
                ends.push(out.len());
            }
        }
        assert_eq!(walk(&out).map(|placed| placed.end).collect::<Vec<_>>(), ends);
        assert!(walk(&out).all(|placed| placed.head == TEXT));
    }
}
