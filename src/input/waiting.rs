//! What is to be sent and waits, in order: messages or pieces of them, and what stands among them. When
//! its turn comes is decided elsewhere.

use std::collections::VecDeque;

use super::{InputError, Outgoing};
use crate::wire::{Close, Kind, RawFrame};

/// Bytes of memory that are kept for more, or that may lie unused before those that wait.
const REUSED: usize = 1 << 20;

/// What waits.
#[derive(Debug, Default)]
pub struct Waiting {
    things: VecDeque<Thing>,
    /// The payloads, one behind the other, up to `taken` without use.
    payloads: Vec<u8>,
    taken: usize,
}

/// One thing that waits. A block may be a quarter of a million empty lines, so that it is small.
#[derive(Debug)]
enum Thing {
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

/// What something is, as far as it matters for its turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// A message, or a piece of one.
    Data {
        /// Whether the message begins with it.
        first: bool,
        /// Whether it ends with it.
        last: bool,
    },
    /// A frame made by hand.
    Frame,
    /// Anything else.
    Other,
}

impl Thing {
    fn what(&self) -> What {
        match self {
            Thing::Data { first, last, .. } => What::Data { first: *first, last: *last },
            Thing::Besides(besides) if matches!(**besides, Besides::Frame(_)) => What::Frame,
            Thing::Besides(_) => What::Other,
        }
    }
}

impl Waiting {
    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.things.is_empty()
    }

    /// Bytes of memory that what waits takes.
    pub fn size(&self) -> usize {
        self.payloads.len() - self.taken + self.things.len() * size_of::<Thing>()
    }

    /// What is the first.
    pub fn first(&self) -> Option<What> {
        self.things.front().map(Thing::what)
    }

    /// Messages of which nothing was given out.
    pub fn messages(&self) -> u64 {
        let begins = |thing: &&Thing| matches!(thing, Thing::Data { first: true, .. });
        self.things.iter().filter(begins).count() as u64
    }

    /// Whether there is a frame made by hand.
    pub fn has_frame(&self) -> bool {
        self.things.iter().any(|thing| thing.what() == What::Frame)
    }

    /// The input is wrong behind what waits.
    pub fn wrong(&mut self, error: InputError) {
        self.besides(Besides::Wrong(error));
    }

    /// Why the input is wrong, if nothing else waits before that.
    pub fn take_wrong(&mut self) -> Option<InputError> {
        let is_wrong = |thing: &mut Thing| matches!(thing, Thing::Besides(besides) if matches!(**besides, Besides::Wrong(_)));
        let Thing::Besides(besides) = self.things.pop_front_if(is_wrong)? else { return None };
        if let Besides::Wrong(error) = *besides { Some(error) } else { None }
    }

    /// Gives out the first that waits, and says what it was.
    ///
    /// # Errors
    /// The input is wrong here.
    pub fn give(&mut self, out: &mut impl Outgoing) -> Result<Option<What>, InputError> {
        let Some(thing) = self.things.pop_front() else { return Ok(None) };
        let what = thing.what();
        match thing {
            Thing::Data { kind, length, first, last } => {
                let end = self.taken + length;
                out.data(kind, &self.payloads[self.taken..end], first, last);
                self.taken = end;
            }
            Thing::Besides(besides) => match *besides {
                Besides::Ping(payload) => out.ping(&payload),
                Besides::Pong(payload) => out.pong(&payload),
                Besides::Frame(frame) => out.frame(&frame),
                Besides::Close(close) => out.close(close),
                Besides::Wrong(error) => return Err(error),
            },
        }
        self.tidy();
        Ok(Some(what))
    }

    /// Leaves out the first that waits, and says what it was.
    pub fn leave_out(&mut self) -> Option<What> {
        let thing = self.things.pop_front()?;
        if let Thing::Data { length, .. } = &thing {
            self.taken += length;
        }
        self.tidy();
        Some(thing.what())
    }

    /// Puts `later` behind what waits.
    pub fn append(&mut self, mut later: Waiting) {
        if self.is_empty() {
            return *self = later;
        }
        self.payloads.extend_from_slice(&later.payloads[later.taken..]);
        self.things.append(&mut later.things);
    }

    /// Keeps the first `count` things and gives away the others.
    pub fn split_off(&mut self, count: usize) -> Waiting {
        let things = self.things.split_off(count);
        let length = |thing: &Thing| match thing {
            Thing::Data { length, .. } => *length,
            Thing::Besides(_) => 0,
        };
        let from = self.payloads.len() - things.iter().map(length).sum::<usize>();
        let payloads = self.payloads.split_off(from);
        self.tidy();
        Waiting { things, payloads, taken: 0 }
    }

    /// Gives back memory that is not used any more.
    fn tidy(&mut self) {
        if self.things.is_empty() {
            self.payloads.clear();
            self.payloads.shrink_to(REUSED);
            self.taken = 0;
            self.things.shrink_to(REUSED / size_of::<Thing>());
        } else if self.taken > REUSED && self.taken > self.payloads.len() / 2 {
            self.payloads.drain(..self.taken);
            self.taken = 0;
        }
    }

    fn besides(&mut self, besides: Besides) {
        self.things.push_back(Thing::Besides(Box::new(besides)));
    }
}

impl Outgoing for Waiting {
    fn data(&mut self, kind: Kind, payload: &[u8], first: bool, last: bool) {
        self.payloads.extend_from_slice(payload);
        self.things.push_back(Thing::Data { kind, length: payload.len(), first, last });
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

#[cfg(test)]
mod tests {
    use super::*;

    /// Notes what it is given.
    #[derive(Default)]
    struct Notes(Vec<String>);

    impl Outgoing for Notes {
        fn data(&mut self, _: Kind, payload: &[u8], first: bool, last: bool) {
            let text = String::from_utf8_lossy(payload);
            self.0.push(format!("{text}{}{}", u8::from(first), u8::from(last)));
        }
        fn ping(&mut self, payload: &[u8]) {
            self.0.push(format!("ping {}", payload.len()));
        }
        fn pong(&mut self, payload: &[u8]) {
            self.0.push(format!("pong {}", payload.len()));
        }
        fn frame(&mut self, _: &RawFrame) {
            self.0.push("frame".into());
        }
        fn close(&mut self, _: Option<Close>) {
            self.0.push("close".into());
        }
    }

    fn given(waiting: &mut Waiting) -> Vec<String> {
        let mut notes = Notes::default();
        while let Ok(Some(_)) = waiting.give(&mut notes) {}
        notes.0
    }

    fn messages(texts: &[&str]) -> Waiting {
        let mut waiting = Waiting::default();
        texts.iter().for_each(|text| waiting.data(Kind::Text, text.as_bytes(), true, true));
        waiting
    }

    #[test]
    fn what_waits_is_given_out_in_order_whatever_is_put_behind_it_or_taken_off() {
        let mut waiting = messages(&["a", "", "ccc"]);
        waiting.ping(b"12");
        waiting.data(Kind::Binary, b"d", true, false);
        waiting.data(Kind::Binary, b"e", false, true);
        assert_eq!((waiting.messages(), waiting.first()), (4, messages(&["x"]).first()));
        assert_eq!(waiting.leave_out(), Some(What::Data { first: true, last: true }));
        let rest = waiting.split_off(2);
        waiting.append(messages(&["f"]));
        waiting.append(rest);
        waiting.close(None);
        assert_eq!(given(&mut waiting), ["11", "ccc11", "f11", "ping 2", "d10", "e01", "close"]);
        assert!(waiting.is_empty() && waiting.leave_out().is_none());
        waiting.append(messages(&["g"]));
        assert_eq!(given(&mut waiting), ["g11"]);
    }

    #[test]
    fn wrong_input_comes_after_what_stood_before_it() {
        let mut waiting = messages(&["a"]);
        let error = InputError {
            source_name: "stdin".into(),
            unit: "message",
            number: 2,
            byte: None,
            what: "wrong".into(),
            hint: None,
        };
        waiting.wrong(error.clone());
        assert_eq!(waiting.take_wrong(), None);
        let mut notes = Notes::default();
        assert_eq!(waiting.give(&mut notes), Ok(Some(What::Data { first: true, last: true })));
        assert_eq!(waiting.take_wrong(), Some(error.clone()));
        waiting.wrong(error.clone());
        assert_eq!(waiting.give(&mut notes), Err(error));
        assert_eq!(waiting.give(&mut notes), Ok(None));
    }

    #[test]
    fn a_queue_that_is_never_empty_does_not_grow() {
        let mut waiting = messages(&["first"]);
        for _ in 0..100 {
            waiting.data(Kind::Binary, &[0; 1 << 16], true, true);
            waiting.leave_out();
        }
        assert!(waiting.payloads.len() < 4 * REUSED, "{}", waiting.payloads.len());
    }
}
