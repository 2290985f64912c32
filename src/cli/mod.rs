//! Everything that can be typed. Doc comments are the manual: help, man pages and completions come
//! from here. What the flags mean together is decided in `command`.

#![allow(
    rustdoc::bare_urls,
    rustdoc::broken_intra_doc_links,
    reason = "what is typed at a prompt has no brackets around it"
)]

mod check;
mod compress;
mod deferred;
mod ending;
mod environment;
mod expect;
mod message;
mod network;
mod output;
mod pace;
mod prompt;
mod proxy;
mod reconnect;
mod request;
mod retry;
mod seldom;
mod serve;
mod tls;
mod values;

use std::ffi::OsString;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Args, CommandFactory, Parser, Subcommand};

pub use check::{CheckArgs, Export};
pub use compress::compress;
pub use deferred::Deferred;
pub use ending::{AfterInputArgs, EndArgs, MoreEndArgs};
pub use environment::ENVIRONMENT;
pub use expect::ExpectArgs;
use message::RecordArgs;
pub use message::{Data, FramingArgs, MessageArgs};
pub use network::NetworkArgs;
pub use output::OutputArgs;
pub use pace::PaceArgs;
pub use prompt::PromptArgs;
pub use proxy::ProxyArgs;
pub use reconnect::ReconnectArgs;
pub use request::{OpeningArgs, RequestArgs};
pub use retry::RetryArgs;
pub use seldom::Seldom;
pub use serve::ServeArgs;
pub use tls::TlsArgs;

use crate::handshake::without_userinfo;

/// Connect the standard streams to a WebSocket, as curl does for HTTP
#[derive(Debug, Parser)]
#[command(
    name = "wspipe",
    version,
    max_term_width = 100,
    subcommand_required = true,
    arg_required_else_help = true,
    after_help = "Try it without a server: wspipe send -n 1 echo: hello"
)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Task,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Task {
    /// Send stdin message by message and print what comes
    ///
    /// Opens a session, sends the messages of -d, then those of stdin, and prints every message
    /// received on stdout. At a terminal there is a prompt: a line is a message, /help shows the
    /// commands, and Ctrl-D closes. In a pipe, the session ends when the input has ended and nothing came for 2 seconds (see --linger), when
    /// an end condition is met, or when the peer closes. Since it reads stdin, it does not go into
    /// a `while read` loop; send and listen do.
    #[command(args_override_self = true, after_help = CONNECT_EXAMPLES)]
    Connect(Deferred<ConnectArgs>),

    /// Send messages, close, and make sure that they arrived
    ///
    /// Sends the messages given as arguments, or those of -d, or those of stdin when neither is
    /// given; prints what comes meanwhile; ends when everything is sent and the peer has answered
    /// our Close, that is, has received it all. With an end condition such as -n 1 it waits for
    /// the answer first. On a terminal a progress bar on stderr shows what is sent.
    #[command(args_override_self = true, after_help = SEND_EXAMPLES)]
    Send(Deferred<SendArgs>),

    /// Print what comes, and never read stdin
    ///
    /// Opens a session, sends the messages of -d (to subscribe, say), and prints every message
    /// received until the peer closes or an end condition is met. It waits without limit; -m sets
    /// one.
    #[command(args_override_self = true, after_help = LISTEN_EXAMPLES)]
    Listen(Deferred<ListenArgs>),

    /// Play scenarios against a server, and say what did not go as they say
    ///
    /// A scenario is a file of records, one JSON object a line: what is from us is sent, what is from the
    /// peer is expected, in order, each within 5 seconds unless it says otherwise. What --record has
    /// written is a scenario too. A line on stdout tells of each step; the exit code is 0 when all passed,
    /// 4 when something else came than was expected, 26 when a file has a mistake (nothing is sent then),
    /// and as elsewhere when a session could not be opened: that of the first such file, and before 4.
    /// wspipe-scenario(5) has all of the format. In short: {"text":"hi"} sends, {"from":"peer","text":"hi"}
    /// expects, so do json, base64 and hex; regex and jq expect what matches; "within":"2s" waits less,
    /// "skip":true lets others pass before, {"from":"peer","none":"2s"} expects silence, and
    /// {"event":"close","from":"peer","code":1000} the end.
    #[command(args_override_self = true, after_help = CHECK_EXAMPLES)]
    Check(Deferred<CheckArgs>),

    /// Run a server for tests, which echoes or misbehaves as told
    ///
    /// Listens on loopback unless told otherwise, prints its URL as the first line of stdout, and
    /// sends every message back. Flags make it broadcast, stay silent, be slow, close, refuse, or speak
    /// TLS. Ctrl-C ends it, with exit code 0. With a COMMAND it runs that with WSPIPE_URL set, prints
    /// nothing of its own on stdout, and ends with the command's exit code. It takes what hostile clients do
    /// without harm, and drops those that have not opened a session 10 seconds after they came. It is a
    /// server for tests: it makes no promises for production.
    #[command(args_override_self = true, after_help = SERVE_EXAMPLES)]
    Serve(Deferred<ServeArgs>),
}

const CONNECT_EXAMPLES: &str = "Examples:
  printf 'a\\nb\\n' | wspipe connect echo:
  tail -f log | wspipe connect ws://localhost:9000/ingest --ping-interval 30s
  wspipe connect ws://localhost:9000/chat";
const SEND_EXAMPLES: &str = "Examples:
  wspipe send -n 1 echo: hello
  wspipe send ws://localhost:9000/ingest < events.jsonl
  wspipe send --whole --binary ws://localhost:9000/upload < photo.jpg";
const LISTEN_EXAMPLES: &str = "Examples:
  wspipe listen -d '{\"subscribe\":\"ticker\"}' -n 3 ws://localhost:9000/
  wspipe listen --format jsonl ws://localhost:9000/events | jq 'select(.event == \"message\").text'";
const CHECK_EXAMPLES: &str = "Examples:
  wspipe check login.jsonl
  wspipe check --url ws://localhost:9000/ --jobs 8 --junit report.xml tests/*.jsonl
  wspipe serve -- sh -c 'wspipe check --url \"$WSPIPE_URL\" echo.jsonl'";
const SERVE_EXAMPLES: &str = "Examples:
  wspipe serve 9000
  wspipe serve --broadcast --subprotocol chat -v 9000
  wspipe serve --close 1012 --close-after 10 --delay 1s 9000
  wspipe serve --tls --tls-ca ca.pem 9443
  wspipe serve -- sh -c 'wspipe send -n 1 \"$WSPIPE_URL\" hello'";

/// The arguments of `connect`.
#[derive(Args, Debug)]
pub struct ConnectArgs {
    /// Where to.
    #[command(flatten)]
    pub request: RequestArgs,
    /// How the prompt is.
    #[command(flatten)]
    pub prompt: Seldom<PromptArgs>,
    /// Whether it is opened again.
    #[command(flatten)]
    pub reconnect: Seldom<ReconnectArgs>,
    /// The rest.
    #[command(flatten)]
    pub pipe: PipeArgs,
}

/// The arguments of `send`.
#[derive(Args, Debug)]
pub struct SendArgs {
    /// Where to.
    #[command(flatten)]
    pub request: RequestArgs,
    /// Messages to send; without any, and without -d, those of stdin. Put -- before one that begins
    /// with a dash
    #[arg(value_name = "MESSAGE")]
    pub messages: Vec<OsString>,
    /// How often and how fast.
    #[command(flatten)]
    pub pace: Seldom<PaceArgs>,
    /// The rest.
    #[command(flatten)]
    pub pipe: PipeArgs,
}

/// What the commands that read stdin have in common.
#[derive(Args, Debug)]
pub struct PipeArgs {
    /// What is sent.
    #[command(flatten)]
    pub message: MessageArgs,
    /// How stdin is cut.
    #[command(flatten)]
    pub framing: Seldom<FramingArgs>,
    /// Which records are sent.
    #[command(flatten)]
    pub records: Seldom<RecordArgs>,
    /// What is printed.
    #[command(flatten)]
    pub output: Seldom<OutputArgs>,
    /// When it is over.
    #[command(flatten)]
    pub end: EndArgs,
    /// What happens after the input.
    #[command(flatten)]
    pub after_input: Seldom<AfterInputArgs>,
}

/// The arguments of `listen`.
#[derive(Args, Debug)]
pub struct ListenArgs {
    /// Where to.
    #[command(flatten)]
    pub request: RequestArgs,
    /// What is sent.
    #[command(flatten)]
    pub message: MessageArgs,
    /// What is printed, shortly.
    #[command(flatten)]
    pub short: Seldom<ShortOutputArgs>,
    /// Whether it is opened again.
    #[command(flatten)]
    pub reconnect: Seldom<ReconnectArgs>,
    /// What is printed.
    #[command(flatten)]
    pub output: Seldom<OutputArgs>,
    /// When it is over.
    #[command(flatten)]
    pub end: EndArgs,
}

/// What other commands say of stdin, said of stdout.
#[derive(Args, Debug, Default)]
pub struct ShortOutputArgs {
    /// End each message with NUL in place of the newline
    #[arg(short = '0', long, help_heading = "Output")]
    pub null: bool,
    /// Print records: the same as --format jsonl
    #[arg(long, help_heading = "Output", conflicts_with = "format")]
    pub jsonl: bool,
}

/// The command line as clap knows it, for completions and man pages; once it is built, with the
/// arguments of all commands.
pub fn command() -> clap::Command {
    Cli::command()
}

/// Reads the command line.
///
/// # Errors
/// What clap has to say: help, the version, or a mistake.
pub fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Cli, clap::Error> {
    let arguments: Vec<_> = arguments.into_iter().collect();
    seldom::without(|| Cli::try_parse_from(&arguments))
        .or_else(|_| Cli::try_parse_from(&arguments))
        .map_err(|error| name_the_command(error, &arguments))
}

/// `wspipe ws://…`: says which command to add.
fn name_the_command(error: clap::Error, arguments: &[OsString]) -> clap::Error {
    let looks_like_url = |given: &str| given.contains("://") || given == "echo:";
    if let Some(ContextValue::String(given)) = error.get(ContextKind::InvalidSubcommand)
        && !looks_like_url(given)
    {
        return error;
    }
    let is_mistake = matches!(
        error.kind(),
        ErrorKind::InvalidSubcommand | ErrorKind::UnknownArgument | ErrorKind::MissingSubcommand
    );
    let given: Vec<_> = arguments.iter().skip(1).filter_map(|given| given.to_str()).collect();
    let has_command = given.iter().any(|given| Cli::command().find_subcommand(given).is_some());
    let url = given.iter().find(|given| looks_like_url(given));
    match url.map(|url| without_userinfo(url)) {
        Some(url) if is_mistake && !has_command => Cli::command().error(
            ErrorKind::MissingSubcommand,
            format!(
                "what is to be done with {url}? Add a command:\n  \
                 wspipe connect {url}    send stdin, print what comes\n  \
                 wspipe send {url} TEXT  send messages and close\n  \
                 wspipe listen {url}     print what comes"
            ),
        ),
        _ => error,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &[&str]) -> Result<Cli, clap::Error> {
        parse(["wspipe"].iter().chain(line).map(OsString::from))
    }

    #[test]
    fn the_types_hold_together() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_flag_about_the_way_to_a_server_has_an_example() {
        let mut command = command();
        command.build();
        let listen = command.find_subcommand("listen").unwrap();
        let about = |flag: &&clap::Arg| {
            let heading = flag.get_help_heading().unwrap_or_default();
            ["Request", "Network", "Proxy", "TLS", "Retry", "Expectations", "Reconnection"]
                .contains(&heading)
                && !flag.is_hide_set()
        };
        let flags: Vec<_> = listen.get_arguments().filter(about).collect();
        assert!(flags.len() > 40);
        for flag in flags {
            let help = flag.get_long_help().map(ToString::to_string).unwrap_or_default();
            assert!(help.contains("Example: wspipe "), "{}", flag.get_id());
        }
    }

    #[test]
    fn data_keeps_its_order_over_both_flags() {
        let line =
            ["listen", "-d", "a", "--data-raw", "@b", "-d", "@c", "ws://h", "-d@-", "-d", "-1"];
        let Task::Listen(Deferred(listen)) = parsed(&line).unwrap().command else {
            panic!("not listen")
        };
        let text = |text: &str| Data::Text(text.into());
        let expected = [text("a"), text("@b"), Data::File("c".into()), Data::Stdin, text("-1")];
        assert_eq!(listen.message.data.0, expected);
    }

    #[test]
    fn with_the_seldom_flags_left_out_nothing_else_is_read() {
        let lines: [&[&str]; 9] = [
            &["connect", "echo:"],
            &["connect", "echo:", "-m", "1.5", "--binary", "--decode", "hex"],
            &["send", "echo:"],
            &["send", "-n", "1", "ws://h/", "hello", "--", "--retry", "-"],
            &["send", "-n1", "-m2", "-d", "--jsonl", "-d@-", "--data-raw=-v", "echo:"],
            &["send", "--count=2", "--text", "-c", "jar.txt", "echo:", "a", "b"],
            &["listen", "echo:"],
            &["listen", "-n", "0", "-d", "-s", "ws://h/"],
            &["listen", "-n", "1", "-n", "2", "ws://h/"],
        ];
        for line in lines {
            let line = ["wspipe"].iter().chain(line);
            let quick = seldom::without(|| Cli::try_parse_from(line.clone())).unwrap();
            let whole = Cli::try_parse_from(line.clone()).unwrap();
            assert_eq!(format!("{quick:?}"), format!("{whole:?}"), "{line:?}");
        }
    }

    #[test]
    fn a_line_with_a_seldom_flag_is_read_with_all_of_them() {
        let lines: [&[&str]; 8] = [
            &["send", "-sn1", "echo:"],
            &["send", "-n1", "echo:", "a", "--repeat", "2"],
            &["listen", "-0", "echo:"],
            &["listen", "echo:", "-vv"],
            &["connect", "echo:", "--ping-interval=30s"],
            &["connect", "--no-history", "echo:"],
            &["connect", "echo:", "--max-redirs", "-1"],
            &["listen", "-H", "-n", "echo:"],
        ];
        for line in lines {
            let quick =
                seldom::without(|| Cli::try_parse_from(["wspipe"].iter().chain(line).copied()));
            assert!(quick.is_err(), "{line:?}: {quick:?}");
            assert!(parsed(line).is_ok(), "{line:?}");
        }
    }

    #[test]
    fn a_mistake_is_a_usage_error() {
        let cases: [(&[&str], &str); 32] = [
            (&["ws://h/"], "wspipe connect ws://h/"),
            (&["-n", "1", "echo:"], "wspipe send echo: TEXT"),
            (&["conect", "ws://h/"], "similar subcommands exist: 'check', 'connect'"),
            (&["send", "-n", "1k", "echo:"], "a number of messages"),
            (&["serve", "true"], "put -- before a command"),
            (&["connect"], "<URL>"),
            (&["connect", "echo:", "--lines", "--whole"], "cannot be used with"),
            (&["connect", "echo:", "--text", "--binary"], "cannot be used with"),
            (&["connect", "echo:", "--delimiter", ""], "empty delimiter"),
            (&["connect", "echo:", "--until-regex", "("], "unclosed group"),
            (&["connect", "echo:", "--expect-regex", "("], "unclosed group"),
            (&["connect", "echo:", "--until-jq", ".a ==("], "(at character 7)"),
            (&["connect", "echo:", "--expect-jq", "now"], "no clock"),
            (&["connect", "echo:", "--expect-status", "101"], "is no refusal"),
            (&["connect", "echo:", "--expect-status", "401", "--expect", "a"], "cannot be used"),
            (&["connect", "echo:", "--expect-subprotocol", ""], "a subprotocol is letters"),
            (&["connect", "echo:", "--idle", "1month"], "months and years"),
            (&["connect", "echo:", "--close-code", "1005"], "a Close may carry"),
            (&["connect", "echo:", "--ping-timeout", "1"], "--ping-interval"),
            (&["send", "echo:", "--only-from", "us"], "--jsonl"),
            (&["send", "echo:", "--raw-frames"], "--jsonl"),
            (&["listen", "echo:", "--raw-frames"], "unexpected argument"),
            (&["send", "echo:", "--rate", "10"], "a rate has a unit: 10/s, 10/m or 10/h"),
            (&["send", "echo:", "--rate", "1/s", "--delay", "1"], "cannot be used with"),
            (&["send", "echo:", "--delay", "0"], "must be more than 0"),
            (&["send", "echo:", "--repeat", "0"], "must be at least 1"),
            (&["connect", "echo:", "--repeat", "2"], "unexpected argument"),
            (&["listen", "echo:", "--rate", "1/s"], "unexpected argument"),
            (&["send", "echo:", "--reconnect"], "unexpected argument"),
            (&["listen", "echo:", "--reconnect-tries", "3"], "--reconnect"),
            (&["listen", "echo:", "--reconnect", "--reconnect-on", "500"], "from 400 to 499"),
            (&["listen", "echo:", "--reconnect", "--reconnect-delay", "0"], "more than 0"),
        ];
        for (line, expected) in cases {
            let error = parsed(line).expect_err(expected);
            assert_eq!(error.exit_code(), 2, "{line:?}");
            assert!(error.to_string().contains(expected), "{line:?}: {error}");
        }
    }

    #[test]
    fn an_export_takes_no_flag_that_would_be_lost_in_it() {
        let mut command = command();
        command.build();
        let check = command.find_subcommand("check").unwrap();
        let kept = ["url", "vars", "export", "help"];
        let flags = check.get_arguments().filter(|flag| !flag.is_positional());
        for flag in flags.filter(|flag| !kept.contains(&flag.get_id().as_str())) {
            let others = check.get_arg_conflicts_with(
                check.get_arguments().find(|flag| flag.get_id() == "export").unwrap(),
            );
            assert!(
                others.iter().any(|other| other.get_id() == flag.get_id()),
                "{}",
                flag.get_id()
            );
        }
    }

    #[test]
    fn the_last_of_a_repeated_flag_wins_as_in_curl() {
        let line = ["send", "-n", "1", "-n", "2", "-s", "-s", "echo:", "-m", "1", "-m2"];
        let Task::Send(Deferred(send)) = parsed(&line).unwrap().command else { panic!("not send") };
        assert_eq!((send.pipe.end.count, send.pipe.output.silent), (Some(2), true));
    }
}
