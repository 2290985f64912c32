//! What is sent: messages of a size, the same again and again where the time is taken, each one
//! different where order and content are checked.

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

/// Messages of one size and kind.
#[derive(Clone, Copy, Debug)]
pub struct Pattern {
    /// Text or binary.
    pub kind: Kind,
    /// Payload bytes of each.
    pub size: usize,
    /// Whether each is different.
    pub numbered: bool,
}

/// Bytes that are made at once and written again and again.
const BLOCK: usize = 1 << 20;

impl Pattern {
    /// Appends the payload of message `number`.
    pub fn payload(self, number: u64, out: &mut Vec<u8>) {
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

    /// Writes messages `0..count`, each as `encode` has it, in large blocks.
    ///
    /// # Errors
    /// The first error of `write`.
    pub fn write<E>(
        self,
        count: u64,
        encode: impl Fn(&[u8], &mut Vec<u8>),
        mut write: impl FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        let (mut payload, mut block) = (Vec::new(), Vec::new());
        let mut in_block = 0;
        let mut number = 0;
        while number < count {
            let wanted = self.per_block().min(count - number);
            if self.numbered || wanted != in_block {
                block.clear();
                for next in number..number + wanted {
                    payload.clear();
                    self.payload(next, &mut payload);
                    encode(&payload, &mut block);
                }
                in_block = wanted;
            }
            write(&block)?;
            number += wanted;
        }
        Ok(())
    }

    /// A message as it stands on stdin and stdout: a line, or the bytes alone.
    pub fn plain(self, payload: &[u8], out: &mut Vec<u8>) {
        out.extend_from_slice(payload);
        if self.kind == Kind::Text {
            out.push(b'\n');
        }
    }

    /// A message as a frame; with a mask of zeros when a client is to copy it.
    pub fn frame(self, payload: &[u8], masked: bool, out: &mut Vec<u8>) {
        let mask_bit = if masked { 0x80 } else { 0 };
        out.push(self.kind.first_byte());
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
