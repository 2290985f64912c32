//! permessage-deflate outgoing (RFC 7692 section 7.2.1): the payload of a message becomes shorter. The
//! bytes of DEFLATE are zlib-rs' work.

use flate2::{Compress, Compression, FlushCompress};

use super::{Inflater, Role};

/// What ends every flush, and is left out at the end of a message (section 7.2.1).
const TAIL: [u8; 4] = [0, 0, 0xff, 0xff];
/// Window sizes that are known here, as powers of two.
pub const WINDOW_BITS: std::ops::RangeInclusive<u8> = 9..=15;

/// What both ends agreed on (RFC 7692 section 7.1). The default is what nobody said anything about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Agreement {
    /// Each message of the client stands by itself.
    pub client_no_context_takeover: bool,
    /// Each message of the server stands by itself.
    pub server_no_context_takeover: bool,
    /// How far back the client refers, as a power of two.
    pub client_max_window_bits: u8,
    /// How far back the server refers, as a power of two.
    pub server_max_window_bits: u8,
}

impl Default for Agreement {
    fn default() -> Self {
        Agreement {
            client_no_context_takeover: false,
            server_no_context_takeover: false,
            client_max_window_bits: 15,
            server_max_window_bits: 15,
        }
    }
}

/// What is agreed on, and what we choose ourselves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deflate {
    /// What both ends know.
    pub agreement: Agreement,
    /// How hard we try: 0 to 9.
    pub level: u32,
    /// Bytes of a message from which on it is worth it.
    pub min_size: usize,
}

impl Deflate {
    /// The compressor of one end; none where the window is smaller than [`WINDOW_BITS`] can be: it may
    /// send everything as it is (section 6).
    pub fn deflater(&self, role: Role) -> Option<Deflater> {
        let Agreement { client_max_window_bits, server_max_window_bits, .. } = self.agreement;
        let window_bits = match role {
            Role::Client => client_max_window_bits,
            Role::Server => server_max_window_bits,
        };
        let keeps_context = self.agreement.keeps_context(role);
        WINDOW_BITS
            .contains(&window_bits)
            .then(|| Deflater::new(self.level, window_bits, keeps_context, self.min_size))
    }

    /// Whether a client may send anything compressed.
    pub fn may_send_compressed(&self) -> bool {
        WINDOW_BITS.contains(&self.agreement.client_max_window_bits)
    }

    /// What makes the other end's messages long again.
    pub fn inflater(&self, role: Role, max_message: Option<u64>) -> Inflater {
        let other = match role {
            Role::Client => Role::Server,
            Role::Server => Role::Client,
        };
        Inflater::new(self.agreement.keeps_context(other), max_message)
    }
}

impl Agreement {
    fn keeps_context(&self, of: Role) -> bool {
        match of {
            Role::Client => !self.client_no_context_takeover,
            Role::Server => !self.server_no_context_takeover,
        }
    }
}

/// The compressor of one connection.
#[derive(Debug)]
pub struct Deflater {
    compress: Compress,
    /// Whether a message may refer to those before it.
    keeps_context: bool,
    /// Bytes of a message from which on it is worth it.
    min_size: usize,
}

impl Deflater {
    /// A compressor of this `level` (0 to 9), with a window of [`WINDOW_BITS`].
    pub fn new(level: u32, window_bits: u8, keeps_context: bool, min_size: usize) -> Self {
        let level = Compression::new(level);
        let compress = Compress::new_with_window_bits(level, false, window_bits);
        Deflater { compress, keeps_context, min_size }
    }

    /// Whether a message that begins with this piece is to be compressed. One that has nothing in it
    /// could only become longer.
    pub fn is_for(&self, piece: &[u8], last: bool) -> bool {
        !(last && (piece.is_empty() || piece.len() < self.min_size))
    }

    /// Appends to `out` what becomes of a piece of a message. Nothing is held back: whoever sends a
    /// message slowly is heard as soon as without compression.
    pub fn push(&mut self, piece: &[u8], last: bool, out: &mut Vec<u8>) {
        let begin = out.len();
        let taken_before = self.compress.total_in();
        loop {
            let taken = (self.compress.total_in() - taken_before) as usize;
            out.reserve(256 + (piece.len() - taken) / 2);
            // It can only be told that there is nothing to do.
            let _ = self.compress.compress_vec(&piece[taken..], out, FlushCompress::Sync);
            let taken = (self.compress.total_in() - taken_before) as usize;
            if taken == piece.len() && out.len() < out.capacity() {
                break;
            }
        }
        if !last {
            return;
        }
        if out[begin..].ends_with(&TAIL) {
            out.truncate(out.len() - TAIL.len());
        }
        if out.len() == begin {
            // A message without a byte (section 7.2.3.6).
            out.push(0);
        }
        if !self.keeps_context {
            self.compress.reset();
        }
    }
}
