//! From a target to an open byte stream: resolve, dial, tunnel, TLS, upgrade. What the answer must look
//! like is decided in `handshake`; what is said over the stream, in `session`.

mod answer;
mod dial;
mod http2;
mod proxy;
mod reception;
mod route;
mod stream;
mod tls;
mod upgrade;

use std::cell::RefCell;
use std::fmt;
use std::time::{Duration, Instant};

use bytes::Bytes;
use hyper::header::HeaderMap;

pub use dial::listen;
pub use reception::{Places, Reception, ServerSide};
pub use stream::Stream;
pub use tls::{serve_as, serve_with};

use crate::failure::{Failure, TimeLimit};
use crate::handshake::{
    Accepted, Detours, HandshakeFault, Hop, Jar, Location, Proxies, Redirects, Request, Route,
    Step, TlsFault, TlsOptions, leads_to,
};
use answer::{Answer, Rest};

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
    /// Bytes that the system takes before they are on their way to the peer, so that it soon shows whether
    /// the peer reads; as many as it likes where that is not said. Where the system knows no such limit,
    /// there is none.
    pub unsent: Option<u32>,
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
    let missing = RefCell::new(Missing::default());
    let mut tell = |step: Step| {
        missing.borrow_mut().after(&step);
        tell(step);
    };
    let asking = follow(location, how, jar, &mut tell);
    let (answer, asked) = match how.limits.connect_timeout {
        None => asking.await?,
        Some(limit) => tokio::time::timeout(limit, asking).await.map_err(|_| {
            let (address, missing) = (location.address(), missing.borrow().to_string());
            Failure::TimeLimit(TimeLimit::Connect { address, limit, missing })
        })??,
    };
    answer.settle(&asked, how.request.compress.as_ref()).await
}

/// What is waited for on the way, and would be missing if the time were over now.
#[derive(Debug, Default)]
enum Missing {
    #[default]
    Address,
    Connection,
    /// The same of a proxy, by its name.
    ProxyAddress(String),
    ProxyConnection(String),
    Answer(&'static str),
}

impl Missing {
    fn after(&mut self, step: &Step) {
        *self = match (step, std::mem::take(self)) {
            (Step::Route(Route::Through { proxy, by }), _) => {
                Missing::ProxyAddress(route::end(proxy, by).address())
            }
            (Step::Route(_) | Step::Redirected(..), _) => Missing::Address,
            (Step::Resolved(_), Missing::ProxyAddress(proxy)) => Missing::ProxyConnection(proxy),
            (Step::Resolved(_), _) => Missing::Connection,
            (Step::Awaiting(what), _) => Missing::Answer(what),
            (_, same) => same,
        };
    }
}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Missing::Address => f.write_str("no address"),
            Missing::Connection => f.write_str("no connection"),
            Missing::ProxyAddress(proxy) => write!(f, "no address of {proxy}"),
            Missing::ProxyConnection(proxy) => write!(f, "no connection to {proxy}"),
            Missing::Answer(what) => f.write_str(what),
        }
    }
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
    let way = route::connect(location, how, http, tell).await?;
    let speaks_two = way.agreed_on_two || http == Http::Two && !location.secure;
    match http {
        Http::OfferTwo if !speaks_two => {
            tell(Step::Fallback(&HandshakeFault::NoHttp2.to_string()));
        }
        Http::Two if !speaks_two => return Err(HandshakeFault::NoHttp2.into()),
        _ => {}
    }
    tell(Step::Awaiting("no answer to the upgrade"));
    let answer = if speaks_two {
        let answer = http2::ask(way.stream, location, headers, tell).await;
        answer.map(|(parts, tunnel)| Answer { parts, rest: Rest::Two(Box::new(tunnel)) })
    } else {
        let answer = upgrade::ask(way.stream, location, headers, tell).await;
        answer.map(|(parts, body)| Answer { parts, rest: Rest::One(body) })
    };
    answer.map_err(|failure| match failure {
        // With TLS 1.3 a server may answer a certificate, or none, by hanging up.
        Failure::Handshake(HandshakeFault::Cut(_)) if way.was_asked_who_we_are => {
            TlsFault::hung_up(location.address(), how.tls.certificate.is_some()).into()
        }
        failure => failure,
    })
}
