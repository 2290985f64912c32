//! What a session counts, readable while it runs.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::time::{Duration, Instant};

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
    round_trips: RefCell<VecDeque<Duration>>,
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

    /// Notes the time from a Ping to its Pong.
    pub fn round_trip(&self, took: Duration) {
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
}
