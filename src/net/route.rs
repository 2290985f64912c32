//! The way to a server: whoever is dialled, the tunnel through a proxy, TLS with either.

use anyhow::Context as _;

use super::dial::{self, End};
use super::tls::Tls;
use super::{How, Http, Stream, proxy};
use crate::failure::Failure;
use crate::handshake::{Hop, Location, Proxy, ProxyKind, Route, Step, TlsOptions};

/// A stream to a server, and what came out on the way.
#[derive(Debug)]
pub struct Way {
    /// The stream.
    pub stream: Stream,
    /// Whether HTTP/2 was agreed on.
    pub agreed_on_two: bool,
    /// Whether the server asked for a certificate of ours.
    pub was_asked_who_we_are: bool,
}

/// A stream to the server: through a proxy if one leads there, with TLS if the URL asks for it.
///
/// # Errors
/// The step that failed.
pub async fn connect(
    location: &Location,
    how: &How,
    http: Http,
    tell: &mut dyn FnMut(Step),
) -> Result<Way, Failure> {
    let route = match how.detours.socket(location) {
        Some(_) => Route::Direct,
        None => how.proxies.route(location)?,
    };
    tell(Step::Route(&route));
    let proxy = match &route {
        Route::Through { proxy, .. } => Some(proxy),
        _ => None,
    };
    let first = first(location, &route, how);
    let server =
        End { host: location.host.clone(), port: location.port, hop: Hop::Server, by: None };
    let proxy_tls = proxy.filter(|proxy| proxy.kind == ProxyKind::Https).map(|_| &first);
    let server_tls = location.secure.then_some(&server);
    // Certificates are read while the name is resolved; what is wrong with them is told first.
    let prepared = async {
        tokio::try_join!(
            prepare(proxy_tls, &how.proxy_tls, Http::One),
            prepare(server_tls, &how.tls, http),
        )
    };
    let dialled = async {
        Ok(match how.detours.socket(location) {
            Some(socket) => dial::attach(socket, tell).await,
            None => dial::dial(&first, how, tell).await,
        })
    };
    let ((proxy_tls, server_tls), stream) = tokio::try_join!(prepared, dialled)?;
    let mut stream = secure(stream?, Hop::Proxy, proxy_tls, tell).await?.stream;
    if let Some(proxy) = proxy {
        let (host, port) = how.detours.connect_to(&location.host, location.port);
        tell(Step::Awaiting("no answer from the proxy"));
        stream = proxy::tunnel(stream, proxy, (&host, port), how, tell).await?;
    }
    secure(stream, Hop::Server, server_tls, tell).await
}

/// Whoever is dialled first.
fn first(location: &Location, route: &Route, how: &How) -> End {
    match route {
        Route::Through { proxy, by } => end(proxy, by),
        _ => {
            let (host, port) = how.detours.connect_to(&location.host, location.port);
            End { host, port, hop: Hop::Server, by: None }
        }
    }
}

/// A proxy, as whoever is dialled; a variable that names it is worth saying.
pub fn end(proxy: &Proxy, by: &'static str) -> End {
    let by = Some(by).filter(|by| *by != "-x");
    End { host: proxy.host.clone(), port: proxy.port, hop: Hop::Proxy, by }
}

/// Makes ready for TLS with someone, if it is to be spoken.
async fn prepare(
    with: Option<&End>,
    options: &TlsOptions,
    http: Http,
) -> Result<Option<Tls>, Failure> {
    let Some(with) = with else { return Ok(None) };
    let (with, options) = (with.clone(), options.clone());
    let prepared = move || Tls::prepare(&with, &options, http);
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
) -> Result<Way, Failure> {
    let Some(tls) = tls else {
        return Ok(Way { stream, agreed_on_two: false, was_asked_who_we_are: false });
    };
    tell(Step::Awaiting(match hop {
        Hop::Proxy => "no answer in TLS from the proxy",
        Hop::Server => "no answer in TLS",
    }));
    let (stream, info) = tls.connect(stream).await?;
    tell(Step::Secured(hop, &info));
    let agreed_on_two = info.protocol.as_deref() == Some("h2");
    Ok(Way { stream, agreed_on_two, was_asked_who_we_are: tls.was_asked() })
}
