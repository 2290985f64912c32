//! Messages that come in pieces, put together for their records; of those that are too large, only the
//! length is kept.

use crate::output::encode::Piece;
use crate::record::{Record, Side};
use crate::wire::Kind;

/// Puts messages together, each way.
#[derive(Debug)]
pub struct Gathering {
    pieces: [Option<Pieces>; 2],
    /// The largest message that is held, in bytes.
    most: usize,
}

/// A message that comes in pieces.
#[derive(Debug)]
struct Pieces {
    kind: Kind,
    /// All of it, as long as it is not too much.
    held: Vec<u8>,
    length: usize,
}

impl Gathering {
    /// Nothing yet; messages are held up to so many bytes.
    pub fn new(most: usize) -> Gathering {
        Gathering { pieces: [None, None], most }
    }

    /// The largest message that is held, in bytes.
    pub fn most(&self) -> usize {
        self.most
    }

    /// Takes a message or a piece of one; once it is whole, `tell` gets its record, and whether that has
    /// only its length.
    pub fn take(&mut self, from: Side, piece: Piece, tell: impl FnOnce(&Record, bool)) {
        let Piece { kind, payload, first, last } = piece;
        if first && last && payload.len() <= self.most {
            return tell(&Record::message(from, kind, payload), false);
        }
        let begun = &mut self.pieces[usize::from(from == Side::Peer)];
        let mut pieces = begun.take().filter(|_| !first).unwrap_or_else(|| Pieces::new(kind));
        pieces.take(payload, self.most);
        if !last {
            *begun = Some(pieces);
        } else if pieces.length <= self.most {
            tell(&Record::message(from, kind, &pieces.held), false);
        } else {
            let (opcode, length) = (pieces.kind.name(), pieces.length);
            tell(&Record::Message { from, opcode, length, text: None, base64: None }, true);
        }
    }
}

impl Pieces {
    fn new(kind: Kind) -> Pieces {
        Pieces { kind, held: Vec::new(), length: 0 }
    }

    fn take(&mut self, payload: &[u8], most: usize) {
        self.length += payload.len();
        if self.length <= most {
            self.held.extend_from_slice(payload);
        } else {
            self.held = Vec::new();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_told_of_when_it_is_whole_and_by_its_length_when_it_is_too_large() {
        let mut gathering = Gathering::new(4);
        let mut told = Vec::new();
        let pieces: [(Side, &[u8], bool, bool); 8] = [
            (Side::Us, b"abcd", true, true),
            (Side::Us, b"ab", true, false),
            (Side::Peer, b"x", true, true),
            (Side::Us, b"cd", false, true),
            (Side::Peer, b"12345", true, true),
            (Side::Peer, b"123", true, false),
            (Side::Peer, b"45", false, false),
            (Side::Peer, b"6", false, true),
        ];
        for (from, payload, first, last) in pieces {
            let piece = Piece { kind: Kind::Text, payload, first, last };
            gathering.take(from, piece, |record, by_length| {
                let mut line = Vec::new();
                record.write(&mut line, "T");
                told.push((String::from_utf8(line).unwrap(), by_length));
            });
        }
        let ours = "{\"time\":\"T\",\"event\":\"message\",\"from\":\"us\",\"opcode\":\"text\",\"length\":4,\"text\":\"abcd\"}";
        let theirs = |rest: &str| {
            format!(
                "{{\"time\":\"T\",\"event\":\"message\",\"from\":\"peer\",\"opcode\":\"text\",{rest}}}"
            )
        };
        let expected = [
            (ours.to_owned(), false),
            (theirs("\"length\":1,\"text\":\"x\""), false),
            (ours.to_owned(), false),
            (theirs("\"length\":5"), true),
            (theirs("\"length\":6"), true),
        ];
        assert_eq!(told, expected);
    }
}
