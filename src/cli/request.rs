//! Flags about the server: where it is and what the opening handshake says.

use std::convert::Infallible;
use std::path::PathBuf;

use clap::Args;
use hyper::header::HeaderValue;

use super::{NetworkArgs, ProxyArgs, TlsArgs};
use crate::handshake::{HeaderLine, Login};

/// Where to, and what to ask for.
#[derive(Args, Debug)]
pub struct RequestArgs {
    /// The server, such as ws://localhost:9000/path or wss://example.org/ (http:// and https:// are
    /// taken as these), a bare localhost:9000/path, or echo: for the built-in echo server
    pub url: String,

    /// Send a request header, as in curl: 'Name: value'; 'Name:' takes one away, 'Name;' sends an
    /// empty one. May be repeated
    ///
    /// @FILE is a file with a header in each line, which keeps secrets off the command line. Example:
    /// wspipe listen -H @headers.txt ws://localhost:9000/
    #[arg(short = 'H', long = "header", value_name = "HEADER|@FILE", help_heading = "Request",
          allow_hyphen_values = true, value_parser = header)]
    pub headers: Vec<Header>,

    /// Send this Origin header
    #[arg(long, value_name = "ORIGIN", help_heading = "Request", value_parser = header_value)]
    pub origin: Option<HeaderValue>,

    /// Offer a subprotocol. May be repeated, the preferred one first
    #[arg(long = "subprotocol", value_name = "NAME", help_heading = "Request",
          value_parser = subprotocol)]
    pub subprotocols: Vec<String>,

    /// Send this User-Agent [default: wspipe/VERSION]
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
    /// Others on this machine may see the command line: -H @FILE keeps a token off it.
    #[arg(
        long,
        value_name = "TOKEN",
        help_heading = "Request",
        conflicts_with = "user",
        allow_hyphen_values = true
    )]
    pub oauth2_bearer: Option<String>,

    /// The way to the server.
    #[command(flatten)]
    pub network: NetworkArgs,

    /// The proxy on the way.
    #[command(flatten)]
    pub proxy: ProxyArgs,

    /// How TLS is spoken.
    #[command(flatten)]
    pub tls: TlsArgs,
}

/// `-H` as it is typed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Header {
    /// A header.
    Line(HeaderLine),
    /// A file with a header in each line.
    File(PathBuf),
}

fn header(typed: &str) -> Result<Header, String> {
    match typed.strip_prefix('@') {
        Some(file) => Ok(Header::File(file.into())),
        None => HeaderLine::parse(typed).map(Header::Line),
    }
}

/// A user, with a password or without one.
pub(super) fn login(typed: &str) -> Result<Login, Infallible> {
    Ok(Login::parse(typed))
}

fn header_value(typed: &str) -> Result<HeaderValue, String> {
    HeaderValue::from_bytes(typed.as_bytes())
        .map_err(|_| "it contains a control character".to_owned())
}

/// RFC 6455 section 4.1, 10: a token of RFC 9110 section 5.6.2.
fn subprotocol(typed: &str) -> Result<String, String> {
    let is_token = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
    if typed.is_empty() || !typed.chars().all(is_token) {
        return Err("a subprotocol is letters, digits and !#$%&'*+-.^_`|~; offer several by repeating the flag".into());
    }
    Ok(typed.to_owned())
}
