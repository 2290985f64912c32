//! A stream with compressed messages as if nothing had been compressed, so that tungstenite can read
//! it: each frame becomes one that holds what its bytes bring. What they bring is flate2's word; it
//! is never asked to go on where it stopped at the end of a message, but begins each with the window.

use std::borrow::Cow;
use std::io;

use flate2::{Decompress, DecompressError, FlushDecompress, Status};
use wspipe::wire::{Role, opcode};

use super::blocks::{self, End, Measured};
use super::frames::{Frame, Header, header};
use super::{Case, Context};

/// What a sender leaves out at the end of a message (RFC 7692 section 7.2.1).
const TAIL: [u8; 4] = [0, 0, 0xff, 0xff];
/// Bytes that a message may refer back to (RFC 1951 section 2).
const WINDOW: usize = 32 * 1024;
/// Bytes that there is room for in a step.
const ROOM: usize = 100_000;
const FIN: u8 = 0x80;
const RSV1: u8 = 0x40;

/// The frames of a case, one after the other, as they would be without compression.
pub struct Plain<'a> {
    case: &'a Case,
    /// What came out of compressed messages, as far as others may refer to it.
    window: Vec<u8>,
    open: Open,
    /// What has come of the last message that began, if it is compressed.
    pub message: Option<Vec<u8>>,
}

/// A frame without compression.
pub struct Translated<'a> {
    /// The frame.
    pub bytes: Cow<'a, [u8]>,
    /// What is known of it if it belongs to a compressed message.
    pub deflated: Option<Deflated>,
}

/// What is known of a frame of a compressed message.
pub struct Deflated {
    /// Where the data of the message ends, if the message ends here.
    pub end: Option<End>,
    /// What is wrong with the data, behind what they bring.
    pub fault: Option<io::Error>,
    /// Whether the message is said to be a text and, so far, is not the beginning of any.
    pub is_no_text: bool,
}

/// The message that has begun.
enum Open {
    None,
    Ordinary,
    Compressed(Box<Message>),
}

/// A compressed message.
struct Message {
    is_text: bool,
    /// The window that it began with.
    before: Vec<u8>,
    stream: Stream,
    /// Its bytes on the wire.
    data: Vec<u8>,
}

impl<'a> Plain<'a> {
    /// Nothing has come yet.
    pub fn new(case: &'a Case) -> Self {
        Plain { case, window: Vec::new(), open: Open::None, message: None }
    }

    /// The next frame.
    pub fn next<'b>(&mut self, frame: &Frame<'b>) -> Translated<'b> {
        let mut translated = Translated { bytes: Cow::Borrowed(frame.bytes), deflated: None };
        let [first, second, ..] = *frame.bytes else { unreachable!("a frame has two bytes") };
        let begins = matches!(frame.opcode(), opcode::TEXT | opcode::BINARY);
        if self.case.context.is_none() || !begins && frame.opcode() != opcode::CONTINUATION {
            return translated;
        }
        // RSV1 has a meaning on the first frame of a message, and nowhere else (RFC 7692 section 6).
        let is_compressed = begins && first & 0x70 == RSV1;
        if is_compressed {
            translated.bytes.to_mut()[0] = first & !RSV1;
        }
        let is_masked = second & 0x80 != 0;
        let is_good = (is_compressed || first & 0x70 == 0)
            && is_masked == (self.case.role == Role::Server)
            && begins == matches!(self.open, Open::None);
        let Some(header) = frame.header.filter(|header| is_good && is_shortest(header)) else {
            return translated;
        };
        let mut open = std::mem::replace(&mut self.open, Open::None);
        if begins {
            self.message = is_compressed.then(Vec::new);
            open = if is_compressed {
                let is_text = frame.opcode() == opcode::TEXT;
                Open::Compressed(Message::new(is_text, self.window.clone()).into())
            } else {
                Open::Ordinary
            };
        }
        let is_last = first & FIN != 0 && frame.is_whole();
        if let Open::Compressed(message) = &mut open {
            translated = self.piece(message, frame, header, is_last);
        }
        match open {
            Open::Compressed(message) if is_last => self.end(*message),
            _ if is_last => {}
            _ => self.open = open,
        }
        translated
    }

    fn piece<'b>(
        &mut self,
        message: &mut Message,
        frame: &Frame,
        Header { size, mask, .. }: Header,
        is_last: bool,
    ) -> Translated<'b> {
        let payload = frame.bytes[size..].iter().zip(mask.iter().cycle());
        let payload: Vec<_> = payload.map(|(byte, key)| byte ^ key).collect();
        message.data.extend(&payload);
        let mut plain = Vec::new();
        let mut result = message.stream.inflate(&payload, &mut plain);
        let so_far = self.message.get_or_insert_default();
        so_far.extend(&plain);
        let is_no_text = message.is_text
            && str::from_utf8(so_far).is_err_and(|error| error.error_len().is_some());
        let mut end = None;
        if is_last && result.is_ok() {
            let Measured { end: ends, farthest } = blocks::measure(&message.data);
            let before = message.before.len() + so_far.len();
            assert!(farthest <= before, "it refers to what is {farthest} bytes before");
            if matches!(ends, End::Flushed | End::Final) {
                let begin = plain.len();
                result = message.stream.inflate(&TAIL, &mut plain);
                assert!(result.is_ok() && plain.len() == begin, "{result:?}: it was no end");
            }
            message.must_bring(so_far, ends);
            end = Some(ends);
        }
        let fault = result.err().map(io::Error::from);
        // Of a message that goes wrong there is no end.
        let fin = if is_last && fault.is_none() { FIN } else { 0 };
        let masked = frame.bytes[1] & 0x80 != 0;
        let first = fin | frame.opcode();
        let mut bytes = header(first, masked.then_some(mask), plain.len() as u64, 0);
        bytes.extend(plain.iter().zip(mask.iter().cycle()).map(|(byte, key)| byte ^ key));
        let deflated = Some(Deflated { end, fault, is_no_text });
        Translated { bytes: bytes.into(), deflated }
    }

    fn end(&mut self, message: Message) {
        self.window = match self.case.context {
            Some(Context::Kept) => message.stream.window,
            _ => Vec::new(),
        };
    }
}

/// Whether the length is one that a frame may have. Other frames are never read.
fn is_shortest(header: &Header) -> bool {
    let least = match header.length_size {
        0 => 0,
        2 => 126,
        _ => 65536,
    };
    (least..1 << 63).contains(&header.length)
}

impl Message {
    fn new(is_text: bool, before: Vec<u8>) -> Self {
        let stream = Stream { window: before.clone(), decompress: None };
        Message { is_text, before, stream, data: Vec::new() }
    }

    /// All at once must bring what the frames brought.
    fn must_bring(&self, whole: &[u8], ends: End) {
        let mut stream = Stream { window: self.before.clone(), decompress: None };
        let mut at_once = Vec::new();
        let result = stream.inflate(&[&self.data, &TAIL[..]].concat(), &mut at_once);
        let is_whole = result.is_ok() && at_once == whole;
        // What was never sent may be anything to a block that wants more.
        let is_begun = matches!(ends, End::InBlock | End::InTables) && at_once.starts_with(whole);
        assert!(is_whole || is_begun, "what comes out depends on where the frames end");
    }
}

/// The data of a message.
struct Stream {
    /// The last bytes that came out.
    window: Vec<u8>,
    /// What has begun to inflate it, until a final block.
    decompress: Option<Decompress>,
}

impl Stream {
    fn inflate(&mut self, mut data: &[u8], out: &mut Vec<u8>) -> Result<(), DecompressError> {
        let begin = out.len();
        let mut is_full = false;
        let mut result = Ok(());
        while result.is_ok() && (!data.is_empty() || is_full) {
            let decompress = self.decompress.get_or_insert_with(|| {
                let before = &[&self.window[..], &out[begin..]].concat();
                begun(&before[before.len().saturating_sub(WINDOW)..])
            });
            out.reserve(ROOM);
            let taken = decompress.total_in();
            let status = decompress.decompress_vec(data, out, FlushDecompress::Sync);
            data = &data[(decompress.total_in() - taken) as usize..];
            is_full = out.len() == out.capacity();
            if matches!(status, Ok(Status::StreamEnd)) {
                self.decompress = None;
                is_full = false;
            }
            result = status.map(|_| ());
        }
        self.window.extend(&out[begin..]);
        self.window.drain(..self.window.len().saturating_sub(WINDOW));
        result
    }
}

/// A stream that has brought this already: it was in a block that is not compressed.
fn begun(window: &[u8]) -> Decompress {
    let mut decompress = Decompress::new(false);
    let length = window.len() as u16;
    let block = [&[0][..], &length.to_le_bytes(), &(!length).to_le_bytes(), window].concat();
    let mut out = Vec::with_capacity(WINDOW + 1);
    let status = decompress.decompress_vec(&block, &mut out, FlushDecompress::Sync);
    assert!(status.is_ok() && out == window, "{status:?}");
    decompress
}
