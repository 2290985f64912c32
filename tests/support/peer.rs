//! A WebSocket server on a raw socket that does what a script says: right,
//! wrong, or not at all. It serves one connection, in a thread of its own, and
//! every wait of its has an end.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use ring::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::net::sockopt::{set_socket_linger, set_socket_recv_buffer_size};

use super::{
    BINARY, CLOSE, CONTINUATION, DEADLINE, Frame, PING, PONG, TEXT, close, frame, ping, pong,
    shown, text,
};

pub struct Peer {
    pub address: SocketAddr,
    thread: JoinHandle<Seen>,
}

/// Puts a peer behind a Unix socket, for one connection.
pub fn behind_socket(path: &Path, peer: SocketAddr) -> JoinHandle<()> {
    let listener = UnixListener::bind(path).expect("a free path");
    thread::spawn(move || {
        let (outside, _) = listener.accept().expect("a connection");
        let inside = TcpStream::connect(peer).expect("the peer");
        let (mut from_inside, mut to_outside) =
            (inside.try_clone().unwrap(), outside.try_clone().unwrap());
        let back = thread::spawn(move || {
            std::io::copy(&mut from_inside, &mut to_outside).unwrap();
            to_outside.shutdown(Shutdown::Write).unwrap();
        });
        std::io::copy(&mut &outside, &mut &inside).unwrap();
        inside.shutdown(Shutdown::Write).unwrap();
        back.join().unwrap();
    })
}

/// What a peer does on a connection.
pub type Script = Box<dyn FnOnce(&mut Wire) + Send>;

/// A peer for several connections.
pub struct Peers {
    pub address: SocketAddr,
    thread: JoinHandle<Vec<Seen>>,
}

impl Peers {
    pub fn url(&self) -> String {
        format!("ws://{}/", self.address)
    }

    /// What was seen on each.
    #[track_caller]
    pub fn seen(self) -> Vec<Seen> {
        match self.thread.join() {
            Ok(seen) => seen,
            Err(panic) => std::panic::resume_unwind(panic),
        }
    }
}

/// What the program sent to the peer.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    /// The head of the HTTP request, up to the empty line.
    pub request: String,
    pub frames: Vec<Frame>,
}

/// A message, put together from its frames.
pub type Message = (u8, Vec<u8>);

impl Peer {
    pub fn start(script: impl FnOnce(&mut Wire) + Send + 'static) -> Peer {
        Peer::start_at(TcpListener::bind("127.0.0.1:0").expect("a free port"), script)
    }

    /// A peer whose system keeps some 64 KiB of what it has not read.
    pub fn start_narrow(script: impl FnOnce(&mut Wire) + Send + 'static) -> Peer {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        // Once a connection is there, it is too late for what was offered with it.
        set_socket_recv_buffer_size(&listener, 64 << 10).expect("a buffer");
        Peer::start_at(listener, script)
    }

    fn start_at(listener: TcpListener, script: impl FnOnce(&mut Wire) + Send + 'static) -> Peer {
        let address = listener.local_addr().unwrap();
        let thread = thread::spawn(move || {
            let mut wire = Wire::accept_tcp(&listener);
            drop(listener);
            script(&mut wire);
            wire.seen
        });
        Peer { address, thread }
    }

    /// The same for several connections, one after the other: a script for each.
    pub fn start_each(scripts: Vec<Script>) -> Peers {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().unwrap();
        let thread = thread::spawn(move || {
            let each = scripts.into_iter().map(|script| {
                let mut wire = Wire::accept_tcp(&listener);
                script(&mut wire);
                wire.seen
            });
            each.collect()
        });
        Peers { address, thread }
    }

    /// A server that says hello and closes.
    pub fn that_says_hello() -> Peer {
        Peer::start(Wire::hello)
    }

    /// A server that takes all messages and closes when the program does.
    pub fn that_listens() -> Peer {
        Peer::start(|wire| {
            wire.accept();
            wire.finish();
        })
    }

    /// A server that sends everything back, and closes when the program does.
    pub fn that_echoes() -> Peer {
        Peer::start(|wire| {
            wire.accept();
            while let Some(got) = wire.read() {
                match got.opcode {
                    CLOSE => {
                        wire.send(frame(0x80 | CLOSE, &got.payload));
                        return wire.until_gone();
                    }
                    PING => wire.send(pong(&got.payload)),
                    _ => wire.send(frame(0x80 | got.opcode, &got.payload)),
                }
            }
        })
    }

    pub fn url(&self) -> String {
        format!("ws://{}/", self.address)
    }

    /// Waits for the end of the script. A failed assertion of the script fails
    /// the test here.
    #[track_caller]
    pub fn seen(self) -> Seen {
        match self.thread.join() {
            Ok(seen) => seen,
            Err(panic) => std::panic::resume_unwind(panic),
        }
    }
}

impl Seen {
    /// The value of a header of the request, which must not come twice.
    pub fn header(&self, name: &str) -> Option<String> {
        let lines = self.request.lines().skip(1).filter_map(|line| line.split_once(':'));
        let mut found = lines.filter(|(this, _)| this.eq_ignore_ascii_case(name));
        let value = found.next().map(|(_, value)| value.trim().to_owned());
        assert_eq!(found.next(), None, "{name} comes twice in {}", self.request);
        value
    }

    /// The messages that came whole; the frames of each must be in order.
    pub fn messages(&self) -> Vec<Message> {
        let mut messages = Vec::new();
        let mut open: Option<Message> = None;
        for frame in self.frames.iter().filter(|frame| frame.opcode < CLOSE) {
            assert_eq!(frame.rsv, 0, "compressed: {frame:?}");
            let (opcode, mut payload) = match (open.take(), frame.opcode) {
                (None, TEXT | BINARY) => (frame.opcode, Vec::new()),
                (Some(message), CONTINUATION) => message,
                (before, opcode) => panic!("opcode {opcode} after {before:?}"),
            };
            payload.extend_from_slice(&frame.payload);
            match frame.fin {
                true => messages.push((opcode, payload)),
                false => open = Some((opcode, payload)),
            }
        }
        messages
    }

    /// The same for tests in which all are text.
    pub fn texts(&self) -> Vec<String> {
        let text = |(opcode, payload)| {
            assert_eq!(opcode, TEXT, "the opcode of {payload:?}");
            String::from_utf8(payload).expect("text is UTF-8")
        };
        self.messages().into_iter().map(text).collect()
    }

    pub fn payloads(&self, opcode: u8) -> Vec<Vec<u8>> {
        let frames = self.frames.iter().filter(|frame| frame.opcode == opcode);
        frames.map(|frame| frame.payload.clone()).collect()
    }

    pub fn pongs(&self) -> Vec<Vec<u8>> {
        self.payloads(PONG)
    }

    /// The program's Close, after which nothing may come.
    #[track_caller]
    pub fn close(&self) -> &Frame {
        let closes = self.frames.iter().filter(|frame| frame.opcode == CLOSE).count();
        let last = self.frames.last();
        match last {
            Some(frame) if frame.opcode == CLOSE && closes == 1 => frame,
            _ => panic!("no single Close at the end, but {closes}, and last {last:?}"),
        }
    }

    #[track_caller]
    pub fn close_code(&self) -> Option<u16> {
        self.close().close_code()
    }
}

/// The connection, in the hands of the script.
pub struct Wire {
    stream: TcpStream,
    seen: Seen,
}

impl Wire {
    fn accept_tcp(listener: &TcpListener) -> Wire {
        let timeout = Timespec::try_from(DEADLINE).unwrap();
        let ready = poll(&mut [PollFd::new(listener, PollFlags::IN)], Some(&timeout)).unwrap();
        assert_eq!(ready, 1, "nobody connected to the peer");
        let (stream, _) = listener.accept().expect("a connection");
        stream.set_nodelay(true).unwrap();
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        stream.set_write_timeout(Some(DEADLINE)).unwrap();
        Wire { stream, seen: Seen::default() }
    }

    /// What has been seen so far.
    pub fn seen(&self) -> &Seen {
        &self.seen
    }

    /// The socket, for scripts that read and write at the same time.
    pub fn stream(&self) -> TcpStream {
        self.stream.try_clone().expect("a copy of the socket")
    }

    /// Reads the head of the request, byte by byte, so that what comes after it
    /// stays in the socket.
    pub fn request(&mut self) {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            self.stream.read_exact(&mut byte).expect("a request");
            head.push(byte[0]);
        }
        self.seen.request = String::from_utf8(head).expect("the request is UTF-8");
    }

    /// Waits for the first that the program says, whatever it is, and forgets it.
    pub fn first_bytes(&mut self) {
        let count = self.stream.read(&mut [0; 4096]).expect("the program speaks first");
        assert_ne!(count, 0, "the program said nothing");
    }

    /// Reads exactly these bytes, or fails the test.
    #[track_caller]
    pub fn expect_bytes(&mut self, wanted: &[u8]) {
        let mut got = vec![0; wanted.len()];
        self.stream.read_exact(&mut got).expect("bytes");
        assert_eq!(shown(&got), shown(wanted));
    }

    /// Passes everything on, both ways, until both sides have ended.
    pub fn pass_on(&mut self, to: SocketAddr) {
        self.pass_on_between(TcpStream::connect(to).expect("the other side"));
    }

    /// The same after this answer, which goes out together with what the other side says first.
    pub fn pass_on_after(&mut self, answer: &str, to: SocketAddr) {
        let mut inside = TcpStream::connect(to).expect("the other side");
        inside.set_read_timeout(Some(DEADLINE)).unwrap();
        let mut first = [0; 1024];
        let size = inside.read(&mut first).expect("the other side speaks first");
        self.send([answer.as_bytes(), &first[..size]].concat());
        self.pass_on_between(inside);
    }

    fn pass_on_between(&mut self, mut inside: TcpStream) {
        let mut outside = self.stream();
        let (mut from_inside, mut to_outside) = (inside.try_clone().unwrap(), self.stream());
        let back = thread::spawn(move || {
            // How it ends is the program's to tell.
            let _ = std::io::copy(&mut from_inside, &mut to_outside);
            let _ = to_outside.shutdown(Shutdown::Write);
        });
        let _ = std::io::copy(&mut outside, &mut inside);
        let _ = inside.shutdown(Shutdown::Write);
        back.join().unwrap();
    }

    /// The answer that belongs to the request.
    pub fn switching_protocols(&self) -> String {
        let key = self.seen.header("Sec-WebSocket-Key").expect("a key");
        format!(
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Accept: {}\r\n\r\n",
            accept_of(&key)
        )
    }

    /// The opening handshake as it should be.
    pub fn accept(&mut self) {
        self.accept_with(b"");
    }

    /// Accepts, says hello and closes, and does not mind how the program takes it.
    pub fn hello(&mut self) {
        self.accept();
        self.try_send([text("hello"), close(1000, "")].concat());
        self.end_whatever_comes();
    }

    /// The same, with these bytes in the packet of the 101.
    pub fn accept_with(&mut self, bytes: &[u8]) {
        self.request();
        let mut answer = self.switching_protocols().into_bytes();
        answer.extend_from_slice(bytes);
        self.send(answer);
    }

    pub fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.stream.write_all(bytes.as_ref()).expect("the program reads");
    }

    /// The same for a program that may be gone: whether it was still there.
    pub fn try_send(&mut self, bytes: impl AsRef<[u8]>) -> bool {
        match self.stream.write_all(bytes.as_ref()) {
            Ok(()) => true,
            Err(error) if is_gone(&error) => false,
            Err(error) => panic!("write: {error}"),
        }
    }

    /// The next frame; None at the end of the connection.
    pub fn read(&mut self) -> Option<Frame> {
        let frame = self.read_and_forget()?;
        self.seen.frames.push(frame.clone());
        Some(frame)
    }

    /// The same for more frames than memory should hold.
    pub fn read_and_forget(&mut self) -> Option<Frame> {
        let mut bytes = Vec::new();
        loop {
            let lacking = match Frame::decode(&bytes) {
                Ok((frame, _)) => return Some(frame),
                Err(lacking) => lacking,
            };
            let had = bytes.len();
            bytes.resize(had + lacking, 0);
            self.fill(&mut bytes[had..])?;
        }
    }

    fn fill(&mut self, bytes: &mut [u8]) -> Option<()> {
        match self.stream.read_exact(bytes) {
            Ok(()) => Some(()),
            Err(error) if is_gone(&error) => None,
            Err(error) => panic!("read: {error}, after {:?}", self.seen),
        }
    }

    /// The next message, whole. Control frames before it are only remembered.
    pub fn read_message(&mut self) -> Message {
        let mut message: Option<Message> = None;
        loop {
            let frame = self.read().expect("a message");
            assert_ne!(frame.opcode, CLOSE, "a message was due, and this came: {frame:?}");
            if frame.opcode > CLOSE {
                continue;
            }
            let whole = message.get_or_insert((frame.opcode, Vec::new()));
            whole.1.extend_from_slice(&frame.payload);
            if frame.fin {
                return message.unwrap();
            }
        }
    }

    #[track_caller]
    pub fn expect_text(&mut self, wanted: &str) {
        let (opcode, payload) = self.read_message();
        assert_eq!((opcode, shown(&payload)), (TEXT, shown(wanted.as_bytes())));
    }

    #[track_caller]
    pub fn expect_ping(&mut self) -> Frame {
        let frame = self.read().expect("a Ping");
        assert_eq!(frame.opcode, PING, "a Ping was due, and this came: {frame:?}");
        frame
    }

    #[track_caller]
    pub fn expect_pong(&mut self, wanted: &[u8]) {
        let frame = self.read().expect("a Pong");
        assert_eq!((frame.opcode, shown(&frame.payload)), (PONG, shown(wanted)));
    }

    /// Reads up to the program's Close.
    #[track_caller]
    pub fn read_to_close(&mut self) -> Frame {
        loop {
            let frame = self.read().expect("a Close");
            if frame.opcode == CLOSE {
                return frame;
            }
        }
    }

    #[track_caller]
    pub fn expect_close(&mut self, code: u16) {
        assert_eq!(self.read_to_close().close_code(), Some(code));
    }

    /// Reads up to the program's Close, answers it with the same and ends.
    #[track_caller]
    pub fn finish(&mut self) {
        let close = self.read_to_close();
        self.try_send(super::frame(0x80 | CLOSE, &close.payload));
        self.end();
    }

    /// The same for a program that may also just go.
    pub fn finish_if_asked(&mut self) {
        while let Some(frame) = self.read() {
            if frame.opcode == CLOSE {
                self.try_send(super::frame(0x80 | CLOSE, &frame.payload));
                break;
            }
        }
        self.end();
    }

    /// Ends our side of the TCP connection and waits for the other.
    pub fn end(&mut self) {
        // It fails if the program has reset the connection, which is an end.
        let _ = self.stream.shutdown(Shutdown::Write);
        self.until_gone();
    }

    /// Reads until the program is gone.
    pub fn until_gone(&mut self) {
        while self.read().is_some() {}
    }

    /// The same for what need not be frames.
    pub fn end_whatever_comes(&mut self) {
        let _ = self.stream.shutdown(Shutdown::Write);
        self.bytes_until_gone();
    }

    /// Reads what need not be frames until the program is gone.
    pub fn bytes_until_gone(&mut self) {
        let mut buffer = [0; 4096];
        loop {
            match self.stream.read(&mut buffer) {
                Ok(0) => return,
                Ok(_) => {}
                Err(error) if is_gone(&error) => return,
                Err(error) => panic!("read: {error}"),
            }
        }
    }

    /// The last act of a script: the connection ends with a TCP reset.
    pub fn reset(&mut self) {
        // It takes effect when the socket is closed, at the script's end.
        set_socket_linger(&self.stream, Some(Duration::ZERO)).unwrap();
    }

    /// Whether the program goes within this time; what it says meanwhile is lost.
    pub fn is_gone_within(&mut self, time: Duration) -> bool {
        self.stream.set_read_timeout(Some(time)).unwrap();
        let result = self.stream.read(&mut [0; 4096]);
        self.stream.set_read_timeout(Some(DEADLINE)).unwrap();
        match result {
            Ok(count) => count == 0,
            Err(error) => is_gone(&error),
        }
    }

    /// Nothing comes from the program for so long, neither bytes nor the end.
    #[track_caller]
    pub fn quiet_for(&mut self, time: Duration) {
        self.stream.set_read_timeout(Some(time)).unwrap();
        let result = self.stream.peek(&mut [0]);
        self.stream.set_read_timeout(Some(DEADLINE)).unwrap();
        match result {
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            other => panic!("quiet was due, and this came: {other:?} {:?}", self.read()),
        }
    }
}

/// Opens a session, and sees that it is open on the other side too.
pub fn open(wire: &mut Wire) {
    wire.accept();
    wire.send(ping(b"open"));
    // What it had to say may be ahead.
    while wire.read().expect("a Pong").opcode != PONG {}
}

/// What answers a key (RFC 6455 section 4.2.2), by no WebSocket library: the program asks one.
fn accept_of(key: &str) -> String {
    let salted = format!("{key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11");
    BASE64.encode(digest(&SHA1_FOR_LEGACY_USE_ONLY, salted.as_bytes()))
}

fn is_gone(error: &std::io::Error) -> bool {
    use ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, UnexpectedEof};
    matches!(error.kind(), BrokenPipe | ConnectionAborted | ConnectionReset | UnexpectedEof)
}
