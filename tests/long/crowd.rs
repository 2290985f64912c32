//! `serve` and a thousand clients: idle, that read nothing, that stop in the midst of a message, and that are no
//! WebSocket clients at all.

use std::io::{ErrorKind, Write as _};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use super::alone::bomb;
use super::memory::Case;
use super::run::{PATIENCE, peak};
use crate::support::{
    BINARY, Client, Files, PING, Running, TEXT, UPGRADE, header, masked, raise_our_limit, says,
    serve_for,
};

const CROWD: usize = 1000;
/// Fewer, where each has much to say.
const FEW: usize = 100;
/// How long nothing moves when something is stuck.
const STUCK: Duration = Duration::from_secs(2);
/// Longer than a client may take to open its session.
const OPENING: Duration = Duration::from_secs(12);

/// What one connection of a crowd may take, in KiB: while it is idle; the same with a compressor; with a head of a
/// request that is coming; with messages on their way, in or out.
const IDLE: u64 = 40;
const COMPRESSING: u64 = 512;
const HEAD: u64 = 300;
const BUSY: u64 = 1024;
/// What all have together, in MiB: for answers that are not read, and for messages that are coming.
const SPARE: u64 = 64;
const COMING: u64 = 256;

/// So much for each of so many and for a server alone, in MiB.
const fn each(clients: usize, kibibytes: u64) -> u64 {
    clients as u64 * kibibytes / 1024 + 12
}

pub fn cases() -> Vec<Case> {
    let of = |size, come: fn(&str) -> Client, act: fn(&mut [Client])| Crowd { size, come, act };
    let all = |act| of(CROWD, Client::open, act);
    let hostile = |act| of(CROWD, Client::connect, act);
    let streams = "1 MiB of a message for each";
    let queue = "256 KiB for each, 64 MiB for all";
    let coming = "256 MiB for all";
    let (idle, busy) = (each(CROWD, IDLE), each(CROWD, BUSY));
    let mut cases = vec![
        all(|_| {}).case("serve", "1000 that are idle", "", idle),
        of(CROWD, Client::open_compressed, |crowd| {
            press(crowd, &masked(0xc0 | TEXT, b"\xf2\x48\xcd\xc9\xc9\x07\x00"));
            crowd.iter_mut().for_each(|client| assert_eq!(client.frame().0 & 0x0f, TEXT));
        })
        .case(
            "serve",
            "1000 that compress, and are idle",
            "windows of 32 KiB",
            each(CROWD, COMPRESSING),
        ),
        all(|crowd| press(crowd, &say(4 << 20))).case(
            "serve",
            "1000 that send 4 MiB and read nothing",
            queue,
            busy + SPARE,
        ),
        of(FEW, Client::open, |crowd| press(crowd, &say(64 << 20))).case(
            "serve",
            "100 that send 64 MiB and read nothing",
            queue,
            each(FEW, BUSY) + SPARE,
        ),
        of(FEW, Client::open_compressed, |crowd| press(crowd, &masked_bomb(64 << 20, true))).case(
            "serve",
            "100 that send 64 MiB of zeros in 64 KiB and read nothing",
            queue,
            each(FEW, BUSY) + SPARE,
        ),
        of(FEW, Client::open_compressed, |crowd| {
            press(crowd, &masked(0xc0 | TEXT, b"\0").repeat(1_000_000));
        })
        .case(
            "serve",
            "100 that send a million empty messages, compressed, and read nothing",
            queue,
            each(FEW, BUSY) + SPARE,
        ),
        all(|crowd| press(crowd, &masked(0x80 | PING, &[b'p'; 125]).repeat(32_000))).case(
            "serve",
            "1000 that send 4 MiB of Pings and read nothing",
            "512 KiB of Pongs for each",
            busy,
        ),
        all(|crowd| press(crowd, &half(1 << 20))).case(
            "serve",
            "1000 that send half of a MiB, and stop",
            streams,
            busy,
        ),
        all(|crowd| press(crowd, &say(1 << 20))).case(
            "serve --sink",
            "1000 that send 1 MiB",
            streams,
            busy,
        ),
        all(|crowd| press(crowd, &say(4 << 20))).case(
            "serve --delay 1h",
            "1000 that send 4 MiB",
            queue,
            busy + SPARE,
        ),
    ];
    cases.extend([
        all(|crowd| press(crowd, &half(1 << 20))).case(
            "serve --broadcast",
            "1000 that send half of a MiB, and stop",
            streams,
            busy,
        ),
        of(20, Client::open, |crowd| press(crowd, &half(60 << 20))).case(
            "serve --broadcast",
            "20 that send half of 60 MiB, and stop",
            coming,
            COMING + each(20, BUSY),
        ),
        of(FEW, Client::open_compressed, |crowd| press(crowd, &masked_bomb(60 << 20, false))).case(
            "serve --broadcast",
            "100 that send 60 MiB of zeros in 60 KiB, and stop",
            coming,
            COMING + each(FEW, BUSY),
        ),
        all(|crowd| press(&mut crowd[..1], &says(&"x".repeat(1000)).repeat(64 << 10))).case(
            "serve --broadcast",
            "1000 that read nothing, and one of them sends 64 MiB",
            "8 MiB for all, 256 KiB for each",
            busy,
        ),
        of(FEW, Client::open, |crowd| press(crowd, &half(32 << 20))).case(
            "serve --record FILE",
            "100 that send half of 32 MiB, read nothing, and stop",
            "256 and 64 MiB for all, 1 MiB for each",
            COMING + SPARE + each(FEW, BUSY),
        ),
        hostile(|crowd| before_the_opening(crowd, b"")).case(
            "serve",
            "1000 that say nothing",
            "10 seconds",
            idle,
        ),
        hostile(|crowd| before_the_opening(crowd, &[0xff; 1 << 20])).case(
            "serve",
            "1000 that send noise",
            "10 seconds",
            idle,
        ),
        hostile(|crowd| {
            before_the_opening(crowd, &[b"GET / HTTP/1.1\r\nX: ", &[b'a'; 120 << 10][..]].concat());
        })
        .case(
            "serve",
            "1000 that send 120 KiB of a head, and stop",
            "128 KiB for each, 10 seconds",
            each(CROWD, HEAD),
        ),
        hostile(|crowd| {
            let headers = "A: b\r\n".repeat(100_000);
            before_the_opening(crowd, &["GET / HTTP/1.1\r\n", &headers].concat().into_bytes());
        })
        .case("serve", "1000 heads with 100000 headers", "100 headers", idle),
        hostile(|crowd| {
            UPGRADE.as_bytes().iter().for_each(|byte| press(crowd, &[*byte]));
            crowd.iter_mut().for_each(|client| assert!(client.head().contains("101")));
        })
        .case("serve", "1000 requests, a byte at a time", "10 seconds", idle),
        hostile(|_| thread::sleep(STUCK)).case(
            "serve --tls",
            "1000 that say nothing",
            "10 seconds",
            idle,
        ),
    ]);
    cases
}

/// So many clients, how they come, and what they do.
struct Crowd {
    size: usize,
    come: fn(&str) -> Client,
    act: fn(&mut [Client]),
}

impl Crowd {
    fn case(
        self,
        command: &'static str,
        name: &'static str,
        bound: &'static str,
        most: u64,
    ) -> Case {
        Case { command, name, bound, most, make: Box::new(move || self.peak(command)) }
    }

    /// The peak of the server, in KiB, when all have come and acted; it is there for others then.
    fn peak(&self, command: &str) -> u64 {
        raise_our_limit();
        let files = Files::new();
        let args = command.replace("FILE", files.path("file").to_str().unwrap());
        let args: Vec<_> = args.split(' ').skip(1).collect();
        let (server, url) = serve_for(&args, PATIENCE);
        let is_open = url.starts_with("ws://");
        let mut crowd: Vec<_> = (0..self.size).map(|_| (self.come)(&url)).collect();
        (self.act)(&mut crowd);
        settle(&server);
        let peak = peak(server.pid);
        if is_open {
            let mut other = Client::open(&url);
            other.send(masked(0x80 | PING, b"?"));
            other.read_until(b"\x8a\x01?", "another client");
        }
        drop(crowd);
        server.signal(Signal::INT);
        let output = server.output();
        assert_eq!(output.code, Some(0), "{}", output.report());
        peak
    }
}

/// Waits until the server has worked on all that it takes.
fn settle(server: &Running) {
    let start = Instant::now();
    let mut asleep = 0;
    while asleep < 20 && start.elapsed() < 5 * STUCK {
        asleep = if server.is_asleep() { asleep + 1 } else { 0 };
        thread::sleep(Duration::from_millis(10));
    }
}

/// They send this before there is a session, for longer than that may take.
fn before_the_opening(crowd: &mut [Client], bytes: &[u8]) {
    let start = Instant::now();
    press(crowd, bytes);
    thread::sleep(OPENING.saturating_sub(start.elapsed()));
    crowd.iter_mut().for_each(|client| drop(client.rest()));
}

/// One message of so many bytes.
fn say(size: usize) -> Vec<u8> {
    masked(0x80 | BINARY, &vec![7; size])
}

/// Half of it.
fn half(size: usize) -> Vec<u8> {
    let mut message = say(size);
    message.truncate(header(0, size as u64).len() + 4 + size / 2);
    message
}

/// A message of so many zeros, compressed; or all but its end.
fn masked_bomb(size: u64, ends: bool) -> Vec<u8> {
    let frames = bomb(size);
    let (mut at, mut all) = (0, Vec::new());
    while at < frames.len() {
        let (head, length) = match frames[at + 1] {
            126 => (4, usize::from(u16::from_be_bytes([frames[at + 2], frames[at + 3]]))),
            length => (2, usize::from(length)),
        };
        let first = if ends { frames[at] } else { frames[at] & !0x80 };
        all.extend(masked(first, &frames[at + head..at + head + length]));
        at += head + length;
    }
    all
}

/// Each of them sends this, as far as it is taken, all at the same time.
fn press(crowd: &mut [Client], bytes: &[u8]) {
    let mut streams: Vec<_> = crowd.iter().map(|client| (client.stream(), 0)).collect();
    streams.iter().for_each(|(stream, _)| stream.set_nonblocking(true).unwrap());
    let mut moved = Instant::now();
    while moved.elapsed() < STUCK && streams.iter().any(|(_, at)| *at < bytes.len()) {
        let before = moved;
        for (stream, at) in &mut streams {
            match stream.write(&bytes[*at..]) {
                Ok(0) => {}
                Ok(count) => {
                    *at += count;
                    moved = Instant::now();
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                // It has had enough of this one.
                Err(_) => *at = bytes.len(),
            }
        }
        if moved == before {
            thread::sleep(Duration::from_millis(10));
        }
    }
    streams.iter().for_each(|(stream, _)| stream.set_nonblocking(false).unwrap());
}
