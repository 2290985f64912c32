//! The same as `decoder` where messages may be compressed: what our decoder and inflater make of
//! them held against what flate2 inflates at once and tungstenite reads.

#![no_main]

#[path = "../compare/mod.rs"]
mod compare;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    compare::compare(&compare::case(input, true));
});
