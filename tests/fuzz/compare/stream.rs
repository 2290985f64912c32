//! An input of the fuzzer as a stream: the bytes as they are, or taken as choices of which a
//! stream of mostly good frames is built. Every input means something, and a small change of it is
//! a small change of the stream.

use wspipe::wire::{MAX_CONTROL_PAYLOAD, Role, opcode};

use super::frames::header;
use super::ours::Batching;
use super::packed::{Packer, Piece};
use super::{Case, Context};

/// Bytes from which on no further frame is built.
const ENOUGH: usize = 64 * 1024;
/// Compressed bytes from which on none is built: they may be few in the stream.
const ENOUGH_PACKED: usize = 512 * 1024;

/// What texts are made of, over and over: characters of every length, the outermost among them.
const TEXT: &str = "a\u{7f}\u{80}ß\u{7ff}\u{800}€\u{d7ff}\u{e000}\u{ffff}\u{10000}😀\u{10ffff}";

/// Payload lengths around those where the form of the length changes, and one in between.
const LENGTHS: [usize; 8] = [124, 125, 126, 127, 5000, 65535, 65536, 65537];

/// The same for what is compressed, which is short in the stream: lengths that fill the inflater's
/// buffer, by themselves or together, or nearly.
const PACKED_LENGTHS: [usize; 8] =
    [125, 5000, 32 * 1024, 64 * 1024, 96 * 1024, 128 * 1024, 160 * 1024 - 1, 160 * 1024];

/// Close codes around those where validity changes (RFC 6455 section 7.4).
const CODES: [u16; 16] =
    [1000, 1001, 1003, 1004, 1005, 1006, 1007, 1013, 1014, 1015, 1016, 2999, 3000, 4999, 5000, 0];

/// The stream that `input` means. Its first byte says who reads and what is done to the stream, the
/// next what compressed messages may refer to, if messages may be `compressed`, the next how it is
/// read; then come the numbers for all that, and the stream or the choices.
pub fn case(input: &[u8], compressed: bool) -> Case {
    let mut choices = Choices(input);
    let flags = choices.byte();
    let context = compressed.then(|| match choices.byte() & 0x01 {
        0 => Context::Kept,
        _ => Context::Dropped,
    });
    let role = if flags & 0x01 == 0 { Role::Client } else { Role::Server };
    let limit = (flags & 0x02 != 0).then(|| choices.limit());
    let wrong_bytes: Vec<_> = (1..flags >> 2 & 0x03)
        .map(|_| (usize::from(choices.two_bytes()), choices.byte()))
        .collect();
    let missing = if flags & 0x10 != 0 { choices.byte() } else { 0 };
    let reads = choices.byte();
    let cuts = (0..=reads & 0x07).map(|_| choices.cut()).collect();
    let end = [None, Some(b'\n'), Some(0x7f), Some(0x80)][usize::from(reads >> 3 & 0x03)];
    let most = [u64::MAX, 1, 2, 3, 4, 5, 6, 7][usize::from(reads >> 5)];
    let batching = Batching { end, most };

    let as_it_is = flags & 0xe0 == 0xe0;
    let mut stream =
        if as_it_is { choices.0.to_vec() } else { Builder::new(role, context, choices).built() };
    for (at, change) in wrong_bytes {
        let at = at % stream.len().max(1);
        stream.get_mut(at).into_iter().for_each(|byte| *byte ^= change);
    }
    stream.truncate(stream.len().saturating_sub(missing.into()));
    Case { role, limit, context, cuts, batching, stream }
}

/// The bytes to choose by; zeros once they are used up.
pub struct Choices<'a>(&'a [u8]);

impl Choices<'_> {
    /// The next one.
    pub fn byte(&mut self) -> u8 {
        self.0.split_off_first().copied().unwrap_or(0)
    }

    fn two_bytes(&mut self) -> u16 {
        u16::from_be_bytes([self.byte(), self.byte()])
    }

    /// So many, or as many as there are.
    pub fn bytes(&mut self, most: usize) -> Vec<u8> {
        let (taken, rest) = self.0.split_at(most.min(self.0.len()));
        self.0 = rest;
        taken.to_vec()
    }

    /// The size of a read.
    fn cut(&mut self) -> usize {
        match self.byte() {
            0 => usize::MAX,
            small @ 1..0xa0 => usize::from(small & 0x0f) + 1,
            middle @ 0xa0..0xe0 => middle.into(),
            large => usize::from(large - 0xdf) * 1000,
        }
    }

    fn limit(&mut self) -> u64 {
        match self.byte() {
            small @ 0..0x80 => small.into(),
            _ => self.length() as u64,
        }
    }

    /// One of [`LENGTHS`], the short ones more often.
    fn length(&mut self) -> usize {
        match self.byte() {
            choice @ 0..0xd0 => LENGTHS[usize::from(choice & 0x03)],
            choice => LENGTHS[usize::from(choice & 0x07)],
        }
    }
}

struct Builder<'a> {
    role: Role,
    choices: Choices<'a>,
    stream: Vec<u8>,
    /// The opcode of the message that has begun.
    open: Option<u8>,
    /// How far in [`TEXT`] the text has come.
    text_at: usize,
    /// What becomes of the window, if messages may be compressed.
    context: Option<Context>,
    /// What compresses them.
    packer: Packer,
    /// Whether the message that has begun is compressed.
    packs: bool,
    /// Bytes that were compressed.
    packed: usize,
}

/// How a frame is made, beside its opcode.
#[derive(Clone, Copy)]
struct Style {
    binary: bool,
    /// Where the payload comes from.
    payload: u8,
    /// Whether something may be wrong with it.
    wrong: bool,
}

impl<'a> Builder<'a> {
    fn new(role: Role, context: Option<Context>, choices: Choices<'a>) -> Self {
        Builder {
            role,
            choices,
            stream: Vec::new(),
            open: None,
            text_at: 0,
            context,
            packer: Packer::default(),
            packs: false,
            packed: 0,
        }
    }

    fn built(mut self) -> Vec<u8> {
        while !self.choices.0.is_empty()
            && self.stream.len() < ENOUGH
            && self.packed < ENOUGH_PACKED
        {
            let choice = self.choices.byte();
            let style = Style {
                binary: choice & 0x10 != 0,
                payload: choice >> 5 & 0x03,
                wrong: choice & 0x80 != 0 && self.choices.byte() < 0x60,
            };
            match choice & 0x0f {
                0..=4 => self.data(true, style),
                5..=8 => self.data(false, style),
                9 | 10 => self.control(opcode::PING, style),
                12 => self.close(style),
                // Good ones, where it takes several to refer to what was there before.
                13 | 14 if self.context.is_some() && !style.wrong => self.data(true, style),
                13 => {
                    // As if a message had begun that has not, or the other way round.
                    self.open = if self.open.is_some() { None } else { Some(opcode::TEXT) };
                    self.data(true, style);
                }
                14 => {
                    let first = self.choices.byte() & 0x8f;
                    let payload = self.payload(style);
                    self.frame(first, &payload, style);
                }
                15 if style.wrong => {
                    let bytes = self.choices.bytes((choice >> 4).into());
                    self.stream.extend(bytes);
                }
                _ => self.control(opcode::PONG, style),
            }
        }
        self.stream
    }

    fn data(&mut self, fin: bool, style: Style) {
        let begun = self.open;
        let kind = begun.unwrap_or(if style.binary { opcode::BINARY } else { opcode::TEXT });
        self.open = if fin { None } else { Some(kind) };
        if begun.is_none() {
            self.text_at = 0;
            self.packs = self.context.is_some() && self.choices.byte() & 0x03 != 0;
        }
        let is_text = kind == opcode::TEXT;
        let mut payload = if is_text { self.text(fin, style) } else { self.payload(style) };
        if self.packs {
            payload = self.pack(&payload, is_text, fin, style);
        }
        let rsv1 = if self.packs && begun.is_none() { 0x40 } else { 0 };
        let fin = if fin { 0x80 } else { 0 };
        self.frame(fin | rsv1 | begun.map_or(kind, |_| opcode::CONTINUATION), &payload, style);
    }

    fn pack(&mut self, plain: &[u8], is_text: bool, last: bool, style: Style) -> Vec<u8> {
        self.packed += plain.len();
        let piece = Piece { plain, is_text, last, wrong: style.wrong };
        let data = self.packer.pack(&piece, &mut self.choices);
        if last && self.context == Some(Context::Dropped) {
            self.packer.forget();
        }
        data
    }

    fn control(&mut self, opcode: u8, style: Style) {
        let mut payload = self.payload(style);
        if !style.wrong {
            payload.truncate(MAX_CONTROL_PAYLOAD);
        }
        self.frame(0x80 | opcode, &payload, style);
    }

    fn close(&mut self, style: Style) {
        let code = match self.choices.byte() {
            choice @ 0..0x80 => CODES[usize::from(choice) % CODES.len()],
            _ => self.choices.two_bytes(),
        };
        self.text_at = 0;
        let mut payload = [&code.to_be_bytes()[..], &self.text(true, style)].concat();
        // Without a code, or with half of one.
        if style.binary {
            payload.truncate(usize::from(self.choices.byte() & 0x03));
        }
        if !style.wrong {
            payload.truncate(MAX_CONTROL_PAYLOAD);
        }
        self.frame(0x80 | opcode::CLOSE, &payload, style);
    }

    fn payload(&mut self, style: Style) -> Vec<u8> {
        match style.payload {
            0 => {
                let length = self.choices.byte() & 0x7f;
                self.choices.bytes(length.into())
            }
            1 => {
                let length = self.choices.byte() & 0x7f;
                (0..length).map(|_| self.next_of_text()).collect()
            }
            2 if self.packs => {
                vec![b'x'; PACKED_LENGTHS[usize::from(self.choices.byte() & 0x07)]]
            }
            2 => vec![b'x'; self.choices.length()],
            _ => Vec::new(),
        }
    }

    /// A piece of a text, which may end within a character unless it is the last.
    fn text(&mut self, last: bool, style: Style) -> Vec<u8> {
        let mut piece = Vec::new();
        if style.wrong {
            self.next_of_text();
        }
        if style.payload != 1 {
            self.finish_character(&mut piece);
        }
        let mut payload = self.payload(style);
        if style.payload == 0 && !style.wrong {
            payload.iter_mut().for_each(|byte| *byte &= 0x7f);
        }
        piece.extend(payload);
        if last {
            self.finish_character(&mut piece);
        }
        piece
    }

    fn next_of_text(&mut self) -> u8 {
        let byte = TEXT.as_bytes()[self.text_at];
        self.text_at = (self.text_at + 1) % TEXT.len();
        byte
    }

    fn finish_character(&mut self, piece: &mut Vec<u8>) {
        while !TEXT.is_char_boundary(self.text_at) {
            piece.push(self.next_of_text());
        }
    }

    fn frame(&mut self, mut first: u8, payload: &[u8], style: Style) {
        let mut mask = None;
        if self.role == Role::Server {
            let key = self.choices.byte();
            mask = Some([key, key.rotate_left(3), !key, key.wrapping_mul(7)]);
        }
        let mut length = payload.len() as u64;
        let mut length_size = 0;
        if style.wrong {
            match self.choices.byte() {
                choice @ 0x40..0x80 => length_size = [2, 8][usize::from(choice & 0x01)],
                choice @ 0x80..0xa0 => first ^= choice << 4,
                0xa0..0xc0 => mask = mask.xor(Some([0; 4])),
                choice @ 0xc0..0xf0 => {
                    length = length.saturating_add_signed(i64::from(choice) - 0xd8)
                }
                choice @ 0xf0.. => length |= 8 << (4 * (choice - 0xf0)),
                // The payload is what is wrong.
                _ => {}
            }
        }
        self.stream.extend(header(first, mask, length, length_size));
        let key = mask.unwrap_or_default();
        self.stream.extend(payload.iter().zip(key.iter().cycle()).map(|(byte, key)| byte ^ key));
    }
}
