//! The output formats. Messages come whole or in pieces; those formats that need a message whole
//! say so.

use std::io::Write as _;
use std::time::SystemTime;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

use super::color::Palette;
use super::escape::{self, Layout};
use super::json;
use crate::codec::encode_hex;
use crate::record::{Record, Side};
use crate::wire::Kind;
use crate::wire::utf8::cut_at_end;

/// How a message is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// The payload and a newline; binary as hex.
    Text,
    /// The payload and nothing else.
    Raw,
    /// Two hexadecimal digits a byte, and a newline.
    Hex,
    /// Lines of offset, 16 bytes and their characters; the last line is the length.
    Hexdump,
    /// Base64 and a newline.
    Base64,
    /// A 4-byte big-endian length and the payload.
    Length,
    /// One record (a JSON object) a line for everything that comes: open, message, ping, pong,
    /// close, failure.
    Jsonl,
    /// For whoever talks to the peer at a prompt: a mark, and then text, or a hexdump.
    #[value(skip)]
    Conversation,
}

/// The choices for the output.
#[derive(Clone, Copy, Debug)]
pub struct Encoding {
    /// The format.
    pub format: Format,
    /// Whether NUL ends each message, in place of the newline; raw has an end only then.
    pub print0: bool,
    /// Whether the time stands before each message.
    pub timestamps: bool,
    /// Whether the output is a terminal, so that what the peer says is escaped.
    pub escape: bool,
    /// Whether text that is a JSON object or array is laid out; only for the formats text and conversation.
    pub pretty: bool,
    /// The colours of that, and of the time.
    pub palette: Palette,
}

/// Writes messages in one format.
#[derive(Debug)]
pub struct Encoder {
    encoding: Encoding,
    /// The end of the last piece, which only makes sense with the next one.
    carry: Vec<u8>,
    /// Bytes of the current message that are out, for the hexdump.
    offset: u64,
}

/// One message, or a piece of one.
#[derive(Clone, Copy, Debug)]
pub struct Piece<'a> {
    /// Text or binary.
    pub kind: Kind,
    /// The bytes.
    pub payload: &'a [u8],
    /// Whether the message begins here.
    pub first: bool,
    /// Whether the message ends here.
    pub last: bool,
}

impl Encoder {
    /// An encoder.
    pub fn new(encoding: Encoding) -> Self {
        Encoder { encoding, carry: Vec::new(), offset: 0 }
    }

    /// Whether everything that happens is written, as records.
    pub fn writes_records(&self) -> bool {
        self.encoding.format == Format::Jsonl
    }

    /// Whether only whole messages can be written: their length or their JSON comes first, or they are
    /// laid out if all of them is JSON.
    pub fn needs_whole_messages(&self) -> bool {
        self.encoding.pretty || matches!(self.encoding.format, Format::Length | Format::Jsonl)
    }

    /// Whether [`Encoder::message`] looks at the time.
    pub fn needs_time(&self) -> bool {
        self.encoding.timestamps || self.writes_records()
    }

    /// What ends a message of this kind (there may be nothing), if it is written as it is.
    pub fn verbatim(&self, kind: Kind) -> Option<Option<u8>> {
        let Encoding { format, print0, timestamps, escape, pretty, .. } = self.encoding;
        match format {
            _ if timestamps || escape || pretty => None,
            Format::Text if kind == Kind::Text => Some(Some(self.terminator())),
            Format::Raw => Some(print0.then_some(0)),
            _ => None,
        }
    }

    /// Appends a message, or a piece of one, to `out`.
    pub fn message(&mut self, out: &mut Vec<u8>, piece: Piece, now: SystemTime) {
        if self.writes_records() {
            return self.record(out, &Record::message(Side::Peer, piece.kind, piece.payload), now);
        }
        if piece.first && self.encoding.timestamps {
            let after = if self.encoding.format == Format::Hexdump { '\n' } else { ' ' };
            let Palette { aside, end, .. } = self.encoding.palette;
            let _ = write!(out, "{aside}{}{end}{after}", time(now));
        }
        match self.encoding.format {
            Format::Text if piece.kind == Kind::Text => {
                if !self.pretty(out, piece) {
                    self.text(out, piece);
                }
            }
            Format::Text | Format::Hex => encode_hex(out, piece.payload),
            Format::Raw => {
                self.text(out, piece);
                if !self.encoding.print0 {
                    return;
                }
            }
            Format::Hexdump => {
                self.hexdump(out, piece, "");
                if piece.last {
                    let _ = write!(out, "{:08x}", std::mem::take(&mut self.offset));
                }
            }
            Format::Base64 => self.base64(out, piece),
            Format::Length => {
                // The size limit in this format keeps every message under 4 GiB.
                let length = (piece.payload.len() as u32).to_be_bytes();
                // The peer chooses it, too. Each by itself: no byte of one makes a character with the other.
                self.bytes(out, &length);
                return self.bytes(out, piece.payload);
            }
            Format::Conversation => self.conversation(out, piece),
            Format::Jsonl => {}
        }
        if piece.last {
            out.push(self.terminator());
        }
    }

    /// Appends what was kept of a message that will not go on, if there is one.
    pub fn break_off(&mut self, out: &mut Vec<u8>) {
        let rest = std::mem::take(&mut self.carry);
        let offset = std::mem::take(&mut self.offset);
        match self.encoding.format {
            _ if rest.is_empty() => {}
            Format::Base64 => out.extend_from_slice(BASE64.encode(rest).as_bytes()),
            Format::Hexdump => hexdump_line(out, offset, &rest),
            _ => escaped(out, &rest),
        }
    }

    /// Ends a message that was broken off as if it were whole, because others follow.
    pub fn separate(&self, out: &mut Vec<u8>) {
        match self.encoding.format {
            Format::Raw if !self.encoding.print0 => {}
            _ => out.push(self.terminator()),
        }
    }

    fn terminator(&self) -> u8 {
        if self.encoding.print0 { 0 } else { b'\n' }
    }

    /// Appends a record; only for the format that has them.
    pub fn record(&self, out: &mut Vec<u8>, record: &Record, now: SystemTime) {
        let begun = out.len();
        record.write(out, &time(now));
        if self.encoding.escape {
            let written = String::from_utf8_lossy(&out[begun..]).into_owned();
            out.truncate(begun);
            out.extend_from_slice(escape::json(&written).as_bytes());
        }
        out.push(self.terminator());
    }

    /// Lays a message out, if that is asked for and it is JSON.
    fn pretty(&self, out: &mut Vec<u8>, piece: Piece) -> bool {
        let Encoding { pretty, escape, palette, .. } = &self.encoding;
        *pretty
            && std::str::from_utf8(piece.payload)
                .is_ok_and(|text| json::lay_out(out, text, *escape, palette))
    }

    /// Bytes that no further ones belong to.
    fn bytes(&self, out: &mut Vec<u8>, bytes: &[u8]) {
        if self.encoding.escape { escaped(out, bytes) } else { out.extend_from_slice(bytes) }
    }

    fn text(&mut self, out: &mut Vec<u8>, piece: Piece) {
        if !self.encoding.escape {
            return out.extend_from_slice(piece.payload);
        }
        self.carry.extend_from_slice(piece.payload);
        let cut = if piece.last { 0 } else { cut_at_end(&self.carry) };
        let end = self.carry.len() - cut;
        escaped(out, &self.carry[..end]);
        self.carry.drain(..end);
    }

    fn conversation(&mut self, out: &mut Vec<u8>, piece: Piece) {
        if piece.first {
            let Palette { peer, end, .. } = self.encoding.palette;
            let _ = write!(out, "{peer}<{end} ");
        }
        if piece.kind == Kind::Text {
            let begin = out.len();
            if !self.pretty(out, piece) {
                self.text(out, piece);
            }
            if piece.first && piece.last && piece.payload.is_empty() {
                out.extend_from_slice(b"(an empty text)");
            }
            return indent(out, begin);
        }
        if piece.first {
            out.extend_from_slice(b"binary");
            if piece.last {
                let _ = write!(out, ", {} bytes", piece.payload.len());
            }
            out.push(b'\n');
        }
        self.hexdump(out, piece, "  ");
        if piece.last {
            self.offset = 0;
            // The terminator is the end of the last line.
            out.pop_if(|last| *last == b'\n');
        }
    }

    fn base64(&mut self, out: &mut Vec<u8>, piece: Piece) {
        self.carry.extend_from_slice(piece.payload);
        let ready = if piece.last { self.carry.len() } else { self.carry.len() / 3 * 3 };
        out.extend_from_slice(BASE64.encode(&self.carry[..ready]).as_bytes());
        self.carry.drain(..ready);
    }

    /// Whole lines, and at the end of the message the rest.
    fn hexdump(&mut self, out: &mut Vec<u8>, piece: Piece, margin: &str) {
        self.carry.extend_from_slice(piece.payload);
        let ready = if piece.last { self.carry.len() } else { self.carry.len() / 16 * 16 };
        for line in self.carry[..ready].chunks(16) {
            out.extend_from_slice(margin.as_bytes());
            hexdump_line(out, self.offset, line);
            self.offset += line.len() as u64;
        }
        self.carry.drain(..ready);
    }
}

fn escaped(out: &mut Vec<u8>, bytes: &[u8]) {
    let mut escaped = String::with_capacity(bytes.len());
    escape::bytes(&mut escaped, bytes, Layout::Keep);
    out.extend_from_slice(escaped.as_bytes());
}

/// A time as the records and `--timestamps` have it: UTC, to the microsecond.
pub fn time(at: SystemTime) -> String {
    humantime::format_rfc3339_micros(at).to_string()
}

/// Moves the lines after the first to the right, so that none of them looks like ours.
fn indent(out: &mut Vec<u8>, begin: usize) {
    if memchr::memchr(b'\n', &out[begin..]).is_some() {
        let text = out.split_off(begin);
        for byte in text {
            out.push(byte);
            if byte == b'\n' {
                out.extend_from_slice(b"  ");
            }
        }
    }
}

pub(super) fn hexdump_line(out: &mut Vec<u8>, offset: u64, line: &[u8]) {
    let _ = write!(out, "{offset:08x} ");
    for column in 0..16 {
        if column == 8 {
            out.push(b' ');
        }
        match line.get(column) {
            Some(byte) => {
                out.push(b' ');
                encode_hex(out, &[*byte]);
            }
            None => out.extend_from_slice(b"   "),
        }
    }
    out.extend_from_slice(b"  |");
    out.extend(line.iter().map(|b| if b.is_ascii_graphic() || *b == b' ' { *b } else { b'.' }));
    out.extend_from_slice(b"|\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: Encoding = Encoding {
        format: Format::Text,
        print0: false,
        timestamps: false,
        escape: false,
        pretty: false,
        palette: Palette::plain(),
    };

    fn encode(encoding: Encoding, kind: Kind, payload: &[u8], cut: usize) -> String {
        let mut encoder = Encoder::new(encoding);
        let mut out = Vec::new();
        let (first, second) = payload.split_at(cut);
        let now = SystemTime::UNIX_EPOCH;
        if encoder.needs_whole_messages() {
            encoder.message(&mut out, Piece { kind, payload, first: true, last: true }, now);
        } else {
            let piece = Piece { kind, payload: first, first: true, last: false };
            encoder.message(&mut out, piece, now);
            let piece = Piece { kind, payload: second, first: false, last: true };
            encoder.message(&mut out, piece, now);
        }
        String::from_utf8_lossy(&out).into_owned()
    }

    #[test]
    fn every_format_writes_a_message_the_same_whole_and_in_pieces() {
        use Format::{Base64, Hex, Hexdump, Jsonl, Length, Raw, Text};
        use Kind::Binary;
        let dump = "00000000  30 31 32 33 34 35 36 37  38 39 61 62 63 64 65 66  |0123456789abcdef|\n\
                    00000010  ff 0a                                             |..|\n00000012\n";
        let cases: [(Format, Kind, &[u8], &str); 14] = [
            (Text, Kind::Text, b"hello", "hello\n"),
            (Text, Kind::Text, b"", "\n"),
            (Text, Binary, &[0, 0xab, 0xff], "00abff\n"),
            (Raw, Kind::Text, b"hello", "hello"),
            (Raw, Binary, b"a\0b", "a\0b"),
            (Hex, Kind::Text, b"hi", "6869\n"),
            (Hex, Binary, b"", "\n"),
            (Base64, Kind::Text, b"hello", "aGVsbG8=\n"),
            (Base64, Binary, b"", "\n"),
            (Hexdump, Binary, b"0123456789abcdef\xff\n", dump),
            (Hexdump, Binary, b"", "00000000\n"),
            (Length, Binary, b"abc", "\0\0\0\x03abc"),
            (Length, Kind::Text, b"", "\0\0\0\0"),
            (
                Jsonl,
                Kind::Text,
                b"hi",
                "{\"time\":\"1970-01-01T00:00:00.000000Z\",\"event\":\"message\",\"from\":\"peer\",\"opcode\":\"text\",\"length\":2,\"text\":\"hi\"}\n",
            ),
        ];
        for (format, kind, payload, expected) in cases {
            for cut in 0..=payload.len() {
                let got = encode(Encoding { format, ..PLAIN }, kind, payload, cut);
                assert_eq!(got, expected, "{format:?} {payload:?} cut at {cut}");
            }
        }
    }

    #[test]
    fn a_terminal_gets_no_control_characters_however_the_message_is_cut() {
        let encoding = Encoding { escape: true, ..PLAIN };
        let payload = "a\x1b[1m€\u{202e}\n".as_bytes();
        for cut in 0..=payload.len() {
            let got = encode(encoding, Kind::Text, payload, cut);
            assert_eq!(got, "a\\x1b[1m€\\u{202e}\n\n");
        }
    }

    #[test]
    fn a_terminal_gets_no_control_characters_from_a_length_either() {
        let length = Encoding { format: Format::Length, escape: true, ..PLAIN };
        let evil = "\x1b]0;x\x07\u{9b}\u{202e}".as_bytes();
        let cases: [(&[u8], String); 4] = [
            (b"abc", "\\x00\\x00\\x00\\x03abc".into()),
            (evil, "\\x00\\x00\\x00\\x0b\\x1b]0;x\\x07\\u{9b}\\u{202e}".into()),
            (&[b' '; 0x1b], format!("\\x00\\x00\\x00\\x1b{}", " ".repeat(0x1b))),
            // With the first byte of this, the length would be a character.
            (&[0x9b; 0xc2], format!("\\x00\\x00\\x00\\xc2{}", "\\x9b".repeat(0xc2))),
        ];
        for (payload, expected) in cases {
            for kind in [Kind::Text, Kind::Binary] {
                assert_eq!(encode(length, kind, payload, 0), expected, "{payload:?}");
            }
        }
    }

    #[test]
    fn what_was_kept_of_a_message_that_breaks_off_is_written() {
        let dump = "00000000  30 31 32                                          |012|\n";
        let cases: [(Format, bool, &[u8], &str); 6] = [
            (Format::Base64, false, b"0123", "MDEyMw=="),
            (Format::Base64, false, b"012", "MDEy"),
            (Format::Hexdump, false, b"012", dump),
            (Format::Hex, false, b"012", "303132"),
            (Format::Text, false, b"012\xe2", "012\u{fffd}"),
            (Format::Text, true, b"012\xe2\x82", "012\\xe2\\x82"),
        ];
        for (format, escape, payload, expected) in cases {
            let kind = if format == Format::Text { Kind::Text } else { Kind::Binary };
            let mut encoder = Encoder::new(Encoding { format, escape, ..PLAIN });
            let mut out = Vec::new();
            let piece = Piece { kind, payload, first: true, last: false };
            encoder.message(&mut out, piece, SystemTime::UNIX_EPOCH);
            encoder.break_off(&mut out);
            assert_eq!(String::from_utf8_lossy(&out), expected, "{format:?}");
            // The next message begins anew.
            out.clear();
            let piece = Piece { kind, payload: b"", first: true, last: true };
            encoder.message(&mut out, piece, SystemTime::UNIX_EPOCH);
            let expected = if format == Format::Hexdump { "00000000\n" } else { "\n" };
            assert_eq!(String::from_utf8_lossy(&out), expected, "{format:?}");
        }
    }

    #[test]
    fn at_a_prompt_a_message_has_a_mark_and_no_line_of_it_looks_like_ours() {
        let conversation = Encoding { format: Format::Conversation, escape: true, ..PLAIN };
        let dump = "  00000000  00 01                                             |..|\n";
        let cases: [(Kind, &[u8], String); 6] = [
            (Kind::Text, b"hello", "< hello\n".into()),
            (Kind::Text, b"a\n> b\n", "< a\n  > b\n  \n".into()),
            (Kind::Text, b"\x1b[2J", "< \\x1b[2J\n".into()),
            (Kind::Text, b"", "< (an empty text)\n".into()),
            (Kind::Binary, b"", "< binary, 0 bytes\n".into()),
            (Kind::Binary, b"\0\x01", format!("< binary, 2 bytes\n{dump}")),
        ];
        for (kind, payload, expected) in cases {
            let mut encoder = Encoder::new(conversation);
            let mut out = Vec::new();
            let piece = Piece { kind, payload, first: true, last: true };
            encoder.message(&mut out, piece, SystemTime::UNIX_EPOCH);
            assert_eq!(String::from_utf8(out).unwrap(), expected);
        }
        let got = encode(conversation, Kind::Binary, b"\0\x01", 1);
        assert_eq!(got, format!("< binary\n{dump}"));
        assert_eq!(encode(conversation, Kind::Text, b"a\nb", 2), "< a\n  b\n");
        let pretty = Encoding { pretty: true, ..conversation };
        let mut out = Vec::new();
        let piece = Piece { kind: Kind::Text, payload: b"{\"a\":1}", first: true, last: true };
        Encoder::new(pretty).message(&mut out, piece, SystemTime::UNIX_EPOCH);
        assert_eq!(out, b"< {\n    \"a\": 1\n  }\n");
    }

    #[test]
    fn time_and_terminator_are_as_asked() {
        let encoding = Encoding { timestamps: true, print0: true, ..PLAIN };
        let got = encode(encoding, Kind::Text, b"hi", 1);
        assert_eq!(got, "1970-01-01T00:00:00.000000Z hi\0");
        let encoding = Encoding { format: Format::Raw, print0: true, ..PLAIN };
        assert_eq!(encode(encoding, Kind::Binary, b"hi", 1), "hi\0");
    }
    #[test]
    fn json_is_laid_out_and_the_rest_is_as_without() {
        let pretty = Encoding { pretty: true, ..PLAIN };
        let palette = Palette::colored();
        let terminal = Encoding { escape: true, palette, ..pretty };
        let timed = Encoding { timestamps: true, palette, print0: true, ..pretty };
        let cases: [(Encoding, Kind, &[u8], &str); 8] = [
            (pretty, Kind::Text, b"{\"a\":[1]}", "{\n  \"a\": [\n    1\n  ]\n}\n"),
            (pretty, Kind::Text, b"[1", "[1\n"),
            (pretty, Kind::Text, b"", "\n"),
            (pretty, Kind::Binary, b"[1]", "5b315d\n"),
            (
                terminal,
                Kind::Text,
                "[\"\u{9b}\"]".as_bytes(),
                "[\n  \x1b[32m\"\\u{9b}\"\x1b[0m\n]\n",
            ),
            (terminal, Kind::Text, b"[\x1b", "[\\x1b\n"),
            (terminal, Kind::Text, b"1", "1\n"),
            (timed, Kind::Text, b"[]", "\x1b[2m1970-01-01T00:00:00.000000Z\x1b[0m []\0"),
        ];
        for (encoding, kind, payload, expected) in cases {
            assert!(Encoder::new(encoding).needs_whole_messages());
            assert_eq!(Encoder::new(encoding).verbatim(Kind::Text), None);
            assert_eq!(encode(encoding, kind, payload, 0), expected, "{payload:?}");
        }
    }
}
