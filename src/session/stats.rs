//! What a session counts, readable while it runs.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::figures::{Compression, Figures, Flow, RoundTrips, Squeezed};

/// Round trips that are kept for the percentiles: the latest ones.
const KEPT: usize = 4096;

/// The counters of one session.
#[derive(Debug, Default)]
pub struct Stats {
    /// Messages received.
    pub messages_in: Cell<u64>,
    /// Payload bytes of data received.
    pub bytes_in: Cell<u64>,
    /// Payload bytes of data received when nothing was printed any more.
    pub unprinted: Cell<u64>,
    /// Messages put into the queue for the network.
    pub messages_out: Cell<u64>,
    /// Payload bytes of data put into the queue.
    pub bytes_out: Cell<u64>,
    /// Bytes received over the connection, frames and all.
    pub wire_in: Cell<u64>,
    /// Bytes sent over it.
    pub wire_out: Cell<u64>,
    /// Bytes of input that were taken.
    pub input: Cell<u64>,
    /// When the first message came.
    pub first_message: Cell<Option<Instant>>,
    /// Whether compression was agreed on.
    pub compresses: Cell<bool>,
    opened: Cell<Option<Instant>>,
    ended: Cell<Option<Instant>>,
    /// Since when nothing has come, while we read.
    silent_since: Cell<Option<Instant>>,
    longest_silence: Cell<Duration>,
    round_trips: RefCell<VecDeque<Duration>>,
    answered: Cell<u64>,
    shortest: Cell<Option<Duration>>,
}

impl Stats {
    /// Adds to a counter.
    pub fn add(counter: &Cell<u64>, count: u64) {
        counter.set(counter.get() + count);
    }

    /// Messages and payload bytes that were put into the queue were taken out again.
    pub fn take_back(&self, messages: u64, bytes: u64) {
        self.messages_out.set(self.messages_out.get() - messages);
        self.bytes_out.set(self.bytes_out.get() - bytes);
    }

    /// The session is open.
    pub fn open(&self, now: Instant) {
        // It may have been open before, over another connection.
        self.opened.set(self.opened.get().or(Some(now)));
        self.ended.set(None);
        self.silent_since.set(Some(now));
    }

    /// Something came from the peer.
    pub fn heard(&self, now: Instant) {
        self.longest_silence.set(self.silence(now));
        self.silent_since.set(Some(now));
    }

    /// Whether we read. While we do not, nobody can tell whether the peer is silent.
    pub fn listen(&self, reading: bool, now: impl FnOnce() -> Instant) {
        if self.silent_since.get().is_some() == reading {
            return;
        }
        let now = now();
        self.longest_silence.set(self.silence(now));
        self.silent_since.set(reading.then_some(now));
    }

    /// The session is over.
    pub fn end(&self, now: Instant) {
        self.longest_silence.set(self.silence(now));
        self.silent_since.set(None);
        self.ended.set(Some(now));
    }

    /// The longest silence, the one that goes on included.
    fn silence(&self, now: Instant) -> Duration {
        let since = self.silent_since.get();
        let lasting = since.map(|since| now.saturating_duration_since(since));
        self.longest_silence.get().max(lasting.unwrap_or_default())
    }

    /// The numbers as they are now, or were when the session ended; none before it is open.
    pub fn figures(&self, now: Instant) -> Option<Figures> {
        let opened = self.opened.get()?;
        let now = self.ended.get().unwrap_or(now);
        let received = Flow { messages: self.messages_in.get(), bytes: self.bytes_in.get() };
        let sent = Flow { messages: self.messages_out.get(), bytes: self.bytes_out.get() };
        Some(Figures {
            open: now.saturating_duration_since(opened),
            received,
            sent,
            longest_silence: self.silence(now),
            round_trips: self.round_trips(),
            compression: self.compresses.get().then(|| Compression {
                received: Squeezed {
                    wire: self.wire_in.get(),
                    payload: received.bytes + self.unprinted.get(),
                },
                sent: Squeezed { wire: self.wire_out.get(), payload: sent.bytes },
            }),
        })
    }

    fn round_trips(&self) -> Option<RoundTrips> {
        Some(RoundTrips {
            count: self.answered.get(),
            min: self.rtt_min()?,
            median: self.rtt_percentile(50)?,
            p99: self.rtt_percentile(99)?,
        })
    }

    /// Notes the time from a Ping to its Pong.
    pub fn round_trip(&self, took: Duration) {
        Self::add(&self.answered, 1);
        let shortest = self.shortest.get().map_or(took, |shortest| shortest.min(took));
        self.shortest.set(Some(shortest));
        let mut kept = self.round_trips.borrow_mut();
        if kept.len() == KEPT {
            kept.pop_front();
        }
        kept.push_back(took);
    }

    /// The shortest round trip.
    pub fn rtt_min(&self) -> Option<Duration> {
        self.shortest.get()
    }

    /// The round trip that so many of a hundred were not longer than, among the latest 4096.
    pub fn rtt_percentile(&self, percent: usize) -> Option<Duration> {
        let mut sorted: Vec<_> = self.round_trips.borrow().iter().copied().collect();
        sorted.sort_unstable();
        let last = sorted.len().checked_sub(1)?;
        sorted.get((last * percent).div_ceil(100)).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_taken_from_what_was_measured() {
        let stats = Stats::default();
        assert_eq!((stats.rtt_min(), stats.rtt_percentile(50)), (None, None));
        for millis in (1..=101).rev() {
            stats.round_trip(Duration::from_millis(millis));
        }
        let millis = Duration::from_millis;
        assert_eq!(stats.rtt_min(), Some(millis(1)));
        assert_eq!(stats.rtt_percentile(50), Some(millis(51)));
        assert_eq!(stats.rtt_percentile(99), Some(millis(100)));
    }
    /// A session that has been open since a time, and the time so many seconds later.
    fn opened() -> (Stats, impl Fn(u64) -> Instant) {
        let (stats, start) = (Stats::default(), Instant::now());
        stats.open(start);
        (stats, move |seconds| start + Duration::from_secs(seconds))
    }

    #[test]
    fn the_longest_silence_is_of_the_peer_and_may_still_last() {
        let (stats, at) = opened();
        let silence = |seconds| stats.figures(at(seconds)).unwrap().longest_silence.as_secs();
        assert_eq!(silence(2), 2, "from the opening");
        stats.heard(at(3));
        assert_eq!(silence(5), 3);
        assert_eq!(silence(7), 4, "it lasts");
        stats.listen(true, || unreachable!("nothing has changed"));
        stats.listen(false, || at(8));
        assert_eq!(silence(100), 5, "we do not read");
        stats.listen(false, || unreachable!("nothing has changed"));
        stats.listen(true, || at(100));
        stats.heard(at(104));
        assert_eq!(silence(105), 5);
        stats.end(at(110));
        assert_eq!(silence(200), 6, "up to the end");
    }

    #[test]
    fn the_figures_are_those_of_now_and_then_of_the_end() {
        let now = Instant::now();
        assert_eq!(Stats::default().figures(now), None, "nothing is open");
        let (stats, at) = opened();
        stats.messages_in.set(2);
        stats.bytes_in.set(20);
        stats.unprinted.set(5);
        stats.messages_out.set(1);
        stats.bytes_out.set(10);
        stats.wire_in.set(15);
        stats.wire_out.set(7);
        stats.end(at(4));
        let expected = Figures {
            open: Duration::from_secs(4),
            received: Flow { messages: 2, bytes: 20 },
            sent: Flow { messages: 1, bytes: 10 },
            longest_silence: Duration::from_secs(4),
            round_trips: None,
            compression: None,
        };
        assert_eq!(stats.figures(at(9)), Some(expected));
        stats.compresses.set(true);
        (0..5000).for_each(|_| stats.round_trip(Duration::from_millis(1)));
        let figures = stats.figures(at(9)).unwrap();
        let millisecond = Duration::from_millis(1);
        let of_pings =
            RoundTrips { count: 5000, min: millisecond, median: millisecond, p99: millisecond };
        assert_eq!(figures.round_trips, Some(of_pings), "more than are kept");
        let compression = Compression {
            received: Squeezed { wire: 15, payload: 25 },
            sent: Squeezed { wire: 7, payload: 10 },
        };
        assert_eq!(figures.compression, Some(compression));
    }
}
