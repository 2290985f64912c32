//! How a session, or a run of several, ended: everything that matters for the exit code, and for what is
//! said. What that is for the shell is not decided here.

use std::time::Duration;

use crate::failure::Failure;
use crate::policy::ending::Unmet;
use crate::record::{Record, Side};
use crate::wire::close::ABNORMAL;
use crate::wire::{Close, Violation};

/// How a session came to its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Closure {
    /// The peer sent the first Close.
    ByPeer(Close),
    /// We sent the first Close.
    ByUs {
        /// What we sent.
        sent: Close,
        /// What came back.
        answer: Answer,
    },
    /// The connection went away without a Close; why, as far as is known.
    Lost(String),
    /// The peer broke the protocol and we closed.
    Violated(Violation),
    /// We ended it between two connections.
    Apart,
}

/// What came back for our Close.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// A Close.
    Close(Close),
    /// Nothing in time.
    Nothing,
    /// The end of the connection.
    Lost,
    /// Something that breaks the protocol.
    Broken(Violation),
    /// It was not waited for.
    NotAwaited,
}

/// Input that was not sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Unsent {
    /// Messages that were read and not, or not wholly, handed to the network.
    pub messages: u64,
    /// Whether there was more input that had not been read.
    pub more: bool,
    /// Messages that had been queued for the network and did not leave as a whole.
    pub queued: u64,
}

impl Unsent {
    /// Whether anything stayed behind.
    pub fn is_any(&self) -> bool {
        self.messages > 0 || self.more
    }
}

/// Messages that did not come through as a whole, or may not have, because a connection was lost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Losses {
    /// Messages that had left since the last answered Ping or message from the peer.
    pub uncertain: u64,
    /// Messages that had begun to leave and were too large to be kept.
    pub cut: u64,
    /// Messages of the peer's that were printed only in part.
    pub incomplete: u64,
}

impl Losses {
    /// Whether there is any of ours.
    pub fn are_ours(self) -> bool {
        self.uncertain + self.cut > 0
    }

    /// What was added to these.
    pub fn since(self, before: Losses) -> Losses {
        Losses {
            uncertain: self.uncertain - before.uncertain,
            cut: self.cut - before.cut,
            incomplete: self.incomplete - before.incomplete,
        }
    }
}

/// Everything about the end of a session that matters for its exit code.
#[derive(Debug)]
pub struct Outcome {
    /// How it was closed.
    pub closure: Closure,
    /// What failed on our side.
    pub failure: Option<Failure>,
    /// The signal that ended it.
    pub signal: Option<i32>,
    /// Whether an end condition was met.
    pub condition_met: bool,
    /// An end condition or expectation that was not.
    pub unmet: Option<Unmet>,
    /// What came in its place, in lines for a person.
    pub explanation: String,
    /// Input that stayed behind.
    pub unsent: Unsent,
    /// What earlier connections of the session have left behind.
    pub losses: Losses,
    /// Whether the last message was printed only in part.
    pub cut: bool,
    /// From the last frame made by hand, once it had left, to the end, if the peer had a part in that.
    pub since_frame: Option<Duration>,
}

impl Closure {
    /// The close code of the session (RFC 6455 section 7.1.5): 1005 for none, 1006 for a lost
    /// connection.
    pub fn close_code(&self) -> u16 {
        match self {
            Closure::ByPeer(close) => close.number(),
            Closure::ByUs { answer: Answer::Close(close), .. } => close.number(),
            Closure::ByUs { .. } | Closure::Lost(_) | Closure::Apart => ABNORMAL,
            Closure::Violated(violation) => violation.close_code(),
        }
    }

    /// The Close by which the peer ended the session; a Close that crosses ours counts, unless it
    /// carries our code, 1000 or none.
    pub fn peers_close(&self) -> Option<&Close> {
        match self {
            Closure::ByPeer(close) => Some(close),
            Closure::ByUs { sent, answer: Answer::Close(close) } => {
                let agrees = close.code.is_none_or(|code| code == 1000 || Some(code) == sent.code);
                if agrees { None } else { Some(close) }
            }
            _ => None,
        }
    }

    /// The reason that came with it: the peer's, if it closed or answered.
    pub fn reason(&self) -> &str {
        match self {
            Closure::ByPeer(close) | Closure::ByUs { answer: Answer::Close(close), .. } => {
                &close.reason
            }
            _ => "",
        }
    }

    /// The record of it; so many queued messages of ours had not left.
    pub fn record(&self, unsent: u64) -> Record<'_> {
        let clean = self.is_clean();
        let (from, close) = match (self, self.peers_close()) {
            (_, Some(close)) => (Side::Peer, Some(close)),
            (Closure::ByUs { sent, .. }, None) => (Side::Us, Some(sent)),
            (Closure::Violated(_) | Closure::Apart, None) => (Side::Us, None),
            _ => (Side::Peer, None),
        };
        let (code, reason) = match close {
            Some(close) => (close.number(), close.reason.as_str()),
            None => (self.close_code(), ""),
        };
        Record::Close { from, code, reason, clean, unsent }
    }

    /// Whether both Closes were exchanged.
    pub fn is_clean(&self) -> bool {
        matches!(self, Closure::ByPeer(_) | Closure::ByUs { answer: Answer::Close(_), .. })
    }
}
