//! The stream as tungstenite reads it. It is given the frames one by one, so that what it says can
//! be told to belong to a frame.

use std::io::{self, ErrorKind, Read, Write};

use tokio_tungstenite::tungstenite::protocol::{self, Message, WebSocket, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Error, protocol::CloseFrame};
use wspipe::wire::{Close, Kind, Role};

use super::frames::Frame;
use super::{Case, MAX_FRAME, Said, Verdict};

/// The far end: what it has sent so far, and no end of it. What is written to it is lost.
struct Peer<'a> {
    sent: &'a [u8],
}

impl Read for Peer<'_> {
    fn read(&mut self, space: &mut [u8]) -> io::Result<usize> {
        if self.sent.is_empty() { Err(ErrorKind::WouldBlock.into()) } else { self.sent.read(space) }
    }
}

impl Write for Peer<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What tungstenite makes of each frame, to the first that ends the reading.
pub fn hear(case: &Case, frames: &[Frame]) -> Vec<Verdict<Error>> {
    let role = match case.role {
        Role::Client => protocol::Role::Client,
        Role::Server => protocol::Role::Server,
    };
    let config = WebSocketConfig::default()
        .read_buffer_size(4096)
        .max_message_size(case.limit.map(|limit| limit as usize))
        .max_frame_size(Some(MAX_FRAME));
    let mut socket = WebSocket::from_raw_socket(Peer { sent: b"" }, role, Some(config));
    let mut verdicts = Vec::new();
    for frame in frames {
        socket.get_mut().sent = frame.bytes;
        let verdict = match socket.read() {
            Ok(message) => Verdict::Said(said(message)),
            Err(Error::Io(error)) if error.kind() == ErrorKind::WouldBlock => Verdict::Nothing,
            Err(error) => Verdict::Refused(error),
        };
        let ends = verdict.ends();
        verdicts.push(verdict);
        if ends {
            break;
        }
    }
    verdicts
}

fn said(message: Message) -> Said {
    match message {
        Message::Text(text) => Said::Message(Kind::Text, text.as_bytes().to_vec()),
        Message::Binary(payload) => Said::Message(Kind::Binary, payload.to_vec()),
        Message::Ping(payload) => Said::Ping(payload.to_vec()),
        Message::Pong(payload) => Said::Pong(payload.to_vec()),
        Message::Close(None) => Said::Close(Close::default()),
        Message::Close(Some(CloseFrame { code, reason })) => {
            Said::Close(Close::new(code.into(), reason.as_str()))
        }
        Message::Frame(_) => unreachable!("tungstenite reads no bare frames"),
    }
}
