//! Round trips through both pipes, and the smoke test of one message.

use crate::Bench;
use crate::process::{self, Drain, Input, Talking};
use crate::rows::Over;
use crate::server::{Job, Server};
use crate::table::{self, markdown, median, ratio};
use crate::tools::{Name, Task};

/// Runs both and gives the tables.
pub fn table(bench: &Bench) -> anyhow::Result<String> {
    let mut text = String::new();
    if bench.wants("round trip") {
        text += &round_trips(bench)?;
    }
    for (name, over) in [("Smoke test", Over::Tcp), ("Smoke test, wss", Over::Tls)] {
        if bench.wants(&name.to_lowercase()) {
            text += &format!("## {name}\n\n{}\n", smoke_tests(bench, bench.server(over))?);
        }
    }
    Ok(text)
}

/// The time that so many of a hundred did not take longer than.
fn percentile(sorted: &[u64], percent: usize) -> f64 {
    sorted
        .get((sorted.len() * percent / 100).min(sorted.len().saturating_sub(1)))
        .copied()
        .unwrap_or(0) as f64
}

/// The least time of a program that people use today.
fn best_peer(results: &[(Name, Vec<[f64; 3]>)]) -> Option<f64> {
    let peers = results.iter().filter(|(name, _)| name.is_peer());
    let times = peers.filter_map(|(_, runs)| median(runs.iter().map(|run| run[0])));
    times.min_by(f64::total_cmp)
}

fn round_trips(bench: &Bench) -> anyhow::Result<String> {
    let server = bench.server(Over::Tcp);
    let count = if bench.quick { 1000 } else { 3000 };
    let line = [&[b'x'; 64][..], b"\n"].concat();
    let mut results: Vec<(Name, Vec<[f64; 3]>)> = Vec::new();
    for round in 0..bench.repeats {
        for tool in bench.in_turn(round) {
            let Some(argv) = tool.argv(Task::Talk, server, false) else { continue };
            server.expect(Job::Echo);
            let mut talking = Talking::start(&argv, bench.folder.path())?;
            let times =
                talking.round_trips(&line, 100).and_then(|_| talking.round_trips(&line, count));
            let used = talking.end()?;
            server.seen();
            let Ok(mut times) = times else { continue };
            times.sort_unstable();
            let cpu = used.cpu as f64 / count as f64;
            let result = [percentile(&times, 50), percentile(&times, 99), cpu];
            match results.iter_mut().find(|(name, _)| *name == tool.name) {
                Some((_, runs)) => runs.push(result),
                None => results.push((tool.name, vec![result])),
            }
        }
    }
    let of = |runs: &[[f64; 3]], which: usize| median(runs.iter().map(|run| run[which]));
    let best = best_peer(&results);
    let yardstick = results.iter().find(|(name, _)| *name == Name::Yardstick);
    let yardstick = yardstick.and_then(|(_, runs)| of(runs, 0));
    let rows: Vec<_> = results
        .iter()
        .map(|(name, runs)| {
            let mut cells = vec![name.shown().to_owned()];
            cells.extend((0..3).map(|which| table::time(of(runs, which).unwrap_or(0.0))));
            cells.push(ratio(of(runs, 0), yardstick));
            cells.push(ratio(of(runs, 0), best));
            cells
        })
        .collect();
    let head = [
        "round trip through both pipes, 64 B",
        "p50",
        "p99",
        "CPU each",
        "p50 to the yardstick's",
        "to the best peer's",
    ];
    Ok(format!("## Round trip\n\n{}\n", markdown(&head, &rows)))
}

fn smoke_tests(bench: &Bench, server: &Server) -> anyhow::Result<String> {
    let mut results: Vec<(Name, Vec<[f64; 3]>)> = Vec::new();
    for round in 0..bench.repeats * if bench.quick { 5 } else { 10 } {
        for tool in bench.in_turn(round) {
            let Some(argv) = tool.argv(Task::Once, server, false) else { continue };
            let hello = bench.folder.path().join("hello");
            std::fs::write(&hello, "hello\n")?;
            let input = if tool.needs_input() { Input::Silence } else { Input::File(&hello) };
            server.expect(Job::Echo);
            let used = process::run(
                &argv,
                input,
                Drain::File(&bench.folder.path().join("output")),
                bench.folder.path(),
            )?;
            server.seen();
            if used.output < 5 {
                eprintln!("{} had no answer", tool.name.shown());
                continue;
            }
            let result = [(used.ended - used.started) as f64, used.cpu as f64, used.memory as f64];
            match results.iter_mut().find(|(name, _)| *name == tool.name) {
                Some((_, runs)) => runs.push(result),
                None => results.push((tool.name, vec![result])),
            }
        }
    }
    let of =
        |runs: &[[f64; 3]], which: usize| median(runs.iter().map(|run| run[which])).unwrap_or(0.0);
    let best = best_peer(&results);
    let yardstick = results.iter().find(|(name, _)| *name == Name::Yardstick);
    let yardstick = yardstick.map(|(_, runs)| of(runs, 0));
    let rows: Vec<_> = results
        .iter()
        .map(|(name, runs)| {
            vec![
                name.shown().to_owned(),
                table::time(of(runs, 0)),
                table::time(of(runs, 1)),
                table::memory(of(runs, 2) as u64),
                ratio(Some(of(runs, 0)), yardstick),
                ratio(Some(of(runs, 0)), best),
            ]
        })
        .collect();
    let head = [
        "one message there and back, start to end",
        "wall",
        "CPU",
        "peak MiB",
        "wall to the yardstick's",
        "to the best peer's",
    ];
    Ok(markdown(&head, &rows))
}
