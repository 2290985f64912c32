//! Bytes written as hex and base64: decoded in pieces of any size, in constant memory.

use base64::alphabet;
use base64::engine::{DecodePaddingMode, Engine as _, GeneralPurpose, GeneralPurposeConfig};

/// Padding at the end may be there or not; bits after the last byte are never dropped in silence.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// How bytes are written as text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Codec {
    /// Two hexadecimal digits a byte.
    Hex,
    /// RFC 4648 section 4, with or without padding.
    Base64,
}

/// A place where a message is not what [`Codec`] says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadEncoding {
    /// The byte of the encoded message, from 1.
    pub byte: u64,
    /// What is wrong there.
    pub what: &'static str,
}

/// Decodes hexadecimal digits.
///
/// # Errors
/// The first byte that cannot stand where it stands.
pub fn decode_hex(encoded: &str) -> Result<Vec<u8>, BadEncoding> {
    let (mut decoding, mut bytes) = (Decoding::new(Codec::Hex), Vec::new());
    decoding.push(encoded.as_bytes(), &mut bytes)?;
    decoding.finish(&mut bytes)?;
    Ok(bytes)
}

/// Decodes one message after the other. ASCII white space between the digits has no meaning.
#[derive(Clone, Debug)]
pub struct Decoding {
    codec: Codec,
    /// Digits that do not make a whole byte yet.
    pending: Vec<u8>,
    seen: u64,
}

impl Decoding {
    /// A decoder for messages in this form.
    pub fn new(codec: Codec) -> Self {
        Decoding { codec, pending: Vec::new(), seen: 0 }
    }

    /// A decoder for hexadecimal digits.
    pub fn hex() -> Self {
        Decoding::new(Codec::Hex)
    }

    /// Takes a piece of the encoded message and appends what it decodes to.
    ///
    /// # Errors
    /// The first byte that cannot stand where it stands.
    pub fn push(&mut self, piece: &[u8], out: &mut Vec<u8>) -> Result<(), BadEncoding> {
        match self.codec {
            Codec::Hex => self.push_hex(piece, out),
            Codec::Base64 => self.push_base64(piece, out),
        }
    }

    /// Ends the message and makes ready for the next.
    ///
    /// # Errors
    /// Digits that do not make a whole byte.
    pub fn finish(&mut self, out: &mut Vec<u8>) -> Result<(), BadEncoding> {
        let byte = std::mem::take(&mut self.seen).max(1);
        let pending = std::mem::take(&mut self.pending);
        match self.codec {
            Codec::Hex if pending.is_empty() => Ok(()),
            Codec::Hex => Err(BadEncoding { byte, what: "an odd number of hex digits" }),
            Codec::Base64 => BASE64
                .decode_vec(&pending, out)
                .map_err(|_| BadEncoding { byte, what: "base64 that is cut or wrongly padded" }),
        }
    }

    fn push_hex(&mut self, piece: &[u8], out: &mut Vec<u8>) -> Result<(), BadEncoding> {
        for character in piece {
            self.seen += 1;
            if character.is_ascii_whitespace() {
                continue;
            }
            let Some(digit) = (*character as char).to_digit(16) else {
                return Err(BadEncoding { byte: self.seen, what: "not a hex digit" });
            };
            match self.pending.pop() {
                Some(high) => out.push(high << 4 | digit as u8),
                None => self.pending.push(digit as u8),
            }
        }
        Ok(())
    }

    fn push_base64(&mut self, piece: &[u8], out: &mut Vec<u8>) -> Result<(), BadEncoding> {
        let mut padded = self.pending.contains(&b'=');
        for character in piece {
            self.seen += 1;
            match character {
                c if c.is_ascii_whitespace() => continue,
                b'=' => padded = true,
                b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'+' | b'/' if !padded => {}
                _ => return Err(BadEncoding { byte: self.seen, what: "not base64" }),
            }
            self.pending.push(*character);
        }
        // The last group stays: only the end of the message says whether it is whole.
        let ready = self.pending.len().saturating_sub(1) / 4 * 4;
        if ready > 0 && !padded {
            BASE64
                .decode_vec(&self.pending[..ready], out)
                .map_err(|_| BadEncoding { byte: self.seen, what: "not base64" })?;
            self.pending.drain(..ready);
        }
        Ok(())
    }
}

/// Appends two hexadecimal digits a byte.
pub fn encode_hex(out: &mut Vec<u8>, bytes: &[u8]) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    out.reserve(bytes.len() * 2);
    for byte in bytes {
        out.push(DIGITS[usize::from(byte >> 4)]);
        out.push(DIGITS[usize::from(byte & 15)]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decode(codec: Codec, input: &[u8], cut: usize) -> Result<Vec<u8>, BadEncoding> {
        let mut decoding = Decoding::new(codec);
        let mut out = Vec::new();
        let (first, second) = input.split_at(cut);
        decoding.push(first, &mut out)?;
        decoding.push(second, &mut out)?;
        decoding.finish(&mut out)?;
        Ok(out)
    }

    #[test]
    fn a_message_decodes_the_same_in_every_split() {
        let bad = |byte, what| Err(BadEncoding { byte, what });
        type Case<'a> = (Codec, &'a [u8], Result<&'a [u8], BadEncoding>);
        let cases: [Case; 14] = [
            (Codec::Hex, b"", Ok(b"")),
            (Codec::Hex, b"00fFa1", Ok(&[0, 0xff, 0xa1])),
            (Codec::Hex, b"00 ff\n", Ok(&[0, 0xff])),
            (Codec::Hex, b"0g", bad(2, "not a hex digit")),
            (Codec::Hex, b"000", bad(3, "an odd number of hex digits")),
            (Codec::Base64, b"", Ok(b"")),
            (Codec::Base64, b"AAEC", Ok(&[0, 1, 2])),
            (Codec::Base64, b"aGVsbG8=", Ok(b"hello")),
            (Codec::Base64, b"aGVsbG8", Ok(b"hello")),
            (Codec::Base64, b"aGVs\nbG8=\n", Ok(b"hello")),
            (Codec::Base64, b"aGV*bG8=", bad(4, "not base64")),
            (Codec::Base64, b"aGVsbG8=x", bad(9, "not base64")),
            (Codec::Base64, b"aGVsb", bad(5, "base64 that is cut or wrongly padded")),
            (Codec::Base64, b"a===", bad(4, "base64 that is cut or wrongly padded")),
        ];
        for (codec, input, expected) in cases {
            for cut in 0..=input.len() {
                let got = decode(codec, input, cut);
                assert_eq!(got, expected.clone().map(<[u8]>::to_vec), "{input:?} cut at {cut}");
            }
        }
    }
}
