//! Flags about opening a session again that has ended.

use std::ops::RangeInclusive;
use std::time::Duration;

use clap::Args;

use super::values;
use crate::policy::reconnect::Rules;

/// When a session that has ended is opened again.
#[derive(Args, Debug, Default)]
pub struct ReconnectArgs {
    /// Open the session again when it was lost or closed, until an end condition is met
    ///
    /// That is not done after a Close with 1000, 1002, 1007 or 1008, or without a code, after a breach of the
    /// protocol, a message over --max-message-size (our 1009), and when the upgrade is refused with a status
    /// from 400 to 499, unless --reconnect-on names it; and never after a code of --ok-close or
    /// --expect-close. The first opening is the business of --retry. The pause before each try doubles, from
    /// --reconnect-delay up to --reconnect-max-delay, and is up to a half longer or shorter by chance; after a
    /// session of 10 seconds it begins anew. End conditions, --expect... and -m run on, and end it in a pause
    /// too; so do --linger and --wait, unless messages wait to be sent on the next connection.
    ///
    /// The messages of -d are sent again on each connection, before all others. Others are sent once: those
    /// that had not been handed to the network wait for the next connection, as does further input. How many
    /// may not have arrived is said: those that had left since the last message from the peer or the last
    /// answered Ping (--ping-interval); a message may have been on its way before ours were. Where there are any, piped connect fails (exit 4) unless an end
    /// condition was met. A message that breaks off after its beginning was printed gets its newline all the same, so
    /// that the next one stands apart; it is counted, and the exit code is 4 then. Where no try is left, the exit code is that of the last failure. Frames made by hand are for one connection, so that
    /// --raw-frames does not go with it.
    ///
    /// Example: wspipe listen --reconnect --ping-interval 20s -d '{"subscribe":"trades"}' wss://example.com/
    #[arg(long, help_heading = "Reconnection")]
    pub reconnect: bool,

    /// Pause so long before the first try, on average [default: 1s]
    ///
    /// Example: wspipe listen --reconnect --reconnect-delay 200ms ws://localhost:9000/
    #[arg(long, value_name = "DURATION", requires = "reconnect",
          help_heading = "Reconnection", value_parser = values::positive_duration)]
    pub reconnect_delay: Option<Duration>,

    /// Pause no longer than this, unless the server asks for it in Retry-After; 0 means no limit
    /// [default: 30s]
    ///
    /// Example: wspipe listen --reconnect --reconnect-max-delay 5m ws://localhost:9000/
    #[arg(long, value_name = "DURATION", requires = "reconnect",
          help_heading = "Reconnection", value_parser = values::duration)]
    pub reconnect_max_delay: Option<Duration>,

    /// Give up after so many tries without a session that lasted 10 seconds; 0 means no limit [default: 0]
    ///
    /// Example: wspipe listen --reconnect --reconnect-tries 5 ws://localhost:9000/
    #[arg(long, value_name = "N", requires = "reconnect", help_heading = "Reconnection",
          value_parser = values::tries)]
    pub reconnect_tries: Option<u64>,

    /// Open the session again also after these close codes, or statuses from 400 to 499
    ///
    /// Example: wspipe listen --reconnect --reconnect-on 1000,1008,429 ws://localhost:9000/
    #[arg(long, value_name = "CODE[,RANGE]...", value_delimiter = ',', requires = "reconnect",
          help_heading = "Reconnection", value_parser = values::reconnect_codes)]
    pub reconnect_on: Vec<RangeInclusive<u16>>,
}

impl ReconnectArgs {
    /// What they say together, if it is to be done.
    pub fn rules(&self) -> Option<Rules> {
        let limit = |typed: Duration| if typed.is_zero() { Duration::MAX } else { typed };
        self.reconnect.then(|| Rules {
            delay: self.reconnect_delay.unwrap_or(Duration::from_secs(1)),
            max_delay: limit(self.reconnect_max_delay.unwrap_or(Duration::from_secs(30))),
            tries: self.reconnect_tries.filter(|tries| *tries > 0),
            also: self.reconnect_on.clone(),
        })
    }
}
