//! The decoder held against tungstenite's as the fuzzer does it (`tests/fuzz`), without the fuzzer:
//! a quick look in every test run, over streams that a few random bytes stand for.

#[path = "fuzz/compare/mod.rs"]
mod compare;

use compare::{case, compare};
use proptest::collection::vec;
use proptest::prelude::*;

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 10_000,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn both_decoders_hear_the_same(input in vec(any::<u8>(), 0..100)) {
        compare(&case(&input, false));
    }
}

/// Inputs of which mostly good streams are built, so that there is something to be inflated.
fn choices() -> impl Strategy<Value = Vec<u8>> {
    let flags = prop_oneof![4 => 0u8..2, 2 => any::<u8>()];
    let choice = prop_oneof![4 => 0u8..0x20, 3 => 0u8..0x80, 2 => any::<u8>()];
    (flags, vec(choice, 0..200)).prop_map(|(flags, rest)| [&[flags], &rest[..]].concat())
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 1_000,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn both_hear_the_same_where_messages_are_compressed(input in choices()) {
        compare(&case(&input, true));
    }
}

/// How a client reads exactly these bytes, all at once.
fn difference(stream: &[u8]) -> Option<&'static str> {
    compare(&case(&[b"\xe0\0\0", stream].concat(), false))
}

#[test]
fn the_known_differences_are_still_there_and_their_neighbours_are_none() {
    let different: [(&str, &[&[u8]]); 7] = [
        (
            "a length that is not in its shortest form",
            &[b"\x82\x7e\0\x01a", b"\x82\x7e\0\x7d", b"\x82\x7f\0\0\0\0\0\0\xff\xff"],
        ),
        ("a control frame with a short length in a longer form", &[b"\x89\x7e\0\x01a"]),
        ("a length of 2^63 or more", &[b"\x82\x7f\x80\0\0\0\0\0\0\0"]),
        (
            "a frame that is too long for this comparison",
            &[b"\x82\x7f\x7f\xff\xff\xff\xff\xff\xff\xff", b"\x89\x7f\x80\0\0\0\0\0\0\0"],
        ),
        ("a Close with an invalid code", &[b"\x88\x02\x03\xec", b"\x88\x03\x03\xed\xff"]),
        ("a Close with the code 1014", &[b"\x88\x05\x03\xf6bad"]),
        ("reserved bits beside another fault of the header", &[b"\xb3\0", b"\xcb\x05a"]),
    ];
    for (name, streams) in different {
        for stream in streams {
            assert_eq!(difference(stream), Some(name), "{}", stream.escape_ascii());
        }
    }
    // A mask bit taken for a part of the length would find enough bytes here.
    let masked = [&b"\x82\x80"[..], &[0; 200]].concat();
    let same: [&[u8]; 9] = [
        &masked,
        b"\x82\x7e\0\x7e",
        b"\x82\x7f\0\0\0\0\0\x01\0\0",
        b"\x89\x7e\0\x7e",
        b"\x88\x02\x03\xf5",
        b"\x88\x03\x03\xf6\xff",
        b"\x88\x01\x03",
        b"\xc1\0",
        b"\x01\x02\xe2\x82\x89\0\x80\x01\x28",
    ];
    for stream in same {
        assert_eq!(difference(stream), None, "{}", stream.escape_ascii());
    }
}

/// How a client reads exactly these bytes where messages may be compressed and refer to those before
/// them.
fn difference_where_compressed(stream: &[u8]) -> Option<&'static str> {
    difference_in_context(0, stream)
}

/// The same, with no messages to refer to if `context` is 1.
fn difference_in_context(context: u8, stream: &[u8]) -> Option<&'static str> {
    compare(&case(&[&[0xe0, context, 0, 0], stream].concat(), true))
}

#[test]
fn the_known_differences_in_what_is_compressed_are_still_there_and_their_neighbours_are_none() {
    let different: [(&str, &[&[u8]]); 2] = [
        (
            "a compressed message that is cut off",
            &[
                b"\xc1\0",
                b"\xc1\x02\xf2\x48",
                b"\xc1\x06\0\x05\0\xfa\xffH",
                b"\xc2\x06\0\x05\0\xfa\xffH",
                b"\x41\x06\0\x05\0\xfa\xffH\x80\0",
                // What the sender must leave out, and a block that wants it for what it holds.
                b"\xc1\x05\0\0\0\xff\xff",
                b"\xc2\x05\0\x04\0\xfb\xff",
                // Half a character is not what is wrong with it.
                b"\xc1\x06\0\x01\0\xfe\xff\xe2",
                // Nothing behind a final block is as little as nothing elsewhere.
                b"\xc1\x02\x03\0\xc1\0",
            ],
        ),
        ("a compressed message that is cut off in the tables of a block", &[b"\xc2\x02\x04\0"]),
    ];
    for (name, streams) in different {
        for stream in streams {
            let found = difference_where_compressed(stream);
            assert_eq!(found, Some(name), "{}", stream.escape_ascii());
        }
    }
    let same: [&[u8]; 12] = [
        b"\xc1\x07\xf2\x48\xcd\xc9\xc9\x07\0\xc1\x05\xf2\0\x11\0\0",
        b"\x41\x03\xf2\x48\xcd\x89\0\x80\x04\xc9\xc9\x07\0",
        b"\xc1\x07\xf3\x48\xcd\xc9\xc9\x07\0\xc1\x05\xf2\0\x11\0\0",
        b"\xc1\x08\xf3\x48\xcd\xc9\xc9\x07\0\0\xc1\x05\xf2\0\x11\0\0",
        b"\xc1\x01\0\xc1\x01\0",
        // The empty block that is left out may be a final one.
        b"\xc1\x07\xf2\x48\xcd\xc9\xc9\x07\x04\xc1\x05\xf2\0\x11\0\0",
        b"\xc1\x01\x01",
        b"\xc1\x05\xf2\0\x11\0\0",
        b"\xc1\x07\0\x01\0\xfe\xff\xe2\0",
        b"\x41\x03\xf2\x48\xcd\xc0\x04\xc9\xc9\x07\0",
        b"\x41\x01\0\x80\0\xc1\x01\0",
        b"\xc9\0",
    ];
    for stream in same {
        assert_eq!(difference_where_compressed(stream), None, "{}", stream.escape_ascii());
    }
}

/// Blocks of so many bytes, as they are, the last of them final or not (RFC 1951 section 3.2.4).
fn stored(length: usize, is_final: bool) -> Vec<u8> {
    let bytes: Vec<_> = (0..length).map(|at| (at % 251) as u8).collect();
    let (first, last) = bytes.split_at(length.saturating_sub(1) / 65535 * 65535);
    let blocks = first.chunks(65535).map(|bytes| (false, bytes)).chain([(is_final, last)]);
    let block = |(is_final, bytes): (bool, &[u8])| {
        let length = bytes.len() as u16;
        [&[is_final.into()][..], &length.to_le_bytes(), &(!length).to_le_bytes(), bytes].concat()
    };
    blocks.flat_map(block).collect()
}

/// A compressed message in one frame.
fn compressed(data: &[u8]) -> Vec<u8> {
    let length = data.len() as u64;
    match length {
        0..126 => [&[0xc2, length as u8], data].concat(),
        126..65536 => [&[0xc2, 126], &(length as u16).to_be_bytes()[..], data].concat(),
        _ => [&[0xc2, 127], &length.to_be_bytes()[..], data].concat(),
    }
}

#[test]
fn behind_a_final_block_a_message_refers_back_as_far_as_ever() {
    // A block of 3 bytes from 32768 bytes before.
    let far = b"\x02\xde\xff\x0f\0";
    // With enough before it to fill the inflater's buffer within the next message or at its end.
    for before in [0, 30_000, 100_000, 160 * 1024] {
        for length in [0, 1, 32_766, 32_767, 32_768, 65_535, 100_000, 170_000] {
            for (context, is_final) in [(0, false), (0, true), (1, false), (1, true)] {
                let before = [&stored(before, is_final)[..], b"\0"].concat();
                let message = [&stored(length, is_final)[..], b"\0"].concat();
                let within = [&stored(length, is_final)[..], far].concat();
                for messages in [[&message[..], far], [&within, far]] {
                    let stream = messages.map(compressed).concat();
                    let stream = [compressed(&before), stream].concat();
                    assert_eq!(difference_in_context(context, &stream), None, "{length}");
                }
            }
        }
    }
}

#[test]
fn what_is_wrong_with_a_compressed_text_that_is_too_long_depends_on_how_it_comes() {
    // Up to 3 bytes, and reads of so many.
    let read_by = |cut: u8| {
        let stream = b"\xc1\x0b\0\x05\0\xfa\xff\xffabcd\0";
        compare(&case(&[b"\xe2\0\x03\0", &[cut - 1][..], stream].concat(), true))
    };
    assert_eq!(read_by(8), Some("a compressed text that is too long and not UTF-8 either"));
    assert_eq!(read_by(13), None);
}
