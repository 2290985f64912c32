//! The yardstick: a WebSocket client as one would write it by hand for speed, with blocking calls
//! and nothing else. It checks what it must (opcodes, fragments, UTF-8), masks each frame afresh,
//! writes when its input is dry, and closes properly. It always offers compression, as other clients
//! do, and has a server that accepts it send and receive everything compressed. Changes may only make
//! it faster.

use std::io::{self, Read, Write};
use std::thread;

use rand::Rng as _;
use rand::rngs::StdRng;

use crate::deflate::{Deflater, EXTENSION, Inflater};
use crate::link::Link;

const BUFFER: usize = 256 * 1024;

fn wrong(what: &str) -> io::Error {
    io::Error::other(what.to_owned())
}

/// Connects and shakes hands; gives back what came after the answer, and whether messages are
/// compressed.
fn open(url: &str) -> io::Result<(Link, Vec<u8>, bool)> {
    let (mut stream, host) = Link::open(url)?;
    let request = format!(
        "GET / HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
         Sec-WebSocket-Extensions: {EXTENSION}\r\n\r\n"
    );
    stream.write_all(request.as_bytes())?;
    let mut answer = Vec::new();
    loop {
        let mut block = [0; 4096];
        let count = stream.read(&mut block)?;
        if count == 0 {
            return Err(wrong("no answer"));
        }
        answer.extend_from_slice(&block[..count]);
        if let Some(at) = answer.windows(4).position(|window| window == b"\r\n\r\n") {
            let early = answer.split_off(at + 4);
            let has = |what: &[u8]| answer.windows(what.len()).any(|window| window == what);
            let good = answer.starts_with(b"HTTP/1.1 101") && has(b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
            let compressed = has(EXTENSION.as_bytes());
            return if good { Ok((stream, early, compressed)) } else { Err(wrong("refused")) };
        }
    }
}

/// `connect URL [CHUNK]`: stdin to the peer, as lines or in chunks; what it sends to stdout.
pub fn connect(url: &str, chunk: Option<usize>) -> io::Result<()> {
    let (stream, early, compressed) = open(url)?;
    let sending = stream.for_writing()?;
    let receiver = thread::spawn(move || receive(stream, early, compressed, chunk.is_none()));
    send(sending, compressed, chunk)?;
    receiver.join().map_err(|_| wrong("a panic"))?
}

/// `listen URL`: what the peer sends to stdout, until it closes.
pub fn listen(url: &str, newlines: bool) -> io::Result<()> {
    let (stream, early, compressed) = open(url)?;
    receive(stream, early, compressed, newlines)
}

/// `copy-in URL`, `copy-out URL`: the same bytes over the same socket, with no WebSocket.
pub fn copy(url: &str, out: bool) -> io::Result<()> {
    let (mut stream, early, _) = open(url)?;
    let mut buffer = vec![0; BUFFER];
    let (mut stdin, mut stdout) = (io::stdin().lock(), unbuffered_stdout()?);
    stdout.write_all(&early)?;
    loop {
        let count = if out { stdin.read(&mut buffer)? } else { stream.read(&mut buffer)? };
        if count == 0 {
            break;
        }
        let bytes = &buffer[..count];
        if out { stream.write_all(bytes)? } else { stdout.write_all(bytes)? }
    }
    if out {
        stream.end()?;
        io::copy(&mut stream, &mut io::sink())?;
    }
    Ok(())
}

/// `io::Stdout` looks for newlines in whatever it writes.
fn unbuffered_stdout() -> io::Result<std::fs::File> {
    use std::os::fd::AsFd as _;
    Ok(io::stdout().as_fd().try_clone_to_owned()?.into())
}

fn receive(mut stream: Link, early: Vec<u8>, compressed: bool, newlines: bool) -> io::Result<()> {
    let mut stdout = unbuffered_stdout()?;
    let mut out = Vec::with_capacity(2 * BUFFER);
    let mut filled = early.len();
    let mut buffer = early;
    buffer.resize(BUFFER, 0);
    let (mut remaining, mut fin, mut text, mut within) = (0, true, false, false);
    let (mut message, mut inflater, mut deflated) = (Vec::new(), Inflater::new(), false);
    loop {
        let mut at = 0;
        loop {
            if remaining > 0 {
                let here = remaining.min(filled - at);
                let payload = &buffer[at..at + here];
                if text || deflated {
                    message.extend_from_slice(payload);
                } else {
                    out.extend_from_slice(payload);
                }
                at += here;
                remaining -= here;
                if remaining > 0 {
                    break;
                }
                if fin {
                    if deflated {
                        inflate(&mut inflater, &message, text, &mut out)?;
                        message.clear();
                    } else if text {
                        simdutf8::basic::from_utf8(&message).map_err(|_| wrong("not UTF-8"))?;
                        if out.is_empty() {
                            std::mem::swap(&mut out, &mut message);
                        } else {
                            out.append(&mut message);
                        }
                    }
                    if newlines {
                        out.push(b'\n');
                    }
                }
            }
            let rest = &buffer[at..filled];
            if rest.len() < 2 {
                break;
            }
            let (first, second) = (rest[0], rest[1]);
            let (starts, rsv1) = (matches!(first & 0x0f, 1 | 2), first & 0x40 != 0);
            if first & 0x30 != 0 || second & 0x80 != 0 || rsv1 && !(compressed && starts) {
                return Err(wrong("a reserved bit or a mask"));
            }
            let (length, size) = match second {
                126 if rest.len() >= 4 => (usize::from(u16::from_be_bytes([rest[2], rest[3]])), 4),
                127 if rest.len() >= 10 => {
                    (u64::from_be_bytes(rest[2..10].try_into().expect("8 bytes")) as usize, 10)
                }
                126 | 127 => break,
                length => (usize::from(length), 2),
            };
            match first & 0x0f {
                0 if within => {}
                1 if !within => text = true,
                2 if !within => text = false,
                8 => {
                    stdout.write_all(&out)?;
                    let close = [0x88, 0x82, 0, 0, 0, 0, 0x03, 0xe8];
                    // When the Close was ours, the peer may be gone already.
                    let _ = stream.write_all(&close);
                    return Ok(());
                }
                9 | 10 if rest.len() < size + length => break,
                9 | 10 => {
                    at += size + length;
                    continue;
                }
                _ => return Err(wrong("a frame out of order")),
            }
            fin = first & 0x80 != 0;
            within = !fin;
            if starts {
                deflated = rsv1;
            }
            at += size;
            remaining = length;
            if fin && message.is_empty() && remaining <= filled - at {
                // The usual case: the message is here as a whole.
                let payload = &buffer[at..at + length];
                if deflated {
                    inflate(&mut inflater, payload, text, &mut out)?;
                } else {
                    if text {
                        simdutf8::basic::from_utf8(payload).map_err(|_| wrong("not UTF-8"))?;
                    }
                    out.extend_from_slice(payload);
                }
                if newlines {
                    out.push(b'\n');
                }
                at += length;
                remaining = 0;
            }
            if compressed && out.len() >= BUFFER {
                stdout.write_all(&out)?;
                out.clear();
            }
        }
        stdout.write_all(&out)?;
        out.clear();
        buffer.copy_within(at..filled, 0);
        filled -= at;
        let count = stream.read(&mut buffer[filled..])?;
        if count == 0 {
            return Err(wrong("the connection is gone"));
        }
        filled += count;
    }
}

fn inflate(
    inflater: &mut Inflater,
    payload: &[u8],
    text: bool,
    out: &mut Vec<u8>,
) -> io::Result<()> {
    let begin = out.len();
    inflater.message(payload, out)?;
    if text {
        simdutf8::basic::from_utf8(&out[begin..]).map_err(|_| wrong("not UTF-8"))?;
    }
    Ok(())
}

fn send(mut stream: Link, compressed: bool, chunk: Option<usize>) -> io::Result<()> {
    let mut stdin = io::stdin().lock();
    let mut frames = Frames {
        masks: rand::make_rng(),
        deflater: compressed.then(Deflater::new),
        shorter: Vec::new(),
    };
    let mut out = Vec::with_capacity(2 * BUFFER);
    let mut buffer = vec![0; BUFFER];
    let mut filled = 0;
    loop {
        if filled == buffer.len() {
            buffer.resize(2 * filled, 0);
        }
        let count = stdin.read(&mut buffer[filled..])?;
        let searched = filled;
        filled += count;
        let mut start = 0;
        match chunk {
            Some(size) => {
                while filled - start >= size {
                    frames.message(&mut out, 0x82, &buffer[start..start + size])?;
                    start += size;
                }
            }
            None => {
                for newline in memchr::memchr_iter(b'\n', &buffer[searched..filled]) {
                    let line = &buffer[start..searched + newline];
                    simdutf8::basic::from_utf8(line).map_err(|_| wrong("not UTF-8"))?;
                    frames.message(&mut out, 0x81, line)?;
                    start = searched + newline + 1;
                }
            }
        }
        buffer.copy_within(start..filled, 0);
        filled -= start;
        if count == 0 {
            if filled > 0 {
                let first = if chunk.is_some() { 0x82 } else { 0x81 };
                frames.message(&mut out, first, &buffer[..filled])?;
            }
            frames.frame(&mut out, 0x88, &[0x03, 0xe8]);
        }
        stream.write_all(&out)?;
        out.clear();
        if count == 0 {
            return Ok(());
        }
    }
}

/// What makes frames, and what that takes.
struct Frames {
    masks: StdRng,
    deflater: Option<Deflater>,
    shorter: Vec<u8>,
}

impl Frames {
    fn message(&mut self, out: &mut Vec<u8>, first: u8, payload: &[u8]) -> io::Result<()> {
        let Some(deflater) = &mut self.deflater else {
            self.frame(out, first, payload);
            return Ok(());
        };
        self.shorter.clear();
        deflater.message(payload, &mut self.shorter)?;
        frame(out, first | 0x40, &self.shorter, self.masks.next_u32().to_ne_bytes());
        Ok(())
    }

    fn frame(&mut self, out: &mut Vec<u8>, first: u8, payload: &[u8]) {
        frame(out, first, payload, self.masks.next_u32().to_ne_bytes());
    }
}

fn frame(out: &mut Vec<u8>, first: u8, payload: &[u8], mask: [u8; 4]) {
    out.push(first);
    match payload.len() {
        length @ 0..=125 => out.push(0x80 | length as u8),
        length @ 126..=0xffff => {
            out.push(0x80 | 126);
            out.extend_from_slice(&(length as u16).to_be_bytes());
        }
        length => {
            out.push(0x80 | 127);
            out.extend_from_slice(&(length as u64).to_be_bytes());
        }
    }
    out.extend_from_slice(&mask);
    let start = out.len();
    out.extend_from_slice(payload);
    let wide = u64::from_ne_bytes(std::array::from_fn(|i| mask[i % 4]));
    let mut words = out[start..].chunks_exact_mut(8);
    for word in &mut words {
        let masked = u64::from_ne_bytes((&*word).try_into().expect("8 bytes")) ^ wide;
        word.copy_from_slice(&masked.to_ne_bytes());
    }
    for (byte, key) in words.into_remainder().iter_mut().zip(mask.iter().cycle()) {
        *byte ^= key;
    }
}
