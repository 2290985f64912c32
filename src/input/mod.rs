//! From input to messages: framing, decoding, checking. Bytes in, units for the network out.
//! Only `reader` touches the outside.

pub mod framing;
mod message;
pub mod prompt;
pub mod reader;
mod waiting;

use std::collections::VecDeque;
use std::num::NonZeroU64;

pub use framing::Framing;
pub use message::{HOLD, Messages, Shape};
pub use waiting::{Waiting, What};

use crate::record::Command;
use crate::wire::{Close, Kind, Lines, RawFrame};
use thiserror::Error;

/// Where messages go once they are ready for the network.
pub trait Outgoing {
    /// A whole message, or the next fragment of one.
    fn data(&mut self, kind: Kind, payload: &[u8], first: bool, last: bool);
    /// As many of the lines with which `block` begins as can be taken at once; the line after them is for
    /// [`Outgoing::data`].
    fn lines(&mut self, _kind: Kind, _block: &[u8]) -> Lines {
        Lines::default()
    }
    /// A Ping.
    fn ping(&mut self, payload: &[u8]);
    /// A Pong that nobody has asked for (RFC 6455 section 5.5.3).
    fn pong(&mut self, payload: &[u8]);
    /// A frame exactly as it stands. It is no message, whatever it says.
    fn frame(&mut self, frame: &RawFrame);
    /// The closing handshake; without a code, with the one of the command line.
    fn close(&mut self, close: Option<Close>);
}

/// Input that is not what its mode says.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("{source_name}: {unit} {number}{}: {what}", byte.map(|b| format!(", byte {b}")).unwrap_or_default())]
pub struct InputError {
    /// `stdin`, or the name of the file or argument.
    pub source_name: String,
    /// `message` or `record`.
    pub unit: &'static str,
    /// The number of the message, from 1.
    pub number: u64,
    /// The byte of the message, from 1, where there is one to point at.
    pub byte: Option<u64>,
    /// What is wrong.
    pub what: String,
    /// What can be done about it.
    pub hint: Option<&'static str>,
}

/// Everything that is to be sent, source after source.
#[derive(Debug)]
pub struct Feed {
    sources: VecDeque<Messages>,
    /// All of them, for further rounds, and how many there will be.
    again: (Vec<Messages>, u64),
    /// Those that are sent on each connection anew, and how many of them are still to be sent on this one.
    greeting: (Vec<Messages>, usize),
    closed: bool,
}

impl Feed {
    /// A feed of these sources, in order.
    pub fn new(sources: impl IntoIterator<Item = Messages>) -> Self {
        Feed {
            sources: sources.into_iter().collect(),
            again: (Vec::new(), 0),
            greeting: (Vec::new(), 0),
            closed: false,
        }
    }

    /// The same, where the first `count` sources are sent on each connection anew.
    pub fn greeting(mut self, count: usize) -> Self {
        self.greeting = (self.sources.iter().take(count).cloned().collect(), count);
        self
    }

    /// Whether the current source is one that is sent on each connection.
    pub fn greets(&self) -> bool {
        self.greeting.1 > 0
    }

    /// The connection is gone: what is sent on each is not sent to its end.
    pub fn forget_greeting(&mut self) {
        self.sources.drain(..std::mem::take(&mut self.greeting.1));
    }

    /// There is another connection: before everything else, what is sent on each.
    pub fn greet_again(&mut self) {
        let (greeting, owed) = &mut self.greeting;
        greeting.iter().rev().for_each(|source| self.sources.push_front(source.clone()));
        *owed = greeting.len();
    }

    /// The same so many times; as a whole, one round after the other.
    pub fn repeated(mut self, times: NonZeroU64) -> Self {
        if times.get() > 1 {
            self.again = (self.sources.iter().cloned().collect(), times.get() - 1);
        }
        self
    }

    /// Whether all sources have ended, or a record asked for the closing handshake.
    pub fn is_done(&self) -> bool {
        self.is_closed() || self.sources.is_empty()
    }

    /// Whether a record asked for the closing handshake, and nothing comes before it.
    fn is_closed(&self) -> bool {
        self.closed && !self.greets()
    }

    /// Messages that are known to be there and of which nothing was given out: those of the command
    /// line, and one of which only the beginning was read.
    pub fn unsent(&self) -> u64 {
        let held = |sources: &mut dyn Iterator<Item = &Messages>| {
            sources.filter(|source| source.holds_message()).count() as u64
        };
        let (again, rounds) = &self.again;
        held(&mut self.sources.iter()) + held(&mut again.iter()) * rounds
    }

    /// What is still to come, this round and the next.
    fn to_come(&self) -> impl Iterator<Item = &Messages> {
        let (again, rounds) = &self.again;
        self.sources.iter().chain(again.iter().filter(|_| *rounds > 0))
    }

    /// Whether messages of the command line are still to come.
    pub fn has_given_messages(&self) -> bool {
        !self.is_closed() && self.to_come().any(Messages::is_given)
    }

    /// Whether there is a source left that may hold any number of messages.
    pub fn may_hold_more(&self) -> bool {
        !self.closed && self.to_come().any(|source| !source.is_one_message())
    }

    /// Takes the next block of the current source and gives out the messages in it.
    ///
    /// # Errors
    /// The first message that is not what it should be; all before it are out.
    pub fn push(
        &mut self,
        block: &[u8],
        end: bool,
        out: &mut impl Outgoing,
    ) -> Result<(), InputError> {
        if self.is_closed() {
            return Ok(());
        }
        let Some(source) = self.sources.front_mut() else { return Ok(()) };
        source.push(block, out)?;
        if end {
            source.finish(out)?;
        }
        self.closed |= source.is_closed();
        if end {
            self.sources.pop_front();
            self.greeting.1 = self.greeting.1.saturating_sub(1);
            self.begin_round();
        }
        Ok(())
    }

    /// Goes on with the next round when this one is over, if there is one.
    fn begin_round(&mut self) {
        let (again, rounds) = &mut self.again;
        if self.sources.is_empty() && *rounds > 0 {
            *rounds -= 1;
            self.sources = again.iter().cloned().collect();
        }
    }
}

/// Passes a record's command on.
fn obey(command: Command, out: &mut impl Outgoing) {
    match command {
        Command::Message(kind, payload) => out.data(kind, &payload, true, true),
        Command::Ping(payload) => out.ping(&payload),
        Command::Pong(payload) => out.pong(&payload),
        Command::Frame(frame) => out.frame(&frame),
        Command::Close(close) => out.close(close),
    }
}
