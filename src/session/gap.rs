//! The time between two connections: what is held for the next one, and what ends it before. Whether there is
//! a next one is decided elsewhere.

use std::pin::pin;

use super::course::{Course, unreadable};
use super::custody::Custody;
use super::{Interrupt, Interrupts, clock, next_block, until};
use crate::failure::Failure;
use crate::input::reader::{Block, ReadError};
use crate::input::{Outgoing, Waiting};
use crate::policy::ending::{Input, Over};
use crate::wire::{Close, Kind, RawFrame};

/// Bytes of messages that may wait for the next connection before no more input is read.
const BOUND: usize = 256 * 1024;

/// How the time between two connections ended.
#[derive(Debug)]
pub enum Gap<T> {
    /// What was waited for is there.
    Done(T),
    /// It is over.
    Over(Over),
    /// Whoever types has ended the input.
    Left,
    /// The input cannot be read, or is wrong, and nothing is left to be sent.
    Broken(Failure),
    /// Something from outside.
    Interrupted(Interrupt),
}

impl Course {
    /// Input was read when it could not be sent any more.
    pub(super) fn keep(&mut self, block: Block) {
        if self.custody.is_none() {
            return;
        }
        for block in [self.block.take(), Some(block)].into_iter().flatten() {
            self.hold(block);
        }
    }

    /// The connection is gone, perhaps within a message that is printed as it comes: what can be sent on
    /// another one is held for it.
    pub fn lose(&mut self, cut: bool) {
        let later = std::mem::take(&mut self.held);
        if let Some(custody) = &mut self.custody {
            custody.losses.incomplete += u64::from(cut);
            self.held = custody.lost(later);
        }
        let waits = self.paced.as_mut().map(|paced| std::mem::take(&mut paced.waiting));
        let block = self.block.take();
        if self.greets() {
            // All of it comes again.
            self.feed.forget_greeting();
            if let Some(reader) = &mut self.reader {
                reader.forget_greeting();
            }
            return;
        }
        self.held.append(waits.unwrap_or_default());
        if let Some(block) = block {
            self.hold(block);
        }
    }

    /// There is another connection.
    ///
    /// # Errors
    /// What is sent on each cannot be read any more.
    pub fn begin_again(&mut self) -> Result<(), ReadError> {
        if let Some(reader) = &mut self.reader {
            reader.greet_again()?;
            self.feed.greet_again();
        }
        Ok(())
    }

    /// Waits for `work` while there is no connection. Input is taken meanwhile, as far as there is room.
    pub async fn meanwhile<T>(
        &mut self,
        work: impl Future<Output = T>,
        interrupts: &mut Interrupts,
    ) -> Gap<T> {
        let mut work = pin!(work);
        loop {
            let now = clock::now();
            self.note_end();
            if let Some(over) = self.ending.over(now) {
                return Gap::Over(over);
            }
            if let Some(end) = self.end_of_input() {
                return end;
            }
            let has_room = self.held.size() < BOUND && self.broken.is_none();
            tokio::select! {
                biased;
                interrupt = interrupts.next() => return Gap::Interrupted(interrupt),
                done = work.as_mut() => return Gap::Done(done),
                () = until(self.ending.deadline()) => {}
                block = next_block(&mut self.reader), if has_room => {
                    self.take(block);
                    // A file always has more, and may be nothing that is kept.
                    tokio::task::yield_now().await;
                }
            }
        }
    }

    /// What the end of the input means, if it is not waited for a connection then.
    fn end_of_input<T>(&mut self) -> Option<Gap<T>> {
        if let Some(error) = self.held.take_wrong() {
            return Some(Gap::Broken(error.into()));
        }
        if let Some(failure) = self.take_broken() {
            return Some(Gap::Broken(failure));
        }
        (self.input == Input::Typed && self.feed.is_done()).then_some(Gap::Left)
    }

    fn take(&mut self, block: Option<Result<Block, ReadError>>) {
        match block {
            Some(Ok(block)) => self.hold(block),
            Some(Err(error)) => {
                self.stop_reading();
                self.broken = Some(unreadable(error));
            }
            None => {}
        }
    }

    fn stop_reading(&mut self) {
        if let Some(reader) = &mut self.reader {
            reader.stop();
        }
    }

    /// Makes messages of a block, for the next connection.
    fn hold(&mut self, block: Block) {
        let mut holding = Holding { custody: self.custody.as_deref_mut(), held: &mut self.held };
        if let Err(error) = self.feed.push(block.bytes(), block.end, &mut holding) {
            self.held.wrong(error);
            self.stop_reading();
        } else if let Some(reader) = &mut self.reader {
            reader.recycle(block);
        }
    }
}

/// Holds messages for the next connection.
struct Holding<'a> {
    custody: Option<&'a mut Custody>,
    held: &'a mut Waiting,
}

impl Outgoing for Holding<'_> {
    fn data(&mut self, kind: Kind, payload: &[u8], first: bool, last: bool) {
        if !self.custody.as_mut().is_some_and(|custody| custody.skips(last)) {
            self.held.data(kind, payload, first, last);
        }
    }

    fn ping(&mut self, payload: &[u8]) {
        self.held.ping(payload);
    }

    fn pong(&mut self, payload: &[u8]) {
        self.held.pong(payload);
    }

    fn frame(&mut self, frame: &RawFrame) {
        self.held.frame(frame);
    }

    fn close(&mut self, close: Option<Close>) {
        self.held.close(close);
    }
}
