//! Flags about trying again.

use std::time::Duration;

use clap::Args;

use super::values;
use crate::policy::retry::Retry;

/// When an opening that failed is tried again.
#[derive(Args, Debug, Default)]
pub struct RetryArgs {
    /// Try again so often if the session cannot be opened and that may pass
    ///
    /// That is: no answer in time, a name that is not found, and the statuses 408, 429, 500, 502, 503 and
    /// 504. The pause is a second and then twice the one before, up to ten minutes, or what the server
    /// says in Retry-After. Once the session is open nothing is tried again. -m and --connect-timeout
    /// are for each try. Example: wspipe send --retry 5 ws://localhost:9000/ hello
    #[arg(
        long,
        value_name = "N",
        help_heading = "Retry",
        default_value = "0",
        hide_default_value = true
    )]
    pub retry: u64,

    /// Pause always so long, or longer if the server asks for it; 0 means pauses that double
    ///
    /// Example: wspipe send --retry 60 --retry-delay 500ms ws://localhost:9000/ hello
    #[arg(long, value_name = "DURATION", help_heading = "Retry", value_parser = values::duration)]
    pub retry_delay: Option<Duration>,

    /// Begin no try later than this after the first; 0 means no limit
    ///
    /// Example: wspipe send --retry 100 --retry-max-time 60s ws://localhost:9000/ hello
    #[arg(long, value_name = "DURATION", help_heading = "Retry", value_parser = values::duration)]
    pub retry_max_time: Option<Duration>,

    /// Try again also if nobody listens there (yet)
    ///
    /// Example: wspipe send --retry 30 --retry-delay 1 --retry-connrefused ws://localhost:9000/ hello
    #[arg(long, help_heading = "Retry")]
    pub retry_connrefused: bool,

    /// Try again after any failure of the opening that is not one of the command line or of a file here
    ///
    /// Example: wspipe send --retry 5 --retry-all-errors ws://localhost:9000/ hello
    #[arg(long, help_heading = "Retry")]
    pub retry_all_errors: bool,
}

impl RetryArgs {
    /// What they say together.
    pub fn rules(&self) -> Retry {
        let given = |typed: Option<Duration>| typed.filter(|duration| !duration.is_zero());
        Retry {
            times: self.retry,
            delay: given(self.retry_delay),
            max_time: given(self.retry_max_time),
            connection_refused: self.retry_connrefused,
            all_errors: self.retry_all_errors,
        }
    }
}
