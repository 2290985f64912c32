//! One stream of bytes, read by wspipe's decoder and by tungstenite: frame by frame both must say
//! the same. What may differ is in [`known::KNOWN`], and nothing else may.
//!
//! The fuzz targets and an ordinary test share this. An input of the fuzzer means the same stream
//! in both, so that what one finds the other can repeat.
//!
//! tungstenite knows no extension. Where messages may be compressed (permessage-deflate, RFC 7692),
//! it reads the same frames as if they were not: flate2 inflates them for it, in [`plain`].

mod blocks;
mod frames;
mod known;
mod ours;
mod packed;
mod plain;
mod stream;
mod theirs;

use std::borrow::Cow;
use std::fmt;

use tokio_tungstenite::tungstenite::Error;
use tokio_tungstenite::tungstenite::error::ProtocolError;
use wspipe::wire::{Close, Kind, Role, Violation};

use frames::Frame;
use ours::Batching;
pub use stream::case;

/// The longest frame that tungstenite is let to wait for: it takes memory for a whole frame as
/// soon as it knows the length. No stream here is so long.
const MAX_FRAME: usize = 1024 * 1024;

/// A stream, and how it is read.
pub struct Case {
    /// Which end reads.
    role: Role,
    /// Bytes that a message may have.
    limit: Option<u64>,
    /// What compressed messages may refer to, if messages may be compressed.
    context: Option<Context>,
    /// How many bytes each read brings, over and over.
    cuts: Vec<usize>,
    /// How messages are taken together.
    batching: Batching,
    /// What the peer sent.
    stream: Vec<u8>,
}

/// What becomes of the window at the end of a compressed message (RFC 7692 section 7.1.1).
#[derive(Clone, Copy, Debug, PartialEq)]
enum Context {
    Kept,
    Dropped,
}

/// Something whole that the peer said.
#[derive(PartialEq)]
enum Said {
    Message(Kind, Vec<u8>),
    Ping(Vec<u8>),
    Pong(Vec<u8>),
    Close(Close),
}

/// What a reader makes of one frame.
#[derive(Debug, PartialEq)]
enum Verdict<E> {
    /// The frame says nothing by itself, or not all of it is there.
    Nothing,
    /// The frame, with those before it, says this.
    Said(Said),
    /// The frame is refused.
    Refused(E),
}

impl<E> Verdict<E> {
    /// Whether nothing is read after it.
    fn ends(&self) -> bool {
        matches!(self, Verdict::Said(Said::Close(_)) | Verdict::Refused(_))
    }
}

/// Reads the stream in every way, and panics unless all agree. Where they differ as they are known
/// to, it says how.
pub fn compare(case: &Case) -> Option<&'static str> {
    let read = frames::walk(&case.stream);
    let whole = ours::hear(case, &read, &[usize::MAX], None);
    let others = [
        (&case.cuts[..], None),
        (&case.cuts, Some(case.batching)),
        (&[usize::MAX], Some(case.batching)),
    ]
    .map(|(cuts, batching)| {
        let other = ours::hear(case, &read, cuts, batching);
        assert!(whole.is_same_as(&other), "{whole:?}, but {other:?} by {cuts:?} of {case:?}");
        other
    });

    let stream = judgeable(case, &read, &whole.verdicts);
    let mut frames = frames::walk(&stream);
    frames.truncate(whole.verdicts.len());
    let theirs = theirs::hear(case, &mut frames);
    let known = others.iter().map(|other| difference(case, &frames, other, &theirs));
    known.fold(difference(case, &frames, &whole, &theirs), Option::or)
}

/// How the two differ, if they do; panics unless that is known.
fn difference(
    case: &Case,
    frames: &[Frame],
    ours: &ours::Heard,
    theirs: &theirs::Heard,
) -> Option<&'static str> {
    let mut name = None;
    let verdicts = ours.verdicts.iter().zip(&theirs.verdicts).zip(frames);
    for (at, ((our, their), frame)) in verdicts.enumerate() {
        let mut known =
            known::KNOWN.iter().filter(|known| (known.is_about)(frame, case)).peekable();
        let may_agree = known.peek().is_none() || matches!(our, Verdict::Refused(_));
        if may_agree && agree(our, their) {
            continue;
        }
        let Some(known) = known.find(|known| (known.verdicts)(our, their)) else {
            panic!("{frame:?} is {our:?} to us and {their:?} to tungstenite in {case:?}")
        };
        name = Some(known.name);
        if at + 1 < ours.verdicts.len() {
            return name;
        }
    }
    if let Some(message) = &theirs.message
        && ours.is_within_compressed(frames)
    {
        assert!(ours.gave_out(message), "{ours:?} of {} in {case:?}", shown(message));
    }
    name
}

/// We refuse a frame at the first wrong byte, and tungstenite when the frame is there as a whole.
/// So if we refuse what is there of a frame at the end, the frame is ended for tungstenite, in a
/// way that takes no fault from it and adds none.
fn judgeable<'a>(case: &'a Case, frames: &[Frame], ours: &[Verdict<Violation>]) -> Cow<'a, [u8]> {
    let (Some(frame), Some(Verdict::Refused(violation))) = (frames.last(), ours.last()) else {
        return Cow::Borrowed(&case.stream);
    };
    if frame.is_whole() || ours.len() < frames.len() {
        return Cow::Borrowed(&case.stream);
    }
    let ended = match violation {
        Violation::ControlTooLong
        | Violation::LengthNotMinimal
        | Violation::LengthTooLarge
        | Violation::TooBig { .. } => frame.filled(MAX_FRAME),
        _ => frame.cut_short(),
    };
    Cow::Owned([&case.stream[..frame.start], &ended].concat())
}

fn agree(ours: &Verdict<Violation>, theirs: &Verdict<Error>) -> bool {
    match (ours, theirs) {
        (Verdict::Nothing, Verdict::Nothing) => true,
        (Verdict::Said(ours), Verdict::Said(theirs)) => ours == theirs,
        (Verdict::Refused(ours), Verdict::Refused(theirs)) => is_same_fault(ours, theirs),
        _ => false,
    }
}

fn is_same_fault(ours: &Violation, theirs: &Error) -> bool {
    let theirs = match theirs {
        Error::Protocol(theirs) => theirs,
        Error::Utf8(_) => return matches!(ours, Violation::InvalidUtf8 | Violation::CloseReason),
        Error::Capacity(_) => return matches!(ours, Violation::TooBig { .. }),
        // The word of flate2.
        Error::Io(_) => return *ours == Violation::InvalidDeflate,
        _ => return false,
    };
    match ours {
        Violation::ReservedBits => *theirs == ProtocolError::NonZeroReservedBits,
        Violation::ReservedOpcode(code) => *theirs == ProtocolError::InvalidOpcode(*code),
        Violation::Masked => *theirs == ProtocolError::MaskedFrameFromServer,
        Violation::NotMasked => *theirs == ProtocolError::UnmaskedFrameFromClient,
        Violation::ControlTooLong => *theirs == ProtocolError::ControlFrameTooBig,
        Violation::ControlFragmented => *theirs == ProtocolError::FragmentedControlFrame,
        Violation::NothingToContinue => *theirs == ProtocolError::UnexpectedContinueFrame,
        Violation::MessageUnfinished => matches!(theirs, ProtocolError::ExpectedFragment(_)),
        Violation::CloseOneByte => *theirs == ProtocolError::InvalidCloseSequence,
        // Errors of the two other kinds, and faults that tungstenite does not know.
        _ => false,
    }
}

impl fmt::Debug for Case {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let Case { role, limit, context, cuts, batching, stream } = self;
        write!(f, "{} as {role:?}, limit {limit:?}, ", shown(stream))?;
        write!(f, "{context:?}, {cuts:?}, {batching:?}")
    }
}

impl fmt::Debug for Said {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Said::Message(kind, payload) => write!(f, "{kind:?} {}", shown(payload)),
            Said::Ping(payload) => write!(f, "Ping {}", shown(payload)),
            Said::Pong(payload) => write!(f, "Pong {}", shown(payload)),
            Said::Close(close) => close.fmt(f),
        }
    }
}

/// Bytes for a failure report, short enough to be read.
fn shown(bytes: &[u8]) -> String {
    const MOST: usize = 600;
    let head = bytes[..bytes.len().min(MOST)].escape_ascii();
    format!("{} bytes \"{head}\"", bytes.len())
}
