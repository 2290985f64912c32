//! A long run: what is in it, what the process takes after its beginning and at its end, and whether everything
//! was counted. Each is made in `client` and `server`.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use rustix::process::Pid;

use super::table::{self, Table};

/// What a run may take at its end above what it took after its beginning, in KiB.
const GROWTH: u64 = 1 << 10;
/// Messages of a run, unless `WSPIPE_LONG_MESSAGES` says otherwise.
const MESSAGES: u64 = 100_000_000;
/// Connections, for as many messages.
const CONNECTIONS: u64 = 100_000;

/// How long a run may take.
pub const PATIENCE: Duration = Duration::from_secs(3600);

/// A run that can be made.
#[derive(Clone)]
pub struct Run {
    /// What it does.
    pub name: &'static str,
    /// How much of it there is, of what, and after how much it has begun.
    pub amount: u64,
    pub of: &'static str,
    pub beginning: u64,
    pub make: fn(&Run) -> Sampled,
}

/// What was seen.
pub struct Sampled {
    /// Resident memory after the beginning and at the end, and its peak, in KiB.
    pub beginning: u64,
    pub end: u64,
    pub peak: u64,
    /// What was counted, in words.
    pub counted: String,
}

pub struct Happened {
    run: Run,
    took: Duration,
    sampled: Result<Sampled, String>,
}

impl Run {
    /// So many messages; a million of them are the beginning.
    pub fn of_messages(name: &'static str, make: fn(&Run) -> Sampled) -> Run {
        let amount = messages();
        Run { name, amount, of: "messages", beginning: (amount / 100).min(1_000_000), make }
    }

    /// So many connections.
    pub fn of_connections(name: &'static str, make: fn(&Run) -> Sampled) -> Run {
        let amount = messages() / (MESSAGES / CONNECTIONS);
        Run { name, amount, of: "connections", beginning: amount / 100, make }
    }
}

fn messages() -> u64 {
    let asked = std::env::var("WSPIPE_LONG_MESSAGES").ok();
    asked.map_or(MESSAGES, |number| number.parse().expect("WSPIPE_LONG_MESSAGES is a number"))
}

/// A line of what the system knows of a process, in KiB.
pub fn status(pid: Pid, name: &str) -> u64 {
    let path = format!("/proc/{}/status", pid.as_raw_nonzero());
    let status = std::fs::read_to_string(path).expect("the process runs");
    let line = status.lines().find(|line| line.starts_with(name)).expect(name);
    line.split_whitespace().nth(1).and_then(|number| number.parse().ok()).expect("a number")
}

/// Resident memory, in KiB.
pub fn resident(pid: Pid) -> u64 {
    status(pid, "VmRSS:")
}

/// The most that it was, in KiB.
pub fn peak(pid: Pid) -> u64 {
    status(pid, "VmHWM:")
}

/// Makes those that are asked for, one after the other.
pub fn all(runs: Vec<Run>) -> Vec<Happened> {
    let runs = runs.into_iter().filter(|run| table::is_asked_for(run.name));
    runs.map(|run| {
        let start = Instant::now();
        let sampled = catch_unwind(AssertUnwindSafe(|| (run.make)(&run)));
        let sampled = sampled.map_err(|panic| table::words(&*panic));
        let happened = Happened { took: start.elapsed(), run, sampled };
        println!("{}", happened.cells().join("  "));
        happened
    })
    .collect()
}

impl Happened {
    fn is_well(&self) -> bool {
        self.sampled.as_ref().is_ok_and(|sampled| sampled.end <= sampled.beginning + GROWTH)
    }

    fn cells(&self) -> Vec<String> {
        let Happened { run, took, sampled } = self;
        let mut cells = vec![
            run.name.to_owned(),
            format!("{} {}", table::grouped(run.amount), run.of),
            format!("{} s", took.as_secs()),
        ];
        match sampled {
            Ok(Sampled { beginning, end, peak, counted }) => {
                let growth = *end as i64 - *beginning as i64;
                let growth = format!("{growth:+} KiB");
                cells.extend([beginning, end, peak].map(|size| table::mebibytes(*size)));
                cells.extend([growth, counted.clone()]);
            }
            Err(why) => {
                let why = why.lines().next().unwrap_or_default();
                cells.extend(["", "", "", "", why].map(str::to_owned));
            }
        }
        cells.push(if self.is_well() { "flat" } else { "FAILED" }.into());
        cells
    }
}

/// Writes the table; fails if a run did.
pub fn report(happened: &[Happened]) {
    let columns =
        ["run", "of", "took", "after the beginning", "at the end", "peak", "growth", "counted", ""];
    let table = Table { columns: &columns, numbers: 2..7 };
    let about = format!(
        "# Long runs\n\nWhat `tests/long/run runs` found {}.\n\n\
         Messages of 64 bytes, two Pings with each {}. \"After the beginning\" is what the process has of memory \
         (VmRSS) after the first million messages, or the first hundredth of all connections, and \"at the end\" \
         when all are through, each time when a Pong or an answer has said that they are; \"peak\" is VmHWM. A run \
         fails when it takes {} MiB more at its end, or when a counter is not exact to the last.\n\n",
        table::conditions(),
        table::grouped(super::blocks::MESSAGES),
        GROWTH >> 10,
    );
    table.write("RUNS.md", &about, happened.iter().map(Happened::cells));
    let failed: Vec<_> = happened.iter().filter(|happened| !happened.is_well()).collect();
    let why = failed.iter().filter_map(|failed| failed.sampled.as_ref().err());
    let why: Vec<_> = why.map(String::as_str).collect();
    assert!(failed.is_empty(), "{} of {} FAILED\n{}", failed.len(), happened.len(), why.join("\n"));
}
