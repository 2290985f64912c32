//! The open byte stream, whatever carries it, and how it is used before it is a WebSocket.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use tokio::io::{AsyncBufRead, AsyncRead, AsyncWrite, BufReader, ReadBuf};
use tokio::net::{TcpStream, UnixStream};
use tokio_rustls::client::TlsStream;
use tokio_rustls::server;

use super::http2::Tunnel;

/// A byte stream to a server.
#[derive(Debug)]
pub enum Stream {
    /// TCP, as it is.
    Tcp(TcpStream),
    /// A Unix socket.
    Unix(UnixStream),
    /// TLS over another one.
    Tls(Box<TlsStream<BufReader<Asking>>>),
    /// TLS with a client of ours.
    Served(Box<server::TlsStream<TcpStream>>),
    /// A stream of HTTP/2.
    Http2(Box<Tunnel>),
    /// One of which something has been read already.
    Begun(Box<Begun>),
}

/// A stream, and what was read of it and is to be read again.
#[derive(Debug)]
pub struct Begun {
    early: Bytes,
    stream: Stream,
}

impl Stream {
    /// The same with `early` before the rest.
    pub fn begun_with(self, early: Bytes) -> Stream {
        if early.is_empty() { self } else { Stream::Begun(Box::new(Begun { early, stream: self })) }
    }
}

impl AsyncRead for Begun {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context,
        space: &mut ReadBuf,
    ) -> Poll<io::Result<()>> {
        if self.early.is_empty() {
            return Pin::new(&mut self.stream).poll_read(cx, space);
        }
        let size = self.early.len().min(space.remaining());
        space.put_slice(&self.early.split_to(size));
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Begun {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

/// Does the same whatever carries the stream.
macro_rules! on_each {
    ($stream:expr, $inner:ident => $does:expr) => {
        match $stream.get_mut() {
            Stream::Tcp($inner) => {
                let $inner = Pin::new($inner);
                $does
            }
            Stream::Unix($inner) => {
                let $inner = Pin::new($inner);
                $does
            }
            Stream::Tls($inner) => {
                let $inner = Pin::new($inner.as_mut());
                $does
            }
            Stream::Served($inner) => {
                let $inner = Pin::new($inner.as_mut());
                $does
            }
            Stream::Http2($inner) => {
                let $inner = Pin::new($inner.as_mut());
                $does
            }
            Stream::Begun($inner) => {
                let $inner = Pin::new($inner.as_mut());
                $does
            }
        }
    };
}

/// Bytes that are copied at once: for more of them glibc has the processor copy strings (rep movsb), which
/// takes AMD's several times as long, depending on where the bytes lie.
const PIECE: usize = 2048;

impl AsyncRead for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context,
        space: &mut ReadBuf,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Stream::Tls(inner) => copy_out(Pin::new(inner.as_mut()), cx, space),
            Stream::Served(inner) => copy_out(Pin::new(inner.as_mut()), cx, space),
            Stream::Tcp(inner) => Pin::new(inner).poll_read(cx, space),
            Stream::Unix(inner) => Pin::new(inner).poll_read(cx, space),
            Stream::Http2(inner) => Pin::new(inner.as_mut()).poll_read(cx, space),
            Stream::Begun(inner) => Pin::new(inner.as_mut()).poll_read(cx, space),
        }
    }
}

/// Copies out what was decrypted.
fn copy_out<R: AsyncBufRead>(
    mut stream: Pin<&mut R>,
    cx: &mut Context,
    space: &mut ReadBuf,
) -> Poll<io::Result<()>> {
    let decrypted = ready!(stream.as_mut().poll_fill_buf(cx))?;
    let size = decrypted.len().min(space.remaining());
    decrypted[..size].chunks(PIECE).for_each(|piece| space.put_slice(piece));
    stream.consume(size);
    Poll::Ready(Ok(()))
}

impl AsyncWrite for Stream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context, bytes: &[u8]) -> Poll<io::Result<usize>> {
        on_each!(self, inner => inner.poll_write(cx, bytes))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context,
        parts: &[IoSlice],
    ) -> Poll<io::Result<usize>> {
        on_each!(self, inner => inner.poll_write_vectored(cx, parts))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context) -> Poll<io::Result<()>> {
        on_each!(self, inner => inner.poll_flush(cx))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context) -> Poll<io::Result<()>> {
        on_each!(self, inner => inner.poll_shutdown(cx))
    }
}

/// What is read at once of an answer. The runtime takes its turns by the number of reads, and hyper goes
/// through all that a read brings: of a flood of early hints, larger ones would hold up every time limit.
const MOST_OF_AN_ANSWER: usize = 4096;

/// A stream on which a question is asked: that it cannot be written is not told, because the other
/// side may have said why before, and reading tells in any case.
#[derive(Debug)]
pub struct Asking {
    stream: Stream,
    /// Whether writing has failed without a word.
    failed: bool,
    state: Arc<State>,
}

/// What is known of a stream by those who have it no longer. Streams within streams share it.
#[derive(Debug, Default)]
pub struct State {
    /// Whether the question is answered, so that failures matter again.
    answered: AtomicBool,
    /// Whether something was written that the system has not taken yet.
    unflushed: AtomicBool,
}

impl State {
    /// Says that failures matter again.
    pub fn set_answered(&self) {
        self.answered.store(true, Ordering::Relaxed);
    }

    /// Whether the system has taken all that was written.
    pub fn is_flushed(&self) -> bool {
        !self.unflushed.load(Ordering::Relaxed)
    }

    fn fails_in_silence(&self) -> bool {
        !self.answered.load(Ordering::Relaxed)
    }
}

impl Asking {
    /// A stream that nothing was asked on yet.
    pub fn new(stream: Stream) -> Asking {
        let state = match &stream {
            Stream::Tls(inner) => inner.get_ref().0.get_ref().state(),
            _ => Arc::default(),
        };
        // Within a tunnel there is another question than that for the tunnel.
        state.answered.store(false, Ordering::Relaxed);
        Asking { stream, failed: false, state }
    }

    /// What will be known of the stream.
    pub fn state(&self) -> Arc<State> {
        Arc::clone(&self.state)
    }

    /// The stream, once all questions are answered.
    pub fn into_inner(self) -> Stream {
        self.state.set_answered();
        self.stream
    }

    fn unless_failed<T>(
        &mut self,
        nothing: T,
        poll: impl FnOnce(Pin<&mut Stream>) -> Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        if self.failed && self.state.fails_in_silence() {
            return Poll::Ready(Ok(nothing));
        }
        match poll(Pin::new(&mut self.stream)) {
            Poll::Ready(Err(_)) if self.state.fails_in_silence() => {
                self.failed = true;
                Poll::Ready(Ok(nothing))
            }
            result => result,
        }
    }
}

impl AsyncRead for Asking {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context,
        space: &mut ReadBuf,
    ) -> Poll<io::Result<()>> {
        if self.state.answered.load(Ordering::Relaxed) {
            return Pin::new(&mut self.stream).poll_read(cx, space);
        }
        let mut bytes = [0; MOST_OF_AN_ANSWER];
        let most = space.remaining().min(bytes.len());
        let mut part = ReadBuf::new(&mut bytes[..most]);
        let result = Pin::new(&mut self.stream).poll_read(cx, &mut part);
        space.put_slice(part.filled());
        result
    }
}

impl AsyncWrite for Asking {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.state.unflushed.store(true, Ordering::Relaxed);
        self.unless_failed(bytes.len(), |stream| stream.poll_write(cx, bytes))
    }

    /// TLS has several records to write at once.
    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context,
        parts: &[IoSlice],
    ) -> Poll<io::Result<usize>> {
        self.state.unflushed.store(true, Ordering::Relaxed);
        let length = parts.iter().map(|part| part.len()).sum();
        self.unless_failed(length, |stream| stream.poll_write_vectored(cx, parts))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context) -> Poll<io::Result<()>> {
        let flushed = self.unless_failed((), |stream| stream.poll_flush(cx));
        self.state.unflushed.store(flushed.is_pending(), Ordering::Relaxed);
        flushed
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context) -> Poll<io::Result<()>> {
        let done = self.unless_failed((), |stream| stream.poll_shutdown(cx));
        self.state.unflushed.store(done.is_pending(), Ordering::Relaxed);
        done
    }
}
