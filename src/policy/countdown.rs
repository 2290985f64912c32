//! A limit on how long the peer may be silent, whose clock stands still while we do not listen.

use std::time::{Duration, Instant};

/// Counts towards a limit, if there is one.
#[derive(Clone, Copy, Debug)]
pub struct Countdown {
    limit: Option<Duration>,
    started: Instant,
    held_since: Option<Instant>,
}

impl Countdown {
    /// Begins to count.
    pub fn start(limit: Option<Duration>, now: Instant) -> Self {
        Countdown { limit, started: now, held_since: None }
    }

    /// Begins again: something happened that was worth the wait.
    pub fn restart(&mut self, now: Instant) {
        self.started = now;
    }

    /// The clock stands still.
    pub fn hold(&mut self, now: Instant) {
        self.held_since.get_or_insert(now);
    }

    /// The clock goes on.
    pub fn resume(&mut self, now: Instant) {
        if let Some(since) = self.held_since.take() {
            self.started += now.saturating_duration_since(since.max(self.started));
        }
    }

    /// When the limit is reached, if nothing happens before.
    pub fn deadline(&self) -> Option<Instant> {
        if self.held_since.is_some() { None } else { self.started.checked_add(self.limit?) }
    }

    /// Whether it is reached.
    pub fn is_over(&self, now: Instant) -> bool {
        self.deadline().is_some_and(|deadline| now >= deadline)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn the_limit_is_counted_from_the_last_start() {
        let start = Instant::now();
        let mut countdown = Countdown::start(Some(5 * SECOND), start);
        assert_eq!(countdown.deadline(), Some(start + 5 * SECOND));
        countdown.restart(start + 3 * SECOND);
        assert!(!countdown.is_over(start + 7 * SECOND));
        assert!(countdown.is_over(start + 8 * SECOND));
        assert_eq!(Countdown::start(None, start).deadline(), None);
    }

    #[test]
    fn time_in_which_it_was_held_is_not_counted() {
        let start = Instant::now();
        let mut countdown = Countdown::start(Some(5 * SECOND), start);
        countdown.hold(start + 2 * SECOND);
        assert_eq!(countdown.deadline(), None);
        assert!(!countdown.is_over(start + 60 * SECOND));
        countdown.resume(start + 10 * SECOND);
        assert_eq!(countdown.deadline(), Some(start + 13 * SECOND));
    }

    #[test]
    fn only_what_it_was_held_after_its_start_counts_as_held() {
        let start = Instant::now();
        let mut countdown = Countdown::start(Some(SECOND), start);
        countdown.hold(start);
        countdown.restart(start + 10 * SECOND);
        countdown.resume(start + 10 * SECOND);
        assert_eq!(countdown.deadline(), Some(start + 11 * SECOND));
    }
}
