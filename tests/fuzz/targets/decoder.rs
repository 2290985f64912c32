//! wspipe's decoder held against tungstenite's: both hear the same messages, or both refuse the
//! same frame. What is compared, and what may differ, is in `compare`.

#![no_main]

#[path = "../compare/mod.rs"]
mod compare;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    compare::compare(&compare::case(input, false));
});
