//! From a target to an open byte stream: resolve, dial, upgrade. What the answer must look like is
//! decided in `handshake`; what is said over the stream, in `session`.

mod dial;
mod stream;
mod tls;
mod upgrade;

use std::time::{Duration, Instant};

use anyhow::Context as _;
use bytes::Bytes;

pub use dial::listen;
pub use stream::Stream;
pub use upgrade::{ServerSide, accept};

use crate::failure::{Failure, TimeLimit};
use crate::handshake::{Accepted, Detours, Location, Request, Step, TlsOptions};
use tls::Tls;

/// How a server is reached, and what it is asked.
#[derive(Clone, Debug)]
pub struct How {
    /// What to ask for.
    pub request: Request,
    /// Where it is looked for.
    pub detours: Detours,
    /// What is asked of TLS.
    pub tls: TlsOptions,
    /// How long it may take.
    pub limits: Limits,
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
        tell(Step::Request(location, &headers));
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

/// A stream to the server, with TLS if the URL asks for it.
async fn connect(
    location: &Location,
    how: &How,
    tell: &mut dyn FnMut(Step),
) -> Result<Stream, Failure> {
    if !location.secure {
        return dial::dial(location, how, tell).await;
    }
    // Certificates are read while the name is resolved; what is wrong with them is told first.
    let prepared = {
        let (location, tls) = (location.clone(), how.tls.clone());
        tokio::task::spawn_blocking(move || Tls::prepare(&location, &tls))
    };
    let prepared = async { prepared.await.context("TLS cannot be made ready")? };
    let dialled = async { Ok(dial::dial(location, how, tell).await) };
    let (tls, stream) = tokio::try_join!(prepared, dialled)?;
    let (stream, info) = tls.connect(stream?).await?;
    tell(Step::Secured(&info));
    Ok(stream)
}
