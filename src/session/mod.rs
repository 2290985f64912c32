//! One conversation over one open WebSocket: moves bytes between the input, the link and the
//! output, and asks the policies what that means. The only big select of the program is here.

mod account;
mod answers;
mod by_hand;
mod closing;
mod conversation;
mod deflation;
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
mod receiving;
mod recording;
mod scribe;
mod sending;
mod serving;
mod spare;
mod stats;
mod trace;

use std::future::{pending, poll_fn, ready};
use std::io;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::mpsc;
use tokio::time::Sleep;

pub use account::Account;
pub use answers::{Answers, Conduct, Farewell, Leave, Manner};
pub use conversation::{Conversation, Heard};
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
use crate::input::Feed;
use crate::input::reader::{Block, ReadError, Reader};
use crate::policy::countdown::Countdown;
use crate::policy::ending::{Ending, Over, Rules};
use crate::policy::keepalive::{Action, Keepalive};
use crate::policy::pace::Pacing;
use crate::policy::pings::Pings;
use crate::record::{self, Record, Side};
use crate::wire::{Close, Deflate, Role, opcode};
use by_hand::ByHand;
use closing::{Closing, PARTING};
use interrupt::AFTER_SIGNAL;
use link::{Link, Moved, Read};
use output::Receiver;
use paced::Paced;

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
    /// When it ends.
    pub rules: Rules,
    /// What we close with.
    pub close: Close,
    /// How long the peer's Close is waited for; without limit when not given.
    pub close_timeout: Option<Duration>,
    /// The interval of Pings and the time for a Pong.
    pub keepalive: Option<(Duration, Duration)>,
    /// The largest message that is taken, in bytes, if it was given by hand.
    pub max_message: Option<u64>,
    /// How fast messages are sent, if that was asked for.
    pub pacing: Option<Pacing>,
    /// How messages are compressed, if they may be.
    pub deflate: Option<Deflate>,
}

/// One session.
#[derive(Debug)]
pub struct Session<'a, S> {
    link: Link<S>,
    output: &'a mut Output,
    receiver: Receiver,
    feed: Feed,
    reader: Option<Reader>,
    /// Input that was read and has not been taken.
    block: Option<Block>,
    /// Input that was taken and waits for its turn.
    paced: Option<Box<Paced>>,
    ending: Ending,
    keepalive: Option<Keepalive>,
    /// Where in the outgoing bytes our last Ping ends, until it has left.
    ping_end: Option<u64>,
    by_hand: ByHand,
    /// The Pings that were asked for.
    pings: Pings,
    /// Who wants to know of their answers, and of Pongs that nobody asked for.
    round_trips: Option<mpsc::UnboundedSender<RoundTrip>>,
    /// The payload of the latest Ping that could not be answered yet (RFC 6455 section 5.5.3).
    unanswered_ping: Option<Vec<u8>>,
    settings: Settings,
    stats: Rc<Stats>,
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
    /// Everything that is to be sent.
    pub feed: Feed,
    /// Where its bytes come from.
    pub reader: Option<Reader>,
    /// Where messages go.
    pub output: &'a mut Output,
    /// What is counted.
    pub stats: Rc<Stats>,
    /// What looks at the frames.
    pub trace: Option<Box<Trace>>,
    /// Who wants to know of Pongs that are not keepalive's.
    pub round_trips: Option<mpsc::UnboundedSender<RoundTrip>>,
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
        let now = Instant::now();
        let needs_whole = ends.output.needs_whole_messages() || settings.rules.need_payload();
        let max_message = settings.max_message.or(if needs_whole { Some(MAX_HELD) } else { None });
        let max_message = max_message.filter(|limit| *limit > 0);
        let keepalive = settings
            .keepalive
            .map(|(interval, timeout)| Keepalive::new(interval, timeout, rand::random(), now));
        // What is told of tiny messages is a hundred times as long as they are: where it has to wait, so
        // do they.
        let one_by_one = ends.output.is_recorded_slowly().then_some(Pacing::Delay(Duration::ZERO));
        let pacing = settings.pacing.or(one_by_one);
        ends.stats.compresses.set(settings.deflate.is_some());
        ends.stats.open(now);
        Session {
            link: Link::new(stream, early, Role::Client, max_message, settings.deflate.as_ref())
                .traced_by(ends.trace),
            receiver: Receiver::new(needs_whole, Rc::clone(&ends.stats)),
            output: ends.output,
            feed: ends.feed,
            reader: ends.reader,
            block: None,
            paced: pacing.map(|pacing| Box::new(Paced::new(pacing))),
            ending: Ending::new(settings.rules.clone(), now),
            keepalive,
            ping_end: None,
            by_hand: ByHand::default(),
            pings: Pings::default(),
            round_trips: ends.round_trips,
            unanswered_ping: None,
            settings,
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
        self.stats.end(Instant::now());
        self.output.break_off();
        self.part(interrupts).await;
        self.unsent.queued += self.link.outbox.unsent();
        self.end_trace(interrupts).await;
        self.count_wire();
        if matches!(self.closure, Some(Closure::ByPeer(_))) {
            self.look_for_more_input().await;
        }
        Outcome {
            closure: self.closure.unwrap_or(Closure::Lost(String::new())),
            failure: self.failure,
            signal: self.signal,
            condition_met: self.ending.is_done(),
            unmet: self.ending.unmet(),
            explanation: self.ending.explanation(),
            unsent: self.unsent,
            cut: self.receiver.is_streaming(),
            since_frame: self.since_frame,
        }
    }

    async fn wait(&mut self, interrupts: &mut Interrupts) {
        let is_recorded = self.output.is_recorded();
        let may_read = !self.undecoded && self.may_print();
        let has_more = may_read && self.link.inbox.has_more();
        let want_read = may_read && !has_more;
        self.hold_or_resume(may_read);
        self.listen_for_pongs(want_read);
        self.stats.listen(want_read, Instant::now);
        self.set_timer();
        let is_open = self.closing.is_none();
        let want_block = self.block.is_none() && is_open && self.nothing_waits();
        let has_room = is_recorded && self.link.outbox.has_room();
        let more_to_send = self.block.is_some() && is_open && has_room;
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
            block = next_block(&mut self.reader), if want_block => self.take_block(block),
            () = elapsed(&mut self.timer) => {}
            () = ready(()), if more_to_send || has_more => {}
        }
    }

    fn set_timer(&mut self) {
        let closing = self.closing.as_ref();
        let is_open = closing.is_none();
        let deadlines = [
            closing.and_then(|closing| closing.patience.deadline()),
            self.ending.deadline().filter(|_| is_open),
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
        let now = Instant::now();
        let closing = self.closing.as_mut().map(|closing| &mut closing.patience);
        let countdowns = [closing, self.give_up.as_mut()].into_iter().flatten();
        if reading {
            self.ending.resume(now);
            countdowns.for_each(|countdown| countdown.resume(now));
        } else {
            self.ending.hold();
            countdowns.for_each(|countdown| countdown.hold(now));
        }
    }

    /// A Pong takes no longer than the peer does: not while our output keeps us from reading, or what we
    /// have read is still to be inflated.
    fn listen_for_pongs(&mut self, reading: bool) {
        match &mut self.keepalive {
            None => {}
            Some(keepalive) if reading => keepalive.resume(Instant::now()),
            Some(keepalive) => keepalive.hold(Instant::now()),
        }
    }

    fn count_wire(&self) {
        self.stats.wire_in.set(self.link.inbox.received);
        self.stats.wire_out.set(self.link.outbox.written());
    }

    fn moved(&mut self, moved: Moved) {
        self.count_wire();
        if let Some(failure) = moved.trace_failed {
            self.failure = Some(failure);
            return self.abort(self.settings.close.clone());
        }
        if moved.wrote {
            self.wrote();
        }
        if self.link.write_failed() && (self.give_up.is_none() || moved.read.is_some()) {
            self.give_up = Some(self.countdown(Some(PARTING)));
        }
        match moved.read {
            None => {}
            Some(Read::Bytes) => {
                self.stats.heard(Instant::now());
                self.read_events(false);
            }
            Some(Read::End) => self.lost("the peer ended it".into()),
            Some(Read::Failed(error)) => self.lost(crate::failure::root_cause(&error)),
        }
    }

    fn keep_time(&mut self) {
        let now = Instant::now();
        let has_more = self.link.inbox.has_more();
        if !has_more && self.give_up.as_ref().is_some_and(|give_up| give_up.is_over(now)) {
            return self.lost("it cannot be written to".into());
        }
        if self.closing.is_some() {
            if self.close_is_unanswered(now) {
                let hurried = self.signal.is_some();
                self.stop_awaiting(if hurried { Answer::NotAwaited } else { Answer::Nothing });
            }
            return;
        }
        if (self.undecoded || has_more) && self.ending.deadline().is_some_and(|at| at <= now) {
            // What was received before the time was over is printed, unless it becomes too much.
            self.read_events(true);
            if self.closing.is_some() || self.closure.is_some() {
                return;
            }
        }
        match self.ending.over(now) {
            // The messages of the command line are sent, whatever has been received.
            Some(Over::Met) if self.feed.has_given_messages() => {}
            Some(Over::Met | Over::Lingered) => {
                return self.begin_close(self.settings.close.clone());
            }
            Some(Over::WaitedInVain(unmet)) => {
                self.failure = Some(Failure::TimeLimit(TimeLimit::Wait(unmet.0)));
                return self.begin_close(self.settings.close.clone());
            }
            None => {}
        }
        match self.keepalive.as_mut().and_then(|keepalive| keepalive.on_time(now)) {
            None => {}
            Some(Action::Ping(payload)) => {
                let base64 = record::base64(&payload);
                self.output.sent(|| Record::Ping { from: Side::Us, base64 });
                self.link.outbox.control(opcode::PING, &payload);
                self.ping_end = Some(self.link.outbox.added());
            }
            Some(Action::PeerIsSilent(timeout)) => {
                self.failure = Some(Failure::PeerSilent(timeout));
                self.abort(Close::new(1011, "ping timeout"));
            }
        }
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
                    closing.patience = Countdown::start(Some(AFTER_SIGNAL), Instant::now());
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
        Some(reader) => reader.next().await,
        None => pending().await,
    }
}

async fn elapsed(timer: &mut Option<(Instant, Pin<Box<Sleep>>)>) {
    match timer {
        Some((_, sleep)) => sleep.as_mut().await,
        None => pending().await,
    }
}
