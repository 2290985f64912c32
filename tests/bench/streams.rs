//! Streams of messages: the rate, the processor time a message, and the peak memory of each.

use crate::Bench;
use crate::pattern::{Content, Kind};
use crate::rows::{Manner, Over, Run, Stream, Through, Way};
use crate::table::{self, markdown, median, ratio};
use crate::tools::{Name, Tool};

/// Payload bytes that a fast program moves in one run.
const VOLUME: u64 = 512 << 20;
/// Nanoseconds that a run of a slower program is to take.
const BUDGET: f64 = 4e8;
/// Payload bytes of which each is looked at, and of those that slow programs are given.
const CHECKED: u64 = 16 << 20;
const CHECKED_OF_PEERS: u64 = 1 << 20;

/// All runs of one row.
struct Row {
    stream: Stream,
    results: Vec<(Name, Vec<Run>)>,
    problems: Vec<(Name, String)>,
}

/// The rows.
fn streams(quick: bool) -> Vec<Stream> {
    let sizes: &[usize] = if quick { &[64, 64 << 10] } else { &[64, 1 << 10, 64 << 10, 1 << 20] };
    let mut streams = Vec::new();
    for way in [Way::Receive, Way::Send] {
        for &size in sizes {
            for kind in [Kind::Text, Kind::Binary] {
                for through in [Through::Null, Through::File, Through::Pipe] {
                    let for_output = through == Through::Null;
                    let left_out = quick && (through == Through::File || kind == Kind::Binary);
                    if !(left_out || way == Way::Send && for_output) {
                        let (content, over) = (Content::Noise, Over::Tcp);
                        streams.push(Stream { way, kind, size, content, through, over });
                    }
                }
            }
        }
    }
    streams.into_iter().flat_map(with_wss).collect()
}

/// The stream, and beside it the same over TLS, for one size and kind.
fn with_wss(stream: Stream) -> Vec<Stream> {
    let straight = stream.through == Through::Null || stream.way == Way::Send;
    if stream.size == 64 && stream.kind == Kind::Text && straight {
        vec![stream, Stream { over: Over::Tls, ..stream }]
    } else {
        vec![stream]
    }
}

/// The rows with compression: text as traffic has it.
fn compressed(quick: bool) -> Vec<Stream> {
    let (kind, content, over) = (Kind::Text, Content::Json, Over::Tcp);
    let mut streams = Vec::new();
    for (way, places) in [
        (Way::Receive, [Through::Null, Through::File]),
        (Way::Send, [Through::File, Through::Pipe]),
    ] {
        for size in [64, 1 << 10, 64 << 10] {
            let on = |through| Stream { way, kind, size, content, through, over };
            streams.extend(places.map(on));
        }
    }
    streams.truncate(if quick { 1 } else { streams.len() });
    streams
}

/// A number of each program that has a table of its own: what it is, where it is, how it is shown.
type Figure = (&'static str, fn(&Run) -> f64, fn(f64) -> String);

/// What is told of all streams.
const FIGURES: [Figure; 3] = [
    ("messages a second", Run::rate, table::rate),
    ("CPU a message", Run::cpu, table::time),
    ("peak MiB", |run| run.used.memory as f64, |bytes| table::memory(bytes as u64)),
];
/// What is told besides where the wire has less to carry than the messages are long.
const OF_COMPRESSED: [Figure; 2] = [
    ("MB of payload a second", Run::volume, |bytes| table::number(bytes / 1e6)),
    ("bytes on the wire a message", Run::on_wire, table::number),
];

/// Runs all rows and gives the tables.
pub fn table(bench: &Bench) -> anyhow::Result<String> {
    let plain = section(bench, "Streams", streams(bench.quick), &FIGURES)?;
    let figures: Vec<_> = FIGURES.into_iter().chain(OF_COMPRESSED).collect();
    let compressed = section(bench, "With compression", compressed(bench.quick), &figures)?;
    let sections = [plain, compressed].into_iter().filter(|section| !section.is_empty());
    Ok(sections.collect::<Vec<_>>().join("\n"))
}

/// Runs rows and gives their tables.
fn section(
    bench: &Bench,
    title: &str,
    streams: Vec<Stream>,
    figures: &[Figure],
) -> anyhow::Result<String> {
    let mut rows = Vec::new();
    for stream in streams.into_iter().filter(|stream| bench.wants(&stream.name())) {
        let row = measure(bench, stream)?;
        eprintln!("{}", row.cells().join("  "));
        rows.push(row);
    }
    if rows.is_empty() {
        return Ok(String::new());
    }
    let cells: Vec<_> = rows.iter().map(Row::cells).collect();
    let mut text = format!("## {title}\n\n");
    text += &markdown(
        &[
            "messages",
            "wspipe",
            "best peer",
            "ratio",
            "yardstick",
            "ratio",
            "copy",
            "CPU a message",
            "yardstick's",
            "peak MiB",
        ],
        &cells,
    );
    let names: Vec<Name> = bench.tools.iter().map(|tool| tool.name).collect();
    let mut head = vec!["messages"];
    head.extend(names.iter().map(|name| name.shown()));
    for (what, number, shown) in figures {
        text += &format!("\nEach program's {what}:\n\n");
        let cells: Vec<_> = rows.iter().map(|row| row.everyone(&names, *number, *shown)).collect();
        text += &markdown(&head, &cells);
    }
    text += &problems(&rows);
    Ok(text)
}

fn measure(bench: &Bench, stream: Stream) -> anyhow::Result<Row> {
    let volume = if bench.quick { VOLUME / 2 } else { VOLUME };
    let most = (volume / stream.size as u64).max(8);
    let mut counts = Vec::new();
    let mut results: Vec<(Name, Vec<Run>)> = Vec::new();
    for tool in &bench.tools {
        if let Some(count) = calibrate(bench, tool, stream, most)? {
            counts.push(count);
            results.push((tool.name, Vec::new()));
        }
    }
    let mut problems = check(bench, stream)?;
    for round in 0..bench.repeats {
        for tool in bench.in_turn(round) {
            let Some(at) = results.iter().position(|(name, _)| *name == tool.name) else {
                continue;
            };
            let run = stream.run(bench, tool, counts[at], Manner::Fast)?;
            results[at].1.extend(run);
        }
    }
    for entry in std::fs::read_dir(bench.folder.path())? {
        std::fs::remove_file(entry?.path())?;
    }
    for (name, runs) in &results {
        let first = runs.iter().find_map(|run| run.problem.clone());
        problems.extend(first.map(|what| (*name, what)));
    }
    Ok(Row { stream, results, problems })
}

/// Has each program do the job once with messages that are all different, and looks at every byte
/// at the other end; what was wrong.
fn check(bench: &Bench, stream: Stream) -> anyhow::Result<Vec<(Name, String)>> {
    // What goes nowhere cannot be looked at.
    let through = if stream.through == Through::Null { Through::File } else { stream.through };
    let stream = Stream { through, ..stream };
    let mut problems = Vec::new();
    for tool in &bench.tools {
        let volume = if tool.name.is_peer() { CHECKED_OF_PEERS } else { CHECKED };
        let count = (volume / stream.size as u64).max(4);
        let run = stream.run(bench, tool, count, Manner::Checking)?;
        problems.extend(run.and_then(|run| Some((tool.name, run.problem?))));
    }
    Ok(problems)
}

/// How many messages a program is given: what it does in the time that a run may take.
fn calibrate(bench: &Bench, tool: &Tool, stream: Stream, most: u64) -> anyhow::Result<Option<u64>> {
    // What compresses takes its time, whoever it is.
    let is_fast = stream.content == Content::Noise || tool.name == Name::Copy;
    if !tool.name.is_peer() && is_fast {
        return Ok(Some(most));
    }
    let least = (most / 200).max(4);
    let first = stream.run(bench, tool, least, Manner::Fast)?;
    let budget = if bench.quick { BUDGET / 2.0 } else { BUDGET };
    Ok(first.map(|run| ((run.rate() * budget / 1e9) as u64).clamp(least, most)))
}

/// What was not as asked, and in which rows.
fn problems(rows: &[Row]) -> String {
    let mut found: Vec<(&(Name, String), Vec<String>)> = Vec::new();
    for row in rows {
        for problem in &row.problems {
            match found.iter_mut().find(|(known, _)| *known == problem) {
                Some((_, rows)) if rows.contains(&row.stream.name()) => {}
                Some((_, rows)) => rows.push(row.stream.name()),
                None => found.push((problem, vec![row.stream.name()])),
            }
        }
    }
    let told = |((name, what), rows): &(&(Name, String), Vec<String>)| {
        format!("- {}: {what} ({})\n", name.shown(), rows.join("; "))
    };
    let told: String = found.iter().map(told).collect();
    if told.is_empty() { told } else { format!("\nNot as asked:\n\n{told}") }
}

impl Row {
    fn of(&self, name: Name, what: impl Fn(&Run) -> f64) -> Option<f64> {
        let (_, runs) = self.results.iter().find(|(of, _)| *of == name)?;
        median(runs.iter().filter(|run| run.problem.is_none()).map(what))
    }

    /// The peer with the highest rate, of those that do the same job.
    fn best_peer(&self) -> Option<(Name, f64)> {
        let does_it = |name: Name| name.is_peer() && name.prints_at_once();
        let rated = self.results.iter().filter(|(name, _)| does_it(*name));
        let rated = rated.filter_map(|(name, _)| Some((*name, self.of(*name, Run::rate)?)));
        rated.max_by(|a, b| a.1.total_cmp(&b.1))
    }

    fn cells(&self) -> Vec<String> {
        let ours = self.of(Name::Wspipe, Run::rate);
        let yardstick = self.of(Name::Yardstick, Run::rate);
        let best = self.best_peer();
        let memory = self.of(Name::Wspipe, |run| run.used.memory as f64);
        let shown = |rate: Option<f64>| rate.map_or("–".into(), table::rate);
        let cpu = |name| self.of(name, Run::cpu).map_or("–".into(), table::time);
        vec![
            self.stream.name(),
            shown(ours),
            best.map_or("–".into(), |(name, rate)| {
                format!("{} {}", name.shown(), table::rate(rate))
            }),
            ratio(ours, best.map(|(_, rate)| rate)),
            shown(yardstick),
            ratio(ours, yardstick),
            shown(self.of(Name::Copy, Run::rate)),
            cpu(Name::Wspipe),
            cpu(Name::Yardstick),
            memory.map_or("–".into(), |bytes| table::memory(bytes as u64)),
        ]
    }

    fn everyone(
        &self,
        names: &[Name],
        number: fn(&Run) -> f64,
        shown: fn(f64) -> String,
    ) -> Vec<String> {
        let cells = names.iter().map(|name| self.of(*name, number).map_or("–".into(), shown));
        [self.stream.name()].into_iter().chain(cells).collect()
    }
}
