//! The flags about how often and how fast `send` sends: for smoke tests, not for measuring servers.

use std::num::NonZeroU64;
use std::time::Duration;

use clap::Args;

use super::values;
use crate::policy::pace::Pacing;

/// How often and how fast.
#[derive(Args, Debug, Default)]
pub struct PaceArgs {
    /// Send all messages so many times, one round after the other
    ///
    /// Stdin, and each @FILE, must be a file then, since a pipe can be read only once; a close record in
    /// --jsonl input ends all rounds. It is for smoke tests, and no load generator: there is one connection,
    /// and nothing is measured. Example: wspipe send --repeat 1000 ws://localhost:9000/ hello
    #[arg(long, value_name = "N", help_heading = "Pace", value_parser = values::times)]
    pub repeat: Option<NonZeroU64>,

    /// Send so many messages per second (/s), minute (/m) or hour (/h), evenly
    ///
    /// The first one goes at once. When a slow server or the machine holds messages up, only what belongs to
    /// 20 ms is made up for, so that there is no burst. Pings, and everything that is received, do not wait.
    /// Example: wspipe send --rate 10/s ws://localhost:9000/ < events.jsonl
    #[arg(long, value_name = "N/UNIT", help_heading = "Pace", value_parser = values::rate)]
    pub rate: Option<Pacing>,

    /// Wait so long after each message before the next one is sent
    ///
    /// Not together with --rate, which counts from one beginning to the next.
    /// Example: wspipe send --delay 500ms ws://localhost:9000/ one two three
    #[arg(long, value_name = "DURATION", help_heading = "Pace", conflicts_with = "rate",
          value_parser = values::positive_duration)]
    pub delay: Option<Duration>,
}

impl PaceArgs {
    /// How fast, if that matters.
    pub fn pacing(&self) -> Option<Pacing> {
        self.rate.or(self.delay.map(Pacing::Delay))
    }
}
