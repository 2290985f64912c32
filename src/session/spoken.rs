//! A message that is being said: whole if it is small, and else a fragment at a time, as far as there is room
//! for it.

use bytes::Bytes;

use crate::output::encode::Piece;
use crate::wire::{Kind, WAITS};

/// Bytes of a fragment of what is too large for one frame.
const FRAGMENT: usize = 64 << 10;

/// A message, and how much of it is said.
#[derive(Debug)]
pub struct Spoken {
    kind: Kind,
    payload: Bytes,
    said: usize,
}

impl Spoken {
    /// A message of which nothing is said.
    pub fn new(kind: Kind, payload: Bytes) -> Spoken {
        Spoken { kind, payload, said: 0 }
    }

    /// What is to be said of it next; the last piece says so.
    pub fn next(&mut self) -> Piece<'_> {
        let is_whole = self.payload.len() as u64 <= WAITS;
        let rest = &self.payload[self.said..];
        let size = if is_whole { rest.len() } else { rest.len().min(FRAGMENT) };
        let (first, last) = (self.said == 0, size == rest.len());
        self.said += size;
        Piece { kind: self.kind, payload: &rest[..size], first, last }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_whole_up_to_a_mebibyte_and_in_fragments_beyond() {
        let pieces = |size: usize| {
            let mut spoken = Spoken::new(Kind::Binary, vec![0; size].into());
            let mut pieces = Vec::new();
            loop {
                let piece = spoken.next();
                pieces.push((piece.payload.len(), piece.first, piece.last));
                if piece.last {
                    return pieces;
                }
            }
        };
        assert_eq!(pieces(0), [(0, true, true)]);
        assert_eq!(pieces(1 << 20), [(1 << 20, true, true)]);
        let long = pieces((1 << 20) + 1);
        assert_eq!(long.len(), 17);
        assert_eq!(long[0], (FRAGMENT, true, false));
        assert_eq!(long[1..16], [(FRAGMENT, false, false); 15]);
        assert_eq!(long[16], (1, false, true));
    }
}
