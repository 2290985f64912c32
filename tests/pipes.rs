//! The program in a pipe: short runs against `echo:`, many at once, and streams
//! of any length through slow readers on either side, of which nothing is lost
//! and nothing piles up.

mod support;

use std::fs::File;
use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::os::fd::OwnedFd;
use std::process::ChildStdin;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
use support::{
    CLOSE, CONTINUATION, DEADLINE, Peer, Run, Running, TEXT, Wire, buffered, close, ends, frame,
    ping, run, text,
};

#[test]
fn every_line_comes_back() {
    run(["connect", "echo:"]).stdin("a\nb\nc").output().check(ends(0).printing("a\nb\nc\n"));
}

#[test]
fn a_thousand_runs_lose_nothing() {
    const AT_ONCE: usize = 100;
    thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                for _ in 0..1000 / AT_ONCE {
                    let run = run(["connect", "echo:"]).stdin("a\nb\nc");
                    run.deadline(4 * DEADLINE).output().check(ends(0).printing("a\nb\nc\n"));
                }
            });
        }
    });
}

#[test]
fn a_thousand_runs_that_do_not_linger_lose_nothing() {
    const AT_ONCE: usize = 16;
    thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                for _ in 0..1000 / AT_ONCE {
                    let run = run(["connect", "-n", "3", "echo:"]).stdin("a\nb\nc");
                    run.output().check(ends(0).printing("a\nb\nc\n"));
                }
            });
        }
    });
}

#[test]
fn an_argument_comes_back() {
    run(["send", "-n", "1", "echo:", "hello"]).output().check(ends(0).printing("hello\n"));
}

#[test]
fn flags_of_curl_that_have_nothing_to_do_here_are_accepted() {
    let args = ["send", "-N", "-f", "--no-progress-meter", "-n", "1", "echo:", "hello"];
    run(args).output().check(ends(0).printing("hello\n"));
}

#[test]
fn send_without_a_condition_prints_what_comes_until_it_is_closed() {
    // The echo server answers everything before it answers our Close.
    run(["send", "echo:", "a", "b"]).output().check(ends(0).printing("a\nb\n"));
}

#[test]
fn listen_hears_the_answer_to_its_own_message() {
    let args = ["listen", "-n", "1", "-d", "hello", "echo:"];
    run(args).output().check(ends(0).printing("hello\n"));
    run(args).stdin_closed().output().check(ends(0).printing("hello\n"));
}

#[test]
fn every_kind_of_input_comes_back_as_it_was() {
    let large = format!("{}\n", "0123456789é".repeat(1 << 20));
    let cases: &[(&[&str], &[u8], &[u8])] = &[
        (&[], b"", b""),
        (&[], b"\n", b"\n"),
        (&[], b"a\r\nb", b"a\nb\n"),
        (&[], large.as_bytes(), large.as_bytes()),
        (&["-0"], b"a\nb\0\0c", b"a\nb\0\0c\0"),
        (&["--stream"], b"\0\xff\r\n", b"\0\xff\r\n"),
        (&["--chunk", "3"], b"abcdefgh", b"abcdefgh"),
        (&["--whole"], b"a\nb\n", b"a\nb\n\n"),
        (&["--decode", "hex"], b"00FF\n", b"00ff\n"),
        (&["--whole", "--binary"], b"\xff\xfe", b"\xff\xfe"),
    ];
    for (flags, stdin, wanted) in cases {
        let args = [&["send", "echo:"], *flags].concat();
        run(args).stdin(stdin).output().check(ends(0).printing(wanted));
    }
}

#[test]
fn two_of_them_make_a_pipe() {
    let folder = tempfile::TempDir::new().unwrap();
    let input: String = (0..10_000).map(|number| format!("line {number}\n")).collect();
    std::fs::write(folder.path().join("in"), &input).unwrap();
    let script = "\"$1\" send echo: <in | \"$1\" send echo: | cat";
    // The shell is what `serve` runs, so that the binary is found by its name.
    let args = ["serve", "--", "sh", "-c", script, "sh", env!("CARGO_BIN_EXE_wspipe")];
    run(args).directory(folder.path()).output().check(ends(0).printing(&input));
}

/// Numbered lines of 1,000 bytes, so that none can be lost, doubled, changed or
/// moved without notice.
struct Lines {
    pattern: Vec<u8>,
    count: u64,
}

impl Lines {
    const LENGTH: usize = 1000;

    fn of(bytes: u64) -> Lines {
        let pattern = (0..2 * Self::LENGTH).map(|at| b'a' + (at * at / 7 % 26) as u8).collect();
        Lines { pattern, count: bytes / Self::LENGTH as u64 }
    }

    /// A line without its newline.
    fn line(&self, number: u64) -> Vec<u8> {
        let mut line = format!("{number:012} ").into_bytes();
        let start = (number % 991) as usize;
        let rest = Self::LENGTH - 1 - line.len();
        line.extend_from_slice(&self.pattern[start..start + rest]);
        line
    }

    fn check(&self, number: u64, line: &[u8]) {
        let wanted = self.line(number);
        assert!(
            line == wanted,
            "line {number} is {}, not {}",
            support::shown(line),
            support::shown(&wanted)
        );
    }

    fn bytes(&self) -> u64 {
        self.count * Self::LENGTH as u64
    }
}

/// How long nothing may move before it counts as a stall.
const STALL: Duration = Duration::from_millis(500);

/// Far above the 12 MiB of the design and far below the streams: what a test
/// without optimisation may take.
const MEMORY: u64 = 64 << 20;

/// A stream twice as long as what buffers hold, in bytes.
fn stream() -> u64 {
    2 * buffered() as u64
}

/// The peer's side: all lines as fast as they go, telling the first stall.
fn pour(wire: &mut Wire, lines: &Lines, stalled: &Sender<u64>) {
    let mut stream = wire.stream();
    stream.set_write_timeout(Some(STALL)).unwrap();
    let mut told = false;
    for number in 0..lines.count {
        let message = text(str::from_utf8(&lines.line(number)).unwrap());
        write_all(&mut stream, &message, || {
            if !told {
                stalled.send(number * Lines::LENGTH as u64).unwrap();
            }
            told = true;
        });
    }
    stream.set_write_timeout(Some(DEADLINE)).unwrap();
}

fn write_all(stream: &mut TcpStream, mut bytes: &[u8], mut on_stall: impl FnMut()) {
    while !bytes.is_empty() {
        match stream.write(bytes) {
            Ok(count) => bytes = &bytes[count..],
            Err(error) if error.kind() == ErrorKind::WouldBlock => on_stall(),
            Err(error) => panic!("write: {error}"),
        }
    }
}

/// Pours so many bytes through the program to a reader of stdout that begins
/// only when everything stands still. Returns the peak memory.
fn slow_reader(run: Run, bytes: u64) -> u64 {
    let (stalls, stalled) = channel();
    let (ends_now, told) = channel::<()>();
    let peer = Peer::start(move |wire| {
        wire.accept();
        pour(wire, &Lines::of(bytes), &stalls);
        told.recv_timeout(20 * DEADLINE).expect("the reader gets everything");
        wire.send(close(1000, ""));
        wire.read_to_close();
        wire.end();
    });
    let mut running = run.arg(peer.url()).stdout_unread().deadline(20 * DEADLINE).start();
    let mut stdout = BufReader::new(running.take_stdout());

    let poured = stalled.recv_timeout(DEADLINE).expect("a full stdout stops the reading");
    assert!(
        poured < buffered() as u64,
        "{poured} bytes went into a program whose stdout nobody reads"
    );

    let lines = Lines::of(bytes);
    let mut line = Vec::new();
    for number in 0..lines.count {
        line.clear();
        stdout.read_until(b'\n', &mut line).expect("a line");
        assert_eq!(line.pop(), Some(b'\n'), "stdout ended at line {number}");
        lines.check(number, &line);
    }
    let memory = running.peak_memory();
    ends_now.send(()).unwrap();
    line.clear();
    assert_eq!(stdout.read_until(b'\n', &mut line).unwrap(), 0, "more than was sent");
    running.output().check(ends(0));
    peer.seen();
    memory
}

/// What the kernel still holds of what was written here, in bytes.
fn unacknowledged(stream: &TcpStream) -> u64 {
    let port = |address: &str| u16::from_str_radix(address.rsplit_once(':')?.1, 16).ok();
    let ours = stream.local_addr().unwrap().port();
    let theirs = stream.peer_addr().unwrap().port();
    let table = std::fs::read_to_string("/proc/net/tcp").expect("the table of connections");
    let mut rows = table.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    let row = rows.find(|row| (port(row[1]), port(row[2])) == (Some(ours), Some(theirs)));
    let row = row.expect("the connection is in the table");
    u64::from_str_radix(row[4].split_once(':').unwrap().0, 16).unwrap()
}

#[test]
fn what_arrived_is_printed_though_writing_failed_while_stdout_was_full() {
    const LINES: u64 = 5000;
    let lines = Lines::of(LINES * Lines::LENGTH as u64);
    let (stalls, stalled) = channel();
    let (arrived, all_arrived) = channel();
    let peer = Peer::start(move |wire| {
        wire.accept();
        wire.expect_text("never read to its end");
        pour(wire, &Lines::of(LINES * Lines::LENGTH as u64), &stalls);
        // The kernel may have room for all.
        stalls.send(0).unwrap();
        wire.send(close(1008, "too much"));
        // A reset discards what the program's kernel has not taken.
        let stream = wire.stream();
        while unacknowledged(&stream) > 0 {
            thread::yield_now();
        }
        arrived.send(()).unwrap();
        // The socket is closed with input unread, which resets it.
    });
    let input = "never read to its end\n".repeat(1 << 20);
    let run = run(["connect", &peer.url()]).stdin(input).stdout_unread();
    let mut running = run.start();
    let mut stdout = BufReader::new(running.take_stdout());
    stalled.recv_timeout(DEADLINE).expect("a full stdout stops the reading");

    let mut read = 0;
    let mut next_line = || {
        let mut line = Vec::new();
        stdout.read_until(b'\n', &mut line).expect("a line");
        assert_eq!(line.pop(), Some(b'\n'), "stdout ended at line {read}");
        lines.check(read, &line);
        read += 1;
        read
    };
    while all_arrived.try_recv().is_err() {
        assert!(next_line() < LINES, "stdout was never full again");
    }
    peer.seen();
    // In all, slower than a connection may be that cannot be written to.
    while let read = next_line()
        && read < LINES
    {
        if read % 250 == 0 {
            thread::sleep(Duration::from_millis(300));
        }
    }
    let rest = stdout.read_until(b'\n', &mut Vec::new()).unwrap();
    assert_eq!(rest, 0, "more than was sent");
    running.output().check(ends(108).saying(&["closed by peer", "1008", "too much"]));
}

/// Fills stdin with all lines, telling the first stall.
fn fill(mut stdin: ChildStdin, lines: &Lines, stalled: &Sender<u64>) {
    // A pipe that is ready takes so much without blocking.
    const PIPE_BUF: usize = 4096;
    let stall = Timespec::try_from(STALL).unwrap();
    let (mut told, mut written) = (false, 0);
    for number in 0..lines.count {
        let mut line = lines.line(number);
        line.push(b'\n');
        for part in line.chunks(PIPE_BUF) {
            while poll(&mut [PollFd::new(&stdin, PollFlags::OUT)], Some(&stall)).unwrap() == 0 {
                if !told {
                    stalled.send(written).unwrap();
                }
                told = true;
            }
            stdin.write_all(part).expect("the program reads");
            written += part.len() as u64;
        }
    }
}

/// The peer's side: waits for the stall, then reads all lines.
fn drain(wire: &mut Wire, lines: &Lines, stalled: &Receiver<u64>) {
    let filled = stalled.recv_timeout(DEADLINE).expect("a peer that does not read stops stdin");
    assert!(
        filled < buffered() as u64,
        "{filled} bytes went into a program whose peer does not read"
    );
    for number in 0..lines.count {
        let frame = wire.read_and_forget().expect("a message");
        assert!(frame.fin && frame.opcode == TEXT, "message {number}: {frame:?}");
        lines.check(number, &frame.payload);
    }
}

/// Pours so many bytes through the program to a peer that begins to read only
/// when everything stands still. Returns the peak memory.
fn slow_peer(run: Run, bytes: u64) -> u64 {
    let (stalls, stalled) = channel();
    let (got, all) = channel();
    let (ends_now, told) = channel::<()>();
    let peer = Peer::start(move |wire| {
        wire.accept();
        drain(wire, &Lines::of(bytes), &stalled);
        got.send(()).unwrap();
        told.recv_timeout(DEADLINE).expect("the memory is read");
        wire.finish();
    });
    let mut running: Running = run.arg(peer.url()).stdin_held().deadline(20 * DEADLINE).start();
    let stdin = running.take_stdin();
    let filling = thread::spawn(move || {
        let lines = Lines::of(bytes);
        fill(stdin, &lines, &stalls);
        lines.bytes()
    });
    all.recv_timeout(20 * DEADLINE).expect("the peer gets everything");
    let memory = running.peak_memory();
    ends_now.send(()).unwrap();
    running.output().check(ends(0));
    assert_eq!(filling.join().unwrap(), Lines::of(bytes).bytes());
    // No data after the last line: what is left is the Close.
    assert_eq!(peer.seen().frames.len(), 1);
    memory
}

#[test]
fn an_echo_with_a_slow_reader_neither_loses_nor_locks() {
    // What fills both ways to the echo and back, and once more.
    let (full, lines) = (2 * buffered() as u64, Lines::of(2 * stream()));
    let (stalls, stalled) = channel();
    let run = run(["send", "echo:"]).stdin_held().stdout_unread();
    let mut running = run.deadline(4 * DEADLINE).start();
    let stdin = running.take_stdin();
    let mut stdout = BufReader::new(running.take_stdout());
    let filling = thread::spawn(move || fill(stdin, &Lines::of(2 * stream()), &stalls));
    let filled = stalled.recv_timeout(DEADLINE).expect("a full stdout stops stdin");
    assert!(filled < full, "{filled} bytes went into a program whose stdout nobody reads");
    let mut line = Vec::new();
    for number in 0..lines.count {
        line.clear();
        stdout.read_until(b'\n', &mut line).expect("a line");
        assert_eq!(line.pop(), Some(b'\n'), "stdout ended at line {number}");
        lines.check(number, &line);
    }
    assert_eq!(stdout.read_until(b'\n', &mut line).unwrap(), 0, "more than was sent");
    running.output().check(ends(0));
    filling.join().unwrap();
}

#[test]
fn a_flood_of_pings_whose_pongs_nobody_reads_costs_no_memory() {
    let packet = ping(&[b'p'; 125]).repeat(500);
    let (sent, told) = channel();
    let (go_on, going) = channel::<()>();
    let peer = Peer::start(move |wire| {
        wire.accept();
        let mut stream = wire.stream();
        stream.set_write_timeout(Some(STALL)).unwrap();
        // Up to 64 MiB, or until the program does not read on either.
        let mut rest = (0..1000).map(|_| write_until_stall(&mut stream, &packet));
        let rest = rest.find(|rest| !rest.is_empty()).unwrap_or_default();
        sent.send(()).unwrap();
        going.recv_timeout(DEADLINE).expect("the memory is read");
        stream.set_write_timeout(Some(DEADLINE)).unwrap();
        let end = [rest, text("one"), close(1000, "")].concat();
        let writing = thread::spawn(move || stream.write_all(&end).unwrap());
        while wire.read_and_forget().is_some_and(|frame| frame.opcode != CLOSE) {}
        writing.join().unwrap();
        wire.end();
    });
    let running = run(["listen", &peer.url()]).start();
    told.recv_timeout(DEADLINE).expect("the flood is over");
    let memory = running.peak_memory();
    go_on.send(()).unwrap();
    running.output().check(ends(0).printing("one\n"));
    assert!(memory < MEMORY, "{memory} bytes");
    peer.seen();
}

/// What could not be written before nothing moved any more.
fn write_until_stall(stream: &mut TcpStream, bytes: &[u8]) -> Vec<u8> {
    let mut written = 0;
    while written < bytes.len() {
        match stream.write(&bytes[written..]) {
            Ok(count) => written += count,
            Err(error) if error.kind() == ErrorKind::WouldBlock => break,
            Err(error) => panic!("write: {error}"),
        }
    }
    bytes[written..].to_vec()
}

#[test]
fn a_flood_of_empty_fragments_costs_no_memory() {
    let (empty, last) = (frame(CONTINUATION, b""), frame(0x80 | CONTINUATION, b"ne"));
    let (measured, until_measured) = channel();
    let peer = Peer::start(move |wire| {
        wire.accept();
        wire.send(frame(TEXT, b"o"));
        let packet = empty.repeat(32 << 10);
        for _ in 0..100 {
            wire.send(&packet);
        }
        wire.send(last);
        until_measured.recv_timeout(DEADLINE).expect("the memory was looked at");
        wire.send(close(1000, ""));
        wire.end();
    });
    let running = run(["listen", &peer.url()]).start();
    running.wait_for_stdout("one\n");
    let memory = running.peak_memory();
    measured.send(()).expect("the peer waits");
    running.output().check(ends(0).printing("one\n"));
    assert!(memory < MEMORY, "{memory} bytes");
    peer.seen();
}

/// A pipe whose ends share their flags with whoever else holds them.
fn pipe(nonblocking: bool) -> (File, File) {
    let (reader, writer) = std::io::pipe().expect("a pipe");
    let (reader, writer) = (File::from(OwnedFd::from(reader)), File::from(OwnedFd::from(writer)));
    if nonblocking {
        set_nonblocking(&reader);
        set_nonblocking(&writer);
    }
    (reader, writer)
}

fn set_nonblocking(end: &File) {
    fcntl_setfl(end, fcntl_getfl(end).unwrap() | OFlags::NONBLOCK).unwrap();
}

fn is_nonblocking(end: &File) -> bool {
    fcntl_getfl(end).unwrap().contains(OFlags::NONBLOCK)
}

#[test]
fn the_flags_of_stdin_and_stdout_are_left_as_they_are() {
    for nonblocking in [false, true] {
        let (stdin, _held) = pipe(nonblocking);
        let (_reader, stdout) = pipe(nonblocking);
        let (answered, told) = channel();
        let peer = Peer::start(move |wire| {
            wire.accept();
            wire.send(text("one"));
            wire.send(ping(b""));
            wire.expect_pong(b"");
            answered.send(()).unwrap();
            wire.finish();
        });
        let run = run(["connect", "--duration", "300ms", &peer.url()]);
        let files = (stdin.try_clone().unwrap(), stdout.try_clone().unwrap());
        let running = run.stdin_file(files.0).stdout_file(files.1).start();
        told.recv_timeout(DEADLINE).expect("an open session");
        for end in [&stdin, &stdout] {
            assert_eq!(is_nonblocking(end), nonblocking, "while it runs");
        }
        running.output().check(ends(0));
        for end in [&stdin, &stdout] {
            assert_eq!(is_nonblocking(end), nonblocking, "after it ran");
        }
        peer.seen();
    }
}

/// 4 MiB of lines, far more than a pipe holds.
fn four_mib() -> Vec<u8> {
    let lines = Lines::of(4 << 20);
    (0..lines.count).flat_map(|number| [&lines.line(number)[..], b"\n"].concat()).collect()
}

// Node and ssh make the pipes nonblocking that they share with others.

#[test]
fn a_stdin_that_another_program_made_nonblocking_loses_nothing() {
    let input = four_mib();
    let (stdin, mut filled) = pipe(false);
    set_nonblocking(&stdin);
    let running = run(["send", "echo:"]).stdin_file(stdin).start();
    let wanted = input.clone();
    let filling = thread::spawn(move || filled.write_all(&input));
    running.output().check(ends(0).printing(wanted));
    filling.join().unwrap().unwrap();
}

#[test]
fn a_stdout_that_another_program_made_nonblocking_loses_nothing() {
    let input = four_mib();
    let (mut printed, stdout) = pipe(false);
    set_nonblocking(&stdout);
    let running = run(["send", "echo:"]).stdin(&input).stdout_file(stdout).start();
    let mut came = Vec::new();
    printed.read_to_end(&mut came).unwrap();
    running.output().check(ends(0));
    assert!(came == input, "{} of {} bytes", came.len(), input.len());
}

fn connect_to_hear() -> Run {
    run(["connect", "--linger", "forever"])
}

fn connect_to_send() -> Run {
    run(["connect", "--linger", "none"])
}

#[test]
fn a_slow_reader_of_stdout_loses_nothing() {
    slow_reader(connect_to_hear(), stream());
    slow_reader(run(["listen"]), stream());
}

#[test]
fn a_slow_peer_loses_nothing() {
    slow_peer(connect_to_send(), stream());
    slow_peer(run(["send"]), stream());
}

#[test]
#[ignore = "1 GiB: some ten seconds"]
fn a_slow_reader_of_1_gib_costs_no_memory() {
    let memory = slow_reader(connect_to_hear(), 1 << 30);
    assert!(memory < MEMORY, "{memory} bytes");
}

#[test]
#[ignore = "1 GiB: some ten seconds"]
fn a_slow_peer_of_1_gib_costs_no_memory() {
    let memory = slow_peer(connect_to_send(), 1 << 30);
    assert!(memory < MEMORY, "{memory} bytes");
}

#[test]
#[ignore = "1 GiB: some ten seconds"]
fn a_slow_reader_of_1_gib_costs_listen_no_memory() {
    let memory = slow_reader(run(["listen"]), 1 << 30);
    assert!(memory < MEMORY, "{memory} bytes");
}

#[test]
#[ignore = "1 GiB: some ten seconds"]
fn a_slow_peer_of_1_gib_costs_send_no_memory() {
    let memory = slow_peer(run(["send"]), 1 << 30);
    assert!(memory < MEMORY, "{memory} bytes");
}
