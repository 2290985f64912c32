//! Long runs, and each bound of memory at its limit: a hundred million messages each way, a hundred thousand
//! connections, a thousand clients that mean harm. What a run takes at its end it must have taken after its
//! beginning, and no case may take more than its bound.
//!
//! Too long for every change, and only a release build is worth measuring: `tests/long/run` runs it, and writes
//! `long/RUNS.md` and `long/MEMORY.md` anew. Servers that break the rules have a table of their own, in
//! `tests/hostile`.

mod support;

mod long {
    pub mod alone;
    pub mod blocks;
    pub mod client;
    pub mod crowd;
    pub mod frames;
    pub mod held;
    pub mod memory;
    pub mod run;
    pub mod server;
    pub mod table;
}

use long::{alone, client, crowd, held, memory, run, server};

#[test]
#[ignore = "takes a quarter of an hour: tests/long/run"]
fn memory_at_the_end_of_a_long_run_is_that_after_its_beginning() {
    let happened = run::all([client::runs(), server::runs()].concat());
    run::report(&happened);
}

#[test]
#[ignore = "takes some minutes: tests/long/run"]
fn memory_stays_within_its_bounds_whatever_the_other_side_does() {
    let happened =
        memory::all(alone::cases().into_iter().chain(held::cases()).chain(crowd::cases()));
    memory::report(&happened);
}
