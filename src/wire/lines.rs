//! Many short lines as frames, a message each. They are found, masked and framed here in one loop: a call for
//! each of them costs more than the work on it.

use super::Kind;
use super::decode::{MASKED, WHOLE_BINARY, WHOLE_TEXT};
use super::encode::{WIDE, masked_wide};

/// The longest payload whose length stands in the second byte of a frame (RFC 6455 section 5.2).
const SHORT: usize = 125;
/// Bytes that are looked at for the end of a line.
const WINDOW: usize = 128;
/// The header of a short masked frame: two bytes and the mask.
const HEADER: usize = 6;
/// Bytes that are made ready for frames at once.
const ROOM: usize = 16 * 1024;
/// A newline in each byte.
const NEWLINES: u64 = u64::from_ne_bytes([b'\n'; 8]);

/// What has become frames.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lines {
    /// Bytes of input, line ends and all.
    pub bytes: usize,
    /// Messages.
    pub messages: u64,
    /// Bytes of their payloads.
    pub payload: usize,
}

/// Appends the lines with which `block` begins to `out`, each as a message in one frame with a mask of its
/// own. LF or CRLF ends a line and is not part of it. It stops before a line of more than 125 bytes, and
/// in the last 128 bytes: these are for [`super::encode::frame`].
pub fn frames(out: &mut Vec<u8>, kind: Kind, mut mask: impl FnMut() -> u32, block: &[u8]) -> Lines {
    let first = match kind {
        Kind::Text => WHOLE_TEXT,
        Kind::Binary => WHOLE_BINARY,
    };
    let mut lines = Lines::default();
    let mut end = out.len();
    while let Some(window) = block[lines.bytes..].first_chunk::<WINDOW>()
        && let Some(newline) = newline(window)
    {
        let length = newline - usize::from(newline > 0 && window[newline - 1] == b'\r');
        if length > SHORT {
            break;
        }
        if out.len() - end < HEADER + WINDOW {
            out.resize(end + ROOM, 0);
        }
        let key = mask();
        let (header, rest) = out[end..end + HEADER + WINDOW].split_at_mut(HEADER);
        header[..2].copy_from_slice(&[first, MASKED | length as u8]);
        header[2..].copy_from_slice(&key.to_ne_bytes());
        // What is written past the end of the line is overwritten, or cut off.
        let wide = rest.as_chunks_mut::<WIDE>().0.iter_mut().zip(window.as_chunks().0);
        for (masked, plain) in wide.take(length.div_ceil(WIDE)) {
            *masked = masked_wide(plain, key);
        }
        end += HEADER + length;
        lines.bytes += newline + 1;
        lines.messages += 1;
        lines.payload += length;
    }
    out.truncate(end);
    lines
}

/// Where the first newline is: eight bytes are looked at in one number, in which the lowest zero byte is the
/// first newline.
fn newline(window: &[u8; WINDOW]) -> Option<usize> {
    let (words, _) = window.as_chunks::<8>();
    words.iter().enumerate().find_map(|(i, word)| {
        let word = u64::from_le_bytes(*word) ^ NEWLINES;
        let zeros = word.wrapping_sub(0x0101_0101_0101_0101) & !word & 0x8080_8080_8080_8080;
        (zeros != 0).then(|| 8 * i + zeros.trailing_zeros() as usize / 8)
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::wire::encode::{self, Head};
    use crate::wire::opcode;

    /// The same lines, one by one; the masks are counted.
    fn one_by_one(block: &[u8], lines: u64) -> Vec<u8> {
        let mut out = b"before".to_vec();
        let head = Head { fin: true, opcode: opcode::TEXT, rsv1: false };
        for (key, line) in (1..=lines as u32).zip(block.split(|byte| *byte == b'\n')) {
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            encode::frame(&mut out, head, Some((key << 7).to_ne_bytes()), line);
        }
        out
    }

    fn at_once(block: &[u8]) -> (Vec<u8>, Lines) {
        let mut out = b"before".to_vec();
        let mut key = 0;
        let mask = || {
            key += 1;
            key << 7
        };
        let lines = frames(&mut out, Kind::Text, mask, block);
        (out, lines)
    }

    #[test]
    fn it_stops_before_a_long_line_and_near_the_end() {
        let long = |length| [vec![b'x'; length], b"\n".to_vec()].concat();
        let rest = vec![b'y'; WINDOW];
        let cases: [(&str, Vec<u8>, Lines); 9] = [
            ("nothing", vec![], Lines::default()),
            ("too little", b"a\n".repeat(63), Lines::default()),
            ("no newline", rest.clone(), Lines::default()),
            ("126 bytes", [long(126), rest.clone()].concat(), Lines::default()),
            ("126 bytes and a CR", [vec![b'x'; 126], b"\r\n".to_vec()].concat(), Lines::default()),
            (
                "125 bytes",
                [long(125), rest.clone()].concat(),
                Lines { bytes: 126, messages: 1, payload: 125 },
            ),
            (
                "125 bytes and a CR",
                [vec![b'x'; 125], b"\r\n".to_vec(), rest.clone()].concat(),
                Lines { bytes: 127, messages: 1, payload: 125 },
            ),
            (
                "empty ones",
                [b"\n\r\n\r\r\n".to_vec(), rest].concat(),
                Lines { bytes: 6, messages: 3, payload: 1 },
            ),
            (
                "up to where a line could go on behind the end",
                b"a\n".repeat(65),
                Lines { bytes: 4, messages: 2, payload: 2 },
            ),
        ];
        for (case, block, expected) in cases {
            let (out, lines) = at_once(&block);
            assert_eq!(lines, expected, "{case}");
            assert_eq!(out, one_by_one(&block, lines.messages), "{case}");
        }
    }

    proptest! {
        #[test]
        fn they_are_the_frames_that_each_line_would_be(
            lines in proptest::collection::vec(
                ((any::<u8>(), 0usize..130), prop_oneof![Just("\n"), Just("\r\n"), Just("\r")]),
                0..60,
            ),
        ) {
            let mut block = Vec::new();
            for ((byte, length), end) in lines {
                block.extend((0..length).map(|i| byte.wrapping_add(i as u8)));
                block.extend_from_slice(end.as_bytes());
            }
            let (out, lines) = at_once(&block);
            prop_assert_eq!(&out, &one_by_one(&block, lines.messages));
            let taken = &block[..lines.bytes];
            prop_assert_eq!(taken.iter().filter(|byte| **byte == b'\n').count() as u64, lines.messages);
            prop_assert_eq!(out.len() - 6, 6 * lines.messages as usize + lines.payload);
            let next = block[lines.bytes..].iter().position(|byte| *byte == b'\n');
            prop_assert!(block.len() - lines.bytes < WINDOW || next.is_none_or(|next| next > SHORT));
        }
    }
}
