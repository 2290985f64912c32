//! Whether an opening that failed is tried again, and when, by curl's rules. What was sent is never
//! sent again: this is over once a session is open.

use std::time::Duration;

/// The longest pause, unless a longer one is asked for.
const LONGEST: Duration = Duration::from_secs(600);

/// When to try again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Retry {
    /// `--retry`: how often, after the first time.
    pub times: u64,
    /// `--retry-delay`: always this pause; without it, a second and then twice the one before.
    pub delay: Option<Duration>,
    /// `--retry-max-time`: no try begins later than this after the first one.
    pub max_time: Option<Duration>,
    /// `--retry-connrefused`: also when nobody listens.
    pub connection_refused: bool,
    /// `--retry-all-errors`: also when it is not likely to help.
    pub all_errors: bool,
}

/// How an opening failed, as far as it matters here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Setback {
    /// It may be over soon: no answer in time, a name that is not found, a status that says so, with
    /// the server's Retry-After.
    Passing(Option<Duration>),
    /// Nobody listens.
    ConnectionRefused,
    /// Something on the way, or the server, that may stay as it is.
    Lasting,
    /// It is our own.
    Own,
}

impl Retry {
    /// How long to wait for the next try, after `made` retries and with the first try so long ago;
    /// nothing means never.
    pub fn pause(&self, setback: Setback, made: u64, since_first: Duration) -> Option<Duration> {
        let helps = match setback {
            Setback::Passing(_) => true,
            Setback::ConnectionRefused => self.connection_refused || self.all_errors,
            Setback::Lasting => self.all_errors,
            Setback::Own => false,
        };
        if !helps || made >= self.times {
            return None;
        }
        let doubled = || {
            let factor =
                1u32.checked_shl(u32::try_from(made).unwrap_or(u32::MAX)).unwrap_or(u32::MAX);
            Duration::from_secs(1).saturating_mul(factor).min(LONGEST)
        };
        let pause = match setback {
            // Neither the server nor who runs this is to wait for less than they ask.
            Setback::Passing(Some(asked)) => asked.max(self.delay.unwrap_or_default()),
            _ => self.delay.unwrap_or_else(doubled),
        };
        let is_in_time = self
            .max_time
            .is_none_or(|max| since_first.checked_add(pause).is_some_and(|at| at <= max));
        is_in_time.then_some(pause)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Setback::{ConnectionRefused, Lasting, Own, Passing};

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn what_may_pass_is_tried_again_and_what_stays_only_if_asked() {
        let plain = Retry { times: 1, ..Retry::default() };
        let refused = Retry { connection_refused: true, ..plain };
        let all = Retry { all_errors: true, ..plain };
        let cases = [
            (Passing(None), true, true, true),
            (ConnectionRefused, false, true, true),
            (Lasting, false, false, true),
            (Own, false, false, false),
        ];
        for (setback, by_plain, by_refused, by_all) in cases {
            let tried = |retry: Retry| retry.pause(setback, 0, Duration::ZERO).is_some();
            assert_eq!(
                (tried(plain), tried(refused), tried(all)),
                (by_plain, by_refused, by_all),
                "{setback:?}"
            );
        }
        assert_eq!(Retry::default().pause(Passing(None), 0, Duration::ZERO), None);
        assert_eq!(plain.pause(Passing(None), 1, Duration::ZERO), None);
    }

    #[test]
    fn pauses_double_up_to_ten_minutes_unless_one_is_given() {
        let retry = Retry { times: u64::MAX, ..Retry::default() };
        let fixed = Retry { delay: Some(SECOND * 7), ..retry };
        let asked = Passing(Some(SECOND * 3));
        for (made, seconds) in
            [(0, 1), (1, 2), (2, 4), (9, 512), (10, 600), (40, 600), (u64::MAX - 1, 600)]
        {
            assert_eq!(
                retry.pause(Passing(None), made, Duration::ZERO),
                Some(SECOND * seconds),
                "{made}"
            );
            assert_eq!(fixed.pause(Passing(None), made, Duration::ZERO), Some(SECOND * 7));
            assert_eq!(retry.pause(asked, made, Duration::ZERO), Some(SECOND * 3));
            assert_eq!(fixed.pause(asked, made, Duration::ZERO), Some(SECOND * 7));
        }
    }

    #[test]
    fn no_try_begins_after_the_limit() {
        let retry = Retry { times: 9, max_time: Some(SECOND * 10), ..Retry::default() };
        let cases = [(0, true), (9, true), (10, false), (100, false)];
        for (elapsed, tried) in cases {
            assert_eq!(
                retry.pause(Passing(None), 0, SECOND * elapsed).is_some(),
                tried,
                "{elapsed}"
            );
        }
        assert_eq!(retry.pause(Passing(Some(SECOND * 11)), 0, Duration::ZERO), None);
    }
}
