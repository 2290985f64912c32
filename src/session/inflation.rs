//! Compressed messages on their way in: which bytes of the buffer are still to be inflated, and what
//! they bring. The inflating is in `wire`.

use crate::wire::{Deflated, Event, Inflated, Inflater, Violation};

/// What makes compressed messages long again.
#[derive(Debug)]
pub struct Inflation {
    inflater: Inflater,
    /// A piece of a message, by where it lies in the buffer.
    waiting: Option<Deflated>,
    /// Whether something of the message was given out.
    begun: bool,
    /// What was done, measured in the bytes that came out.
    work: u64,
    /// Where that ends for now.
    allowed: u64,
}

/// What a step costs that brings nothing, as bytes.
const STEP: u64 = 256;

impl Inflation {
    /// Nothing has come yet.
    pub fn new(inflater: Inflater) -> Self {
        Inflation { inflater, waiting: None, begun: false, work: 0, allowed: u64::MAX }
    }

    /// What was done, measured in the bytes that came out.
    pub fn work(&self) -> u64 {
        self.work
    }

    /// So much may be done, and not more: a few received bytes may become many.
    pub fn allow(&mut self, work: u64) {
        self.allowed = self.work + work;
    }

    /// Whether that is done.
    pub fn is_spent(&self) -> bool {
        self.work >= self.allowed
    }

    /// Whether there is something to inflate.
    pub fn is_waiting(&self) -> bool {
        self.waiting.is_some()
    }

    /// Takes a piece.
    pub fn take(&mut self, piece: Deflated) {
        self.waiting = Some(piece);
    }

    /// Forgets what is waiting.
    pub fn discard(&mut self) {
        self.waiting = None;
    }

    /// The piece that the last event is about.
    pub fn piece(&self) -> &[u8] {
        self.inflater.piece()
    }

    /// What the next piece brings, if anything; [`Inflation::piece`] is what it points into.
    ///
    /// # Errors
    /// What the inflater says.
    pub fn event(&mut self, buffer: &[u8]) -> Result<Option<Event>, Violation> {
        let Some(waiting) = &mut self.waiting else { return Ok(None) };
        let (kind, last) = (waiting.kind, waiting.last);
        let input = &buffer[waiting.payload.clone()];
        let Inflated { consumed, payload, done } = self.inflater.step(kind, input, last)?;
        waiting.payload.start += consumed;
        self.work += STEP + payload.len() as u64;
        if done {
            self.waiting = None;
        }
        let last = done && last;
        // A piece that brings nothing is only worth an event when it ends the message.
        if payload.is_empty() && !last {
            return Ok(None);
        }
        let first = !self.begun;
        self.begun = !last;
        Ok(Some(Event::Data { kind, payload, first, last }))
    }
}
