//! What a session has counted, in words: for the end of a run with `-v`, and for whoever asks while it
//! runs. It adds nothing up and knows no clock.

use std::time::Duration;

use crate::figures::{Compression, Figures, Flow, RoundTrips};

/// What each unit of bytes is of the one before it.
const KIBI: f64 = 1024.0;
/// The same of a count.
const KILO: f64 = 1000.0;

/// A line for each way, and for what else there is to say.
pub fn statistics(figures: &Figures) -> Vec<String> {
    let Figures { open, received, sent, longest_silence, round_trips, compression } = figures;
    let (open_for, silence) = (time(*open), time(*longest_silence));
    let rates = |flow: &Flow| match flow.is_nothing() {
        true => String::new(),
        false => format!(" ({})", rates(flow, *open)),
    };
    let mut lines = vec![
        format!(
            "received: {} in {open_for}{}, longest silence {silence}",
            amount(received),
            rates(received)
        ),
        format!("sent: {}{}", amount(sent), rates(sent)),
    ];
    lines.extend(round_trips.as_ref().map(pings));
    lines.extend(compression.as_ref().and_then(on_the_wire));
    lines
}

/// What compression has brought: bytes on the wire, with frame headers and all, of bytes of payload;
/// none without a byte of payload.
pub fn on_the_wire(compression: &Compression) -> Option<String> {
    let ways = [(compression.received, "received"), (compression.sent, "sent")];
    let parts = ways.into_iter().filter(|(bytes, _)| bytes.payload > 0);
    let parts: Vec<_> = parts
        .map(|(bytes, word)| {
            let (wire, payload) = (bytes.wire, bytes.payload);
            let percent = wire as f64 * 100.0 / payload as f64;
            format!("{wire} of {payload} bytes {word} ({percent:.1}%)")
        })
        .collect();
    if parts.is_empty() { None } else { Some(format!("on the wire {}", parts.join(", "))) }
}

/// Messages and bytes.
pub fn amount(flow: &Flow) -> String {
    if flow.is_nothing() {
        return "nothing".to_owned();
    }
    let plural = if flow.messages == 1 { "" } else { "s" };
    let bytes = match flow.bytes {
        few @ 0..1024 => format!("{few} B"),
        bytes => in_units(bytes as f64, KIBI, &BYTES),
    };
    format!("{} message{plural}, {bytes}", flow.messages)
}

fn rates(flow: &Flow, open: Duration) -> String {
    let a_second = |count: u64| {
        // A session that was open for no time has no rate.
        if open.is_zero() { 0.0 } else { count as f64 / open.as_secs_f64() }
    };
    let messages = in_units(a_second(flow.messages), KILO, &["", "k", "M", "G"]);
    let bytes = in_units(a_second(flow.bytes), KIBI, &BYTES);
    format!("{messages} messages/s, {bytes}/s")
}

fn pings(trips: &RoundTrips) -> String {
    let milliseconds = |time: Duration| format!("{:.2} ms", time.as_secs_f64() * 1000.0);
    let [min, median, p99] = [trips.min, trips.median, trips.p99].map(milliseconds);
    format!("round trips: {}, min {min}, median {median}, p99 {p99}", trips.count)
}

const BYTES: [&str; 4] = [" B", " KiB", " MiB", " GiB"];

/// A number with one decimal, in the largest unit of which there is one.
fn in_units(number: f64, factor: f64, units: &[&str]) -> String {
    let mut number = number;
    let mut unit = 0;
    // What one decimal would round up to the next unit is in that one.
    while number >= factor - 0.05 && unit + 1 < units.len() {
        number /= factor;
        unit += 1;
    }
    format!("{number:.1}{}", units[unit])
}

fn time(time: Duration) -> String {
    let seconds = time.as_secs_f64();
    if seconds < 0.99995 {
        format!("{:.1} ms", seconds * 1000.0)
    } else {
        format!("{seconds:.1} s")
    }
}

impl Flow {
    fn is_nothing(&self) -> bool {
        *self == Flow::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::figures::Squeezed;

    fn figures(open: Duration, received: (u64, u64), sent: (u64, u64)) -> Figures {
        let flow = |(messages, bytes)| Flow { messages, bytes };
        let (received, sent) = (flow(received), flow(sent));
        Figures { open, received, sent, longest_silence: open * 6 / 10, ..Figures::default() }
    }

    #[test]
    fn each_way_has_a_line_with_its_rates() {
        let seconds = Duration::from_secs;
        let cases = [
            (
                figures(seconds(2), (3, 15), (3, 15)),
                [
                    "received: 3 messages, 15 B in 2.0 s (1.5 messages/s, 7.5 B/s), longest silence 1.2 s",
                    "sent: 3 messages, 15 B (1.5 messages/s, 7.5 B/s)",
                ],
            ),
            (
                figures(seconds(10), (1, 0), (0, 0)),
                [
                    "received: 1 message, 0 B in 10.0 s (0.1 messages/s, 0.0 B/s), longest silence 6.0 s",
                    "sent: nothing",
                ],
            ),
            (
                figures(Duration::from_micros(1500), (0, 0), (1, 1023)),
                [
                    "received: nothing in 1.5 ms, longest silence 0.9 ms",
                    "sent: 1 message, 1023 B (666.7 messages/s, 666.0 KiB/s)",
                ],
            ),
            (
                figures(seconds(1), (26_352_214, 5 << 30), (1000, 1024)),
                [
                    "received: 26352214 messages, 5.0 GiB in 1.0 s (26.4M messages/s, 5.0 GiB/s), longest silence 600.0 ms",
                    "sent: 1000 messages, 1.0 KiB (1.0k messages/s, 1.0 KiB/s)",
                ],
            ),
            (
                figures(seconds(1000), (1, (1 << 20) - 1), (0, 5000 << 30)),
                [
                    "received: 1 message, 1.0 MiB in 1000.0 s (0.0 messages/s, 1.0 KiB/s), longest silence 600.0 s",
                    "sent: 0 messages, 5000.0 GiB (0.0 messages/s, 5.0 GiB/s)",
                ],
            ),
            (
                figures(Duration::ZERO, (1, 1), (0, 0)),
                [
                    "received: 1 message, 1 B in 0.0 ms (0.0 messages/s, 0.0 B/s), longest silence 0.0 ms",
                    "sent: nothing",
                ],
            ),
        ];
        for (figures, expected) in cases {
            assert_eq!(statistics(&figures), expected);
        }
    }

    #[test]
    fn round_trips_and_compression_have_one_where_there_are_any() {
        let micros = Duration::from_micros;
        let trips =
            RoundTrips { count: 5, min: micros(212), median: micros(300), p99: micros(1_203_456) };
        let compression = Compression {
            received: Squeezed { wire: 1751, payload: 3892 },
            sent: Squeezed { wire: 1846, payload: 3892 },
        };
        let quiet = figures(micros(1), (0, 0), (0, 0));
        let both = Figures { round_trips: Some(trips), compression: Some(compression), ..quiet };
        assert_eq!(
            statistics(&both)[2..],
            [
                "round trips: 5, min 0.21 ms, median 0.30 ms, p99 1203.46 ms",
                "on the wire 1751 of 3892 bytes received (45.0%), 1846 of 3892 bytes sent (47.4%)",
            ]
        );
        let idle = Squeezed { wire: 6, payload: 0 };
        let cases = [
            (Compression { received: idle, sent: idle }, None),
            (
                Compression { received: idle, ..compression },
                Some("on the wire 1846 of 3892 bytes sent (47.4%)"),
            ),
        ];
        for (compression, expected) in cases {
            assert_eq!(on_the_wire(&compression).as_deref(), expected);
            let figures = Figures { compression: Some(compression), ..quiet };
            assert_eq!(statistics(&figures).get(2).map(String::as_str), expected);
        }
    }
}
