//! Keepalive: when to send a Ping, which Pong answers which Ping, and when the peer is silent for
//! too long (RFC 6455 sections 5.5.2 and 5.5.3).

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Pings that may be unanswered at once, where the time for a Pong is longer than the interval.
const MAX_WAITING: usize = 1024;

/// What is to be done now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Send a Ping with this payload, and say when it has left.
    Ping([u8; 8]),
    /// The connection has failed: a Ping was not answered in this time.
    PeerIsSilent(Duration),
}

/// The state of keepalive on one connection.
#[derive(Debug)]
pub struct Keepalive {
    interval: Duration,
    timeout: Duration,
    nonce: u32,
    sent: u32,
    next_ping: Instant,
    /// Pings that have left and are not answered, oldest first: their number, and when they left.
    waiting: VecDeque<(u32, Instant)>,
    /// A Ping that was asked for and has not left our buffers.
    leaving: Option<u32>,
    /// Since when our own output keeps us from reading.
    held_since: Option<Instant>,
}

impl Keepalive {
    /// Pings every `interval`, each to be answered within `timeout`; `nonce` makes our payloads
    /// unlike anybody else's.
    pub fn new(interval: Duration, timeout: Duration, nonce: u32, now: Instant) -> Self {
        Keepalive {
            interval,
            timeout,
            nonce,
            sent: 0,
            next_ping: now + interval,
            waiting: VecDeque::new(),
            leaving: None,
            held_since: None,
        }
    }

    /// When [`Keepalive::on_time`] is next worth a call.
    pub fn deadline(&self) -> Option<Instant> {
        let ping = if self.may_ping() { Some(self.next_ping) } else { None };
        let pong = match (self.held_since, self.waiting.front()) {
            (None, Some((_, left))) => Some(*left + self.timeout),
            _ => None,
        };
        ping.into_iter().chain(pong).min()
    }

    /// What is due.
    pub fn on_time(&mut self, now: Instant) -> Option<Action> {
        if let (None, Some((_, left))) = (self.held_since, self.waiting.front())
            && now >= *left + self.timeout
        {
            return Some(Action::PeerIsSilent(self.timeout));
        }
        if !self.may_ping() || now < self.next_ping {
            return None;
        }
        self.next_ping = now + self.interval;
        self.sent = self.sent.wrapping_add(1);
        self.leaving = Some(self.sent);
        Some(Action::Ping(self.payload(self.sent)))
    }

    /// The last Ping has left our buffers: its clock starts.
    pub fn ping_left(&mut self, now: Instant) {
        if let Some(number) = self.leaving.take() {
            self.waiting.push_back((number, now));
        }
    }

    /// A Pong came; if it answers one of our Pings, that Ping and those before it are answered
    /// (section 5.5.3), and this is how long it took.
    pub fn pong(&mut self, payload: &[u8], now: Instant) -> Option<Duration> {
        let at = self.waiting.iter().position(|(number, _)| self.payload(*number) == payload)?;
        let (_, left) = self.waiting.drain(..=at).next_back()?;
        Some(now.saturating_duration_since(left))
    }

    /// Our reading stops because our output is full: the clocks of Pongs stand still.
    pub fn hold(&mut self, now: Instant) {
        self.held_since.get_or_insert(now);
    }

    /// Our reading goes on.
    pub fn resume(&mut self, now: Instant) {
        let Some(since) = self.held_since.take() else { return };
        let held = now.saturating_duration_since(since);
        for (_, left) in &mut self.waiting {
            // A Ping that left while we were held has waited only since then.
            *left = (*left + held).min(now);
        }
    }

    fn may_ping(&self) -> bool {
        self.leaving.is_none() && self.waiting.len() < MAX_WAITING
    }

    fn payload(&self, number: u32) -> [u8; 8] {
        let mut payload = [0; 8];
        payload[..4].copy_from_slice(&self.nonce.to_be_bytes());
        payload[4..].copy_from_slice(&number.to_be_bytes());
        payload
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn started(timeout: u32) -> (Keepalive, Instant) {
        let start = Instant::now();
        (Keepalive::new(10 * SECOND, timeout * SECOND, 7, start), start)
    }

    fn ping(keepalive: &mut Keepalive, now: Instant) -> [u8; 8] {
        match keepalive.on_time(now) {
            Some(Action::Ping(payload)) => payload,
            other => panic!("expected a ping, got {other:?}"),
        }
    }

    #[test]
    fn a_ping_goes_out_each_interval_and_its_pong_keeps_the_session() {
        let (mut keepalive, start) = started(5);
        assert_eq!(keepalive.deadline(), Some(start + 10 * SECOND));
        assert_eq!(keepalive.on_time(start + 9 * SECOND), None);
        let payload = ping(&mut keepalive, start + 10 * SECOND);
        keepalive.ping_left(start + 10 * SECOND);
        assert_eq!(keepalive.deadline(), Some(start + 15 * SECOND));
        assert_eq!(keepalive.pong(&payload, start + 12 * SECOND), Some(2 * SECOND));
        assert_eq!(keepalive.deadline(), Some(start + 20 * SECOND));
        assert_eq!(keepalive.on_time(start + 15 * SECOND), None);
    }

    #[test]
    fn only_a_pong_with_our_payload_counts() {
        let (mut keepalive, start) = started(5);
        ping(&mut keepalive, start + 10 * SECOND);
        keepalive.ping_left(start + 10 * SECOND);
        for payload in [&b""[..], b"else", &[0; 8]] {
            assert_eq!(keepalive.pong(payload, start + 11 * SECOND), None);
        }
        assert_eq!(keepalive.on_time(start + 15 * SECOND), Some(Action::PeerIsSilent(5 * SECOND)));
    }

    #[test]
    fn a_pong_answers_the_pings_before_its_own_too() {
        let (mut keepalive, start) = started(60);
        ping(&mut keepalive, start + 10 * SECOND);
        keepalive.ping_left(start + 10 * SECOND);
        let second = ping(&mut keepalive, start + 20 * SECOND);
        keepalive.ping_left(start + 20 * SECOND);
        assert_eq!(keepalive.pong(&second, start + 21 * SECOND), Some(SECOND));
        assert_eq!(keepalive.deadline(), Some(start + 30 * SECOND));
    }

    #[test]
    fn the_clock_starts_when_the_ping_has_left_and_no_second_one_queues_behind_it() {
        let (mut keepalive, start) = started(5);
        ping(&mut keepalive, start + 10 * SECOND);
        assert_eq!(keepalive.deadline(), None);
        assert_eq!(keepalive.on_time(start + 100 * SECOND), None);
        keepalive.ping_left(start + 100 * SECOND);
        assert_eq!(keepalive.on_time(start + 105 * SECOND), Some(Action::PeerIsSilent(5 * SECOND)));
    }

    #[test]
    fn the_clock_stands_still_while_our_output_is_full() {
        let (mut keepalive, start) = started(5);
        ping(&mut keepalive, start + 10 * SECOND);
        keepalive.ping_left(start + 10 * SECOND);
        keepalive.hold(start + 12 * SECOND);
        assert_eq!(keepalive.deadline(), Some(start + 20 * SECOND));
        keepalive.resume(start + 19 * SECOND);
        assert_eq!(keepalive.deadline(), Some(start + 20 * SECOND));
        ping(&mut keepalive, start + 20 * SECOND);
        keepalive.ping_left(start + 20 * SECOND);
        assert_eq!(keepalive.on_time(start + 21 * SECOND), None);
        assert_eq!(keepalive.on_time(start + 22 * SECOND), Some(Action::PeerIsSilent(5 * SECOND)));
    }
}
