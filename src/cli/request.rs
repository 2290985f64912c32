//! Flags about the server: where it is and what the opening handshake says.

use std::convert::Infallible;
use std::path::PathBuf;

use clap::Args;
use hyper::header::HeaderValue;

use super::compress::compress;
use super::{NetworkArgs, ProxyArgs, RetryArgs, Seldom, TlsArgs, values};
use crate::handshake::{Login, Offer, Secret};

/// Where to, and what to ask for.
#[derive(Args, Debug)]
pub struct RequestArgs {
    /// The server, such as ws://localhost:9000/path or wss://example.org/ (http:// and https:// are
    /// taken as these), a bare localhost:9000/path, or echo: for the built-in echo server
    #[arg(value_parser = secret)]
    pub url: Secret,

    /// What to ask for, and the way.
    #[command(flatten)]
    pub opening: Seldom<OpeningArgs>,

    /// Write the cookies that are known at the end to a file, which -b reads; - is stdout
    ///
    /// It is for nobody else to read (mode 0600; the mode of an existing file is tightened). Example: wspipe
    /// listen -b jar.txt -c jar.txt ws://localhost:9000/
    #[arg(short = 'c', long, value_name = "FILE", help_heading = "Request")]
    pub cookie_jar: Option<PathBuf>,
}

/// What to ask for, and the way.
#[derive(Args, Debug, Default)]
pub struct OpeningArgs {
    /// Send a request header, as in curl: 'Name: value'; 'Name:' takes one away, 'Name;' sends an
    /// empty one. May be repeated
    ///
    /// @FILE is a file with a header in each line, which keeps secrets off the command line; @- is stdin.
    /// Example: wspipe listen -H @headers.txt ws://localhost:9000/
    #[arg(short = 'H', long = "header", value_name = "HEADER|@FILE", help_heading = "Request",
          allow_hyphen_values = true, value_parser = secret)]
    pub headers: Vec<Secret>,

    /// Send this Origin header
    ///
    /// Example: wspipe listen --origin https://www.example.org ws://localhost:9000/
    #[arg(long, value_name = "ORIGIN", help_heading = "Request", value_parser = header_value)]
    pub origin: Option<HeaderValue>,

    /// Offer a subprotocol. May be repeated, the preferred one first
    ///
    /// Example: wspipe listen --subprotocol mqtt --subprotocol chat ws://localhost:9000/
    #[arg(long = "subprotocol", value_name = "NAME", help_heading = "Request",
          value_parser = values::subprotocol)]
    pub subprotocols: Vec<String>,

    /// Compress messages (permessage-deflate, RFC 7692) if the server agrees
    ///
    /// PARAMS follow an equals sign, with commas between. Offered to the server are
    /// client_no_context_takeover and server_no_context_takeover (each message by itself, for us and for
    /// the server), client_max_window_bits=N (9 to 15: how far back we refer; without N, which is always
    /// offered, the server may say) and server_max_window_bits=N (8 to 15). For us are level=N, 0
    /// (nothing is compressed), or 1 (fast) to 9 (small) [default: 6], and min-size=SIZE, below which a
    /// message is sent as it is [default: 0]; one of more than 1 MiB is always compressed. The flag given
    /// again replaces the first. A server that asks us for a window of 256 bytes, which zlib does not
    /// have, gets everything as it is. Example: wspipe send --compress=level=9,min-size=100
    /// ws://localhost:9000/ < events.jsonl
    #[arg(long, value_name = "PARAMS", help_heading = "Request", num_args = 0..=1,
          require_equals = true, default_missing_value = "", value_parser = compress)]
    pub compress: Option<Offer>,

    /// Send this User-Agent [default: wspipe/VERSION]
    ///
    /// Example: wspipe listen -A 'Mozilla/5.0' ws://localhost:9000/
    #[arg(short = 'A', long, value_name = "NAME", help_heading = "Request",
          value_parser = header_value)]
    pub user_agent: Option<HeaderValue>,

    /// Log in with HTTP's Basic scheme; without a colon, the password is asked for at the terminal
    ///
    /// Others on this machine may see the command line: --netrc, or -H @FILE, keeps a password off it.
    /// Example: wspipe listen -u me ws://localhost:9000/
    #[arg(short = 'u', long, value_name = "USER:PASSWORD", help_heading = "Request",
          allow_hyphen_values = true, value_parser = login)]
    pub user: Option<Login>,

    /// Send this token in the Authorization header, as the Bearer scheme does (RFC 6750)
    ///
    /// Others on this machine may see the command line: -H @FILE keeps a token off it. Example: wspipe
    /// listen --oauth2-bearer "$TOKEN" wss://localhost:9443/
    #[arg(
        long,
        value_name = "TOKEN",
        help_heading = "Request",
        conflicts_with = "user",
        allow_hyphen_values = true,
        value_parser = secret
    )]
    pub oauth2_bearer: Option<Secret>,

    /// Log in as the file ~/.netrc, or the one in NETRC, says for the host
    ///
    /// The file has lines such as: machine localhost login me password secret. A user in the URL picks
    /// that one's line; -u comes first. Example: wspipe listen --netrc ws://localhost:9000/
    #[arg(long, help_heading = "Request")]
    pub netrc: bool,

    /// The same with another file
    ///
    /// Example: wspipe listen --netrc-file ci.netrc ws://localhost:9000/
    #[arg(long, value_name = "FILE", help_heading = "Request")]
    pub netrc_file: Option<PathBuf>,

    /// Send cookies: 'NAME=VALUE; NAME=VALUE', or a file with those for many hosts. May be repeated
    ///
    /// What has no = is the name of a file, in the Netscape format or with Set-Cookie headers; then the
    /// cookies that a server sets are sent back to it after a redirect. Cookies on the command line go to
    /// no other origin. Example: wspipe listen -b session=4711 ws://localhost:9000/
    #[arg(
        short = 'b',
        long = "cookie",
        value_name = "COOKIES|FILE",
        help_heading = "Request",
        allow_hyphen_values = true,
        value_parser = secret
    )]
    pub cookies: Vec<Secret>,

    /// Go where the server says that it is: follow redirects (301, 302, 303, 307, 308)
    ///
    /// http:// and https:// are taken as ws:// and wss://. Another origin (scheme, host and port) is
    /// told neither user nor token, nor what -b, -H Authorization and -H Cookie say; all other headers, and
    /// the certificate of --cert, go there too. Example: wspipe listen -L http://localhost:9000/
    #[arg(short = 'L', long, help_heading = "Request")]
    pub location: bool,

    /// With -L, fail (exit 47) after so many redirects; -1 is no limit [default: 50]
    ///
    /// Example: wspipe listen -L --max-redirs 3 ws://localhost:9000/
    #[arg(long, value_name = "N", help_heading = "Request",
          allow_negative_numbers = true, value_parser = max_redirs)]
    pub max_redirs: Option<i64>,

    /// With -L, go from wss:// to ws:// too, where everybody on the way can read
    ///
    /// Example: wspipe listen -L --allow-downgrade wss://localhost:9443/
    #[arg(long, help_heading = "Request")]
    pub allow_downgrade: bool,

    /// Open the session over HTTP/2 (RFC 8441) if the server can, else over HTTP/1.1
    ///
    /// It is agreed on by TLS, so it is for wss://; a line on stderr says when HTTP/1.1 is spoken.
    /// Example: wspipe send --http2 wss://localhost:9443/ hello
    #[arg(long, help_heading = "Request", overrides_with = "http2_prior_knowledge")]
    pub http2: bool,

    /// Open the session over HTTP/2, over ws:// too, or fail (exit 8)
    ///
    /// Example: wspipe send --http2-prior-knowledge ws://localhost:9000/ hello
    #[arg(long, help_heading = "Request")]
    pub http2_prior_knowledge: bool,

    /// The way to the server.
    #[command(flatten)]
    pub network: NetworkArgs,

    /// Trying again.
    #[command(flatten)]
    pub retry: RetryArgs,

    /// The proxy on the way.
    #[command(flatten)]
    pub proxy: ProxyArgs,

    /// How TLS is spoken.
    #[command(flatten)]
    pub tls: TlsArgs,
}

impl OpeningArgs {
    /// How many redirects are followed; a negative number is no limit.
    pub fn max_redirs(&self) -> i64 {
        self.max_redirs.unwrap_or(50)
    }
}

/// What clap is not to show, whatever is wrong with it.
pub(super) fn secret(typed: &str) -> Result<Secret, Infallible> {
    Ok(Secret(typed.to_owned()))
}

/// A user, with a password or without one.
pub(super) fn login(typed: &str) -> Result<Login, Infallible> {
    Ok(Login::parse(typed))
}

fn max_redirs(typed: &str) -> Result<i64, String> {
    typed.parse().ok().filter(|number| *number >= -1).ok_or("a number, or -1 for no limit".into())
}

fn header_value(typed: &str) -> Result<HeaderValue, String> {
    HeaderValue::from_bytes(typed.as_bytes())
        .map_err(|_| "it contains a control character".to_owned())
}
