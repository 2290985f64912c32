//! When a session has done what was asked: end conditions, the linger after the input, and how
//! long an unmet condition or expectation is waited for.

use std::time::{Duration, Instant};

use regex::bytes::Regex;

use super::expect::{Expectations, Expected};
use crate::jq::{Failed, Filter};
use crate::output::escape::{one_line, quoted};

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
    /// `--until-jq`: a message for which the last result is neither false nor null.
    pub until_jq: Option<Filter>,
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
    /// The messages that are expected.
    pub expected: Vec<Expected>,
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
    expectations: Expectations,
    /// Why `--until-jq` could not judge the last message.
    unjudged: Option<Failed>,
    /// Whether our own output keeps us from hearing the peer.
    held: bool,
}

impl Rules {
    /// The rules of a run that is over as soon as it is open.
    pub fn at_once() -> Self {
        Rules {
            conditions: Conditions { count: Some(0), ..Conditions::default() },
            input: Input::Ignored,
            linger: Patience::For(Duration::ZERO),
            wait: None,
            expects_close: false,
            expected: Vec::new(),
        }
    }

    /// Whether a message must be seen whole to judge it.
    pub fn need_payload(&self) -> bool {
        self.conditions.needs_payload() || !self.expected.is_empty()
    }
}

impl Conditions {
    /// Whether there is any.
    pub fn is_any(&self) -> bool {
        self.needs_message() || self.has_time()
    }

    fn needs_payload(&self) -> bool {
        self.until.is_some() || self.until_regex.is_some() || self.until_jq.is_some()
    }

    fn needs_message(&self) -> bool {
        self.count.is_some() || self.needs_payload()
    }

    fn has_time(&self) -> bool {
        self.idle.is_some() || self.duration.is_some()
    }

    fn describe(&self) -> String {
        let mut asked = Vec::new();
        if let Some(count) = self.count {
            asked.push(format!("-n {count}"));
        }
        if let Some(text) = &self.until {
            asked.push(format!("--until {}", quoted(&String::from_utf8_lossy(text))));
        }
        if let Some(regex) = &self.until_regex {
            asked.push(format!("--until-regex {}", quoted(regex.as_str())));
        }
        if let Some(filter) = &self.until_jq {
            asked.push(format!("--until-jq {}", quoted(filter.source())));
        }
        if let Some(idle) = self.idle {
            asked.push(format!("--idle {}", humantime::format_duration(idle)));
        }
        if let Some(duration) = self.duration {
            asked.push(format!("--duration {}", humantime::format_duration(duration)));
        }
        asked.join(" or ")
    }
}

impl Ending {
    /// The session is open.
    pub fn new(mut rules: Rules, now: Instant) -> Self {
        let met = rules.conditions.count == Some(0);
        let expectations = Expectations::new(std::mem::take(&mut rules.expected));
        Ending {
            rules,
            opened: now,
            input_ended: None,
            last_received: None,
            received: 0,
            met,
            expectations,
            unjudged: None,
            held: false,
        }
    }

    /// A message was received and is to be printed; its payload is given where
    /// [`Rules::need_payload`].
    pub fn received(&mut self, payload: &[u8], now: Instant) {
        self.received_unseen(1, now);
        let conditions = &self.rules.conditions;
        self.met |= conditions.until.as_deref().is_some_and(|text| text == payload)
            || conditions.until_regex.as_ref().is_some_and(|regex| regex.is_match(payload));
        if let Some(filter) = &conditions.until_jq {
            let holds = filter.holds(payload, &[]);
            self.met |= holds == Ok(true);
            self.unjudged = holds.err();
        }
        self.expectations.received(payload);
    }

    /// How many messages may be received with no look at each.
    pub fn unseen(&self) -> u64 {
        let conditions = &self.rules.conditions;
        match conditions.count {
            _ if conditions.needs_payload() || !self.expectations.are_met() => 0,
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
        let conditions = &self.rules.conditions;
        let met = self.met || !conditions.is_any();
        let condition = (!met).then(|| format!("{} was not met", conditions.describe()));
        let unmet: Vec<_> = condition.into_iter().chain(self.expectations.unmet()).collect();
        if unmet.is_empty() {
            return None;
        }
        Some(Unmet(format!("{}, messages received: {}", unmet.join("; "), self.received)))
    }

    /// What came in place of what was expected, in lines for a person.
    pub fn explanation(&self) -> String {
        let unjudged = self.unjudged.as_ref().filter(|_| !self.met);
        let unjudged = unjudged.map(|failed| match failed {
            Failed::Input(_) => format!("--until-jq: the last message is {failed}"),
            failed => format!("--until-jq: with the last message {failed}"),
        });
        let unjudged = unjudged.map(|line| one_line(&line) + "\n").unwrap_or_default();
        unjudged + &self.expectations.explanation()
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

    /// The way out, where the linger was over before there was another connection.
    pub fn linger_hint(&self) -> Option<String> {
        let linger = match self.rules.linger {
            Patience::Forever => return None,
            Patience::For(none) if none.is_zero() => "none".to_owned(),
            Patience::For(duration) => humantime::format_duration(duration).to_string(),
        };
        Some(format!(
            "--linger {linger} was over before the reconnection; --linger forever waits on"
        ))
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
        let waits = conditions.is_any() || self.rules.expects_close || !self.expectations.are_met();
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
        Rules { conditions, input, linger, wait: None, expects_close: false, expected: vec![] }
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
    fn what_is_not_met_at_the_end_is_named_and_explained() {
        let start = Instant::now();
        let expected = vec![Expected::Text("pong".into())];
        let conditions = Conditions {
            until_jq: Some(Filter::parse(".n", &[]).unwrap()),
            count: Some(3),
            ..Conditions::default()
        };
        let mut ending =
            Ending::new(Rules { expected, ..rules(Input::Ignored, conditions) }, start);
        ending.received(b"ponh", start);
        assert_eq!(
            ending.unmet(),
            Some(Unmet(
                "-n 3 or --until-jq \".n\" was not met; --expect \"pong\" was not met, messages received: 1"
                    .into()
            ))
        );
        assert_eq!(
            ending.explanation(),
            "--until-jq: the last message is no JSON: expected value at line 1 column 1\n\
             --expect \"pong\": message 1 is the nearest\n  - pong\n  + ponh\n"
        );
        ending.received(b"pong", start);
        ending.received(b"{\"n\":1}", start);
        assert_eq!((ending.unmet(), ending.explanation()), (None, String::new()));
    }

    #[test]
    fn what_need_not_be_seen_is_not_looked_at() {
        let start = Instant::now();
        let expected = vec![Expected::Text("pong".into())];
        let rules = Rules { expected, ..rules(Input::Ignored, count(9)) };
        assert!(rules.need_payload());
        let mut ending = Ending::new(rules, start);
        assert_eq!(ending.unseen(), 0);
        ending.received(b"pong", start);
        assert_eq!(ending.unseen(), 8);
    }

    #[test]
    fn the_end_comes_when_the_contract_says() {
        use Input::{Ignored, MayRemain, MustBeSent, Typed};
        let none = Conditions::default;
        let until = || Conditions { until: Some(b"end".to_vec()), ..none() };
        let regex = || Conditions { until_regex: Some(Regex::new("^e.d").unwrap()), ..none() };
        let jq = |source| Some(Filter::parse(source, &[]).unwrap());
        let until_jq = || Conditions { until_jq: jq(".n > 1"), ..none() };
        let expecting = |rules| Rules { expected: vec![Expected::Text("pong".into())], ..rules };
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
                "jq",
                rules(Ignored, until_jq()),
                vec![(1, Message("no")), (2, Message("{\"n\":1}")), (3, Message("{\"n\":2}"))],
                met(3),
            ),
            (
                "an expectation is waited for",
                expecting(rules(MustBeSent, none())),
                vec![(1, InputEnds), (5, Message("ping"))],
                Some((35, vain("--expect \"pong\" was not met, messages received: 1"))),
            ),
            (
                "an expectation that is met ends the waiting",
                expecting(rules(MustBeSent, none())),
                vec![(1, InputEnds), (5, Message("pong"))],
                Some((7, Over::Lingered)),
            ),
            (
                "an expectation may be met before the input ends",
                expecting(rules(MayRemain, none())),
                vec![(1, Message("pong")), (5, InputEnds)],
                Some((7, Over::Lingered)),
            ),
            (
                "an expectation is no end condition",
                expecting(rules(Ignored, none())),
                vec![(1, Message("pong"))],
                None,
            ),
            (
                "a condition ends it, whatever is expected",
                expecting(rules(Ignored, count(1))),
                vec![(1, Message("ping"))],
                met(1),
            ),
            (
                "both are named",
                expecting(rules(MustBeSent, count(2))),
                vec![(0, InputEnds), (0, Message("ping"))],
                Some((
                    30,
                    vain("-n 2 was not met; --expect \"pong\" was not met, messages received: 1"),
                )),
            ),
            (
                "Ctrl-D, whatever is expected",
                expecting(rules(Typed, none())),
                vec![(1, InputEnds)],
                Some((3, Over::Lingered)),
            ),
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
