//! One phase: how the program gets there, and what it says when it is ended there.

use std::any::Any;
use std::io::{ErrorKind, Write};
use std::net::TcpStream;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ChildStdin;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{OFlags, fcntl_setfl};
use rustix::process::Signal;

use crate::support::{DEADLINE, Output, Peer, Run, Running, Wire, dies_by, ends};

/// The limits, long enough for the phase to be reached on a busy machine.
const TIME: &str = "1500ms";
/// What a run may take from its start, or from the signal: the limit or the second that the contract
/// allows, the last words, and the rest for a busy machine.
const LONGEST: Duration = Duration::from_secs(10);
/// Where nothing moves for so long, nothing moves.
const STALL: Duration = Duration::from_millis(500);

/// What ends the run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Column {
    MaxTime,
    ConnectTimeout,
    Int,
    Term,
    IntTwice,
}

pub const ALL: &[Column] =
    &[Column::MaxTime, Column::ConnectTimeout, Column::Int, Column::Term, Column::IntTwice];
pub const OPEN: &[Column] = &[Column::MaxTime, Column::Int, Column::Term, Column::IntTwice];
pub const LIMIT: &[Column] = &[Column::MaxTime];
pub const SIGNALS: &[Column] = &[Column::Int, Column::Term, Column::IntTwice];

/// A row of the table.
pub struct Phase {
    pub name: String,
    pub columns: &'static [Column],
    set: Box<dyn Fn() -> Stage + Send + Sync>,
}

/// What a cell needs: everything is made anew for each.
pub struct Stage {
    run: Run,
    enter: Box<dyn FnOnce(&mut Running)>,
    reached: Box<dyn FnOnce(&Running)>,
    /// Its last line when `--connect-timeout` is hit, and when a signal ends it, `SIGNAL` being its name;
    /// what is added when `-m` is hit. `#` is a number.
    timed_out: String,
    signalled: String,
    unwritten: String,
    stdout_apart: bool,
    /// What must not go before the program has.
    props: Vec<Box<dyn Any>>,
    peers: Vec<Peer>,
    over: Vec<Sender<()>>,
}

impl Phase {
    pub fn new(
        name: impl Into<String>,
        columns: &'static [Column],
        set: impl Fn() -> Stage + Send + Sync + 'static,
    ) -> Phase {
        Phase { name: name.into(), columns, set: Box::new(set) }
    }

    /// Runs a cell; why it is wrong, if it is.
    pub fn run(&self, column: Column) -> Result<(), String> {
        let name = format!("{}, {column:?}", self.name);
        let done = catch_unwind(AssertUnwindSafe(|| (self.set)().play(column, &name)));
        done.map_err(|panic| {
            let why = panic.downcast_ref::<String>().cloned();
            format!("{name}: {}", why.unwrap_or_else(|| "it failed".into()))
        })
    }
}

impl Stage {
    pub fn new(run: Run) -> Stage {
        Stage {
            run,
            enter: Box::new(|_| {}),
            reached: Box::new(|_| {}),
            timed_out: String::new(),
            signalled: String::new(),
            unwritten: String::new(),
            stdout_apart: false,
            props: Vec::new(),
            peers: Vec::new(),
            over: Vec::new(),
        }
    }

    /// A run that ends before there is a session; `missing` is what `address` did not give in time.
    pub fn unopened(run: Run, address: &str, missing: &str) -> Stage {
        let timed_out =
            format!("wspipe: {address} did not open a session within 1s 500ms: {missing}\n");
        let stage = Stage::new(run).saying("ended by SIGNAL before the session was open\n");
        Stage { timed_out, ..stage }
    }

    /// A run whose session is open; `more` is said of it when a signal ends it.
    pub fn opened(run: Run, more: &str) -> Stage {
        let line = format!("closed by us: 1001 going away; ended by SIGNAL{more}\n");
        Stage::new(run).saying(&line)
    }

    /// What it says when a signal ends it.
    pub fn saying(mut self, signalled: &str) -> Stage {
        self.signalled = signalled.into();
        self
    }

    /// What it says of its output when `-m` ends it.
    pub fn leaving(mut self, unwritten: &str) -> Stage {
        self.unwritten = unwritten.into();
        self
    }

    /// What the test does once the program runs.
    pub fn entering(mut self, enter: impl FnOnce(&mut Running) + 'static) -> Stage {
        self.enter = Box::new(enter);
        self
    }

    /// What is waited for before a signal is sent.
    pub fn reached(mut self, reached: impl FnOnce(&Running) + 'static) -> Stage {
        self.reached = Box::new(reached);
        self
    }

    /// The same, where a peer tells.
    pub fn reached_when(self, told: Receiver<()>) -> Stage {
        self.reached(move |_| told.recv_timeout(DEADLINE).expect("the phase is reached"))
    }

    pub fn with_stdout_checked_apart(mut self) -> Stage {
        self.stdout_apart = true;
        self
    }

    pub fn with(mut self, prop: impl Any) -> Stage {
        self.props.push(Box::new(prop));
        self
    }

    pub fn beside(mut self, Waiting { peer, over, .. }: Waiting) -> Stage {
        self.peers.push(peer);
        self.over.push(over);
        self
    }

    fn play(self, column: Column, name: &str) {
        let run = self.run.case(&format!("in the phase {name}"));
        let run = match column {
            Column::MaxTime => run.args(["-m", TIME]),
            Column::ConnectTimeout => run.args(["--connect-timeout", TIME]),
            _ => run,
        };
        let mut from = Instant::now();
        let mut running = run.start();
        (self.enter)(&mut running);
        let signal = match column {
            Column::Int | Column::IntTwice => Some((Signal::INT, 2, "SIGINT")),
            Column::Term => Some((Signal::TERM, 15, "SIGTERM")),
            Column::MaxTime | Column::ConnectTimeout => None,
        };
        if let Some((signal, ..)) = signal {
            (self.reached)(&running);
            from = Instant::now();
            running.signal(signal);
        }
        let output = match column {
            Column::IntTwice => running.output_while_signalled(Signal::INT),
            _ => running.output(),
        };
        let took = from.elapsed();
        drop(self.over);
        self.peers.into_iter().for_each(|peer| drop(peer.seen()));
        let wanted = match signal {
            Some((_, number, _)) => dies_by(number),
            None => ends(28),
        };
        let wanted = wanted.with_stderr_checked_apart();
        let stdout = if self.stdout_apart { wanted.with_stdout_checked_apart() } else { wanted };
        output.check(stdout);
        let said = match (column, signal) {
            (_, Some((.., name))) => self.signalled.replace("SIGNAL", name),
            (Column::ConnectTimeout, _) => {
                self.timed_out + "  hint: give it more time with --connect-timeout\n"
            }
            _ => format!(
                "wspipe: the run took longer than 1s 500ms{}\n  hint: the limit is -m/--max-time\n",
                self.unwritten
            ),
        };
        says_exactly(&output, &said);
        assert!(took < LONGEST, "it took {took:?}\n{}", output.report());
    }
}

/// Compares what was said, `#` being any number.
#[track_caller]
fn says_exactly(output: &Output, wanted: &str) {
    let said = output.stderr_text();
    let mut rest = said.as_str();
    let mut parts = wanted.split('#');
    let begins = parts.next().is_some_and(|part| {
        let after = rest.strip_prefix(part);
        rest = after.unwrap_or_default();
        after.is_some()
    });
    let follows = parts.all(|part| {
        let numberless = rest.trim_start_matches(|c: char| c.is_ascii_digit());
        let after = numberless.strip_prefix(part).filter(|_| numberless.len() < rest.len());
        rest = after.unwrap_or_default();
        after.is_some()
    });
    assert!(
        begins && follows && rest.is_empty(),
        "wanted on stderr: {wanted}\n{}",
        output.report()
    );
}

/// A peer that does something, tells that it has, and stays as it is until the program is gone.
pub struct Waiting {
    peer: Peer,
    over: Sender<()>,
    /// For [`Stage::reached_when`].
    pub done: Option<Receiver<()>>,
}

impl Waiting {
    pub fn after(act: impl FnOnce(&mut Wire) + Send + 'static) -> Waiting {
        let ((done, told), (over, is_over)) = (channel(), channel::<()>());
        let peer = Peer::start(move |wire| {
            act(wire);
            // Nobody waits for it where a limit ends the run.
            let _ = done.send(());
            let _ = is_over.recv_timeout(2 * DEADLINE);
        });
        Waiting { peer, over, done: Some(told) }
    }

    pub fn url(&self) -> String {
        self.peer.url()
    }

    pub fn address(&self) -> String {
        self.peer.address.to_string()
    }

    pub fn told(&mut self) -> Receiver<()> {
        self.done.take().expect("it is waited for once")
    }
}

/// Writes until the program, which has nowhere to write to, does not read any more.
pub fn write_until_stall(mut stream: TcpStream, bytes: &[u8]) {
    stream.set_write_timeout(Some(STALL)).unwrap();
    let mut at = 0;
    // An end is one by a limit, which may come before.
    while let Ok(count) = stream.write(&bytes[at..]) {
        at = (at + count) % bytes.len();
    }
}

/// Fills stdin until the program, whose peer does not read, does not read any more.
pub fn fill_until_stall(stdin: &mut ChildStdin, bytes: &[u8]) {
    fcntl_setfl(&*stdin, OFlags::NONBLOCK).unwrap();
    let stall = Timespec::try_from(STALL).unwrap();
    let mut at = 0;
    while poll(&mut [PollFd::new(&*stdin, PollFlags::OUT)], Some(&stall)).unwrap() > 0 {
        match stdin.write(&bytes[at..]) {
            Ok(count) => at = (at + count) % bytes.len(),
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            // A limit may have ended it before.
            Err(_) => return,
        }
    }
}
