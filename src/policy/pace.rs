//! When the next message may be sent: at a rate, or so long after the one before it.

use std::time::{Duration, Instant};

/// Lateness that is made up for, so that a rate is kept whatever the system's timers do. What was held
/// up for longer is sent later, and not in a burst.
const SLACK: Duration = Duration::from_millis(20);

/// How fast messages are sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pacing {
    /// So many evenly in each of these times.
    Rate {
        /// Messages; at least one.
        count: u64,
        /// The time.
        per: Duration,
    },
    /// So long after each.
    Delay(Duration),
}

/// The pace of one session.
#[derive(Debug)]
pub struct Pace {
    pacing: Pacing,
    /// When the next message is due; the first one at once.
    next: Option<Instant>,
    /// Where the turns of a rate are counted from, and how many there have been since. Intervals that are
    /// added up would add up their rounding.
    anchor: Option<(Instant, u64)>,
}

impl Pace {
    /// A pace at which nothing was sent yet.
    pub fn new(pacing: Pacing) -> Pace {
        Pace { pacing, next: None, anchor: None }
    }

    /// From when on the next message may be sent; it may now when there is none.
    pub fn next(&self) -> Option<Instant> {
        self.next
    }

    /// Whether the next message may be sent.
    pub fn may_send(&self, now: Instant) -> bool {
        self.next.is_none_or(|next| next <= now)
    }

    /// The next message begins to be sent.
    pub fn began(&mut self, now: Instant) {
        let Pacing::Rate { count, per } = self.pacing else { return };
        let earliest = now.checked_sub(SLACK).unwrap_or(now);
        let (anchor, turns) = match (self.anchor, self.next) {
            (Some((anchor, turns)), Some(due)) if due >= earliest => (anchor, turns + 1),
            (None, _) => (now, 1),
            _ => (earliest, 1),
        };
        let (anchor, turns) = if turns == count { (anchor + per, 0) } else { (anchor, turns) };
        self.anchor = Some((anchor, turns));
        let nanos = per.as_nanos() * u128::from(turns) / u128::from(count);
        self.next = Some(anchor + Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX)));
    }

    /// All of a message is on its way.
    pub fn ended(&mut self, now: Instant) {
        if let Pacing::Delay(delay) = self.pacing {
            self.next = now.checked_add(delay);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    /// The milliseconds at which messages go whose sending is looked at at these.
    fn sent(pacing: Pacing, looks: &[u64]) -> Vec<u64> {
        let start = Instant::now() + 10 * SECOND;
        let mut pace = Pace::new(pacing);
        let mut sent = Vec::new();
        for millis in looks {
            let now = start + Duration::from_millis(*millis);
            while pace.may_send(now) {
                pace.began(now);
                pace.ended(now);
                sent.push(*millis);
                assert!(sent.len() < 100, "it has no pace");
            }
        }
        sent
    }

    #[test]
    fn messages_go_when_they_are_due() {
        let rate = |count, per| Pacing::Rate { count, per };
        let hundred = Duration::from_millis(100);
        let cases: [(&str, Pacing, &[u64], &[u64]); 9] = [
            ("the first at once", rate(1, SECOND), &[0, 1, 999], &[0]),
            ("a rate", rate(10, SECOND), &[0, 99, 100, 199, 200], &[0, 100, 200]),
            (
                "lateness does not add up",
                rate(10, SECOND),
                &[0, 115, 215, 300],
                &[0, 115, 215, 300],
            ),
            ("a stall is no burst", rate(10, SECOND), &[0, 5000, 5079, 5080, 5180], {
                &[0, 5000, 5080, 5180]
            }),
            ("within the slack all go", rate(1000, SECOND), &[0, 3, 5], &[0, 3, 3, 3, 5, 5]),
            ("beyond it 20 ms of them", rate(500, SECOND), &[0, 1000], &{
                let mut sent = [1000; 12];
                sent[0] = 0;
                sent
            }),
            ("a third of a second", rate(3, SECOND), &[0, 333, 334, 666, 667, 999, 1000], {
                &[0, 334, 667, 1000]
            }),
            ("a minute", rate(2, 60 * SECOND), &[0, 29_999, 30_000, 60_000], &[0, 30_000, 60_000]),
            ("a delay", Pacing::Delay(hundred), &[0, 99, 150, 249, 250, 9000], {
                &[0, 150, 250, 9000]
            }),
        ];
        for (case, pacing, looks, expected) in cases {
            assert_eq!(sent(pacing, looks), expected, "{case}");
        }
    }

    #[test]
    fn a_rate_does_not_drift() {
        let start = Instant::now();
        let mut pace = Pace::new(Pacing::Rate { count: 7, per: SECOND });
        let mut now = start;
        for _ in 0..7 * 3600 {
            assert!(pace.may_send(now));
            pace.began(now);
            now = pace.next().unwrap();
        }
        assert_eq!(now, start + 3600 * SECOND);
    }

    #[test]
    fn a_delay_begins_when_a_message_has_ended() {
        let start = Instant::now();
        let mut pace = Pace::new(Pacing::Delay(SECOND));
        pace.began(start);
        pace.ended(start + 5 * SECOND);
        assert_eq!(pace.next(), Some(start + 6 * SECOND));
    }
}
