//! The closing handshake (RFC 6455 section 7): who closes, with what, what was left unsent, and how
//! the connection is parted with. When to close is decided elsewhere.

use std::time::{Duration, Instant};

use tokio::io::{AsyncRead, AsyncWrite};

use super::link::Read;
use super::{Interrupt, Interrupts, Session};
use crate::exit::{Answer, Closure};
use crate::failure::{Failure, TimeLimit};
use crate::policy::ending::Input;
use crate::wire::{Close, Violation, opcode};

/// How long the last bytes may take to leave, and a peer may take to hear of its mistake.
pub const PARTING: Duration = Duration::from_secs(1);
/// How long input that is there may take to come from the reader thread.
const AT_ONCE: Duration = Duration::from_millis(100);

/// Our Close is on its way or out.
#[derive(Debug)]
pub struct Closing {
    /// What it says.
    pub sent: Close,
    /// Where in the outgoing bytes it ends.
    pub end: u64,
    /// How long its answer may take once it has left.
    pub patience: Option<Duration>,
    /// Until when its answer is waited for.
    pub deadline: Option<Instant>,
    /// Whether it has left our buffers.
    pub left: bool,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Session<'_, S> {
    /// Queues our Close behind what is queued, once.
    pub(super) fn begin_close(&mut self, close: Close) {
        if self.closing.is_some() || self.closure.is_some() {
            return;
        }
        self.block = None;
        self.link.outbox.control(opcode::CLOSE, &close.encode());
        let patience = self.settings.close_timeout;
        self.closing = Some(Closing {
            sent: close,
            end: self.link.outbox.added(),
            patience,
            deadline: after(patience),
            left: false,
        });
    }

    /// The session is over with our Close; what comes back does not matter any more.
    pub(super) fn stop_awaiting(&mut self) {
        if let Some(Closing { sent, .. }) = self.closing.take() {
            self.closure = Some(Closure::ByUs { sent, answer: Answer::NotAwaited });
        }
    }

    /// Closes at once, ahead of all that is queued, and waits for nothing.
    pub(super) async fn abort(&mut self, close: Close) {
        if self.closing.is_none() {
            self.count_unsent();
        }
        self.begin_close(close);
        self.link.write_now().await;
        self.stop_awaiting();
    }

    /// The peer's Close: ours goes out, if it is not out yet, and nothing else (RFC 6455
    /// section 5.5.1).
    pub(super) fn peer_closed(&mut self, close: Close) {
        let closing = self.close_now(close.clone());
        self.closure = Some(match closing {
            None => Closure::ByPeer(close),
            Some(sent) => Closure::ByUs { sent, answer: Answer::Close(close) },
        });
    }

    /// The connection is failed (RFC 6455 section 7.1.7).
    pub(super) fn violated(&mut self, violation: Violation) {
        self.close_now(Close::new(violation.close_code(), ""));
        self.closure = Some(Closure::Violated(violation));
    }

    /// Makes our Close, this one unless another is on its way, the last and next frame that goes
    /// out. Gives back the one that was on its way.
    fn close_now(&mut self, close: Close) -> Option<Close> {
        self.count_unsent();
        let closing = self.closing.take();
        let left = closing.as_ref().is_some_and(|closing| closing.end <= self.link.outbox.added());
        let sent = closing.map(|closing| closing.sent);
        if !left {
            let payload = sent.as_ref().unwrap_or(&close).encode();
            self.link.outbox.control(opcode::CLOSE, &payload);
        }
        sent
    }

    pub(super) fn lost(&mut self, why: String) {
        self.count_unsent();
        self.closure = Some(match self.closing.take() {
            Some(Closing { sent, .. }) => Closure::ByUs { sent, answer: Answer::Lost },
            None => Closure::Lost(why),
        });
    }

    /// Takes back what has not left, and counts it together with the messages of the command line
    /// that were not taken.
    pub(super) fn count_unsent(&mut self) {
        self.unsent.messages += self.link.outbox.retract();
        if self.closing.is_none() {
            self.unsent.messages += self.feed.untouched();
            let waits = self.block.as_ref().is_some_and(|block| !block.data.is_empty());
            self.unsent.more |= waits && self.feed.may_hold_more();
        }
    }

    /// Finds out whether stdin held more when the peer closed. What is there comes at once; an open
    /// and silent stdin has nothing that could be sent, but the job of `send` is not done before
    /// its end.
    pub(super) async fn look_for_more_input(&mut self) {
        if self.unsent.more || !self.feed.may_hold_more() {
            return;
        }
        while let Some(reader) = &mut self.reader {
            match tokio::time::timeout(AT_ONCE, reader.next()).await {
                Ok(Some(Ok(block))) if block.data.is_empty() => {}
                Ok(Some(_)) => self.unsent.more = true,
                Ok(None) => return,
                Err(_) => {
                    self.unsent.more = self.settings.rules.input == Input::MustBeSent;
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
        let not_awaited =
            matches!(self.closure, Some(Closure::ByUs { answer: Answer::NotAwaited, .. }));
        if not_awaited || matches!(self.closure, Some(Closure::Lost(_))) {
            return;
        }
        let violated = matches!(self.closure, Some(Closure::Violated(_)));
        let link = &mut self.link;
        let parting = async {
            while !link.outbox.is_empty() && !link.write_failed() {
                link.moved(false).await;
            }
            link.shut_down().await;
            while violated && let Some(Read::Bytes) = link.moved(true).await.read {
                link.inbox.discard();
            }
        };
        tokio::select! {
            _ = tokio::time::timeout(PARTING, parting) => {}
            interrupt = interrupts.next() => match interrupt {
                Interrupt::Signal(signal) => self.signal = Some(signal),
                Interrupt::MaxTime(limit) => {
                    self.failure = Some(Failure::TimeLimit(TimeLimit::MaxTime(limit)));
                }
            },
        }
    }
}

/// So long from now.
pub fn after(patience: Option<Duration>) -> Option<Instant> {
    patience.and_then(|patience| Instant::now().checked_add(patience))
}
