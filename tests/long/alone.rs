//! One client and a stream without end: in, out, behind a far side that stalls, and of what costs the other side
//! nothing.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::process::ChildStdin;
use std::sync::mpsc::channel;
use std::thread;
use std::time::Duration;

use flate2::{Compress, Compression, FlushCompress};
use rustix::process::Signal;

use super::memory::Case;
use super::run::{PATIENCE, peak};
use crate::support::{BINARY, Files, PING, Peer, Running, TEXT, Wire, close, frame, header, run};

/// The most that a stream may take, in MiB.
const STREAM: u64 = 12;
/// The same where binary is shown as hex, which is twice as long.
const HEX: u64 = 16;
/// A huge message.
pub const HUGE: u64 = 1 << 30;
/// How long nothing moves when something is stuck.
const STUCK: Duration = Duration::from_secs(2);
/// Pieces of 16 KiB that a server sends before it has sent enough, whether anything stops it or not.
const PIECES: usize = 30_000;
/// Pings of a flood.
const PINGS: usize = 5_000_000;

pub fn cases() -> Vec<Case> {
    let case = |command, name, bound, make: fn() -> u64| Case {
        command,
        name,
        bound,
        most: STREAM,
        make: Box::new(make),
    };
    let (streams, waits) = ("it streams through", "reading stops");
    vec![
        case("listen", "says one word", "", || {
            listen(&[], |wire| wire.send(frame(0x80 | TEXT, b"hi")))
        }),
        case("listen", "sends one message of 1 GiB", streams, || {
            listen(&[], |wire| send_huge(wire, HUGE))
        }),
        case("listen --compress", "sends 1 GiB of zeros in 1 MiB of frames", streams, || {
            listen(&["--compress"], |wire| wire.send(bomb(HUGE)))
        }),
        case("send --whole", "takes one message of 1 GiB", streams, || sends(&["--whole"], HUGE)),
        case("send", "takes a line of 1 GiB", streams, || sends(&[], HUGE)),
        case("send --compress --whole", "takes 256 MiB, compressed", streams, || {
            sends(&["--compress", "--whole"], HUGE / 4)
        }),
        case("listen", "sends on while nobody reads stdout", waits, || unread(&[], &[], &small())),
        case("listen", "sends text of 1 GiB while nobody reads stdout", waits, || {
            unread(&[], &header(0x80 | TEXT, HUGE), &[b'x'; 1 << 20])
        }),
        Case {
            most: HEX,
            ..case(
                "listen",
                "sends binary of 1 GiB, shown as hex, while nobody reads stdout",
                waits,
                || unread(&[], &header(0x80 | BINARY, HUGE), &[7; 1 << 20]),
            )
        },
        case("listen --format jsonl", "sends on while nobody reads stdout", waits, || {
            unread(&["--format", "jsonl"], &[], &small())
        }),
        case("listen --compress", "sends 1 GiB of zeros while nobody reads stdout", waits, || {
            unread(&["--compress"], &[], &bomb(HUGE))
        }),
        case("connect", "reads nothing", "reading of stdin stops", || stalled(&["connect"])),
        case("connect --reconnect", "reads nothing", "reading of stdin stops", || {
            stalled(&["connect", "--reconnect"])
        }),
        case("connect --compress", "reads nothing", "reading of stdin stops", || {
            stalled(&["connect", "--compress"])
        }),
        case("listen", "sends 5 million Pings as fast as it can", "a Pong takes its place", || {
            listen(&[], flood)
        }),
        case(
            "listen",
            "sends 470 MiB of Pings and reads no Pong",
            "only the latest is answered",
            || unread(&[], &[], &frame(0x80 | PING, &[b'p'; 125]).repeat(1000)),
        ),
        case("listen -vv", "sends 5 million Pings, each with a line on stderr", waits, || {
            let files = Files::new();
            let stderr = std::fs::File::create(files.path("stderr")).unwrap();
            let (url, peer) = server(flood);
            let running = run(["listen", &url, "-vv"]).stderr_file(stderr).deadline(PATIENCE);
            let (output, peak) = running.start().output_and_peak();
            assert_eq!(output.code, Some(0), "{}", output.report());
            peer.seen();
            peak >> 10
        }),
        case("listen --trace-frames FILE", "sends 64 MiB in small frames", waits, || {
            let files = Files::new();
            let trace = files.path("trace");
            listen(&["--trace-frames", trace.to_str().unwrap()], |wire| {
                let small = small();
                (0..(64 << 20) / small.len()).for_each(|_| wire.send(&small));
            })
        }),
        case("listen --record FILE", "sends 64 MiB in small messages", streams, || {
            let files = Files::new();
            let recording = files.path("recording");
            listen(&["--record", recording.to_str().unwrap()], |wire| {
                let small = small();
                (0..(64 << 20) / small.len()).for_each(|_| wire.send(&small));
            })
        }),
    ]
}

/// Messages of 64 bytes, some 1 MiB of them.
fn small() -> Vec<u8> {
    frame(0x80 | TEXT, &[b'x'; 64]).repeat(16_000)
}

/// One message of so many bytes, in one frame.
pub fn send_huge(wire: &mut Wire, size: u64) {
    wire.send(header(0x80 | TEXT, size));
    let block = vec![b'x'; 1 << 20];
    (0..size / block.len() as u64).for_each(|_| wire.send(&block));
}

/// A message of so many zeros, compressed, in frames of 64 KiB at most.
pub fn bomb(size: u64) -> Vec<u8> {
    let mut deflater = Compress::new(Compression::best(), false);
    let block = vec![0; 1 << 20];
    let mut payload = Vec::new();
    for _ in 0..size / block.len() as u64 {
        payload.reserve(1 << 16);
        deflater.compress_vec(&block, &mut payload, FlushCompress::None).unwrap();
    }
    payload.reserve(1 << 16);
    deflater.compress_vec(&[], &mut payload, FlushCompress::Sync).unwrap();
    payload.truncate(payload.len() - 4);
    let count = payload.len().div_ceil(60_000);
    let pieces = payload.chunks(60_000).enumerate();
    let first = |at| if at == 0 { 0x40 | TEXT } else { 0 } | if at + 1 == count { 0x80 } else { 0 };
    pieces.flat_map(|(at, piece)| frame(first(at), piece)).collect()
}

/// A server that lets a client in and does this; it agrees to compress.
pub fn server(script: impl FnOnce(&mut Wire) + Send + 'static) -> (String, Peer) {
    let peer = Peer::start(|wire| {
        wire.request();
        let mut answer = wire.switching_protocols();
        if wire.seen().header("Sec-WebSocket-Extensions").is_some() {
            let extension = "\r\nSec-WebSocket-Extensions: permessage-deflate\r\n\r\n";
            answer = answer.replace("\r\n\r\n", extension);
        }
        wire.send(answer);
        wire.stream().set_write_timeout(Some(PATIENCE)).unwrap();
        wire.stream().set_read_timeout(Some(PATIENCE)).unwrap();
        script(wire);
        wire.try_send(close(1000, ""));
        wire.end_whatever_comes();
    });
    (peer.url(), peer)
}

/// Its peak, in KiB, where all goes well; stdout is read.
fn listen(args: &[&str], script: impl FnOnce(&mut Wire) + Send + 'static) -> u64 {
    let (url, peer) = server(script);
    let mut running = run(["listen", &url]).args(args).deadline(PATIENCE).stdout_unread().start();
    let mut stdout = running.take_stdout();
    let reading = thread::spawn(move || std::io::copy(&mut stdout, &mut std::io::sink()));
    let (output, peak) = running.output_and_peak();
    assert_eq!(output.code, Some(0), "{}", output.report());
    reading.join().unwrap().unwrap();
    peer.seen();
    peak >> 10
}

/// The same with so many bytes on stdin; the server takes frames as they come.
fn sends(args: &[&str], size: u64) -> u64 {
    let (url, peer) =
        server(|wire| while wire.read_and_forget().is_some_and(|frame| frame.opcode < 8) {});
    let mut running = run(["send", &url]).args(args).stdin_held().deadline(PATIENCE).start();
    let mut stdin = running.take_stdin();
    let feeding = thread::spawn(move || {
        let block = vec![b'x'; 1 << 20];
        (0..size >> 20).for_each(|_| stdin.write_all(&block).expect("stdin is read"));
    });
    let (output, peak) = running.output_and_peak();
    assert_eq!(output.code, Some(0), "{}", output.report());
    feeding.join().unwrap();
    peer.seen();
    peak >> 10
}

/// The peak once nothing moves any more.
fn stuck(running: Running, moved: std::sync::mpsc::Receiver<()>) -> u64 {
    while moved.recv_timeout(STUCK).is_ok() {}
    let peak = peak(running.pid);
    running.signal(Signal::KILL);
    peak
}

/// The server sends a block again and again, and neither it nor who is behind stdout reads.
fn unread(args: &[&str], before: &[u8], block: &[u8]) -> u64 {
    let (moves, moved) = channel();
    let (before, block) = (before.to_vec(), block.to_vec());
    let (url, _peer) = server(move |wire| {
        wire.send(before);
        let mut stream: TcpStream = wire.stream();
        for piece in block.chunks(16 << 10).cycle().take(PIECES) {
            if stream.write_all(piece).is_err() {
                return;
            }
            let _ = moves.send(());
        }
        // It goes on to be there, and not to read.
        thread::sleep(2 * STUCK);
    });
    let mut running = run(["listen", &url]).args(args).deadline(PATIENCE).stdout_unread().start();
    let _stdout = running.take_stdout();
    stuck(running, moved)
}

/// Lines go in, and the server does not read them.
fn stalled(args: &[&str]) -> u64 {
    let (moves, moved) = channel();
    let (url, _peer) = server(|wire| {
        // Until the program is killed.
        let mut last = [0];
        while !matches!(wire.stream().peek(&mut last), Ok(0) | Err(_)) {
            thread::sleep(STUCK);
        }
    });
    let mut running = run([args[0], &url]).args(&args[1..]).stdin_held().deadline(PATIENCE).start();
    let mut stdin: ChildStdin = running.take_stdin();
    thread::spawn(move || {
        let lines = super::blocks::lines();
        for piece in lines.chunks(16 << 10).cycle() {
            if stdin.write_all(piece).is_err() {
                break;
            }
            let _ = moves.send(());
        }
    });
    stuck(running, moved)
}

/// Millions of Pings, and their Pongs are read.
fn flood(wire: &mut Wire) {
    let mut reading = wire.stream();
    let taking = thread::spawn(move || {
        let mut buffer = vec![0; 256 << 10];
        while reading.read(&mut buffer).is_ok_and(|count| count > 0) {}
    });
    let pings = frame(0x80 | PING, b"ping").repeat(10_000);
    (0..PINGS / 10_000).for_each(|_| wire.send(&pings));
    wire.send(close(1000, ""));
    taking.join().unwrap();
}
