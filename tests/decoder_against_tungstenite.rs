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
        compare(&case(&input));
    }
}

/// How a client reads exactly these bytes, all at once.
fn difference(stream: &[u8]) -> Option<&'static str> {
    compare(&case(&[b"\xe0\0\0", stream].concat()))
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
