//! Input cut into messages: they are the same whatever blocks it comes in, nothing of it is lost, and so
//! is what becomes of them on the way to the network.
//!
//! The first bytes say what a message is and how large the blocks are, the rest is the input.

#![no_main]

use std::convert::Infallible;

use libfuzzer_sys::fuzz_target;
use wspipe::codec::Codec;
use wspipe::input::framing::{Framing, Splitter, Truncated};
use wspipe::input::{InputError, Messages, Outgoing, Shape};
use wspipe::record::Taken;
use wspipe::wire::{Close, Kind, RawFrame};

const DELIMITERS: [&str; 8] = ["\0", "\n", "--", "aab", "aa", "\r\n", "€", "abcabcabd"];

/// Bytes of the longest record that is taken.
const LIMIT: usize = 200;

fuzz_target!(|input: &[u8]| {
    let Some((&[framing, size, flags, cuts], rest)) = input.split_first_chunk() else { return };
    let Some((cuts, input)) = rest.split_at_checked(usize::from(cuts & 0x0f) + 1) else { return };
    let framing = match framing & 0x07 {
        0 => Framing::Delimiter(DELIMITERS[usize::from(size & 0x07)].into()),
        1 => Framing::Whole,
        2 => Framing::Chunk(usize::from(size) + 1),
        3 => Framing::Chunk(usize::from(size & 0x07) + 1),
        4 => Framing::Stream,
        5 => Framing::LengthPrefixed,
        _ => Framing::Lines,
    };
    let blocks = blocks(input, cuts);
    let is_text = flags & 0x01 != 0;
    loses_nothing(&framing, is_text, input, &blocks);

    let kind = if is_text { Kind::Text } else { Kind::Binary };
    let decode = [None, None, Some(Codec::Hex), Some(Codec::Base64)][usize::from(flags >> 1 & 3)];
    let taken = Taken { raw_frames: flags & 0x10 != 0, ..Taken::default() };
    let shape = match flags & 0x08 {
        0 => Shape::Payloads { framing, kind, decode },
        _ => Shape::Records { taken, limit: LIMIT },
    };
    is_sent_the_same(&shape, input, &blocks);
});

/// The input in blocks of these sizes, over and over. An empty block would be the end.
fn blocks<'a>(mut input: &'a [u8], cuts: &[u8]) -> Vec<&'a [u8]> {
    let mut blocks = Vec::new();
    for cut in cuts.iter().cycle() {
        if input.is_empty() {
            break;
        }
        let (block, rest) = input.split_at((usize::from(*cut) + 1).min(input.len()));
        blocks.push(block);
        input = rest;
    }
    blocks
}

type Cut = (Vec<Vec<u8>>, Option<Truncated>);

fn cut(framing: &Framing, is_text: bool, blocks: &[&[u8]]) -> Cut {
    let mut splitter = Splitter::new(framing.clone(), is_text);
    let (mut messages, mut open) = (Vec::new(), Vec::new());
    let mut take = |piece: &[u8], ends: bool| {
        open.extend_from_slice(piece);
        if ends {
            messages.push(std::mem::take(&mut open));
        }
        Ok::<(), Infallible>(())
    };
    for block in blocks {
        let Ok(()) = splitter.push(block, &mut take);
    }
    let Ok(truncated) = splitter.finish(&mut take);
    assert!(truncated.is_some() || open.is_empty(), "a message has no end");
    (messages, truncated)
}

fn loses_nothing(framing: &Framing, is_text: bool, input: &[u8], blocks: &[&[u8]]) {
    let all_cut = cut(framing, is_text, blocks);
    let at_once = cut(framing, is_text, &[input]);
    if *framing != Framing::Stream {
        assert_eq!(all_cut, at_once, "{framing:?} of {}", input.escape_ascii());
    }
    for (messages, truncated) in [&all_cut, &at_once] {
        let is_all = gives_back(framing, input, messages, *truncated);
        assert!(is_all, "{framing:?} of {}: {messages:?}", input.escape_ascii());
    }
    let cuts_no_character = matches!(framing, Framing::Chunk(_) | Framing::Stream);
    if is_text && cuts_no_character && str::from_utf8(input).is_ok() {
        let all = all_cut.0.iter().chain(&at_once.0);
        all.for_each(|message| assert!(str::from_utf8(message).is_ok(), "{framing:?}"));
    }
}

/// Whether the messages, put together again, are the input.
fn gives_back(
    framing: &Framing,
    input: &[u8],
    messages: &[Vec<u8>],
    truncated: Option<Truncated>,
) -> bool {
    let with_end = |end: &[u8]| {
        messages.iter().flat_map(|message| [&message[..], end]).collect::<Vec<_>>().concat()
    };
    match framing {
        Framing::Whole => messages.len() == 1 && messages[0] == input,
        Framing::Chunk(_) | Framing::Stream => messages.concat() == input,
        Framing::Delimiter(end) => {
            let all = with_end(end);
            all == input || all.strip_suffix(&end[..]) == Some(input) && !messages.is_empty()
        }
        Framing::Lines => {
            let bare = |line: &[u8]| line.strip_suffix(b"\r").unwrap_or(line).to_vec();
            let mut lines: Vec<_> = input.split(|byte| *byte == b'\n').map(bare).collect();
            // What follows the last newline is a line as it is, if there is anything.
            let last = input.rsplit(|byte| *byte == b'\n').next().unwrap_or_default();
            lines.pop();
            lines.extend((!last.is_empty()).then(|| last.to_vec()));
            lines == messages
        }
        Framing::LengthPrefixed => {
            let prefixed =
                |message: &Vec<u8>| [&(message.len() as u32).to_be_bytes()[..], message].concat();
            let all: Vec<_> = messages.iter().flat_map(prefixed).collect();
            input.starts_with(&all) && truncated.is_some() == (all.len() < input.len())
        }
    }
}

/// What is told to the network, fragments put together.
#[derive(Debug, Default, PartialEq)]
struct Sent {
    all: Vec<Item>,
    open: Option<(Kind, Vec<u8>)>,
}

#[derive(Debug, PartialEq)]
enum Item {
    Message(Kind, Vec<u8>),
    Ping(Vec<u8>),
    Pong(Vec<u8>),
    Frame(RawFrame),
    Close(Option<Close>),
}

impl Outgoing for Sent {
    fn data(&mut self, kind: Kind, payload: &[u8], first: bool, last: bool) {
        assert_eq!(first, self.open.is_none(), "a message begins where none is open");
        let (_, message) = self.open.get_or_insert((kind, Vec::new()));
        message.extend_from_slice(payload);
        if last {
            self.all.extend(self.open.take().map(|(kind, message)| Item::Message(kind, message)));
        }
    }

    fn ping(&mut self, payload: &[u8]) {
        self.all.push(Item::Ping(payload.into()));
    }

    fn pong(&mut self, payload: &[u8]) {
        self.all.push(Item::Pong(payload.into()));
    }

    fn frame(&mut self, frame: &RawFrame) {
        self.all.push(Item::Frame(frame.clone()));
    }

    fn close(&mut self, close: Option<Close>) {
        self.all.push(Item::Close(close));
    }
}

fn sent(shape: &Shape, blocks: &[&[u8]]) -> (Sent, Option<InputError>) {
    let mut messages = Messages::new("stdin", shape.clone());
    let mut sent = Sent::default();
    let pushed = blocks.iter().try_for_each(|block| messages.push(block, &mut sent));
    let error = pushed.and_then(|()| messages.finish(&mut sent)).err();
    (sent, error)
}

fn is_sent_the_same(shape: &Shape, input: &[u8], blocks: &[&[u8]]) {
    let (all_cut, at_once) = (sent(shape, blocks), sent(shape, &[input]));
    let is_stream = matches!(shape, Shape::Payloads { framing: Framing::Stream, .. });
    if !is_stream {
        assert_eq!(all_cut, at_once, "{shape:?} of {}", input.escape_ascii());
    }
    for (sent, error) in [all_cut, at_once] {
        assert!(error.is_some() || sent.open.is_none(), "{shape:?} of {}", input.escape_ascii());
        for item in sent.all {
            let Item::Message(kind, payload) = item else { continue };
            assert!(kind == Kind::Binary || str::from_utf8(&payload).is_ok(), "{shape:?}");
        }
    }
}
