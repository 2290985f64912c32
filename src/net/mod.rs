//! From a target to an open byte stream: resolve, dial, upgrade. What the answer must look like is
//! decided in `handshake`; what is said over the stream, in `session`.

mod dial;
mod upgrade;

use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::net::TcpStream;

pub use dial::listen;
pub use upgrade::{ServerSide, accept};

use crate::failure::{Failure, TimeLimit};
use crate::handshake::{Accepted, Location, Request, Step};

/// How to reach a server.
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
    /// The upgrade was answered.
    pub upgraded: Option<Instant>,
}

/// An open WebSocket connection, before the first frame.
#[derive(Debug)]
pub struct Opened {
    /// The connection.
    pub stream: TcpStream,
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
    request: &Request,
    limits: Limits,
    tell: &mut dyn FnMut(Step),
) -> Result<Opened, Failure> {
    let headers = request.headers_for(location);
    let asking = async {
        let stream = dial::dial(location, limits, tell).await?;
        tell(Step::Request(location, &headers));
        upgrade::ask(stream, location, &headers).await
    };
    let answer = match limits.connect_timeout {
        None => asking.await?,
        Some(limit) => tokio::time::timeout(limit, asking).await.map_err(|_| {
            Failure::TimeLimit(TimeLimit::Connect { address: location.address(), limit })
        })??,
    };
    upgrade::settle(answer, &headers, tell).await
}
