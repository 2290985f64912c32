//! Flags about what is printed: messages on stdout, and the words around them on stderr.

use std::path::PathBuf;

use clap::{ArgAction, Args, ValueHint};

use crate::output::{Color, Format};

/// How messages are written, and how much is said.
#[derive(Args, Debug, Default)]
pub struct OutputArgs {
    /// Write messages in this format [default: text; with --binary, --stream or --chunk, raw where
    /// stdout is no terminal]
    #[arg(long, value_name = "FORMAT", help_heading = "Output")]
    pub format: Option<Format>,

    /// End each message with NUL in place of the newline, and in raw too
    #[arg(long, help_heading = "Output")]
    pub print0: bool,

    /// Write to a file in place of stdout; - is stdout
    #[arg(short = 'o', long, value_name = "FILE", help_heading = "Output",
          value_hint = ValueHint::FilePath)]
    pub output: Option<PathBuf>,

    /// Write the time (UTC) before each message
    #[arg(long, help_heading = "Output")]
    pub timestamps: bool,

    /// Print JSON objects and arrays over several lines, indented by 2 spaces; other messages as they are
    ///
    /// Only the layout is made anew: digits, the order of keys and escapes stay as they came. It is for
    /// --format text. A message must be held whole for it, so that --max-message-size is 64M unless given.
    /// What is nested more than 127 deep, or would take more than 64 MiB laid out, is printed as it is.
    /// Example: wspipe listen --pretty ws://localhost:9000/
    #[arg(long, help_heading = "Output")]
    pub pretty: bool,

    /// Colour the JSON of --pretty and the times of --timestamps
    #[arg(long, value_name = "WHEN", help_heading = "Output", default_value = "auto")]
    pub color: Color,

    /// Print at the end what the format says, as in curl: %{exitcode}, %{close_code},
    /// %{messages_in}, %{json} and others; \n, \t, %%; @FILE reads the format from a file
    ///
    /// The variables: exitcode, errormsg, http_code, url_effective, remote_ip; close_code (1005 for
    /// none, 1006 for a lost connection), close_reason; messages_in, messages_out, bytes_in,
    /// bytes_out (payloads); in seconds since the start: time_namelookup, time_connect,
    /// time_appconnect, time_upgrade, time_first_message, time_total; round trips of
    /// --ping-interval in seconds: rtt_min, rtt_median, rtt_p99; json is all of them. %{stderr} and
    /// %{stdout} switch between the two.
    #[arg(
        short = 'w',
        long,
        value_name = "FORMAT",
        help_heading = "Output",
        allow_hyphen_values = true
    )]
    pub write_out: Option<String>,

    /// Say nothing on stderr: no closing line, no progress, no errors
    #[arg(short = 's', long, help_heading = "Output")]
    pub silent: bool,

    /// With -s, say errors all the same
    #[arg(short = 'S', long, help_heading = "Output")]
    pub show_error: bool,

    /// Show the server's answer to the opening handshake on stderr: its status and headers, and all of
    /// the body of a refusal, up to 64 KiB
    ///
    /// Example: wspipe listen -i -n 0 ws://localhost:9000/
    #[arg(short = 'i', long, help_heading = "Output")]
    pub include: bool,

    /// Write the head of the server's answer to the opening handshake to a file, those of a proxy and
    /// of redirects too; - is stdout
    ///
    /// Example: wspipe listen -n 0 -D head.txt ws://localhost:9000/
    #[arg(short = 'D', long, value_name = "FILE", help_heading = "Output",
          value_hint = ValueHint::FilePath)]
    pub dump_header: Option<PathBuf>,

    /// Show the opening handshake as curl does, and the closing line on success too, as at a terminal
    ///
    /// Lines with * are about the way: the proxy, the addresses, TLS and its certificates; with > what is
    /// asked, with < what is answered; at the end, when each step was done, how many messages and bytes of
    /// payload went each way and how fast, the longest time in which nothing came, and the round trips of
    /// Pings. Passwords, tokens and cookies are (redacted). -vv shows every control frame too, with its
    /// time, its bits and its payload, and -vvv every frame. Example: wspipe listen -v -n 0 wss://localhost:9443/
    #[arg(short = 'v', long, help_heading = "Output", action = ArgAction::Count)]
    pub verbose: u8,

    /// Write every frame that passes, both ways and complete, to a file as records, one a line
    ///
    /// Each has the time, who sent it, what its header says, its payload, and how long that was before it
    /// was compressed. Example: wspipe connect --trace-frames frames.jsonl ws://localhost:9000/
    #[arg(long, value_name = "FILE", help_heading = "Output", value_hint = ValueHint::FilePath)]
    pub trace_frames: Option<PathBuf>,

    /// Write the whole session to a file as records, both ways and as it happens
    ///
    /// A record is one JSON object a line, as with --format jsonl. Here the messages, Pings and Pongs that
    /// we send have one too ("from":"us"), and the open record has the heads of the opening handshake, with
    /// passwords, tokens and cookies (redacted). What the messages say is there as it was, so that the file
    /// is for nobody else to read (mode 0600; an existing file is emptied, and its mode tightened).
    ///
    /// A record is in the file before what it says is shown or sent: what kills the process loses none of
    /// what was shown. In the close record "unsent" counts the last messages from us that were queued and
    /// did not leave. What comes once an end condition was met is neither printed nor recorded; of several
    /// tries and redirects, only the last one is. Messages must be held whole, so that --max-message-size
    /// is 64M unless given; of a larger one that we send only the length is recorded, which is said at the
    /// end. The reader of a FIFO sets the pace of the session. What we sent is sent again by
    /// wspipe send --jsonl --only-from us URL < FILE.
    ///
    /// Example: wspipe connect --record session.jsonl ws://localhost:9000/
    #[arg(long, value_name = "FILE", help_heading = "Output", value_hint = ValueHint::FilePath)]
    pub record: Option<PathBuf>,

    /// Accepted for curl's sake: output is never held back
    #[arg(short = 'N', long, hide = true)]
    pub no_buffer: bool,

    /// Accepted for curl's sake: a failure is always an exit code
    #[arg(short = 'f', long, hide = true)]
    pub fail: bool,

    /// Accepted for curl's sake: there is progress only where it does no harm
    #[arg(long, hide = true)]
    pub no_progress_meter: bool,
}
