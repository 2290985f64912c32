//! What is in custody while a session may be opened again: the messages that were queued for the network
//! and have not left, which are sent on the next connection, and how many of those that have left the peer
//! may not have received. Positions are in the outgoing bytes of the connection.

use std::collections::VecDeque;

use crate::exit::Losses;
use crate::input::{Outgoing as _, Waiting, What};
use crate::wire::Kind;

/// Pings that may be unanswered at once; of more, the oldest are forgotten.
const PINGS: usize = 1024;

/// The messages in custody.
#[derive(Debug, Default)]
pub struct Custody {
    /// What is queued for the network and has not left as a whole.
    queued: Waiting,
    /// Where each of these ends.
    ends: VecDeque<u64>,
    /// Messages that were queued on this connection.
    entered: u64,
    /// Those of them that have left as a whole.
    left: u64,
    /// Those of them that the peer is thought to have received.
    received: u64,
    /// Messages that had come from the peer when that was last looked at.
    heard: u64,
    /// Pings that are not answered: what they carry, and how many messages were queued before each.
    pings: VecDeque<(Vec<u8>, u64)>,
    /// Whether the last piece that was queued does not end its message.
    within: bool,
    /// Whether the next pieces belong to a message whose beginning has left on a connection that is gone.
    skipping: bool,
    /// What connections that are gone have left behind.
    pub losses: Losses,
}

impl Custody {
    /// Whether the next piece belongs to a message that cannot be sent any more.
    pub fn skips(&mut self, last: bool) -> bool {
        let skips = self.skipping;
        self.skipping &= !last;
        skips
    }

    /// A message or a piece of one was queued, up to `end`.
    pub fn queued(&mut self, kind: Kind, payload: &[u8], first: bool, last: bool, end: u64) {
        self.queued.data(kind, payload, first, last);
        self.ends.push_back(end);
        self.entered += u64::from(last);
        self.within = !last;
    }

    /// A Ping was queued.
    pub fn pinged(&mut self, payload: &[u8]) {
        if self.pings.len() == PINGS {
            self.pings.pop_front();
        }
        self.pings.push_back((payload.to_vec(), self.entered));
    }

    /// So many bytes have left; before, so many messages had come from the peer, of this connection and
    /// those before.
    pub fn written(&mut self, written: u64, heard: u64) {
        if heard > self.heard {
            (self.heard, self.received) = (heard, self.left);
        }
        while self.ends.pop_front_if(|end| *end <= written).is_some() {
            if let Some(What::Data { last: true, .. }) = self.queued.leave_out() {
                self.left += 1;
            }
        }
    }

    /// A Pong came. Whoever has answered a Ping has read what came before it.
    pub fn answered(&mut self, payload: &[u8]) {
        if let Some(at) = self.pings.iter().position(|(ping, _)| ping == payload)
            && let Some((_, before)) = self.pings.drain(..=at).next_back()
        {
            self.received = self.received.max(before.min(self.left));
        }
    }

    /// What ends behind this position was taken back from the network's queue: gives it back.
    pub fn retract(&mut self, to: u64) -> Waiting {
        let kept = self.ends.partition_point(|end| *end <= to);
        self.ends.truncate(kept);
        self.queued.split_off(kept)
    }

    /// The connection is gone. Gives back what is sent on the next one before `later`, which was taken
    /// back before.
    pub fn lost(&mut self, later: Waiting) -> Waiting {
        let mut again = std::mem::take(&mut self.queued);
        again.append(later);
        let begun = match again.first() {
            // Its beginning has left, and is not here any more.
            Some(What::Data { first: false, .. }) => true,
            Some(_) => false,
            None => self.within,
        };
        if begun {
            self.losses.cut += 1;
            self.skipping = true;
            while self.skipping
                && let Some(What::Data { last, .. }) = again.first()
            {
                again.leave_out();
                self.skipping = !last;
            }
        }
        self.losses.uncertain += self.left - self.received;
        let Custody { skipping, losses, heard, .. } = *self;
        *self = Custody { skipping, losses, heard, ..Custody::default() };
        again
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A custody of whole messages of one byte, each of which takes ten on the wire.
    fn of(messages: u64) -> Custody {
        let mut custody = Custody::default();
        for end in 1..=messages {
            custody.queued(Kind::Text, b"x", true, true, end * 10);
        }
        custody
    }

    fn lost(custody: &mut Custody) -> (u64, Losses) {
        let again = custody.lost(Waiting::default());
        (again.messages(), custody.losses)
    }

    fn uncertain(uncertain: u64) -> Losses {
        Losses { uncertain, ..Losses::default() }
    }

    #[test]
    fn what_has_not_left_as_a_whole_is_sent_again_and_what_has_is_uncertain() {
        for (written, again, gone) in [(0, 5, 0), (9, 5, 0), (10, 4, 1), (45, 1, 4), (50, 0, 5)] {
            let mut custody = of(5);
            custody.written(written, 0);
            assert_eq!(lost(&mut custody), (again, uncertain(gone)), "{written}");
        }
    }

    #[test]
    fn a_message_from_the_peer_or_an_answered_ping_makes_certain_what_left_before() {
        let mut custody = of(5);
        custody.written(20, 0);
        custody.written(40, 1);
        assert_eq!(lost(&mut custody), (1, uncertain(2)));

        let mut custody = of(3);
        custody.pinged(b"p");
        custody.queued(Kind::Text, b"x", true, true, 50);
        custody.written(50, 0);
        custody.answered(b"q");
        custody.answered(b"p");
        assert_eq!(lost(&mut custody), (0, uncertain(1)));

        let mut custody = of(3);
        custody.pinged(b"p");
        custody.written(20, 0);
        custody.answered(b"p");
        custody.written(30, 0);
        assert_eq!(lost(&mut custody), (0, uncertain(1)), "no Pong can be ahead of its Ping");
    }

    #[test]
    fn losses_add_up_and_each_connection_counts_anew() {
        let mut custody = of(2);
        custody.written(20, 7);
        assert_eq!(lost(&mut custody), (0, uncertain(2)));
        custody.queued(Kind::Text, b"x", true, true, 10);
        custody.written(10, 7);
        custody.answered(b"");
        custody.written(10, 7);
        assert_eq!(lost(&mut custody), (0, uncertain(3)));
    }

    /// A message in three pieces, each of ten bytes on the wire, and the next message; so much of it
    /// has left. What is sent again, how many were cut, and whether the rest is skipped.
    #[test]
    fn a_large_message_whose_beginning_has_left_is_cut_and_its_rest_is_left_out() {
        let cases = [
            // queued, written, sent again, cut, skipped
            (4, 0, 2, 0, false),
            (4, 9, 2, 0, false),
            (4, 10, 1, 1, false),
            (4, 30, 1, 0, false),
            (2, 9, 1, 0, false),
            (2, 10, 0, 1, true),
            (2, 20, 0, 1, true),
        ];
        for (pieces, written, again, cut, skips) in cases {
            let mut custody = Custody::default();
            for (number, (first, last)) in
                [(true, false), (false, false), (false, true), (true, true)].into_iter().enumerate()
            {
                if number < pieces {
                    let end = (number as u64 + 1) * 10;
                    custody.queued(Kind::Text, b"x", first, last, end);
                }
            }
            custody.written(written, 0);
            let found = lost(&mut custody);
            assert_eq!((found.0, found.1.cut), (again, cut), "{pieces} {written}");
            assert_eq!(custody.skips(false), skips, "{pieces} {written}");
            assert_eq!(custody.skips(true), skips, "{pieces} {written}");
            assert!(!custody.skips(true), "the next message is sent");
        }
    }

    #[test]
    fn what_was_taken_back_from_the_queue_goes_behind_what_was_not() {
        let mut custody = of(5);
        custody.written(12, 0);
        let back = custody.retract(20);
        assert_eq!(back.messages(), 3);
        // A Close has left behind the frame that had begun.
        custody.written(28, 0);
        let again = custody.lost(back);
        assert_eq!((again.messages(), custody.losses), (3, uncertain(2)));
    }
}
