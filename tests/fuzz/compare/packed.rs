//! Compressed messages for the stream, as choices say: mostly good ones, by flate2 in many ways, and
//! by hand where a compressor would not go.

use flate2::{Compress, Compression, FlushCompress};

use super::stream::Choices;

/// What a sender leaves out at the end of a message (RFC 7692 section 7.2.1).
const TAIL: [u8; 4] = [0, 0, 0xff, 0xff];
/// Bytes that a message may refer back to (RFC 1951 section 2).
const WINDOW: usize = 32 * 1024;
/// Distances at the edges of the window, and of what has no bits of its own.
const DISTANCES: [usize; 8] = [1, 2, 4, 5, 257, WINDOW - 1, WINDOW, 24577];
/// Lengths of what is repeated: the least, one with a few bits, and the most.
const LENGTHS: [usize; 4] = [3, 4, 130, 258];

/// What makes the data of messages.
#[derive(Default)]
pub struct Packer {
    /// The end of what was packed, as far as it can be referred to.
    window: Vec<u8>,
    /// Data that are not sent.
    data: Vec<u8>,
}

/// How a piece of a message is packed.
pub struct Piece<'a> {
    /// What is packed.
    pub plain: &'a [u8],
    /// Whether the message is said to be a text.
    pub is_text: bool,
    /// Whether it ends here.
    pub last: bool,
    /// Whether something may be wrong with the data.
    pub wrong: bool,
}

impl Packer {
    /// The payload of the next frame: not always all that the piece has become, if it is not the last.
    pub fn pack(&mut self, piece: &Piece, choices: &mut Choices) -> Vec<u8> {
        let how = choices.byte();
        let is_final = how & 0x0e == 0x0e;
        let begin = self.data.len();
        match how & 0x07 {
            // What was kept back is the rest.
            3 if piece.plain.is_empty() => {}
            4 => self.stored(piece.plain),
            5 => {
                self.zlib(piece.plain, false, choices);
                self.repeated(piece.is_text, how & 0x08 != 0, choices);
            }
            _ => self.zlib(piece.plain, is_final, choices),
        }
        if piece.wrong {
            self.spoil(begin, choices);
        }
        let rest = how >> 6;
        if !piece.last {
            let length = self.data.len();
            let kept = [0, TAIL.len(), length / 2, length][usize::from(rest)];
            let sent = length - kept.min(length);
            return self.data.drain(..sent).collect();
        }
        let mut data = std::mem::take(&mut self.data);
        if data.ends_with(&TAIL) && !(piece.wrong && rest == 3) {
            data.truncate(data.len() - TAIL.len());
        } else if rest > 0 {
            // As in section 7.2.3.4.
            data.push(0);
        }
        data
    }

    /// Forgets what there is to refer to.
    pub fn forget(&mut self) {
        self.window.clear();
    }

    /// Packs by a compressor of its own, which may refer to all that was there before.
    fn zlib(&mut self, plain: &[u8], is_final: bool, choices: &mut Choices) {
        let how = choices.byte();
        let level = Compression::new((how & 0x0f).min(9).into());
        let window_bits = 9 + (how >> 4 & 0x07).min(6);
        let mut compress = Compress::new_with_window_bits(level, false, window_bits);
        if how & 0x80 == 0 && !self.window.is_empty() {
            compress.set_dictionary(&self.window).expect("it is new");
        }
        let end = if is_final { FlushCompress::Finish } else { FlushCompress::Sync };
        let (begin, rest) = plain.split_at(plain.len() / 2);
        let flush = match how & 0x0f {
            0..=9 => FlushCompress::None,
            10 | 11 => FlushCompress::Sync,
            12 | 13 => FlushCompress::Partial,
            _ => FlushCompress::Full,
        };
        self.compress(&mut compress, begin, flush);
        self.compress(&mut compress, rest, end);
        self.remember(plain);
    }

    fn compress(&mut self, compress: &mut Compress, plain: &[u8], flush: FlushCompress) {
        let before = compress.total_in();
        loop {
            let taken = (compress.total_in() - before) as usize;
            self.data.reserve(100 + plain.len());
            // It can only be told that there is nothing to do.
            let _ = compress.compress_vec(&plain[taken..], &mut self.data, flush);
            if self.data.len() < self.data.capacity() {
                break;
            }
        }
    }

    /// Packs without compression, and ends with an empty block (RFC 1951 section 3.2.4).
    fn stored(&mut self, plain: &[u8]) {
        for block in plain.chunks(u16::MAX.into()).chain([&[][..]]) {
            let length = block.len() as u16;
            self.data.push(0);
            self.data.extend(length.to_le_bytes());
            self.data.extend((!length).to_le_bytes());
            self.data.extend(block);
        }
        self.remember(plain);
    }

    /// Packs a few characters and what refers far back, maybe to nothing.
    fn repeated(&mut self, is_text: bool, is_final: bool, choices: &mut Choices) {
        let mut bits = Bits::default();
        bits.put(if is_final { 0b011 } else { 0b010 }, 3);
        for _ in 0..choices.byte() & 0x0f {
            let choice = choices.byte();
            if choice < 0x60 {
                bits.symbol(choice.into());
                self.remember(&[choice]);
                continue;
            }
            let length = LENGTHS[usize::from(choice & 0x03)];
            let mut distance = DISTANCES[usize::from(choice >> 2 & 0x07)];
            match choice & 0xe0 {
                // What there is, or one byte more.
                0xc0 => distance = distance.min(self.window.len()).max(1),
                0xe0 => {
                    distance = (self.window.len() + usize::from(choice & 0x01)).clamp(1, WINDOW)
                }
                _ if is_text => distance = 1,
                _ => {}
            }
            bits.repeat(length, distance);
            let begin = self.window.len().saturating_sub(distance);
            let repeated = self.window[begin..].iter().copied().cycle().take(length);
            self.remember(&repeated.collect::<Vec<_>>());
        }
        bits.symbol(256);
        if is_final {
            self.data.extend(bits.bytes());
        } else {
            bits.put(0, 3);
            self.data.extend(bits.bytes());
            self.data.extend(TAIL);
        }
    }

    /// Makes the data wrong, or not, from a place on.
    fn spoil(&mut self, from: usize, choices: &mut Choices) {
        let (what, at) = (choices.byte(), choices.byte());
        let at = self.data.len().saturating_sub(usize::from(at) + 1).max(from);
        match what {
            0..0x40 => self.data[at..].iter_mut().take(1).for_each(|byte| *byte ^= what + 1),
            0x40..0x60 => self.data.truncate(at),
            0x60..0x80 => {
                let inserted = choices.bytes((what & 0x0f).into());
                self.data.splice(at..at, inserted);
            }
            _ => {}
        }
    }

    fn remember(&mut self, plain: &[u8]) {
        self.window.extend(plain);
        self.window.drain(..self.window.len().saturating_sub(WINDOW));
    }
}

/// A block with the codes of RFC 1951 section 3.2.6.
#[derive(Default)]
struct Bits(Vec<bool>);

impl Bits {
    /// Appends a number, its lowest bit first.
    fn put(&mut self, value: usize, count: u32) {
        self.0.extend((0..count).map(|place| value >> place & 1 != 0));
    }

    /// Appends a code, its highest bit first.
    fn code(&mut self, code: usize, count: u32) {
        self.0.extend((0..count).rev().map(|place| code >> place & 1 != 0));
    }

    fn symbol(&mut self, symbol: usize) {
        match symbol {
            0..144 => self.code(0x30 + symbol, 8),
            144..256 => self.code(0x190 + symbol - 144, 9),
            256..280 => self.code(symbol - 256, 7),
            _ => self.code(0xc0 + symbol - 280, 8),
        }
    }

    /// Appends a length and a distance (section 3.2.5).
    fn repeat(&mut self, length: usize, distance: usize) {
        match length {
            258 => self.symbol(285),
            _ => {
                let (symbol, rest, count) = scaled(length - 3, 4);
                self.symbol(257 + symbol);
                self.put(rest, count);
            }
        }
        let (symbol, rest, count) = scaled(distance - 1, 2);
        self.code(symbol, 5);
        self.put(rest, count);
    }

    fn bytes(&self) -> Vec<u8> {
        let byte =
            |bits: &[bool]| bits.iter().rev().fold(0, |byte, bit| byte << 1 | u8::from(*bit));
        self.0.chunks(8).map(byte).collect()
    }
}

/// The number of the range that `value` is in, where it is in there, and in how many bits that is said:
/// the first two rows of `each` ranges have one value, and in each further row a range has twice as
/// many.
fn scaled(value: usize, each: usize) -> (usize, usize, u32) {
    let mut count = 0;
    while value >> count >= 2 * each {
        count += 1;
    }
    (each * count as usize + (value >> count), value & ((1 << count) - 1), count)
}
