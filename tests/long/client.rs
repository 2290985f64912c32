//! Long runs of a client: messages in, out and both at once, in the formats and with the options that have
//! queues or counters of their own.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::{ChildStdin, ChildStdout};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

use super::blocks::{self, MESSAGES, SIZE};
use super::frames::{Frames, Seen};
use super::run::{PATIENCE, Run, Sampled, peak, resident};
use super::table::grouped;
use crate::support::{PING, Peer, Wire, close, frame};

/// A client and what goes through it.
#[derive(Clone, Copy)]
struct Client {
    args: &'static [&'static str],
    /// Whether the server sends messages.
    receives: bool,
    /// A block of stdin, if there is one.
    stdin: Option<fn() -> Vec<u8>>,
    compressed: bool,
}

/// Lines of stdout that are no message, with `--format jsonl`: open, close, and a Ping of each barrier.
const OPEN_AND_CLOSE: u64 = 2;
/// What is counted, on the last line of stderr.
const COUNTERS: &str = "%{stderr}%{messages_in} %{bytes_in} %{messages_out} %{bytes_out}\n";

pub fn runs() -> Vec<Run> {
    let of = Run::of_messages;
    vec![
        of("listen", |run| {
            Client { args: &["listen"], receives: true, stdin: None, compressed: false }.make(run)
        }),
        of("listen --format jsonl", |run| {
            let args = &["listen", "--format", "jsonl"];
            Client { args, receives: true, stdin: None, compressed: false }.make(run)
        }),
        of("listen --compress", |run| {
            let args = &["listen", "--compress"];
            Client { args, receives: true, stdin: None, compressed: true }.make(run)
        }),
        of("send", |run| {
            let stdin = Some(blocks::lines as fn() -> Vec<u8>);
            Client { args: &["send"], receives: false, stdin, compressed: false }.make(run)
        }),
        of("send --compress", |run| {
            let stdin = Some(blocks::lines as fn() -> Vec<u8>);
            let args = &["send", "--compress"];
            Client { args, receives: false, stdin, compressed: true }.make(run)
        }),
        of("connect, both ways", |run| {
            let stdin = Some(blocks::lines as fn() -> Vec<u8>);
            let args = &["connect", "--ping-interval", "1s", "--ping-timeout", "60s"];
            Client { args, receives: true, stdin, compressed: false }.make(run)
        }),
        of("connect --jsonl --compress, both ways", |run| {
            let stdin = Some(blocks::records as fn() -> Vec<u8>);
            let args = &["connect", "--jsonl", "--compress"];
            Client { args, receives: true, stdin, compressed: true }.make(run)
        }),
    ]
}

/// Where both sides of a run meet: one says that it has come so far, the other lets it go on.
struct Stops {
    reached: SyncSender<()>,
    go_on: Receiver<()>,
}

impl Stops {
    fn stop(&self) {
        self.reached.send(()).expect("the run goes on");
        self.go_on.recv().expect("the run goes on");
    }
}

fn stops() -> (Stops, (Receiver<()>, SyncSender<()>)) {
    let (reached, is_reached) = sync_channel(0);
    let (let_go, go_on) = sync_channel(0);
    (Stops { reached, go_on }, (is_reached, let_go))
}

impl Client {
    fn make(self, run: &Run) -> Sampled {
        let parts = [run.beginning, run.amount - run.beginning];
        let (here, (peer_is_there, peer_may_go)) = stops();
        let peer = Peer::start(move |wire| self.serve(wire, parts, &here));
        let url = peer.url();
        let mut running = crate::support::run([self.args[0], &url])
            .args(&self.args[1..])
            .args(["-v", "-w", COUNTERS])
            .deadline(PATIENCE);
        if self.stdin.is_some() {
            running = running.stdin_held();
        }
        let mut running = running.stdout_unread().start();
        let pid = running.pid;
        let (here, (stdin_is_there, stdin_may_go)) = stops();
        let feeding = self.stdin.map(|block| {
            let stdin = running.take_stdin();
            thread::spawn(move || feed(stdin, &block(), parts, &here))
        });
        let stdout = running.take_stdout();
        let printing = thread::spawn(move || lines(stdout));
        let sample = || {
            peer_is_there.recv().expect("the server goes on");
            if feeding.is_some() {
                stdin_is_there.recv().expect("stdin is read");
            }
            resident(pid)
        };
        let go_on = || {
            peer_may_go.send(()).expect("the server goes on");
            if feeding.is_some() {
                stdin_may_go.send(()).expect("stdin is read");
            }
        };
        let beginning = sample();
        go_on();
        let end = sample();
        let peak = peak(pid);
        go_on();
        let output = running.output();
        let printed = printing.join().expect("stdout is read");
        let said = output.stderr_text();
        peer.seen();
        assert_eq!(output.code, Some(0), "{}", output.report());
        let counted = self.check(run.amount, printed, &said);
        Sampled { beginning, end, peak, counted }
    }

    /// Sends and takes in two parts, and stops after each when everything is through.
    fn serve(self, wire: &mut Wire, parts: [u64; 2], here: &Stops) {
        wire.request();
        let mut answer = wire.switching_protocols();
        if self.compressed {
            let extension = "\r\nSec-WebSocket-Extensions: permessage-deflate\r\n\r\n";
            answer = answer.replace("\r\n\r\n", extension);
        }
        wire.send(answer);
        let mut stream = wire.stream();
        let seen = Arc::new(Seen::default());
        let (reading, watched) = (wire.stream(), Arc::clone(&seen));
        let taking = thread::spawn(move || take(reading, &watched));
        let block = blocks::frames(false, self.compressed);
        let mut through = 0;
        for part in parts {
            through += part;
            if self.receives {
                for _ in 0..part / MESSAGES {
                    stream.write_all(&block).expect("the client reads");
                }
                stream.write_all(&frame(0x80 | PING, &through.to_be_bytes())).expect("it reads");
                seen.wait("a Pong", |seen| seen.pong == Some(through));
            }
            if self.stdin.is_some() {
                seen.wait("all messages", |seen| seen.messages == through);
            }
            here.stop();
        }
        let passed = seen.now();
        let sent = if self.stdin.is_some() { through } else { 0 };
        assert_eq!(passed.messages, sent, "messages at the server");
        assert!(
            self.compressed || passed.bytes == sent * SIZE,
            "{} bytes at the server",
            passed.bytes
        );
        if self.stdin.is_none() {
            stream.write_all(&close(1000, "")).expect("the client reads");
        }
        // `send` and `connect` close when their input has ended.
        let is_closed = taking.join().expect("the server reads");
        assert!(is_closed, "the client ends with a Close");
        if self.stdin.is_some() {
            let _ = stream.write_all(&close(1000, ""));
        }
        wire.end_whatever_comes();
    }

    /// Compares all that was counted.
    fn check(self, amount: u64, printed: u64, said: &str) -> String {
        let received = if self.receives { amount } else { 0 };
        let sent = if self.stdin.is_some() { amount } else { 0 };
        let wanted = format!("{received} {} {sent} {}", received * SIZE, sent * SIZE);
        let counters = said.lines().find(|line| *line == wanted);
        assert!(counters.is_some(), "-w was to count {wanted}:\n{said}");
        for count in [received, sent].into_iter().filter(|count| *count > 0) {
            let count = format!("{count} messages");
            assert!(said.contains(&count), "-v was to count {count}:\n{said}");
        }
        let is_jsonl = self.args.iter().any(|arg| arg.contains("jsonl"));
        let pings = 2 * received / MESSAGES + 2;
        let records = if is_jsonl { OPEN_AND_CLOSE + pings } else { 0 };
        assert_eq!(printed, received + records, "lines of stdout");
        let counted = |count: u64, what| (count > 0).then(|| format!("{} {what}", grouped(count)));
        [counted(received, "in"), counted(sent, "out")]
            .into_iter()
            .flatten()
            .collect::<Vec<_>>()
            .join(", ")
    }
}

/// Fills stdin in two parts, and stops after each.
fn feed(mut stdin: ChildStdin, block: &[u8], parts: [u64; 2], here: &Stops) {
    for part in parts {
        for _ in 0..part / MESSAGES {
            stdin.write_all(block).expect("stdin is read");
        }
        here.stop();
    }
}

/// Counts lines to the end.
fn lines(mut stdout: ChildStdout) -> u64 {
    let mut buffer = vec![0; 256 << 10];
    let mut lines = 0;
    loop {
        match stdout.read(&mut buffer).expect("stdout can be read") {
            0 => return lines,
            count => lines += memchr::memchr_iter(b'\n', &buffer[..count]).count() as u64,
        }
    }
}

/// Counts what comes until a Close or the end; whether it was a Close.
pub fn take(mut stream: TcpStream, seen: &Seen) -> bool {
    let mut buffer = vec![0; 256 << 10];
    let mut frames = Frames::default();
    stream.set_read_timeout(Some(PATIENCE)).expect("a socket");
    while !frames.passed.ended {
        let count = stream.read(&mut buffer).unwrap_or(0);
        if count == 0 {
            return false;
        }
        frames.take(&buffer[..count]);
        seen.set(frames.passed);
    }
    true
}
