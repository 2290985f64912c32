//! Framing: where in a run of bytes one message ends and the next begins.
//! Pieces of messages come out as they come in; nothing is held but what may belong to a delimiter
//! or to a character.

use memchr::memmem::Finder;

use crate::wire::utf8::cut_at_end;

/// What one message is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Framing {
    /// A line; its LF or CRLF is not part of it.
    Lines,
    /// What stands between two such strings (never empty).
    Delimiter(Vec<u8>),
    /// Everything.
    Whole,
    /// So many bytes (at least 1).
    Chunk(usize),
    /// What each read gave.
    Stream,
    /// A 4-byte big-endian length and that many bytes.
    LengthPrefixed,
}

/// The largest message of [`Framing::Stream`], in bytes.
const STREAM: usize = 64 * 1024;

/// Input that ends within a length-prefixed message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Truncated {
    /// Bytes that were announced (of the prefix or of the message) and did not come.
    pub missing: u64,
}

/// Cuts one source into messages.
#[derive(Clone, Debug)]
pub struct Splitter {
    framing: Framing,
    finder: Option<Finder<'static>>,
    /// For text: a character is never cut.
    whole_characters: bool,
    /// The end of the last block, to be looked at again with the next one.
    kept: Vec<u8>,
    /// Whether a piece of a message is out without its end.
    open: bool,
    /// Bytes of the open message, for `Chunk`; bytes still to come, for `LengthPrefixed`.
    count: u64,
}

impl Splitter {
    /// A splitter; with `whole_characters`, `Chunk` and `Stream` cut only between UTF-8 characters.
    pub fn new(framing: Framing, whole_characters: bool) -> Self {
        let finder = match &framing {
            Framing::Delimiter(delimiter) => Some(Finder::new(delimiter).into_owned()),
            _ => None,
        };
        Splitter { framing, finder, whole_characters, kept: Vec::new(), open: false, count: 0 }
    }

    /// Whether everything is one message.
    pub fn is_whole(&self) -> bool {
        self.framing == Framing::Whole
    }

    /// Whether a message is a line.
    pub fn is_lines(&self) -> bool {
        self.framing == Framing::Lines
    }

    /// Whether a message has begun whose end has not come.
    pub fn is_within_message(&self) -> bool {
        self.open || !self.kept.is_empty()
    }

    /// Takes one block and gives out its pieces: the bytes, and whether the message ends there.
    ///
    /// # Errors
    /// The first error of `emit`.
    pub fn push<E>(
        &mut self,
        block: &[u8],
        mut emit: impl FnMut(&[u8], bool) -> Result<(), E>,
    ) -> Result<(), E> {
        if self.kept.is_empty() {
            return self.split(block, &mut emit);
        }
        let mut joined = std::mem::take(&mut self.kept);
        joined.extend_from_slice(block);
        self.split(&joined, &mut emit)
    }

    /// Ends the source: gives out what is left, and whether the input was cut short.
    ///
    /// # Errors
    /// The first error of `emit`.
    pub fn finish<E>(
        &mut self,
        mut emit: impl FnMut(&[u8], bool) -> Result<(), E>,
    ) -> Result<Option<Truncated>, E> {
        let kept = std::mem::take(&mut self.kept);
        if self.framing == Framing::LengthPrefixed {
            let missing = if kept.is_empty() { self.count } else { 4 - kept.len() as u64 };
            return Ok(if missing > 0 || self.open { Some(Truncated { missing }) } else { None });
        }
        if self.open || !kept.is_empty() || self.framing == Framing::Whole {
            self.open = false;
            emit(&kept, true)?;
        }
        Ok(None)
    }

    fn split<E>(
        &mut self,
        block: &[u8],
        emit: &mut impl FnMut(&[u8], bool) -> Result<(), E>,
    ) -> Result<(), E> {
        match self.framing {
            Framing::Lines => self.lines(block, emit),
            Framing::Delimiter(_) => self.delimited(block, emit),
            Framing::Whole => self.unfinished(block, emit),
            Framing::Chunk(size) => self.chunks(size, block, emit),
            Framing::Stream => self.stream(block, emit),
            Framing::LengthPrefixed => self.length_prefixed(block, emit),
        }
    }

    /// Gives out the beginning or middle of a message.
    fn unfinished<E>(
        &mut self,
        piece: &[u8],
        emit: &mut impl FnMut(&[u8], bool) -> Result<(), E>,
    ) -> Result<(), E> {
        if piece.is_empty() {
            return Ok(());
        }
        self.open = true;
        emit(piece, false)
    }

    fn lines<E>(
        &mut self,
        block: &[u8],
        emit: &mut impl FnMut(&[u8], bool) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut start = 0;
        for newline in memchr::memchr_iter(b'\n', block) {
            let line = &block[start..newline];
            start = newline + 1;
            self.open = false;
            emit(line.strip_suffix(b"\r").unwrap_or(line), true)?;
        }
        let mut rest = &block[start..];
        if let Some(before) = rest.strip_suffix(b"\r") {
            self.kept.push(b'\r');
            rest = before;
        }
        self.unfinished(rest, emit)
    }

    fn delimited<E>(
        &mut self,
        block: &[u8],
        emit: &mut impl FnMut(&[u8], bool) -> Result<(), E>,
    ) -> Result<(), E> {
        let finder = self.finder.take().expect("delimited input has a finder");
        let delimiter = finder.needle();
        let mut start = 0;
        while let Some(at) = finder.find(&block[start..]) {
            self.open = false;
            emit(&block[start..start + at], true)?;
            start += at + delimiter.len();
        }
        let rest = &block[start..];
        let kept = (1..delimiter.len().min(rest.len() + 1))
            .rev()
            .find(|len| rest.ends_with(&delimiter[..*len]))
            .unwrap_or(0);
        let (rest, kept) = rest.split_at(rest.len() - kept);
        self.kept.extend_from_slice(kept);
        self.finder = Some(finder);
        self.unfinished(rest, emit)
    }

    fn chunks<E>(
        &mut self,
        size: usize,
        mut block: &[u8],
        emit: &mut impl FnMut(&[u8], bool) -> Result<(), E>,
    ) -> Result<(), E> {
        loop {
            let room = size - self.count as usize;
            if block.len() < room {
                let cut = if self.whole_characters { cut_at_end(block) } else { 0 };
                let (now, later) = block.split_at(block.len() - cut);
                self.kept.extend_from_slice(later);
                self.count += now.len() as u64;
                return self.unfinished(now, emit);
            }
            let mut end = room;
            if self.whole_characters {
                end -= cut_at_end(&block[..room]);
                if end == 0 && self.count == 0 {
                    // One character is longer than a chunk: it goes out alone.
                    end = room;
                    let goes_on = |end: usize| block.get(end).is_some_and(|b| (*b as i8) < -64);
                    while cut_at_end(&block[..end]) > 0 && goes_on(end) {
                        end += 1;
                    }
                    if end == block.len() && cut_at_end(block) > 0 {
                        self.kept.extend_from_slice(block);
                        return Ok(());
                    }
                }
            }
            self.open = false;
            self.count = 0;
            emit(&block[..end], true)?;
            block = &block[end..];
            if block.is_empty() {
                return Ok(());
            }
        }
    }

    fn stream<E>(
        &mut self,
        block: &[u8],
        emit: &mut impl FnMut(&[u8], bool) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut rest = block;
        loop {
            let most = &rest[..rest.len().min(STREAM)];
            let cut = if self.whole_characters { cut_at_end(most) } else { 0 };
            let (now, later) = rest.split_at(most.len() - cut);
            if now.is_empty() {
                self.kept.extend_from_slice(later);
                return Ok(());
            }
            emit(now, true)?;
            rest = later;
        }
    }

    fn length_prefixed<E>(
        &mut self,
        mut block: &[u8],
        emit: &mut impl FnMut(&[u8], bool) -> Result<(), E>,
    ) -> Result<(), E> {
        loop {
            if !self.open {
                let Some((prefix, rest)) = block.split_first_chunk::<4>() else {
                    self.kept.extend_from_slice(block);
                    return Ok(());
                };
                self.count = u64::from(u32::from_be_bytes(*prefix));
                self.open = true;
                block = rest;
            }
            let take = self.count.min(block.len() as u64) as usize;
            let (piece, rest) = block.split_at(take);
            self.count -= take as u64;
            block = rest;
            let ends = self.count == 0;
            self.open = !ends;
            if ends || !piece.is_empty() {
                emit(piece, ends)?;
            }
            if block.is_empty() {
                return Ok(());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::convert::Infallible;

    fn split(framing: &Framing, text: bool, blocks: &[&[u8]]) -> (Vec<Vec<u8>>, Option<Truncated>) {
        let mut splitter = Splitter::new(framing.clone(), text);
        let (mut messages, mut open) = (Vec::new(), Vec::new());
        let mut take = |piece: &[u8], end: bool| {
            open.extend_from_slice(piece);
            if end {
                messages.push(std::mem::take(&mut open));
            }
            Ok::<(), Infallible>(())
        };
        for block in blocks {
            splitter.push(block, &mut take).unwrap();
        }
        let truncated = splitter.finish(&mut take).unwrap();
        (messages, truncated)
    }

    fn delimiter(text: &str) -> Framing {
        Framing::Delimiter(text.into())
    }

    #[test]
    fn input_is_cut_the_same_in_every_split() {
        use Framing::{Chunk, LengthPrefixed, Lines, Whole};
        let cases: Vec<(Framing, bool, &str, Vec<&str>)> = vec![
            (Lines, true, "", vec![]),
            (Lines, true, "\n", vec![""]),
            (Lines, true, "a\nb\nc", vec!["a", "b", "c"]),
            (Lines, true, "a\r\n\r\nb\r", vec!["a", "", "b\r"]),
            (Lines, true, "a\rb\r\r\n", vec!["a\rb\r"]),
            (delimiter("\0"), true, "a\0\0b\0", vec!["a", "", "b"]),
            (delimiter("--"), true, "a--b-c---d-", vec!["a", "b-c", "-d-"]),
            (delimiter("aab"), true, "xaaaabyaab", vec!["xaa", "y"]),
            (Whole, true, "", vec![""]),
            (Whole, true, "a\nb", vec!["a\nb"]),
            (Chunk(4), false, "abcdefghij", vec!["abcd", "efgh", "ij"]),
            (Chunk(4), false, "abcd", vec!["abcd"]),
            (Chunk(4), true, "aä€b€€", vec!["aä", "€b", "€", "€"]),
            (Chunk(1), true, "a😀b", vec!["a", "😀", "b"]),
            (Chunk(2), true, "😀😀é", vec!["😀", "😀", "é"]),
            (LengthPrefixed, false, "\0\0\0\x02ab\0\0\0\0\0\0\0\x01c", vec!["ab", "", "c"]),
        ];
        for (framing, text, input, expected) in cases {
            let bytes = input.as_bytes();
            for first in 0..=bytes.len() {
                for second in first..=bytes.len() {
                    let blocks = [&bytes[..first], &bytes[first..second], &bytes[second..]];
                    let (messages, truncated) = split(&framing, text, &blocks);
                    let messages: Vec<_> =
                        messages.iter().map(|m| String::from_utf8_lossy(m)).collect();
                    assert_eq!(messages, expected, "{framing:?} {input:?} {first} {second}");
                    assert_eq!(truncated, None);
                }
            }
        }
    }

    #[test]
    fn bytes_that_are_no_text_are_cut_the_same_in_every_split() {
        let input = b"\xf0\x9f\x98\x80\x80\xf0\x9fa\xe2\x82";
        for size in 1..5 {
            let whole = split(&Framing::Chunk(size), true, &[input]);
            for first in 0..=input.len() {
                let cut = split(&Framing::Chunk(size), true, &[&input[..first], &input[first..]]);
                assert_eq!(cut, whole, "chunks of {size}, cut at {first}");
            }
        }
    }

    #[test]
    fn a_stream_gives_what_each_read_gave_and_cuts_no_character_of_text() {
        let blocks: [&[u8]; 4] = [b"ab", b"", b"c\xe2", b"\x82\xacd"];
        let (binary, _) = split(&Framing::Stream, false, &blocks);
        assert_eq!(binary, [&b"ab"[..], b"c\xe2", b"\x82\xacd"]);
        let (text, _) = split(&Framing::Stream, true, &blocks);
        assert_eq!(text, ["ab".as_bytes(), b"c", "€d".as_bytes()]);
    }

    #[test]
    fn a_cut_length_prefix_is_counted() {
        let cases: [(&[u8], u64); 4] =
            [(b"\0\0\0", 1), (b"\0", 3), (b"\0\0\0\x05abc", 2), (b"\0\0\0\x05", 5)];
        for (input, missing) in cases {
            let (messages, truncated) = split(&Framing::LengthPrefixed, false, &[input]);
            assert_eq!((messages.len(), truncated), (0, Some(Truncated { missing })), "{input:?}");
        }
    }

    proptest! {
        #[test]
        fn nothing_is_lost_whatever_the_blocks(
            input in proptest::collection::vec(prop_oneof![Just(b'\r'), Just(b'\n'), Just(b'-'), any::<u8>()], 0..200),
            cuts in proptest::collection::vec(0usize..20, 0..20),
            framing in prop_oneof![
                Just(Framing::Lines), Just(Framing::Delimiter(b"--".to_vec())), Just(Framing::Whole),
                Just(Framing::Chunk(3)), Just(Framing::LengthPrefixed),
            ],
            text in any::<bool>(),
        ) {
            let mut rest = &input[..];
            let mut blocks = Vec::new();
            for cut in cuts {
                let (block, tail) = rest.split_at(cut.min(rest.len()));
                blocks.push(block);
                rest = tail;
            }
            blocks.push(rest);
            prop_assert_eq!(split(&framing, text, &blocks), split(&framing, text, &[&input]));
        }
    }
}
