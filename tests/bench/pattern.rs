//! What is sent: messages of a size; a block of them again and again where the time is taken, each one
//! different where order and content are checked.

use crate::deflate::Deflater;
use crate::json;

/// Text or binary.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Text frames; lines on stdin and stdout.
    Text,
    /// Binary frames; plain bytes on stdin and stdout.
    Binary,
}

impl Kind {
    /// Its name in URLs and tables.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Text => "text",
            Kind::Binary => "binary",
        }
    }

    /// The first byte of a frame that is a whole message (RFC 6455 section 5.2).
    pub fn first_byte(self) -> u8 {
        match self {
            Kind::Text => 0x81,
            Kind::Binary => 0x82,
        }
    }
}

/// What messages have in them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Content {
    /// What cannot be guessed, all the same if not numbered; sent as it is.
    Noise,
    /// JSON; sent compressed.
    Json,
    /// Zeros and nothing else; sent compressed.
    Zeros,
}

impl Content {
    /// Whether messages are to be compressed (RFC 7692).
    pub fn is_compressed(self) -> bool {
        self != Content::Noise
    }
}

/// The bit in the first byte of a message that says that it is compressed (RFC 7692 section 6).
pub const RSV1: u8 = 0x40;

/// Messages of one size and kind.
#[derive(Clone, Copy, Debug)]
pub struct Pattern {
    /// Text or binary.
    pub kind: Kind,
    /// Payload bytes of each.
    pub size: usize,
    /// What is in them.
    pub content: Content,
    /// Whether each is different.
    pub numbered: bool,
}

/// Payload bytes that are made at once and written again and again. No compressor looks back so far.
const BLOCK: usize = 1 << 20;

/// Messages that are made, so that nobody has to wait for it when the time is taken.
pub struct Blocks {
    block: Vec<u8>,
    /// How often the block is written.
    times: u64,
    /// What is written after it.
    rest: Vec<u8>,
}

impl Blocks {
    /// Writes it all, in large pieces.
    ///
    /// # Errors
    /// The first error of `write`.
    pub fn write<E>(&self, mut write: impl FnMut(&[u8]) -> Result<(), E>) -> Result<(), E> {
        for _ in 0..self.times {
            write(&self.block)?;
        }
        self.rest.chunks(BLOCK).try_for_each(write)
    }

    /// How many bytes that is.
    pub fn size(&self) -> u64 {
        self.times * self.block.len() as u64 + self.rest.len() as u64
    }
}

impl Pattern {
    /// Appends the payload of message `number`.
    pub fn payload(self, number: u64, out: &mut Vec<u8>) {
        let end = out.len() + self.size;
        match self.content {
            Content::Noise => self.noise(number, out),
            Content::Json => json::message(number, self.size, out),
            Content::Zeros => out.resize(end, 0),
        }
    }

    fn noise(self, number: u64, out: &mut Vec<u8>) {
        let end = out.len() + self.size;
        let mut state =
            if self.numbered { number.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1 } else { 1 };
        while out.len() < end {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            let word = match self.kind {
                // Printable ASCII, no line breaks.
                Kind::Text => state.to_ne_bytes().map(|byte| b'0' + byte % 64),
                Kind::Binary => state.to_ne_bytes(),
            };
            out.extend_from_slice(&word[..word.len().min(end - out.len())]);
        }
    }

    /// How many messages stand in one block.
    fn per_block(self) -> u64 {
        (BLOCK / self.size).max(1) as u64
    }

    /// Makes messages `0..count`, each as `encode` has it.
    pub fn blocks(self, count: u64, mut encode: impl FnMut(&[u8], &mut Vec<u8>)) -> Blocks {
        let mut payload = Vec::new();
        let mut made = |messages: u64| {
            let mut block = Vec::new();
            for number in 0..messages {
                payload.clear();
                self.payload(number, &mut payload);
                encode(&payload, &mut block);
            }
            block
        };
        if self.numbered {
            return Blocks { block: Vec::new(), times: 0, rest: made(count) };
        }
        let in_block = self.per_block().min(count).max(1);
        Blocks { block: made(in_block), times: count / in_block, rest: made(count % in_block) }
    }

    /// What makes frames of messages; with a mask of zeros when a client is to copy them.
    pub fn framer(self, masked: bool) -> impl FnMut(&[u8], &mut Vec<u8>) {
        let mut deflater = self.content.is_compressed().then(Deflater::new);
        let mut shorter = Vec::new();
        move |payload, block| {
            let Some(deflater) = &mut deflater else {
                return self.frame(payload, false, masked, block);
            };
            if block.is_empty() {
                // What is repeated must not refer to what may not be before it.
                deflater.forget();
            }
            shorter.clear();
            deflater
                .message(payload, &mut shorter)
                .expect("there is nothing that cannot be deflated");
            self.frame(&shorter, true, masked, block);
        }
    }

    /// A message as it stands on stdin and stdout: a line, or the bytes alone.
    pub fn plain(self, payload: &[u8], out: &mut Vec<u8>) {
        out.extend_from_slice(payload);
        if self.kind == Kind::Text {
            out.push(b'\n');
        }
    }

    /// A message as a frame.
    pub fn frame(self, payload: &[u8], compressed: bool, masked: bool, out: &mut Vec<u8>) {
        let mask_bit = if masked { 0x80 } else { 0 };
        out.push(self.kind.first_byte() | if compressed { RSV1 } else { 0 });
        match payload.len() {
            len @ 0..=125 => out.push(mask_bit | len as u8),
            len @ 126..=0xffff => {
                out.push(mask_bit | 126);
                out.extend_from_slice(&(len as u16).to_be_bytes());
            }
            len => {
                out.push(mask_bit | 127);
                out.extend_from_slice(&(len as u64).to_be_bytes());
            }
        }
        if masked {
            out.extend_from_slice(&[0; 4]);
        }
        out.extend_from_slice(payload);
    }
}
