//! A WebSocket client on a raw socket that does what a test says, right or wrong, and the server that it talks
//! to. Every wait of its has an end.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::Duration;

use nix::sys::resource::{Resource, getrlimit, setrlimit};
use rustix::net::sockopt::set_socket_linger;

use super::{CLOSE, DEADLINE, Running, run, shown};

/// A request that is accepted.
pub const UPGRADE: &str = "GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
    Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

/// A running server and its URL, which is the first line of its stdout.
pub fn serve(args: &[&str]) -> (Running, String) {
    serve_for(args, 4 * DEADLINE)
}

/// The same for one that may run so long.
pub fn serve_for(args: &[&str], deadline: Duration) -> (Running, String) {
    let running = run([&["serve"], args].concat()).deadline(deadline).start();
    let printed = String::from_utf8(running.wait_for_stdout("\n")).unwrap();
    let url = printed.lines().next().unwrap().to_owned();
    (running, url)
}

/// A client.
pub struct Client {
    stream: TcpStream,
}

impl Client {
    /// One that has said nothing yet.
    pub fn connect(url: &str) -> Client {
        let address = url.split("//").nth(1).unwrap();
        let stream = TcpStream::connect(address).expect("the server listens");
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        stream.set_write_timeout(Some(DEADLINE)).unwrap();
        Client { stream }
    }

    /// One that has said this.
    pub fn that_says(url: &str, bytes: impl AsRef<[u8]>) -> Client {
        let mut client = Client::connect(url);
        client.send(bytes);
        client
    }

    /// One with an open session.
    pub fn open(url: &str) -> Client {
        Client::let_in(url, UPGRADE)
    }

    /// One whose messages may be compressed (RFC 7692).
    pub fn open_compressed(url: &str) -> Client {
        let offer = "\r\nSec-WebSocket-Extensions: permessage-deflate\r\n\r\n";
        Client::let_in(url, &UPGRADE.replace("\r\n\r\n", offer))
    }

    fn let_in(url: &str, request: &str) -> Client {
        let mut client = Client::that_says(url, request);
        let head = client.head();
        assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
        client
    }

    /// The socket, for tests that read and write at the same time.
    pub fn stream(&self) -> TcpStream {
        self.stream.try_clone().expect("a copy of the socket")
    }

    /// The head of an answer.
    pub fn head(&mut self) -> String {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            self.stream.read_exact(&mut byte).unwrap_or_else(|error| {
                panic!("no head of an answer, but {error} after {}", shown(&head))
            });
            head.push(byte[0]);
        }
        String::from_utf8(head).expect("the head is text")
    }

    /// Reads until this has come; the connection must last so long.
    #[track_caller]
    pub fn read_until(&mut self, wanted: &[u8], case: &str) {
        let mut came = Vec::new();
        while !came.ends_with(wanted) {
            let mut byte = [0];
            let count = self.stream.read(&mut byte).unwrap_or(0);
            assert_eq!(count, 1, "case {case}: the end came after {}", shown(&came));
            came.push(byte[0]);
        }
    }

    pub fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.stream.write_all(bytes.as_ref()).expect("the server reads");
    }

    /// The same for a server that may have had enough: whether it takes it.
    pub fn try_send(&mut self, bytes: impl AsRef<[u8]>) -> bool {
        self.stream.write_all(bytes.as_ref()).is_ok()
    }

    /// Sends as long as the server reads, for so long at most each time.
    pub fn send_while_it_reads(&mut self, bytes: &[u8], patience: Duration) {
        self.stream.set_write_timeout(Some(patience)).unwrap();
        while self.try_send(bytes) {}
        self.stream.set_write_timeout(Some(DEADLINE)).unwrap();
    }

    /// Sends as much as the server takes, and does not mind if that is not everything.
    pub fn send_at_most(&mut self, bytes: &[u8], patience: Duration) {
        self.stream.set_write_timeout(Some(patience)).unwrap();
        self.try_send(bytes);
        self.stream.set_write_timeout(Some(DEADLINE)).unwrap();
    }

    /// The next frame: its first byte, and the payload, which has no mask.
    #[track_caller]
    pub fn frame(&mut self) -> (u8, Vec<u8>) {
        let mut read = |length: usize| {
            let mut bytes = vec![0; length];
            self.stream.read_exact(&mut bytes).expect("a frame");
            bytes
        };
        let head = read(2);
        let length = match head[1] {
            126 => read(2),
            127 => read(8),
            length => vec![length],
        };
        let length = length.iter().fold(0, |length, byte| length << 8 | usize::from(*byte));
        (head[0], read(length))
    }

    #[track_caller]
    pub fn expect(&mut self, opcode: u8, payload: &[u8]) {
        let (first, came) = self.frame();
        assert_eq!((first, shown(&came)), (0x80 | opcode, shown(payload)));
    }

    #[track_caller]
    pub fn expect_close(&mut self, code: u16, reason: &str) {
        self.expect(CLOSE, &[&code.to_be_bytes(), reason.as_bytes()].concat());
    }

    /// The server ends the connection, whatever it says before; all of that.
    #[track_caller]
    pub fn rest(&mut self) -> Vec<u8> {
        let mut rest = Vec::new();
        match self.stream.read_to_end(&mut rest) {
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::ConnectionReset => {}
            Err(error) => panic!("the end was due, and not {error} after {}", shown(&rest)),
        }
        rest
    }

    /// Says that it will send nothing more.
    pub fn shut_down(&mut self) {
        let _ = self.stream.shutdown(Shutdown::Write);
    }

    /// Goes without a word.
    pub fn reset(self) {
        set_socket_linger(&self.stream, Some(Duration::ZERO)).unwrap();
    }
}

/// Lets this process have as many open files as it may: a crowd of clients takes many.
pub fn raise_our_limit() {
    let (_, most) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
    setrlimit(Resource::RLIMIT_NOFILE, most, most).unwrap();
}

/// A frame with a mask that leaves the payload as it is.
pub fn masked(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = super::header(first, payload.len() as u64);
    bytes[1] |= 0x80;
    bytes.extend([0; 4]);
    bytes.extend_from_slice(payload);
    bytes
}

/// A text message of a client.
pub fn says(text: &str) -> Vec<u8> {
    masked(0x80 | super::TEXT, text.as_bytes())
}
