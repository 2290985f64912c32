//! Every way in which a peer can break RFC 6455, and RFC 7692, once the session is open, and the close
//! code that answers it.

use thiserror::Error;

/// A breach of the protocol, or of our own size limit, by the peer.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum Violation {
    /// Section 5.2: RSV1 to RSV3 are zero unless an extension uses them.
    #[error("a frame with reserved bits set (RFC 6455 section 5.2)")]
    ReservedBits,
    /// Section 5.2: opcodes 3 to 7 and 11 to 15 are reserved.
    #[error("a frame with the reserved opcode {0} (RFC 6455 section 5.2)")]
    ReservedOpcode(u8),
    /// Section 5.1: a server does not mask.
    #[error("a masked frame, but a server does not mask (RFC 6455 section 5.1)")]
    Masked,
    /// Section 5.1: a client masks.
    #[error("a frame without a mask, but a client masks (RFC 6455 section 5.1)")]
    NotMasked,
    /// Section 5.5: control frames carry at most 125 bytes.
    #[error("a control frame of more than 125 bytes (RFC 6455 section 5.5)")]
    ControlTooLong,
    /// Section 5.5: control frames are not fragmented.
    #[error("a fragmented control frame (RFC 6455 section 5.5)")]
    ControlFragmented,
    /// Section 5.4: a continuation belongs to a message that has begun.
    #[error("a continuation frame with no message to continue (RFC 6455 section 5.4)")]
    NothingToContinue,
    /// Section 5.4: a message is finished before the next one begins.
    #[error("a new message before the last one was finished (RFC 6455 section 5.4)")]
    MessageUnfinished,
    /// Section 5.2: the shortest form that holds the length is used.
    #[error("a payload length that is not in its shortest form (RFC 6455 section 5.2)")]
    LengthNotMinimal,
    /// Section 5.2: the most significant bit of a 64-bit length is 0.
    #[error("a payload length of 2^63 bytes or more (RFC 6455 section 5.2)")]
    LengthTooLarge,
    /// Section 5.5.1: a Close payload is empty or begins with a 2-byte code.
    #[error("a Close with a payload of 1 byte (RFC 6455 section 5.5.1)")]
    CloseOneByte,
    /// Section 7.4: this number is not one that a Close may carry.
    #[error("a Close with the invalid code {0} (RFC 6455 section 7.4)")]
    CloseCode(u16),
    /// Section 5.5.1: the reason is UTF-8.
    #[error("a Close with a reason that is not UTF-8 (RFC 6455 section 5.5.1)")]
    CloseReason,
    /// RFC 7692 section 7.2.2: the payload is DEFLATE.
    #[error("a compressed message that is not DEFLATE (RFC 7692 section 7.2.2)")]
    InvalidDeflate,
    /// RFC 7692 section 7.2.2: the payload and what was left out of it are whole blocks.
    #[error(
        "a compressed message that ends in the middle of its DEFLATE data (RFC 7692 section 7.2.2)"
    )]
    DeflateCut,
    /// Section 8.1: text is UTF-8.
    #[error("a text message that is not UTF-8 (RFC 6455 section 8.1)")]
    InvalidUtf8,
    /// Section 7.4.1: larger than we take.
    #[error("a message larger than {limit} bytes (see --max-message-size)")]
    TooBig {
        /// The limit that it broke, in bytes.
        limit: u64,
    },
}

impl Violation {
    /// The code of the Close that answers it (RFC 6455 section 7.4.1).
    pub fn close_code(&self) -> u16 {
        match self {
            Violation::InvalidUtf8
            | Violation::InvalidDeflate
            | Violation::DeflateCut
            | Violation::CloseReason => 1007,
            Violation::TooBig { .. } => 1009,
            _ => 1002,
        }
    }
}
