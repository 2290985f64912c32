//! From a target to an open byte stream: resolve, dial, tunnel, TLS, upgrade. What the answer must look like is
//! decided in `handshake`; what is said over the stream, in `session`.

mod dial;
mod proxy;
mod stream;
mod tls;
mod upgrade;

use std::time::{Duration, Instant};

use anyhow::Context as _;
use bytes::Bytes;
use url::Host;

pub use dial::listen;
pub use stream::Stream;
pub use upgrade::{ServerSide, accept};

use crate::failure::{Failure, TimeLimit};
use crate::handshake::{
    Accepted, Detours, Hop, Location, Proxies, Proxy, ProxyKind, Request, Route, Step, TlsOptions,
};
use tls::Tls;

/// How a server is reached, and what it is asked.
#[derive(Clone, Debug)]
pub struct How {
    /// What to ask for.
    pub request: Request,
    /// Where it is looked for.
    pub detours: Detours,
    /// Which proxy leads to it.
    pub proxies: Proxies,
    /// What is asked of TLS.
    pub tls: TlsOptions,
    /// What is asked of TLS with a proxy.
    pub proxy_tls: TlsOptions,
    /// How long it may take.
    pub limits: Limits,
}

impl How {
    /// Forgets detours and proxies: what is in this process needs none.
    pub fn go_straight(&mut self) {
        self.detours = Detours::default();
        self.proxies = Proxies::default();
    }
}

/// The limits of an opening.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// How long all of it may take, the answer to the upgrade included.
    pub connect_timeout: Option<Duration>,
    /// When an idle TCP connection is probed.
    pub tcp_keepalive: Duration,
}

/// When each step was done.
#[derive(Clone, Copy, Debug, Default)]
pub struct Steps {
    /// The name was resolved.
    pub resolved: Option<Instant>,
    /// TCP was connected.
    pub connected: Option<Instant>,
    /// TLS was agreed on.
    pub secured: Option<Instant>,
    /// The upgrade was answered.
    pub upgraded: Option<Instant>,
}

/// An open WebSocket connection, before the first frame.
#[derive(Debug)]
pub struct Opened {
    /// The connection.
    pub stream: Stream,
    /// What came after the answer, in the same packet.
    pub early: Bytes,
    /// What the server chose.
    pub accepted: Accepted,
}

/// Opens a WebSocket connection; `tell` hears of each step.
///
/// # Errors
/// The step that failed, or the time limit.
pub async fn open(
    location: &Location,
    how: &How,
    tell: &mut dyn FnMut(Step),
) -> Result<Opened, Failure> {
    let headers = how.request.headers_for(location);
    let asking = async {
        let stream = connect(location, how, tell).await?;
        tell(Step::Asked(&format!("GET {} HTTP/1.1", location.resource), &headers));
        upgrade::ask(stream, location, &headers).await
    };
    let answer = match how.limits.connect_timeout {
        None => asking.await?,
        Some(limit) => tokio::time::timeout(limit, asking).await.map_err(|_| {
            Failure::TimeLimit(TimeLimit::Connect { address: location.address(), limit })
        })??,
    };
    upgrade::settle(answer, &headers, tell).await
}

/// A stream to the server: through a proxy if one leads there, with TLS if the URL asks for it.
async fn connect(
    location: &Location,
    how: &How,
    tell: &mut dyn FnMut(Step),
) -> Result<Stream, Failure> {
    let route = match how.detours.socket(location) {
        Some(_) => Route::Direct,
        None => how.proxies.route(location)?,
    };
    tell(Step::Route(&route));
    let proxy = match &route {
        Route::Through { proxy, .. } => Some(proxy),
        _ => None,
    };
    let proxy_tls = proxy.filter(|proxy| proxy.kind == ProxyKind::Https);
    let proxy_tls = proxy_tls.map(|proxy| (proxy.host.clone(), proxy.authority()));
    let server_tls = location.secure.then(|| (location.host.clone(), location.address()));
    // Certificates are read while the name is resolved; what is wrong with them is told first.
    let prepared = async {
        tokio::try_join!(
            prepare(proxy_tls, Hop::Proxy, &how.proxy_tls),
            prepare(server_tls, Hop::Server, &how.tls),
        )
    };
    let dialled = async { Ok(dial(location, proxy, how, tell).await) };
    let ((proxy_tls, server_tls), stream) = tokio::try_join!(prepared, dialled)?;
    let mut stream = secure(stream?, Hop::Proxy, proxy_tls, tell).await?;
    if let Some(proxy) = proxy {
        let (host, port) = how.detours.connect_to(&location.host, location.port);
        stream = proxy::tunnel(stream, proxy, (&host, port), how, tell).await?;
    }
    secure(stream, Hop::Server, server_tls, tell).await
}

/// Connects to whoever comes first on the way.
async fn dial(
    location: &Location,
    proxy: Option<&Proxy>,
    how: &How,
    tell: &mut dyn FnMut(Step),
) -> Result<Stream, Failure> {
    match (how.detours.socket(location), proxy) {
        (Some(socket), _) => dial::attach(socket, tell).await,
        (None, Some(proxy)) => dial::dial((&proxy.host, proxy.port), Hop::Proxy, how, tell).await,
        (None, None) => {
            let (host, port) = how.detours.connect_to(&location.host, location.port);
            dial::dial((&host, port), Hop::Server, how, tell).await
        }
    }
}

/// Makes ready for TLS with a host, if it is to be spoken.
async fn prepare(
    with: Option<(Host, String)>,
    hop: Hop,
    options: &TlsOptions,
) -> Result<Option<Tls>, Failure> {
    let Some((host, address)) = with else { return Ok(None) };
    let options = options.clone();
    let prepared = move || Tls::prepare(&host, &hop.named(&address), hop, &options);
    let prepared =
        tokio::task::spawn_blocking(prepared).await.context("TLS cannot be made ready")?;
    prepared.map(Some)
}

/// Speaks TLS over a stream, if it is to be spoken.
async fn secure(
    stream: Stream,
    hop: Hop,
    tls: Option<Tls>,
    tell: &mut dyn FnMut(Step),
) -> Result<Stream, Failure> {
    let Some(tls) = tls else { return Ok(stream) };
    let (stream, info) = tls.connect(stream).await?;
    tell(Step::Secured(hop, &info));
    Ok(stream)
}
