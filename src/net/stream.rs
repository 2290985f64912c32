//! The open byte stream, whatever carries it, and how it is used before it is a WebSocket.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpStream, UnixStream};
use tokio_rustls::client::TlsStream;

/// A byte stream to a server.
#[derive(Debug)]
pub enum Stream {
    /// TCP, as it is.
    Tcp(TcpStream),
    /// A Unix socket.
    Unix(UnixStream),
    /// TLS over another one.
    Tls(Box<TlsStream<Asking>>),
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
        }
    };
}

impl AsyncRead for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context,
        space: &mut ReadBuf,
    ) -> Poll<io::Result<()>> {
        on_each!(self, inner => inner.poll_read(cx, space))
    }
}

impl AsyncWrite for Stream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context, bytes: &[u8]) -> Poll<io::Result<usize>> {
        on_each!(self, inner => inner.poll_write(cx, bytes))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context) -> Poll<io::Result<()>> {
        on_each!(self, inner => inner.poll_flush(cx))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context) -> Poll<io::Result<()>> {
        on_each!(self, inner => inner.poll_shutdown(cx))
    }
}

/// A stream on which a question is asked: that it cannot be written is not told, because the other
/// side may have said why before, and reading tells in any case.
#[derive(Debug)]
pub struct Asking {
    stream: Stream,
    /// Whether writing has failed without a word.
    failed: bool,
    /// Whether the question is answered, so that failures matter again.
    answered: bool,
}

impl Asking {
    /// A stream that nothing was asked on yet.
    pub fn new(stream: Stream) -> Asking {
        Asking { stream, failed: false, answered: false }
    }

    /// The stream, once all questions are answered.
    pub fn into_inner(self) -> Stream {
        let mut stream = self.stream;
        if let Stream::Tls(inner) = &mut stream {
            inner.get_mut().0.answered = true;
        }
        stream
    }

    fn unless_failed<T>(
        &mut self,
        nothing: T,
        poll: impl FnOnce(Pin<&mut Stream>) -> Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        if self.failed && !self.answered {
            return Poll::Ready(Ok(nothing));
        }
        match poll(Pin::new(&mut self.stream)) {
            Poll::Ready(Err(_)) if !self.answered => {
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
        Pin::new(&mut self.stream).poll_read(cx, space)
    }
}

impl AsyncWrite for Asking {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.unless_failed(bytes.len(), |stream| stream.poll_write(cx, bytes))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context) -> Poll<io::Result<()>> {
        self.unless_failed((), |stream| stream.poll_flush(cx))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context) -> Poll<io::Result<()>> {
        self.unless_failed((), |stream| stream.poll_shutdown(cx))
    }
}
