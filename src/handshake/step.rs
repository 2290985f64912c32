//! The steps of an opening, for those who want to hear of them. Nothing happens here.

use std::net::SocketAddr;

use hyper::header::HeaderMap;
use hyper::http::response;

use super::Location;

/// What happens on the way, for `-v` and `-w`.
#[derive(Debug)]
pub enum Step<'a> {
    /// The name has these addresses.
    Resolved(&'a [SocketAddr]),
    /// TCP is connected to this one.
    Connected(SocketAddr),
    /// This is asked.
    Request(&'a Location, &'a HeaderMap),
    /// This is the answer.
    Answer(&'a response::Parts),
}
