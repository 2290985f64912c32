//! What outlives a connection: what is to be sent, and when it is over. What happens between two connections
//! is in `gap`.

use std::time::Instant;

use tokio::sync::mpsc;

use super::custody::Custody;
use super::paced::Paced;
use super::{RoundTrip, Trace, clock};
use crate::exit::{Closure, Losses, Outcome, Unsent};
use crate::failure::Failure;
use crate::input::reader::{Block, ReadError, Reader};
use crate::input::{Feed, Waiting};
use crate::policy::ending::{Ending, Input, Rules};
use crate::policy::pace::Pacing;

/// What goes on over several connections, or one.
#[derive(Debug)]
pub struct Course {
    /// How the bytes of the input become messages.
    pub(super) feed: Feed,
    /// Where those bytes come from.
    pub(super) reader: Option<Reader>,
    /// Input that was read and has not been taken.
    pub(super) block: Option<Block>,
    /// Input that was taken and waits for its turn.
    pub(super) paced: Option<Box<Paced>>,
    /// What an earlier connection has left behind, and what was taken since.
    pub(super) held: Waiting,
    /// What may have to be sent again, if that may be.
    pub(super) custody: Option<Box<Custody>>,
    /// Why the input ended, where what came before is still held.
    pub(super) broken: Option<Failure>,
    pub(super) ending: Ending,
    pub(super) input: Input,
    /// Whether messages must be seen whole to judge them.
    pub(super) needs_whole: bool,
    pub(super) trace: Option<Box<Trace>>,
    pub(super) round_trips: Option<mpsc::UnboundedSender<RoundTrip>>,
}

impl Course {
    /// A course that begins now: everything that is to be sent, and when it is over.
    pub fn new(feed: Feed, reader: Option<Reader>, rules: Rules, now: Instant) -> Course {
        Course {
            feed,
            reader,
            block: None,
            paced: None,
            held: Waiting::default(),
            custody: None,
            broken: None,
            input: rules.input,
            needs_whole: rules.need_payload(),
            ending: Ending::new(rules, now),
            trace: None,
            round_trips: None,
        }
    }

    /// The same at this pace.
    pub fn paced(mut self, pacing: Option<Pacing>) -> Course {
        self.paced = pacing.map(|pacing| Box::new(Paced::new(pacing)));
        self
    }

    /// The same with something that looks at the frames.
    pub fn traced(mut self, trace: Option<Box<Trace>>) -> Course {
        self.trace = trace;
        self
    }

    /// The same with somebody who wants to know of Pongs that are not keepalive's.
    pub fn telling(mut self, round_trips: Option<mpsc::UnboundedSender<RoundTrip>>) -> Course {
        self.round_trips = round_trips;
        self
    }

    /// The same, which may go on over another connection; the first `count` sources are sent on each.
    pub fn kept(mut self, count: usize) -> Course {
        self.feed = self.feed.greeting(count);
        self.custody = Some(Box::default());
        self
    }

    /// Nothing is sent any more, and these rules end it.
    pub fn end_at_once(&mut self, rules: Rules, now: Instant) {
        (self.feed, self.reader, self.block) = (Feed::new([]), None, None);
        (self.paced, self.held) = (None, Waiting::default());
        self.ending = Ending::new(rules, now);
    }

    /// Why the input ended, whatever is still held.
    pub fn failure(&mut self) -> Option<Failure> {
        self.broken.take()
    }

    /// What looks at the frames.
    pub fn trace(&mut self) -> Option<&mut Trace> {
        self.trace.as_deref_mut()
    }

    /// What connections that are gone have left behind.
    pub fn losses(&self) -> Losses {
        self.custody.as_ref().map(|custody| custody.losses).unwrap_or_default()
    }

    /// What has been taken, or is known, and was not handed to a connection.
    pub(super) fn unsent(&self) -> Unsent {
        let paced = self.paced.as_ref().map(|paced| &paced.waiting);
        let mut unsent = Unsent { messages: self.feed.unsent(), ..Unsent::default() };
        for waiting in paced.into_iter().chain([&self.held]) {
            unsent.messages += waiting.messages();
            unsent.more |= waiting.has_frame();
        }
        let waits = self.block.as_ref().is_some_and(|block| !block.bytes().is_empty());
        unsent.more |= waits && self.feed.may_hold_more();
        unsent
    }

    /// How it ended where there is no connection.
    pub fn apart(&mut self, failure: Option<Failure>) -> Outcome {
        let failure = failure.or(self.failure());
        let unsent = self.unsent();
        Outcome {
            closure: Closure::Apart,
            failure,
            signal: None,
            condition_met: self.ending.is_done(),
            unmet: self.ending.unmet(),
            explanation: self.ending.explanation(),
            unsent: Unsent {
                // Input that is held up by what is held may be all there is, or not.
                more: unsent.more || !self.held.is_empty() && self.feed.may_hold_more(),
                ..unsent
            },
            losses: self.losses(),
            cut: false,
            since_frame: None,
        }
    }

    /// The way out, where the linger was over between two connections.
    pub fn linger_hint(&self) -> Option<String> {
        self.ending.linger_hint()
    }

    /// Whether there is nothing to do where nobody reads what is printed; others may still have something
    /// to send.
    pub fn only_listens(&self) -> bool {
        self.input == Input::Ignored
    }

    /// Whether there is something that comes before the rest of the input.
    pub(super) fn holds(&self) -> bool {
        !self.held.is_empty() && !self.greets()
    }

    /// Whether no input that was taken waits for its turn.
    pub(super) fn nothing_waits(&self) -> bool {
        self.paced.as_ref().is_none_or(|paced| paced.waiting.is_empty())
    }

    /// Notes that there is nothing more to send, if that is so.
    pub(super) fn note_end(&mut self) {
        if self.feed.is_done() && self.nothing_waits() && self.held.is_empty() {
            self.ending.input_ended(clock::now());
        }
    }

    /// Whether what is sent next is sent on each connection.
    pub(super) fn greets(&self) -> bool {
        let waits = |paced: &Paced| paced.greets && !paced.waiting.is_empty();
        self.feed.greets() || self.paced.as_deref().is_some_and(waits)
    }

    /// What was taken back from the network's queue up to this position is held for the next connection.
    pub(super) fn retract(&mut self, to: u64) {
        if let Some(custody) = &mut self.custody {
            let mut back = custody.retract(to);
            back.append(std::mem::take(&mut self.held));
            self.held = back;
        }
    }

    /// Why the input ended, once everything before that is sent.
    pub(super) fn take_broken(&mut self) -> Option<Failure> {
        if self.held.is_empty() { self.broken.take() } else { None }
    }
}

/// What it means that a source cannot be read.
pub fn unreadable(ReadError { source_name: name, error }: ReadError) -> Failure {
    Failure::ReadInput { name, error }
}
