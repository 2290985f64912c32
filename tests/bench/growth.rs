//! How cost grows: the same streams with 10, 100 and 1,000 times the messages, and with messages of
//! 10, 100 and 1,000 times the size.

use crate::Bench;
use crate::pattern::{Content, Kind};
use crate::rows::{Manner, Over, Run, Stream, Through, Way, size_name};
use crate::table::{self, markdown, median};
use crate::tools::{Name, Tool};

/// Messages and sizes are multiplied by these.
const TIMES: [u64; 4] = [1, 10, 100, 1000];
/// The number of messages that is multiplied.
const COUNT: u64 = 100_000;
/// The size that is multiplied, until it is too large to be held, and how many bytes are moved of
/// each.
const SIZE: u64 = 2 << 10;
const VOLUME: u64 = 256 << 20;
/// A cost that is so much above that of a smaller job has grown.
const FLAT: f64 = 1.25;

/// Runs it and gives the table.
pub fn table(bench: &Bench) -> anyhow::Result<String> {
    let wspipe = bench.tools.iter().find(|tool| tool.name == Name::Wspipe);
    let (Some(wspipe), false, true) = (wspipe, bench.quick, bench.wants("growth")) else {
        return Ok(String::new());
    };
    let mut rows = Vec::new();
    for (way, through) in [(Way::Receive, Through::Pipe), (Way::Send, Through::Pipe)] {
        for kind in [Kind::Text, Kind::Binary] {
            let by_count = |times: u64| (64, COUNT * times);
            let name = format!("{COUNT} messages of 64 B, {}, CPU a message", way_of(way, kind));
            rows.push(row(bench, wspipe, name, (way, kind, through), by_count, |_, count| count)?);
            let by_size = |times: u64| (SIZE * times, (VOLUME / (SIZE * times)).max(1));
            let (volume, size) = (size_name(VOLUME), size_name(SIZE));
            let name = format!("{volume} in messages of {size}, {}, CPU a KiB", way_of(way, kind));
            rows.push(row(bench, wspipe, name, (way, kind, through), by_size, |size, count| {
                size * count / 1024
            })?);
        }
    }
    let head = ["wspipe, start-up taken off", "× 1", "× 10", "× 100", "× 1000", "flat"];
    Ok(format!("## Growth\n\n{}\n", markdown(&head, &rows)))
}

fn way_of(way: Way, kind: Kind) -> String {
    format!("{} {}", kind.name(), if way == Way::Receive { "in" } else { "out" })
}

fn row(
    bench: &Bench,
    tool: &Tool,
    name: String,
    (way, kind, through): (Way, Kind, Through),
    job: impl Fn(u64) -> (u64, u64),
    units: impl Fn(u64, u64) -> u64,
) -> anyhow::Result<Vec<String>> {
    let cpu = |size: u64, count: u64| -> anyhow::Result<f64> {
        let (content, over) = (Content::Noise, Over::Tcp);
        let stream = Stream { way, kind, size: size as usize, content, through, over };
        let mut runs: Vec<Run> = Vec::new();
        for _ in 0..bench.repeats {
            runs.extend(stream.run(bench, tool, count, Manner::Fast)?);
        }
        Ok(median(runs.iter().map(|run| run.used.cpu as f64)).unwrap_or(0.0))
    };
    let start_up = cpu(64, 1)?;
    let mut cells = vec![name];
    let (mut least, mut grown) = (f64::INFINITY, Vec::new());
    for times in TIMES {
        let (size, count) = job(times);
        let cost = (cpu(size, count)? - start_up).max(0.0) / units(size, count) as f64;
        cells.push(table::time(cost));
        if cost > FLAT * least {
            grown.push(format!("× {times}"));
        }
        least = least.min(cost);
    }
    cells.push(if grown.is_empty() { "yes".into() } else { format!("no: {}", grown.join(", ")) });
    eprintln!("{}", cells.join("  "));
    Ok(cells)
}
