//! Messages that wait for their turn (`--rate`, `--delay`), or for a recording that takes its time: what
//! one block of input became, in order. When a turn comes is decided elsewhere.

use std::time::Instant;

use crate::input::{InputError, Outgoing, Waiting, What};
use crate::policy::pace::{Pace, Pacing};

/// What waits.
#[derive(Debug)]
pub struct Paced {
    pace: Pace,
    /// Whether what waits is sent on each connection.
    pub greets: bool,
    /// The messages.
    pub waiting: Waiting,
}

/// Whether it is something that the pace is about.
fn has_turn(what: What) -> bool {
    matches!(what, What::Data { first: true, .. } | What::Frame)
}

impl Paced {
    /// Nothing waits yet.
    pub fn new(pacing: Pacing) -> Paced {
        Paced { pace: Pace::new(pacing), greets: false, waiting: Waiting::default() }
    }

    /// When the first that waits may go, if anything waits.
    pub fn due(&self, now: Instant) -> Option<Instant> {
        let turn = if has_turn(self.waiting.first()?) { self.pace.next() } else { None };
        Some(turn.unwrap_or(now))
    }

    /// Gives out the first that waits, if it may go: whether it did.
    ///
    /// # Errors
    /// The input is wrong here.
    pub fn give(&mut self, now: Instant, out: &mut impl Outgoing) -> Result<bool, InputError> {
        let Some(first) = self.waiting.first() else { return Ok(false) };
        if has_turn(first) {
            if !self.pace.may_send(now) {
                return Ok(false);
            }
            self.pace.began(now);
        }
        self.waiting.give(out)?;
        if matches!(first, What::Data { last: true, .. } | What::Frame) {
            self.pace.ended(now);
        }
        Ok(true)
    }
}
