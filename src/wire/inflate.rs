//! permessage-deflate incoming (RFC 7692 section 7.2.2): the payload of a message becomes what it was,
//! in pieces of a bounded size, whatever it grows to. The bytes of DEFLATE are zlib-rs' work.

use std::ops::Range;

use flate2::{Decompress, FlushDecompress, Status};

use super::utf8::{InvalidAt, Utf8Stream};
use super::{Kind, Violation};

/// Bytes that there is room for in a step, at least.
const PIECE: usize = 64 * 1024;
/// Bytes of the buffer: what is referred to need not be moved for every piece.
const BUFFER: usize = WINDOW + 2 * PIECE;
/// What is put behind a message: what the sender left out (section 7.2.2), and empty blocks. Where the
/// message really ends this brings nothing; anywhere else it becomes data, or an error.
const END: [u8; TAIL + 64 * 5] = {
    let mut end = [0; TAIL + 64 * 5];
    let mut at = 2;
    while at < end.len() {
        (end[at], end[at + 1]) = (0xff, 0xff);
        at += 5;
    }
    end
};
/// Bytes of that which the sender left out.
const TAIL: usize = 4;
/// Bytes of that which are enough in the middle of data; tables at the beginning of a block may take them
/// all.
const SHORT_END: usize = 9;
/// The last byte of a message ends with the three zero bits of a block's type, and zeros behind them, as
/// everybody writes it: it is less.
const UNUSUAL: u8 = 0x20;
/// Bytes that a message may refer back to.
const WINDOW: usize = 32 * 1024;

/// The decompressor of one connection.
#[derive(Debug)]
pub struct Inflater {
    decompress: Decompress,
    /// Whether a message may refer to those before it.
    keeps_context: bool,
    /// Whether a final block has ended the stream, so that the next byte begins another.
    ended: bool,
    /// Whether the last piece was full, so that more may come without more input.
    was_full: bool,
    /// The last byte of the message so far.
    last_byte: Option<u8>,
    /// Bytes of the message that came out.
    length: u64,
    max_message: Option<u64>,
    utf8: Utf8Stream,
    /// The last bytes that came out, with the piece of the last step at the end.
    buffer: Vec<u8>,
    /// Where the piece begins.
    begin: usize,
    /// Where that begins which a stream after a final block may refer to.
    context: usize,
    /// What is wrong behind the piece that was given out last.
    broken: Option<Violation>,
}

/// What became of some input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inflated {
    /// Bytes at the front of the input that are not to be given again.
    pub consumed: usize,
    /// Where the piece is in [`Inflater::piece`].
    pub payload: Range<usize>,
    /// Whether all of the input is done with, and with its `last` the message.
    pub done: bool,
}

impl Inflater {
    /// A decompressor; a message over `max_message` bytes is a violation.
    pub fn new(keeps_context: bool, max_message: Option<u64>) -> Self {
        Inflater {
            decompress: Decompress::new(false),
            keeps_context,
            ended: false,
            was_full: false,
            last_byte: None,
            length: 0,
            max_message,
            utf8: Utf8Stream::default(),
            buffer: Vec::with_capacity(BUFFER),
            begin: 0,
            context: 0,
            broken: None,
        }
    }

    /// The piece that came out last.
    pub fn piece(&self) -> &[u8] {
        &self.buffer[self.begin..]
    }

    /// Takes input that belongs to a message of this kind, and after it, if it is the `last`, the end of
    /// the message. What is not consumed is to be given again, until it is done. A step is bounded in
    /// time, and so are the bytes that it brings; it may bring none.
    ///
    /// # Errors
    /// It is not DEFLATE, or the message is too long or not UTF-8. The good beginning of a text that goes
    /// wrong later is given out before.
    pub fn step(&mut self, kind: Kind, input: &[u8], last: bool) -> Result<Inflated, Violation> {
        if let Some(violation) = self.broken.take() {
            return Err(violation);
        }
        self.make_room();
        let mut consumed = 0;
        let filled = self.fill(input, last, &mut consumed);
        let done = filled == Ok(true);
        self.broken = filled.err();
        let good = self.check(kind, last && done)?;
        let done = done && self.broken.is_none();
        if last && done {
            self.end_message();
        }
        Ok(Inflated { consumed, payload: 0..good, done })
    }

    /// Begins a piece behind the last one, or where there is more room.
    fn make_room(&mut self) {
        if self.buffer.capacity() - self.buffer.len() < PIECE {
            let old = self.buffer.len().saturating_sub(WINDOW);
            self.buffer.drain(..old);
            self.context = self.context.saturating_sub(old);
        }
        self.begin = self.buffer.len();
    }

    /// Inflates until the buffer is full; whether all is done with.
    fn fill(&mut self, input: &[u8], last: bool, consumed: &mut usize) -> Result<bool, Violation> {
        loop {
            let rest = &input[*consumed..];
            if rest.is_empty() && !self.was_full {
                break;
            }
            let begins_anew = self.ended;
            *consumed += self.inflate(rest)?;
            // To begin anew, and to end at once, is work too.
            if self.was_full || begins_anew && self.ended {
                return Ok(false);
            }
        }
        self.last_byte = input.last().copied().or(self.last_byte);
        if last && !self.ended {
            self.close()?;
        }
        Ok(true)
    }

    /// Inflates some input into the piece; how much was used.
    fn inflate(&mut self, input: &[u8]) -> Result<usize, Violation> {
        if self.ended && !input.is_empty() {
            self.begin_anew();
        }
        let (taken, made) = (self.decompress.total_in(), self.buffer.len());
        let status = self.decompress.decompress_vec(input, &mut self.buffer, FlushDecompress::Sync);
        let status = status.map_err(|_| Violation::InvalidDeflate)?;
        self.ended = status == Status::StreamEnd;
        let taken = (self.decompress.total_in() - taken) as usize;
        self.was_full = self.buffer.len() == self.buffer.capacity();
        let is_stuck = taken == 0 && self.buffer.len() == made && !self.ended;
        if is_stuck && !input.is_empty() {
            return Err(Violation::InvalidDeflate);
        }
        Ok(taken)
    }

    /// Begins a stream behind a final block.
    fn begin_anew(&mut self) {
        self.ended = false;
        self.decompress.reset(false);
        let context = self.context.max(self.buffer.len().saturating_sub(WINDOW));
        // zlib takes what was there before for what was there before, and for nothing else.
        let _ = self.decompress.set_dictionary(&self.buffer[context..]);
    }

    /// Ends a message whose bytes have all come.
    fn close(&mut self) -> Result<(), Violation> {
        let is_usual = self.last_byte.is_some_and(|byte| byte < UNUSUAL);
        let end = if is_usual { &END[..SHORT_END] } else { &END[..] };
        let made = self.buffer.len();
        let taken = self.inflate(end);
        // The empty block that the sender left out may be a final one.
        let expected = if self.ended { TAIL } else { end.len() };
        if taken == Ok(expected) && self.buffer.len() == made {
            return Ok(());
        }
        // What we have put there is nothing that the peer has said.
        self.buffer.truncate(made);
        Err(Violation::DeflateCut)
    }

    /// How many bytes of the piece are good; what is wrong behind them is told next, or at once if there
    /// are none.
    fn check(&mut self, kind: Kind, last: bool) -> Result<usize, Violation> {
        let piece = &self.buffer[self.begin..];
        self.length += piece.len() as u64;
        if let Some(limit) = self.max_message
            && self.length > limit
        {
            return Err(Violation::TooBig { limit });
        }
        let mut good = piece.len();
        if kind == Kind::Text {
            let before = self.utf8.seen();
            let checked = self.utf8.push(piece);
            let checked = checked.and_then(|()| if last { self.utf8.finish() } else { Ok(()) });
            if let Err(InvalidAt(at)) = checked {
                good = at.saturating_sub(before) as usize;
                self.broken = Some(Violation::InvalidUtf8);
            }
        }
        match self.broken.take_if(|_| good == 0) {
            Some(violation) => Err(violation),
            None => Ok(good),
        }
    }

    fn end_message(&mut self) {
        (self.length, self.last_byte) = (0, None);
        if !self.keeps_context {
            self.ended = false;
            self.context = self.buffer.len();
            self.decompress.reset(false);
        } else if self.ended {
            self.begin_anew();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::{Agreement, Deflate, Deflater, Role};
    use proptest::prelude::*;

    /// What comes out for one message whose bytes come in these pieces; with a violation, before it.
    fn inflate(
        inflater: &mut Inflater,
        kind: Kind,
        pieces: &[&[u8]],
    ) -> Result<Vec<u8>, (Violation, Vec<u8>)> {
        let mut out = Vec::new();
        for (number, piece) in pieces.iter().enumerate() {
            let last = number == pieces.len() - 1;
            let mut rest = *piece;
            loop {
                let step = inflater
                    .step(kind, rest, last)
                    .map_err(|violation| (violation, std::mem::take(&mut out)))?;
                out.extend_from_slice(&inflater.piece()[step.payload]);
                rest = &rest[step.consumed..];
                if step.done {
                    break;
                }
            }
        }
        Ok(out)
    }

    fn deflated(deflater: &mut Deflater, message: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        deflater.push(message, true, &mut out);
        out
    }

    #[test]
    fn the_examples_of_section_7_2_3_come_out() {
        let shared: &[u8] = &[0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00];
        let cases: [(&str, Vec<&[u8]>); 7] = [
            ("one block", vec![shared]),
            ("in fragments", vec![&shared[..3], &shared[3..]]),
            ("the window of the one before", vec![&[0xf2, 0x00, 0x11, 0x00, 0x00]]),
            ("not compressed", {
                vec![&[0x00, 0x05, 0x00, 0xfa, 0xff, 0x48, 0x65, 0x6c, 0x6c, 0x6f, 0x00]]
            }),
            ("a final block", vec![&[0xf3, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00, 0x00]]),
            ("two blocks", {
                vec![&[
                    0xf2, 0x48, 0x05, 0x00, 0x00, 0x00, 0xff, 0xff, 0xca, 0xc9, 0xc9, 0x07, 0x00,
                ]]
            }),
            ("after all that", vec![shared]),
        ];
        let mut inflater = Inflater::new(true, None);
        for (case, pieces) in cases {
            let got = inflate(&mut inflater, Kind::Text, &pieces);
            assert_eq!(got, Ok(b"Hello".to_vec()), "{case}");
        }
        assert_eq!(inflate(&mut inflater, Kind::Text, &[&[0]]), Ok(Vec::new()), "nothing");
    }

    #[test]
    fn a_final_block_leaves_the_window() {
        let mut inflater = Inflater::new(true, None);
        let last = [0xf3, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00];
        assert_eq!(inflate(&mut inflater, Kind::Text, &[&last]), Ok(b"Hello".to_vec()));
        let back = [0xf2, 0x00, 0x11, 0x00, 0x00];
        assert_eq!(inflate(&mut inflater, Kind::Text, &[&back]), Ok(b"Hello".to_vec()));
        let mut alone = Inflater::new(false, None);
        inflate(&mut alone, Kind::Text, &[&last]).unwrap();
        let got = inflate(&mut alone, Kind::Text, &[&back]);
        assert_eq!(got, Err((Violation::InvalidDeflate, b"H".to_vec())));
    }

    #[test]
    fn garbage_size_and_bad_text_are_named() {
        let deflate = |message: &[u8]| deflated(&mut Deflater::new(6, 15, true, 0), message);
        let bomb = deflate(&vec![b'x'; 3_000_000]);
        let cases: [(&str, Kind, &[u8], Violation); 5] = [
            ("garbage", Kind::Binary, b"\xff\xff\xff\xff", Violation::InvalidDeflate),
            ("a bomb", Kind::Binary, &bomb, Violation::TooBig { limit: 1000 }),
            ("bad text", Kind::Text, &deflate(b"ab\xff"), Violation::InvalidUtf8),
            ("half a character", Kind::Text, &deflate(b"ab\xe2\x82"), Violation::InvalidUtf8),
            ("a block that refers to nothing", Kind::Binary, &[0xf2, 0x00, 0x11, 0x00, 0x00], {
                Violation::InvalidDeflate
            }),
        ];
        for (case, kind, bytes, violation) in cases {
            let mut inflater = Inflater::new(true, Some(1000));
            let got = inflate(&mut inflater, kind, &[bytes]);
            assert_eq!(got.map_err(|(violation, _)| violation), Err(violation), "{case}");
        }
        // Only what is inside counts, and each message for itself.
        let mut inflater = Inflater::new(false, Some(1000));
        for _ in 0..3 {
            assert!(inflate(&mut inflater, Kind::Text, &[&deflate(&[b'x'; 1000])]).is_ok());
        }
    }

    #[test]
    fn the_good_beginning_of_a_message_is_given_out() {
        let bad_text = deflated(&mut Deflater::new(6, 15, true, 0), b"good\xffbad");
        // A block as it is, and one of a type that there is not.
        let bad_block = b"\0\x04\0\xfb\xffgood\x07";
        let cases =
            [(&bad_text[..], Violation::InvalidUtf8), (bad_block, Violation::InvalidDeflate)];
        for (bytes, violation) in cases {
            let mut inflater = Inflater::new(true, None);
            let step = inflater.step(Kind::Text, bytes, true).unwrap();
            assert_eq!((&inflater.piece()[step.payload], step.done), (&b"good"[..], false));
            assert_eq!(inflater.step(Kind::Text, b"", true), Err(violation));
        }
    }

    #[test]
    fn a_message_that_is_cut_off_is_its_beginning_and_no_whole_one() {
        let numbers: Vec<u8> = (0..4000u32).map(|n| b'0' + (n * n % 251 / 4) as u8).collect();
        let stored = (0, &b"Hello"[..]);
        let cases: [(u32, &[u8]); 5] = [
            stored,
            (1, b"Hello"),
            (1, b"Hello Hello, all of you"),
            (9, &[b'7'; 3000]),
            (9, &numbers),
        ];
        for (level, message) in cases {
            let whole = deflated(&mut Deflater::new(level, 15, true, 0), message);
            for cut in 1..whole.len() {
                let name = format!("{cut} of {} at level {level}", whole.len());
                let rest = &whole[..cut];
                // In tables that end like a message nothing can be told, and a zero is an empty message.
                let in_tables = message.len() == 4000 && cut < 90 && rest[cut - 1] < UNUSUAL;
                if in_tables || rest == [0] {
                    continue;
                }
                let got = inflate(&mut Inflater::new(true, None), Kind::Text, &[rest]);
                let (violation, before) = got.expect_err(&name);
                assert_eq!(violation, Violation::DeflateCut, "{name}");
                assert!(message.starts_with(&before), "{name}: {}", before.escape_ascii());
            }
        }
        let cases: [&[u8]; 2] = [b"", &[0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0, 0, 0, 0xff, 0xff]];
        for bytes in cases {
            let got = inflate(&mut Inflater::new(true, None), Kind::Text, &[bytes]);
            assert_eq!(got.map_err(|(violation, _)| violation), Err(Violation::DeflateCut));
        }
    }

    #[test]
    fn a_step_is_bounded_however_often_a_stream_ends() {
        let ends = b"\x03\0".repeat(1000);
        let mut inflater = Inflater::new(true, None);
        let step = inflater.step(Kind::Text, &ends, true).unwrap();
        assert!(step.consumed <= 4 && !step.done, "{step:?}");
        assert_eq!(inflate(&mut inflater, Kind::Text, &[&ends]), Ok(Vec::new()));
    }

    #[test]
    fn what_fills_the_buffer_exactly_is_all_there_before_the_end() {
        for length in [PIECE, BUFFER - 1, BUFFER, BUFFER + 1, BUFFER + PIECE] {
            for level in [0, 1, 9] {
                let message = vec![b'x'; length];
                let bytes = deflated(&mut Deflater::new(level, 15, true, 0), &message);
                let mut inflater = Inflater::new(true, None);
                let (begin, end) = bytes.split_at(bytes.len() - 1);
                for pieces in
                    [&[&bytes[..]][..], &[&bytes[..], b""], &[begin, end], &[b"", begin, end]]
                {
                    let got = inflate(&mut inflater, Kind::Text, pieces);
                    assert!(got.as_deref() == Ok(&message[..]), "{length} at level {level}");
                }
            }
        }
    }

    #[test]
    fn a_window_of_256_bytes_is_not_made_here() {
        let of = |client_max_window_bits| Deflate {
            agreement: Agreement { client_max_window_bits, ..Agreement::default() },
            level: 6,
            min_size: 0,
        };
        assert!(of(8).deflater(Role::Client).is_none());
        assert!(of(9).deflater(Role::Client).is_some());
        assert!(of(8).deflater(Role::Server).is_some());
    }

    fn texts() -> impl Strategy<Value = Vec<String>> {
        let text = prop_oneof![
            "\\PC{0,40}",
            ("[a-c]{1,3}", 0usize..40_000).prop_map(|(word, times)| word.repeat(times)),
        ];
        proptest::collection::vec(text, 0..6)
    }

    proptest! {
        #[test]
        fn what_was_made_short_becomes_long_again(
            messages in texts(),
            level in 0u32..=9,
            window_bits in 9u8..=15,
            keeps_context in any::<bool>(),
            cuts in proptest::collection::vec(1usize..5000, 1..4),
        ) {
            let mut deflater = Deflater::new(level, window_bits, keeps_context, 0);
            let mut inflater = Inflater::new(keeps_context, None);
            for message in messages {
                let mut bytes = Vec::new();
                let (first, second) = message.as_bytes().split_at(message.len() / 2);
                deflater.push(first, false, &mut bytes);
                deflater.push(second, true, &mut bytes);
                let mut pieces = Vec::new();
                let mut rest = &bytes[..];
                for cut in cuts.iter().cycle() {
                    let (piece, tail) = rest.split_at((*cut).min(rest.len()));
                    pieces.push(piece);
                    rest = tail;
                    if rest.is_empty() {
                        break;
                    }
                }
                let got = inflate(&mut inflater, Kind::Text, &pieces);
                prop_assert_eq!(got.as_deref(), Ok(message.as_bytes()));
            }
        }
    }
}
