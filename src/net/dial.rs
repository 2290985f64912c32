//! TCP: names to addresses, Happy Eyeballs (by hyper-util's connector), keepalive, listening.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::task::{Context, Poll};
use std::vec;

use anyhow::Context as _;
use hyper::Uri;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::dns::Name;
use tokio::net::{TcpListener, UnixStream};
use tower_service::Service;
use url::Host;

use super::{How, Stream};
use crate::failure::{Failure, root_cause};
use crate::handshake::{Detours, Interface, Location, Step};

/// Connects to a Unix socket or to a host; when that has addresses of both families, they race (RFC 8305).
pub async fn dial(
    location: &Location,
    how: &How,
    tell: &mut dyn FnMut(Step),
) -> Result<Stream, Failure> {
    let refused = |error: &(dyn std::error::Error + 'static)| Failure::Connect {
        address: location.address(),
        reason: root_cause(error),
    };
    if let Some(socket) = &location.socket {
        let stream = UnixStream::connect(socket).await.map_err(|error| refused(&error))?;
        tell(Step::Attached(socket));
        return Ok(Stream::Unix(stream));
    }
    let (host, port) = how.detours.connect_to(&location.host, location.port);
    let addresses = resolve(&host, port, &how.detours).await?;
    tell(Step::Resolved(&addresses));
    let mut connector = HttpConnector::new_with_resolver(Known(addresses));
    connector.enforce_http(false);
    connector.set_nodelay(true);
    connector.set_keepalive(Some(how.limits.tcp_keepalive));
    // Shared out among the addresses, so that a dead one does not use up the time of the others.
    connector.set_connect_timeout(how.limits.connect_timeout);
    match &how.detours.interface {
        None => {}
        Some(Interface::Address(address)) => connector.set_local_address(Some(*address)),
        Some(Interface::Name(name)) => {
            connector.set_interface(name);
        }
    }
    let uri = Uri::builder()
        .scheme("ws")
        .authority(format!("{host}:{port}"))
        .path_and_query("/")
        .build()
        .context("the host cannot be written as an authority")?;
    let stream = connector.call(uri).await.map_err(|error| refused(&error))?;
    let stream = stream.into_inner();
    if let Ok(peer) = stream.peer_addr() {
        tell(Step::Connected(peer));
    }
    Ok(Stream::Tcp(stream))
}

/// A listening socket on `address`.
///
/// # Errors
/// The address cannot be had.
pub async fn listen(address: &str) -> Result<TcpListener, Failure> {
    TcpListener::bind(address)
        .await
        .map_err(|error| Failure::Bind { address: address.to_owned(), error })
}

async fn resolve(host: &Host, port: u16, detours: &Detours) -> Result<Vec<SocketAddr>, Failure> {
    let failed = |error| Failure::Resolve { host: host.to_string(), error };
    let mut addresses: Vec<SocketAddr> = match (detours.resolve(host, port), host) {
        (Some(known), _) => known,
        (None, Host::Ipv4(address)) => vec![(IpAddr::V4(*address), port).into()],
        (None, Host::Ipv6(address)) => vec![(IpAddr::V6(*address), port).into()],
        (None, Host::Domain(name)) => {
            tokio::net::lookup_host((name.as_str(), port)).await.map_err(failed)?.collect()
        }
    };
    addresses.retain(|address| detours.allows(address));
    if addresses.is_empty() {
        let family = detours.family.map(|family| format!("{} ", family.name()));
        let what = format!("it has no {}address", family.unwrap_or_default());
        return Err(failed(io::Error::new(io::ErrorKind::NotFound, what)));
    }
    Ok(addresses)
}

/// A resolver for the connector that knows the answer already, so that resolving and connecting
/// are timed and judged apart.
#[derive(Clone)]
struct Known(Vec<SocketAddr>);

impl Service<Name> for Known {
    type Response = vec::IntoIter<SocketAddr>;
    type Error = Infallible;
    type Future = Ready<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Name) -> Self::Future {
        ready(Ok(self.0.clone().into_iter()))
    }
}
