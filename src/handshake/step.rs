//! The steps of an opening, for those who want to hear of them. Nothing happens here.

use std::net::SocketAddr;
use std::path::Path;

use hyper::Version;
use hyper::header::HeaderMap;
use hyper::http::response;

use super::{Location, Route, TlsInfo};

/// What happens on the way, for `-v` and `-w`.
#[derive(Debug)]
pub enum Step<'a> {
    /// This way is taken.
    Route(&'a Route),
    /// The name has these addresses.
    Resolved(&'a [SocketAddr]),
    /// TCP is connected to this one.
    Connected(SocketAddr),
    /// A Unix socket is connected.
    Attached(&'a Path),
    /// This would be missing if the time were over now.
    Awaiting(&'static str),
    /// TLS is spoken.
    Secured(Hop, &'a TlsInfo),
    /// A SOCKS proxy is asked for a tunnel to this host and port.
    Tunnelling(&'a str),
    /// The proxy has opened a tunnel to this host and port.
    Tunnelled(&'a str),
    /// This is asked: the request line, with what HTTP/2 has besides, the version, and the headers.
    Asked(&'a [&'a str], Version, &'a HeaderMap),
    /// This is the answer.
    Answered(Hop, &'a response::Parts),
    /// HTTP/1.1 is spoken in place of HTTP/2, for this reason.
    Fallback(&'a str),
    /// It leads to this one; whether that is of another origin.
    Redirected(&'a Location, bool),
}

/// Who is spoken to on the way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hop {
    /// The proxy.
    Proxy,
    /// The server.
    Server,
}

impl Hop {
    /// Its name in messages, with host and port.
    pub fn named(self, address: &str) -> String {
        match self {
            Hop::Proxy => format!("the proxy {address}"),
            Hop::Server => address.to_owned(),
        }
    }
}
