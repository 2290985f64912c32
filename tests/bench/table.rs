//! Numbers to text: medians, ratios, and the tables.

use std::process::Command;

use crate::Bench;
use crate::tools::Tool;

/// The middle one, or what is between the two middle ones.
pub fn median(values: impl IntoIterator<Item = f64>) -> Option<f64> {
    let mut values: Vec<f64> = values.into_iter().collect();
    values.sort_by(f64::total_cmp);
    let last = values.len().checked_sub(1)?;
    Some(f64::midpoint(values[last / 2], values[last.div_ceil(2)]))
}

/// A table in Markdown.
pub fn markdown(head: &[&str], rows: &[Vec<String>]) -> String {
    let mut text = format!("| {} |\n|---|{}\n", head.join(" | "), "--:|".repeat(head.len() - 1));
    for row in rows {
        text.push_str(&format!("| {} |\n", row.join(" | ")));
    }
    text
}

/// A rate: `12.3 M`, `450 k`.
pub fn rate(per_second: f64) -> String {
    match per_second {
        r if r >= 1e6 => format!("{:.1} M", r / 1e6),
        r if r >= 1e4 => format!("{:.0} k", r / 1e3),
        r if r >= 1e3 => format!("{:.1} k", r / 1e3),
        r => format!("{r:.0}"),
    }
}

/// A number: `12.3`, `450`.
pub fn number(value: f64) -> String {
    if value < 100.0 { format!("{value:.1}") } else { format!("{value:.0}") }
}

/// A time: `31 ns`, `4.5 µs`, `2.1 ms`, `1.2 s`.
pub fn time(nanoseconds: f64) -> String {
    let (value, unit) = match nanoseconds {
        n if n < 1e3 => (n, "ns"),
        n if n < 1e6 => (n / 1e3, "µs"),
        n if n < 1e9 => (n / 1e6, "ms"),
        n => (n / 1e9, "s"),
    };
    if value < 10.0 { format!("{value:.1} {unit}") } else { format!("{value:.0} {unit}") }
}

/// Memory in MiB.
pub fn memory(bytes: u64) -> String {
    format!("{:.1}", bytes as f64 / f64::from(1 << 20))
}

/// A ratio; nothing where one side is missing.
pub fn ratio(ours: Option<f64>, theirs: Option<f64>) -> String {
    match (ours, theirs) {
        (Some(ours), Some(theirs)) if theirs > 0.0 => format!("{:.2}", ours / theirs),
        _ => "–".into(),
    }
}

/// On what machine, with what.
pub fn conditions(bench: &Bench) -> String {
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let cpu = read("/proc/cpuinfo");
    let model = cpu.lines().find_map(|line| line.strip_prefix("model name")?.split(": ").nth(1));
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let kernel = read("/proc/sys/kernel/osrelease");
    let peers = bench.tools.iter().filter(|tool| tool.name.is_peer());
    let mut versions: Vec<_> = peers.filter_map(Tool::version).collect();
    versions.dedup();
    let release = kernel.split('-').next().unwrap_or_default().trim();
    format!(
        "{} cores ({}), Linux {release}, servers and clients on the same machine over loopback; \
         medians of {} runs, interleaved. wspipe at {}; {}.\n",
        cores,
        model.unwrap_or("unknown"),
        bench.repeats,
        commit().unwrap_or_else(|| env!("CARGO_PKG_VERSION").into()),
        versions.join(", "),
    )
}

/// The commit that is built, where it is known.
fn commit() -> Option<String> {
    let said = Command::new("git").args(["describe", "--always", "--dirty"]).output().ok()?;
    let said = String::from_utf8(said.stdout).ok()?;
    Some(said.trim().to_owned()).filter(|commit| !commit.is_empty())
}
