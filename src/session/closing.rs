//! The closing handshake (RFC 6455 section 7): who closes, with what, what was left unsent, and how
//! the connection is parted with. When to close is decided elsewhere.

use std::time::{Duration, Instant};

use tokio::io::{AsyncRead, AsyncWrite};

use super::course::unreadable;
use super::{Interrupt, Interrupts, Session, clock, until};
use crate::exit::{Answer, Closure};
use crate::failure::{Failure, TimeLimit};
use crate::input::Outgoing as _;
use crate::policy::countdown::Countdown;
use crate::policy::ending::Input;
use crate::wire::{Close, Violation, opcode};

/// How long the last bytes may take to leave, and a peer may take to hear of its mistake.
pub const PARTING: Duration = Duration::from_secs(1);
/// How long input that is there may take to come.
const AT_ONCE: Duration = Duration::from_millis(100);

/// Our Close is on its way or out.
#[derive(Debug)]
pub struct Closing {
    /// What it says.
    pub sent: Close,
    /// Where in the outgoing bytes it ends.
    pub end: u64,
    /// How long its answer is waited for.
    pub patience: Countdown,
    /// Whether that is being counted. Before, what leaves begins the count anew: the Close is
    /// behind it.
    pub counting: bool,
    /// Whether it stands at the end of the input. There keepalive says when one that cannot leave is
    /// given up.
    pub ends_input: bool,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Session<'_, S> {
    /// Queues our Close behind what is queued, once; if nothing leaves for so long, the peer is
    /// given up.
    fn queue_close(&mut self, close: Close, stalled: Option<Duration>, ends_input: bool) {
        if self.closing.is_some() || self.closure.is_some() {
            return;
        }
        self.course.block = None;
        self.link.outbox.control(opcode::CLOSE, &close.encode());
        self.closing = Some(Closing {
            sent: close,
            end: self.link.outbox.added(),
            patience: self.countdown(stalled),
            counting: false,
            ends_input,
        });
    }

    /// Closes because the session has done what was asked.
    pub(super) fn begin_close(&mut self, close: Close) {
        self.queue_close(close, self.settings.close_timeout, false);
    }

    /// Closes because the input is over. What came before is sent, however slow the peer; but if there is
    /// keepalive, it may not be slower than one that has to take a Ping.
    pub(super) fn close_after_input(&mut self, close: Close) {
        let stalled = self.settings.keepalive.map(|(interval, timeout)| interval + timeout);
        self.queue_close(close, stalled, true);
    }

    /// Our Close, if it stands at the end of the input, has not left, and there may be another connection
    /// for what is before it.
    fn close_to_put_off(&mut self) -> Option<Close> {
        self.course.custody.as_ref()?;
        let written = self.link.outbox.written();
        let is_behind = |closing: &mut Closing| closing.ends_input && closing.end > written;
        self.closing.take_if(is_behind).map(|closing| closing.sent)
    }

    /// Closes on the next connection, behind what is sent there, or fails for what was wrong there.
    fn put_off(&mut self, close: Option<Close>) {
        match close {
            None => {}
            Some(close) if self.failure.is_none() => self.course.held.close(Some(close)),
            Some(_) => self.course.broken = self.failure.take(),
        }
    }

    /// Bytes have left: perhaps our Close, whose answer is waited for from then on.
    pub(super) fn close_moved(&mut self, written: u64) {
        let Some(mut closing) = self.closing.take() else { return };
        if !closing.counting {
            closing.counting = closing.end <= written;
            if closing.counting {
                closing.patience = self.countdown(self.settings.close_timeout);
            } else {
                closing.patience.restart(clock::now());
            }
        }
        self.closing = Some(closing);
    }

    /// A clock for the peer's silence.
    pub(super) fn countdown(&self, limit: Option<Duration>) -> Countdown {
        let now = clock::now();
        let mut countdown = Countdown::start(limit, now);
        if self.held {
            countdown.hold(now);
        }
        countdown
    }

    /// Whether the answer to our Close did not come in time.
    pub(super) fn close_is_unanswered(&self, now: Instant) -> bool {
        self.closing.as_ref().is_some_and(|closing| closing.patience.is_over(now))
    }

    /// The answer to our Close did not come in time, or the Close could not even leave.
    pub(super) fn give_up_closing(&mut self) {
        let is_stuck = |closing: &Closing| closing.ends_input && !closing.counting;
        if let Some((_, timeout)) = self.settings.keepalive
            && self.closing.as_ref().is_some_and(is_stuck)
        {
            self.failure.get_or_insert(Failure::PeerSilent(timeout));
        }
        let hurried = self.signal.is_some();
        self.stop_awaiting(if hurried { Answer::NotAwaited } else { Answer::Nothing });
    }

    /// The session is over with our Close, whatever comes back.
    pub(super) fn stop_awaiting(&mut self, answer: Answer) {
        if let Some(Closing { sent, .. }) = self.closing.take() {
            self.end(Closure::ByUs { sent, answer });
        }
    }

    /// Closes at once, ahead of all that is queued, and waits for nothing.
    pub(super) fn abort(&mut self, close: Close) {
        if self.closing.is_none() {
            self.count_unsent();
        }
        self.begin_close(close);
        self.link.write_now();
        self.stop_awaiting(Answer::NotAwaited);
    }

    /// The peer's Close: ours goes out, if it is not out yet, and nothing else (RFC 6455
    /// section 5.5.1).
    pub(super) fn peer_closed(&mut self, close: Close) {
        let put_off = self.close_to_put_off();
        let sent = self.close_now(|sent| sent.unwrap_or(&close).clone());
        self.put_off(put_off);
        self.end(match sent {
            None => Closure::ByPeer(close),
            Some(sent) => Closure::ByUs { sent, answer: Answer::Close(close) },
        });
    }

    /// The connection is failed (RFC 6455 section 7.1.7). Once an end condition was met, that is
    /// only trouble in the closing handshake.
    pub(super) fn violated(&mut self, violation: Violation) {
        if self.course.ending.is_done() {
            let asked = self.settings.close.clone();
            let sent = self.close_now(|sent| sent.unwrap_or(&asked).clone()).unwrap_or(asked);
            self.end(Closure::ByUs { sent, answer: Answer::Broken(violation) });
        } else {
            self.close_now(|_| Close::new(violation.close_code(), ""));
            self.end(Closure::Violated(violation));
        }
    }

    /// The connection is gone. Once an end condition was met, that is only trouble in the closing
    /// handshake, though our Close may have had to wait for messages that are to be sent before it.
    pub(super) fn lost(&mut self, why: String) {
        let put_off = self.close_to_put_off();
        self.count_unsent();
        self.put_off(put_off);
        let closing = self.closing.take().map(|closing| closing.sent);
        let asked = || self.course.ending.is_done().then(|| self.settings.close.clone());
        self.end(match closing.or_else(asked) {
            Some(sent) => Closure::ByUs { sent, answer: Answer::Lost },
            None => Closure::Lost(why),
        });
    }

    fn end(&mut self, closure: Closure) {
        self.since_frame = self.by_hand.until(&closure);
        self.closure = Some(closure);
    }

    /// Makes a Close the last and next frame that goes out, unless ours is out already. Gives back
    /// the one that was on its way.
    fn close_now(&mut self, close: impl FnOnce(Option<&Close>) -> Close) -> Option<Close> {
        self.count_unsent();
        let closing = self.closing.take();
        let is_out = closing.as_ref().is_some_and(|c| c.end <= self.link.outbox.added());
        let sent = closing.map(|closing| closing.sent);
        if !is_out {
            self.link.outbox.control(opcode::CLOSE, &close(sent.as_ref()).encode());
        }
        sent
    }

    /// Takes back what has not left, and counts it together with the messages that are known and
    /// were not taken.
    pub(super) fn count_unsent(&mut self) {
        let retracted = self.link.outbox.retract();
        self.by_hand.retracted();
        self.stats.take_back(retracted.ended, retracted.payload);
        // What has begun to leave may yet do so.
        self.unsent.queued += retracted.ended - self.link.outbox.unsent();
        self.unsent.messages += retracted.ended + u64::from(retracted.begun);
        self.unsent.more |= retracted.by_hand;
        if self.closing.is_none() {
            let waiting = self.course.unsent();
            self.unsent.messages += waiting.messages;
            self.unsent.more |= waiting.more;
        }
        self.course.retract(self.link.outbox.added());
    }

    /// Finds out whether stdin held more when the peer closed or was lost. What is there comes at once; an open
    /// and silent stdin has nothing that could be sent, but the job of `send` is not done before
    /// its end.
    pub(super) async fn look_for_more_input(&mut self) {
        let typed = self.course.input == Input::Typed;
        // What is behind a greeting that comes again stays where it is.
        let comes_again = self.course.custody.is_some() && self.course.greets();
        if self.unsent.more || typed || comes_again || !self.course.feed.may_hold_more() {
            // Whoever types may type on for ever.
            return;
        }
        while let Some(reader) = &mut self.course.reader {
            match tokio::time::timeout(AT_ONCE, reader.next()).await {
                Ok(Some(Ok(block))) => {
                    self.unsent.more |= !block.bytes().is_empty();
                    self.course.keep(block);
                }
                Ok(Some(Err(error))) => {
                    self.unsent.more = true;
                    self.course.broken = Some(unreadable(error));
                }
                Ok(None) => return,
                Err(_) => {
                    self.unsent.more = self.course.input == Input::MustBeSent;
                    return;
                }
            }
            if self.unsent.more {
                return;
            }
        }
    }

    /// Lets the last bytes leave, and a peer that broke the protocol read our Close before the
    /// connection goes away.
    pub(super) async fn part(&mut self, interrupts: &mut Interrupts) {
        let broken = match &self.closure {
            Some(Closure::Lost(_)) => return,
            Some(Closure::ByUs { answer: Answer::NotAwaited | Answer::Lost, .. }) => return,
            Some(Closure::Violated(_)) => true,
            Some(Closure::ByUs { answer, .. }) => matches!(answer, Answer::Broken(_)),
            _ => false,
        };
        tokio::select! {
            _ = tokio::time::timeout(PARTING, self.link.part(broken)) => {}
            interrupt = interrupts.next() => self.interrupted_at_last(interrupt),
        }
    }

    /// Has what was told of frames written.
    pub(super) async fn end_trace(&mut self, interrupts: &mut Interrupts) {
        let Some(trace) = self.link.trace() else { return };
        trace.finish();
        tokio::select! {
            () = until(interrupts.deadline()) => {}
            drained = trace.drain() => if let Err(failure) = drained {
                self.failure.get_or_insert(failure);
            },
            interrupt = interrupts.next() => self.interrupted_at_last(interrupt),
        }
    }

    fn interrupted_at_last(&mut self, interrupt: Interrupt) {
        match interrupt {
            Interrupt::Signal(signal) => self.signal = Some(signal),
            Interrupt::MaxTime(limit) => {
                self.failure = Some(Failure::TimeLimit(TimeLimit::MaxTime(limit)));
            }
        }
    }
}
