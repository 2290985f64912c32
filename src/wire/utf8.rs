//! UTF-8 that arrives in pieces: valid so far, or wrong at a byte (RFC 6455 section 8.1).

/// Checks a text that comes in pieces which may cut characters.
#[derive(Clone, Debug, Default)]
pub struct Utf8Stream {
    cut: [u8; 4],
    cut_len: usize,
    /// Bytes of whole characters seen so far.
    valid: u64,
}

/// The offset, in bytes from the start of the text, of the first byte that no valid text could
/// have there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidAt(pub u64);

impl Utf8Stream {
    /// Bytes of the text that were taken so far.
    pub fn seen(&self) -> u64 {
        self.valid + self.cut_len as u64
    }

    /// Takes the next piece.
    ///
    /// # Errors
    /// The offset of the first character that is not UTF-8.
    pub fn push(&mut self, piece: &[u8]) -> Result<(), InvalidAt> {
        let rest = self.finish_cut_character(piece)?;
        match simdutf8::compat::from_utf8(rest) {
            Ok(_) => self.valid += rest.len() as u64,
            Err(error) => {
                self.valid += error.valid_up_to() as u64;
                if error.error_len().is_some() {
                    return Err(InvalidAt(self.valid));
                }
                let cut = &rest[error.valid_up_to()..];
                self.cut[..cut.len()].copy_from_slice(cut);
                self.cut_len = cut.len();
            }
        }
        Ok(())
    }

    /// Ends the text and makes ready for the next one.
    ///
    /// # Errors
    /// The offset of a character that was begun and not finished.
    pub fn finish(&mut self) -> Result<(), InvalidAt> {
        let ended = std::mem::take(self);
        if ended.cut_len == 0 { Ok(()) } else { Err(InvalidAt(ended.valid)) }
    }

    fn finish_cut_character<'a>(&mut self, piece: &'a [u8]) -> Result<&'a [u8], InvalidAt> {
        let mut rest = piece;
        while self.cut_len > 0 {
            let Some((byte, tail)) = rest.split_first() else { break };
            self.cut[self.cut_len] = *byte;
            match std::str::from_utf8(&self.cut[..=self.cut_len]) {
                Ok(_) => {
                    self.valid += self.cut_len as u64 + 1;
                    self.cut_len = 0;
                }
                Err(error) if error.error_len().is_none() => self.cut_len += 1,
                Err(_) => return Err(InvalidAt(self.valid)),
            }
            rest = tail;
        }
        Ok(rest)
    }
}

/// Checks a text that is there as a whole.
///
/// # Errors
/// The offset of the first character that is not UTF-8.
pub fn check(text: &[u8]) -> Result<(), InvalidAt> {
    if simdutf8::basic::from_utf8(text).is_ok() {
        return Ok(());
    }
    let mut stream = Utf8Stream::default();
    stream.push(text)?;
    stream.finish()
}

/// How many bytes at the end of `text` are the beginning of a character that is not finished.
pub fn cut_at_end(text: &[u8]) -> usize {
    for back in 1..=text.len().min(3) {
        let byte = text[text.len() - back];
        let needs = match byte {
            0x80..=0xbf => continue,
            0xc2..=0xdf => 2,
            0xe0..=0xef => 3,
            0xf0..=0xf4 => 4,
            _ => return 0,
        };
        return if needs > back { back } else { 0 };
    }
    0
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_offset_of_the_first_wrong_byte_is_the_same_in_every_split() {
        let cases: [(&[u8], Result<(), InvalidAt>); 7] = [
            (b"", Ok(())),
            ("häß€😀".as_bytes(), Ok(())),
            (b"ab\xffcd", Err(InvalidAt(2))),
            (b"ab\xe2\x82", Err(InvalidAt(2))),
            (b"ab\xe2\x28\xa1", Err(InvalidAt(2))),
            (b"\xed\xa0\x80", Err(InvalidAt(0))),
            (b"\xf4\x90\x80\x80", Err(InvalidAt(0))),
        ];
        for (text, expected) in cases {
            for first in 0..=text.len() {
                for second in first..=text.len() {
                    let mut stream = Utf8Stream::default();
                    let got = [&text[..first], &text[first..second], &text[second..]]
                        .iter()
                        .try_for_each(|piece| stream.push(piece))
                        .and_then(|()| stream.finish());
                    assert_eq!(got, expected, "{text:?} cut at {first} and {second}");
                }
            }
            assert_eq!(check(text), expected);
        }
    }

    proptest! {
        #[test]
        fn cutting_before_an_unfinished_character_leaves_valid_text(
            text in "\\PC{0,20}", end in 0usize..80,
        ) {
            let bytes = &text.as_bytes()[..end.min(text.len())];
            let kept = &bytes[..bytes.len() - cut_at_end(bytes)];
            prop_assert!(std::str::from_utf8(kept).is_ok());
            prop_assert!(bytes.len() - kept.len() < 4);
        }
    }
}
