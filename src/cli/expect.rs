//! Flags about what is expected: it ends nothing, it decides between success and exit code 4.

use clap::Args;
use regex::bytes::Regex;

use super::values;
use crate::jq::Filter;

/// What is to come, and how the opening is to turn out.
#[derive(Args, Debug, Default)]
pub struct ExpectArgs {
    /// Succeed only if some message printed is exactly this text, else exit 4
    ///
    /// May be repeated and mixed with --expect-regex and --expect-jq: each of them must be met, in any
    /// order. send, and connect with piped input, wait until they are, as long as --wait allows (exit
    /// 28). listen and the prompt do not end by it: an end condition, or the peer, ends them. Messages are
    /// taken as they came, text or binary, whatever --format makes of them. What came instead is told on
    /// stderr.
    ///
    /// Example: wspipe send --expect pong ws://localhost:9000/ ping
    #[arg(long, value_name = "TEXT", help_heading = "Expectations", allow_hyphen_values = true)]
    pub expect: Vec<String>,

    /// Succeed only if this regular expression matches in some message printed, else exit 4; like
    /// --expect
    ///
    /// Example: wspipe send --expect-regex '^OK\b' ws://localhost:9000/ 'LOGIN ada'
    #[arg(long, value_name = "REGEX", help_heading = "Expectations",
          allow_hyphen_values = true, value_parser = values::regex)]
    pub expect_regex: Vec<Regex>,

    /// Succeed only if this jq filter gives something else than false and null for some message printed,
    /// else exit 4; like --expect
    ///
    /// The last result of the filter counts. It knows jq's language without modules, dates and whatever
    /// is not in the message, such as env, input and now. While it is judged, a message may take 20 times
    /// its size in memory; --max-message-size bounds that.
    ///
    /// Example: wspipe send --expect-jq '.type == "ready"' ws://localhost:9000/ '{"type":"hello"}'
    #[arg(long, value_name = "FILTER", help_heading = "Expectations",
          allow_hyphen_values = true, value_parser = values::jq)]
    pub expect_jq: Vec<Filter>,

    /// Succeed only if the server chooses this subprotocol, else close at once and exit 4
    ///
    /// Nothing is sent or printed then. --subprotocol offers it.
    ///
    /// Example: wspipe listen --subprotocol mqtt --expect-subprotocol mqtt ws://localhost:9000/
    #[arg(long, value_name = "NAME", help_heading = "Expectations",
          value_parser = values::subprotocol)]
    pub expect_subprotocol: Option<String>,

    /// Succeed only if the server refuses the upgrade with this status, else exit 4
    ///
    /// A session that is opened in spite of it is closed at once; nothing is sent or printed. -v shows
    /// what the server said. A failure before any answer keeps its own exit code.
    ///
    /// Example: wspipe listen --expect-status 401 ws://localhost:9000/private
    #[arg(long, value_name = "CODE", help_heading = "Expectations", value_parser = values::refusal,
          conflicts_with_all = ["expect", "expect_regex", "expect_jq", "expect_subprotocol", "expect_close"])]
    pub expect_status: Option<u16>,
}
