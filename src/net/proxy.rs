//! Through a proxy: a tunnel by CONNECT (RFC 9110 section 9.3.6) or SOCKS 5 (RFC 1928). Which proxy,
//! and what its refusals mean, is in `handshake::proxy`.

use anyhow::anyhow;
use bytes::Bytes;
use http_body_util::Empty;
use hyper::{Request, Version};
use tokio_socks::TargetAddr;
use tokio_socks::tcp::Socks5Stream;
use url::Host;

use super::answer::{Answer, Rest};
use super::dial::{self, End};
use super::upgrade::{http1, into_stream};
use super::{How, Stream};
use crate::failure::{Failure, root_cause};
use crate::handshake::{Credentials, Hop, Proxy, ProxyFault, ProxyKind, Step};

/// Asks `proxy`, over a stream to it, for a tunnel to `host` and `port`.
///
/// # Errors
/// It refuses, or does not speak what it should.
pub async fn tunnel(
    stream: Stream,
    proxy: &Proxy,
    (host, port): (&Host, u16),
    how: &How,
    tell: &mut dyn FnMut(Step),
) -> Result<Stream, Failure> {
    let to = format!("{host}:{port}");
    let stream = match proxy.kind {
        ProxyKind::Http | ProxyKind::Https => connect(stream, proxy, &to, how, tell).await?,
        ProxyKind::Socks5 => {
            let end = End { host: host.clone(), port, hop: Hop::Server, by: None };
            let addresses = dial::resolve(&end, &how.detours).await?;
            tell(Step::Tunnelling(&addresses[0].to_string()));
            socks(stream, proxy, TargetAddr::Ip(addresses[0]), to.clone()).await?
        }
        ProxyKind::Socks5h => {
            tell(Step::Tunnelling(&to));
            let target = match host {
                Host::Domain(name) => TargetAddr::Domain(name.into(), port),
                Host::Ipv4(address) => TargetAddr::Ip((*address, port).into()),
                Host::Ipv6(address) => TargetAddr::Ip((*address, port).into()),
            };
            socks(stream, proxy, target, to.clone()).await?
        }
    };
    tell(Step::Tunnelled(&to));
    Ok(stream)
}

async fn connect(
    stream: Stream,
    proxy: &Proxy,
    to: &str,
    how: &How,
    tell: &mut dyn FnMut(Step),
) -> Result<Stream, Failure> {
    let headers =
        how.request.headers_for_proxy(to, proxy.credentials.as_ref(), &how.proxies.headers);
    tell(Step::Asked(&[&format!("CONNECT {to} HTTP/1.1")], Version::HTTP_11, &headers));
    let broken = |why: String| ProxyFault::Broken { proxy: proxy.to_string(), why };
    let closed = |error: hyper::Error| {
        broken(match root_cause(&error) {
            why if error.is_parse() => format!("its answer is not HTTP/1.1: {why}"),
            why => format!("no answer: {why}"),
        })
    };
    let mut request = Request::connect(to)
        .body(Empty::<Bytes>::new())
        .map_err(|error| anyhow!("{to} cannot be asked for: {error}"))?;
    let knew_us = headers.contains_key(hyper::header::PROXY_AUTHORIZATION);
    *request.headers_mut() = headers;
    let answer = http1(stream, request).await.map_err(closed)?;
    let (parts, body) = answer.into_parts();
    tell(Step::Answered(Hop::Proxy, &parts));
    if !parts.status.is_success() {
        let refusal = Box::new(Answer { parts, rest: Rest::One(body) }.refusal().await);
        let (proxy, to) = (proxy.to_string(), to.to_owned());
        return Err(ProxyFault::Refused { proxy, to, refusal, knew_us }.into());
    }
    let upgraded = hyper::upgrade::on(hyper::Response::from_parts(parts, body));
    let (stream, early) = into_stream(upgraded.await.map_err(closed)?)?;
    // A server that speaks HTTP/2 in clear may have spoken first.
    Ok(stream.begun_with(early))
}

async fn socks(
    stream: Stream,
    proxy: &Proxy,
    target: TargetAddr<'_>,
    to: String,
) -> Result<Stream, Failure> {
    let tunnel = match &proxy.credentials {
        None => Socks5Stream::connect_with_socket(stream, target).await,
        Some(Credentials { user, password }) => {
            let password = &password.0;
            Socks5Stream::connect_with_password_and_socket(stream, target, user, password).await
        }
    };
    match tunnel {
        Ok(tunnel) => Ok(tunnel.into_inner()),
        Err(error) => Err(socks_fault(proxy, to, &error).into()),
    }
}

fn socks_fault(proxy: &Proxy, to: String, error: &tokio_socks::Error) -> ProxyFault {
    use tokio_socks::Error as E;
    const WHO: &str = "-U USER:PASSWORD says who we are";
    const NAME: &str = "is the name known where the proxy is? with socks5:// it is resolved here";
    let (why, hint) = match error {
        E::NoAcceptableAuthMethods => ("it wants another proof of who we are", Some(WHO)),
        E::AuthorizationRequired => ("it wants to know who we are", Some(WHO)),
        E::PasswordAuthFailure(_) => ("it does not know this user and password", Some(WHO)),
        E::GeneralSocksServerFailure => ("general failure", Some(NAME)),
        E::ConnectionNotAllowedByRuleset => ("not allowed by its rules", None),
        E::NetworkUnreachable => ("network unreachable", None),
        E::HostUnreachable => ("host unreachable", Some(NAME)),
        E::ConnectionRefused => ("connection refused", Some("does the server listen there?")),
        E::TtlExpired => ("TTL expired", None),
        E::CommandNotSupported => ("command not supported", None),
        E::AddressTypeNotSupported => {
            ("address type not supported", Some("try the other of socks5:// and socks5h://"))
        }
        E::InvalidAuthValues(_) => ("user and password may have 1 to 255 bytes each", Some(WHO)),
        other => {
            let why = format!("no SOCKS 5 is spoken: {}", root_cause(other));
            return ProxyFault::Broken { proxy: proxy.to_string(), why };
        }
    };
    let is_up = !matches!(error, E::ConnectionRefused);
    ProxyFault::Socks { proxy: proxy.to_string(), to, why: why.into(), is_up, hint }
}
