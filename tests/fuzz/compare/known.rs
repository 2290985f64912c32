//! Where we and tungstenite (with flate2, which inflates for it) differ on purpose, one entry for
//! each kind of frame. For such a frame the two verdicts must be those of the entry: a rule of ours
//! that is lost would make us the same, and is found all the same. Or both refuse the frame for one
//! other reason.

use tokio_tungstenite::tungstenite::Error;
use tokio_tungstenite::tungstenite::error::{CapacityError, ProtocolError};
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use wspipe::wire::{Close, Violation};

use super::Verdict::{Nothing, Refused, Said as Says};
use super::blocks::End;
use super::frames::Frame;
use super::{Case, MAX_FRAME, Said, Verdict};

/// A difference that is meant to be.
pub struct Known {
    /// What frames it is about.
    pub name: &'static str,
    /// Whether this is one.
    pub is_about: fn(&Frame, &Case) -> bool,
    /// Our verdict and tungstenite's.
    pub verdicts: fn(&Verdict<Violation>, &Verdict<Error>) -> bool,
}

pub const KNOWN: [Known; 10] = [
    // RFC 6455 section 5.2: "the minimal number of bytes MUST be used to encode the length".
    // tungstenite takes any form; whatever else it finds in such a frame, we do not get so far.
    Known {
        name: "a length that is not in its shortest form",
        is_about: |frame, _| {
            !frame.is_control()
                && frame.header.is_some_and(|header| match header.length_size {
                    2 => header.length < 126,
                    8 => header.length < 65536,
                    _ => false,
                })
        },
        verdicts: |ours, _| *ours == Refused(Violation::LengthNotMinimal),
    },
    // The same rule, and section 5.5: no more than 125 bytes, so that a longer form is of no use
    // to a control frame. We refuse it by its second byte; tungstenite counts the payload.
    Known {
        name: "a control frame with a short length in a longer form",
        is_about: |frame, _| {
            frame.is_control()
                && frame.header.is_some_and(|header| header.length_size > 0 && header.length < 126)
        },
        verdicts: |ours, theirs| {
            *ours == Refused(Violation::ControlTooLong)
                && !matches!(
                    theirs,
                    Nothing | Refused(Error::Protocol(ProtocolError::ControlFrameTooBig))
                )
        },
    },
    // Section 5.2: "the most significant bit MUST be 0". To tungstenite it is a length like others.
    Known {
        name: "a length of 2^63 or more",
        is_about: |frame, _| {
            !frame.is_control() && frame.header.is_some_and(|header| header.length >= 1 << 63)
        },
        verdicts: |ours, theirs| {
            *ours == Refused(Violation::LengthTooLarge) && is_over_limit(theirs)
        },
    },
    // Not a difference in reading: tungstenite is not let to wait for so long a frame.
    Known {
        name: "a frame that is too long for this comparison",
        is_about: |frame, _| {
            frame.deflated.is_none()
                && frame.header.is_some_and(|header| {
                    header.length > MAX_FRAME as u64
                        && (header.length < 1 << 63 || frame.is_control())
                })
        },
        verdicts: |ours, theirs| {
            matches!(ours, Nothing | Refused(Violation::ControlTooLong)) && is_over_limit(theirs)
        },
    },
    // Section 7.4: some codes may not be on the wire. tungstenite answers such a Close with 1002,
    // and hands out its own answer in place of what came. It reads the reason first, and so finds
    // another fault if that is not UTF-8 either (section 5.5.1).
    Known {
        name: "a Close with an invalid code",
        is_about: |frame, _| {
            frame
                .close_code()
                .is_some_and(|code| code != BAD_GATEWAY && !CloseCode::from(code).is_allowed())
        },
        verdicts: |ours, theirs| {
            matches!(ours, Refused(Violation::CloseCode(_)))
                && (is_its_own_close(theirs) || matches!(theirs, Refused(Error::Utf8(_))))
        },
    },
    // Section 7.4.2: a code that IANA has added after the RFC. tungstenite does not know it.
    Known {
        name: "a Close with the code 1014",
        is_about: |frame, _| frame.close_code() == Some(BAD_GATEWAY),
        verdicts: |ours, theirs| {
            matches!(ours, Says(Said::Close(close)) if close.code == Some(BAD_GATEWAY))
                && is_its_own_close(theirs)
        },
    },
    // Sections 5.1 and 5.2 do not say which of two faults is found first, and the answer to both
    // is 1002. tungstenite looks at the opcode and for a missing mask before it looks at the bits.
    Known {
        name: "reserved bits beside another fault of the header",
        is_about: |frame, case| {
            let [first, second, ..] = *frame.bytes else { return false };
            // Where messages may be compressed, the first of these bits says that one is.
            let is_known = case.context.is_some() && matches!(first & 0x7f, 0x41 | 0x42);
            first & 0x70 != 0
                && !is_known
                && (matches!(first & 0x0f, 3..=7 | 11..) || second & 0x80 == 0)
        },
        verdicts: |ours, theirs| {
            *ours == Refused(Violation::ReservedBits)
                && matches!(
                    theirs,
                    Refused(Error::Protocol(
                        ProtocolError::InvalidOpcode(_) | ProtocolError::UnmaskedFrameFromClient
                    ))
                )
        },
    },
    // RFC 7692 section 7.2.2: what the sender left out is put behind a message, which ends a block
    // there. Where it ends none, flate2 waits for the rest. There is none, so something was lost,
    // and we say so.
    Known {
        name: "a compressed message that is cut off",
        is_about: |frame, _| ends(frame) == Some(End::InBlock),
        verdicts: |ours, _| *ours == Refused(Violation::DeflateCut),
    },
    // The same, but tables may take for tables whatever we put there to find out: then the message
    // is taken as it is. Nothing of the block has come out.
    Known {
        name: "a compressed message that is cut off in the tables of a block",
        is_about: |frame, _| ends(frame) == Some(End::InTables),
        verdicts: |ours, theirs| match (ours, theirs) {
            (Says(ours), Says(theirs)) => ours == theirs,
            _ => *ours == Refused(Violation::DeflateCut),
        },
    },
    // RFC 6455 does not say which of two faults is found first. tungstenite counts before it reads;
    // of what is compressed the length is only known when it is there, and then it depends on how it
    // came.
    Known {
        name: "a compressed text that is too long and not UTF-8 either",
        is_about: |frame, _| frame.deflated.as_ref().is_some_and(|deflated| deflated.is_no_text),
        verdicts: |ours, theirs| {
            *ours == Refused(Violation::InvalidUtf8)
                && matches!(theirs, Refused(Error::Capacity(_)))
        },
    },
];

fn ends(frame: &Frame) -> Option<End> {
    frame.deflated.as_ref()?.end
}

const BAD_GATEWAY: u16 = 1014;

fn is_over_limit(theirs: &Verdict<Error>) -> bool {
    let Refused(Error::Capacity(CapacityError::MessageTooLong { max_size, .. })) = theirs else {
        return false;
    };
    *max_size == MAX_FRAME
}

fn is_its_own_close(theirs: &Verdict<Error>) -> bool {
    let Says(said) = theirs else { return false };
    *said == Said::Close(Close::new(1002, "Protocol violation"))
}
