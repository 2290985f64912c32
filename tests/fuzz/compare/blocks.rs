//! The data of a compressed message, block by block (RFC 1951): where it ends, behind its last block
//! or within one, and how far back it refers. Blocks are only measured here, bit by bit: what is in
//! them, and whether it is good, is what the two readers are asked.

/// Where data ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// In the header of a block that is not compressed: what the sender left out makes it an empty
    /// one (RFC 7692 section 7.2.1).
    Flushed,
    /// Behind a final block.
    Final,
    /// In the tables of a block, before the first bit of what it holds.
    InTables,
    /// Anywhere else.
    InBlock,
}

/// What is known of data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Measured {
    /// Where it ends.
    pub end: End,
    /// The longest distance in it.
    pub farthest: usize,
}

/// Measures good `data` that begins with a block.
pub fn measure(data: &[u8]) -> Measured {
    let mut bits = Bits { data, at: 0, farthest: 0 };
    let end = loop {
        match bits.block() {
            // Whatever follows a final block begins a stream of its own, in a new byte.
            Ok(true) if bits.align() => break End::Final,
            Ok(_) => {}
            Err(end) => break end,
        }
    };
    Measured { end, farthest: bits.farthest }
}

/// Data, the lowest bit of each byte first (RFC 1951 section 3.1.1).
struct Bits<'a> {
    data: &'a [u8],
    /// Bits that are used up.
    at: usize,
    /// The longest distance so far.
    farthest: usize,
}

/// How many bits the codes of the lengths have that the tables are written in, in the order in which
/// they come (section 3.2.7).
const ORDER: [usize; 19] = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];

impl Bits<'_> {
    fn take(&mut self, count: usize) -> Option<usize> {
        let mut value = 0;
        for place in 0..count {
            let byte = self.data.get(self.at / 8)?;
            value |= usize::from(byte >> (self.at % 8) & 1) << place;
            self.at += 1;
        }
        Some(value)
    }

    /// Goes on with the next byte; whether there is none.
    fn align(&mut self) -> bool {
        self.at = self.at.next_multiple_of(8);
        self.at / 8 >= self.data.len()
    }

    /// Passes over a block (section 3.2.3); whether it is final.
    fn block(&mut self) -> Result<bool, End> {
        let is_final = self.take(1).ok_or(End::InBlock)? == 1;
        match self.take(2).ok_or(End::InBlock)? {
            0 if self.align() => return Err(End::Flushed),
            0 => self.stored().ok_or(End::InBlock)?,
            1 => self.symbols(&fixed()).ok_or(End::InBlock)?,
            _ => {
                let codes = self.tables().ok_or(End::InTables)?;
                self.symbols(&codes).ok_or(End::InBlock)?;
            }
        }
        Ok(is_final)
    }

    fn stored(&mut self) -> Option<()> {
        let length = self.take(16)?;
        self.take(16)?;
        self.at += 8 * length;
        (self.at <= 8 * self.data.len()).then_some(())
    }

    /// Passes over literals and what is repeated, to the end of the block (section 3.2.5).
    fn symbols(&mut self, [literals, distances]: &[Code; 2]) -> Option<()> {
        loop {
            match literals.next(self)? {
                0..256 => {}
                256 => return Some(()),
                length => {
                    self.take(match length - 257 {
                        0..8 | 28.. => 0,
                        symbol => symbol / 4 - 1,
                    })?;
                    let distance = distances.next(self)?;
                    let extra = (distance / 2).saturating_sub(1);
                    let base = if extra == 0 { distance } else { (2 + distance % 2) << extra };
                    self.farthest = self.farthest.max(base + self.take(extra)? + 1);
                }
            }
        }
    }

    /// The codes that stand in front of a block (section 3.2.7).
    fn tables(&mut self) -> Option<[Code; 2]> {
        let literals = self.take(5)? + 257;
        let distances = self.take(5)? + 1;
        let mut lengths = [0; 19];
        for place in &ORDER[..self.take(4)? + 4] {
            lengths[*place] = self.take(3)?;
        }
        let code = Code::new(&lengths);
        let mut lengths = Vec::new();
        while lengths.len() < literals + distances {
            let (length, times) = match code.next(self)? {
                length @ 0..16 => (length, 1),
                16 => (*lengths.last()?, self.take(2)? + 3),
                17 => (0, self.take(3)? + 3),
                _ => (0, self.take(7)? + 11),
            };
            lengths.extend(std::iter::repeat_n(length, times));
        }
        let (literals, distances) = lengths.split_at(literals);
        Some([Code::new(literals), Code::new(distances)])
    }
}

/// The codes of a block without tables (section 3.2.6).
fn fixed() -> [Code; 2] {
    let literals = [&[8; 144][..], &[9; 112], &[7; 24], &[8; 8]].concat();
    [Code::new(&literals), Code::new(&[5; 30])]
}

/// A Huffman code (section 3.2.2).
struct Code {
    /// How many codes there are of each length.
    counts: [usize; 16],
    /// What they stand for, shorter codes first.
    symbols: Vec<usize>,
}

impl Code {
    fn new(lengths: &[usize]) -> Code {
        let mut counts = [0; 16];
        let mut symbols: Vec<_> = (0..lengths.len()).filter(|at| lengths[*at] > 0).collect();
        symbols.sort_by_key(|at| lengths[*at]);
        symbols.iter().for_each(|at| counts[lengths[*at]] += 1);
        Code { counts, symbols }
    }

    /// The next symbol; nothing either if there is no such code.
    fn next(&self, bits: &mut Bits) -> Option<usize> {
        let (mut code, mut first, mut before) = (0, 0, 0);
        for count in &self.counts[1..] {
            code = 2 * code + bits.take(1)?;
            if code < first + count {
                return Some(self.symbols[before + code - first]);
            }
            first = 2 * (first + count);
            before += count;
        }
        None
    }
}
