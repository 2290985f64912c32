//! What became of a connection that was served: what passed, and how it ended. Every message and every
//! piece of one goes through here, whatever is done with it, so that whoever looks at them looks here.

use super::scribe::Scribe;
use crate::exit::Closure;
use crate::figures::Flow;
use crate::output::encode::Piece;
use crate::record::Side;

/// What became of a connection.
#[derive(Debug, Default)]
pub struct Account {
    /// What came.
    pub received: Flow,
    /// What was sent, or at least queued for it.
    pub sent: Flow,
    /// How it ended, if that was not by dropping it.
    pub closure: Option<Closure>,
    /// Why we ended it for the sake of others, if we did.
    pub burden: Option<Burden>,
    /// Who writes it down.
    pub scribe: Option<Scribe>,
}

/// What a connection was for others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Burden {
    /// They had to wait for it to read.
    Behind,
    /// There was no memory left for its message besides theirs.
    TooMuch,
}

impl Burden {
    /// The reason of the Close.
    pub fn reason(self) -> &'static str {
        match self {
            Burden::Behind => "others had to wait",
            Burden::TooMuch => "too many large messages at a time",
        }
    }
}

impl Account {
    /// A message has passed, or a piece of one.
    pub fn passed(&mut self, from: Side, piece: Piece) {
        if let Some(scribe) = &mut self.scribe {
            scribe.message(from, piece);
        }
        let flow = match from {
            Side::Peer => &mut self.received,
            Side::Us => &mut self.sent,
        };
        flow.messages += u64::from(piece.last);
        flow.bytes += piece.payload.len() as u64;
    }

    /// A Ping has come, and is answered.
    pub fn pinged(&mut self, payload: &[u8]) {
        if let Some(scribe) = &self.scribe {
            scribe.ping(payload);
        }
    }
}
