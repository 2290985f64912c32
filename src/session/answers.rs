//! What a server for tests says to one peer: each answer in its order, at its time, and as far as there is
//! room. When the conversation begins and ends is `serving`'s.

use std::mem;
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::MAX_HELD;
use super::account::{Account, Burden};
use super::hub::{Hub, Member};
use super::outbox::Outbox;
use super::spare::Held;
use super::spoken::Spoken;
use crate::output::encode::Piece;
use crate::policy::delayed::Delayed;
use crate::record::Side;
use crate::wire::{Close, Kind};

/// Sayings after which others have their turn.
const AT_ONCE: usize = 1000;

/// What a server does on each connection.
#[derive(Clone, Debug, Default)]
pub struct Conduct {
    /// What becomes of a message.
    pub manner: Manner,
    /// How much later that is, and our Close.
    pub delay: Duration,
    /// When we end it, if we do.
    pub leave: Option<Leave>,
}

/// What becomes of a message.
#[derive(Clone, Debug, Default)]
pub enum Manner {
    /// It goes back.
    #[default]
    Echo,
    /// It goes to all who are there.
    Broadcast(Hub),
    /// Nothing.
    Sink,
}

/// When we end a connection, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leave {
    /// After so many messages.
    pub after: u64,
    /// With this.
    pub farewell: Farewell,
}

/// How we end a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Farewell {
    /// By a Close.
    Close(Close),
    /// By ending it without one, as if we had crashed.
    Drop,
}

/// What is to be said, when its time comes.
#[derive(Debug)]
enum Saying {
    /// A message or a piece of one.
    Data { kind: Kind, payload: Bytes, first: bool, last: bool },
    /// Nothing more.
    Farewell(Farewell),
}

/// What is to be said to one peer.
#[derive(Debug)]
pub struct Answers<'a> {
    conduct: &'a Conduct,
    /// Where messages for all are, if there are such.
    pub member: Option<Member>,
    /// The message for all that is coming.
    heard: Vec<u8>,
    /// What it takes of the memory that all share, until there is room for it in the log.
    share: Option<Held>,
    /// One that has come, and has no room in the log.
    unposted: Option<(Kind, Bytes)>,
    /// The message for all that is being said.
    begun: Option<Spoken>,
    delayed: Delayed<Saying>,
    /// What has passed.
    pub account: Account,
}

impl Conduct {
    /// What there is to say to a peer that comes now: nothing yet, or what is said to all from now on.
    pub fn enter(&self) -> Answers<'_> {
        let (member, share) = match &self.manner {
            Manner::Broadcast(hub) => (Some(hub.join()), Some(hub.share())),
            Manner::Echo | Manner::Sink => (None, None),
        };
        Answers {
            conduct: self,
            member,
            heard: Vec::new(),
            share,
            unposted: None,
            begun: None,
            delayed: Delayed::default(),
            account: Account::default(),
        }
    }
}

impl Answers<'_> {
    /// How large a message may be.
    pub fn max_message(&self) -> Option<u64> {
        self.member.as_ref().map(|_| MAX_HELD)
    }

    /// How it is to be ended now, if it is.
    pub fn farewell(&self) -> Option<Farewell> {
        let leave = self.conduct.leave.as_ref()?;
        let is_time = self.account.received.messages >= leave.after;
        is_time.then(|| leave.farewell.clone())
    }

    /// Answers a message that has come, or a piece of one.
    ///
    /// # Errors
    /// There is no memory left for it, and others have it.
    pub fn answer(&mut self, piece: Piece, outbox: &mut Outbox) -> Result<(), Burden> {
        match (&self.conduct.manner, self.conduct.delay) {
            (Manner::Sink, _) => {}
            (Manner::Broadcast(_), _) => return self.gather(piece),
            (Manner::Echo, Duration::ZERO) => self.say(piece, outbox),
            (Manner::Echo, _) => {
                let Piece { kind, payload, first, last } = piece;
                let payload = Bytes::copy_from_slice(payload);
                let size = payload.len();
                self.delayed.push(
                    self.due_now(),
                    size,
                    Saying::Data { kind, payload, first, last },
                );
            }
        }
        Ok(())
    }

    /// Two messages cannot be given to all piece by piece at once.
    fn gather(&mut self, piece: Piece) -> Result<(), Burden> {
        let length = self.heard.len() + piece.payload.len();
        if self.share.as_mut().is_some_and(|share| !share.cover(length)) {
            return Err(Burden::TooMuch);
        }
        self.heard.extend_from_slice(piece.payload);
        if piece.last {
            self.unposted = Some((piece.kind, mem::take(&mut self.heard).into()));
            self.post();
        }
        Ok(())
    }

    /// Gives a message to all, if there is room for it.
    fn post(&mut self) {
        if let Some(member) = self.member.as_ref().filter(|member| member.has_room())
            && let Some((kind, payload)) = self.unposted.take()
        {
            member.post(self.due_now(), kind, payload);
            if let Some(share) = &mut self.share {
                share.give_back();
            }
        }
    }

    /// Takes no part any more, and lets go of what it has for others and of theirs.
    pub fn leave(&mut self) {
        self.member = None;
        self.share = None;
        self.begun = None;
        self.unposted = None;
        self.heard = Vec::new();
    }

    /// Whether a further message can be answered. A peer that has none may be heard in any case.
    pub fn can_answer(&self) -> bool {
        self.unposted.is_none()
    }

    /// When an answer to what comes now is due.
    fn due_now(&self) -> Instant {
        Instant::now() + self.conduct.delay
    }

    /// Says farewell behind the answers, in its time.
    pub fn part(&mut self, farewell: Farewell) {
        self.delayed.push(self.due_now(), 0, Saying::Farewell(farewell));
        if let Some(member) = &mut self.member {
            // What others say from now on would keep it from being said.
            member.stop();
        }
    }

    /// Says none: the peer was first. What was answered before is still owed.
    pub fn stop(&mut self, was_to_part: bool) {
        if was_to_part {
            self.delayed.take_back();
        }
        if let Some(member) = &mut self.member {
            member.stop();
        }
    }

    /// Says what is due as far as there is room, some of it at a time; a farewell is the caller's to say.
    pub fn speak(&mut self, outbox: &mut Outbox) -> Option<Farewell> {
        if self.delayed.is_empty() && self.member.is_none() {
            return None;
        }
        self.post();
        let now = Instant::now();
        for _ in 0..AT_ONCE {
            if !outbox.has_room() {
                break;
            }
            if self.say_to_all(now, outbox) {
                continue;
            }
            match self.delayed.next(now)? {
                Saying::Farewell(farewell) => return Some(farewell),
                Saying::Data { kind, payload, first, last } => {
                    self.say(Piece { kind, payload: &payload, first, last }, outbox);
                }
            }
        }
        None
    }

    /// Says a message for all that is due, or some more of it; whether there was any.
    fn say_to_all(&mut self, now: Instant, outbox: &mut Outbox) -> bool {
        let Some(member) = &mut self.member else { return false };
        let next = || member.next(now).map(|(kind, payload)| Spoken::new(kind, payload));
        let Some(mut begun) = self.begun.take().or_else(next) else { return false };
        let piece = begun.next();
        self.say(piece, outbox);
        if !piece.last {
            self.begun = Some(begun);
        }
        true
    }

    fn say(&mut self, piece: Piece, outbox: &mut Outbox) {
        outbox.data(piece.kind, piece.payload, piece.first, piece.last);
        self.account.passed(Side::Us, piece);
    }

    /// Whether nothing is owed.
    pub fn is_empty(&self) -> bool {
        let to_all = self.member.as_ref().and_then(Member::due);
        self.delayed.is_empty() && self.begun.is_none() && to_all.is_none()
    }

    /// When the next one is due.
    pub fn due(&self) -> Option<Instant> {
        let to_all = self.member.as_ref().and_then(Member::due);
        [self.delayed.due(), to_all].into_iter().flatten().min()
    }

    /// How much memory those take that wait for their time and are for this peer alone.
    pub fn bytes(&self) -> usize {
        self.delayed.bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::spare::Spare;
    use crate::wire::Role;

    #[test]
    fn messages_that_come_for_all_have_a_bound_together_and_it_is_free_again_when_they_have_come() {
        let manner = Manner::Broadcast(Hub::with(Spare::new(10)));
        let conduct = Conduct { manner, ..Conduct::default() };
        let mut outbox = Outbox::new(Role::Server, None);
        let piece = |payload, first, last| Piece { kind: Kind::Text, payload, first, last };
        let (mut one, mut other) = (conduct.enter(), conduct.enter());
        let mut say = |from: &mut Answers, piece| from.answer(piece, &mut outbox);
        assert_eq!(say(&mut one, piece(b"12345", true, false)), Ok(()));
        assert_eq!(say(&mut other, piece(b"123456", true, false)), Err(Burden::TooMuch));
        other.leave();
        let mut other = conduct.enter();
        assert_eq!(say(&mut other, piece(b"12345", true, true)), Ok(()));
        assert_eq!(say(&mut other, piece(b"12345", true, false)), Ok(()));
        assert_eq!(say(&mut one, piece(b"6", false, true)), Err(Burden::TooMuch));
        drop(one);
        assert_eq!(say(&mut other, piece(b"67890", false, true)), Ok(()));
    }
}
