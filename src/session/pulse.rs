//! The pulse of a session: Pings out, and every sign of life from the peer. What follows from a sign is
//! the policy's to say (`policy::keepalive`).

use std::future::ready;
use std::time::Instant;

use tokio::io::{AsyncRead, AsyncWrite};

use super::link::Moved;
use super::{Session, clock};
use crate::failure::Failure;
use crate::record::{self, Record, Side};
use crate::wire::{Close, opcode};

impl<S: AsyncRead + AsyncWrite + Unpin> Session<'_, S> {
    /// Sends a Ping that is due.
    pub(super) fn ping(&mut self, now: Instant) {
        let received = self.link.inbox.received;
        if let Some(keepalive) = &mut self.keepalive
            && let Some(payload) = keepalive.ping(received, now)
        {
            let base64 = record::base64(&payload);
            self.output.sent(|| Record::Ping { from: Side::Us, base64 });
            self.link.outbox.control(opcode::PING, &payload);
            if let Some(custody) = &mut self.course.custody {
                custody.pinged(&payload);
            }
            self.link.mark();
        }
    }

    /// A Pong takes no longer than the peer does: not while our output, or what is told of the frames,
    /// keeps us from reading, or what we have read is still to be inflated.
    pub(super) fn listen_for_pongs(&mut self, reading: bool) {
        match &mut self.keepalive {
            None => {}
            Some(keepalive) if reading && self.link.may_move() => keepalive.resume(clock::now()),
            Some(keepalive) => keepalive.hold(clock::now()),
        }
    }

    /// Bytes have left.
    pub(super) fn feel_writing(&mut self, moved: &Moved) {
        let Some(keepalive) = &mut self.keepalive else { return };
        if moved.took_again {
            keepalive.took(self.link.outbox.written(), clock::now());
        }
        if let Some(end) = moved.marked_left {
            keepalive.ping_left(end, self.link.inbox.received, clock::now());
        }
    }

    /// Bytes have come, and are decoded as far as may be.
    pub(super) fn feel_reading(&mut self) {
        if let Some(keepalive) = &mut self.keepalive {
            let inbox = &self.link.inbox;
            keepalive.heard(inbox.frame_start(), inbox.received, clock::now());
        }
    }

    /// Fails the connection if the peer is silent.
    pub(super) async fn judge_silence(&mut self) {
        if !self.is_silent() {
            return;
        }
        // A process that was stopped for a while, or had too much to do, finds the time over and the Pong
        // unread. The runtime looks first for what there is.
        tokio::task::yield_now().await;
        if !self.may_read() || self.link.inbox.has_more() || !self.link.may_move() {
            return;
        }
        let moved = tokio::select! {
            biased;
            moved = self.link.moved(true) => moved,
            () = ready(()) => Moved::default(),
        };
        self.moved(moved);
        if self.is_silent()
            && let Some(keepalive) = &self.keepalive
        {
            self.failure = Some(Failure::PeerSilent(keepalive.timeout()));
            self.abort(Close::new(1011, "ping timeout"));
        }
    }

    fn is_silent(&self) -> bool {
        let is_open = self.closing.is_none() && self.closure.is_none();
        self.keepalive
            .as_ref()
            .is_some_and(|keepalive| is_open && keepalive.is_silent(clock::now()))
    }
}
