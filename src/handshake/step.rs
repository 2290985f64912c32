//! The steps of an opening, for those who want to hear of them. Nothing happens here.

use std::net::SocketAddr;
use std::path::Path;

use hyper::header::HeaderMap;
use hyper::http::response;

use super::{Route, TlsInfo};

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
    /// TLS is spoken.
    Secured(Hop, &'a TlsInfo),
    /// A SOCKS proxy is asked for a tunnel to this host and port.
    Tunnelling(&'a str),
    /// The proxy has opened a tunnel to this host and port.
    Tunnelled(&'a str),
    /// This is asked: the request line and the headers.
    Asked(&'a str, &'a HeaderMap),
    /// This is the answer.
    Answered(Hop, &'a response::Parts),
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
