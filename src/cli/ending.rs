//! Flags about the end: conditions, limits, the closing handshake, keepalive.

use std::ops::RangeInclusive;
use std::time::Duration;

use clap::Args;
use regex::bytes::Regex;

use super::{ExpectArgs, Seldom, values};
use crate::jq::Filter;
use crate::policy::ending::Patience;

/// When it is over, and what counts as success.
#[derive(Args, Debug)]
pub struct EndArgs {
    /// End after so many messages received; 0 ends once the session is open
    ///
    /// Of several end conditions, the first one that is met ends the session, with success:
    /// -n 5 --duration 10s asks for five messages or ten seconds. send ends only when all its input is
    /// sent, and prints no more messages meanwhile. For a limit that fails, use -m or --wait.
    #[arg(short = 'n', long, value_name = "N", help_heading = "End conditions",
          value_parser = values::count)]
    pub count: Option<u64>,

    /// Fail (exit 28) when the whole run takes longer, with --retry each try; 0 means no limit
    ///
    /// Typing a password that -u or -U asks for counts too.
    #[arg(short = 'm', long, value_name = "DURATION", help_heading = "Limits",
          value_parser = values::duration)]
    pub max_time: Option<Duration>,

    /// The others.
    #[command(flatten)]
    pub more: Seldom<MoreEndArgs>,
}

/// The rest of what there is to say about the end.
#[derive(Args, Debug, Default)]
pub struct MoreEndArgs {
    /// End after a message that is exactly this text
    #[arg(long, value_name = "TEXT", help_heading = "End conditions", allow_hyphen_values = true)]
    pub until: Option<String>,

    /// End after a message in which this regular expression matches
    #[arg(long, value_name = "REGEX", help_heading = "End conditions",
          allow_hyphen_values = true, value_parser = values::regex)]
    pub until_regex: Option<Regex>,

    /// End after a message for which this jq filter gives something else than false and null
    ///
    /// The last result of the filter counts; for a message that is no JSON there is none. The language
    /// is that of --expect-jq.
    #[arg(long, value_name = "FILTER", help_heading = "End conditions",
          allow_hyphen_values = true, value_parser = values::jq)]
    pub until_jq: Option<Filter>,

    /// End when nothing was received for so long (connect and send: from the end of input)
    #[arg(long, value_name = "DURATION", help_heading = "End conditions",
          value_parser = values::positive_duration)]
    pub idle: Option<Duration>,

    /// End so long after the opening
    #[arg(long, value_name = "DURATION", help_heading = "End conditions",
          value_parser = values::positive_duration)]
    pub duration: Option<Duration>,

    /// Refuse (exit 109) a message larger than this; 0 means no limit [default: 64M where messages
    /// must be held whole, such as --format jsonl; else none]
    #[arg(long, value_name = "SIZE", help_heading = "Limits", value_parser = values::size)]
    pub max_message_size: Option<u64>,

    /// Close with this code [default: 1000]
    #[arg(long, value_name = "CODE", help_heading = "Closing",
          value_parser = values::close_code)]
    pub close_code: Option<u16>,

    /// Close with this reason, at most 123 bytes
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true,
          help_heading = "Closing", allow_hyphen_values = true,
          value_parser = values::close_reason)]
    pub close_reason: String,

    /// Wait so long for the peer's Close, once ours has left; 0 means no limit. A server that is
    /// still busy with what was sent before answers late [default: 5s]
    ///
    /// What comes after our Close at the end of input is still printed, and the time stands still while
    /// stdout is full. So where stdout is slow, only -m or Ctrl-C ends a peer that sends without end and never
    /// closes.
    #[arg(long, value_name = "DURATION", help_heading = "Closing",
          value_parser = values::duration)]
    pub close_timeout: Option<Duration>,

    /// Take these close codes for success too, such as 1001,4000-4099; 1005 is no code, 1006 a
    /// lost connection
    #[arg(long, value_name = "CODE[,RANGE]...", value_delimiter = ',', help_heading = "Closing",
          value_parser = values::close_codes)]
    pub ok_close: Vec<RangeInclusive<u16>>,

    /// Succeed only if the peer's Close, or its answer to ours, has one of these codes, else exit 4;
    /// 1005 is no code, 1006 a lost connection
    ///
    /// send and piped connect wait for the peer to close, as long as --wait says, and then fail (exit 28);
    /// where an end condition such as -n 1 is met, it is the answer to our Close that counts. Example:
    /// wspipe send --expect-close 1008 ws://localhost:9000/ 'not allowed'
    #[arg(long, value_name = "CODE[,RANGE]...", value_delimiter = ',', help_heading = "Closing",
          value_parser = values::close_codes)]
    pub expect_close: Option<Vec<RangeInclusive<u16>>>,

    /// What is expected.
    #[command(flatten)]
    pub expect: ExpectArgs,

    /// Send a Ping every so often
    ///
    /// It keeps what is on the way from forgetting the connection, and finds a peer that is gone, within
    /// this time and --ping-timeout, also while a large message arrives or leaves. Example: wspipe
    /// listen --ping-interval 30s ws://localhost:9000/
    #[arg(long, value_name = "DURATION", help_heading = "Keepalive",
          value_parser = values::positive_duration)]
    pub ping_interval: Option<Duration>,

    /// Fail (exit 29) when a Ping is not answered within so long [default: the interval]
    ///
    /// The time begins when the Ping has left, and anew when the peer is slow and not gone: when it takes
    /// bytes for which it had no room, or goes on with a large frame that it may have begun before it read
    /// the Ping, 16 KiB at least. It stands still while a full stdout keeps us from reading. A Ping that cannot leave
    /// is not answered either. So it may be shorter than a large message takes, but not than the last few
    /// MiB that the systems on the way may hold. Example: wspipe connect
    /// --ping-interval 30s --ping-timeout 10s ws://localhost:9000/
    #[arg(long, value_name = "DURATION", requires = "ping_interval", help_heading = "Keepalive",
          value_parser = values::positive_duration)]
    pub ping_timeout: Option<Duration>,
}

impl MoreEndArgs {
    /// What our Close says.
    pub fn close_code(&self) -> u16 {
        self.close_code.unwrap_or(1000)
    }

    /// How long the peer's Close is waited for; 0 is no limit.
    pub fn close_timeout(&self) -> Duration {
        self.close_timeout.unwrap_or(Duration::from_secs(5))
    }
}

/// What happens once the input has ended.
#[derive(Args, Debug, Default)]
pub struct AfterInputArgs {
    /// Without an end condition: wait so long for more, from the end of input or the last message
    /// received; none, or forever [default: connect with piped input 2s, else none]
    #[arg(long, value_name = "DURATION", help_heading = "End conditions",
          value_parser = values::linger)]
    pub linger: Option<Patience>,

    /// With an end condition or --expect... that is not met: wait so long, from the end of input or the
    /// last message, then fail (exit 28); or forever [default: 30s; no limit with --idle or
    /// --duration]
    #[arg(long, value_name = "DURATION", help_heading = "End conditions",
          value_parser = values::wait)]
    pub wait: Option<Patience>,
}
