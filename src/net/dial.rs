//! TCP and Unix sockets: names to addresses, Happy Eyeballs (by hyper-util's connector), keepalive, listening.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::io::{self, ErrorKind};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;
use std::task::{Context, Poll};
use std::vec;

use anyhow::Context as _;
use hyper::Uri;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::dns::Name;
use tokio::net::{TcpListener, TcpStream, UnixStream};
use tower_service::Service;
use url::Host;

use super::{How, Stream};
use crate::failure::{Failure, TimeLimit, root_cause};
use crate::handshake::{Detours, Hop, Interface, Step};
use crate::output::escape::one_line;

/// Who is dialled.
#[derive(Clone, Debug)]
pub struct End {
    /// A name or an address.
    pub host: Host,
    /// The port.
    pub port: u16,
    /// Whether it is a proxy.
    pub hop: Hop,
    /// The flag or variable that names it, if it is one.
    pub by: Option<&'static str>,
}

impl End {
    /// What messages call it, without its port.
    pub fn name(&self) -> String {
        self.hop.named(&self.host.to_string()) + &self.said_by()
    }

    /// The same with its port.
    pub fn address(&self) -> String {
        self.hop.named(&format!("{}:{}", self.host, self.port)) + &self.said_by()
    }

    fn said_by(&self) -> String {
        self.by.map(|by| format!(" ({by})")).unwrap_or_default()
    }
}

/// Connects to a Unix socket.
///
/// # Errors
/// What the system says.
pub async fn attach(socket: &Path, tell: &mut dyn FnMut(Step)) -> Result<Stream, Failure> {
    let stream = UnixStream::connect(socket).await.map_err(|error| Failure::Connect {
        address: one_line(&socket.display().to_string()),
        reason: root_cause(&error),
        // A server that is not up yet has no socket yet.
        is_up: !matches!(error.kind(), ErrorKind::ConnectionRefused | ErrorKind::NotFound),
    })?;
    tell(Step::Attached(socket));
    Ok(Stream::Unix(stream))
}

/// Connects to a host; when it has addresses of both families, they race (RFC 8305).
///
/// # Errors
/// It has no address, or none answers.
pub async fn dial(end: &End, how: &How, tell: &mut dyn FnMut(Step)) -> Result<Stream, Failure> {
    let addresses = resolve(end, &how.detours).await?;
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
    // A name in any case: the connector would not ask its resolver about an address.
    let uri = Uri::builder()
        .scheme("ws")
        .authority(format!("known:{}", end.port))
        .path_and_query("/")
        .build()
        .context("the port cannot be written in an authority")?;
    let address = match &how.detours.interface {
        None => end.address(),
        Some(interface) => format!("{} from {interface}", end.address()),
    };
    let stream = connector.call(uri).await.map_err(|error| {
        let kind = io_kind(&error);
        match how.limits.connect_timeout {
            Some(limit) if kind == Some(ErrorKind::TimedOut) => {
                let missing = "no connection".into();
                Failure::TimeLimit(TimeLimit::Connect { address, limit, missing })
            }
            _ => Failure::Connect {
                address,
                reason: root_cause(&error),
                is_up: kind != Some(ErrorKind::ConnectionRefused),
            },
        }
    })?;
    let stream = stream.into_inner();
    if let Some(bytes) = how.limits.unsent {
        keep_at_most(bytes, &stream);
    }
    if let Ok(peer) = stream.peer_addr() {
        tell(Step::Connected(peer));
    }
    Ok(Stream::Tcp(stream))
}

/// Has the system take so many bytes before they are on their way, and not more.
#[cfg(any(target_os = "linux", target_os = "android"))]
fn keep_at_most(bytes: u32, stream: &TcpStream) {
    // It is only asked for: without it, less is seen of a slow peer.
    let _ = socket2::SockRef::from(stream).set_tcp_notsent_lowat(bytes);
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn keep_at_most(_bytes: u32, _stream: &TcpStream) {}

/// A listening socket on `address`.
///
/// # Errors
/// The address cannot be had.
pub async fn listen(address: &str) -> Result<TcpListener, Failure> {
    TcpListener::bind(address)
        .await
        .map_err(|error| Failure::Bind { address: address.to_owned(), error })
}

/// What the system said, if it did.
fn io_kind(error: &(dyn std::error::Error + 'static)) -> Option<ErrorKind> {
    let mut causes = std::iter::successors(Some(error), |error| error.source());
    causes.find_map(|cause| Some(cause.downcast_ref::<io::Error>()?.kind()))
}

/// The addresses of a host, at least one.
///
/// # Errors
/// There is none, or none of the family that is asked for.
pub async fn resolve(end: &End, detours: &Detours) -> Result<Vec<SocketAddr>, Failure> {
    let End { host, port, .. } = end;
    let port = *port;
    let failed = |error| Failure::Resolve { host: end.name(), hop: end.hop, error };
    let mut addresses: Vec<SocketAddr> = match (detours.resolve(host, port), host) {
        (Some(known), _) => known,
        (None, Host::Ipv4(address)) => vec![(IpAddr::V4(*address), port).into()],
        (None, Host::Ipv6(address)) => vec![(IpAddr::V6(*address), port).into()],
        (None, Host::Domain(name)) => {
            tokio::net::lookup_host((name.as_str(), port)).await.map_err(failed)?.collect()
        }
    };
    addresses.retain(|address| detours.allows(address));
    if addresses.is_empty() && *host == Host::Domain("localhost".to_owned()) {
        // It has both addresses, whatever a file of the system says (RFC 6761 section 6.3).
        let both: [IpAddr; 2] = [Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()];
        addresses.extend(both.map(|address| SocketAddr::from((address, port))));
        addresses.retain(|address| detours.allows(address));
    }
    if addresses.is_empty() {
        let family = detours.family.map(|family| format!("{} ", family.name()));
        let what = format!("it has no {}address", family.unwrap_or_default());
        return Err(failed(io::Error::new(ErrorKind::NotFound, what)));
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
