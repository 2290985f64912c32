//! Flags of `serve`: where it listens, who is let in, what becomes of messages, and how it ends.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueHint};
use hyper::StatusCode;

use super::request::secret;
use super::values;
use crate::handshake::Secret;
use crate::scenario::Speed;

/// The arguments of `serve`.
#[derive(Args, Debug)]
pub struct ServeArgs {
    /// Listen here; a lone port is one of 127.0.0.1, and port 0 any free one
    ///
    /// 0.0.0.0:PORT and [::]:PORT listen on every interface, for whoever can reach this machine.
    #[arg(value_name = "[HOST:]PORT", default_value = "127.0.0.1:0",
          value_parser = values::address)]
    pub address: String,

    /// Send every message back, as is the default
    ///
    /// It goes back piece by piece in constant memory, compressed if the client offers
    /// permessage-deflate. Clients that send before they read are held up when they are 64 MiB ahead, all
    /// together. Example: wspipe serve --echo 9000
    #[arg(long, help_heading = "Messages", conflicts_with_all = ["broadcast", "sink"])]
    pub echo: bool,

    /// Send every message to every client, to the one that sent it too
    ///
    /// All get the same messages in the same order, from their opening on. The others wait for a client
    /// that reads slowly, but not for one that reads nothing for two seconds while 8 MiB wait: it is
    /// closed with 1013, and a line on stderr says so. A message may have 64 MiB, and those that are
    /// still coming 256 MiB together: a client that needs more is closed with 1013 too. Example: wspipe
    /// serve --broadcast 9000
    #[arg(long, help_heading = "Messages", conflicts_with = "sink")]
    pub broadcast: bool,

    /// Answer no message: only Pings and the closing handshake
    ///
    /// Example: wspipe serve --sink 9000
    #[arg(long, help_heading = "Messages")]
    pub sink: bool,

    /// Play the peer's part of a recording, or of a scenario, for each client
    ///
    /// What the file says is from the peer is sent, and what it says is from us is awaited, in order. A
    /// client that does something else is closed with 1008; a line on stderr says where it departed, and
    /// the exit code is 4 if it would be 0. A file with several connections is played for as many clients,
    /// in the order in which they come. Example: wspipe serve --replay session.jsonl -- ./client
    #[arg(long, value_name = "FILE", help_heading = "Messages",
          conflicts_with_all = ["echo", "broadcast", "sink", "delay", "close", "refuse"],
          value_hint = ValueHint::FilePath)]
    pub replay: Option<PathBuf>,

    /// Play it as fast as it was recorded (real), without pauses (fast), or N times as fast
    ///
    /// Example: wspipe serve --replay session.jsonl --speed real 9000
    #[arg(long, value_name = "real|fast|N", help_heading = "Messages", default_value = "fast",
          requires = "replay", value_parser = Speed::parse)]
    pub speed: Speed,

    /// Have {{NAME}} stand for a text in it. May be repeated
    ///
    /// Example: wspipe serve --replay login.jsonl --var user=alice 9000
    #[arg(long = "var", value_name = "NAME=VALUE", help_heading = "Messages", requires = "replay",
          allow_hyphen_values = true, value_parser = values::variable)]
    pub vars: Vec<(String, String)>,

    /// Send each answer so much later, and close or refuse so much later too
    ///
    /// The order stays, Pings are answered at once, and the answer to a client's Close follows the last
    /// answer. A client that is too far ahead of its answers is not read for a while. Example: wspipe
    /// serve --delay 200ms 9000
    #[arg(long, value_name = "DURATION", default_value = "0", hide_default_value = true,
          help_heading = "Messages", value_parser = values::duration)]
    pub delay: Duration,

    /// Close each connection with this code once it is open; 1005 is a Close without a code, 1006 drops
    /// the connection without a Close
    ///
    /// With --delay, that happens so much later. Messages that come meanwhile are not answered. Example:
    /// wspipe serve --close 1013 9000
    #[arg(long, value_name = "CODE", help_heading = "Closing", value_parser = values::farewell_code)]
    pub close: Option<u16>,

    /// Close with this reason, at most 123 bytes
    ///
    /// Example: wspipe serve --close 1008 --close-reason 'token expired' 9000
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true,
          help_heading = "Closing", allow_hyphen_values = true, requires = "close",
          value_parser = values::close_reason)]
    pub close_reason: String,

    /// Close when so many messages of the client have come, and are answered
    ///
    /// Example: wspipe serve --close 1006 --close-after 3 9000
    #[arg(long, value_name = "N", default_value = "0", hide_default_value = true,
          help_heading = "Closing", requires = "close", value_parser = values::count)]
    pub close_after: u64,

    /// Refuse every upgrade with this HTTP status, 200 to 599
    ///
    /// What a status has to say besides is said (WWW-Authenticate with 401); -H says more. Example:
    /// wspipe serve --refuse 503 -H 'Retry-After: 5' 9000
    #[arg(long, value_name = "STATUS", help_heading = "Opening handshake",
          conflicts_with_all = ["echo", "broadcast", "sink", "close", "subprotocols", "max_connections"],
          value_parser = status)]
    pub refuse: Option<StatusCode>,

    /// Add this header to the answer: 'Name: value'. May be repeated
    ///
    /// Example: wspipe serve --refuse 302 -H 'Location: ws://localhost:9001/' 9000
    #[arg(short = 'H', long = "header", value_name = "HEADER|@FILE", allow_hyphen_values = true,
          help_heading = "Opening handshake", value_parser = secret)]
    pub headers: Vec<Secret>,

    /// Speak this subprotocol. May be repeated, the preferred one first
    ///
    /// The first one of these that a client offers is chosen. A client that offers none of them gets none,
    /// and may go on or not (RFC 6455 section 4.2.2). Without the flag, the first one that is offered is
    /// chosen. Example: wspipe serve --subprotocol chat.v2 --subprotocol chat 9000
    #[arg(long = "subprotocol", value_name = "NAME", help_heading = "Opening handshake",
          value_parser = values::subprotocol)]
    pub subprotocols: Vec<String>,

    /// Refuse clients with 503 while so many are connected
    ///
    /// Example: wspipe serve --max-connections 1 9000
    #[arg(long, value_name = "N", help_heading = "Opening handshake",
          value_parser = connections)]
    pub max_connections: Option<usize>,

    /// Speak TLS, wss://, with a certificate that is made on the spot
    ///
    /// It is for localhost, 127.0.0.1, ::1 and HOST. The certificate of the authority that has signed it is
    /// in a file, which is the second line of stdout, and WSPIPE_CACERT and, unless that is set,
    /// NODE_EXTRA_CA_CERTS for a COMMAND: a temporary file, or that of --tls-ca. The authority's key is
    /// forgotten at once, so it signs nothing else. Example: wspipe serve --tls -- sh -c 'wspipe send
    /// --cacert "$WSPIPE_CACERT" -n 1 "$WSPIPE_URL" hello'
    #[arg(long, help_heading = "TLS")]
    pub tls: bool,

    /// Write the certificate of that authority to this file, which stays
    ///
    /// Example: wspipe serve --tls --tls-ca ca.pem 9443
    #[arg(
        long,
        value_name = "FILE",
        help_heading = "TLS",
        requires = "tls",
        conflicts_with = "certificate"
    )]
    pub tls_ca: Option<PathBuf>,

    /// Speak TLS with this certificate: a PEM file, which may hold its key too
    ///
    /// Those that have signed it follow it in the file. Example: wspipe serve --cert server.pem --key
    /// server.key 9443
    #[arg(short = 'E', long = "cert", value_name = "FILE", help_heading = "TLS")]
    pub certificate: Option<PathBuf>,

    /// The private key of --cert, in PEM and without a password
    ///
    /// Example: wspipe serve --cert server.pem --key server.key 9443
    #[arg(long, value_name = "FILE", help_heading = "TLS", requires = "certificate")]
    pub key: Option<PathBuf>,

    /// Say on stderr what became of each connection, in a line
    ///
    /// Example: wspipe serve -v 9000
    #[arg(short = 'v', long, help_heading = "Output")]
    pub verbose: bool,

    /// Write what passes to a file as records, one a line, as the clients would have recorded it
    ///
    /// us is the client, and each connection has a number in conn, so that check and --replay take the
    /// file. Of a message over 64 MiB, and of one that comes while 256 MiB of others do, it has the length
    /// only. It is for nobody else to read. Example: wspipe serve --record session.jsonl -- ./client
    #[arg(long, value_name = "FILE", help_heading = "Output", conflicts_with = "replay",
          value_hint = ValueHint::FilePath)]
    pub record: Option<PathBuf>,

    /// Run this command with WSPIPE_URL set, and end with its exit code
    #[arg(value_name = "COMMAND", last = true)]
    pub command: Vec<OsString>,
}

fn status(typed: &str) -> Result<StatusCode, String> {
    let number = typed.parse().ok().filter(|status| (200..=599).contains(status));
    number
        .and_then(|status| StatusCode::from_u16(status).ok())
        .ok_or_else(|| "a refusal has a status from 200 to 599".into())
}

fn connections(typed: &str) -> Result<usize, String> {
    // More than a semaphore can count are no limit.
    let most = typed.parse().ok().filter(|most| (1..=1 << 20).contains(most));
    most.ok_or_else(|| "a number of connections from 1 to 1048576".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_has_a_final_status() {
        for (typed, expected) in [
            ("200", Some(200)),
            ("302", Some(302)),
            ("599", Some(599)),
            ("101", None),
            ("199", None),
            ("600", None),
            ("x", None),
        ] {
            assert_eq!(status(typed).ok().map(|status| status.as_u16()), expected, "{typed}");
        }
        for (typed, expected) in [("1", Some(1)), ("0", None), ("-1", None), ("1048577", None)] {
            assert_eq!(connections(typed).ok(), expected, "{typed}");
        }
    }
}
