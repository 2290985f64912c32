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
use tokio::net::{TcpListener, TcpStream};
use tower_service::Service;
use url::Host;

use super::Limits;
use crate::failure::{Failure, root_cause};
use crate::handshake::{Location, Step};

/// Connects to a host; when it has addresses of both families, they race (RFC 8305).
pub async fn dial(
    location: &Location,
    limits: Limits,
    tell: &mut dyn FnMut(Step),
) -> Result<TcpStream, Failure> {
    let addresses = resolve(location).await?;
    tell(Step::Resolved(&addresses));
    let mut connector = HttpConnector::new_with_resolver(Known(addresses));
    connector.enforce_http(false);
    connector.set_nodelay(true);
    connector.set_keepalive(Some(limits.tcp_keepalive));
    // Shared out among the addresses, so that a dead one does not use up the time of the others.
    connector.set_connect_timeout(limits.connect_timeout);
    let uri = Uri::builder()
        .scheme("ws")
        .authority(location.address())
        .path_and_query("/")
        .build()
        .context("the host cannot be written as an authority")?;
    let stream = connector.call(uri).await.map_err(|error| Failure::Connect {
        address: location.address(),
        reason: root_cause(&error),
    })?;
    let stream = stream.into_inner();
    if let Ok(peer) = stream.peer_addr() {
        tell(Step::Connected(peer));
    }
    Ok(stream)
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

async fn resolve(location: &Location) -> Result<Vec<SocketAddr>, Failure> {
    let name = match &location.host {
        Host::Ipv4(address) => return Ok(vec![(IpAddr::V4(*address), location.port).into()]),
        Host::Ipv6(address) => return Ok(vec![(IpAddr::V6(*address), location.port).into()]),
        Host::Domain(name) => name,
    };
    let failed = |error| Failure::Resolve { host: name.clone(), error };
    let addresses =
        tokio::net::lookup_host((name.as_str(), location.port)).await.map_err(failed)?;
    let addresses: Vec<_> = addresses.collect();
    if addresses.is_empty() {
        return Err(failed(io::Error::new(io::ErrorKind::NotFound, "it has no address")));
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
