//! The clock that all processes of the benchmark share, and what a process has used.

use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike as _;
use nix::time::{ClockId, clock_gettime};

/// Nanoseconds of the machine's monotonic clock.
pub fn now() -> u64 {
    clock_gettime(ClockId::CLOCK_MONOTONIC).expect("the clock can be read").num_nanoseconds() as u64
}

/// What the children of this process that have ended have used.
pub fn used_by_children() -> (u64, u64) {
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN).expect("usage can be read");
    let cpu = usage.user_time().num_nanoseconds() + usage.system_time().num_nanoseconds();
    (cpu as u64, usage.max_rss() as u64 * 1024)
}
