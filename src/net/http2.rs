//! The opening handshake over HTTP/2 (RFC 8441), and the stream that it opens: DATA frames of one
//! HTTP/2 stream carry what goes over TCP otherwise. The frames and windows are h2's work, which is
//! polled by whoever reads or writes, so that nothing is under way in a task of its own.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use anyhow::anyhow;
use bytes::{Buf as _, Bytes};
use h2::client::{Builder, Connection, SendRequest};
use h2::ext::Protocol;
use h2::{Ping, Reason, RecvStream, SendStream};
use hyper::header::{CONNECTION, HOST, HeaderMap, SEC_WEBSOCKET_KEY, UPGRADE};
use hyper::http::response;
use hyper::{Method, Request, StatusCode, Version};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::Stream;
use super::stream::{Asking, State};
use super::upgrade::refused_by_tls;
use crate::failure::{Failure, root_cause};
use crate::handshake::{HandshakeFault, Location, Step};

/// Bytes that the server may send before we have read them.
const WINDOW: u32 = 256 * 1024;
/// What h2 allows for small frames that were not read, each of which costs up to 256. The window bounds
/// them too: a server that sends each short message in a frame of its own breaks no rule by it.
const FRAME_BUDGET: usize = 256 * WINDOW as usize;
/// Bytes of an answer's head, counted as RFC 9113 section 10.5.1 does: about as much as over HTTP/1.1. Without
/// it h2 takes 16 MiB, and tiny headers take several times that in memory.
const HEAD: u32 = 400 * 1024;
/// Bytes that are handed over to be written at a time.
const WRITE: usize = 64 * 1024;

/// One stream of HTTP/2, with the connection to itself.
#[derive(Debug)]
pub struct Tunnel {
    connection: Connection<Asking, Bytes>,
    /// Whether the connection has ended, so that it is not polled again.
    ended: bool,
    /// Why, if it did not end well.
    failure: Option<String>,
    /// Whether the socket took everything, and whether its failures matter.
    state: Arc<State>,
    out: SendStream<Bytes>,
    input: RecvStream,
    /// What was received and not read.
    unread: Bytes,
    shut: bool,
}

/// Asks for the upgrade by an extended CONNECT.
///
/// # Errors
/// The server does not know it, or HTTP/2 fails.
pub async fn ask(
    stream: Stream,
    location: &Location,
    headers: &HeaderMap,
    tell: &mut dyn FnMut(Step),
) -> Result<(response::Parts, Tunnel), Failure> {
    let stream = Asking::new(stream);
    let state = stream.state();
    let fault = |error: h2::Error| fault(location, &error);
    let (mut sender, mut connection) = Builder::new()
        .enable_push(false)
        .initial_window_size(WINDOW)
        .initial_connection_window_size(WINDOW)
        .data_frame_budget(FRAME_BUDGET)
        .max_header_list_size(HEAD)
        .handshake(stream)
        .await
        .map_err(fault)?;
    if !knows_extended_connect(&sender, &mut connection).await.map_err(fault)? {
        return Err(HandshakeFault::NoWebSocketInHttp2.into());
    }
    drive(&mut connection, |cx| sender.poll_ready(cx))
        .await
        .and_then(|ready| ready)
        .map_err(fault)?;
    let request = request(location, headers)?;
    let line = format!("CONNECT {} HTTP/2", location.resource);
    let authority = request.uri().authority().map_or("", |authority| authority.as_str());
    let lines = [&line, ":protocol: websocket", &format!(":authority: {authority}")];
    tell(Step::Asked(&lines, Version::HTTP_2, request.headers()));
    let (mut answer, out) = sender.send_request(request, false).map_err(fault)?;
    let answer = drive(&mut connection, |cx| {
        // What there is of heads before the answer is looked at first.
        while let Poll::Ready(Some(Ok(early))) = answer.poll_informational(cx) {
            if early.status() == StatusCode::SWITCHING_PROTOCOLS {
                return Poll::Ready(Err(HandshakeFault::Switching.into()));
            }
        }
        Pin::new(&mut answer).poll(cx).map_err(fault)
    });
    let (parts, input) = answer.await.map_err(fault)??.into_parts();
    state.set_answered();
    let (unread, ended, failure, shut) = (Bytes::new(), false, None, false);
    Ok((parts, Tunnel { connection, ended, failure, state, out, input, unread, shut }))
}

/// Whether the server's settings offer extended CONNECT (section 3). They are the first that a server
/// sends (RFC 9113 section 3.4), so they are here when a Ping is answered.
async fn knows_extended_connect(
    sender: &SendRequest<Bytes>,
    connection: &mut Connection<Asking, Bytes>,
) -> Result<bool, h2::Error> {
    let Some(mut pings) = connection.ping_pong() else { return Ok(false) };
    pings.send_ping(Ping::opaque())?;
    let known = |cx: &mut Context| {
        if sender.is_extended_connect_protocol_enabled() {
            return Poll::Ready(Ok(true));
        }
        let pong = ready!(pings.poll_pong(cx));
        Poll::Ready(pong.map(|_| sender.is_extended_connect_protocol_enabled()))
    };
    drive(connection, known).await?
}

/// Polls something that waits for the connection, and the connection meanwhile.
async fn drive<T>(
    connection: &mut Connection<Asking, Bytes>,
    mut poll: impl FnMut(&mut Context) -> Poll<T>,
) -> Result<T, h2::Error> {
    poll_fn(|cx| {
        let moved = Pin::new(&mut *connection).poll(cx);
        match (poll(cx), moved) {
            (Poll::Ready(done), _) => Poll::Ready(Ok(done)),
            (Poll::Pending, Poll::Ready(Err(error))) => Poll::Ready(Err(error)),
            (Poll::Pending, Poll::Ready(Ok(()))) => Poll::Ready(Err(Reason::NO_ERROR.into())),
            (Poll::Pending, Poll::Pending) => Poll::Pending,
        }
    })
    .await
}

/// The request of RFC 8441 section 5: without what belongs to HTTP/1.1.
fn request(location: &Location, headers: &HeaderMap) -> Result<Request<()>, Failure> {
    let host = headers.get(HOST).and_then(|host| host.to_str().ok());
    let authority = host.map_or_else(|| location.host_header(), Into::into);
    let scheme = if location.secure { "https" } else { "http" };
    let mut request = Request::builder()
        .method(Method::CONNECT)
        .version(Version::HTTP_2)
        .uri(format!("{scheme}://{authority}{}", location.resource))
        .extension(Protocol::from_static("websocket"))
        .body(())
        .map_err(|error| {
            anyhow!("{authority}{} cannot be asked for: {error}", location.resource)
        })?;
    let mut headers = headers.clone();
    for name in [HOST, CONNECTION, UPGRADE, SEC_WEBSOCKET_KEY] {
        headers.remove(name);
    }
    // RFC 9113 section 8.2.2.
    let of_the_past = ["transfer-encoding", "keep-alive", "proxy-connection", "te"];
    if let Some(name) = of_the_past.into_iter().find(|name| headers.contains_key(*name)) {
        let what = format!("-H {name} cannot be sent over HTTP/2");
        return Err(Failure::usage(what, "it is a header of HTTP/1.1 connections: leave it out"));
    }
    *request.headers_mut() = headers;
    Ok(request)
}

fn fault(location: &Location, error: &h2::Error) -> Failure {
    match error.get_io() {
        Some(io) => refused_by_tls(location, io)
            .unwrap_or_else(|| HandshakeFault::Cut(format!(": {}", root_cause(io))).into()),
        None if error.reason() == Some(Reason::HTTP_1_1_REQUIRED) => {
            HandshakeFault::NoWebSocketInHttp2.into()
        }
        None if is_of_head(error) => HandshakeFault::TooLarge.into(),
        // h2 has the same word for both.
        None if error.is_library() && error.is_reset() => {
            let why =
                format!("the answer is malformed, or its head larger than {} KiB", HEAD / 1024);
            HandshakeFault::Http2(why).into()
        }
        None => HandshakeFault::Http2(words(error)).into(),
    }
}

/// Whether the head of the answer was so large that h2 broke off. Before the answer it says this of nothing
/// else.
fn is_of_head(error: &h2::Error) -> bool {
    error.is_library() && error.reason() == Some(Reason::ENHANCE_YOUR_CALM)
}

fn words(error: &h2::Error) -> String {
    match error.reason() {
        Some(Reason::NO_ERROR) => "the server ended the connection".into(),
        Some(reason) if error.is_remote() => format!("the server says {reason:?}"),
        Some(reason) => format!("{reason:?}"),
        None => root_cause(error),
    }
}

impl Tunnel {
    /// The next bytes of a body that is not an open stream.
    pub async fn piece(&mut self) -> Option<Bytes> {
        poll_fn(|cx| self.poll_fill(cx)).await.ok()?;
        Some(std::mem::take(&mut self.unread)).filter(|piece| !piece.is_empty())
    }

    /// Lets the connection move what it can.
    fn poll_connection(&mut self, cx: &mut Context) -> io::Result<()> {
        if !self.ended
            && let Poll::Ready(ended) = Pin::new(&mut self.connection).poll(cx)
        {
            self.ended = true;
            self.failure = ended.map_err(io_error).err().map(|error| root_cause(&error));
        }
        match &self.failure {
            None => Ok(()),
            Some(why) => Err(io::Error::other(why.clone())),
        }
    }

    /// Waits until something is unread; nothing is at the end.
    fn poll_fill(&mut self, cx: &mut Context) -> Poll<io::Result<()>> {
        // What was received before a failure comes first.
        let moved = self.poll_connection(cx);
        // A frame may be empty (RFC 9113 section 6.1), which is not the end.
        while self.unread.is_empty() {
            match self.input.poll_data(cx) {
                Poll::Ready(Some(Ok(bytes))) => {
                    // A stream that has ended needs no window.
                    let _ = self.input.flow_control().release_capacity(bytes.len());
                    self.unread = bytes;
                }
                Poll::Ready(Some(Err(error))) if error.reason() == Some(Reason::NO_ERROR) => break,
                Poll::Ready(Some(Err(error))) => return Poll::Ready(Err(io_error(error))),
                Poll::Ready(None) => break,
                Poll::Pending if self.ended => return Poll::Ready(moved),
                Poll::Pending => return Poll::Pending,
            }
        }
        Poll::Ready(Ok(()))
    }

    /// Waits until so many bytes, or some of them, may be sent.
    fn poll_capacity(&mut self, cx: &mut Context, wanted: usize) -> Poll<io::Result<usize>> {
        self.out.reserve_capacity(wanted);
        loop {
            let capacity = self.out.capacity();
            if capacity > 0 {
                return Poll::Ready(Ok(capacity.min(wanted)));
            }
            match self.out.poll_capacity(cx) {
                Poll::Ready(Some(Ok(_))) => {}
                Poll::Ready(Some(Err(error))) => return Poll::Ready(Err(io_error(error))),
                Poll::Ready(None) => return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into())),
                Poll::Pending if self.ended => {
                    return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
                }
                Poll::Pending => return Poll::Pending,
            }
        }
    }
}

impl AsyncRead for Tunnel {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context,
        space: &mut ReadBuf,
    ) -> Poll<io::Result<()>> {
        let before = space.filled().len();
        while space.remaining() > 0 {
            match self.poll_fill(cx) {
                Poll::Ready(Ok(())) if self.unread.is_empty() => break,
                Poll::Ready(Ok(())) => {
                    let taken = self.unread.len().min(space.remaining());
                    space.put_slice(&self.unread[..taken]);
                    self.unread.advance(taken);
                }
                // The next read tells of it.
                _ if space.filled().len() > before => break,
                other => return other,
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Tunnel {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        // A window that has opened is heard of here.
        self.poll_connection(cx)?;
        let size = ready!(self.poll_capacity(cx, bytes.len().min(WRITE)))?;
        let piece = Bytes::copy_from_slice(&bytes[..size]);
        self.out.send_data(piece, false).map_err(io_error)?;
        self.poll_connection(cx)?;
        Poll::Ready(Ok(size))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context) -> Poll<io::Result<()>> {
        self.poll_connection(cx)?;
        // Of a connection that has ended, nothing more is taken.
        if self.ended || self.state.is_flushed() { Poll::Ready(Ok(())) } else { Poll::Pending }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context) -> Poll<io::Result<()>> {
        if !std::mem::replace(&mut self.shut, true) {
            // It may have ended by itself.
            let _ = self.out.send_data(Bytes::new(), true);
        }
        self.poll_flush(cx)
    }
}

fn io_error(error: h2::Error) -> io::Error {
    if error.is_io() {
        return error.into_io().unwrap_or_else(|| io::ErrorKind::Other.into());
    }
    io::Error::other(format!("HTTP/2: {}", words(&error)))
}
