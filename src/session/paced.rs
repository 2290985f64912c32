//! Messages that wait for their turn (`--rate`, `--delay`), or for a recording that takes its time: what
//! one block of input became, in order. When a turn comes is decided elsewhere.

use std::collections::VecDeque;
use std::time::Instant;

use crate::input::{InputError, Outgoing};
use crate::policy::pace::{Pace, Pacing};
use crate::wire::{Close, Kind, RawFrame};

/// Bytes of memory that are kept for the next block.
const REUSED: usize = 1 << 20;

/// What waits.
#[derive(Debug)]
pub struct Paced {
    pace: Pace,
    waiting: VecDeque<Waiting>,
    /// The payloads, one behind the other, up to `taken` without use.
    payloads: Vec<u8>,
    taken: usize,
}

/// One thing that waits. A block may be a quarter of a million empty lines, so that it is small.
#[derive(Debug)]
enum Waiting {
    /// A message, or a piece of one.
    Data { kind: Kind, length: usize, first: bool, last: bool },
    /// What is no message.
    Besides(Box<Besides>),
}

/// What stands among messages and is none.
#[derive(Debug)]
enum Besides {
    Ping(Vec<u8>),
    Pong(Vec<u8>),
    Frame(RawFrame),
    Close(Option<Close>),
    /// Here the input is wrong.
    Wrong(InputError),
}

impl Waiting {
    /// Whether it is something that the pace is about.
    fn has_turn(&self) -> bool {
        self.is_frame() || matches!(self, Waiting::Data { first: true, .. })
    }

    fn is_frame(&self) -> bool {
        matches!(self, Waiting::Besides(besides) if matches!(**besides, Besides::Frame(_)))
    }
}

impl Paced {
    /// Nothing waits yet.
    pub fn new(pacing: Pacing) -> Paced {
        let pace = Pace::new(pacing);
        Paced { pace, waiting: VecDeque::new(), payloads: Vec::new(), taken: 0 }
    }

    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// When the first that waits may go, if anything waits.
    pub fn due(&self, now: Instant) -> Option<Instant> {
        let turn = if self.waiting.front()?.has_turn() { self.pace.next() } else { None };
        Some(turn.unwrap_or(now))
    }

    /// Messages of which nothing was given out.
    pub fn messages(&self) -> u64 {
        let begins = |waiting: &&Waiting| matches!(waiting, Waiting::Data { first: true, .. });
        self.waiting.iter().filter(begins).count() as u64
    }

    /// Whether there is a frame among what waits.
    pub fn has_frame(&self) -> bool {
        self.waiting.iter().any(Waiting::is_frame)
    }

    /// The input is wrong behind what waits.
    pub fn wrong(&mut self, error: InputError) {
        self.besides(Besides::Wrong(error));
    }

    /// Gives out the first that waits, if it may go: whether it did.
    ///
    /// # Errors
    /// The input is wrong here.
    pub fn give(&mut self, now: Instant, out: &mut impl Outgoing) -> Result<bool, InputError> {
        let may_go = |first: &mut Waiting| !first.has_turn() || self.pace.may_send(now);
        let Some(first) = self.waiting.pop_front_if(may_go) else { return Ok(false) };
        match first {
            Waiting::Data { kind, length, first, last } => {
                if first {
                    self.pace.began(now);
                }
                let end = self.taken + length;
                out.data(kind, &self.payloads[self.taken..end], first, last);
                self.taken = end;
                if last {
                    self.pace.ended(now);
                }
            }
            Waiting::Besides(besides) => match *besides {
                Besides::Ping(payload) => out.ping(&payload),
                Besides::Pong(payload) => out.pong(&payload),
                Besides::Frame(frame) => {
                    self.pace.began(now);
                    out.frame(&frame);
                    self.pace.ended(now);
                }
                Besides::Close(close) => out.close(close),
                Besides::Wrong(error) => return Err(error),
            },
        }
        if self.waiting.is_empty() {
            self.payloads.clear();
            self.payloads.shrink_to(REUSED);
            self.taken = 0;
            self.waiting.shrink_to(REUSED / size_of::<Waiting>());
        }
        Ok(true)
    }

    fn besides(&mut self, besides: Besides) {
        self.waiting.push_back(Waiting::Besides(Box::new(besides)));
    }
}

impl Outgoing for Paced {
    fn data(&mut self, kind: Kind, payload: &[u8], first: bool, last: bool) {
        self.payloads.extend_from_slice(payload);
        self.waiting.push_back(Waiting::Data { kind, length: payload.len(), first, last });
    }

    fn ping(&mut self, payload: &[u8]) {
        self.besides(Besides::Ping(payload.to_vec()));
    }

    fn pong(&mut self, payload: &[u8]) {
        self.besides(Besides::Pong(payload.to_vec()));
    }

    fn frame(&mut self, frame: &RawFrame) {
        self.besides(Besides::Frame(frame.clone()));
    }

    fn close(&mut self, close: Option<Close>) {
        self.besides(Besides::Close(close));
    }
}
