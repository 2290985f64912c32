//! The servers of the benchmark: raw TCP, frames made by hand, so that they are never the
//! bottleneck; with TLS over it (`tls`) they do as much work as a client. What a connection is for stands in the path that the client asks for.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use crate::clock;
use crate::deflate::{EXTENSION, Inflater};
use crate::pattern::{Blocks, Content, Kind, Pattern, RSV1};
use crate::tls::{self, Tls};

/// What the server does on a connection.
#[derive(Clone, Copy, Debug)]
pub enum Job {
    /// Sends so many messages, then a Close.
    Send { pattern: Pattern, count: u64 },
    /// Takes messages; with a pause before it takes the first.
    Take { pattern: Pattern, pause: Duration },
    /// Sends everything back.
    Echo,
}

impl Job {
    /// Whether messages are to be compressed.
    fn is_compressed(&self) -> bool {
        match self {
            Job::Send { pattern, .. } | Job::Take { pattern, .. } => {
                pattern.content.is_compressed()
            }
            Job::Echo => false,
        }
    }

    /// What is to be sent, if that is known before.
    fn blocks(&self) -> Option<Blocks> {
        match self {
            Job::Send { pattern, count } => Some(pattern.blocks(*count, pattern.framer(false))),
            _ => None,
        }
    }
}

/// What a server saw of one connection.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    /// When the opening handshake was answered.
    pub opened: u64,
    /// When the last message had come.
    pub last: u64,
    /// Messages that came.
    pub messages: u64,
    /// Their payload bytes. Of compressed messages this is what they are on the wire, if nobody looks
    /// into them.
    pub bytes: u64,
    /// Bytes of all frames with messages, whichever way they went.
    pub wire: u64,
    /// What was not as it should be.
    pub problem: Option<String>,
}

/// A connection to a client, whatever carries it.
pub trait Stream: Read + Write {
    /// Says that nothing more comes.
    fn end(&mut self) -> io::Result<()>;
}

impl Stream for TcpStream {
    fn end(&mut self) -> io::Result<()> {
        self.shutdown(Shutdown::Write)
    }
}

/// A server with its own thread; a connection after another.
pub struct Server {
    port: u16,
    tls: Option<Tls>,
    jobs: mpsc::Sender<Job>,
    seen: mpsc::Receiver<Seen>,
}

/// How long the far end may be silent.
const PATIENCE: Duration = Duration::from_secs(90);
/// Bytes of one read.
const READ: usize = 1 << 20;

impl Server {
    /// Starts a server on a free port of loopback, behind TLS if that is given.
    pub fn start(tls: Option<Tls>) -> io::Result<Server> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let port = listener.local_addr()?.port();
        let (jobs, take_job) = mpsc::channel::<Job>();
        let (say, seen) = mpsc::channel();
        let config = tls.as_ref().map(Tls::config);
        thread::spawn(move || {
            for job in take_job {
                let mut report = Seen::default();
                let blocks = job.blocks();
                let result = accept(&listener).and_then(|stream| match &config {
                    None => serve(stream, job, blocks, &mut report),
                    Some(config) => serve(tls::accept(config, stream)?, job, blocks, &mut report),
                });
                if let Err(error) = result {
                    report.problem.get_or_insert(error.to_string());
                }
                if say.send(report).is_err() {
                    return;
                }
            }
        });
        Ok(Server { port, tls, jobs, seen })
    }

    /// Where it is.
    pub fn url(&self) -> String {
        let scheme = if self.tls.is_some() { "wss" } else { "ws" };
        format!("{scheme}://127.0.0.1:{}/", self.port)
    }

    /// What a client must find in its environment to trust it, as `NAME=VALUE`.
    pub fn environment(&self) -> Vec<String> {
        self.tls.as_ref().map(Tls::environment).unwrap_or_default()
    }

    /// What the next connection is for.
    pub fn expect(&self, job: Job) {
        self.jobs.send(job).expect("the server runs");
    }

    /// What became of it. A client that never came is made good by a connection of our own.
    pub fn seen(&self) -> Seen {
        if let Ok(seen) = self.seen.recv_timeout(Duration::from_secs(5)) {
            return seen;
        }
        drop(TcpStream::connect(("127.0.0.1", self.port)));
        self.seen.recv_timeout(PATIENCE).unwrap_or_default()
    }
}

fn accept(listener: &TcpListener) -> io::Result<TcpStream> {
    let (stream, _) = listener.accept()?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    Ok(stream)
}

fn serve(
    mut stream: impl Stream,
    job: Job,
    blocks: Option<Blocks>,
    seen: &mut Seen,
) -> io::Result<()> {
    let early = upgrade(&mut stream, job.is_compressed())?;
    seen.opened = clock::now();
    match (job, blocks) {
        (Job::Take { pattern, pause }, _) => {
            thread::sleep(pause);
            Taker::new(pattern, seen).take(stream, early)
        }
        (_, Some(blocks)) => {
            seen.wire = blocks.size();
            blocks.write(|block| stream.write_all(block))?;
            part(stream);
            Ok(())
        }
        _ => echo(stream, early),
    }
}

/// The opening handshake; gives back what came after the request.
fn upgrade(stream: &mut impl Stream, compressed: bool) -> io::Result<Vec<u8>> {
    let mut request = Vec::new();
    let end = loop {
        let mut block = [0; 4096];
        let count = stream.read(&mut block)?;
        if count == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        request.extend_from_slice(&block[..count]);
        if let Some(at) = request.windows(4).position(|window| window == b"\r\n\r\n") {
            break at + 4;
        }
    };
    let early = request.split_off(end);
    let text = String::from_utf8_lossy(&request);
    let header = |wanted: &str| {
        text.lines().find_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.eq_ignore_ascii_case(wanted).then(|| value.trim())
        })
    };
    let key =
        header("sec-websocket-key").ok_or_else(|| io::Error::other("no Sec-WebSocket-Key"))?;
    let mut extensions = String::new();
    if compressed {
        // What is offered with it may be declined.
        if !header("sec-websocket-extensions").is_some_and(|offered| offered.starts_with(EXTENSION))
        {
            return Err(io::Error::other("compression was not offered"));
        }
        extensions = format!("Sec-WebSocket-Extensions: {EXTENSION}\r\n");
    }
    let answer = format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         {extensions}Sec-WebSocket-Accept: {}\r\n\r\n",
        derive_accept_key(key.as_bytes())
    );
    stream.write_all(answer.as_bytes())?;
    Ok(early)
}

/// Takes frames apart where they lie; only a check looks at payloads.
struct Taker<'a> {
    pattern: Pattern,
    seen: &'a mut Seen,
    /// Payload bytes of the current frame that are still to come.
    remaining: usize,
    /// Whether the current frame ends a message.
    fin: bool,
    /// The message being put together, where it is checked.
    message: Vec<u8>,
    /// Whether it is compressed.
    compressed: bool,
    inflater: Inflater,
}

/// The header of a frame, and how many bytes it takes.
struct Header {
    first: u8,
    mask: [u8; 4],
    size: usize,
    length: usize,
}

fn header(bytes: &[u8]) -> Option<Header> {
    let (first, second) = (*bytes.first()?, *bytes.get(1)?);
    let (length, size) = match second & 0x7f {
        126 => (u16::from_be_bytes(*bytes.get(2..)?.first_chunk()?) as usize, 4),
        127 => (u64::from_be_bytes(*bytes.get(2..)?.first_chunk()?) as usize, 10),
        length => (length as usize, 2),
    };
    if second & 0x80 == 0 {
        return Some(Header { first, mask: [0; 4], size, length });
    }
    let mask = *bytes.get(size..)?.first_chunk()?;
    Some(Header { first, mask, size: size + 4, length })
}

fn unmask(payload: &mut [u8], mask: [u8; 4]) {
    payload.iter_mut().zip(mask.iter().cycle()).for_each(|(byte, key)| *byte ^= key);
}

impl<'a> Taker<'a> {
    fn new(pattern: Pattern, seen: &'a mut Seen) -> Taker<'a> {
        let inflater = Inflater::new();
        let (remaining, fin, message, compressed) = (0, false, Vec::new(), false);
        Taker { pattern, seen, remaining, fin, message, compressed, inflater }
    }

    fn take(&mut self, mut stream: impl Stream, early: Vec<u8>) -> io::Result<()> {
        let mut filled = early.len();
        let mut buffer = early;
        buffer.resize(filled.max(READ), 0);
        loop {
            let (consumed, closed) = self.frames(&mut buffer[..filled]);
            if closed {
                part(stream);
                return Ok(());
            }
            buffer.copy_within(consumed..filled, 0);
            filled -= consumed;
            if filled == buffer.len() {
                buffer.resize(2 * filled, 0);
            }
            match stream.read(&mut buffer[filled..])? {
                0 => return Ok(()),
                count => filled += count,
            }
            self.seen.last = clock::now();
        }
    }

    /// How many bytes are done with, and whether a Close is next.
    fn frames(&mut self, bytes: &mut [u8]) -> (usize, bool) {
        let mut at = 0;
        loop {
            let here = self.remaining.min(bytes.len() - at);
            at += here;
            self.remaining -= here;
            if self.remaining > 0 {
                return (at, false);
            }
            self.seen.messages += u64::from(std::mem::take(&mut self.fin));
            let Some(found) = header(&bytes[at..]) else { return (at, false) };
            if found.first & 0x0f == 8 {
                return (at, true);
            }
            let is_data = found.first & 0x08 == 0;
            let payload = at + found.size;
            if self.pattern.numbered && is_data {
                let Some(payload) = bytes.get_mut(payload..payload + found.length) else {
                    return (at, false);
                };
                unmask(payload, found.mask);
                self.message.extend_from_slice(payload);
                // Only the first frame of a message says it.
                if found.first & 0x0f != 0 {
                    self.compressed = found.first & RSV1 != 0;
                }
            }
            if is_data {
                self.seen.bytes += found.length as u64;
                self.seen.wire += (found.size + found.length) as u64;
            }
            if self.pattern.numbered && is_data && found.first & 0x80 != 0 {
                self.check();
            }
            self.fin = is_data && found.first & 0x80 != 0;
            self.remaining = found.length;
            at = payload;
        }
    }

    /// Compares a message with what was sent.
    fn check(&mut self) {
        if self.compressed {
            self.inflate();
        } else if self.pattern.content.is_compressed() {
            self.seen.problem.get_or_insert("messages came as they were, not compressed".into());
        }
        let mut expected = Vec::new();
        self.pattern.payload(self.seen.messages, &mut expected);
        if self.message.strip_suffix(b"\n") == Some(&expected) {
            self.seen.problem.get_or_insert("the newline is part of each message".into());
        } else if self.message != expected {
            let what = format!("message {} is not what was sent", self.seen.messages);
            self.seen.problem.get_or_insert(what);
        }
        self.message.clear();
    }

    fn inflate(&mut self) {
        let mut message = Vec::new();
        if let Err(error) = self.inflater.message(&self.message, &mut message) {
            let what = format!("message {} cannot be inflated: {error}", self.seen.messages);
            self.seen.problem.get_or_insert(what);
        }
        self.seen.bytes += message.len() as u64;
        self.seen.bytes -= self.message.len() as u64;
        self.message = message;
    }
}

/// Sends a Close and waits until the other end has gone. Some are gone already.
fn part(mut stream: impl Stream) {
    let close = stream.write_all(&[0x88, 2, 0x03, 0xe8]);
    if close.and_then(|()| stream.end()).is_ok() {
        let _ = io::copy(&mut stream, &mut io::sink());
    }
}

fn echo(mut stream: impl Stream, early: Vec<u8>) -> io::Result<()> {
    let mut received = early;
    let mut answer = Vec::new();
    let mut block = vec![0; 64 * 1024];
    loop {
        while let Some(found) = header(&received) {
            let end = found.size + found.length;
            if received.len() < end {
                break;
            }
            if found.first & 0x0f == 8 {
                stream.write_all(&answer)?;
                part(stream);
                return Ok(());
            }
            let payload = &mut received[found.size..end];
            unmask(payload, found.mask);
            let kind =
                if found.first == Kind::Text.first_byte() { Kind::Text } else { Kind::Binary };
            let (size, content) = (found.length, Content::Noise);
            let pattern = Pattern { kind, size, content, numbered: false };
            pattern.frame(payload, false, false, &mut answer);
            received.drain(..end);
        }
        stream.write_all(&answer)?;
        answer.clear();
        match stream.read(&mut block)? {
            0 => return Ok(()),
            count => received.extend_from_slice(&block[..count]),
        }
    }
}
