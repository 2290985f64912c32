//! Frames of RFC 6455 section 5 as bytes, for a server: unmasked, and as wrong
//! as a test wants them.

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
