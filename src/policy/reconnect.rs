//! Whether a session that ended is opened again, and when: exponential backoff with jitter, begun anew once
//! a session has held. What is sent again, and what is said of the gap, is decided elsewhere.

use std::ops::RangeInclusive;
use std::time::Duration;

/// When to open again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rules {
    /// `--reconnect-delay`: the pause before the first try, on average.
    pub delay: Duration,
    /// `--reconnect-max-delay`: no pause is longer.
    pub max_delay: Duration,
    /// `--reconnect-tries`: so many in a row without a session that held; without it, no limit.
    pub tries: Option<u64>,
    /// Close codes and statuses of refusals after which it is opened again, besides the usual ones.
    pub also: Vec<RangeInclusive<u16>>,
}

/// How a session, or a try to open one, ended, as far as it matters here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Parting {
    /// By a Close of the peer with this code (1005 for none), or without one (1006).
    Closed(u16),
    /// By a Close of ours, because the peer broke the protocol: with this code.
    Violated(u16),
    /// The peer stopped answering Pings.
    Silent,
    /// It could not be opened: no address, no connection, no TLS, no answer in time.
    Unreachable,
    /// The upgrade was refused with this status; the server may have said how long to wait.
    Refused(u16, Option<Duration>),
    /// By something of ours, or because all that was asked for is done.
    Done,
}

/// The state of the tries.
#[derive(Clone, Debug)]
pub struct Reconnect {
    rules: Rules,
    /// Tries since a session held.
    made: u64,
}

/// How long a session must be open for the backoff to begin anew.
pub const HOLDS: Duration = Duration::from_secs(10);

/// No pause is longer in any case: a year.
const LONGEST: Duration = Duration::from_secs(365 * 24 * 3600);

impl Rules {
    /// Whether it may help to open again.
    fn helps(&self, parting: Parting) -> bool {
        match parting {
            Parting::Closed(code) | Parting::Violated(code) if self.names(code) => true,
            // Whoever closes for good, or because of what we are or say, will do so again. A Close without
            // a code is how most programs close for good.
            Parting::Closed(code) => !matches!(code, 1000 | 1002 | 1005 | 1007 | 1008),
            Parting::Violated(_) | Parting::Done => false,
            Parting::Silent | Parting::Unreachable => true,
            Parting::Refused(status, _) => !(400..500).contains(&status) || self.names(status),
        }
    }

    fn names(&self, code: u16) -> bool {
        self.also.iter().any(|range| range.contains(&code))
    }
}

impl Reconnect {
    /// No try has been made.
    pub fn new(rules: Rules) -> Reconnect {
        Reconnect { rules, made: 0 }
    }

    /// How long to wait for the next try after a session that was open so long, or was not opened; nothing
    /// means that there is none. `chance` is from 0 to 1: the pause is between half of what it is on
    /// average and half as much again, at the longest from half of it to all, so that clients that were cut off together do not come together.
    pub fn pause(
        &mut self,
        parting: Parting,
        open: Option<Duration>,
        chance: f64,
    ) -> Option<Duration> {
        if open.is_some_and(|open| open >= HOLDS) {
            self.made = 0;
        }
        if !self.rules.helps(parting) || self.rules.tries.is_some_and(|tries| self.made >= tries) {
            return None;
        }
        let factor =
            1u32.checked_shl(u32::try_from(self.made).unwrap_or(u32::MAX)).unwrap_or(u32::MAX);
        self.made += 1;
        let longest = self.rules.max_delay.min(LONGEST);
        let average = self.rules.delay.saturating_mul(factor).min(longest);
        // Those that have come to the longest pause are spread too.
        let (least, most) = (average / 2, (average + average / 2).min(longest));
        let pause = least + (most - least).mul_f64(chance.clamp(0.0, 1.0));
        match parting {
            // The server is not to wait for less than it asks.
            Parting::Refused(_, Some(asked)) => Some(pause.max(asked)),
            _ => Some(pause),
        }
    }

    /// What would have led to another try, where [`Reconnect::pause`] gave none.
    pub fn way_out(&self, parting: Parting) -> Option<String> {
        match parting {
            _ if self.rules.helps(parting) => {
                Some("--reconnect-tries N tries more often, and 0 without limit".into())
            }
            // Trying again does not make anybody known.
            Parting::Refused(401, _) => None,
            Parting::Refused(status, _) => {
                Some(format!("--reconnect-on {status} tries again after it"))
            }
            _ => None,
        }
    }

    /// Tries that are left, if they are counted.
    pub fn left(&self) -> Option<u64> {
        self.rules.tries.map(|tries| tries.saturating_sub(self.made))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Parting::{Closed, Done, Refused, Silent, Unreachable, Violated};

    const SECOND: Duration = Duration::from_secs(1);

    fn rules() -> Rules {
        Rules { delay: SECOND, max_delay: 30 * SECOND, tries: None, also: Vec::new() }
    }

    #[test]
    fn what_may_pass_is_tried_again_and_what_stays_is_not() {
        let cases = [
            (Closed(1000), false),
            (Closed(1001), true),
            (Closed(1002), false),
            (Closed(1003), true),
            (Closed(1005), false),
            (Closed(1006), true),
            (Closed(1007), false),
            (Closed(1008), false),
            (Closed(1009), true),
            (Closed(1011), true),
            (Closed(1012), true),
            (Closed(1013), true),
            (Closed(4000), true),
            (Violated(1002), false),
            (Violated(1007), false),
            (Silent, true),
            (Unreachable, true),
            (Refused(401, None), false),
            (Refused(404, None), false),
            (Refused(429, None), false),
            (Refused(503, None), true),
            (Refused(302, None), true),
            (Done, false),
        ];
        for (parting, again) in cases {
            let pause = Reconnect::new(rules()).pause(parting, None, 0.5);
            assert_eq!(pause.is_some(), again, "{parting:?}");
        }
        let named = Rules { also: vec![1000..=1000, 1008..=1008, 429..=429], ..rules() };
        for code in [1000, 1008] {
            assert!(
                Reconnect::new(named.clone()).pause(Closed(code), None, 0.5).is_some(),
                "{code}"
            );
        }
        assert!(Reconnect::new(named.clone()).pause(Refused(429, None), None, 0.5).is_some());
        for not_named in [Closed(1002), Refused(404, None), Done] {
            assert_eq!(Reconnect::new(named.clone()).pause(not_named, None, 0.5), None);
        }
    }

    #[test]
    fn the_way_out_names_the_rule_that_ended_the_tries() {
        let used_up = Some("--reconnect-tries N tries more often, and 0 without limit".to_owned());
        let named = |status| Some(format!("--reconnect-on {status} tries again after it"));
        let cases = [
            (Unreachable, used_up.clone()),
            (Silent, used_up.clone()),
            (Closed(1011), used_up.clone()),
            (Refused(503, None), used_up),
            (Refused(408, None), named(408)),
            (Refused(429, Some(SECOND)), named(429)),
            (Refused(401, None), None),
            (Closed(1008), None),
            (Violated(1002), None),
            (Done, None),
        ];
        let none_left = Reconnect::new(Rules { tries: Some(0), ..rules() });
        for (parting, expected) in cases {
            assert_eq!(none_left.clone().pause(parting, None, 0.5), None);
            assert_eq!(none_left.way_out(parting), expected, "{parting:?}");
        }
    }

    #[test]
    fn the_pause_doubles_up_to_its_limit_and_begins_anew_after_a_session_that_held() {
        let mut reconnect = Reconnect::new(rules());
        let mut pause = |open: Option<u32>| {
            let open = open.map(|seconds| seconds * SECOND);
            reconnect.pause(Closed(1006), open, 0.5).unwrap().as_secs()
        };
        let short: Vec<_> = (0..7).map(|_| pause(Some(1))).collect();
        assert_eq!(short, [1, 2, 4, 8, 16, 22, 22]);
        assert_eq!((pause(Some(10)), pause(None), pause(Some(60))), (1, 2, 1));
        for _ in 0..200 {
            pause(None);
        }
        assert_eq!(pause(None), 22, "no number of tries is too large");
    }

    #[test]
    fn chance_spreads_the_pauses_and_a_server_is_never_asked_too_early() {
        let at = |chance| Reconnect::new(rules()).pause(Unreachable, None, chance).unwrap();
        assert_eq!((at(0.0), at(1.0)), (SECOND / 2, 3 * SECOND / 2));
        let late = Refused(503, Some(7 * SECOND));
        assert_eq!(Reconnect::new(rules()).pause(late, None, 0.0), Some(7 * SECOND));
        let long = Rules { delay: 40 * SECOND, ..rules() };
        assert_eq!(Reconnect::new(long).pause(Unreachable, None, 1.0), Some(30 * SECOND));
        let endless = Rules { delay: Duration::MAX, max_delay: Duration::MAX, ..rules() };
        assert_eq!(Reconnect::new(endless).pause(Unreachable, None, 1.0), Some(LONGEST));
    }

    #[test]
    fn tries_are_counted_in_a_row() {
        let mut reconnect = Reconnect::new(Rules { tries: Some(2), ..rules() });
        let mut goes_on = |open: Option<u32>| {
            let open = open.map(|seconds| seconds * SECOND);
            let goes_on = reconnect.pause(Closed(1006), open, 0.5).is_some();
            (goes_on, reconnect.left())
        };
        assert_eq!(goes_on(Some(1)), (true, Some(1)));
        assert_eq!(goes_on(None), (true, Some(0)));
        assert_eq!(goes_on(None), (false, Some(0)));
        assert_eq!(goes_on(Some(10)), (true, Some(1)), "one has held");
    }
}
