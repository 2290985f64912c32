//! The server's side of the opening: TLS, and HTTP/1.1 by hyper, until a client is let in or has to go, in a
//! time that is limited. Who is let in is decided in `handshake`.

use std::convert::Infallible;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use hyper::Response;
use hyper::body::Incoming;
use hyper::http::uri::PathAndQuery;
use hyper::server::conn::http1 as server;
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_rustls::TlsAcceptor;

use super::Stream;
use super::stream::Asking;
use super::upgrade::into_stream;
use crate::failure::root_cause;
use crate::handshake::{Admission, Rejection, Terms, status_in_words};
use crate::output::escape::one_line;
use crate::wire::Deflate;

/// How long a client may take to say what it wants, without the time that it is made to wait.
const OPENING: Duration = Duration::from_secs(10);
/// Bytes that the head of a request may have; each client can have us hold so much for as long as it may take.
const HEAD: usize = 128 << 10;
/// Bytes of a path that are shown.
const SHOWN: usize = 200;

/// How clients are received.
#[derive(Clone, Default)]
pub struct Reception {
    /// Who is let in.
    pub terms: Terms,
    /// Who speaks TLS, if it is spoken.
    pub tls: Option<TlsAcceptor>,
    /// How many may be there at a time.
    pub places: Option<Places>,
    /// How long a refusal takes.
    pub delay: Duration,
}

/// How many may be there at a time.
#[derive(Clone, Debug)]
pub struct Places {
    most: usize,
    free: Arc<Semaphore>,
}

impl Places {
    /// So many.
    pub fn new(most: usize) -> Places {
        Places { most, free: Arc::new(Semaphore::new(most)) }
    }
}

/// A client that was let in.
#[derive(Debug)]
pub struct ServerSide<T> {
    /// The connection.
    pub stream: Stream,
    /// What came after the request, in the same packet.
    pub early: Bytes,
    /// How messages are compressed, if they may be.
    pub deflate: Option<Deflate>,
    /// The subprotocol, if one was chosen.
    pub subprotocol: Option<String>,
    /// What the client asked for, as it is shown.
    pub path: String,
    /// Its place, while it is there.
    pub place: Option<OwnedSemaphorePermit>,
    /// What it was given before it knew that it is in.
    pub given: T,
}

impl<T> ServerSide<T> {
    /// The same without what it was given.
    pub fn empty_handed(self) -> ServerSide<()> {
        let ServerSide { stream, early, deflate, subprotocol, path, place, .. } = self;
        ServerSide { stream, early, deflate, subprotocol, path, place, given: () }
    }
}

/// What is known of a client when it is let in.
struct Let<T> {
    upgrade: OnUpgrade,
    admission: Admission,
    path: String,
    place: Option<OwnedSemaphorePermit>,
    given: T,
}

impl Reception {
    /// Receives a client; `tell` hears why it was not let in, as it is shown, and what `give` gives is there
    /// before the client hears that it was.
    pub async fn receive<T>(
        &self,
        stream: TcpStream,
        tell: &impl Fn(&str),
        give: &impl Fn() -> T,
    ) -> Option<ServerSide<T>> {
        let receiving = async {
            let stream = match &self.tls {
                None => Stream::Tcp(stream),
                Some(tls) => match tls.accept(stream).await {
                    Ok(stream) => Stream::Served(Box::new(stream)),
                    Err(error) => {
                        let why = one_line(&root_cause(&error));
                        tell(&format!("the TLS handshake failed: {why}"));
                        return None;
                    }
                },
            };
            self.answer(stream, tell, give).await
        };
        let received = tokio::time::timeout(OPENING + self.delay, receiving).await;
        received.unwrap_or_else(|_| {
            tell("it did not say in time what it wants");
            None
        })
    }

    /// Answers requests until one is let in or the client goes away.
    async fn answer<T>(
        &self,
        stream: Stream,
        tell: &impl Fn(&str),
        give: &impl Fn() -> T,
    ) -> Option<ServerSide<T>> {
        let admitted = Mutex::new(None);
        let service = hyper::service::service_fn(|mut request: hyper::Request<Incoming>| {
            let path = request.uri().path_and_query();
            let path = shown_path(path.map_or("*", PathAndQuery::as_str));
            let (answer, delay) = match self.judge(&mut request, &path, give) {
                Ok((answer, client)) => {
                    if let Ok(mut admitted) = admitted.lock() {
                        *admitted = Some(client);
                    }
                    (answer, Duration::ZERO)
                }
                Err(answer) => {
                    tell(&format!("{path} refused: {}", status_in_words(answer.status())));
                    (*answer, self.delay)
                }
            };
            later(delay, answer)
        });
        let connection = server::Builder::new()
            .max_buf_size(HEAD)
            .serve_connection(TokioIo::new(Asking::new(stream)), service)
            .with_upgrades();
        let served = connection.await;
        match (admitted.into_inner().ok().flatten(), served) {
            (Some(client), Ok(())) => client.enter().await,
            (_, Err(error)) => {
                let why = one_line(&root_cause(&error));
                tell(&format!("no opening handshake: {why}"));
                None
            }
            (None, Ok(())) => None,
        }
    }

    /// Lets a client in.
    ///
    /// # Errors
    /// The answer to one that is not.
    fn judge<T>(
        &self,
        request: &mut hyper::Request<Incoming>,
        path: &str,
        give: &impl Fn() -> T,
    ) -> Result<(Response<String>, Let<T>), Rejection> {
        let mut admission = self.terms.judge(request)?;
        let place = match &self.places {
            None => None,
            Some(places) => {
                let place = Arc::clone(&places.free).try_acquire_owned();
                Some(place.map_err(|_| self.terms.full(places.most))?)
            }
        };
        let answer = std::mem::take(&mut admission.answer);
        let upgrade = hyper::upgrade::on(request);
        let (path, given) = (path.to_owned(), give());
        Ok((answer, Let { upgrade, admission, path, place, given }))
    }
}

impl<T> Let<T> {
    async fn enter(self) -> Option<ServerSide<T>> {
        let Let { upgrade, admission, path, place, given } = self;
        let (stream, early) = into_stream(upgrade.await.ok()?).ok()?;
        let Admission { deflate, subprotocol, .. } = admission;
        Some(ServerSide { stream, early, deflate, subprotocol, path, place, given })
    }
}

async fn later(delay: Duration, answer: Response<String>) -> Result<Response<String>, Infallible> {
    if !delay.is_zero() {
        tokio::time::sleep(delay).await;
    }
    Ok(answer)
}

fn shown_path(path: &str) -> String {
    let mut end = path.len().min(SHOWN);
    while !path.is_char_boundary(end) {
        end -= 1;
    }
    let more = if end < path.len() { "…" } else { "" };
    format!("{}{more}", one_line(&path[..end]))
}
