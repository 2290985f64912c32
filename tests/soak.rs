//! A soak: a hundred thousand messages and both directions at once, with Pings
//! between and within them, everything cut at random into writes and fragments;
//! over a pipe of a few bytes, over TCP, and into a stdout that nobody reads for
//! a while. What a seed determined is what must come out. Nothing here is timed.

mod support;

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::fs::File;
use std::io::{BufReader, Read, Seek as _, Write};
use std::os::fd::OwnedFd;
use std::rc::Rc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use bytes::{Buf as _, BufMut as _, Bytes, BytesMut};
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use rustix::fs::{CWD, Mode, mkfifoat};
use support::{
    BINARY, CLOSE, CONTINUATION, Frame, PONG, Peer, TEXT, Wire, buffered, close, ends, frame, ping,
    pong, run, shown,
};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::sync::Notify;
use tokio::time::timeout;
use wspipe::exit::Closure;
use wspipe::input::reader::{Origin, Reader};
use wspipe::input::{Feed, Framing, Shape};
use wspipe::output::{Destination, Encoding, Format, Palette};
use wspipe::policy::ending::{Conditions, Input, Patience, Rules};
use wspipe::session::{Course, Ends, Interrupts, Output, STDOUT, Session, Settings, Stats};
use wspipe::wire::Kind;

/// How long anything may take: more than elsewhere, since much is moved.
const DEADLINE: Duration = support::DEADLINE.saturating_mul(2);

/// How long nothing may move before it counts as a stall.
const STALL: Duration = Duration::from_millis(500);

/// Parts of all messages: neither direction gets ahead of the other by more than two.
const STAGES: usize = 10;

// What is said.

/// The messages of one test, in both directions.
#[derive(Clone, Copy)]
struct Traffic {
    seed: u64,
    /// How many there are, each way.
    count: usize,
    form: Form,
    sizes: Sizes,
}

/// Shares of all messages, and how long those are at most; they are longer than
/// those of the share before.
type Sizes = &'static [(u32, usize)];

const TINY: Sizes = &[(2, 0), (90, 30), (8, 300)];
/// Every way of stating a length.
const SMALL: Sizes = &[(2_000, 0), (90_000, 30), (7_990, 300), (10, 70_000)];
/// Also messages that are too large to be held.
const MIXED: Sizes =
    &[(2_000, 0), (90_000, 125), (7_900, 1_000), (90, 70_000), (6, 1 << 20), (4, 3 << 20)];
const LARGE: Sizes = &[(2, 0), (50, 125), (40, 4_000), (8, 70_000)];

/// How messages stand in stdin and on stdout.
#[derive(Clone, Copy)]
enum Form {
    Lines,
    Lengths,
}

impl Traffic {
    fn peers(&self) -> Messages {
        Messages::new(self.seed, 0, self.sizes, &[TEXT, BINARY])
    }

    fn programs(&self) -> Messages {
        let opcode = match self.form {
            Form::Lines => &[TEXT],
            Form::Lengths => &[BINARY],
        };
        Messages::new(self.seed, 1, self.sizes, opcode)
    }
}

impl Form {
    fn flags(self) -> &'static [&'static str] {
        match self {
            Form::Lines => &[],
            Form::Lengths => &["--length-prefixed", "--binary", "--format", "length"],
        }
    }

    fn typed(self, payload: &[u8]) -> Vec<u8> {
        match self {
            Form::Lines => [payload, b"\n"].concat(),
            Form::Lengths => [&(payload.len() as u32).to_be_bytes(), payload].concat(),
        }
    }

    fn printed(self, opcode: u8, payload: &[u8]) -> Vec<u8> {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        if opcode == TEXT || matches!(self, Form::Lengths) {
            return self.typed(payload);
        }
        let mut line = Vec::with_capacity(2 * payload.len() + 1);
        for byte in payload {
            line.push(DIGITS[usize::from(byte >> 4)]);
            line.push(DIGITS[usize::from(byte & 0xf)]);
        }
        line.push(b'\n');
        line
    }
}

fn random(seed: u64, purpose: u64) -> StdRng {
    StdRng::seed_from_u64(seed << 8 | purpose)
}

/// Messages without end, each as a seed determines it.
struct Messages {
    random: StdRng,
    sizes: Sizes,
    opcodes: &'static [u8],
    opcode: u8,
    pattern: String,
    number: usize,
    longest: usize,
    seed: u64,
}

impl Messages {
    fn new(seed: u64, purpose: u64, sizes: Sizes, opcodes: &'static [u8]) -> Messages {
        const CHARACTERS: [char; 12] =
            ['a', 'b', 'z', ' ', '"', '\\', '\0', '\x1b', 'é', '€', '😀', '\u{10ffff}'];
        let mut random = random(seed, purpose);
        let pattern = (0..4096).map(|_| CHARACTERS[random.random_range(0..CHARACTERS.len())]);
        let (pattern, opcode) = (pattern.collect(), opcodes[0]);
        Messages { random, sizes, opcodes, opcode, pattern, number: 0, longest: 0, seed }
    }

    fn size(&mut self) -> usize {
        let all = self.sizes.iter().map(|(share, _)| share).sum();
        let mut lot = self.random.random_range(0..all);
        let mut least = 0;
        for (share, most) in self.sizes {
            if lot < *share {
                return self.random.random_range(least..=*most);
            }
            lot -= share;
            least = most + 1;
        }
        unreachable!("one of them has drawn the lot")
    }

    /// The next one: its opcode and its payload, with its number where there is
    /// room for it.
    fn next(&mut self) -> (u8, Vec<u8>) {
        let size = self.size();
        // The same for some thirty messages.
        if self.random.random_ratio(1, 32) {
            self.opcode = self.opcodes[self.random.random_range(0..self.opcodes.len())];
        }
        let opcode = self.opcode;
        let start = self.random.random_range(0..self.pattern.len());
        let start = self.pattern.floor_char_boundary(start);
        let mut text = format!("{} {}", self.number, &self.pattern[start..]);
        while text.len() < size {
            text.push_str(&self.pattern);
        }
        text.truncate(text.floor_char_boundary(size));
        self.number += 1;
        self.longest = self.longest.max(text.len());
        let mut payload = text.into_bytes();
        if opcode == BINARY {
            // Which is no UTF-8.
            payload.iter_mut().for_each(|byte| *byte = !*byte);
        }
        (opcode, payload)
    }

    /// Whether the last share of sizes has had its turn.
    fn has_had_the_longest(&self) -> bool {
        self.sizes.iter().rev().nth(1).is_none_or(|(_, most)| self.longest > *most)
    }
}

#[track_caller]
fn check(seed: u64, number: usize, got: &[u8], wanted: &[u8]) {
    assert!(
        got == wanted,
        "seed {seed}: message {number} is {}, not {}",
        shown(got),
        shown(wanted)
    );
}

/// Bytes on their way out, to be written in pieces of random size.
struct Cuts {
    random: StdRng,
    waiting: BytesMut,
    next: usize,
}

impl Cuts {
    fn new(seed: u64, purpose: u64) -> Cuts {
        Cuts { random: random(seed, purpose), waiting: BytesMut::new(), next: 1 }
    }

    /// The next piece, if it is there as a whole: any magnitude is as likely.
    fn piece(&mut self) -> Option<BytesMut> {
        if self.waiting.len() < self.next {
            return None;
        }
        let piece = self.waiting.split_to(self.next);
        self.next = 1 << self.random.random_range(0..=12);
        self.next = self.random.random_range(1..=self.next);
        Some(piece)
    }

    fn rest(&mut self) -> BytesMut {
        self.waiting.split()
    }
}

// The peer.

/// What the two sides of the peer know of each other.
#[derive(Default)]
struct Ledger {
    spoken: Cell<usize>,
    heard: Cell<usize>,
    pings: Cell<usize>,
    pings_within: Cell<usize>,
    unanswered: RefCell<VecDeque<Vec<u8>>>,
    /// Whether the Close is sent.
    closed: Cell<bool>,
    news: Notify,
    seed: u64,
}

impl Ledger {
    fn new(seed: u64) -> Ledger {
        Ledger { seed, ..Ledger::default() }
    }

    fn count(&self, counted: &Cell<usize>) {
        counted.set(counted.get() + 1);
        self.news.notify_waiters();
    }

    /// A Pong answers the latest Ping, or at least a later one than the Pong
    /// before (RFC 6455 section 5.5.3).
    fn answered(&self, payload: &[u8]) {
        let mut unanswered = self.unanswered.borrow_mut();
        let found = unanswered.iter().position(|ping| ping == payload);
        let Some(found) = found else {
            panic!("seed {}: a Pong to no Ping: {}", self.seed, shown(payload));
        };
        unanswered.drain(..=found);
        self.news.notify_waiters();
    }

    async fn all_answered(&self) {
        while !self.unanswered.borrow().is_empty() {
            self.news.notified().await;
        }
    }

    async fn reaches(&self, counted: &Cell<usize>, count: usize) {
        while counted.get() < count {
            self.news.notified().await;
        }
    }

    /// Messages in either direction.
    fn counts(&self) -> (usize, usize) {
        (self.spoken.get(), self.heard.get())
    }

    fn state(&self) -> String {
        let (spoken, heard) = self.counts();
        let (pings, unanswered) = (self.pings.get(), self.unanswered.borrow().len());
        let seed = self.seed;
        format!(
            "seed {seed}: spoken {spoken}, heard {heard}, Pings {pings}, unanswered {unanswered}"
        )
    }
}

/// The peer's sending side.
struct Speaker<'a, W> {
    to: W,
    messages: Messages,
    random: StdRng,
    cuts: Cuts,
    ledger: &'a Ledger,
    /// To be told whenever nothing moves.
    on_stall: Option<Sender<()>>,
    written: usize,
}

impl<'a, W: AsyncWrite + Unpin> Speaker<'a, W> {
    fn new(to: W, traffic: Traffic, ledger: &'a Ledger) -> Self {
        let (random, cuts) = (random(traffic.seed, 2), Cuts::new(traffic.seed, 3));
        let messages = traffic.peers();
        Speaker { to, messages, random, cuts, ledger, on_stall: None, written: 0 }
    }

    async fn say(&mut self, count: usize) {
        for _ in 0..count {
            self.message();
            while let Some(piece) = self.cuts.piece() {
                self.write(piece).await;
            }
            if self.random.random_ratio(1, 4) {
                tokio::task::yield_now().await;
            }
        }
    }

    fn message(&mut self) {
        let (mut opcode, payload) = self.messages.next();
        // Calm hundreds of messages between wild ones.
        let wild = (self.ledger.spoken.get() / 100).is_multiple_of(2);
        let fragments = if wild { [1, 1, 1, 2, 3, 4][self.random.random_range(0..6)] } else { 1 };
        let mut rest = &payload[..];
        for _ in 1..fragments {
            self.control(opcode == CONTINUATION);
            let (fragment, more) = rest.split_at(self.random.random_range(0..=rest.len()));
            self.cuts.waiting.put_slice(&frame(opcode, fragment));
            (opcode, rest) = (CONTINUATION, more);
        }
        if wild || self.random.random_ratio(1, 16) {
            self.control(opcode == CONTINUATION);
        }
        self.last(opcode, rest);
    }

    fn last(&mut self, opcode: u8, fragment: &[u8]) {
        self.cuts.waiting.put_slice(&frame(0x80 | opcode, fragment));
        self.ledger.count(&self.ledger.spoken);
    }

    /// Now and then a Ping, or a Pong that nobody asked for.
    fn control(&mut self, within: bool) {
        match self.random.random_range(0..32) {
            0..4 => self.ping(within),
            4 => self.cuts.waiting.put_slice(&pong(b"unsolicited")),
            _ => {}
        }
    }

    fn ping(&mut self, within: bool) {
        let mut payload = format!("{} ", self.ledger.pings.get()).into_bytes();
        payload.resize(self.random.random_range(payload.len()..=125), 0xff);
        self.cuts.waiting.put_slice(&ping(&payload));
        self.ledger.unanswered.borrow_mut().push_back(payload);
        self.ledger.count(&self.ledger.pings);
        if within {
            self.ledger.count(&self.ledger.pings_within);
        }
    }

    /// More Pings than the program may find room for Pongs to.
    async fn flood(&mut self, pings: usize) {
        (0..pings).for_each(|_| self.ping(false));
        self.flush().await;
    }

    /// Sends nothing more before all Pings are answered, the last of which is
    /// after a message; and again, the last of them within one.
    async fn rest(&mut self) {
        self.ping(false);
        self.flush().await;
        self.ledger.all_answered().await;
        let (opcode, payload) = self.messages.next();
        let (fragment, rest) = payload.split_at(payload.len() / 2);
        self.cuts.waiting.put_slice(&frame(opcode, fragment));
        self.ping(true);
        self.flush().await;
        self.ledger.all_answered().await;
        self.last(CONTINUATION, rest);
        self.flush().await;
    }

    async fn close(&mut self) {
        self.cuts.waiting.put_slice(&close(1000, ""));
        self.ledger.closed.set(true);
        self.flush().await;
    }

    async fn flush(&mut self) {
        let rest = self.cuts.rest();
        self.write(rest).await;
    }

    async fn write(&mut self, mut piece: BytesMut) {
        while !piece.is_empty() {
            match timeout(STALL, self.to.write(&piece)).await {
                Ok(count) => {
                    let count = count.expect("the program reads");
                    piece.advance(count);
                    self.written += count;
                }
                Err(_) => {
                    if let Some(told) = &self.on_stall {
                        told.send(()).unwrap();
                    }
                }
            }
        }
    }
}

/// The peer's receiving side: what comes must be the messages and Pongs, then
/// the answer to the Close, then the end.
struct Listener<'a> {
    messages: Messages,
    open: Option<(u8, Vec<u8>)>,
    ledger: &'a Ledger,
}

impl Listener<'_> {
    async fn listen(&mut self, mut from: impl AsyncRead + Unpin) {
        let mut bytes = BytesMut::new();
        let mut closed = false;
        loop {
            match Frame::decode(&bytes) {
                Ok((frame, length)) => {
                    assert!(!closed, "after the Close: {frame:?}, {}", self.ledger.state());
                    bytes.advance(length);
                    closed = frame.opcode == CLOSE;
                    self.take(frame);
                }
                Err(_) => {
                    bytes.reserve(64 << 10);
                    if from.read_buf(&mut bytes).await.expect("the program writes") == 0 {
                        break;
                    }
                }
            }
        }
        assert!(closed && bytes.is_empty(), "an end without a Close: {}", self.ledger.state());
    }

    fn take(&mut self, frame: Frame) {
        let (opcode, mut payload) = match (frame.opcode, self.open.take()) {
            (PONG, open) => {
                self.open = open;
                return self.ledger.answered(&frame.payload);
            }
            (CLOSE, None) => {
                assert!(self.ledger.closed.get(), "a Close of its own: {}", self.ledger.state());
                return assert_eq!(frame.close_code(), Some(1000), "{}", self.ledger.state());
            }
            (TEXT | BINARY, None) => (frame.opcode, Vec::new()),
            (CONTINUATION, Some(open)) => open,
            _ => panic!("opcode {} is out of turn: {}", frame.opcode, self.ledger.state()),
        };
        payload.extend(frame.payload);
        if !frame.fin {
            self.open = Some((opcode, payload));
            return;
        }
        let (number, wanted) = (self.messages.number, self.messages.next());
        assert_eq!(opcode, wanted.0, "seed {}: message {number}", self.messages.seed);
        check(self.messages.seed, number, &payload, &wanted.1);
        self.ledger.count(&self.ledger.heard);
    }
}

/// A peer that says and hears everything, and closes.
async fn converse(stream: impl AsyncRead + AsyncWrite, traffic: Traffic) {
    let (from, to) = tokio::io::split(stream);
    let ledger = Ledger::new(traffic.seed);
    let mut speaker = Speaker::new(to, traffic, &ledger);
    let mut listener = Listener { messages: traffic.programs(), open: None, ledger: &ledger };
    let stage = traffic.count / STAGES;
    let speaking = async {
        speaker.flood(traffic.count / 8).await;
        for done in 0..STAGES - 1 {
            speaker.say(stage - 1).await;
            speaker.rest().await;
            ledger.reaches(&ledger.heard, done * stage).await;
        }
        // A Close ends what the program may send, but not what it prints.
        ledger.reaches(&ledger.heard, traffic.count).await;
        speaker.say(stage).await;
        speaker.close().await;
    };
    let listening = async {
        // Until then the program cannot write, and reads all the same.
        ledger.reaches(&ledger.spoken, stage - 1).await;
        listener.listen(from).await;
    };
    within_deadline(&ledger, async { tokio::join!(speaking, listening) }).await;
    assert_eq!(ledger.counts(), (traffic.count, traffic.count), "{}", ledger.state());
    let (pings, within) = (ledger.pings.get(), ledger.pings_within.get());
    assert!(within > traffic.count / 50 && pings > 2 * within, "{}", ledger.state());
    let longest = [&speaker.messages, &listener.messages].map(Messages::has_had_the_longest);
    assert_eq!(longest, [true, true], "{}", ledger.state());
}

/// A peer that speaks and hears all the while, but says no more than fits until
/// it is told that stdout is read. Returns how many messages it said.
async fn overfill(stream: impl AsyncRead + AsyncWrite, traffic: Traffic, with: Stall) -> usize {
    let (from, to) = tokio::io::split(stream);
    let ledger = Ledger::new(traffic.seed);
    let mut speaker = Speaker::new(to, traffic, &ledger);
    speaker.on_stall = Some(with.held_up);
    let mut listener = Listener { messages: traffic.programs(), open: None, ledger: &ledger };
    let buffered = buffered();
    let speaking = async {
        while with.is_read.try_recv().is_err() {
            assert!(speaker.written < buffered, "a stdout that nobody reads holds nothing up");
            speaker.say(1).await;
        }
        speaker.say(traffic.count).await;
        speaker.rest().await;
        speaker.close().await;
    };
    let hearing = async {
        ledger.reaches(&ledger.heard, traffic.count).await;
        with.all_heard.send(()).unwrap();
    };
    let talk = async { tokio::join!(speaking, listener.listen(from), hearing) };
    within_deadline(&ledger, talk).await;
    assert!(ledger.pings_within.get() > 1, "{}", ledger.state());
    ledger.spoken.get()
}

/// What a peer tells and is told around a stall.
struct Stall {
    /// The peer cannot write.
    held_up: Sender<()>,
    /// The peer has read all that was typed.
    all_heard: Sender<()>,
    /// stdout is read from now on.
    is_read: Receiver<()>,
}

async fn within_deadline<T>(ledger: &Ledger, talk: impl Future<Output = T>) -> T {
    let talk = timeout(DEADLINE, talk).await;
    talk.unwrap_or_else(|_| panic!("nothing moves any more: {}", ledger.state()))
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("a runtime").block_on(future)
}

/// The socket after the opening handshake, for a script that does two things at
/// once; the script must be done with `wire`.
fn stream(wire: &Wire) -> tokio::net::TcpStream {
    let stream = wire.stream();
    stream.set_nonblocking(true).unwrap();
    tokio::net::TcpStream::from_std(stream).unwrap()
}

// stdin and stdout.

/// A thread whose result is waited for under the deadline.
struct Aside<T> {
    result: Receiver<T>,
    thread: JoinHandle<()>,
}

fn aside<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Aside<T> {
    let (done, result) = channel();
    let thread = thread::spawn(move || drop(done.send(work())));
    Aside { result, thread }
}

impl<T> Aside<T> {
    #[track_caller]
    fn done(self) -> T {
        match self.result.recv_timeout(DEADLINE) {
            Ok(result) => result,
            Err(RecvTimeoutError::Timeout) => panic!("stdin or stdout stands still"),
            Err(RecvTimeoutError::Disconnected) => {
                std::panic::resume_unwind(self.thread.join().unwrap_err())
            }
        }
    }
}

/// Types the messages, waiting after each stage for word of the one before.
fn type_all(mut stdin: impl Write, traffic: Traffic, stages: &Receiver<()>) {
    let mut messages = traffic.programs();
    let mut cuts = Cuts::new(traffic.seed, 4);
    let stage = traffic.count / STAGES;
    for number in 0..traffic.count {
        if number > stage && number.is_multiple_of(stage) {
            stdin.write_all(&cuts.rest()).expect("the program reads stdin");
            stages.recv_timeout(DEADLINE).expect("messages come out meanwhile");
        }
        cuts.waiting.put_slice(&traffic.form.typed(&messages.next().1));
        while let Some(piece) = cuts.piece() {
            stdin.write_all(&piece).expect("the program reads stdin");
        }
    }
    stdin.write_all(&cuts.rest()).expect("the program reads stdin");
}

/// Reads the messages to the end of stdout, giving word after each stage, and
/// returns how many there were.
fn read_all(stdout: impl Read, traffic: Traffic, stages: &Sender<()>) -> usize {
    let mut stdout = BufReader::new(stdout);
    let mut messages = traffic.peers();
    let mut got = Vec::new();
    loop {
        let number = messages.number;
        if number > 0 && number.is_multiple_of(traffic.count / STAGES) {
            // At the end nobody waits for it any more.
            let _ = stages.send(());
        }
        let (opcode, payload) = messages.next();
        let wanted = traffic.form.printed(opcode, &payload);
        got.clear();
        stdout.by_ref().take(wanted.len() as u64).read_to_end(&mut got).expect("stdout");
        if got.is_empty() {
            return number;
        }
        check(traffic.seed, number, &got, &wanted);
    }
}

// The program.

/// What stands for stdin and stdout.
struct Streams {
    stdin: Origin,
    stdout: Destination,
}

/// A session of the library between these, which must go well.
async fn session(stream: impl AsyncRead + AsyncWrite + Unpin, streams: Streams, traffic: Traffic) {
    let mut output = Output::new(STDOUT.into(), encoding(traffic.form), streams.stdout);
    let stats = Rc::new(Stats::default());
    let feed = Feed::new([wspipe::input::Messages::new("stdin", shape(traffic.form))]);
    let reader = Reader::new(vec![("stdin".into(), streams.stdin)]);
    let mut course = Course::new(feed, Some(reader), rules(), Instant::now());
    let ends = Ends { course: &mut course, output: &mut output, stats: Rc::clone(&stats) };
    let mut interrupts = Interrupts::new(Instant::now(), None).expect("the signals");
    let session = Session::new(stream, &Bytes::new(), ends, settings());
    let outcome = timeout(DEADLINE, session.run(&mut interrupts)).await.expect("an end");
    timeout(DEADLINE, output.writer.drain()).await.expect("an end").expect("stdout is read");

    let closed = Closure::ByPeer(wspipe::wire::Close::new(1000, ""));
    assert_eq!(outcome.closure, closed, "seed {}: {outcome:?}", traffic.seed);
    assert!(outcome.failure.is_none() && !outcome.unsent.is_any() && !outcome.cut, "{outcome:?}");
    let messages = (stats.messages_in.get(), stats.messages_out.get());
    assert_eq!(messages, (traffic.count as u64, traffic.count as u64), "seed {}", traffic.seed);
}

fn rules() -> Rules {
    Rules {
        conditions: Conditions::default(),
        input: Input::MayRemain,
        linger: Patience::Forever,
        wait: None,
        expects_close: false,
        expected: Vec::new(),
    }
}

fn settings() -> Settings {
    let close = wspipe::wire::Close::new(1000, "");
    Settings {
        close,
        close_timeout: Some(DEADLINE),
        keepalive: None,
        max_message: None,
        deflate: None,
    }
}

fn shape(form: Form) -> Shape {
    let (framing, kind) = match form {
        Form::Lines => (Framing::Lines, Kind::Text),
        Form::Lengths => (Framing::LengthPrefixed, Kind::Binary),
    };
    Shape::Payloads { framing, kind, decode: None }
}

fn encoding(form: Form) -> Encoding {
    let format = match form {
        Form::Lines => Format::Text,
        Form::Lengths => Format::Length,
    };
    let palette = Palette::plain();
    Encoding { format, print0: false, timestamps: false, escape: false, pretty: false, palette }
}

// The tests.

/// A session and its peer with a pipe of so many bytes between them.
fn soak_over_a_pipe(capacity: usize, streams: Streams, traffic: Traffic) {
    let (near, far) = tokio::io::duplex(capacity);
    block_on(async { tokio::join!(session(near, streams, traffic), converse(far, traffic)) });
}

fn soak_between_pipes(capacity: usize, traffic: Traffic) {
    let (stdin, typing) = std::io::pipe().expect("a pipe");
    let (printed, stdout) = std::io::pipe().expect("a pipe");
    let (stages, told) = channel();
    let typing = aside(move || type_all(typing, traffic, &told));
    let reading = aside(move || read_all(printed, traffic, &stages));
    let (stdin, stdout) = (OwnedFd::from(stdin), OwnedFd::from(stdout));
    let (stdin, stdout) = (Origin::File(stdin.into()), Destination::Given(stdout.into()));
    soak_over_a_pipe(capacity, Streams { stdin, stdout }, traffic);
    typing.done();
    assert_eq!(reading.done(), traffic.count, "messages on stdout");
}

#[test]
fn everything_passes_a_pipe_of_one_byte_both_ways() {
    soak_between_pipes(1, Traffic { seed: 1, count: 2_000, form: Form::Lines, sizes: TINY });
}

#[test]
fn a_hundred_thousand_messages_pass_a_pipe_of_64_bytes_both_ways() {
    soak_between_pipes(64, Traffic { seed: 2, count: 100_000, form: Form::Lines, sizes: SMALL });
}

#[test]
fn everything_passes_a_pipe_of_seven_bytes_where_stdin_and_stdout_need_threads() {
    let traffic = Traffic { seed: 3, count: 10_000, form: Form::Lengths, sizes: TINY };
    let folder = tempfile::TempDir::new().unwrap();
    let fifo = folder.path().join("stdin");
    mkfifoat(CWD, &fifo, Mode::RUSR | Mode::WUSR).unwrap();
    // Opened both ways, it does not wait for its other end.
    let typing = File::options().read(true).write(true).open(&fifo).unwrap();
    let (printed, stdout) = std::io::pipe().expect("a pipe");
    let (stages, told) = channel();
    let typing = aside(move || type_all(typing, traffic, &told));
    let reading = aside(move || read_all(printed, traffic, &stages));
    let stdout = Destination::Apart(OwnedFd::from(stdout).into());
    soak_over_a_pipe(7, Streams { stdin: Origin::Fifo(fifo), stdout }, traffic);
    typing.done();
    assert_eq!(reading.done(), traffic.count, "messages on stdout");
}

#[test]
fn everything_passes_a_pipe_of_64_bytes_where_stdin_and_stdout_are_files() {
    let traffic = Traffic { seed: 4, count: 10_000, form: Form::Lines, sizes: SMALL };
    let (mut stdin, mut stdout) = (tempfile::tempfile().unwrap(), tempfile::tempfile().unwrap());
    let (stages, told) = channel();
    (2..STAGES).for_each(|_| stages.send(()).unwrap());
    type_all(&stdin, traffic, &told);
    stdin.rewind().unwrap();
    let printed = Destination::Given(stdout.try_clone().unwrap());
    let streams = Streams { stdin: Origin::File(stdin), stdout: printed };
    soak_over_a_pipe(64, streams, traffic);
    stdout.rewind().unwrap();
    assert_eq!(read_all(&stdout, traffic, &stages), traffic.count, "messages on stdout");
}

fn soak_over_tcp(traffic: Traffic) {
    let peer = Peer::start(move |wire| {
        wire.accept();
        block_on(async { converse(stream(wire), traffic).await });
    });
    let run =
        run(["connect", "--linger", "forever", &peer.url()].iter().chain(traffic.form.flags()));
    let mut running = run.stdin_held().stdout_unread().deadline(DEADLINE).start();
    let (stdin, stdout) = (running.take_stdin(), running.take_stdout());
    let (stages, told) = channel();
    let typing = aside(move || type_all(stdin, traffic, &told));
    let reading = aside(move || read_all(stdout, traffic, &stages));
    let printed = reading.done();
    running.output().check(ends(0));
    assert_eq!(printed, traffic.count, "messages on stdout");
    typing.done();
    peer.seen();
}

#[test]
fn a_hundred_thousand_lines_pass_tcp_both_ways() {
    soak_over_tcp(Traffic { seed: 5, count: 100_000, form: Form::Lines, sizes: MIXED });
}

#[test]
fn a_hundred_thousand_length_prefixed_messages_pass_tcp_both_ways() {
    soak_over_tcp(Traffic { seed: 6, count: 100_000, form: Form::Lengths, sizes: MIXED });
}

#[test]
fn a_stdout_that_is_read_late_gets_everything_while_stdin_goes_on() {
    let traffic = Traffic { seed: 7, count: 3_000, form: Form::Lines, sizes: LARGE };
    let (held_up, is_held_up) = channel();
    let (all_heard, has_all_heard) = channel();
    let (reads, is_read) = channel();
    let (spoken, count) = channel();
    let peer = Peer::start(move |wire| {
        wire.accept();
        let with = Stall { held_up, all_heard, is_read };
        spoken.send(block_on(async { overfill(stream(wire), traffic, with).await })).unwrap();
    });
    let run = run(["connect", "--linger", "forever", &peer.url()]);
    let mut running = run.stdin_held().stdout_unread().deadline(DEADLINE).start();
    let (stdin, stdout) = (running.take_stdin(), running.take_stdout());
    let (stages, told) = channel();
    let typing = aside(move || type_all(stdin, traffic, &told));
    // Two stages are typed without word.
    let type_half = || (2..STAGES).step_by(2).for_each(|_| stages.send(()).unwrap());

    type_half();
    // A program that is only slow does not sleep.
    while {
        is_held_up.recv_timeout(DEADLINE).expect("a full stdout stops the reading");
        !running.is_asleep()
    } {}
    type_half();
    has_all_heard.recv_timeout(DEADLINE).expect("a full stdout does not stop the sending");
    reads.send(()).unwrap();
    let reading = aside(move || read_all(stdout, traffic, &channel().0));
    let printed = reading.done();
    running.output().check(ends(0));
    typing.done();
    peer.seen();
    assert_eq!(printed, count.recv().unwrap(), "messages on stdout");
}
