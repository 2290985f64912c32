//! Pings that somebody asked for by hand: which Pong answers which, and how long it took (RFC 6455
//! section 5.5.3). Those of keepalive are its own.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Pings that are waited for at once; of more, the oldest are forgotten.
const MAX_WAITING: usize = 1024;

/// Pings that are not answered.
#[derive(Debug, Default)]
pub struct Pings {
    waiting: VecDeque<Waiting>,
}

#[derive(Debug)]
struct Waiting {
    payload: Vec<u8>,
    /// Where in the outgoing bytes it ends.
    end: u64,
    /// When it left.
    left: Option<Instant>,
}

impl Pings {
    /// A Ping was put into the queue for the network, where it ends at the byte `end`.
    pub fn asked(&mut self, payload: &[u8], end: u64) {
        if self.waiting.len() == MAX_WAITING {
            self.waiting.pop_front();
        }
        self.waiting.push_back(Waiting { payload: payload.to_vec(), end, left: None });
    }

    /// So many bytes have left.
    pub fn written(&mut self, written: u64, now: Instant) {
        for ping in self.waiting.iter_mut().rev().take_while(|ping| ping.left.is_none()) {
            ping.left = (ping.end <= written).then_some(now);
        }
    }

    /// A Pong came; if it answers one of these Pings, that Ping and those before it are answered, and
    /// this is how long it took.
    pub fn pong(&mut self, payload: &[u8], now: Instant) -> Option<Duration> {
        let answers = |ping: &Waiting| ping.left.is_some() && ping.payload == payload;
        let at = self.waiting.iter().position(answers)?;
        let ping = self.waiting.drain(..=at).next_back()?;
        Some(now.saturating_duration_since(ping.left?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pong_answers_the_first_ping_with_its_payload_that_has_left() {
        let begin = Instant::now();
        let at = |millis| begin + Duration::from_millis(millis);
        let mut pings = Pings::default();
        pings.asked(b"", 10);
        pings.asked(b"a", 20);
        pings.asked(b"", 30);
        assert_eq!(pings.pong(b"", at(1)), None, "nothing has left");
        pings.written(20, at(2));
        assert_eq!(pings.pong(b"b", at(3)), None, "nobody asked that");
        assert_eq!(pings.pong(b"a", at(5)), Some(Duration::from_millis(3)));
        assert_eq!(pings.pong(b"", at(6)), None, "the first is answered with the second");
        pings.written(30, at(7));
        assert_eq!(pings.pong(b"", at(9)), Some(Duration::from_millis(2)));
        assert_eq!(pings.pong(b"", at(9)), None, "once");
    }

    #[test]
    fn what_waits_is_bounded() {
        let now = Instant::now();
        let mut pings = Pings::default();
        for number in 0..=MAX_WAITING {
            pings.asked(&number.to_be_bytes(), 0);
        }
        pings.written(0, now);
        assert_eq!(pings.pong(&0_usize.to_be_bytes(), now), None);
        assert!(pings.pong(&1_usize.to_be_bytes(), now).is_some());
    }
}
