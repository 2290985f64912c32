//! From a target to an open byte stream: resolve, dial, tunnel, TLS, upgrade. What the answer must look like is
//! decided in `handshake`; what is said over the stream, in `session`.

mod answer;
mod dial;
mod http2;
mod proxy;
mod stream;
mod tls;
mod upgrade;

use std::time::{Duration, Instant};

use anyhow::Context as _;
use bytes::Bytes;
use hyper::header::HeaderMap;
use url::Host;

pub use dial::listen;
pub use stream::Stream;
pub use upgrade::{ServerSide, accept};

use crate::failure::{Failure, TimeLimit};
use crate::handshake::{
    Accepted, Detours, HandshakeFault, Hop, Jar, Location, Proxies, Proxy, ProxyKind, Redirects,
    Request, Route, Step, TlsOptions, leads_to,
};
use answer::{Answer, Rest};
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
    /// Which version of HTTP is spoken.
    pub http: Http,
    /// Whether redirects are followed, and which.
    pub redirects: Option<Redirects>,
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

/// Versions of HTTP for the opening handshake.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Http {
    /// HTTP/1.1.
    #[default]
    One,
    /// `--http2`: HTTP/2 where the server agrees on it by TLS, else HTTP/1.1.
    OfferTwo,
    /// `--http2-prior-knowledge`: HTTP/2.
    Two,
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

/// Opens a WebSocket connection; `tell` hears of each step, and a jar gives and takes cookies.
///
/// # Errors
/// The step that failed, or the time limit.
pub async fn open(
    location: &Location,
    how: &How,
    jar: Option<&mut Jar>,
    tell: &mut dyn FnMut(Step),
) -> Result<Opened, Failure> {
    let asking = follow(location, how, jar, tell);
    let (answer, asked) = match how.limits.connect_timeout {
        None => asking.await?,
        Some(limit) => tokio::time::timeout(limit, asking).await.map_err(|_| {
            Failure::TimeLimit(TimeLimit::Connect { address: location.address(), limit })
        })??,
    };
    answer.settle(&asked).await
}

/// Asks, and goes on to where a redirect leads; the last answer, and the headers that it answers.
async fn follow(
    location: &Location,
    how: &How,
    mut jar: Option<&mut Jar>,
    tell: &mut dyn FnMut(Step),
) -> Result<(Answer, HeaderMap), Failure> {
    let mut location = location.clone();
    let mut request = how.request.clone();
    let mut followed = 0;
    loop {
        let cookies = jar.as_ref().and_then(|jar| jar.header(&location));
        let headers = request.headers_for(&location, cookies);
        let answer = ask(&location, &headers, how, tell).await?;
        tell(Step::Answered(Hop::Server, &answer.parts));
        if let Some(jar) = &mut jar {
            jar.take(&location, &answer.parts.headers);
        }
        let (Some(redirects), Some(to)) = (how.redirects, leads_to(&answer.parts)) else {
            return Ok((answer, headers));
        };
        let next = redirects.next(&location, to, followed)?;
        let is_elsewhere = !next.has_origin_of(&location);
        if is_elsewhere {
            request = request.for_another_origin(next.secure || !location.secure);
        }
        tell(Step::Redirected(&next, is_elsewhere));
        location = next;
        followed += 1;
    }
}

/// Asks by the version of HTTP that is wanted, or by the one that there is.
async fn ask(
    location: &Location,
    headers: &HeaderMap,
    how: &How,
    tell: &mut dyn FnMut(Step),
) -> Result<Answer, Failure> {
    if how.http == Http::OfferTwo && !location.secure {
        tell(Step::Fallback("it is agreed on by TLS, and this is ws://"));
        return ask_by(Http::One, location, headers, how, tell).await;
    }
    let answer = ask_by(how.http, location, headers, how, tell).await;
    match answer {
        Err(Failure::Handshake(fault @ HandshakeFault::NoWebSocketInHttp2))
            if how.http == Http::OfferTwo =>
        {
            tell(Step::Fallback(&fault.to_string()));
            ask_by(Http::One, location, headers, how, tell).await
        }
        answer => answer,
    }
}

async fn ask_by(
    http: Http,
    location: &Location,
    headers: &HeaderMap,
    how: &How,
    tell: &mut dyn FnMut(Step),
) -> Result<Answer, Failure> {
    let (stream, agreed_on_two) = connect(location, how, http, tell).await?;
    let speaks_two = agreed_on_two || http == Http::Two && !location.secure;
    if speaks_two {
        let (parts, tunnel) = http2::ask(stream, location, headers, tell).await?;
        return Ok(Answer { parts, rest: Rest::Two(Box::new(tunnel)) });
    }
    match http {
        Http::One => {}
        Http::OfferTwo => tell(Step::Fallback(&HandshakeFault::NoHttp2.to_string())),
        Http::Two => return Err(HandshakeFault::NoHttp2.into()),
    }
    let (parts, body) = upgrade::ask(stream, location, headers, tell).await?;
    Ok(Answer { parts, rest: Rest::One(body) })
}

/// A stream to the server: through a proxy if one leads there, with TLS if the URL asks for it; and
/// whether HTTP/2 was agreed on.
async fn connect(
    location: &Location,
    how: &How,
    http: Http,
    tell: &mut dyn FnMut(Step),
) -> Result<(Stream, bool), Failure> {
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
            prepare(proxy_tls, Hop::Proxy, &how.proxy_tls, Http::One),
            prepare(server_tls, Hop::Server, &how.tls, http),
        )
    };
    let dialled = async { Ok(dial(location, proxy, how, tell).await) };
    let ((proxy_tls, server_tls), stream) = tokio::try_join!(prepared, dialled)?;
    let (mut stream, _) = secure(stream?, Hop::Proxy, proxy_tls, tell).await?;
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
    http: Http,
) -> Result<Option<Tls>, Failure> {
    let Some((host, address)) = with else { return Ok(None) };
    let options = options.clone();
    let prepared = move || Tls::prepare(&host, &hop.named(&address), hop, &options, http);
    let prepared =
        tokio::task::spawn_blocking(prepared).await.context("TLS cannot be made ready")?;
    prepared.map(Some)
}

/// Speaks TLS over a stream, if it is to be spoken; whether HTTP/2 was agreed on.
async fn secure(
    stream: Stream,
    hop: Hop,
    tls: Option<Tls>,
    tell: &mut dyn FnMut(Step),
) -> Result<(Stream, bool), Failure> {
    let Some(tls) = tls else { return Ok((stream, false)) };
    let (stream, info) = tls.connect(stream).await?;
    tell(Step::Secured(hop, &info));
    Ok((stream, info.protocol.as_deref() == Some("h2")))
}
