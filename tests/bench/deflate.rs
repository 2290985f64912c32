//! permessage-deflate as one would write it by hand (RFC 7692), around zlib-rs as wspipe has it: for
//! the yardstick, and for the servers. The agreement is always the plain one: both ends keep their
//! context, and windows are as large as they can be.

use std::io;

use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress, Status};

/// What is offered, and what the answer is.
pub const EXTENSION: &str = "permessage-deflate";
/// Bytes at the end of every flush that are left out at the end of a message (section 7.2.1).
const TAIL: usize = 4;
/// They, and two empty blocks: with so much behind it, a short message is inflated by zlib's fast loop
/// to its end, which wants 15 bytes ahead.
const END: [u8; 14] = [0, 0, 0xff, 0xff, 0, 0, 0, 0xff, 0xff, 0, 0, 0, 0xff, 0xff];
/// Room that there is at least where something is put.
const LEAST: usize = 1024;

/// Makes messages shorter.
pub struct Deflater(Compress);

impl Deflater {
    /// With the level that nobody has to ask for.
    pub fn new() -> Deflater {
        Deflater(Compress::new(Compression::default(), false))
    }

    /// What comes next does not refer to what came before.
    pub fn forget(&mut self) {
        self.0.reset();
    }

    /// Appends what becomes of a message.
    pub fn message(&mut self, payload: &[u8], out: &mut Vec<u8>) -> io::Result<()> {
        let before = self.0.total_in();
        loop {
            let rest = &payload[(self.0.total_in() - before) as usize..];
            out.reserve(LEAST + rest.len() / 4);
            self.0.compress_vec(rest, out, FlushCompress::Sync)?;
            if out.len() < out.capacity() {
                break;
            }
        }
        out.truncate(out.len() - TAIL);
        Ok(())
    }
}

/// Makes messages what they were.
pub struct Inflater {
    inflate: Decompress,
    /// A message and its end, for one call: a second one would cost more than the copy.
    whole: Vec<u8>,
}

impl Inflater {
    /// Nothing has come yet.
    pub fn new() -> Inflater {
        Inflater { inflate: Decompress::new(false), whole: Vec::new() }
    }

    /// Appends what a message was.
    pub fn message(&mut self, payload: &[u8], out: &mut Vec<u8>) -> io::Result<()> {
        self.whole.clear();
        self.whole.extend_from_slice(payload);
        self.whole.extend_from_slice(&END);
        let before = self.inflate.total_in();
        loop {
            let rest = &self.whole[(self.inflate.total_in() - before) as usize..];
            out.reserve(LEAST + 4 * rest.len());
            let status = self.inflate.decompress_vec(rest, out, FlushDecompress::Sync)?;
            if status == Status::StreamEnd {
                return Err(io::Error::other("a final block"));
            }
            if out.len() < out.capacity() {
                return Ok(());
            }
        }
    }
}
