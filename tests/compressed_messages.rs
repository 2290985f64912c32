//! Compressed messages there and back: whatever one end compresses and puts into frames, the other
//! reads and inflates to what it was, however the bytes come. And it is no secret between the two:
//! flate2 inflates each fragment as soon as it is there, and none refers farther back than was agreed
//! on.

#[path = "fuzz/compare/blocks.rs"]
mod blocks;

use blocks::{End, Measured};
use flate2::{Decompress, FlushDecompress};
use proptest::collection::vec;
use proptest::prelude::*;
use wspipe::wire::encode::{self, Head};
use wspipe::wire::{
    Agreement, Decoder, Deflate, Deflated, Event, Kind, Role, Violation, WINDOW_BITS, opcode,
};

/// What a sender leaves out at the end of a message (RFC 7692 section 7.2.1).
const TAIL: [u8; 4] = [0, 0, 0xff, 0xff];

/// A message, and where its fragments end.
#[derive(Clone, Debug)]
struct Message {
    kind: Kind,
    payload: Vec<u8>,
    /// Bytes of all fragments but the last.
    fragments: Vec<usize>,
    /// Whether a Ping comes after each fragment.
    pings: bool,
}

/// What the sender puts on the wire.
#[derive(Default)]
struct Sent {
    stream: Vec<u8>,
    /// The fragments of those messages that are compressed, with what they were.
    compressed: Vec<Vec<(Vec<u8>, Vec<u8>)>>,
}

impl Message {
    fn pieces(&self) -> Vec<&[u8]> {
        let mut rest = &self.payload[..];
        let mut pieces = Vec::new();
        for size in &self.fragments {
            let (piece, tail) = rest.split_at((*size).min(rest.len()));
            pieces.push(piece);
            rest = tail;
        }
        pieces.push(rest);
        pieces
    }
}

/// Puts the messages into frames as the session does.
fn send(messages: &[Message], deflate: &Deflate, role: Role, mask: [u8; 4]) -> Sent {
    let mask = (role == Role::Client).then_some(mask);
    let mut deflater = deflate.deflater(role);
    let mut sent = Sent::default();
    for message in messages {
        let pieces = message.pieces();
        let mut deflater =
            deflater.as_mut().filter(|deflater| deflater.is_for(pieces[0], pieces.len() == 1));
        let is_compressed = deflater.is_some();
        let mut fragments = Vec::new();
        for (number, piece) in pieces.iter().enumerate() {
            let (first, fin) = (number == 0, number == pieces.len() - 1);
            let opcode = match message.kind {
                _ if !first => opcode::CONTINUATION,
                Kind::Text => opcode::TEXT,
                Kind::Binary => opcode::BINARY,
            };
            let mut data = Vec::new();
            match &mut deflater {
                Some(deflater) => deflater.push(piece, fin, &mut data),
                None => data.extend_from_slice(piece),
            }
            let head = Head { fin, opcode, rsv1: first && is_compressed };
            encode::frame(&mut sent.stream, head, mask, &data);
            fragments.push((data, piece.to_vec()));
            if message.pings {
                let head = Head { fin: true, opcode: opcode::PING, rsv1: false };
                encode::frame(&mut sent.stream, head, mask, b"between");
            }
        }
        if is_compressed {
            sent.compressed.push(fragments);
        }
    }
    sent
}

/// What the other end makes of the stream, which comes in pieces of these sizes, over and over.
fn receive(
    stream: &[u8],
    cuts: &[usize],
    deflate: &Deflate,
    role: Role,
    limit: u64,
) -> Result<Vec<(Kind, Vec<u8>)>, Violation> {
    let mut decoder = Decoder::new(role, Some(limit)).with_deflate();
    let mut inflater = deflate.inflater(role, Some(limit));
    let (mut messages, mut message) = (Vec::new(), Vec::new());
    let mut take = |kind, piece: &[u8], last| {
        message.extend_from_slice(piece);
        if last {
            messages.push((kind, std::mem::take(&mut message)));
        }
    };
    let mut buffer = stream.to_vec();
    let (mut at, mut arrived) = (0, 0);
    for size in cuts.iter().cycle() {
        arrived = (arrived + size).min(stream.len());
        loop {
            let unread = &mut buffer[at..arrived];
            let step = decoder.step(unread)?;
            if let Some(Event::Data { kind, payload, last, .. }) = step.event.clone() {
                take(kind, &unread[payload], last);
            }
            if let Some(Deflated { kind, payload, last }) = step.deflated {
                let mut input = &unread[payload];
                loop {
                    let step = inflater.step(kind, input, last)?;
                    take(kind, &inflater.piece()[step.payload], step.done && last);
                    input = &input[step.consumed..];
                    if step.done {
                        break;
                    }
                }
            }
            at += step.consumed;
            if step.consumed == 0 {
                break;
            }
        }
        if arrived == stream.len() {
            break;
        }
    }
    assert_eq!(at, stream.len(), "all is read");
    Ok(messages)
}

/// Inflates data by flate2.
fn inflate(decompress: &mut Decompress, data: &[u8]) -> Vec<u8> {
    let before = decompress.total_in();
    let mut plain = Vec::with_capacity(1000);
    loop {
        let taken = (decompress.total_in() - before) as usize;
        let status = decompress.decompress_vec(&data[taken..], &mut plain, FlushDecompress::Sync);
        status.expect("it is DEFLATE");
        if plain.len() < plain.capacity() {
            return plain;
        }
        plain.reserve(plain.len());
    }
}

/// Checks the data of compressed messages without our inflater.
fn check(sent: &Sent, window_bits: u8, keeps_context: bool) {
    assert!(sent.compressed.is_empty() || WINDOW_BITS.contains(&window_bits));
    let mut decompress = Decompress::new(false);
    for fragments in &sent.compressed {
        let mut message = Vec::new();
        for (data, plain) in fragments {
            message.extend_from_slice(data);
            assert!(inflate(&mut decompress, data) == *plain, "a fragment brings something else");
        }
        assert!(inflate(&mut decompress, &TAIL).is_empty(), "the end brings something");
        let Measured { end, farthest } = blocks::measure(&message);
        assert_eq!(end, End::Flushed);
        assert!(farthest <= 1 << window_bits, "{farthest} is outside of the window");
        if !keeps_context {
            decompress.reset(false);
        }
    }
}

/// Characters of every length without any order, so that they can only be made shorter by referring to
/// where they were before.
fn noise() -> String {
    let mut state = 1_u32;
    let characters = (0..3000).map(|_| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let bits = [7, 7, 7, 11, 15, 16][(state >> 8) as usize % 6];
        char::from_u32(state >> 8 & ((1 << bits) - 1)).unwrap_or('?')
    });
    characters.collect()
}

/// What there is to compress: the same pieces of noise again and again, nearer and farther, and long
/// rows of one character.
fn payload() -> impl Strategy<Value = String> {
    let noise = noise();
    let piece = move |(begin, length, times): (usize, usize, usize)| {
        noise.chars().skip(begin * 50).take(length).collect::<String>().repeat(times)
    };
    let piece = prop_oneof![
        8 => (0usize..6, 0usize..700, 1usize..3).prop_map(piece.clone()),
        2 => (0usize..40, 0usize..2500, 1usize..10).prop_map(piece),
        1 => prop_oneof![1usize..300, 163_835usize..163_845, Just(1 << 17)].prop_map(|n| "x".repeat(n)),
    ];
    vec(piece, 0..5).prop_map(|pieces| pieces.concat())
}

fn message() -> impl Strategy<Value = Message> {
    let kind = prop_oneof![Just(Kind::Text), Just(Kind::Binary)];
    let size = prop_oneof![Just(0usize), 1usize..20, 20usize..5000];
    (kind, payload(), vec(size, 0..5), any::<bool>()).prop_map(
        |(kind, payload, fragments, pings)| {
            let mut payload = payload.into_bytes();
            if kind == Kind::Binary {
                payload.iter_mut().for_each(|byte| *byte = byte.wrapping_mul(7));
            }
            Message { kind, payload, fragments, pings }
        },
    )
}

fn deflate() -> impl Strategy<Value = Deflate> {
    let bits = || 8..=*WINDOW_BITS.end();
    let agreement =
        (any::<(bool, bool)>(), bits(), bits()).prop_map(|(alone, client, server)| Agreement {
            client_no_context_takeover: alone.0,
            server_no_context_takeover: alone.1,
            client_max_window_bits: client,
            server_max_window_bits: server,
        });
    let min_size = prop_oneof![Just(0usize), 1usize..1000];
    (agreement, 0u32..=9, min_size).prop_map(|(agreement, level, min_size)| Deflate {
        agreement,
        level,
        min_size,
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_one_end_compresses_the_other_reads_as_it_was(
        messages in vec(message(), 0..6),
        deflate in deflate(),
        role in prop_oneof![Just(Role::Client), Just(Role::Server)],
        mask in any::<[u8; 4]>(),
        cuts in vec(prop_oneof![1usize..10, 1usize..3000, Just(usize::MAX >> 1)], 1..5),
    ) {
        let agreement = deflate.agreement;
        let (other, window_bits, alone) = match role {
            Role::Client => {
                let Agreement { client_max_window_bits: bits, .. } = agreement;
                (Role::Server, bits, agreement.client_no_context_takeover)
            }
            Role::Server => {
                let Agreement { server_max_window_bits: bits, .. } = agreement;
                (Role::Client, bits, agreement.server_no_context_takeover)
            }
        };
        let expected: Vec<_> =
            messages.iter().map(|Message { kind, payload, .. }| (*kind, payload.clone())).collect();
        let longest = expected.iter().map(|(_, payload)| payload.len()).max().unwrap_or(0);
        let sent = send(&messages, &deflate, role, mask);
        let received = receive(&sent.stream, &cuts, &deflate, other, longest as u64);
        prop_assert!(received.as_ref() == Ok(&expected), "{:?}", received.map(|_| "something else"));
        check(&sent, window_bits, !alone);
    }
}
