//! One misbehaviour: what the server does, what the program is asked for, and how it must end. Running it
//! decides nothing about the others.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

use crate::support::{DEADLINE, Output, Peer, Script, Wire, run, shown};

/// What a case may take of memory. The 12 MiB of the design are those of a release build; without
/// optimisation the program takes 21 MiB for a server that does nothing wrong, most of it code. A stream may
/// add a message of 1 MiB, what it is encoded as, and half a MiB for each queue and buffer on the way: less
/// than 6 MiB, nearly doubled for what an allocator keeps.
pub const MEMORY: u64 = 32 << 20;

/// What may be said about a server, in bytes: the beginning of a refusal's body is the longest.
const MOST_SAID: usize = 8 << 10;

/// No limit of a case is longer than 2 seconds; the rest is for a busy machine.
const LONGEST: Duration = Duration::from_secs(10);

/// What ends a run that no limit of its case ends; it is below the deadline of the test, so that the exit
/// code says so.
const AT_MOST: &str = "20s";

pub struct Case {
    pub subject: &'static str,
    pub name: String,
    /// The section that it breaks, or that says what is to be done about it.
    pub rfc: &'static str,
    server: Script,
    scheme: &'static str,
    command: &'static str,
    args: Vec<&'static str>,
    stdin: Vec<u8>,
    exit: i32,
    closing: String,
    stdout: Vec<u8>,
    /// Dropped when the program has ended, for servers that cannot see it.
    over: Option<Sender<()>>,
}

/// How a case went.
pub struct Happened {
    pub subject: &'static str,
    pub name: String,
    pub rfc: &'static str,
    pub command: String,
    pub exit: Option<i32>,
    pub said: String,
    pub printed: String,
    pub took: Duration,
    pub peak: u64,
    pub wrong: Option<String>,
}

impl Case {
    /// A case of `listen`; it must end with 0 and print nothing, unless something else is said.
    pub fn new(
        name: impl Into<String>,
        rfc: &'static str,
        server: impl FnOnce(&mut Wire) + Send + 'static,
    ) -> Case {
        Case {
            subject: "",
            name: name.into(),
            rfc,
            server: Box::new(server),
            scheme: "ws",
            command: "listen",
            args: Vec::new(),
            stdin: Vec::new(),
            exit: 0,
            closing: String::new(),
            stdout: Vec::new(),
            over: None,
        }
    }

    /// The server reads nothing once the session is open: a full connection does not tell it the end.
    pub fn unread(name: &'static str, rfc: &'static str) -> Case {
        let (over, told) = channel::<()>();
        let server = move |wire: &mut Wire| {
            wire.accept();
            assert_eq!(told.recv_timeout(DEADLINE), Err(RecvTimeoutError::Disconnected));
        };
        Case { over: Some(over), ..Case::new(name, rfc, server) }
    }

    /// In this part of the table.
    pub fn of(mut self, subject: &'static str) -> Case {
        self.subject = subject;
        self
    }

    /// With these flags too.
    pub fn with(mut self, args: &[&'static str]) -> Case {
        self.args.extend(args);
        self
    }

    /// Of `send`, with this on stdin.
    pub fn sending(mut self, stdin: impl Into<Vec<u8>>) -> Case {
        (self.command, self.stdin) = ("send", stdin.into());
        self
    }

    /// Of `connect`, with this on stdin.
    pub fn connecting(mut self, stdin: impl Into<Vec<u8>>) -> Case {
        (self.command, self.stdin) = ("connect", stdin.into());
        self
    }

    /// Over TLS.
    pub fn encrypted(mut self) -> Case {
        self.scheme = "wss";
        self
    }

    /// It must end so, with this in what it says.
    pub fn ends(mut self, exit: i32, closing: impl Into<String>) -> Case {
        (self.exit, self.closing) = (exit, closing.into());
        self
    }

    pub fn printing(mut self, stdout: impl Into<Vec<u8>>) -> Case {
        self.stdout = stdout.into();
        self
    }

    pub fn run(mut self) -> Happened {
        let peer = Peer::start(self.take_server());
        let url = format!("{}://{}/", self.scheme, peer.address);
        let start = Instant::now();
        let limit: &[&str] = if self.args.contains(&"-m") { &[] } else { &["-m", AT_MOST] };
        let args = [&[self.command, &url], limit, &self.args].concat();
        let running = run(args).case(&self.name).stdin(&self.stdin).start();
        let ended = catch_unwind(AssertUnwindSafe(|| running.output_and_peak()));
        let took = start.elapsed();
        drop(self.over.take());
        let seen = catch_unwind(AssertUnwindSafe(|| peer.seen()));
        let port = peer_port(&url);
        match (ended, seen) {
            (Err(panic), _) => self.failed(words(&*panic), took),
            (Ok((output, _)), Err(panic)) => {
                let why = format!("the server: {}\n{}", words(&*panic), output.report());
                self.failed(why, took)
            }
            (Ok((output, peak)), Ok(_)) => self.judged(&output, peak, took, &port),
        }
    }

    fn take_server(&mut self) -> Script {
        std::mem::replace(&mut self.server, Box::new(|_| {}))
    }

    fn judged(self, output: &Output, peak: u64, took: Duration, port: &str) -> Happened {
        let said = output.stderr_text().replace(port, ":PORT");
        let first = steady(said.lines().next().unwrap_or_default());
        let mut wrong = Vec::new();
        if output.code != Some(self.exit) {
            wrong.push(format!("wanted exit code {}", self.exit));
        }
        if output.stdout != self.stdout {
            wrong.push(format!("wanted stdout: {}", shown(&self.stdout)));
        }
        if !said.contains(&self.closing) || (self.closing.is_empty() != said.is_empty()) {
            wrong.push(format!("wanted on stderr: {:?}", self.closing));
        }
        if output.stderr.iter().any(|byte| *byte < b' ' && *byte != b'\n') {
            wrong.push("wanted no control characters on stderr".into());
        }
        if output.stderr.len() > MOST_SAID {
            wrong.push(format!("wanted at most {MOST_SAID} bytes on stderr"));
        }
        if took > LONGEST {
            wrong.push(format!("wanted an end within {LONGEST:?}, and it took {took:?}"));
        }
        if peak > MEMORY {
            wrong.push(format!("wanted at most {MEMORY} bytes of memory, and it had {peak}"));
        }
        let wrong = match wrong.is_empty() {
            true => None,
            false => Some(format!("{}: {}\n{}", self.subject, wrong.join("\n"), output.report())),
        };
        let printed = printed(&output.stdout);
        Happened { exit: output.code, said: first, printed, peak, wrong, ..self.happened(took) }
    }

    fn failed(self, why: String, took: Duration) -> Happened {
        let wrong = Some(format!("{}: {}: {why}", self.subject, self.name));
        Happened { wrong, ..self.happened(took) }
    }

    fn happened(self, took: Duration) -> Happened {
        let command = [&[self.command][..], &self.args].concat().join(" ");
        Happened {
            subject: self.subject,
            name: self.name,
            rfc: self.rfc,
            command,
            exit: None,
            said: String::new(),
            printed: String::new(),
            took,
            peak: 0,
            wrong: None,
        }
    }
}

/// The port with its colon, which differs each time.
fn peer_port(url: &str) -> String {
    let port = url.rsplit(':').next().unwrap_or_default();
    format!(":{}", port.trim_end_matches('/'))
}

/// A line up to what differs from run to run: an Accept, which answers a random key; how much came before
/// the end; what the system makes of an end that crosses what we send.
fn steady(line: &str) -> String {
    const BEFORE: [&str; 3] =
        ["wrong Sec-WebSocket-Accept, it says", "; on the wire", "before the answer was complete:"];
    let cut = BEFORE.iter().find_map(|before| Some(line.find(before)? + before.len()));
    cut.map_or(line.to_owned(), |end| format!("{} …", &line[..end]))
}

/// stdout, short enough for a table.
fn printed(stdout: &[u8]) -> String {
    const MOST: usize = 24;
    match stdout.len() {
        0..=MOST => stdout.escape_ascii().to_string(),
        all => format!("{} … {all} bytes", stdout[..MOST].escape_ascii()),
    }
}

fn words(panic: &(dyn std::any::Any + Send)) -> String {
    let owned = panic.downcast_ref::<String>().cloned();
    owned.or(panic.downcast_ref::<&str>().map(|text| text.to_string())).unwrap_or_default()
}

/// A server that answers as it should, says `one`, then these bytes, and is told by a Close with this code
/// what is wrong with them.
pub fn told(bytes: impl Into<Vec<u8>>, code: u16) -> impl FnOnce(&mut Wire) + Send + 'static {
    let bytes = bytes.into();
    move |wire: &mut Wire| {
        wire.accept();
        wire.send(crate::support::text("one"));
        wire.send(bytes);
        wire.expect_close(code);
        wire.end();
    }
}

/// One byte after the other, as long as the program is there; between two of them the server waits for it
/// to go.
pub fn trickle(wire: &mut Wire, bytes: impl IntoIterator<Item = u8>) {
    let between = Duration::from_millis(5);
    for byte in bytes {
        if !wire.try_send([byte]) || wire.is_gone_within(between) {
            return;
        }
    }
}
