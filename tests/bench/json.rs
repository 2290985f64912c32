//! Messages that compress as real traffic does: JSON with the same names in each record, and numbers
//! that differ as they do there: a clock, values around a mean, a few words, identifiers with no order.

use std::fmt::Write as _;

/// Up to this size a message is a reading of a sensor; a larger one is a list of lines of a log, each
/// longer than this.
const SHORT: usize = 128;

/// Appends `size` bytes of JSON, cut where they end: no program looks into it. What has another
/// `number` is different.
pub fn message(number: u64, size: usize, out: &mut Vec<u8>) {
    let mut text = String::with_capacity(size + 2 * SHORT);
    if size <= SHORT {
        reading(number, &mut text);
    } else {
        text.push('[');
        let lines = (size / SHORT) as u64 + 1;
        for id in number * lines..(number + 1) * lines {
            if text.len() < size {
                line(id, &mut text);
            }
        }
    }
    out.extend_from_slice(&text.as_bytes()[..size]);
}

/// What a sensor sends: 64 bytes.
fn reading(id: u64, text: &mut String) {
    let (time, mut random) = (FIRST + id * 37, id);
    let (sensor, value) = (below(400, &mut random), 20_000 + below(3000, &mut random));
    let (whole, part) = (value / 1000, value % 1000);
    let values = format_args!(r#""sensor":"t-{sensor:03}","value":{whole}.{part:03},"ok":true"#);
    push(text, format_args!(r#"{{"time":{time},{values}}}"#));
}

/// What a web server writes down of a request: some 190 bytes.
fn line(id: u64, text: &mut String) {
    let (time, mut random) = (FIRST + id * 11, id);
    let mut below = |bound| below(bound, &mut random);
    let host = below(12);
    push(text, format_args!(r#"{{"time":{time},"level":"info","host":"web-{host:02}","#));
    let method = ["GET", "GET", "GET", "POST", "PUT"][below(5) as usize];
    let path = ["orders", "items", "users", "search", "basket"][below(5) as usize];
    let (item, status) = (below(100_000), [200, 200, 200, 201, 304, 404][below(6) as usize]);
    push(text, format_args!(r#""method":"{method}","path":"/api/{path}/{item}","#));
    let (whole, part, bytes, user) = (below(90), below(1000), below(20_000), below(100_000));
    push(text, format_args!(r#""status":{status},"duration_ms":{whole}.{part:03},"#));
    let trace = mix(id);
    push(text, format_args!(r#""bytes":{bytes},"user":"u-{user:05}","trace":"{trace:016x}"}},"#));
}

fn push(text: &mut String, what: std::fmt::Arguments) {
    text.write_fmt(what).expect("a String takes everything");
}

/// A time in milliseconds, from which clocks go on.
const FIRST: u64 = 1_764_000_000_000;

/// Some number below this.
fn below(bound: u64, random: &mut u64) -> u64 {
    *random = mix(*random);
    *random % bound
}

/// A number in which nobody finds the one it is made of (SplitMix64).
fn mix(number: u64) -> u64 {
    let mut mixed = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}
