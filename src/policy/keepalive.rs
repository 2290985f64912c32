//! Keepalive: when to send a Ping, which Pong answers which Ping, and when the peer is silent for
//! too long (RFC 6455 sections 5.5.2 and 5.5.3).
//!
//! The time for a Pong counts from the moment in which its Ping was due, and begins anew whenever there
//! is a reason why the Pong could not be here yet:
//!
//! | what happens | which Pings begin anew |
//! |---|---|
//! | the Ping leaves our buffers | this one |
//! | the network takes bytes again that it had refused: the peer is slow, and reads | all that have not left, and those that may still be on their way to the peer |
//! | [`PROGRESS`] more bytes come of one frame that the peer may have begun before it read the Ping: it cannot answer within a frame (section 5.4) | those Pings |
//! | our own output keeps us from reading | none; the clocks of all stand still |
//! | bytes come, and our output had kept us from reading for longer than a Pong may take: the peer's own queue may have grown meanwhile | all, until a Ping is answered that was sent after that |
//!
//! Nobody can see how much lies between us and the peer: in both systems, and in whatever else is on the
//! way. [`ON_THE_WAY`] is taken for it where we send, and [`AHEAD`] for what the peer may still send ahead of
//! a Pong. What a dead peer cannot do is to take bytes that were refused or to send any, so that it is
//! found in an interval and a timeout after its last byte. One that lives and answers no Ping is found as
//! soon, unless it is always in the middle of a large frame: then once that much more has passed.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Pings that may be unanswered at once, where the time for a Pong is longer than the interval.
const MAX_WAITING: usize = 1024;
/// Bytes of ours that may be between us and the peer. Linux keeps up to 4 MiB for a socket on the side that
/// sends, and 6 on the other.
pub const ON_THE_WAY: u64 = 16 << 20;
/// Bytes that the peer may send before a frame of which it may still have to send the rest.
pub const AHEAD: u64 = 1 << 20;
/// Bytes of one frame that are worth waiting for the rest: less in the time for a Pong is a trickle.
pub const PROGRESS: u64 = 16 << 10;

/// The state of keepalive on one connection.
#[derive(Debug)]
pub struct Keepalive {
    interval: Duration,
    timeout: Duration,
    nonce: u32,
    sent: u32,
    next_ping: Instant,
    /// Pings that are not answered, oldest first, whose clocks therefore are never ahead of those behind.
    waiting: VecDeque<Waiting>,
    /// Since when our own output keeps us from reading.
    held_since: Option<Instant>,
    /// The bytes that had come when a frame was last worth waiting for.
    counted: u64,
    /// The first Ping after the last time that this was long, until one from there on is answered.
    backlog_before: Option<u32>,
}

/// A Ping that is not answered.
#[derive(Clone, Copy, Debug)]
struct Waiting {
    number: u32,
    /// When it left, or was due if it has not.
    left: Instant,
    /// The bytes of ours up to its end, once they have left.
    sent: Option<u64>,
    /// The bytes that had been received then.
    received: u64,
    /// From when its time is counted.
    clock: Instant,
}

impl Keepalive {
    /// Pings every `interval`, each to be answered within `timeout`; `nonce` makes our payloads
    /// unlike anybody else's.
    pub fn new(interval: Duration, timeout: Duration, nonce: u32, now: Instant) -> Self {
        Keepalive {
            interval,
            timeout,
            nonce,
            sent: 0,
            next_ping: now + interval,
            waiting: VecDeque::new(),
            held_since: None,
            counted: 0,
            backlog_before: None,
        }
    }

    /// When [`Keepalive::ping`] or [`Keepalive::is_silent`] is next worth a call.
    pub fn deadline(&self) -> Option<Instant> {
        let ping = if self.may_ping() { Some(self.next_ping) } else { None };
        ping.into_iter().chain(self.silent_from()).min()
    }

    /// The payload of a Ping that is due. It is to be sent, and to be said when it has left;
    /// `received` bytes have come so far.
    pub fn ping(&mut self, received: u64, now: Instant) -> Option<[u8; 8]> {
        if !self.may_ping() || now < self.next_ping {
            return None;
        }
        // A timer that is late does not make the next one late, and what was missed is not made up for.
        self.next_ping += self.interval;
        if self.next_ping <= now {
            self.next_ping = now + self.interval;
        }
        self.sent = self.sent.wrapping_add(1);
        let number = self.sent;
        self.waiting.push_back(Waiting { number, left: now, sent: None, received, clock: now });
        Some(self.payload(number))
    }

    /// Whether the peer's time is over.
    pub fn is_silent(&self, now: Instant) -> bool {
        self.silent_from().is_some_and(|at| now >= at)
    }

    /// How long a Pong may take.
    pub fn timeout(&self) -> Duration {
        self.timeout
    }

    /// The last Ping has left our buffers, where it ends with the byte `sent`; `received` bytes have come.
    pub fn ping_left(&mut self, sent: u64, received: u64, now: Instant) {
        // It may be answered by now, when it was known to have left only together with what came after it.
        if let Some(ping) = self.waiting.back_mut().filter(|ping| ping.sent.is_none()) {
            *ping = Waiting { left: now, sent: Some(sent), received, clock: now, ..*ping };
        }
    }

    /// The network has taken bytes after it had refused some, `sent` in all.
    pub fn took(&mut self, sent: u64, now: Instant) {
        self.begin_anew(now, |ping| ping.sent.is_none_or(|end| sent < end + ON_THE_WAY));
    }

    /// Bytes came, `received` in all, the last of them in a frame that begins with the byte `frame`.
    pub fn heard(&mut self, frame: u64, received: u64, now: Instant) {
        let backlog = self.backlog_before.is_some();
        if backlog || received - self.counted.max(frame) >= PROGRESS {
            self.counted = received;
            self.begin_anew(now, |ping| backlog || frame < ping.received + AHEAD);
        }
    }

    fn begin_anew(&mut self, now: Instant, which: impl Fn(&Waiting) -> bool) {
        // Where it is true of one, it is of those behind.
        self.waiting
            .iter_mut()
            .rev()
            .take_while(|ping| which(ping))
            .for_each(|ping| ping.clock = now);
    }

    /// A Pong came; if it answers one of our Pings, that Ping and those before it are answered
    /// (section 5.5.3), and this is how long it took.
    pub fn pong(&mut self, payload: &[u8], now: Instant) -> Option<Duration> {
        let at = self.waiting.iter().position(|ping| self.payload(ping.number) == payload)?;
        let ping = self.waiting.drain(..=at).next_back()?;
        let is_later = |first: u32| ping.number.wrapping_sub(first) < MAX_WAITING as u32;
        self.backlog_before = self.backlog_before.filter(|first| !is_later(*first));
        Some(now.saturating_duration_since(ping.left))
    }

    /// Our reading stops because our output is full: the clocks stand still.
    pub fn hold(&mut self, now: Instant) {
        self.held_since.get_or_insert(now);
    }

    /// Our reading goes on.
    pub fn resume(&mut self, now: Instant) {
        let Some(since) = self.held_since.take() else { return };
        let held = now.saturating_duration_since(since);
        for ping in &mut self.waiting {
            // A Ping that left while we were held has waited only since then.
            ping.left = (ping.left + held).min(now);
            ping.clock = (ping.clock + held).min(now);
        }
        if held >= self.timeout {
            self.backlog_before = Some(self.sent.wrapping_add(1));
        }
    }

    fn silent_from(&self) -> Option<Instant> {
        let oldest = self.waiting.front().filter(|_| self.held_since.is_none())?;
        Some(oldest.clock + self.timeout)
    }

    fn may_ping(&self) -> bool {
        self.waiting.len() < MAX_WAITING
            && self.waiting.back().is_none_or(|ping| ping.sent.is_some())
    }

    fn payload(&self, number: u32) -> [u8; 8] {
        let mut payload = [0; 8];
        payload[..4].copy_from_slice(&self.nonce.to_be_bytes());
        payload[4..].copy_from_slice(&number.to_be_bytes());
        payload
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn started(timeout: u32) -> (Keepalive, Instant) {
        let start = Instant::now();
        (Keepalive::new(10 * SECOND, timeout * SECOND, 7, start), start)
    }

    /// What happens to a session.
    #[derive(Clone, Copy, Debug)]
    enum Happens {
        /// A Ping is due, and put into the queue.
        Due,
        /// It leaves, and ends with this byte of ours.
        Left(u64),
        /// The network takes bytes that it had refused, up to this one.
        Took(u64),
        /// Many bytes came, the last of a frame that begins with this one.
        Heard(u64),
        /// One more came, of such a frame.
        Trickled(u64),
        /// The Pong with this number comes.
        Pong(u32),
        Hold,
        Resume,
    }

    type Case<'a> = (&'a str, &'a [(u32, Happens)], Option<u32>);

    /// After all this, in seconds from the start, the second in which the peer is silent.
    fn silent_after(timeout: u32, happenings: &[(u32, Happens)]) -> Option<u32> {
        let (mut keepalive, start) = started(timeout);
        let mut received = 0;
        for (second, happens) in happenings {
            let now = start + *second * SECOND;
            assert!(!keepalive.is_silent(now), "{second}: {happens:?} of {happenings:?}");
            match *happens {
                Happens::Due => drop(keepalive.ping(received, now).expect("a Ping is due")),
                Happens::Left(sent) => keepalive.ping_left(sent, received, now),
                Happens::Took(sent) => keepalive.took(sent, now),
                Happens::Heard(frame) => {
                    received = received.max(frame) + PROGRESS;
                    keepalive.heard(frame, received, now);
                }
                Happens::Trickled(frame) => {
                    received = received.max(frame) + 1;
                    keepalive.heard(frame, received, now);
                }
                Happens::Pong(number) => {
                    let payload = keepalive.payload(number);
                    keepalive.pong(&payload, now).expect("it answers a Ping");
                }
                Happens::Hold => keepalive.hold(now),
                Happens::Resume => keepalive.resume(now),
            }
        }
        let silent = keepalive.silent_from()?;
        assert!(keepalive.is_silent(silent) && !keepalive.is_silent(silent - SECOND / 1000));
        Some((silent - start).as_secs() as u32)
    }

    #[test]
    fn a_peer_is_silent_when_its_time_is_over_and_nothing_excuses_it() {
        use Happens::{Due, Heard, Hold, Left, Pong, Resume, Took, Trickled};
        const MUCH: u64 = ON_THE_WAY;
        const FAR: u64 = 1 << 40;
        let cases: &[Case] = &[
            ("nothing was asked", &[(5, Heard(9))], None),
            ("a Ping that leaves", &[(10, Due), (10, Left(6))], Some(15)),
            ("one that is answered", &[(10, Due), (10, Left(6)), (12, Pong(1))], None),
            ("the next one", &[(10, Due), (10, Left(6)), (12, Pong(1)), (20, Due)], Some(25)),
            ("one that cannot leave", &[(10, Due)], Some(15)),
            ("one that leaves late", &[(10, Due), (14, Left(6))], Some(19)),
            (
                "one that leaves very late, while others read what is before it",
                &[(10, Due), (14, Took(FAR)), (18, Took(2 * FAR)), (22, Left(3 * FAR))],
                Some(27),
            ),
            ("one that cannot leave any more", &[(10, Due), (14, Took(100))], Some(19)),
            (
                "one that has left, with what is before and behind it being read",
                &[(10, Due), (10, Left(6)), (14, Took(6)), (18, Took(5 + MUCH))],
                Some(23),
            ),
            (
                "one that must have been read",
                &[(10, Due), (10, Left(6)), (14, Took(5 + MUCH)), (17, Took(6 + MUCH))],
                Some(19),
            ),
            (
                "a frame that began before the Ping came, however long",
                &[(9, Heard(3)), (10, Due), (10, Left(6)), (14, Heard(3)), (18, Heard(3))],
                Some(23),
            ),
            (
                "frames that may have been on their way",
                &[(9, Heard(3)), (10, Due), (10, Left(6)), (14, Heard(2 + PROGRESS + AHEAD))],
                Some(19),
            ),
            (
                "frames that began later",
                &[(9, Heard(3)), (10, Due), (10, Left(6)), (14, Heard(3 + PROGRESS + AHEAD))],
                Some(15),
            ),
            (
                "a frame that trickles",
                &[(9, Trickled(3)), (10, Due), (10, Left(6)), (12, Trickled(3)), (14, Trickled(3))],
                Some(15),
            ),
            (
                "small frames in place of a Pong",
                &[(10, Due), (10, Left(6)), (12, Trickled(70)), (14, Trickled(140))],
                Some(15),
            ),
            (
                "a peer that talks and does not listen",
                &[(10, Due), (14, Heard(AHEAD - 1)), (17, Heard(AHEAD + PROGRESS))],
                Some(19),
            ),
            (
                "one that went on talking before it read the Ping, and then listened",
                &[(10, Due), (14, Heard(AHEAD - 1)), (15, Left(6)), (19, Heard(2 * AHEAD - 2))],
                Some(24),
            ),
            ("a full output", &[(10, Due), (10, Left(6)), (12, Hold)], None),
            ("one that is read", &[(10, Due), (10, Left(6)), (12, Hold), (99, Resume)], Some(102)),
            (
                "one with a Ping that cannot leave",
                &[(10, Due), (12, Hold), (99, Resume)],
                Some(102),
            ),
            (
                "a Ping that leaves while the output is full",
                &[(8, Hold), (10, Due), (11, Left(6)), (99, Resume)],
                Some(104),
            ),
            (
                "what a peer had to say while the output was full for long",
                &[(8, Hold), (10, Due), (11, Left(6)), (99, Resume), (103, Heard(FAR))],
                Some(108),
            ),
            (
                "the same, and one that is asked before it is through",
                &[
                    (8, Hold),
                    (20, Resume),
                    (20, Due),
                    (20, Left(6)),
                    (24, Heard(FAR)),
                    (28, Heard(2 * FAR)),
                ],
                Some(33),
            ),
            (
                "a Pong from the middle of that",
                &[
                    (8, Hold),
                    (10, Due),
                    (10, Left(6)),
                    (20, Resume),
                    (20, Due),
                    (20, Left(6)),
                    (21, Pong(1)),
                    (24, Heard(FAR)),
                ],
                Some(29),
            ),
            (
                "a Pong from behind it, which ends it",
                &[
                    (8, Hold),
                    (15, Resume),
                    (15, Due),
                    (15, Left(6)),
                    (19, Heard(FAR)),
                    (21, Pong(1)),
                    (25, Due),
                    (25, Left(12)),
                    (28, Heard(3 * FAR)),
                ],
                Some(30),
            ),
            (
                "an output that was full for a moment",
                &[(8, Hold), (12, Resume), (12, Due), (12, Left(6)), (14, Heard(FAR))],
                Some(17),
            ),
        ];
        for (case, happenings, silent) in cases {
            assert_eq!(silent_after(5, happenings), *silent, "{case}");
        }
    }

    #[test]
    fn a_ping_goes_out_each_interval_and_its_pong_keeps_the_session() {
        let (mut keepalive, start) = started(5);
        assert_eq!(keepalive.deadline(), Some(start + 10 * SECOND));
        assert_eq!(keepalive.ping(0, start + 9 * SECOND), None);
        let payload = keepalive.ping(0, start + 10 * SECOND).unwrap();
        keepalive.ping_left(6, 0, start + 11 * SECOND);
        assert_eq!(keepalive.deadline(), Some(start + 16 * SECOND));
        assert_eq!(keepalive.pong(&payload, start + 12 * SECOND), Some(SECOND));
        assert_eq!(keepalive.deadline(), Some(start + 20 * SECOND));
        assert!(!keepalive.is_silent(start + 16 * SECOND));
    }

    #[test]
    fn only_a_pong_with_our_payload_counts() {
        let (mut keepalive, start) = started(5);
        keepalive.ping(0, start + 10 * SECOND).unwrap();
        keepalive.ping_left(6, 0, start + 10 * SECOND);
        for payload in [&b""[..], b"else", &[0; 8]] {
            assert_eq!(keepalive.pong(payload, start + 11 * SECOND), None);
        }
        assert!(keepalive.is_silent(start + 15 * SECOND));
    }

    #[test]
    fn a_pong_answers_the_pings_before_its_own_too() {
        let (mut keepalive, start) = started(60);
        keepalive.ping(0, start + 10 * SECOND).unwrap();
        keepalive.ping_left(6, 0, start + 10 * SECOND);
        let second = keepalive.ping(0, start + 20 * SECOND).unwrap();
        keepalive.ping_left(12, 0, start + 20 * SECOND);
        assert_eq!(keepalive.pong(&second, start + 21 * SECOND), Some(SECOND));
        assert_eq!(keepalive.deadline(), Some(start + 30 * SECOND));
    }

    #[test]
    fn no_second_ping_queues_behind_one_that_cannot_leave() {
        let (mut keepalive, start) = started(60);
        keepalive.ping(0, start + 10 * SECOND).unwrap();
        assert_eq!(keepalive.deadline(), Some(start + 70 * SECOND));
        assert_eq!(keepalive.ping(0, start + 20 * SECOND), None);
        keepalive.ping_left(6, 0, start + 30 * SECOND);
        assert!(keepalive.ping(0, start + 30 * SECOND).is_some());
    }

    #[test]
    fn a_pong_may_come_before_its_ping_is_known_to_have_left() {
        let (mut keepalive, start) = started(5);
        let payload = keepalive.ping(0, start + 10 * SECOND).unwrap();
        assert_eq!(keepalive.pong(&payload, start + 11 * SECOND), Some(SECOND));
        keepalive.ping_left(6, 0, start + 12 * SECOND);
        assert_eq!(keepalive.deadline(), Some(start + 20 * SECOND));
    }

    #[test]
    fn pings_that_could_not_be_sent_in_time_are_not_made_up_for() {
        let (mut keepalive, start) = started(60);
        keepalive.ping(0, start + 10 * SECOND).unwrap();
        keepalive.ping_left(6, 0, start + 45 * SECOND);
        assert!(keepalive.ping(0, start + 45 * SECOND).is_some());
        keepalive.ping_left(12, 0, start + 45 * SECOND);
        assert_eq!(keepalive.deadline(), Some(start + 55 * SECOND));
    }

    #[test]
    fn pings_that_wait_are_bounded() {
        let (mut keepalive, start) = started(1 << 30);
        let mut now = start;
        for _ in 0..MAX_WAITING {
            now += 10 * SECOND;
            keepalive.ping(0, now).unwrap();
            keepalive.ping_left(6, 0, now);
        }
        assert_eq!(keepalive.ping(0, now + 10 * SECOND), None);
    }

    #[test]
    fn a_day_of_pings_is_counted_to_the_last() {
        let (start, day) = (Instant::now(), Duration::from_secs(24 * 60 * 60));
        let mut keepalive = Keepalive::new(30 * SECOND, 7 * SECOND, u32::MAX, start);
        let mut pings = 0;
        let mut now = start;
        while let Some(deadline) = keepalive.deadline()
            && deadline <= start + day
        {
            now = deadline;
            assert!(!keepalive.is_silent(now), "after {pings}");
            // No timer is exact.
            let late = now + SECOND / 500;
            let payload = keepalive.ping(pings * 20, late).expect("nothing else is due");
            pings += 1;
            keepalive.ping_left(pings * 14, pings * 20, late);
            assert_eq!(keepalive.pong(&payload, late + SECOND), Some(SECOND));
        }
        assert_eq!((pings, now), (2880, start + day));
    }
}
