//! Frames of RFC 6455 section 5 as bytes, for a server: its own unmasked, and as
//! wrong as a test wants them; those of the program strictly as they must be.

pub const CONTINUATION: u8 = 0;
pub const TEXT: u8 = 1;
pub const BINARY: u8 = 2;
pub const CLOSE: u8 = 8;
pub const PING: u8 = 9;
pub const PONG: u8 = 10;

/// A frame that the peer read from the program, unmasked.
#[derive(Clone, Debug, PartialEq)]
pub struct Frame {
    pub fin: bool,
    /// RSV1, or 0: a compressed message begins with it (RFC 7692 section 6).
    pub rsv: u8,
    pub opcode: u8,
    pub mask: [u8; 4],
    pub payload: Vec<u8>,
}

impl Frame {
    /// What a Close frame carries: the code, if any, and the reason.
    pub fn close_code(&self) -> Option<u16> {
        self.payload.first_chunk().map(|code| u16::from_be_bytes(*code))
    }

    pub fn close_reason(&self) -> String {
        String::from_utf8(self.payload.get(2..).unwrap_or_default().to_vec()).unwrap()
    }

    /// The frame that these bytes begin with and how many of them are its own,
    /// or how many more it takes to say so. It must be masked, have no reserved
    /// bit but RSV1, and state its length in the fewest bytes.
    pub fn decode(bytes: &[u8]) -> Result<(Frame, usize), usize> {
        let lacking = |needed: usize| needed - bytes.len();
        let [first, second, rest @ ..] = bytes else { return Err(lacking(2)) };
        assert_eq!(first & 0x30, 0, "reserved bits in {first:#x}");
        assert_eq!(second & 0x80, 0x80, "a frame of the program is not masked");
        let extension = match second & 0x7f {
            126 => 2,
            127 => 8,
            _ => 0,
        };
        let head = 2 + extension + 4;
        if bytes.len() < head {
            return Err(lacking(head));
        }
        let (extended, rest) = rest.split_at(extension);
        let extended = extended.iter().fold(0, |sum: u64, byte| sum << 8 | u64::from(*byte));
        let length = if extension == 0 { u64::from(second & 0x7f) } else { extended };
        let fewest = if length < 126 { length as u8 } else { 126 + u8::from(length > 0xffff) };
        assert_eq!(second & 0x7f, fewest, "the length {length} takes more bytes than it must");
        let end = head + usize::try_from(length).unwrap();
        if bytes.len() < end {
            return Err(lacking(end));
        }
        let mask = *rest.first_chunk().unwrap();
        let mut payload = bytes[head..end].to_vec();
        unmask(&mut payload, mask);
        let (fin, rsv, opcode) = (first & 0x80 != 0, first & 0x40, first & 0x0f);
        let frame = Frame { fin, rsv, opcode, mask, payload };
        if frame.opcode >= CLOSE {
            assert!(
                frame.fin && rsv == 0 && frame.payload.len() <= 125,
                "a control frame: {frame:?}"
            );
        }
        Ok((frame, end))
    }
}

/// Word by word: tests are built without optimisation.
fn unmask(payload: &mut [u8], mask: [u8; 4]) {
    let (words, rest) = payload.as_chunks_mut::<4>();
    for word in words {
        *word = (u32::from_ne_bytes(*word) ^ u32::from_ne_bytes(mask)).to_ne_bytes();
    }
    for (byte, mask) in rest.iter_mut().zip(mask) {
        *byte ^= mask;
    }
}

/// A header whose first byte (FIN, RSV, opcode) is given as it goes on the
/// wire and whose length need not be that of what follows.
pub fn header(first: u8, length: u64) -> Vec<u8> {
    let mut bytes = vec![first];
    match length {
        0..=125 => bytes.push(length as u8),
        126..=0xffff => {
            bytes.push(126);
            bytes.extend((length as u16).to_be_bytes());
        }
        _ => {
            bytes.push(127);
            bytes.extend(length.to_be_bytes());
        }
    }
    bytes
}

pub fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = header(first, payload.len() as u64);
    bytes.extend_from_slice(payload);
    bytes
}

pub fn text(payload: &str) -> Vec<u8> {
    frame(0x80 | TEXT, payload.as_bytes())
}

pub fn binary(payload: &[u8]) -> Vec<u8> {
    frame(0x80 | BINARY, payload)
}

pub fn ping(payload: &[u8]) -> Vec<u8> {
    frame(0x80 | PING, payload)
}

pub fn pong(payload: &[u8]) -> Vec<u8> {
    frame(0x80 | PONG, payload)
}

pub fn close(code: u16, reason: &str) -> Vec<u8> {
    let mut payload = code.to_be_bytes().to_vec();
    payload.extend_from_slice(reason.as_bytes());
    frame(0x80 | CLOSE, &payload)
}

pub fn close_without_code() -> Vec<u8> {
    frame(0x80 | CLOSE, b"")
}
