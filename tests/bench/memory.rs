//! Peak memory where it is hardest to keep down: a far side that stalls, and one huge message.

use crate::Bench;
use crate::pattern::Kind;
use crate::rows::{Manner, Over, Stream, Through, Way, size_name};
use crate::table::{self, markdown};

/// Bytes that wait for a far side that stalls.
const BEHIND: u64 = 256 << 20;
/// The huge message.
const HUGE: u64 = 1 << 30;

/// Runs it and gives the table.
pub fn table(bench: &Bench) -> anyhow::Result<String> {
    if bench.quick || !bench.wants("memory") {
        return Ok(String::new());
    }
    let mut rows = Vec::new();
    for way in [Way::Receive, Way::Send] {
        for kind in [Kind::Text, Kind::Binary] {
            for size in [64, 1 << 10, 64 << 10, 1 << 20] {
                let stream = Stream { way, kind, size, through: Through::Pipe, over: Over::Tcp };
                rows.push(row(bench, stream, BEHIND / size as u64, Manner::Stalling)?);
            }
            let stream =
                Stream { way, kind, size: HUGE as usize, through: Through::Pipe, over: Over::Tcp };
            rows.push(row(bench, stream, 1, Manner::Fast)?);
        }
    }
    let mut head = vec!["peak MiB"];
    head.extend(bench.tools.iter().map(|tool| tool.name.shown()));
    Ok(format!("## Memory\n\n{}\n", markdown(&head, &rows)))
}

fn row(bench: &Bench, stream: Stream, count: u64, manner: Manner) -> anyhow::Result<Vec<String>> {
    let what = match manner {
        Manner::Stalling => format!("{} behind a far side that stalls", size_name(BEHIND)),
        _ => "one message".into(),
    };
    let mut cells = vec![format!("{}, {what}", stream.name())];
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
