//! What is to be said later: in order, each at its time, and how much it is. The clock is read, and the
//! bound kept, elsewhere.

use std::collections::VecDeque;
use std::time::Instant;

/// What an entry costs besides its bytes.
const OVERHEAD: usize = 64;

/// What is to be said later.
#[derive(Debug)]
pub struct Delayed<T> {
    queue: VecDeque<(Instant, usize, T)>,
    bytes: usize,
}

impl<T> Default for Delayed<T> {
    fn default() -> Self {
        Delayed { queue: VecDeque::new(), bytes: 0 }
    }
}

impl<T> Delayed<T> {
    /// Adds something of so many bytes; `due` is never before that of what was added earlier.
    pub fn push(&mut self, due: Instant, bytes: usize, what: T) {
        self.bytes += bytes + OVERHEAD;
        self.queue.push_back((due, bytes, what));
    }

    /// The next one, if its time has come.
    pub fn next(&mut self, now: Instant) -> Option<T> {
        let (_, bytes, what) = self.queue.pop_front_if(|(due, ..)| *due <= now)?;
        self.bytes -= bytes + OVERHEAD;
        Some(what)
    }

    /// Takes the last one back.
    pub fn take_back(&mut self) -> Option<T> {
        let (_, bytes, what) = self.queue.pop_back()?;
        self.bytes -= bytes + OVERHEAD;
        Some(what)
    }

    /// When the next one is due.
    pub fn due(&self) -> Option<Instant> {
        self.queue.front().map(|(due, ..)| *due)
    }

    /// How much memory they take, about.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn each_comes_at_its_time_and_in_order() {
        let now = Instant::now();
        let at = |millis| now + Duration::from_millis(millis);
        let mut delayed = Delayed::default();
        delayed.push(at(10), 1, 'a');
        delayed.push(at(10), 0, 'b');
        delayed.push(at(20), 5, 'c');
        assert_eq!(delayed.bytes(), 6 + 3 * OVERHEAD);
        for (time, due, next) in
            [(9, 10, None), (10, 10, Some('a')), (15, 10, Some('b')), (15, 20, None)]
        {
            assert_eq!(delayed.due(), Some(at(due)), "{time}");
            assert_eq!(delayed.next(at(time)), next, "{time}");
        }
        delayed.push(at(30), 0, 'd');
        assert_eq!((delayed.take_back(), delayed.next(at(99))), (Some('d'), Some('c')));
        assert_eq!((delayed.bytes(), delayed.is_empty(), delayed.due()), (0, true, None));
    }
}
