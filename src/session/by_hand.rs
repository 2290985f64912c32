//! The frames made by hand: when the last of them has left, and how long after that the session ended.

use std::time::{Duration, Instant};

use super::clock;
use crate::exit::{Answer, Closure};

/// The last frame made by hand.
#[derive(Debug, Default)]
pub struct ByHand {
    /// Where in the outgoing bytes it ends, until it has left.
    end: Option<u64>,
    left: Option<Instant>,
}

impl ByHand {
    /// There is a new one in the queue, up to `end`.
    pub fn queued(&mut self, end: u64) {
        (self.end, self.left) = (Some(end), None);
    }

    /// The bytes up to `end` are written.
    pub fn wrote(&mut self, end: u64) {
        if self.end.is_some_and(|own| own <= end) {
            (self.end, self.left) = (None, Some(clock::now()));
        }
    }

    /// What has not left is taken back.
    pub fn retracted(&mut self) {
        self.end = None;
    }

    /// How long ago it left, if it has, and the peer had a part in this end.
    pub fn until(&self, closure: &Closure) -> Option<Duration> {
        let left = self.left?;
        let is_ours = match closure {
            Closure::ByUs { answer: Answer::NotAwaited, .. } => true,
            Closure::ByUs { answer: Answer::Close(_), .. } => closure.peers_close().is_none(),
            _ => false,
        };
        if is_ours { None } else { Some(left.elapsed()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::{Close, Violation};

    #[test]
    fn only_a_frame_that_has_left_has_a_time() {
        let lost = Closure::Lost(String::new());
        let mut by_hand = ByHand::default();
        by_hand.wrote(5);
        assert_eq!(by_hand.until(&lost), None, "there is none");
        by_hand.queued(10);
        by_hand.wrote(9);
        assert_eq!(by_hand.until(&lost), None, "a byte is missing");
        by_hand.wrote(10);
        assert!(by_hand.until(&lost).is_some());
        by_hand.queued(20);
        assert_eq!(by_hand.until(&lost), None, "there is another one");
        by_hand.retracted();
        by_hand.wrote(100);
        assert_eq!(by_hand.until(&lost), None, "it was taken back");
    }

    #[test]
    fn an_end_that_is_only_ours_says_nothing_of_the_peer() {
        let close = |code| Close::new(code, "");
        let by_us = |answer| Closure::ByUs { sent: close(1000), answer };
        let cases = [
            (Closure::ByPeer(close(1000)), true),
            (Closure::Lost(String::new()), true),
            (Closure::Violated(Violation::Masked), true),
            (by_us(Answer::Nothing), true),
            (by_us(Answer::Lost), true),
            (by_us(Answer::Broken(Violation::Masked)), true),
            (by_us(Answer::Close(close(1002))), true),
            (by_us(Answer::Close(close(1000))), false),
            (by_us(Answer::NotAwaited), false),
        ];
        let mut by_hand = ByHand::default();
        by_hand.queued(1);
        by_hand.wrote(1);
        for (closure, has_time) in cases {
            assert_eq!(by_hand.until(&closure).is_some(), has_time, "{closure:?}");
        }
    }
}
