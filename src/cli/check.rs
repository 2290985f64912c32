//! The arguments of `check`.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum, ValueHint};

use super::request::secret;
use super::{OpeningArgs, values};
use crate::handshake::Secret;
use crate::output::Color;

/// What a script would have to do without: all but the file, the server and what names stand for.
const NOT_EXPORTED: [&str; 55] = [
    "jobs",
    "fail_fast",
    "junit",
    "tap",
    "color",
    "silent",
    "show_error",
    "verbose",
    "max_time",
    "max_message_size",
    "headers",
    "origin",
    "subprotocols",
    "compress",
    "user_agent",
    "user",
    "oauth2_bearer",
    "netrc",
    "netrc_file",
    "cookies",
    "location",
    "max_redirs",
    "allow_downgrade",
    "http2",
    "http2_prior_knowledge",
    "unix_socket",
    "resolve",
    "connect_to",
    "ipv4",
    "ipv6",
    "interface",
    "tcp_nodelay",
    "connect_timeout",
    "keepalive_time",
    "proxy",
    "proxy_user",
    "proxy_headers",
    "proxy_cacert",
    "proxy_insecure",
    "noproxy",
    "cacert",
    "capath",
    "insecure",
    "certificate",
    "key",
    "pins",
    "tls12",
    "tls13",
    "tls_max",
    "tls_server_name",
    "retry",
    "retry_delay",
    "retry_max_time",
    "retry_connrefused",
    "retry_all_errors",
];

/// What is checked, against what, and how it is told.
#[derive(Args, Debug)]
pub struct CheckArgs {
    /// Scenarios, or recordings: a record a line; - is stdin
    #[arg(value_name = "FILE", required = true, value_hint = ValueHint::FilePath)]
    pub files: Vec<PathBuf>,

    /// Connect there, in place of all URLs that the files name, their paths too
    ///
    /// Scenarios with several paths have {{env.BASE}}/path or so in their open records instead. Example:
    /// wspipe check --url ws://localhost:9000/chat chat.jsonl
    #[arg(long, value_name = "URL", help_heading = "Scenario", value_parser = secret)]
    pub url: Option<Secret>,

    /// Have {{NAME}} stand for a text. May be repeated
    ///
    /// Names are expanded in files whose first record is {"event":"scenario","version":1}. Others on this
    /// machine may see the command line: {{env.NAME}} keeps a secret off it.
    /// Example: wspipe check --var user=alice login.jsonl
    #[arg(long = "var", value_name = "NAME=VALUE", help_heading = "Scenario",
          allow_hyphen_values = true, value_parser = values::variable)]
    pub vars: Vec<(String, String)>,

    /// Play so many scenarios at once
    ///
    /// Example: wspipe check --jobs 8 tests/*.jsonl
    #[arg(short = 'j', long, value_name = "N", default_value = "1", help_heading = "Scenario")]
    pub jobs: NonZeroUsize,

    /// Begin no further scenario once one has failed
    ///
    /// Those that have begun are played to their end. Example: wspipe check --fail-fast tests/*.jsonl
    #[arg(long, help_heading = "Scenario")]
    pub fail_fast: bool,

    /// Write a report to a file, as JUnit does (XML), for CI servers
    ///
    /// Example: wspipe check --junit report.xml tests/*.jsonl
    #[arg(long, value_name = "FILE", help_heading = "Report", value_hint = ValueHint::FilePath)]
    pub junit: Option<PathBuf>,

    /// Print the results in the Test Anything Protocol, for prove and others
    ///
    /// Example: prove -e 'wspipe check --tap' tests/*.jsonl
    #[arg(long, help_heading = "Report")]
    pub tap: bool,

    /// Print the scenario as a script for a load generator, and neither open nor send anything
    ///
    /// Takes one FILE. k6 has neither jq nor Rust's regular expressions: what cannot be translated as it
    /// is meant is refused (exit 26) with its line. What names of the environment stand for is looked up
    /// when the script runs, as is a server in place of the scenario's: k6 run -e URL=ws://… -e NAME=VALUE.
    /// Example: wspipe check --export k6 login.jsonl > login.js
    #[arg(long, value_name = "FORMAT", help_heading = "Report",
          conflicts_with_all = NOT_EXPORTED)]
    pub export: Option<Export>,

    /// Colour the results
    #[arg(long, value_name = "WHEN", help_heading = "Report", default_value = "auto")]
    pub color: Color,

    /// Say nothing: the exit code tells all
    #[arg(short = 's', long, help_heading = "Report")]
    pub silent: bool,

    /// With -s, say errors all the same
    #[arg(short = 'S', long, help_heading = "Report")]
    pub show_error: bool,

    /// Show the opening handshakes on stderr
    #[arg(short = 'v', long, help_heading = "Report")]
    pub verbose: bool,

    /// Fail (exit 28) when all of it takes longer, all tries of --retry included; 0 means no limit
    #[arg(short = 'm', long, value_name = "DURATION", help_heading = "Limits",
          value_parser = values::duration)]
    pub max_time: Option<Duration>,

    /// Refuse a message larger than this; 0 means no limit
    #[arg(long, value_name = "SIZE", help_heading = "Limits", default_value = "64M",
          value_parser = values::size)]
    pub max_message_size: u64,

    /// How the connections are opened.
    #[command(flatten)]
    pub opening: OpeningArgs,
}

/// What a scenario can be exported to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Export {
    /// A script for k6 (https://grafana.com/docs/k6/), in JavaScript.
    K6,
}
