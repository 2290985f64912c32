//! The opening handshake over HTTP/1.1, by hyper, as a client.

use std::error::Error as _;
use std::io;

use anyhow::anyhow;
use bytes::Bytes;
use http_body_util::{BodyExt, Empty};
use hyper::body::Incoming;
use hyper::client::conn::http1 as client;
use hyper::http::response;
use hyper::upgrade::Upgraded;
use hyper::{HeaderMap, Response, Version};
use hyper_util::rt::TokioIo;

use super::stream::Asking;
use super::tls::handshake_fault;
use super::{Opened, Stream};
use crate::failure::{Failure, root_cause};
use crate::handshake::{self, HandshakeFault, Hop, Location, Offer, Step};

/// Headers that an answer may have.
const MAX_HEADERS: usize = 1000;

/// Asks for the upgrade.
pub async fn ask(
    stream: Stream,
    location: &Location,
    headers: &HeaderMap,
    tell: &mut dyn FnMut(Step),
) -> Result<(response::Parts, Incoming), Failure> {
    let line = format!("GET {} HTTP/1.1", location.resource);
    tell(Step::Asked(&[&line], Version::HTTP_11, headers));
    let mut request =
        hyper::Request::get(&location.resource).body(Empty::<Bytes>::new()).map_err(|error| {
            anyhow!("the path {:?} cannot be asked for: {error}", location.resource)
        })?;
    *request.headers_mut() = headers.clone();
    let answer = http1(stream, request).await.map_err(|error| {
        let io = error.source().and_then(|source| source.downcast_ref());
        io.and_then(|io| refused_by_tls(location, io)).unwrap_or_else(|| fault(error).into())
    })?;
    Ok(answer.into_parts())
}

/// Takes the connection over, if the answer is as it should be.
pub async fn take_over(
    parts: response::Parts,
    body: Incoming,
    asked: &HeaderMap,
    offer: Option<&Offer>,
) -> Result<Opened, Failure> {
    if parts.version != Version::HTTP_11 {
        let what = format!("it says {:?}", parts.version);
        return Err(HandshakeFault::NotHttp(what).into());
    }
    let accepted = handshake::judge(asked, offer, &parts.headers)?;
    let upgraded = hyper::upgrade::on(Response::from_parts(parts, body)).await.map_err(fault)?;
    let (stream, early) = into_stream(upgraded)?;
    Ok(Opened { stream, early, accepted })
}

/// One request over HTTP/1.1; its answer may be an upgrade.
pub async fn http1(
    stream: Stream,
    request: hyper::Request<Empty<Bytes>>,
) -> Result<Response<Incoming>, hyper::Error> {
    let (mut sender, connection) = client::Builder::new()
        .title_case_headers(true)
        .max_headers(MAX_HEADERS)
        .handshake(TokioIo::new(Asking::new(stream)))
        .await?;
    tokio::spawn(async move {
        // An error of the connection reaches us through the request's answer.
        let _ = connection.with_upgrades().await;
    });
    sender.send_request(request).await
}

/// What it means if TLS is behind an error: with TLS 1.3, a client that is refused hears of it after
/// its own part of the handshake.
pub fn refused_by_tls(location: &Location, error: &io::Error) -> Option<Failure> {
    let is_of_tls = error.get_ref()?.is::<rustls::Error>();
    is_of_tls.then(|| handshake_fault(location.address(), Hop::Server, error).into())
}

fn fault(error: hyper::Error) -> HandshakeFault {
    if error.is_parse_too_large() {
        return HandshakeFault::TooLarge;
    }
    if error.is_parse() {
        return HandshakeFault::NotHttp(root_cause(&error));
    }
    let of_system = error.source().and_then(|source| source.downcast_ref::<io::Error>());
    HandshakeFault::Cut(match of_system {
        Some(error) => format!(": {}", root_cause(error)),
        None => String::new(),
    })
}

/// The next bytes of a body.
pub async fn piece(body: &mut Incoming) -> Option<Bytes> {
    loop {
        // What there is of a body that breaks off is worth showing.
        if let Ok(data) = body.frame().await?.ok()?.into_data() {
            return Some(data);
        }
    }
}

/// The stream of an upgraded connection, and what came in the packet of the answer.
pub fn into_stream(upgraded: Upgraded) -> Result<(Stream, Bytes), Failure> {
    let parts = upgraded
        .downcast::<TokioIo<Asking>>()
        .map_err(|_| anyhow!("the upgraded connection is not the one that was dialled"))?;
    Ok((parts.io.into_inner().into_inner(), parts.read_buf))
}
