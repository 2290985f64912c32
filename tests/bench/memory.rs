//! Peak memory where it is hardest to keep down: a far side that stalls, one huge message, and one
//! that is huge when it is inflated.

use crate::Bench;
use crate::pattern::{Content, Kind};
use crate::rows::{Manner, Over, Stream, Through, Way, size_name};
use crate::table::{self, markdown};

/// Bytes that wait for a far side that stalls.
const BEHIND: u64 = 256 << 20;
/// The huge message.
const HUGE: u64 = 1 << 30;
/// A huge message that is short on the wire.
const ZEROS: u64 = 512 << 20;

/// Runs it and gives the table.
pub fn table(bench: &Bench) -> anyhow::Result<String> {
    if bench.quick {
        return Ok(String::new());
    }
    let mut jobs = Vec::new();
    if bench.wants("memory") {
        jobs.extend(plain());
    }
    if bench.wants("memory, compressed") {
        jobs.extend(compressed());
    }
    if jobs.is_empty() {
        return Ok(String::new());
    }
    let rows = jobs.into_iter().map(|(stream, count, manner)| row(bench, stream, count, manner));
    let rows = rows.collect::<Result<Vec<_>, _>>()?;
    let mut head = vec!["peak MiB"];
    head.extend(bench.tools.iter().map(|tool| tool.name.shown()));
    Ok(format!("## Memory\n\n{}\n", markdown(&head, &rows)))
}

/// A stream, how many messages, and how the far side behaves.
type Job = (Stream, u64, Manner);

fn stream(way: Way, kind: Kind, size: u64, content: Content) -> Stream {
    let size = size as usize;
    Stream { way, kind, size, content, through: Through::Pipe, over: Over::Tcp }
}

/// What goes as it is.
fn plain() -> Vec<Job> {
    let mut jobs = Vec::new();
    for way in [Way::Receive, Way::Send] {
        for kind in [Kind::Text, Kind::Binary] {
            for size in [64, 1 << 10, 64 << 10, 1 << 20] {
                let stream = stream(way, kind, size, Content::Noise);
                jobs.push((stream, BEHIND / size, Manner::Stalling));
            }
            jobs.push((stream(way, kind, HUGE, Content::Noise), 1, Manner::Fast));
        }
    }
    jobs
}

/// What goes compressed: as traffic does, and as nothing does but what is to burst.
fn compressed() -> Vec<Job> {
    let mut jobs = Vec::new();
    for way in [Way::Receive, Way::Send] {
        let json = stream(way, Kind::Text, 1 << 10, Content::Json);
        jobs.push((json, BEHIND >> 10, Manner::Stalling));
        let zeros = stream(way, Kind::Text, ZEROS, Content::Zeros);
        // Sent, it is so short that a server that stalls would not be noticed; nor would it be, if it
        // were only counted, that a part is missing.
        let manners: &[Manner] = match way {
            Way::Receive => &[Manner::Fast, Manner::Stalling],
            Way::Send => &[Manner::Checking],
        };
        jobs.extend(manners.iter().map(|manner| (zeros, 1, *manner)));
    }
    jobs
}

fn row(bench: &Bench, stream: Stream, count: u64, manner: Manner) -> anyhow::Result<Vec<String>> {
    let zeros = if stream.content == Content::Zeros { "all zeros, " } else { "" };
    let what = match (count, manner) {
        (1, Manner::Stalling) => "one message behind a far side that stalls".into(),
        (1, _) => "one message".into(),
        _ => format!("{} behind a far side that stalls", size_name(BEHIND)),
    };
    let mut cells = vec![format!("{}, {zeros}{what}", stream.name())];
    for tool in &bench.tools {
        let run = stream.run(bench, tool, count, manner)?;
        cells.push(match run {
            None => "–".into(),
            Some(run) => {
                let lost = if run.problem.is_some() { " (not all)" } else { "" };
                format!("{}{lost}", table::memory(run.used.memory))
            }
        });
    }
    eprintln!("{}", cells.join("  "));
    Ok(cells)
}
