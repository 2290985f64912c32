//! One source's messages: held while they are small, so that a message is sent whole and valid or
//! not at all; streamed in fragments once they are not.

use super::framing::{Framing, Splitter};
use super::{InputError, Outgoing, obey};
use crate::codec::{BadEncoding, Codec, Decoding};
use crate::record::{self, Taken};
use crate::wire::Kind;
use crate::wire::utf8::{self, InvalidAt, Utf8Stream};

/// Up to so many bytes a message is checked as a whole before any of it is sent.
pub const HOLD: usize = 1 << 20;

/// What the messages of a source are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Shape {
    /// Payloads.
    Payloads {
        /// What ends a message.
        framing: Framing,
        /// The opcode they are sent with.
        kind: Kind,
        /// How they are written.
        decode: Option<Codec>,
    },
    /// Records, one a line.
    Records {
        /// Which of them are taken.
        taken: Taken,
        /// The longest line, in bytes.
        limit: usize,
    },
}

/// Turns one source's bytes into messages.
#[derive(Clone, Debug)]
pub struct Messages {
    name: String,
    /// Whether it was given on the command line.
    is_given: bool,
    splitter: Splitter,
    builder: Builder,
}

#[derive(Clone, Debug)]
struct Builder {
    kind: Kind,
    decodes: bool,
    decoding: Option<Decoding>,
    records: Option<(Taken, usize)>,
    held: Vec<u8>,
    decoded: Vec<u8>,
    /// Whether a part of the current message has been given out.
    begun: bool,
    utf8: Utf8Stream,
    /// Messages that were finished.
    count: u64,
    closed: bool,
}

/// What is wrong with the current message.
struct Wrong {
    byte: Option<u64>,
    what: String,
    hint: Option<&'static str>,
}

impl Messages {
    /// The messages of the source called `name`.
    pub fn new(name: impl Into<String>, shape: Shape) -> Self {
        let (framing, kind, decode, records) = match shape {
            Shape::Payloads { framing, kind, decode } => (framing, kind, decode, None),
            Shape::Records { taken, limit } => {
                (Framing::Lines, Kind::Text, None, Some((taken, limit)))
            }
        };
        let whole_characters = kind == Kind::Text && decode.is_none();
        Messages {
            name: name.into(),
            is_given: false,
            splitter: Splitter::new(framing, whole_characters),
            builder: Builder {
                kind,
                decodes: decode.is_some(),
                decoding: decode.map(Decoding::new),
                records,
                held: Vec::new(),
                decoded: Vec::new(),
                begun: false,
                utf8: Utf8Stream::default(),
                count: 0,
                closed: false,
            },
        }
    }

    /// The message with this `number` that was given on the command line, by itself or by its file.
    pub fn given(mut self, number: u64) -> Self {
        self.builder.count = number - 1;
        self.is_given = true;
        self
    }

    /// Whether it was given on the command line: one message.
    pub fn is_given(&self) -> bool {
        self.is_given
    }

    /// Whether the source is one message.
    pub fn is_one_message(&self) -> bool {
        self.splitter.is_whole()
    }

    /// Whether there is a message here of which nothing was given out: the one that the source is,
    /// or the beginning of one.
    pub fn holds_message(&self) -> bool {
        (self.is_one_message() || self.splitter.is_within_message()) && !self.builder.begun
    }

    /// Whether a record asked for the closing handshake: nothing after it is sent.
    pub fn is_closed(&self) -> bool {
        self.builder.closed
    }

    /// Takes the next block of bytes.
    ///
    /// # Errors
    /// The first message that cannot be sent; all before it are out.
    pub fn push(&mut self, block: &[u8], out: &mut impl Outgoing) -> Result<(), InputError> {
        if !self.takes_lines() {
            return self.split(block, out);
        }
        let begun = if self.splitter.is_within_message() { end_of_line(block) } else { 0 };
        let (before, block) = block.split_at(begun);
        self.split(before, out)?;
        let taken = self.lines(block, out);
        self.split(&block[taken..], out)
    }

    fn split(&mut self, block: &[u8], out: &mut impl Outgoing) -> Result<(), InputError> {
        let Messages { splitter, builder, .. } = self;
        splitter
            .push(block, |piece, end| builder.piece(piece, end, out))
            .map_err(|wrong| self.error(wrong))
    }

    /// Whether a line goes out as it is.
    fn takes_lines(&self) -> bool {
        let Builder { decodes, records, .. } = &self.builder;
        self.splitter.is_lines() && !decodes && records.is_none()
    }

    /// Sends the lines that are whole in `block`, checked all at once: a newline cannot be within a
    /// character. Gives back how many bytes they are; what it leaves needs a closer look.
    fn lines(&mut self, block: &[u8], out: &mut impl Outgoing) -> usize {
        let kind = self.builder.kind;
        let block = &block[..memchr::memrchr(b'\n', block).map_or(0, |last| last + 1)];
        if self.splitter.is_within_message() || kind == Kind::Text && utf8::check(block).is_err() {
            return 0;
        }
        let mut start = 0;
        loop {
            let taken = out.lines(kind, &block[start..]);
            self.builder.count += taken.messages;
            start += taken.bytes;
            let rest = &block[start..];
            let Some(newline) = memchr::memchr(b'\n', rest).filter(|newline| *newline <= HOLD)
            else {
                return start;
            };
            let line = &rest[..newline];
            out.data(kind, line.strip_suffix(b"\r").unwrap_or(line), true, true);
            self.builder.count += 1;
            start += newline + 1;
        }
    }

    /// Ends the source.
    ///
    /// # Errors
    /// A last message that cannot be sent or was cut short.
    pub fn finish(&mut self, out: &mut impl Outgoing) -> Result<(), InputError> {
        let Messages { splitter, builder, .. } = self;
        match splitter.finish(|piece, end| builder.piece(piece, end, out)) {
            Ok(None) => Ok(()),
            Ok(Some(truncated)) => {
                let what = format!("cut short, bytes missing: {}", truncated.missing);
                let hint = "each message is a 4-byte big-endian length and that many bytes";
                Err(self.error(Wrong { byte: None, what, hint: Some(hint) }))
            }
            Err(wrong) => Err(self.error(wrong)),
        }
    }

    fn error(&self, wrong: Wrong) -> InputError {
        InputError {
            source_name: self.name.clone(),
            unit: if self.builder.records.is_some() { "record" } else { "message" },
            number: self.builder.count + 1,
            byte: wrong.byte,
            what: wrong.what,
            hint: wrong.hint,
        }
    }
}

impl Builder {
    fn piece(&mut self, piece: &[u8], end: bool, out: &mut impl Outgoing) -> Result<(), Wrong> {
        if self.closed {
            return Ok(());
        }
        if let Some((taken, limit)) = self.records {
            return self.record(piece, end, taken, limit, out);
        }
        let Some(mut decoding) = self.decoding.take() else {
            return self.payload(piece, end, out);
        };
        // What is held, and how much of it, is a matter of what is sent.
        let mut decoded = std::mem::take(&mut self.decoded);
        decoded.clear();
        decoding.push(piece, &mut decoded).map_err(not_encoded)?;
        if end {
            decoding.finish(&mut decoded).map_err(not_encoded)?;
        }
        self.decoding = Some(decoding);
        self.payload(&decoded, end, out)?;
        self.decoded = decoded;
        Ok(())
    }

    fn payload(&mut self, piece: &[u8], end: bool, out: &mut impl Outgoing) -> Result<(), Wrong> {
        if self.begun {
            return self.fragment(piece, end, out);
        }
        if self.held.is_empty() && end && piece.len() <= HOLD {
            return self.whole(piece, out);
        }
        self.held.extend_from_slice(piece);
        if !end && self.held.len() <= HOLD {
            return Ok(());
        }
        let mut held = std::mem::take(&mut self.held);
        if held.len() <= HOLD {
            self.whole(&held, out)?;
        } else {
            self.fragment(&held, end, out)?;
        }
        held.clear();
        self.held = held;
        Ok(())
    }

    fn whole(&mut self, message: &[u8], out: &mut impl Outgoing) -> Result<(), Wrong> {
        if self.kind == Kind::Text {
            utf8::check(message).map_err(|at| self.not_text(at))?;
        }
        self.count += 1;
        out.data(self.kind, message, true, true);
        Ok(())
    }

    fn fragment(&mut self, piece: &[u8], end: bool, out: &mut impl Outgoing) -> Result<(), Wrong> {
        if self.kind == Kind::Text {
            let checked = self.utf8.push(piece);
            checked
                .and_then(|()| if end { self.utf8.finish() } else { Ok(()) })
                .map_err(|at| self.not_text(at))?;
        }
        if end || !piece.is_empty() {
            out.data(self.kind, piece, !self.begun, end);
            self.begun = !end;
        }
        if end {
            self.count += 1;
        }
        Ok(())
    }

    fn not_text(&self, at: InvalidAt) -> Wrong {
        let (what, hint) = if self.decodes {
            ("not valid UTF-8 after decoding", "leave --text away to send it as binary")
        } else {
            ("not valid UTF-8", "send bytes that are no text with --binary")
        };
        Wrong { byte: Some(at.0 + 1), what: what.into(), hint: Some(hint) }
    }

    fn record(
        &mut self,
        piece: &[u8],
        end: bool,
        taken: Taken,
        limit: usize,
        out: &mut impl Outgoing,
    ) -> Result<(), Wrong> {
        if self.held.len() + piece.len() > limit {
            let what = format!("longer than {limit} bytes");
            return Err(Wrong { byte: None, what, hint: Some("raise --max-message-size") });
        }
        if !end {
            self.held.extend_from_slice(piece);
            return Ok(());
        }
        let mut line = std::mem::take(&mut self.held);
        line.extend_from_slice(piece);
        let command = record::parse(&line, taken).map_err(|error| Wrong {
            byte: error.byte,
            what: error.what,
            hint: Some(error.hint),
        })?;
        line.clear();
        self.held = line;
        self.count += 1;
        if let Some(command) = command {
            self.closed = matches!(command, record::Command::Close(_));
            obey(command, out);
        }
        Ok(())
    }
}

/// Where the line that `block` goes on with ends.
fn end_of_line(block: &[u8]) -> usize {
    memchr::memchr(b'\n', block).map_or(block.len(), |newline| newline + 1)
}

fn not_encoded(error: BadEncoding) -> Wrong {
    Wrong { byte: Some(error.byte), what: error.what.into(), hint: None }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::{Close, RawFrame};

    #[derive(Debug, Default, PartialEq)]
    struct Sent {
        messages: Vec<(Kind, Vec<u8>)>,
        fragments: usize,
        unfinished: usize,
        closes: Vec<Option<Close>>,
        pings: Vec<Vec<u8>>,
        pongs: Vec<Vec<u8>>,
        frames: Vec<RawFrame>,
    }

    impl Outgoing for Sent {
        fn data(&mut self, kind: Kind, payload: &[u8], first: bool, last: bool) {
            assert_eq!(first, self.unfinished == 0);
            if first {
                self.messages.push((kind, Vec::new()));
            }
            self.messages.last_mut().unwrap().1.extend_from_slice(payload);
            self.fragments += 1;
            self.unfinished = if last { 0 } else { self.unfinished + 1 };
        }
        fn ping(&mut self, payload: &[u8]) {
            self.pings.push(payload.to_vec());
        }
        fn pong(&mut self, payload: &[u8]) {
            self.pongs.push(payload.to_vec());
        }
        fn frame(&mut self, frame: &RawFrame) {
            self.frames.push(frame.clone());
        }
        fn close(&mut self, close: Option<Close>) {
            self.closes.push(close);
        }
    }

    fn payloads(framing: Framing, kind: Kind, decode: Option<Codec>) -> Shape {
        Shape::Payloads { framing, kind, decode }
    }

    fn send(shape: Shape, input: &[u8], block: usize) -> (Sent, Result<(), InputError>) {
        let mut messages = Messages::new("stdin", shape);
        let mut sent = Sent::default();
        let result = input
            .chunks(block)
            .try_for_each(|piece| messages.push(piece, &mut sent))
            .and_then(|()| messages.finish(&mut sent));
        (sent, result)
    }

    #[test]
    fn a_wrong_message_is_named_after_those_before_it_are_out() {
        let text = payloads(Framing::Lines, Kind::Text, None);
        let hex = payloads(Framing::Lines, Kind::Binary, Some(Codec::Hex));
        let records = Shape::Records { taken: Taken::default(), limit: 100 };
        let cases: [(Shape, &[u8], usize, &str); 8] = [
            (text.clone(), b"a\nb\nab\xff\nc\n", 2, "stdin: message 3, byte 3: not valid UTF-8"),
            (text, b"a\xe2\x82", 0, "stdin: message 1, byte 2: not valid UTF-8"),
            (hex.clone(), b"00\n0g\n", 1, "stdin: message 2, byte 2: not a hex digit"),
            (hex, b"000", 0, "stdin: message 1, byte 3: an odd number of hex digits"),
            (
                payloads(Framing::LengthPrefixed, Kind::Binary, None),
                b"\0\0\0\x01a\0\0\0\x02b",
                1,
                "stdin: message 2: cut short, bytes missing: 1",
            ),
            (
                records.clone(),
                b"{\"text\":\"a\"}\nnot\n",
                1,
                "stdin: record 2, byte 2: not a record: expected ident",
            ),
            (
                records.clone(),
                b"{\"text\":\"a\"}\n\n{\"frame\":{}}\n",
                1,
                "stdin: record 3: a frame, not a message",
            ),
            (records, &[b' '; 101], 0, "stdin: record 1: longer than 100 bytes"),
        ];
        for (shape, input, sent_before, expected) in cases {
            for block in [1, 3, 1000] {
                let (sent, result) = send(shape.clone(), input, block);
                assert_eq!(result.unwrap_err().to_string(), expected);
                assert_eq!(sent.messages.len(), sent_before, "{expected}");
                assert_eq!(sent.unfinished, 0, "{expected}");
            }
        }
    }

    #[test]
    fn a_message_is_one_frame_up_to_the_hold_and_streams_beyond_it() {
        for (len, streams) in [(0, false), (HOLD, false), (HOLD + 1, true), (5 * HOLD, true)] {
            let input = vec![b'x'; len];
            let shape = payloads(Framing::Whole, Kind::Text, None);
            let (sent, result) = send(shape, &input, 65536);
            assert_eq!(result, Ok(()));
            assert_eq!(sent.messages.len(), 1);
            assert!(sent.messages[0].1 == input, "{len}");
            assert_eq!(sent.fragments > 1, streams, "{len}");
        }
    }

    #[test]
    fn what_decodes_to_no_more_than_the_hold_is_sent_whole_or_not_at_all() {
        let shape = || payloads(Framing::Lines, Kind::Binary, Some(Codec::Hex));
        let mut hex = "00".repeat(HOLD);
        let (sent, result) = send(shape(), hex.as_bytes(), 65536);
        assert_eq!((result, sent.fragments), (Ok(()), 1));
        hex.replace_range(hex.len() - 1.., "x");
        let (sent, result) = send(shape(), hex.as_bytes(), 65536);
        assert_eq!(result.unwrap_err().byte, Some(2 * HOLD as u64));
        assert_eq!(sent, Sent::default());
    }

    #[test]
    fn a_large_message_is_decoded_and_checked_as_it_streams() {
        let bytes: Vec<u8> = (0..3 * HOLD).map(|i| (i % 251) as u8).collect();
        let hex: String = bytes.iter().map(|b| format!("{b:02x}")).collect();
        let shape = payloads(Framing::Lines, Kind::Binary, Some(Codec::Hex));
        let (sent, result) = send(shape, hex.as_bytes(), 65537);
        assert_eq!(result, Ok(()));
        assert!(sent.messages[0].1 == bytes);

        let mut text = "€".repeat(HOLD).into_bytes();
        text.push(0xff);
        let (sent, result) = send(payloads(Framing::Whole, Kind::Text, None), &text, 65536);
        assert_eq!(result.unwrap_err().byte, Some(3 * HOLD as u64 + 1));
        assert!(sent.unfinished > 0);
    }

    #[test]
    fn records_send_ping_and_close_and_nothing_after_a_close() {
        let input = b"{\"text\":\"a\"}\r\n{\"event\":\"ping\",\"text\":\"p\"}\n{\"event\":\"close\"}\n{\"text\":\"b\"}\n";
        let (sent, result) = send(Shape::Records { taken: Taken::default(), limit: 100 }, input, 7);
        assert_eq!(result, Ok(()));
        assert_eq!(sent.messages, [(Kind::Text, b"a".to_vec())]);
        assert_eq!(sent.pings, [b"p".to_vec()]);
        assert_eq!(sent.closes, [None]);
    }

    #[test]
    fn frames_made_by_hand_go_between_messages_and_are_none() {
        let input = b"{\"text\":\"a\"}\n{\"frame\":{\"opcode\":8}}\n{\"text\":\"b\"}\n{\"frame\":{\"rsv\":8}}\n";
        let taken = Taken { raw_frames: true, ..Taken::default() };
        let (sent, result) = send(Shape::Records { taken, limit: 100 }, input, 7);
        let expected = "stdin: record 4: rsv is 8: expected a number from 0 to 7";
        assert_eq!(result.unwrap_err().to_string(), expected);
        assert_eq!(sent.messages.len(), 2, "nothing ends with a Close made by hand");
        assert_eq!(sent.frames.iter().map(|frame| frame.first).collect::<Vec<_>>(), [0x88]);
    }
}
