//! A case of memory: what the other side does, what bounds it, and the most that the process took. The cases are
//! in `alone`, `held` and `crowd`.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use super::table::{self, Table};

/// A case that can be made.
pub struct Case {
    /// The command, and what is done to it.
    pub command: &'static str,
    pub name: &'static str,
    /// What holds its memory down.
    pub bound: &'static str,
    /// The most that it may take, in MiB.
    pub most: u64,
    /// Makes it; what it took at its peak, in KiB.
    pub make: Box<dyn Fn() -> u64>,
}

pub struct Happened {
    case: Case,
    took: Duration,
    peak: Result<u64, String>,
}

/// Makes those that are asked for, one after the other.
pub fn all(cases: impl Iterator<Item = Case>) -> Vec<Happened> {
    let cases =
        cases.filter(|case| table::is_asked_for(&format!("{}: {}", case.command, case.name)));
    cases
        .map(|case| {
            let start = Instant::now();
            let peak = catch_unwind(AssertUnwindSafe(|| (case.make)()));
            let peak = peak.map_err(|panic| table::words(&*panic));
            let happened = Happened { took: start.elapsed(), case, peak };
            println!("{}", happened.cells().join("  "));
            happened
        })
        .collect()
}

impl Happened {
    fn is_well(&self) -> bool {
        self.peak.as_ref().is_ok_and(|peak| *peak <= self.case.most << 10)
    }

    fn cells(&self) -> Vec<String> {
        let Case { command, name, bound, most, .. } = &self.case;
        vec![
            format!("`{command}`"),
            (*name).to_owned(),
            (*bound).to_owned(),
            format!("{most} MiB"),
            self.peak.as_ref().map_or(String::new(), |peak| table::mebibytes(*peak)),
            format!("{} s", self.took.as_secs()),
            if self.is_well() { "within" } else { "FAILED" }.to_owned(),
        ]
    }
}

/// Writes the table; fails if a case did.
pub fn report(happened: &[Happened]) {
    let columns = ["wspipe", "the other side", "what bounds it", "at most", "peak", "took", ""];
    let about = format!(
        "# Memory\n\nWhat `tests/long/run memory` found {}.\n\n\
         \"Peak\" is the most resident memory of the process (VmHWM), \"at most\" what makes a case fail. A run in \
         which nothing happens takes some 5 MiB, most of it code. What servers can do wrong besides is in \
         [tests/hostile](../hostile/RESULTS.md), with the memory of each.\n\n",
        table::conditions(),
    );
    let table = Table { columns: &columns, numbers: 3..6 };
    table.write("MEMORY.md", &about, happened.iter().map(Happened::cells));
    let failed: Vec<_> = happened.iter().filter(|happened| !happened.is_well()).collect();
    let why = failed.iter().filter_map(|failed| failed.peak.as_ref().err());
    let why: Vec<_> = why.map(String::as_str).collect();
    assert!(failed.is_empty(), "{} of {} FAILED\n{}", failed.len(), happened.len(), why.join("\n"));
}
