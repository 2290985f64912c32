//! Bytes in: what was received becomes output, as far as that has room, and answers.

use tokio::io::{AsyncRead, AsyncWrite};

use super::sending::pong;
use super::{ROUND, RoundTrip, Session, Stats, clock};
use crate::output::encode::Piece;
use crate::record::{self, Record, Side};
use crate::wire::{Event, opcode};

/// Bytes that are inflated at most when the time is over, of what was received before.
const LAST_ROUND: u64 = 2 << 20;

impl<S: AsyncRead + AsyncWrite + Unpin> Session<'_, S> {
    /// Whether the output has room. What is not printed needs none.
    pub(super) fn may_print(&self) -> bool {
        self.output.is_recorded() && (self.is_mute() || !self.output.writer.is_full())
    }

    /// Whether more may be received, once what is here is inflated.
    pub(super) fn may_read(&self) -> bool {
        !self.undecoded && self.may_print()
    }

    /// Whether what arrives is not printed.
    pub(super) fn is_mute(&self) -> bool {
        self.muted || self.course.ending.is_met()
    }

    /// Takes what was received, as far as the output has room for it, or at any rate.
    pub(super) fn read_events(&mut self, at_any_rate: bool) {
        let now = clock::now();
        let begun = self.link.inbox.work();
        self.link.inbox.allow(if at_any_rate { LAST_ROUND } else { ROUND });
        loop {
            self.output.flush_if_full();
            self.undecoded = !self.may_print()
                || !self.is_mute() && self.output.had_better_wait(&self.link.inbox);
            if self.undecoded && !at_any_rate {
                return;
            }
            if !self.is_mute() {
                let Session { receiver, link, course, output, .. } = self;
                receiver.batch(&mut link.inbox, &mut course.ending, output, now);
            }
            let mute = self.is_mute();
            let (event, bytes) = match self.link.inbox.event() {
                Ok(Some(found)) => found,
                Ok(None) => {
                    // A beginning that waits for its rest, or that has become nothing yet.
                    let inbox = &self.link.inbox;
                    if !mute && (inbox.message_kind().is_some() || inbox.work() > begun) {
                        self.course.ending.heard(now);
                    }
                    return;
                }
                Err(violation) => {
                    self.link.inbox.discard();
                    return self.violated(violation);
                }
            };
            match event {
                Event::Data { payload, .. } if mute => {
                    Stats::add(&self.stats.unprinted, payload.len() as u64);
                }
                Event::Data { kind, payload, first, last } => {
                    let piece = Piece { kind, payload: &bytes[payload], first, last };
                    self.receiver.take(piece, &mut self.course.ending, self.output, now);
                }
                Event::Ping(payload) => {
                    let payload = &bytes[payload];
                    if self.output.wants_records() && !mute {
                        let base64 = record::base64(payload);
                        self.output.record(&Record::Ping { from: Side::Peer, base64 });
                    }
                    if self.link.outbox.has_room_for_control() {
                        if !mute {
                            self.output.sent(|| pong(payload));
                        }
                        self.link.outbox.control(opcode::PONG, payload);
                    } else {
                        self.unanswered_ping = Some(payload.to_vec());
                    }
                }
                Event::Pong(payload) => {
                    let payload = &bytes[payload];
                    if let Some(custody) = &mut self.course.custody {
                        custody.answered(payload);
                    }
                    let kept = self.keepalive.as_mut().and_then(|k| k.pong(payload, now));
                    let took = kept.or_else(|| self.pings.pong(payload, now));
                    if let Some(took) = took {
                        self.stats.round_trip(took);
                    }
                    if self.output.wants_records() && !mute {
                        let base64 = record::base64(payload);
                        let rtt_us = took.map(|took| took.as_micros() as u64);
                        self.output.record(&Record::Pong { from: Side::Peer, base64, rtt_us });
                    }
                    if let (None, Some(tell)) = (kept, &self.course.round_trips) {
                        // Whoever wanted to know may be gone.
                        let _ = tell.send(RoundTrip { payload: payload.to_vec(), took });
                    }
                }
                Event::Close(close) => return self.peer_closed(close),
            }
        }
    }
}
