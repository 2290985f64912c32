//! Messages that come in pieces, put together for their records; of those that are too large, only the
//! length is kept.

use std::borrow::Cow;

use super::spare::Held;
use crate::output::encode::Piece;
use crate::record::{Record, Side};
use crate::wire::Kind;

/// Puts messages together, each way.
#[derive(Debug)]
pub struct Gathering {
    pieces: [Option<Pieces>; 2],
    /// The largest message that is held, in bytes.
    most: usize,
    /// What they take of memory that is shared with others, if it is.
    share: Option<Held>,
}

/// A message that comes in pieces.
#[derive(Debug)]
struct Pieces {
    kind: Kind,
    /// All of it, as long as it is not too much.
    held: Option<Vec<u8>>,
    length: usize,
}

/// A message that is whole.
#[derive(Debug)]
pub struct Gathered<'p> {
    from: Side,
    kind: Kind,
    /// All of it, unless it was too much.
    payload: Option<Cow<'p, [u8]>>,
    length: usize,
}

impl Gathering {
    /// Nothing yet; messages are held up to so many bytes.
    pub fn new(most: usize) -> Gathering {
        Gathering { pieces: [None, None], most, share: None }
    }

    /// The same with a share of memory that is not for this one alone; a message for which nothing is left is
    /// too large.
    pub fn sharing(most: usize, share: Held) -> Gathering {
        Gathering { share: Some(share), ..Gathering::new(most) }
    }

    /// The largest message that is held, in bytes.
    pub fn most(&self) -> usize {
        self.most
    }

    /// Takes a message or a piece of one; gives it back once it is whole.
    pub fn take<'p>(&mut self, from: Side, piece: Piece<'p>) -> Option<Gathered<'p>> {
        let Piece { kind, payload, first, last } = piece;
        if first && last && payload.len() <= self.most {
            return Some(Gathered {
                from,
                kind,
                payload: Some(Cow::Borrowed(payload)),
                length: payload.len(),
            });
        }
        let way = usize::from(from == Side::Peer);
        let begun = self.pieces[way].take().filter(|_| !first);
        let mut pieces = begun.unwrap_or_else(|| Pieces::new(kind));
        let other = self.pieces[1 - way].as_ref().map_or(0, Pieces::held);
        let share = &mut self.share;
        let has_room = |bytes| share.as_mut().is_none_or(|share| share.cover(other + bytes));
        pieces.take(payload, self.most, has_room);
        let is_over = last || pieces.held.is_none();
        if let Some(share) = self.share.as_mut().filter(|_| is_over && other == 0) {
            share.give_back();
        }
        if !last {
            self.pieces[way] = Some(pieces);
            return None;
        }
        let Pieces { kind, held, length } = pieces;
        Some(Gathered { from, kind, payload: held.map(Cow::Owned), length })
    }
}

impl Gathered<'_> {
    /// Its record.
    pub fn record(&self) -> Record<'_> {
        match &self.payload {
            Some(payload) => Record::message(self.from, self.kind, payload),
            None => {
                let (opcode, length) = (self.kind.name(), self.length);
                Record::Message { from: self.from, opcode, length, text: None, base64: None }
            }
        }
    }

    /// Whether it was too large for its record to have more than its length.
    pub fn is_by_length(&self) -> bool {
        self.payload.is_none()
    }
}

impl Pieces {
    fn new(kind: Kind) -> Pieces {
        Pieces { kind, held: Some(Vec::new()), length: 0 }
    }

    fn take(&mut self, payload: &[u8], most: usize, has_room: impl FnOnce(usize) -> bool) {
        self.length += payload.len();
        let is_too_much = self.length > most || (self.held.is_some() && !has_room(self.length));
        match &mut self.held {
            Some(held) if !is_too_much => held.extend_from_slice(payload),
            _ => self.held = None,
        }
    }

    /// Bytes that are held.
    fn held(&self) -> usize {
        self.held.as_ref().map_or(0, Vec::len)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::spare::Spare;

    #[test]
    fn of_a_message_for_which_others_have_left_no_memory_only_the_length_is_kept() {
        let spare = Spare::new(10);
        let [mut one, mut other] = [(); 2].map(|()| Gathering::sharing(9, Held::none(&spare)));
        let piece = |payload, first, last| Piece { kind: Kind::Binary, payload, first, last };
        let is_by_length =
            |gathered: Option<Gathered>| gathered.map(|gathered| gathered.is_by_length());
        assert_eq!(is_by_length(one.take(Side::Us, piece(b"12345", true, false))), None);
        assert_eq!(is_by_length(one.take(Side::Peer, piece(b"123", true, false))), None);
        assert_eq!(is_by_length(other.take(Side::Us, piece(b"123", true, false))), None);
        assert_eq!(is_by_length(one.take(Side::Us, piece(b"6", false, true))), Some(false));
        assert_eq!(is_by_length(other.take(Side::Us, piece(b"4", false, true))), Some(true));
        assert_eq!(is_by_length(one.take(Side::Peer, piece(b"4", false, true))), Some(false));
        assert_eq!(is_by_length(other.take(Side::Us, piece(b"12345678", true, false))), None);
        assert_eq!(is_by_length(other.take(Side::Us, piece(b"9", false, true))), Some(false));
    }

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
            if let Some(gathered) = gathering.take(from, piece) {
                let mut line = Vec::new();
                gathered.record().write(&mut line, "T");
                told.push((String::from_utf8(line).unwrap(), gathered.is_by_length()));
            }
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
