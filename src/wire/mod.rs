//! RFC 6455 on the wire: frames, close codes, masks, UTF-8 across fragments.
//! Bytes in, events out; no sockets, no clock, no policy about what to do next.

mod batch;
pub mod close;
pub mod decode;
mod deflate;
pub mod encode;
mod inflate;
pub mod lines;
mod raw;
mod trace;
pub mod utf8;
mod violation;

pub use batch::{Batch, LARGE};
pub use close::Close;
pub use decode::{Decoder, Deflated, Event, WAITS};
pub use deflate::{Agreement, Deflate, Deflater, WINDOW_BITS};
pub use inflate::{Inflated, Inflater};
pub use lines::Lines;
pub use raw::{LengthForm, Mask, RawFrame};
pub use trace::{Seen, Tracer};
pub use violation::Violation;

/// Which end of the connection we are: it decides who masks (RFC 6455 section 5.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Our frames are masked, the peer's are not.
    Client,
    /// The peer's frames are masked, ours are not.
    Server,
}

/// What a data message carries (RFC 6455 section 5.6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// UTF-8 text, opcode 1.
    Text,
    /// Any bytes, opcode 2.
    Binary,
}

impl Kind {
    /// The record schema's and the closing line's word for it.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Text => "text",
            Kind::Binary => "binary",
        }
    }
}

/// The frame opcodes of RFC 6455 section 5.2.
pub mod opcode {
    /// A further fragment of a data message.
    pub const CONTINUATION: u8 = 0;
    /// The first frame of a text message.
    pub const TEXT: u8 = 1;
    /// The first frame of a binary message.
    pub const BINARY: u8 = 2;
    /// The closing handshake.
    pub const CLOSE: u8 = 8;
    /// A question that wants a Pong with the same payload.
    pub const PING: u8 = 9;
    /// The answer to a Ping.
    pub const PONG: u8 = 10;
}

/// The longest payload of a control frame, in bytes (RFC 6455 section 5.5).
pub const MAX_CONTROL_PAYLOAD: usize = 125;
