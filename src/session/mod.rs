//! One conversation over one open WebSocket: moves bytes between the input, the link and the
//! output, and asks the policies what that means. The only big select of the program is here.

mod account;
mod answers;
mod by_hand;
mod clock;
mod closing;
mod conversation;
mod course;
mod custody;
mod deflation;
mod gap;
mod gathering;
mod hub;
mod inflation;
mod interrupt;
mod kept;
mod link;
mod log;
mod outbox;
mod output;
mod paced;
mod private;
mod pulse;
mod receiving;
mod recording;
mod scribe;
mod sending;
mod serving;
#[cfg(test)]
mod simulated;
mod spare;
mod spoken;
mod stats;
mod trace;

use std::future::{pending, poll_fn, ready};
use std::io;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::Sleep;

pub use account::{Account, Burden};
pub use answers::{Answers, Conduct, Farewell, Leave, Manner};
pub use conversation::{Conversation, Heard};
pub use course::{Course, unreadable};
pub use gap::Gap;
pub use hub::Hub;
pub use interrupt::{Interrupt, Interrupts};
pub use kept::{Kept, Snapshot};
pub use log::Log;
pub use output::{Output, STDOUT};
pub use private::private;
pub use recording::Recording;
pub use scribe::{Beginning, Chronicle, Scribe};
pub use serving::Serving;
pub use spare::Spare;
pub use stats::Stats;
pub use trace::{Shown, Trace};

use crate::exit::{Answer, Closure, Outcome, Unsent};
use crate::failure::{Failure, TimeLimit};
use crate::input::reader::{Block, ReadError, Reader};
use crate::policy::countdown::Countdown;
use crate::policy::ending::Over;
use crate::policy::keepalive::Keepalive;
use crate::policy::pings::Pings;
use crate::wire::{Close, Deflate, Role};
use by_hand::ByHand;
use closing::{Closing, PARTING};
use interrupt::AFTER_SIGNAL;
use link::{Link, Moved, Read};
use output::Receiver;

/// The largest message where it must be held whole and no limit is given: 64 MiB.
pub const MAX_HELD: u64 = 64 << 20;

/// Rounds without a wait after which the runtime has its turn.
const ROUNDS: u32 = 4;
/// Bytes that are sent, or inflated, before the session looks at everything else again. A message that
/// is held is compressed in one go: at level 9 the worst megabyte there is takes zlib two seconds.
const ROUND: u64 = 256 << 10;

/// The choices for one session.
#[derive(Clone, Debug)]
pub struct Settings {
    /// What we close with.
    pub close: Close,
    /// How long the peer's Close is waited for; without limit when not given.
    pub close_timeout: Option<Duration>,
    /// The interval of Pings and the time for a Pong.
    pub keepalive: Option<(Duration, Duration)>,
    /// The largest message that is taken, in bytes, if it was given by hand.
    pub max_message: Option<u64>,
    /// How messages are compressed, if they may be.
    pub deflate: Option<Deflate>,
}

/// One session.
#[derive(Debug)]
pub struct Session<'a, S> {
    link: Link<S>,
    output: &'a mut Output,
    receiver: Receiver,
    course: &'a mut Course,
    keepalive: Option<Keepalive>,
    by_hand: ByHand,
    /// The Pings that were asked for.
    pings: Pings,
    /// The payload of the latest Ping that could not be answered yet (RFC 6455 section 5.5.3).
    unanswered_ping: Option<Vec<u8>>,
    settings: Settings,
    stats: Rc<Stats>,
    /// Bytes of earlier connections, received and sent.
    wire_before: (u64, u64),
    timer: Option<(Instant, Pin<Box<Sleep>>)>,
    /// Whether the output holds our reading up.
    held: bool,
    /// Whether received bytes wait for room in the output.
    undecoded: bool,
    /// Whether nothing is printed any more, whatever the conditions say.
    muted: bool,
    /// How long a connection that cannot be written to may still bring something.
    give_up: Option<Countdown>,
    closing: Option<Closing>,
    closure: Option<Closure>,
    /// From the last frame made by hand to the end, if the peer had a part in that.
    since_frame: Option<Duration>,
    failure: Option<Failure>,
    signal: Option<i32>,
    unsent: Unsent,
}

/// What a session talks to besides its stream.
#[derive(Debug)]
pub struct Ends<'a> {
    /// What is sent, and when it is over; it may have begun on another connection.
    pub course: &'a mut Course,
    /// Where messages go.
    pub output: &'a mut Output,
    /// What is counted.
    pub stats: Rc<Stats>,
}

/// A Pong that is not one of keepalive's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoundTrip {
    /// What it carried.
    pub payload: Vec<u8>,
    /// The time since that Ping left which the input asked for, if it answers one.
    pub took: Option<Duration>,
}

impl<'a, S: AsyncRead + AsyncWrite + Unpin> Session<'a, S> {
    /// A session over a connection that has just been opened; `early` came with the answer.
    pub fn new(stream: S, early: &Bytes, ends: Ends<'a>, settings: Settings) -> Self {
        let now = clock::now();
        let needs_whole = ends.output.needs_whole_messages() || ends.course.needs_whole;
        let max_message = settings.max_message.or(if needs_whole { Some(MAX_HELD) } else { None });
        let max_message = max_message.filter(|limit| *limit > 0);
        let keepalive = settings
            .keepalive
            .map(|(interval, timeout)| Keepalive::new(interval, timeout, rand::random(), now));
        let trace = ends.course.trace.take();
        ends.stats.compresses.set(settings.deflate.is_some());
        ends.stats.open(now);
        Session {
            link: Link::new(stream, early, Role::Client, max_message, settings.deflate.as_ref())
                .traced_by(trace),
            receiver: Receiver::new(needs_whole, Rc::clone(&ends.stats)),
            output: ends.output,
            course: ends.course,
            keepalive,
            by_hand: ByHand::default(),
            pings: Pings::default(),
            unanswered_ping: None,
            settings,
            wire_before: (ends.stats.wire_in.get(), ends.stats.wire_out.get()),
            stats: ends.stats,
            timer: None,
            held: false,
            undecoded: false,
            muted: false,
            give_up: None,
            closing: None,
            closure: None,
            since_frame: None,
            failure: None,
            signal: None,
            unsent: Unsent::default(),
        }
    }

    /// Converses until it is over, and says how it ended. What is still in the output's buffers
    /// is the caller's to drain.
    pub async fn run(mut self, interrupts: &mut Interrupts) -> Outcome {
        self.count_wire();
        self.read_events(false);
        let mut rounds = 0;
        while self.closure.is_none() {
            if self.undecoded || self.link.inbox.has_more() {
                self.read_events(false);
            }
            self.send_input();
            if interrupts.is_signalled() {
                let interrupt = interrupts.next().await;
                self.interrupted(interrupt);
            }
            self.keep_time();
            self.judge_silence().await;
            self.output.flush();
            if self.closure.is_none() {
                let mut polls = 0;
                let mut wait = pin!(self.wait(interrupts));
                poll_fn(|cx| {
                    polls += 1;
                    wait.as_mut().poll(cx)
                })
                .await;
                // With work always at hand we would never wait, and the runtime would look at
                // signals, timers and sockets only now and then.
                rounds = if polls == 1 { rounds + 1 } else { 0 };
                if rounds == ROUNDS {
                    rounds = 0;
                    tokio::task::yield_now().await;
                }
            }
        }
        self.stats.end(clock::now());
        self.output.break_off();
        self.part(interrupts).await;
        self.unsent.queued += self.link.outbox.unsent();
        self.end_trace(interrupts).await;
        self.course.trace = self.link.untraced();
        self.count_wire();
        if let Some(custody) = &mut self.course.custody {
            custody.written(self.link.outbox.written(), self.stats.messages_in.get());
        }
        if matches!(self.closure, Some(Closure::ByPeer(_) | Closure::Lost(_))) {
            self.look_for_more_input().await;
        }
        self.hold_or_resume(true);
        Outcome {
            closure: self.closure.unwrap_or(Closure::Lost(String::new())),
            failure: self.failure,
            signal: self.signal,
            condition_met: self.course.ending.is_done(),
            unmet: self.course.ending.unmet(),
            explanation: self.course.ending.explanation(),
            unsent: self.unsent,
            losses: self.course.losses(),
            cut: self.receiver.is_streaming(),
            since_frame: self.since_frame,
        }
    }

    async fn wait(&mut self, interrupts: &mut Interrupts) {
        let is_recorded = self.output.is_recorded();
        let may_read = self.may_read();
        let has_more = may_read && self.link.inbox.has_more();
        let want_read = may_read && !has_more;
        self.hold_or_resume(may_read);
        self.listen_for_pongs(want_read);
        self.stats.listen(want_read, clock::now);
        self.set_timer();
        let is_open = self.closing.is_none();
        self.output.writer.heed_reader(self.course.only_listens() && is_open);
        let want_block = self.course.block.is_none() && is_open && self.course.nothing_waits();
        let has_room = is_recorded && self.link.outbox.has_room();
        let has_more_input = self.course.block.is_some() || self.course.holds();
        let more_to_send = has_more_input && is_open && has_room;
        tokio::select! {
            interrupt = interrupts.next() => self.interrupted(interrupt),
            moved = self.link.moved(want_read), if is_recorded => self.moved(moved),
            recorded = Output::recorded(&mut self.output.recording) => {
                if let Err(failure) = recorded {
                    self.recording_failed(failure);
                }
            }
            written = self.output.writer.written(), if is_recorded => {
                if let Err(error) = written {
                    self.output_failed(error);
                }
            }
            block = next_block(&mut self.course.reader), if want_block => self.take_block(block),
            () = elapsed(&mut self.timer) => {}
            () = ready(()), if more_to_send || has_more => {}
        }
    }

    fn set_timer(&mut self) {
        let closing = self.closing.as_ref();
        let is_open = closing.is_none();
        let deadlines = [
            closing.and_then(|closing| closing.patience.deadline()),
            self.course.ending.deadline().filter(|_| is_open),
            self.keepalive.as_ref().filter(|_| is_open).and_then(Keepalive::deadline),
            self.give_up.as_ref().and_then(Countdown::deadline),
            self.turn().filter(|_| is_open),
        ];
        let next = deadlines.into_iter().flatten().min();
        match (&mut self.timer, next) {
            (Some((at, _)), Some(next)) if *at == next => {}
            (Some((at, sleep)), Some(next)) => {
                *at = next;
                sleep.as_mut().reset(next.into());
            }
            (timer, next) => {
                *timer = next.map(|at| (at, Box::pin(tokio::time::sleep_until(at.into()))));
            }
        }
    }

    /// Stops the clocks of the peer's silence while our output keeps us from listening.
    fn hold_or_resume(&mut self, reading: bool) {
        if self.held != reading {
            return;
        }
        self.held = !reading;
        let now = clock::now();
        let closing = self.closing.as_mut().map(|closing| &mut closing.patience);
        let countdowns = [closing, self.give_up.as_mut()].into_iter().flatten();
        if reading {
            self.course.ending.resume(now);
            countdowns.for_each(|countdown| countdown.resume(now));
        } else {
            self.course.ending.hold();
            countdowns.for_each(|countdown| countdown.hold(now));
        }
    }

    fn count_wire(&self) {
        let (received, sent) = self.wire_before;
        self.stats.wire_in.set(received + self.link.inbox.received);
        self.stats.wire_out.set(sent + self.link.outbox.written());
    }

    fn moved(&mut self, moved: Moved) {
        self.count_wire();
        if let Some(failure) = moved.trace_failed {
            self.failure = Some(failure);
            return self.abort(self.settings.close.clone());
        }
        if moved.wrote {
            self.feel_writing(&moved);
            self.wrote();
        }
        if self.link.write_failed() && (self.give_up.is_none() || moved.read.is_some()) {
            self.give_up = Some(self.countdown(Some(PARTING)));
        }
        match moved.read {
            None => {}
            Some(Read::Bytes) => {
                self.stats.heard(clock::now());
                self.read_events(false);
                self.feel_reading();
            }
            Some(Read::End) => self.lost("the peer ended it".into()),
            Some(Read::Failed(error)) => self.lost(crate::failure::root_cause(&error)),
        }
    }

    fn keep_time(&mut self) {
        let now = clock::now();
        let has_more = self.link.inbox.has_more();
        if !has_more && self.give_up.as_ref().is_some_and(|give_up| give_up.is_over(now)) {
            return self.lost("it cannot be written to".into());
        }
        if self.closing.is_some() {
            if self.close_is_unanswered(now) {
                self.give_up_closing();
            }
            return;
        }
        if (self.undecoded || has_more) && self.course.ending.deadline().is_some_and(|at| at <= now)
        {
            // What was received before the time was over is printed, unless it becomes too much.
            self.read_events(true);
            if self.closing.is_some() || self.closure.is_some() {
                return;
            }
        }
        match self.course.ending.over(now) {
            // The messages of the command line are sent, whatever has been received.
            Some(Over::Met) if self.course.feed.has_given_messages() => {}
            Some(Over::Met | Over::Lingered) => {
                return self.begin_close(self.settings.close.clone());
            }
            Some(Over::WaitedInVain(unmet)) => {
                self.failure = Some(Failure::TimeLimit(TimeLimit::Wait(unmet.0)));
                return self.begin_close(self.settings.close.clone());
            }
            None => {}
        }
        self.ping(now);
    }

    fn interrupted(&mut self, interrupt: Interrupt) {
        match interrupt {
            Interrupt::MaxTime(limit) => {
                self.failure = Some(Failure::TimeLimit(TimeLimit::MaxTime(limit)));
                self.abort(self.settings.close.clone());
            }
            Interrupt::Signal(signal) if self.signal.is_some() => {
                self.signal = Some(signal);
                self.stop_awaiting(Answer::NotAwaited);
            }
            Interrupt::Signal(signal) => {
                self.signal = Some(signal);
                self.muted = true;
                if self.closing.is_none() {
                    self.count_unsent();
                }
                self.begin_close(Close::new(1001, ""));
                if let Some(closing) = &mut self.closing {
                    closing.patience = Countdown::start(Some(AFTER_SIGNAL), clock::now());
                    closing.counting = true;
                }
            }
        }
    }

    fn recording_failed(&mut self, failure: Failure) {
        self.output.take_back_unrecorded();
        self.failure = Some(failure);
        self.abort(self.settings.close.clone());
    }

    fn output_failed(&mut self, error: io::Error) {
        self.failure = Some(self.output.failure(error));
        self.abort(self.settings.close.clone());
    }
}

async fn next_block(reader: &mut Option<Reader>) -> Option<Result<Block, ReadError>> {
    match reader {
        Some(reader) if !reader.is_done() => reader.next().await,
        _ => pending().await,
    }
}

/// Waits until a time; without one, for ever.
pub async fn until(time: Option<Instant>) {
    match time {
        Some(time) => tokio::time::sleep_until(time.into()).await,
        None => pending().await,
    }
}

async fn elapsed(timer: &mut Option<(Instant, Pin<Box<Sleep>>)>) {
    match timer {
        Some((_, sleep)) => sleep.as_mut().await,
        None => pending().await,
    }
}
