//! The stream as tungstenite reads it. It is given the frames one by one, so that what it says can
//! be told to belong to a frame; and without compression, of which it knows nothing.

use std::collections::VecDeque;
use std::io::{self, ErrorKind, Read, Write};

use tokio_tungstenite::tungstenite::protocol::{self, Message, WebSocket, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Error, protocol::CloseFrame};
use wspipe::wire::{Close, Kind, Role};

use super::frames::Frame;
use super::plain::{Plain, Translated};
use super::{Case, MAX_FRAME, Said, Verdict};

/// The far end: what it has sent so far, and no end of it. What is written to it is lost.
struct Peer {
    sent: VecDeque<u8>,
}

impl Read for Peer {
    fn read(&mut self, space: &mut [u8]) -> io::Result<usize> {
        if self.sent.is_empty() { Err(ErrorKind::WouldBlock.into()) } else { self.sent.read(space) }
    }
}

impl Write for Peer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What tungstenite made of a stream.
pub struct Heard {
    /// What it made of each frame, to the first that ends the reading.
    pub verdicts: Vec<Verdict<Error>>,
    /// What came of the last message, if it is compressed and reading was not over before it.
    pub message: Option<Vec<u8>>,
}

/// Reads the frames, and notes what is known of those that are compressed.
pub fn hear(case: &Case, frames: &mut [Frame]) -> Heard {
    let role = match case.role {
        Role::Client => protocol::Role::Client,
        Role::Server => protocol::Role::Server,
    };
    let config = WebSocketConfig::default()
        .read_buffer_size(4096)
        .max_message_size(case.limit.map(|limit| limit as usize))
        .max_frame_size(Some(MAX_FRAME));
    let mut socket = WebSocket::from_raw_socket(Peer { sent: VecDeque::new() }, role, Some(config));
    let mut verdicts = Vec::new();
    let mut plain = Plain::new(case);
    for frame in frames {
        let Translated { bytes, mut deflated } = plain.next(frame);
        // What comes out of a frame may be as long as it likes.
        let most = deflated.is_none().then_some(MAX_FRAME);
        socket.set_config(|config| config.max_frame_size = most);
        socket.get_mut().sent = bytes.into_owned().into();
        let mut verdict = match socket.read() {
            Ok(message) => Verdict::Said(said(message)),
            Err(Error::Io(error)) if error.kind() == ErrorKind::WouldBlock => Verdict::Nothing,
            Err(error) => Verdict::Refused(error),
        };
        let fault = deflated.as_mut().and_then(|deflated| deflated.fault.take());
        if let (Verdict::Nothing, Some(fault)) = (&verdict, fault) {
            verdict = Verdict::Refused(Error::Io(fault));
        }
        frame.deflated = deflated;
        let ends = verdict.ends();
        verdicts.push(verdict);
        if ends {
            break;
        }
    }
    Heard { verdicts, message: plain.message }
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
