//! Tests of whole sessions under a clock that stands still while anybody works and jumps when all wait:
//! hours take no time, and what is due at a second happens in it.

use std::fs::File;
use std::pin::pin;
use std::rc::Rc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use signal_hook::consts::SIGURG;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _, DuplexStream};
use tokio::runtime::{Builder, Runtime};
use tokio::time::sleep;

use super::{
    Conversation, Course, Ends, Gap, Heard, Interrupts, Output, STDOUT, Session, Settings, clock,
};
use crate::descriptor;
use crate::exit::{Answer, Closure, Outcome};
use crate::failure::{Failure, TimeLimit};
use crate::input::reader::{Origin, Reader};
use crate::input::{Feed, Framing, Messages, Shape};
use crate::output::encode::Format;
use crate::output::{Destination, Encoding};
use crate::policy::ending::{Conditions, Input, Patience, Rules};
use crate::wire::encode::{self, Head};
use crate::wire::{Close, Kind, Role, opcode};

const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_secs(60 * 60);
/// Bytes between the two that are not read.
const PIPE: usize = 64 * 1024;

/// What runs under such a clock.
fn paused() -> Runtime {
    Builder::new_current_thread().enable_all().start_paused(true).build().unwrap()
}

/// A session that is to be simulated.
struct Simulated {
    rules: Rules,
    /// A message that is sent, if it has any bytes.
    message: usize,
    keepalive: (u32, u32),
    stdout: File,
}

impl Simulated {
    /// One that listens, with so many seconds of keepalive, until the conditions are met.
    fn listening(keepalive: (u32, u32), conditions: Conditions) -> Simulated {
        let rules = Rules {
            conditions,
            input: Input::Ignored,
            linger: Patience::For(Duration::ZERO),
            wait: None,
            expects_close: false,
            expected: Vec::new(),
        };
        let stdout = File::options().write(true).open("/dev/null").unwrap();
        Simulated { rules, message: 0, keepalive, stdout }
    }

    /// Goes through it with a peer; how it ends, and after how many seconds.
    fn run<P: Future<Output = ()>>(self, peer: impl FnOnce(DuplexStream) -> P) -> (Outcome, f64) {
        paused().block_on(async {
            let begin = tokio::time::Instant::now();
            let (ours, theirs) = tokio::io::duplex(PIPE);
            let mut session = pin!(self.session(ours));
            let mut peer = pin!(peer(theirs));
            let outcome = tokio::select! {
                outcome = &mut session => outcome,
                () = &mut peer => session.await,
            };
            (outcome, begin.elapsed().as_secs_f64())
        })
    }

    async fn session(self, stream: DuplexStream) -> Outcome {
        let encoding = Encoding {
            format: Format::Raw,
            print0: false,
            timestamps: false,
            escape: false,
            pretty: false,
            palette: Default::default(),
        };
        let mut output = Output::new(STDOUT.into(), encoding, Destination::Given(self.stdout));
        let shape = Shape::Payloads { framing: Framing::Whole, kind: Kind::Binary, decode: None };
        let sends = self.message > 0;
        let messages = sends.then(|| Messages::new("message", shape));
        let origin = ("message".into(), Origin::Bytes(vec![0; self.message]));
        let reader = sends.then(|| Reader::new(vec![origin]));
        let mut course = Course::new(Feed::new(messages), reader, self.rules, clock::now());
        let ends = Ends { course: &mut course, output: &mut output, stats: Rc::default() };
        let (interval, timeout) = self.keepalive;
        let settings = Settings {
            close: Close::new(1000, ""),
            close_timeout: Some(SECOND),
            keepalive: Some((interval * SECOND, timeout * SECOND)),
            max_message: None,
            deflate: None,
        };
        // Nobody sends this one, and Ctrl-C still ends the tests.
        let mut interrupts = Interrupts::by([SIGURG; 2], Instant::now(), None).unwrap();
        Session::new(stream, &Bytes::new(), ends, settings).run(&mut interrupts).await
    }
}

/// A peer that answers Pings and the Close, and sends so many messages, each after this time. It counts
/// the Pings.
async fn answer(stream: DuplexStream, messages: u32, pause: Duration, pings: &mut u32) {
    let mut peer = Conversation::new(stream, &Bytes::new(), Role::Server, None, None);
    let mut sent = 0;
    let mut next = pin!(sleep(pause));
    loop {
        tokio::select! {
            heard = peer.next(true) => match heard {
                Some(Heard::Ping(_)) => *pings += 1,
                Some(Heard::End(_)) => return peer.part().await,
                _ => {}
            },
            () = &mut next, if sent < messages => {
                sent += 1;
                peer.say(Kind::Text, "x".into());
                let then = next.deadline() + pause;
                next.as_mut().reset(then);
            }
        }
    }
}

fn timed(condition: Duration) -> Conditions {
    Conditions { duration: Some(condition), ..Conditions::default() }
}

fn is_near(seconds: f64, wanted: Duration) -> bool {
    (seconds - wanted.as_secs_f64()).abs() < 0.1
}

#[test]
fn in_a_day_a_ping_goes_out_each_interval_and_the_session_ends_in_time() {
    let mut pings = 0;
    let day = Simulated::listening((30, 5), timed(24 * HOUR + SECOND));
    let (outcome, seconds) = day.run(|peer| answer(peer, 24, HOUR, &mut pings));
    assert!(matches!(outcome.closure, Closure::ByUs { answer: Answer::Close(_), .. }));
    assert!(outcome.condition_met && outcome.failure.is_none(), "{outcome:?}");
    assert_eq!(pings, 24 * 60 * 2);
    assert!(is_near(seconds, 24 * HOUR + SECOND), "{seconds}");
}

#[test]
fn hours_of_idle_linger_and_wait_are_counted_from_the_last_message_whatever_the_pings() {
    let idle = Conditions { idle: Some(2 * HOUR), ..Conditions::default() };
    let count = Conditions { count: Some(25), ..Conditions::default() };
    let none = Conditions::default;
    let cases = [
        ("idle", Input::Ignored, idle, 2, true),
        ("linger", Input::MayRemain, none(), 3, true),
        ("wait", Input::MustBeSent, count, 4, false),
    ];
    for (case, input, conditions, hours, is_well) in cases {
        let mut day = Simulated::listening((60, 60), conditions);
        day.rules.input = input;
        day.rules.linger = Patience::For(3 * HOUR);
        day.rules.wait = Some(Patience::For(4 * HOUR));
        let mut pings = 0;
        let (outcome, seconds) = day.run(|peer| answer(peer, 24, HOUR, &mut pings));
        let waited = matches!(outcome.failure, Some(Failure::TimeLimit(TimeLimit::Wait(_))));
        assert_eq!((outcome.failure.is_none(), waited), (is_well, !is_well), "{case}");
        assert!(is_near(seconds, (24 + hours) * HOUR), "{case}: {seconds}");
        // One may be due in the moment of the end.
        let minutes = (24 + hours) * 60;
        assert!((minutes - 1..=minutes).contains(&pings), "{case}: {pings}");
    }
}

/// The second in which the peer is found to be silent.
fn silent_at((outcome, seconds): (Outcome, f64)) -> f64 {
    assert!(matches!(outcome.failure, Some(Failure::PeerSilent(_))), "{outcome:?}");
    seconds
}

/// The head of a message of so many bytes.
fn head(length: u64) -> Vec<u8> {
    let mut head = vec![0x82, 127];
    head.extend(length.to_be_bytes());
    head
}

fn frame(opcode: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    encode::frame(&mut bytes, Head { fin: true, opcode, rsv1: false }, None, payload);
    bytes
}

#[test]
fn a_peer_that_stops_reading_a_large_message_is_found() {
    let mut sending = Simulated::listening((10, 5), Conditions::default());
    sending.rules.input = Input::MustBeSent;
    sending.message = 4 << 20;
    let stuck = sending.run(|peer| async move {
        sleep(HOUR).await;
        drop(peer);
    });
    assert!(is_near(silent_at(stuck), 15 * SECOND));
}

#[test]
fn a_peer_that_reads_a_large_message_slowly_is_found_only_when_it_stops() {
    let mut sending = Simulated::listening((10, 5), Conditions::default());
    sending.rules.input = Input::MustBeSent;
    sending.message = 4 << 20;
    let slow = sending.run(|mut peer| async move {
        // Too little to come to a Ping in time.
        let mut piece = [0; 1000];
        for _ in 0..50 {
            sleep(4 * SECOND).await;
            peer.read_exact(&mut piece).await.unwrap();
        }
        sleep(HOUR).await;
    });
    assert!(is_near(silent_at(slow), 205 * SECOND));
}

#[test]
fn a_peer_that_cannot_answer_within_a_frame_is_found_only_when_it_falls_silent() {
    let listening = Simulated::listening((10, 5), timed(HOUR));
    let slow = listening.run(|mut peer| async move {
        peer.write_all(&head(1 << 30)).await.unwrap();
        for _ in 0..50 {
            sleep(4 * SECOND).await;
            peer.write_all(&[0; 20_000]).await.unwrap();
        }
        sleep(HOUR).await;
    });
    assert!(is_near(silent_at(slow), 205 * SECOND));
}

#[test]
fn a_peer_that_answers_after_a_frame_of_minutes_stays() {
    let listening = Simulated::listening((10, 5), timed(HOUR));
    let mut pings = 0;
    let (outcome, seconds) = listening.run(|mut peer| async {
        peer.write_all(&head(1_000_000)).await.unwrap();
        for _ in 0..50 {
            sleep(4 * SECOND).await;
            peer.write_all(&[0; 20_000]).await.unwrap();
        }
        answer(peer, 0, HOUR, &mut pings).await;
    });
    assert!(outcome.failure.is_none(), "{outcome:?}");
    assert!(is_near(seconds, HOUR) && pings == 359, "{seconds} {pings}");
}

#[test]
fn a_peer_that_talks_and_never_answers_is_found_in_time() {
    let listening = Simulated::listening((10, 5), timed(HOUR));
    let talking = listening.run(|mut peer| async move {
        let message = frame(opcode::TEXT, &[b'x'; 60_000]);
        loop {
            sleep(SECOND).await;
            if peer.write_all(&message).await.is_err() {
                return;
            }
        }
    });
    // A frame that is through excuses nothing.
    assert!(is_near(silent_at(talking), 15 * SECOND));
}

#[test]
fn a_peer_that_trickles_or_says_little_and_never_answers_is_found_at_once() {
    let cases = [head(1 << 30), Vec::new()];
    for begun in cases {
        let is_within = !begun.is_empty();
        let trickling = Simulated::listening((10, 5), timed(HOUR)).run(|mut peer| async move {
            peer.write_all(&begun).await.unwrap();
            let tick = if is_within { vec![0; 100] } else { frame(opcode::TEXT, b"tick") };
            while peer.write_all(&tick).await.is_ok() {
                sleep(SECOND).await;
            }
        });
        assert!(is_near(silent_at(trickling), 15 * SECOND), "{is_within}");
    }
}

#[test]
fn a_full_stdout_stops_the_clock_and_what_came_meanwhile_is_read_first() {
    let (reader, writer) = std::io::pipe().unwrap();
    let reader = File::from(std::os::fd::OwnedFd::from(reader));
    let mut listening = Simulated::listening((10, 5), timed(2 * HOUR));
    listening.stdout = File::from(std::os::fd::OwnedFd::from(writer));
    let (outcome, seconds) = listening.run(|peer| async move {
        let (mut from, mut to) = tokio::io::split(peer);
        let talking = async {
            // The Pongs stand behind what is not read for an hour.
            for _ in 0..100 {
                to.write_all(&frame(opcode::BINARY, &[b'x'; 50_000])).await.unwrap();
            }
            for number in 1..u32::MAX {
                let Some(ping) = next_ping(&mut from).await else { break };
                assert_eq!(ping[4..], number.to_be_bytes());
                to.write_all(&frame(opcode::PONG, &ping)).await.unwrap();
            }
            to.write_all(&frame(opcode::CLOSE, &[])).await.unwrap();
        };
        let printing = async {
            sleep(HOUR).await;
            let mut left = 5_000_000;
            let mut buffer = vec![0; 1 << 20];
            while left > 0 {
                match descriptor::read(&reader, &mut buffer) {
                    Ok(size) => left -= size,
                    Err(_) => sleep(SECOND / 1000).await,
                }
            }
        };
        tokio::join!(talking, printing);
    });
    assert!(outcome.failure.is_none(), "{outcome:?}");
    assert!(is_near(seconds, 2 * HOUR), "{seconds}");
}

/// What the next Ping says; nothing is a Close.
async fn next_ping(from: &mut (impl AsyncRead + Unpin)) -> Option<Vec<u8>> {
    let head = [from.read_u8().await.unwrap(), from.read_u8().await.unwrap()];
    let mut mask = [0; 4];
    from.read_exact(&mut mask).await.unwrap();
    let mut payload = vec![0; usize::from(head[1] & 0x7f)];
    from.read_exact(&mut payload).await.unwrap();
    payload.iter_mut().zip(mask.iter().cycle()).for_each(|(byte, mask)| *byte ^= mask);
    (head[0] == 0x80 | opcode::PING).then_some(payload)
}

#[test]
fn hours_between_two_connections_end_when_a_condition_says_so() {
    let rules = |conditions| Simulated::listening((10, 5), conditions).rules;
    let open = Conditions { duration: Some(19 * HOUR / 2), ..Conditions::default() };
    let silent = Conditions { idle: Some(3 * HOUR / 2), ..Conditions::default() };
    // The pauses that are waited to their ends, and the time of all that.
    for (conditions, pauses, ended) in [(open, 9, 19 * HOUR / 2), (silent, 1, 3 * HOUR / 2)] {
        let (waited, took) = paused().block_on(async {
            let begin = tokio::time::Instant::now();
            let mut interrupts = Interrupts::by([SIGURG; 2], Instant::now(), None).unwrap();
            let now = clock::now();
            let mut course = Course::new(Feed::new([]), None, rules(conditions), now).kept(0);
            course.lose(false);
            let mut waited = 0;
            while let Gap::Done(()) = course.meanwhile(sleep(HOUR), &mut interrupts).await {
                waited += 1;
            }
            (waited, begin.elapsed())
        });
        assert_eq!(waited, pauses);
        assert!(is_near(took.as_secs_f64(), ended), "{took:?}");
    }
}
