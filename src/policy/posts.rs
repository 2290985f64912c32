//! The log of a broadcast: one order for all who take part, and how far each of them has got. A message
//! is kept once, until the last of them has it. Who is waited for, and for how long, is decided elsewhere.

use std::collections::VecDeque;
use std::time::Instant;

use bytes::Bytes;

use crate::wire::Kind;

/// Bytes in the log at which nothing is to be added.
const BOUND: usize = 8 << 20;
/// What a message costs besides its payload.
const OVERHEAD: usize = 64;

/// The messages that somebody has still to take.
#[derive(Debug, Default)]
pub struct Posts {
    log: VecDeque<Post>,
    /// The number of the first of them.
    first: u64,
    /// How many take part.
    members: usize,
    bytes: usize,
}

#[derive(Debug)]
struct Post {
    due: Instant,
    kind: Kind,
    payload: Bytes,
    /// How many have still to take it.
    missing: usize,
}

/// How far one of those who take part has got.
#[derive(Debug)]
pub struct Place {
    next: u64,
    /// Where it ends, for one that takes nothing new.
    end: Option<u64>,
}

impl Posts {
    /// Takes part from now on.
    pub fn join(&mut self) -> Place {
        self.members += 1;
        Place { next: self.end(), end: None }
    }

    /// Takes what is there, and nothing new.
    pub fn stop(&mut self, place: &mut Place) {
        if place.end.is_none() {
            place.end = Some(self.end());
            self.members -= 1;
        }
    }

    /// Takes nothing more.
    pub fn leave(&mut self, mut place: Place) {
        self.stop(&mut place);
        // One that has everything may stand before the first that is kept.
        let at = |number: u64| number.saturating_sub(self.first) as usize;
        let (from, to) = (at(place.next), at(place.end.unwrap_or(place.next)));
        for post in self.log.range_mut(from..to) {
            post.missing -= 1;
        }
        self.trim();
    }

    /// Adds a message for all who take part; `due` is never before that of an earlier one.
    pub fn post(&mut self, due: Instant, kind: Kind, payload: Bytes) {
        if self.members > 0 {
            self.bytes += payload.len() + OVERHEAD;
            self.log.push_back(Post { due, kind, payload, missing: self.members });
        }
    }

    /// The next message for one of them, if its time has come.
    pub fn next(&mut self, place: &mut Place, now: Instant) -> Option<(Kind, Bytes)> {
        let post = self.waiting(place).filter(|post| post.due <= now)?;
        let (kind, payload) = (post.kind, post.payload.clone());
        let at = (place.next - self.first) as usize;
        self.log[at].missing -= 1;
        place.next += 1;
        self.trim();
        Some((kind, payload))
    }

    /// When the next message for one of them is due.
    pub fn due(&self, place: &Place) -> Option<Instant> {
        Some(self.waiting(place)?.due)
    }

    /// Whether nothing is to be added.
    pub fn is_full(&self) -> bool {
        self.bytes >= BOUND
    }

    /// Whether the log is full and one of them has not taken what is due.
    pub fn is_held_up_by(&self, place: &Place, now: Instant) -> bool {
        self.is_full() && self.waiting(place).is_some_and(|post| post.due <= now)
    }

    fn waiting(&self, place: &Place) -> Option<&Post> {
        if place.end == Some(place.next) {
            return None;
        }
        self.log.get((place.next - self.first) as usize)
    }

    fn end(&self) -> u64 {
        self.first + self.log.len() as u64
    }

    fn trim(&mut self) {
        while let Some(post) = self.log.pop_front_if(|post| post.missing == 0) {
            self.bytes -= post.payload.len() + OVERHEAD;
            self.first += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn taken(posts: &mut Posts, place: &mut Place, now: Instant) -> String {
        let mut taken = String::new();
        while let Some((_, payload)) = posts.next(place, now) {
            taken.push_str(std::str::from_utf8(&payload).unwrap());
        }
        taken
    }

    #[test]
    fn each_gets_in_one_order_what_came_while_it_took_part() {
        let now = Instant::now();
        let mut posts = Posts::default();
        posts.post(now, Kind::Text, "nobody".into());
        let mut early = posts.join();
        posts.post(now, Kind::Text, "a".into());
        let mut late = posts.join();
        posts.post(now, Kind::Text, "b".into());
        posts.stop(&mut early);
        let mut done = posts.join();
        posts.stop(&mut done);
        posts.post(now, Kind::Text, "c".into());
        let gone = posts.join();
        posts.post(now, Kind::Text, "d".into());
        assert_eq!(taken(&mut posts, &mut late, now), "bcd");
        assert_eq!(taken(&mut posts, &mut early, now), "ab");
        posts.leave(gone);
        posts.leave(early);
        posts.leave(late);
        posts.leave(done);
        assert_eq!((posts.log.len(), posts.bytes, posts.members), (0, 0, 0));
    }

    #[test]
    fn one_that_leaves_in_the_middle_keeps_nothing_from_being_forgotten() {
        let now = Instant::now();
        let mut posts = Posts::default();
        let (slow, mut quick) = (posts.join(), posts.join());
        for text in ["a", "b"] {
            posts.post(now, Kind::Text, text.into());
        }
        assert_eq!(taken(&mut posts, &mut quick, now), "ab");
        assert_eq!(posts.log.len(), 2);
        posts.leave(slow);
        assert_eq!(posts.log.len(), 0);
        posts.post(now, Kind::Text, "c".into());
        assert_eq!(taken(&mut posts, &mut quick, now), "c");
    }

    #[test]
    fn a_message_waits_for_its_time() {
        let now = Instant::now();
        let later = now + Duration::from_secs(1);
        let mut posts = Posts::default();
        let mut place = posts.join();
        posts.post(later, Kind::Text, "a".into());
        assert_eq!(taken(&mut posts, &mut place, now), "");
        assert_eq!(posts.due(&place), Some(later));
        assert_eq!(taken(&mut posts, &mut place, later), "a");
        assert_eq!(posts.due(&place), None);
    }

    #[test]
    fn only_who_has_not_taken_what_is_due_holds_up_a_full_log() {
        let now = Instant::now();
        let later = now + Duration::from_secs(1);
        let mut posts = Posts::default();
        let (slow, mut quick) = (posts.join(), posts.join());
        posts.post(later, Kind::Binary, vec![0; BOUND].into());
        assert!(posts.is_full() && !posts.is_held_up_by(&slow, now));
        taken(&mut posts, &mut quick, later);
        assert!(posts.is_held_up_by(&slow, later) && !posts.is_held_up_by(&quick, later));
        posts.leave(slow);
        assert!(!posts.is_full());
    }

    #[test]
    fn empty_messages_count_too() {
        let now = Instant::now();
        let mut posts = Posts::default();
        let _place = posts.join();
        let mut count = 0;
        while !posts.is_full() {
            posts.post(now, Kind::Text, Bytes::new());
            count += 1;
        }
        assert_eq!(count, BOUND / OVERHEAD);
    }
}
