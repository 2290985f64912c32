//! Bytes out: input becomes frames, as far as there is room for them, and what has left is noted.

use std::time::{Instant, SystemTime};

use tokio::io::{AsyncRead, AsyncWrite};

use super::by_hand::ByHand;
use super::course::unreadable;
use super::custody::Custody;
use super::paced::Paced;
use super::{Course, ROUND, Recording, Session, Stats, clock, outbox};
use crate::failure::Failure;
use crate::input::reader::{Block, ReadError, Reader};
use crate::input::{Feed, InputError, Outgoing};
use crate::output::encode::Piece;
use crate::output::frames::made_by_hand;
use crate::policy::pings::Pings;
use crate::record::{self, Record, Side};
use crate::wire::{Close, Kind, Lines, RawFrame, opcode};

impl<S: AsyncRead + AsyncWrite + Unpin> Session<'_, S> {
    pub(super) fn take_block(&mut self, block: Option<Result<Block, ReadError>>) {
        match block {
            Some(Ok(block)) => {
                Stats::add(&self.stats.input, block.bytes().len() as u64);
                self.course.block = Some(block);
            }
            Some(Err(error)) => self.input_failed(unreadable(error)),
            None => {}
        }
    }

    /// Turns input into frames while there is room for them.
    pub(super) fn send_input(&mut self) {
        if self.course.holds() {
            self.send_held();
        } else if self.course.paced.is_some() {
            self.send_paced();
        } else {
            self.send_blocks();
        }
        if self.link.outbox.is_empty() {
            self.course.note_end();
        }
    }

    /// Sends what an earlier connection has left behind.
    #[inline(never)]
    fn send_held(&mut self) {
        let begun = self.link.outbox.added();
        while self.link.outbox.added() - begun < ROUND && self.may_send() && self.course.holds() {
            let mut held = std::mem::take(&mut self.course.held);
            let (mut sender, ..) = self.sender();
            let given = held.give(&mut sender);
            let close = sender.close;
            self.course.held = held;
            self.obey(close, given.map(drop));
        }
        if let Some(failure) = self.course.take_broken() {
            self.input_failed(failure);
        }
    }

    fn send_blocks(&mut self) {
        let begun = self.link.outbox.added();
        let mut taken = 0;
        // However fast the peer is, and however little becomes of it, there is more to look after than
        // our input.
        while self.link.outbox.added().saturating_sub(begun).max(taken) < ROUND
            && self.may_send()
            && let Some(block) = self.course.block.take()
        {
            let (mut sender, feed, _) = self.sender();
            let result = feed.push(block.bytes(), block.end, &mut sender);
            let close = sender.close;
            taken += block.bytes().len() as u64;
            let was_full = block.is_full();
            if let Some(reader) = &mut self.course.reader {
                reader.recycle(block);
            }
            self.obey(close, result);
            if self.output.is_recorded() {
                // The peer can work on this while we go on.
                let moved = self.link.write_now();
                self.moved(moved);
            }
            if was_full && let Some(block) = self.course.reader.as_mut().and_then(Reader::try_next)
            {
                self.take_block(Some(block));
            }
        }
    }

    /// What puts messages into the queue, and where they come from.
    fn sender(&mut self) -> (Sender<'_>, &mut Feed, Option<&mut Paced>) {
        let course = &mut *self.course;
        let greets = course.greets();
        let sender = Sender {
            custody: course.custody.as_deref_mut().filter(|_| !greets),
            outbox: &mut self.link.outbox,
            by_hand: &mut self.by_hand,
            stats: &self.stats,
            pings: &mut self.pings,
            recording: self.output.recording.as_mut(),
            close: None,
        };
        (sender, &mut course.feed, course.paced.as_deref_mut())
    }

    /// Does what the input says of its end.
    fn obey(&mut self, close: Option<Option<Close>>, result: Result<(), InputError>) {
        if let Some(close) = close {
            self.close_after_input(close.unwrap_or_else(|| self.settings.close.clone()));
        } else if let Err(error) = result {
            self.input_failed(error.into());
        }
    }

    /// Sends what has its turn, and takes the next block once nothing waits.
    #[inline(never)]
    fn send_paced(&mut self) {
        if self.course.nothing_waits()
            && let Some(block) = self.course.block.take_if(|_| self.closing.is_none())
        {
            let Course { feed, paced, .. } = &mut *self.course;
            if let Some(paced) = paced {
                paced.greets = feed.greets();
                if let Err(error) = feed.push(block.bytes(), block.end, &mut paced.waiting) {
                    paced.waiting.wrong(error);
                }
            }
            if let Some(reader) = &mut self.course.reader {
                reader.recycle(block);
            }
        }
        let begun = self.link.outbox.added();
        let now = clock::now();
        while self.link.outbox.added() - begun < ROUND && self.may_send() {
            let (mut sender, _, paced) = self.sender();
            let given = paced.map_or(Ok(false), |paced| paced.give(now, &mut sender));
            let close = sender.close;
            let goes_on = matches!(given, Ok(true));
            self.obey(close, given.map(drop));
            if !goes_on {
                break;
            }
        }
        if self.output.is_recorded() {
            let moved = self.link.write_now();
            self.moved(moved);
        }
    }

    /// Whether there is room for messages of ours, and they are wanted.
    fn may_send(&self) -> bool {
        self.closing.is_none() && self.link.outbox.has_room() && self.output.is_recorded()
    }

    /// When the turn of what waits comes, if it could be sent.
    pub(super) fn turn(&self) -> Option<Instant> {
        let paced = self.course.paced.as_ref().filter(|_| self.may_send())?;
        paced.due(clock::now())
    }

    /// What came before has been sent; the session is closed as at the end of the input.
    fn input_failed(&mut self, failure: Failure) {
        self.course.reader = None;
        self.failure.get_or_insert(failure);
        self.close_after_input(self.settings.close.clone());
    }

    pub(super) fn wrote(&mut self) {
        let written = self.link.outbox.written();
        self.by_hand.wrote(written);
        self.pings.written(written, clock::now());
        if let Some(custody) = &mut self.course.custody {
            custody.written(written, self.stats.messages_in.get());
        }
        self.close_moved(written);
        if self.link.outbox.has_room_for_control()
            && let Some(payload) = self.unanswered_ping.take()
        {
            self.output.sent(|| pong(&payload));
            self.link.outbox.control(opcode::PONG, &payload);
        }
    }
}

/// The record of a Pong that we send.
pub fn pong(payload: &[u8]) -> Record<'static> {
    Record::Pong { from: Side::Us, base64: record::base64(payload), rtt_us: None }
}

/// Puts messages into the queue, and counts them.
struct Sender<'a> {
    /// What keeps them until they have left, if that is needed.
    custody: Option<&'a mut Custody>,
    outbox: &'a mut outbox::Outbox,
    by_hand: &'a mut ByHand,
    stats: &'a Stats,
    pings: &'a mut Pings,
    recording: Option<&'a mut Recording>,
    close: Option<Option<Close>>,
}

impl Outgoing for Sender<'_> {
    fn data(&mut self, kind: Kind, payload: &[u8], first: bool, last: bool) {
        if self.custody.as_mut().is_some_and(|custody| custody.skips(last)) {
            return;
        }
        Stats::add(&self.stats.bytes_out, payload.len() as u64);
        Stats::add(&self.stats.messages_out, u64::from(last));
        if let Some(recording) = &mut self.recording {
            let piece = Piece { kind, payload, first, last };
            recording.message(Side::Us, piece, SystemTime::now());
        }
        self.outbox.data(kind, payload, first, last);
        if let Some(custody) = &mut self.custody {
            custody.queued(kind, payload, first, last, self.outbox.added());
        }
    }

    fn lines(&mut self, kind: Kind, block: &[u8]) -> Lines {
        if self.custody.is_some() || self.recording.is_some() {
            return Lines::default();
        }
        let lines = self.outbox.lines(kind, block);
        Stats::add(&self.stats.bytes_out, lines.payload as u64);
        Stats::add(&self.stats.messages_out, lines.messages);
        lines
    }

    fn ping(&mut self, payload: &[u8]) {
        if let Some(recording) = &mut self.recording {
            let base64 = record::base64(payload);
            recording.record(&Record::Ping { from: Side::Us, base64 }, SystemTime::now());
        }
        self.outbox.control(opcode::PING, payload);
        self.pings.asked(payload, self.outbox.added());
        if let Some(custody) = &mut self.custody {
            custody.pinged(payload);
        }
    }

    fn pong(&mut self, payload: &[u8]) {
        if let Some(recording) = &mut self.recording {
            recording.record(&pong(payload), SystemTime::now());
        }
        self.outbox.control(opcode::PONG, payload);
    }

    fn frame(&mut self, frame: &RawFrame) {
        if let Some(recording) = &mut self.recording {
            recording.record(&made_by_hand(frame), SystemTime::now());
        }
        self.outbox.raw(frame);
        self.by_hand.queued(self.outbox.added());
    }

    fn close(&mut self, close: Option<Close>) {
        self.close = Some(close);
    }
}
