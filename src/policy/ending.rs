//! When a session has done what was asked: end conditions, the linger after the input, and how
//! long an unmet condition is waited for.

use std::time::{Duration, Instant};

use regex::bytes::Regex;

/// How long to be patient.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Patience {
    /// So long.
    For(Duration),
    /// Without limit.
    Forever,
}

/// The end conditions; the first one met ends the session.
#[derive(Clone, Debug, Default)]
pub struct Conditions {
    /// `-n`: messages received.
    pub count: Option<u64>,
    /// `--until`: a message that is exactly this.
    pub until: Option<Vec<u8>>,
    /// `--until-regex`: a message that has a match.
    pub until_regex: Option<Regex>,
    /// `--idle`: nothing received for so long.
    pub idle: Option<Duration>,
    /// `--duration`: so long since the opening.
    pub duration: Option<Duration>,
}

/// What the end of the input means for a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Input {
    /// `listen`: nothing.
    Ignored,
    /// `connect` at a terminal: its end closes, whatever the conditions say.
    Typed,
    /// piped `connect`: a condition that is met ends the session, input or no input.
    MayRemain,
    /// `send`: a condition ends the session only when everything is sent.
    MustBeSent,
}

/// The rules of one run.
#[derive(Clone, Debug)]
pub struct Rules {
    /// The end conditions.
    pub conditions: Conditions,
    /// What the input's end means.
    pub input: Input,
    /// After the input, without a condition: for how long more is waited for.
    pub linger: Patience,
    /// After the input, with a condition or expectation that is not met: how long it is waited
    /// for. Without an answer, the default: 30 s, or as long as a condition of time needs.
    pub wait: Option<Patience>,
    /// Whether the peer is expected to close.
    pub expects_close: bool,
}

/// Why it is over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Over {
    /// An end condition was met.
    Met,
    /// The input ended and nothing more came.
    Lingered,
    /// A condition was not met in time; this one.
    WaitedInVain(Unmet),
}

/// A condition or expectation that was not met.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unmet(pub String);

const DEFAULT_WAIT: Duration = Duration::from_secs(30);

/// The state of one run's ending.
#[derive(Debug)]
pub struct Ending {
    rules: Rules,
    opened: Instant,
    input_ended: Option<Instant>,
    last_received: Option<Instant>,
    received: u64,
    met: bool,
    /// Whether our own output keeps us from hearing the peer.
    held: bool,
}

impl Conditions {
    /// Whether there is any.
    pub fn is_any(&self) -> bool {
        self.needs_message() || self.has_time()
    }

    /// Whether a message must be seen whole to judge it.
    pub fn needs_payload(&self) -> bool {
        self.until.is_some() || self.until_regex.is_some()
    }

    fn needs_message(&self) -> bool {
        self.count.is_some() || self.needs_payload()
    }

    fn has_time(&self) -> bool {
        self.idle.is_some() || self.duration.is_some()
    }

    fn describe(&self, received: u64) -> Unmet {
        let mut asked = Vec::new();
        if let Some(count) = self.count {
            asked.push(format!("-n {count}"));
        }
        if let Some(text) = &self.until {
            asked.push(format!("--until {:?}", String::from_utf8_lossy(text)));
        }
        if let Some(regex) = &self.until_regex {
            asked.push(format!("--until-regex {:?}", regex.as_str()));
        }
        if let Some(idle) = self.idle {
            asked.push(format!("--idle {}", humantime::format_duration(idle)));
        }
        if let Some(duration) = self.duration {
            asked.push(format!("--duration {}", humantime::format_duration(duration)));
        }
        let asked = asked.join(" or ");
        Unmet(format!("{asked} was not met, messages received: {received}"))
    }
}

impl Ending {
    /// The session is open.
    pub fn new(rules: Rules, now: Instant) -> Self {
        let met = rules.conditions.count == Some(0);
        Ending {
            rules,
            opened: now,
            input_ended: None,
            last_received: None,
            received: 0,
            met,
            held: false,
        }
    }

    /// A message was received and is to be printed; its payload is given where
    /// [`Conditions::needs_payload`].
    pub fn received(&mut self, payload: &[u8], now: Instant) {
        self.received_unseen(1, now);
        let conditions = &self.rules.conditions;
        self.met |= conditions.until.as_deref().is_some_and(|text| text == payload)
            || conditions.until_regex.as_ref().is_some_and(|regex| regex.is_match(payload));
    }

    /// How many messages may be received with no look at each.
    pub fn unseen(&self) -> u64 {
        let conditions = &self.rules.conditions;
        match conditions.count {
            _ if conditions.needs_payload() => 0,
            Some(count) => count.saturating_sub(self.received),
            None => u64::MAX,
        }
    }

    /// So many messages were received, at most [`Ending::unseen`].
    pub fn received_unseen(&mut self, count: u64, now: Instant) {
        self.received += count;
        self.last_received = Some(now);
        self.met |= self.rules.conditions.count.is_some_and(|count| self.received >= count);
    }

    /// A piece of a message was received.
    pub fn heard(&mut self, now: Instant) {
        self.last_received = Some(now);
    }

    /// Our reading stops because our output is full: silence is not the peer's.
    pub fn hold(&mut self) {
        self.held = true;
    }

    /// Our reading goes on, and silence is counted from now.
    pub fn resume(&mut self, now: Instant) {
        self.held = false;
        self.last_received = self.last_received.max(Some(now));
    }

    /// All input has been handed to the network.
    pub fn input_ended(&mut self, now: Instant) {
        self.input_ended.get_or_insert(now);
    }

    /// Whether a condition was met: what arrives from now on is not printed.
    pub fn is_met(&self) -> bool {
        self.met
    }

    /// Whether a condition was met and nothing else is left to do.
    pub fn is_done(&self) -> bool {
        let must_send = self.rules.input == Input::MustBeSent && self.input_ended.is_none();
        self.met && !must_send
    }

    /// What was asked and did not happen.
    pub fn unmet(&self) -> Option<Unmet> {
        if self.met || !self.rules.conditions.is_any() {
            return None;
        }
        Some(self.rules.conditions.describe(self.received))
    }

    /// When [`Ending::over`] is next worth a call, if nothing happens before.
    pub fn deadline(&self) -> Option<Instant> {
        if self.met {
            return None;
        }
        let times = [self.condition_of_time(), self.give_up()];
        times.into_iter().flatten().min()
    }

    /// Whether it is over now, and why.
    pub fn over(&mut self, now: Instant) -> Option<Over> {
        let due = |at: Option<Instant>| at.is_some_and(|at| now >= at);
        self.met |= due(self.condition_of_time());
        if self.met {
            return self.is_done().then_some(Over::Met);
        }
        if !due(self.give_up()) {
            return None;
        }
        if self.rules.input == Input::Typed {
            return Some(Over::Lingered);
        }
        Some(match self.unmet() {
            Some(unmet) => Over::WaitedInVain(unmet),
            None if self.rules.expects_close => {
                Over::WaitedInVain(Unmet("the Close of --expect-close did not come".into()))
            }
            None => Over::Lingered,
        })
    }

    fn condition_of_time(&self) -> Option<Instant> {
        let conditions = &self.rules.conditions;
        let duration = conditions.duration.and_then(|d| self.opened.checked_add(d));
        let silent_from = match self.rules.input {
            Input::Ignored => self.quiet_since(self.opened),
            _ => self.input_ended.and_then(|ended| self.quiet_since(ended)),
        };
        let idle = conditions.idle.and_then(|d| silent_from?.checked_add(d));
        duration.into_iter().chain(idle).min()
    }

    /// When patience after the input ends.
    fn give_up(&self) -> Option<Instant> {
        if self.rules.input == Input::Ignored {
            return None;
        }
        let conditions = &self.rules.conditions;
        let waits = conditions.is_any() || self.rules.expects_close;
        let patience = if waits && self.rules.input != Input::Typed {
            let default =
                if conditions.has_time() { Patience::Forever } else { Patience::For(DEFAULT_WAIT) };
            self.rules.wait.unwrap_or(default)
        } else {
            self.rules.linger
        };
        match patience {
            Patience::For(duration) => self.quiet_since(self.input_ended?)?.checked_add(duration),
            Patience::Forever => None,
        }
    }

    /// `from` or the last message received, whichever is later; nothing while we do not hear.
    fn quiet_since(&self, from: Instant) -> Option<Instant> {
        if self.held {
            return None;
        }
        Some(from.max(self.last_received.unwrap_or(from)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn rules(input: Input, conditions: Conditions) -> Rules {
        let linger = Patience::For(2 * SECOND);
        Rules { conditions, input, linger, wait: None, expects_close: false }
    }

    fn count(count: u64) -> Conditions {
        Conditions { count: Some(count), ..Conditions::default() }
    }

    fn idle(seconds: u32) -> Conditions {
        Conditions { idle: Some(seconds * SECOND), ..Conditions::default() }
    }

    /// What happens to a run, at a second after the opening.
    enum Happens {
        Input,
        Message(&'static str),
    }
    use Happens::{Input as InputEnds, Message};

    /// The first second at which it is over, and why; nothing within 100 s.
    fn run(rules: Rules, events: &[(u32, Happens)]) -> Option<(u32, Over)> {
        let start = Instant::now();
        let mut ending = Ending::new(rules, start);
        for second in 0..100 {
            let now = start + second * SECOND;
            for (_, event) in events.iter().filter(|(at, _)| *at == second) {
                match event {
                    InputEnds => ending.input_ended(now),
                    Message(text) => ending.received(text.as_bytes(), now),
                }
            }
            let due = ending.deadline().is_some_and(|at| at <= now);
            if let Some(over) = ending.over(now) {
                assert!(due || ending.is_met(), "it was over without a deadline that said so");
                return Some((second, over));
            }
        }
        None
    }

    #[test]
    fn silence_while_our_output_is_full_is_not_counted() {
        let start = Instant::now();
        let mut ending = Ending::new(rules(Input::MayRemain, Conditions::default()), start);
        ending.input_ended(start);
        ending.hold();
        assert_eq!(ending.deadline(), None);
        assert_eq!(ending.over(start + 50 * SECOND), None);
        ending.resume(start + 60 * SECOND);
        assert_eq!(ending.deadline(), Some(start + 62 * SECOND));
    }

    #[test]
    fn the_end_comes_when_the_contract_says() {
        use Input::{Ignored, MayRemain, MustBeSent, Typed};
        let none = Conditions::default;
        let until = || Conditions { until: Some(b"end".to_vec()), ..none() };
        let regex = || Conditions { until_regex: Some(Regex::new("^e.d").unwrap()), ..none() };
        let duration = || Conditions { duration: Some(40 * SECOND), ..none() };
        let vain = |text: &str| Over::WaitedInVain(Unmet(text.into()));
        let met = |second| Some((second, Over::Met));
        type Case = (&'static str, Rules, Vec<(u32, Happens)>, Option<(u32, Over)>);
        let cases: Vec<Case> = vec![
            ("listen has no end", rules(Ignored, none()), vec![(1, InputEnds)], None),
            ("linger", rules(MayRemain, none()), vec![(1, InputEnds)], Some((3, Over::Lingered))),
            (
                "linger from the last message",
                rules(MayRemain, none()),
                vec![(1, InputEnds), (2, Message("a"))],
                Some((4, Over::Lingered)),
            ),
            (
                "no linger while input is open",
                rules(MayRemain, none()),
                vec![(5, Message("a"))],
                None,
            ),
            (
                "linger forever",
                Rules { linger: Patience::Forever, ..rules(MayRemain, none()) },
                vec![(1, InputEnds)],
                None,
            ),
            ("count", rules(Ignored, count(2)), vec![(1, Message("a")), (4, Message("b"))], met(4)),
            ("count 0", rules(MayRemain, count(0)), vec![], met(0)),
            ("Ctrl-D", rules(Typed, count(5)), vec![(1, InputEnds)], Some((3, Over::Lingered))),
            ("count 0, send", rules(MustBeSent, count(0)), vec![(6, InputEnds)], met(6)),
            (
                "send waits for its input",
                rules(MustBeSent, count(1)),
                vec![(1, Message("a")), (7, InputEnds)],
                met(7),
            ),
            (
                "unmet count",
                rules(MustBeSent, count(2)),
                vec![(1, InputEnds), (5, Message("a"))],
                Some((35, vain("-n 2 was not met, messages received: 1"))),
            ),
            (
                "wait as given",
                Rules { wait: Some(Patience::For(3 * SECOND)), ..rules(MayRemain, count(1)) },
                vec![(1, InputEnds)],
                Some((4, vain("-n 1 was not met, messages received: 0"))),
            ),
            (
                "wait forever",
                Rules { wait: Some(Patience::Forever), ..rules(MayRemain, count(1)) },
                vec![(1, InputEnds)],
                None,
            ),
            ("listen waits without limit", rules(Ignored, count(1)), vec![], None),
            (
                "until",
                rules(Ignored, until()),
                vec![(1, Message("ended")), (2, Message("end"))],
                met(2),
            ),
            (
                "regex",
                rules(Ignored, regex()),
                vec![(1, Message("the end")), (2, Message("ended"))],
                met(2),
            ),
            ("idle, listen", rules(Ignored, idle(5)), vec![(3, Message("a"))], met(8)),
            (
                "idle needs the input's end",
                rules(MayRemain, idle(5)),
                vec![(3, Message("a"))],
                None,
            ),
            (
                "idle, connect",
                rules(MayRemain, idle(5)),
                vec![(3, InputEnds), (4, Message("a"))],
                met(9),
            ),
            ("duration", rules(MayRemain, duration()), vec![(1, InputEnds)], met(40)),
            (
                "expected close",
                Rules { expects_close: true, ..rules(MustBeSent, none()) },
                vec![(1, InputEnds)],
                Some((31, vain("the Close of --expect-close did not come"))),
            ),
        ];
        for (name, rules, events, expected) in cases {
            assert_eq!(run(rules, &events), expected, "{name}");
        }
    }
}
