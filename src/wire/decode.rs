//! Frames in: bytes as they come, one event at a time, every rule of RFC 6455 section 5 checked.
//! Payloads stay where they lie in the caller's buffer; nothing is assembled here.

use std::ops::Range;

use super::encode::apply_mask;
use super::utf8::{self, InvalidAt, Utf8Stream};
use super::{Close, Kind, MAX_CONTROL_PAYLOAD, Role, Violation, opcode};

/// Something the peer said. Ranges point into the buffer that was given to [`Decoder::step`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A piece of a data message, unmasked, and checked so far as UTF-8 if it is text.
    Data {
        /// Text or binary.
        kind: Kind,
        /// The bytes of this piece.
        payload: Range<usize>,
        /// Whether the message begins with this piece.
        first: bool,
        /// Whether the message ends with this piece.
        last: bool,
    },
    /// A Ping with its payload.
    Ping(Range<usize>),
    /// A Pong with its payload.
    Pong(Range<usize>),
    /// A Close.
    Close(Close),
}

/// How much of the buffer is done with, and what it said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// Bytes at the front of the buffer that are not to be given again.
    pub consumed: usize,
    /// What they said; without an event and without a byte consumed, more bytes are needed.
    pub event: Option<Event>,
    /// A piece of a compressed message, in place of an event.
    pub deflated: Option<Deflated>,
}

/// A piece of a data message that was compressed (RFC 7692): what it was before, and whether that is
/// UTF-8, is to be found out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deflated {
    /// Text or binary.
    pub kind: Kind,
    /// The bytes of this piece.
    pub payload: Range<usize>,
    /// Whether the message ends with this piece.
    pub last: bool,
}

impl Step {
    fn of(consumed: usize, event: Option<Event>) -> Step {
        Step { consumed, event, deflated: None }
    }
}

const NEED_MORE: Step = Step { consumed: 0, event: None, deflated: None };

/// The reading half of one connection.
#[derive(Debug)]
pub struct Decoder {
    pub(super) role: Role,
    /// Bytes a message may have, if there is a limit.
    pub(super) max_message: Option<u64>,
    /// Whether messages may be compressed.
    deflates: bool,
    frame: Option<Frame>,
    message: Option<Message>,
    utf8: Utf8Stream,
    /// What is wrong behind the bytes that were given out last.
    broken: Option<Violation>,
}

/// Bytes of a payload up to which a message in one frame waits, for a client, until all of it is there.
pub const WAITS: u64 = 1 << 20;

/// The first bytes of frames that are whole messages: FIN and the opcode (RFC 6455 section 5.2).
pub(super) const WHOLE_TEXT: u8 = 0x80 | opcode::TEXT;
pub(super) const WHOLE_BINARY: u8 = 0x80 | opcode::BINARY;
/// The first reserved bit (RFC 6455 section 5.2).
pub(super) const RSV1: u8 = 0x40;
/// The bit of the second byte that says that the payload is masked.
pub(super) const MASKED: u8 = 0x80;

/// A data frame whose payload has not all been seen.
#[derive(Clone, Copy, Debug)]
struct Frame {
    length: u64,
    remaining: u64,
    fin: bool,
    mask: Option<[u8; 4]>,
    mask_offset: usize,
}

/// A message that has begun.
#[derive(Clone, Copy, Debug)]
struct Message {
    kind: Kind,
    length: u64,
    begun: bool,
    deflated: bool,
}

struct Header {
    first: u8,
    opcode: u8,
    mask: Option<[u8; 4]>,
    length: u64,
    size: usize,
}

impl Decoder {
    /// A decoder for the frames that the other end of `role` sends; messages over `max_message`
    /// bytes are a violation.
    pub fn new(role: Role, max_message: Option<u64>) -> Self {
        let utf8 = Utf8Stream::default();
        Decoder {
            role,
            max_message,
            deflates: false,
            frame: None,
            message: None,
            utf8,
            broken: None,
        }
    }

    /// Takes compressed messages too, as was agreed on (RFC 7692 section 6).
    pub fn with_deflate(self) -> Self {
        Decoder { deflates: true, ..self }
    }

    /// Reads the next event from the front of `buffer`, unmasking in place.
    ///
    /// A data frame's payload is given out piece by piece as it comes; a control frame waits until
    /// it is there as a whole (at most 139 bytes), and so does for a client a message in one frame of
    /// at most [`WAITS`] bytes.
    ///
    /// # Errors
    /// The first breach of the protocol. The decoder is not to be used after it. The good beginning
    /// of a text that goes wrong later is given out before.
    pub fn step(&mut self, buffer: &mut [u8]) -> Result<Step, Violation> {
        if let Some(violation) = self.broken.take() {
            return Err(violation);
        }
        match self.frame {
            Some(frame) => self.payload(frame, 0, buffer),
            None => self.next_frame(buffer),
        }
    }

    /// How many bytes are missing from the message at the front of `buffer`, if it is one that waits.
    pub fn missing(&self, buffer: &[u8]) -> usize {
        match self.header(buffer) {
            Ok(Some(header)) if self.is_between_messages() && self.waits(&header, buffer) => {
                header.size + header.length as usize - buffer.len()
            }
            _ => 0,
        }
    }

    /// Bytes that were given out of a payload that goes on.
    pub fn within_frame(&self) -> u64 {
        self.frame.map_or(0, |frame| frame.length - frame.remaining)
    }

    /// Whether neither a message nor a frame has begun.
    pub(super) fn is_between_messages(&self) -> bool {
        self.frame.is_none() && self.message.is_none()
    }

    /// What was looked at ahead of the rest has been taken with the rest.
    pub(super) fn waits_no_more(&mut self) {
        self.utf8 = Utf8Stream::default();
    }

    fn next_frame(&mut self, buffer: &mut [u8]) -> Result<Step, Violation> {
        let Some(header) = self.header(buffer)? else { return Ok(NEED_MORE) };
        if header.opcode >= opcode::CLOSE {
            return control(&header, buffer);
        }
        let message = self.message_of(&header)?;
        if self.waits(&header, buffer) {
            return self.look_ahead(&header, buffer);
        }
        self.message = Some(message);
        let frame = Frame {
            length: header.length,
            remaining: header.length,
            fin: header.first & 0x80 != 0,
            mask: header.mask,
            mask_offset: 0,
        };
        self.payload(frame, header.size, buffer)
    }

    fn header(&self, buffer: &[u8]) -> Result<Option<Header>, Violation> {
        let [first, second, rest @ ..] = buffer else { return Ok(None) };
        let (first, second) = (*first, *second);
        let opcode = first & 0x0f;
        // RSV1 on the first frame of a message says that it is compressed (RFC 7692 section 6).
        let may_be_deflated = self.deflates && matches!(opcode, opcode::TEXT | opcode::BINARY);
        if first & 0x70 != 0 && !(may_be_deflated && first & 0x70 == RSV1) {
            return Err(Violation::ReservedBits);
        }
        if !matches!(opcode, 0..=2 | 8..=10) {
            return Err(Violation::ReservedOpcode(opcode));
        }
        let masked = second & MASKED != 0;
        match (self.role, masked) {
            (Role::Client, true) => return Err(Violation::Masked),
            (Role::Server, false) => return Err(Violation::NotMasked),
            _ => {}
        }
        if opcode >= opcode::CLOSE {
            if first & 0x80 == 0 {
                return Err(Violation::ControlFragmented);
            }
            if usize::from(second & 0x7f) > MAX_CONTROL_PAYLOAD {
                return Err(Violation::ControlTooLong);
            }
        }
        let Some((length, length_size)) = payload_length(second & 0x7f, rest)? else {
            return Ok(None);
        };
        let mut size = 2 + length_size;
        let mut mask = None;
        if masked {
            let Some(key) = buffer.get(size..size + 4) else { return Ok(None) };
            mask = Some(key.try_into().expect("a mask has 4 bytes"));
            size += 4;
        }
        Ok(Some(Header { first, opcode, mask, length, size }))
    }

    /// Whether a frame begins a message that is in it alone, is worth having whole, and is not yet.
    fn waits(&self, header: &Header, buffer: &[u8]) -> bool {
        let is_message = matches!(header.first, WHOLE_TEXT | WHOLE_BINARY);
        let rest = header.length.saturating_sub((buffer.len() - header.size) as u64);
        self.role == Role::Client && is_message && header.length <= WAITS && rest > 0
    }

    /// Looks at what is there of a message that waits: a peer that sends what is not UTF-8 need not
    /// send the rest to be told.
    fn look_ahead(&mut self, header: &Header, buffer: &[u8]) -> Result<Step, Violation> {
        if header.opcode == opcode::TEXT {
            let unseen = header.size + self.utf8.seen() as usize;
            self.utf8.push(&buffer[unseen..]).map_err(|_| Violation::InvalidUtf8)?;
        }
        Ok(NEED_MORE)
    }

    /// The message that a data frame belongs to, with the frame.
    fn message_of(&self, header: &Header) -> Result<Message, Violation> {
        let mut message = match (header.opcode, self.message) {
            (opcode::CONTINUATION, Some(message)) => message,
            (opcode::CONTINUATION, None) => return Err(Violation::NothingToContinue),
            (_, Some(_)) => return Err(Violation::MessageUnfinished),
            (opcode, None) => Message {
                kind: if opcode == opcode::TEXT { Kind::Text } else { Kind::Binary },
                length: 0,
                begun: false,
                deflated: header.first & RSV1 != 0,
            },
        };
        if message.deflated {
            return Ok(message);
        }
        message.length = message.length.saturating_add(header.length);
        if let Some(limit) = self.max_message
            && message.length > limit
        {
            return Err(Violation::TooBig { limit });
        }
        Ok(message)
    }

    /// Gives out what `buffer` has of the frame's payload, which begins at `start`.
    fn payload(
        &mut self,
        mut frame: Frame,
        start: usize,
        buffer: &mut [u8],
    ) -> Result<Step, Violation> {
        let message = self.message.as_mut().expect("a data frame belongs to a message");
        let available = (buffer.len() - start) as u64;
        let take = frame.remaining.min(available) as usize;
        let end = start + take;
        let payload = &mut buffer[start..end];
        if let Some(mask) = frame.mask {
            apply_mask(payload, mask, frame.mask_offset);
            frame.mask_offset = (frame.mask_offset + take) % 4;
        }
        frame.remaining -= take as u64;
        let frame_done = frame.remaining == 0;
        let last = frame_done && frame.fin;
        let first = !message.begun;
        self.frame = if frame_done { None } else { Some(frame) };
        // A piece that brings nothing is only worth an event when it ends the message.
        if take == 0 && !last {
            return Ok(Step::of(end, None));
        }
        message.begun = true;
        let (kind, deflated) = (message.kind, message.deflated);
        if deflated {
            if last {
                self.message = None;
            }
            let deflated = Some(Deflated { kind, payload: start..end, last });
            return Ok(Step { consumed: end, event: None, deflated });
        }
        if kind == Kind::Text
            && let Err(good) = self.check_text(&buffer[start..end], first, last)
        {
            if good == 0 || first && last {
                return Err(Violation::InvalidUtf8);
            }
            self.broken = Some(Violation::InvalidUtf8);
            let payload = start..start + good;
            let event = Event::Data { kind, payload, first, last: false };
            return Ok(Step::of(start + good, Some(event)));
        }
        if last {
            self.message = None;
        }
        let event = Event::Data { kind, payload: start..end, first, last };
        Ok(Step::of(end, Some(event)))
    }

    /// Checks a text that is there as a whole, but what was looked at ahead of the rest.
    pub(super) fn check_whole(&mut self, text: &[u8]) -> Result<(), InvalidAt> {
        let mut ahead = std::mem::take(&mut self.utf8);
        match ahead.seen() {
            0 => utf8::check(text),
            seen => ahead.push(&text[seen as usize..]).and_then(|()| ahead.finish()),
        }
    }

    /// How many bytes of the piece are good, if not all are.
    fn check_text(&mut self, piece: &[u8], first: bool, last: bool) -> Result<(), usize> {
        if first && last {
            return self.check_whole(piece).map_err(|InvalidAt(at)| at as usize);
        }
        let before = self.utf8.seen();
        let checked = self.utf8.push(piece);
        let checked = checked.and_then(|()| if last { self.utf8.finish() } else { Ok(()) });
        // A character that went wrong may have begun before this piece.
        checked.map_err(|InvalidAt(at)| at.saturating_sub(before) as usize)
    }
}

/// The payload length and how many bytes of `rest` it takes; nothing while they are not all there.
pub(super) fn payload_length(short: u8, rest: &[u8]) -> Result<Option<(u64, usize)>, Violation> {
    let (length, size) = match short {
        126 => {
            let Some(bytes) = rest.first_chunk::<2>() else { return Ok(None) };
            (u64::from(u16::from_be_bytes(*bytes)), 2)
        }
        127 => {
            let Some(bytes) = rest.first_chunk::<8>() else { return Ok(None) };
            (u64::from_be_bytes(*bytes), 8)
        }
        short => (u64::from(short), 0),
    };
    if size == 2 && length < 126 || size == 8 && length <= 0xffff {
        return Err(Violation::LengthNotMinimal);
    }
    if length >> 63 != 0 {
        return Err(Violation::LengthTooLarge);
    }
    Ok(Some((length, size)))
}

fn control(header: &Header, buffer: &mut [u8]) -> Result<Step, Violation> {
    let range = header.size..header.size + header.length as usize;
    let Some(payload) = buffer.get_mut(range.clone()) else { return Ok(NEED_MORE) };
    if let Some(mask) = header.mask {
        apply_mask(payload, mask, 0);
    }
    let event = match header.opcode {
        opcode::PING => Event::Ping(range.clone()),
        opcode::PONG => Event::Pong(range.clone()),
        _ => Event::Close(Close::decode(payload)?),
    };
    Ok(Step::of(range.end, Some(event)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::encode::{self, Head};
    use proptest::prelude::*;

    /// What a peer said, put together again: how it was cut must not show.
    #[derive(Debug, Clone, PartialEq)]
    enum Said {
        Message(Kind, Vec<u8>),
        Ping(Vec<u8>),
        Pong(Vec<u8>),
        Close(Close),
        Broke(Violation),
    }

    /// Feeds `stream` in pieces of the given sizes (the last one again and again).
    fn decode(role: Role, limit: Option<u64>, stream: &[u8], cuts: &[usize]) -> Vec<Said> {
        decode_with(false, role, limit, stream, cuts)
    }

    fn decode_with(
        batches: bool,
        role: Role,
        limit: Option<u64>,
        stream: &[u8],
        cuts: &[usize],
    ) -> Vec<Said> {
        let mut decoder = Decoder::new(role, limit);
        let mut said = Vec::new();
        let mut message = Vec::new();
        let mut buffer = Vec::new();
        let mut rest = stream;
        let mut cuts = cuts.iter().copied();
        let mut size = 1;
        while !rest.is_empty() {
            size = cuts.next().unwrap_or(size).max(1);
            let (piece, tail) = rest.split_at(size.min(rest.len()));
            buffer.extend_from_slice(piece);
            rest = tail;
            loop {
                while batches && let Some(kind) = decoder.message_kind(&buffer) {
                    let mut whole = Vec::new();
                    let mut batch = decoder.batch(&buffer, kind, None, 1, &mut whole);
                    if batch.messages == 0 {
                        let payloads;
                        (batch, payloads) = decoder.large(&buffer, kind, 1);
                        whole = payloads.concat();
                    }
                    if batch.messages == 0 {
                        break;
                    }
                    said.push(Said::Message(kind, whole));
                    buffer.drain(..batch.consumed);
                }
                let step = match decoder.step(&mut buffer) {
                    Ok(step) => step,
                    Err(violation) => {
                        said.push(Said::Broke(violation));
                        return said;
                    }
                };
                match step.event.clone() {
                    None if step.consumed == 0 => break,
                    None => {}
                    Some(Event::Data { kind, payload, first, last }) => {
                        assert_eq!(first, message.is_empty() && first);
                        message.extend_from_slice(&buffer[payload]);
                        if last {
                            said.push(Said::Message(kind, std::mem::take(&mut message)));
                        }
                    }
                    Some(Event::Ping(range)) => said.push(Said::Ping(buffer[range].to_vec())),
                    Some(Event::Pong(range)) => said.push(Said::Pong(buffer[range].to_vec())),
                    Some(Event::Close(close)) => said.push(Said::Close(close)),
                }
                buffer.drain(..step.consumed);
            }
        }
        said
    }

    fn frame(fin: bool, opcode: u8, payload: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        encode::frame(&mut out, Head { fin, opcode, rsv1: false }, None, payload);
        out
    }

    #[test]
    fn every_breach_of_section_5_is_named() {
        let text = |bytes: &[u8]| frame(true, 1, bytes);
        let cases: Vec<(&str, Vec<u8>, Violation)> = vec![
            ("rsv1", vec![0xc1, 0], Violation::ReservedBits),
            ("rsv2", vec![0xa1, 0], Violation::ReservedBits),
            ("rsv3", vec![0x91, 0], Violation::ReservedBits),
            ("opcode 3", vec![0x83, 0], Violation::ReservedOpcode(3)),
            ("opcode 11", vec![0x8b, 0], Violation::ReservedOpcode(11)),
            ("masked", vec![0x81, 0x80, 0, 0, 0, 0], Violation::Masked),
            ("long ping", vec![0x89, 126, 0, 126], Violation::ControlTooLong),
            ("ping in fragments", vec![0x09, 0], Violation::ControlFragmented),
            ("lone continuation", vec![0x80, 0], Violation::NothingToContinue),
            (
                "text within text",
                [frame(false, 1, b"a"), text(b"b")].concat(),
                Violation::MessageUnfinished,
            ),
            ("16-bit 125", vec![0x81, 126, 0, 125], Violation::LengthNotMinimal),
            ("64-bit 65535", [&[0x81, 127][..], &65535u64.to_be_bytes()].concat(), {
                Violation::LengthNotMinimal
            }),
            ("2^63", [&[0x82, 127][..], &(1u64 << 63).to_be_bytes()].concat(), {
                Violation::LengthTooLarge
            }),
            ("1-byte Close", vec![0x88, 1, 3], Violation::CloseOneByte),
            ("Close 1005", vec![0x88, 2, 3, 0xed], Violation::CloseCode(1005)),
            ("bad reason", vec![0x88, 3, 3, 0xe8, 0xff], Violation::CloseReason),
            ("bad text", text(b"a\xffb"), Violation::InvalidUtf8),
            ("cut text", text(b"a\xe2\x82"), Violation::InvalidUtf8),
            (
                "bad text over two fragments",
                [frame(false, 1, b"\xe2"), frame(true, 0, b"(")].concat(),
                Violation::InvalidUtf8,
            ),
            ("too big", text(&[b'x'; 101]), Violation::TooBig { limit: 100 }),
            (
                "too big in fragments",
                [frame(false, 1, &[b'x'; 60]), frame(true, 0, &[b'x'; 60])].concat(),
                Violation::TooBig { limit: 100 },
            ),
        ];
        for (name, stream, violation) in cases {
            for cuts in [&[usize::MAX][..], &[1], &[2, 3]] {
                let said = decode(Role::Client, Some(100), &stream, cuts);
                assert_eq!(said.last(), Some(&Said::Broke(violation.clone())), "{name}");
                assert_eq!(said.len(), 1, "{name}");
            }
        }
    }

    #[test]
    fn the_good_beginning_of_a_text_is_given_out_before_it_goes_wrong() {
        let cases: [(&[u8], &[u8], &[u8]); 4] = [
            (b"ab", b"cd\xffe", b"abcd"),
            (b"ab\xc3", b"\xa4c\xe2\x82(", b"ab\xc3\xa4c"),
            (b"ab\xc3", b"(", b"ab\xc3"),
            (b"ab", b"c\xe2\x82", b"abc"),
        ];
        for (fragment, end, good) in cases {
            let mut decoder = Decoder::new(Role::Client, None);
            let mut stream = [frame(false, 1, fragment), frame(true, 0, end)].concat();
            let mut given = Vec::new();
            let violation = loop {
                match decoder.step(&mut stream) {
                    Err(violation) => break violation,
                    Ok(Step { consumed, event, .. }) => {
                        if let Some(Event::Data { payload, last, .. }) = event {
                            assert!(!last);
                            given.extend_from_slice(&stream[payload]);
                        }
                        stream.drain(..consumed);
                    }
                }
            };
            assert_eq!((&given[..], violation), (good, Violation::InvalidUtf8));
        }
    }

    #[test]
    fn a_message_in_one_frame_waits_for_its_end_unless_it_is_long() {
        let mask = Some([1, 2, 3, 4]);
        let cases = [
            (Role::Client, 2, 1, true),
            (Role::Client, 1, WAITS as usize, true),
            (Role::Client, 2, WAITS as usize + 1, false),
            (Role::Server, 1, 10, false),
        ];
        for (role, opcode, length, waits) in cases {
            let mask = mask.filter(|_| role == Role::Server);
            let mut stream = Vec::new();
            encode::frame(
                &mut stream,
                Head { fin: true, opcode, rsv1: false },
                mask,
                &vec![b'x'; length],
            );
            let mut decoder = Decoder::new(role, None);
            for end in [1, stream.len() - 1] {
                let waits = waits && end > 1;
                let missing = decoder.missing(&stream[..end]);
                assert_eq!(missing, if waits { 1 } else { 0 }, "{length}");
                let step = decoder.step(&mut stream[..end]).unwrap();
                assert_eq!(step == NEED_MORE, waits || end == 1, "{length}");
            }
        }
    }

    #[test]
    fn a_text_that_waits_is_refused_as_soon_as_it_is_wrong() {
        let text = |bytes: &[u8]| frame(true, 1, bytes);
        let mut decoder = Decoder::new(Role::Client, None);
        let mut stream = text("aäää".as_bytes());
        for end in 0..stream.len() {
            assert_eq!(decoder.step(&mut stream[..end]).unwrap(), NEED_MORE);
        }
        assert_eq!(decoder.step(&mut stream).unwrap().consumed, stream.len());
        for end in 0..stream.len() {
            assert_eq!(decoder.step(&mut stream[..end]).unwrap(), NEED_MORE);
        }
        let mut out = Vec::new();
        assert_eq!(decoder.batch(&stream, Kind::Text, None, 1, &mut out).messages, 1);
        let mut stream = text(b"a\xc3\xa4\xc3(b");
        for end in 0..7 {
            assert_eq!(decoder.step(&mut stream[..end]).unwrap(), NEED_MORE);
        }
        assert_eq!(decoder.step(&mut stream[..7]), Err(Violation::InvalidUtf8));
    }

    #[test]
    fn what_is_too_big_does_not_wait() {
        let mut stream = frame(true, 1, &[b'x'; 101]);
        let mut decoder = Decoder::new(Role::Client, Some(100));
        assert_eq!(decoder.step(&mut stream[..2]), Err(Violation::TooBig { limit: 100 }));
    }

    #[test]
    fn a_server_refuses_a_frame_without_a_mask() {
        let said = decode(Role::Server, None, &[0x81, 0], &[2]);
        assert_eq!(said, [Said::Broke(Violation::NotMasked)]);
    }

    #[test]
    fn a_length_that_never_comes_costs_nothing() {
        let mut stream = vec![0x82, 127];
        stream.extend_from_slice(&((1u64 << 63) - 1).to_be_bytes());
        stream.extend_from_slice(b"abc");
        let mut decoder = Decoder::new(Role::Client, None);
        let step = decoder.step(&mut stream).unwrap();
        assert_eq!(
            step.event,
            Some(Event::Data { kind: Kind::Binary, payload: 10..13, first: true, last: false })
        );
    }

    fn utterance() -> impl Strategy<Value = (Said, Vec<usize>)> {
        let payload = prop_oneof![
            proptest::collection::vec(any::<u8>(), 0..300),
            proptest::collection::vec(any::<u8>(), 65530..65540)
        ];
        let small = proptest::collection::vec(any::<u8>(), 0..=125);
        let said = prop_oneof![
            payload.prop_map(|bytes| Said::Message(Kind::Binary, bytes)),
            "\\PC{0,200}".prop_map(|text| Said::Message(Kind::Text, text.into_bytes())),
            small.clone().prop_map(Said::Ping),
            small.prop_map(Said::Pong),
        ];
        (said, proptest::collection::vec(0usize..200, 0..4))
    }

    fn write(out: &mut Vec<u8>, said: &Said, fragments: &[usize], mask: Option<[u8; 4]>) {
        let mut put = |fin, opcode, payload: &[u8]| {
            encode::frame(out, Head { fin, opcode, rsv1: false }, mask, payload);
        };
        match said {
            Said::Message(kind, payload) => {
                let mut opcode = if *kind == Kind::Text { 1 } else { 2 };
                let mut rest = &payload[..];
                for size in fragments {
                    let (piece, tail) = rest.split_at((*size).min(rest.len()));
                    put(false, opcode, piece);
                    put(true, 9, b"between");
                    (rest, opcode) = (tail, 0);
                }
                put(true, opcode, rest);
            }
            Said::Ping(payload) => put(true, 9, payload),
            Said::Pong(payload) => put(true, 10, payload),
            Said::Close(_) | Said::Broke(_) => unreachable!("not generated"),
        }
    }

    proptest! {
        #[test]
        fn what_was_said_is_heard_in_every_split(
            conversation in proptest::collection::vec(utterance(), 0..6),
            cuts in proptest::collection::vec(1usize..5000, 1..20),
            mask in any::<Option<[u8; 4]>>(),
        ) {
            let mut stream = Vec::new();
            let mut expected = Vec::new();
            for (said, fragments) in &conversation {
                write(&mut stream, said, fragments, mask);
                let between = if matches!(said, Said::Message(..)) { fragments.len() } else { 0 };
                expected.extend(vec![Said::Ping(b"between".to_vec()); between]);
                expected.push(said.clone());
            }
            let role = if mask.is_some() { Role::Server } else { Role::Client };
            for batches in [false, true] {
                prop_assert_eq!(&decode_with(batches, role, None, &stream, &cuts), &expected);
            }
        }
    }
}
