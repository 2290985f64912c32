//! The steps of an opening, for those who want to hear of them. Nothing happens here.

use std::net::SocketAddr;
use std::path::Path;

use hyper::header::HeaderMap;
use hyper::http::response;

use super::{Location, TlsInfo};

/// What happens on the way, for `-v` and `-w`.
#[derive(Debug)]
pub enum Step<'a> {
    /// The name has these addresses.
    Resolved(&'a [SocketAddr]),
    /// TCP is connected to this one.
    Connected(SocketAddr),
    /// A Unix socket is connected.
    Attached(&'a Path),
    /// TLS is spoken.
    Secured(&'a TlsInfo),
    /// This is asked.
    Request(&'a Location, &'a HeaderMap),
    /// This is the answer.
    Answer(&'a response::Parts),
}
