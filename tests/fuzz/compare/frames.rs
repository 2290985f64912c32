//! Where the frames of a stream begin and end (RFC 6455 section 5.2), and how to end one. Frames
//! are only measured here: whether they are good is what the two readers are asked.

use std::fmt;

use wspipe::wire::opcode;

use super::plain::Deflated;

/// A frame, or what is there of it: its first two bytes at least.
pub struct Frame<'a> {
    /// Where in the stream it begins.
    pub start: usize,
    /// Its bytes, to its end or to that of the stream.
    pub bytes: &'a [u8],
    /// What the header says, if it is all there.
    pub header: Option<Header>,
    /// What is known of it if it belongs to a compressed message.
    pub deflated: Option<Deflated>,
}

/// The part of a header that says how long the frame is.
#[derive(Clone, Copy, Debug)]
pub struct Header {
    /// Bytes that the header has.
    pub size: usize,
    /// Bytes that the length has beside the second byte of the frame.
    pub length_size: usize,
    /// Bytes that the payload has.
    pub length: u64,
    /// The mask, or zeros, which change nothing.
    pub mask: [u8; 4],
}

impl Header {
    /// Reads the header at the front of `bytes`; nothing if it is not all there.
    pub fn read(bytes: &[u8]) -> Option<Header> {
        let second = *bytes.get(1)?;
        let (length_size, length) = match second & 0x7f {
            126 => (2, u16::from_be_bytes(*bytes[2..].first_chunk()?).into()),
            127 => (8, u64::from_be_bytes(*bytes[2..].first_chunk()?)),
            short => (0, short.into()),
        };
        let mask_at = 2 + length_size;
        if second & 0x80 == 0 {
            return Some(Header { size: mask_at, length_size, length, mask: [0; 4] });
        }
        let mask = *bytes[mask_at..].first_chunk()?;
        Some(Header { size: mask_at + 4, length_size, length, mask })
    }
}

/// The header of a frame, with the length in the shortest form or a longer one.
pub fn header(first: u8, mask: Option<[u8; 4]>, length: u64, length_size: usize) -> Vec<u8> {
    let masked = if mask.is_some() { 0x80 } else { 0 };
    let mut bytes = vec![first];
    match (length, length_size) {
        (0..=125, 0) => bytes.push(masked | length as u8),
        (0..=0xffff, 0..=2) => {
            bytes.push(masked | 126);
            bytes.extend((length as u16).to_be_bytes());
        }
        _ => {
            bytes.push(masked | 127);
            bytes.extend(length.to_be_bytes());
        }
    }
    bytes.extend(mask.iter().flatten());
    bytes
}

impl Frame<'_> {
    /// Its opcode.
    pub fn opcode(&self) -> u8 {
        self.bytes[0] & 0x0f
    }

    /// Whether it is a control frame (section 5.5).
    pub fn is_control(&self) -> bool {
        self.opcode() >= opcode::CLOSE
    }

    /// Where in the stream it ends, as far as that is known.
    pub fn end(&self) -> u64 {
        let size = self.header.map_or(2, |header| header.length.saturating_add(header.size as u64));
        size.saturating_add(self.start as u64)
    }

    /// Whether it is all there.
    pub fn is_whole(&self) -> bool {
        self.header.is_some() && self.end() <= (self.start + self.bytes.len()) as u64
    }

    /// The code of a Close frame that is all there.
    pub fn close_code(&self) -> Option<u16> {
        let Header { size, mask, .. } = self.header?;
        if self.opcode() != opcode::CLOSE || !self.is_whole() {
            return None;
        }
        let code: [u8; 2] = *self.bytes[size..].first_chunk()?;
        Some(u16::from_be_bytes([code[0] ^ mask[0], code[1] ^ mask[1]]))
    }

    /// The frame with zeros for what is missing, unless it is longer than `most`.
    pub fn filled(&self, most: usize) -> Vec<u8> {
        let mut bytes = self.bytes.to_vec();
        let header = loop {
            match Header::read(&bytes) {
                Some(header) => break header,
                None => bytes.push(0),
            }
        };
        if header.length <= most as u64 {
            bytes.resize(header.size + header.length as usize, 0);
        }
        bytes
    }

    /// The frame with no more payload than is there. A data frame is then one that others follow,
    /// for what a text lacks at its end may come in these.
    pub fn cut_short(&self) -> Vec<u8> {
        let [first, second, ..] = *self.bytes else { unreachable!("a frame has two bytes") };
        let first = if self.is_control() { first } else { first & 0x7f };
        let (payload, key) = match self.header {
            Some(header) => (&self.bytes[header.size..], header.mask),
            None => (&[][..], [0; 4]),
        };
        let mask = (second & 0x80 != 0).then_some(key);
        [&header(first, mask, payload.len() as u64, 0), payload].concat()
    }
}

/// The frames of `stream`; one byte at its end is none yet.
pub fn walk(stream: &[u8]) -> Vec<Frame<'_>> {
    let mut frames = Vec::new();
    let mut start = 0;
    while stream.len() - start >= 2 {
        let header = Header::read(&stream[start..]);
        let mut frame = Frame { start, bytes: &stream[start..], header, deflated: None };
        if frame.is_whole() {
            start = frame.end() as usize;
            frame.bytes = &stream[frame.start..start];
        } else {
            start = stream.len();
        }
        frames.push(frame);
    }
    frames
}

impl fmt::Debug for Frame<'_> {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "the frame at {}, {},", self.start, super::shown(self.bytes))
    }
}
