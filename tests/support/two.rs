//! HTTP/2 in front of a peer: a server that takes an extended CONNECT (RFC 8441), asks the peer for the
//! upgrade over HTTP/1.1, and passes on what goes over the stream. The frames of HTTP/2 are h2's.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::thread;

use bytes::Bytes;
use h2::server::{Builder, SendResponse};
use h2::{Reason, RecvStream, SendStream};
use hyper::http::{Method, Request, Response};
use rustls::server::ServerConfig;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

use super::{DEADLINE, Identity};

/// How it speaks.
#[derive(Clone, Default)]
pub struct Two {
    /// Over TLS, as this one.
    pub tls: Option<Identity>,
    /// It offers HTTP/2 in TLS.
    pub offered: bool,
    /// It offers extended CONNECT.
    pub extended: bool,
    /// What the peer sends goes out in frames of 10 bytes, and empty ones between.
    pub crumbs: bool,
}

/// Serves connections; gives the address. `/refuse` is refused, `/reset` breaks off when something comes.
pub fn two(manner: Two, peer: SocketAddr) -> SocketAddr {
    let acceptor = manner.tls.as_ref().map(|identity| acceptor(identity, manner.offered));
    let (tell, told) = channel();
    thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let serving = async {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            tell.send(listener.local_addr().unwrap()).unwrap();
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                // How it ends is the client's to tell.
                let _ = match &acceptor {
                    None => speak(stream, &manner, peer).await,
                    Some(acceptor) => {
                        let Ok(mut stream) = acceptor.accept(stream).await else { continue };
                        if stream.get_ref().1.alpn_protocol() == Some(b"h2") {
                            speak(stream, &manner, peer).await
                        } else {
                            let mut inside = TcpStream::connect(peer).await.unwrap();
                            let _ = tokio::io::copy_bidirectional(&mut stream, &mut inside).await;
                            Ok(())
                        }
                    }
                };
            }
        };
        let _: Result<(), _> =
            runtime.block_on(async { tokio::time::timeout(DEADLINE, serving).await });
    });
    told.recv().unwrap()
}

fn acceptor(identity: &Identity, offered: bool) -> TlsAcceptor {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ServerConfig::builder_with_provider(provider);
    let builder = builder.with_safe_default_protocol_versions().unwrap().with_no_client_auth();
    let mut config = identity.clone().serve(builder);
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    if offered {
        config.alpn_protocols.insert(0, b"h2".to_vec());
    }
    TlsAcceptor::from(Arc::new(config))
}

async fn speak<S>(stream: S, manner: &Two, peer: SocketAddr) -> Result<(), h2::Error>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut builder = Builder::new();
    if manner.extended {
        builder.enable_connect_protocol();
    }
    let mut connection = builder.handshake::<_, Bytes>(stream).await?;
    while let Some(request) = connection.accept().await {
        let (request, answer) = request?;
        tokio::spawn(serve(request, answer, peer, manner.crumbs));
    }
    Ok(())
}

async fn serve(
    request: Request<RecvStream>,
    mut answer: SendResponse<Bytes>,
    peer: SocketAddr,
    crumbs: bool,
) {
    let protocol = request.extensions().get::<h2::ext::Protocol>();
    assert_eq!(request.method(), Method::CONNECT);
    assert_eq!(protocol.map(|protocol| protocol.as_str()), Some("websocket"));
    assert_eq!(request.headers().get("sec-websocket-version").unwrap(), "13");
    for name in ["connection", "upgrade", "host", "sec-websocket-key"] {
        assert!(!request.headers().contains_key(name), "{name}");
    }
    let path = request.uri().path().to_owned();
    if path == "/refuse" {
        let head = Response::builder().status(403).header("x-why", "never").body(()).unwrap();
        let mut body = answer.send_response(head, false).unwrap();
        body.send_data(Bytes::from_static(b"go away\n"), true).unwrap();
        return;
    }
    let mut head = Response::builder().status(200);
    if let Some(offer) = request.headers().get("sec-websocket-protocol") {
        head = head
            .header("sec-websocket-protocol", offer.to_str().unwrap().split(", ").last().unwrap());
    }
    let mut out = answer.send_response(head.body(()).unwrap(), false).unwrap();
    if path == "/reset" {
        request.into_body().data().await;
        return out.send_reset(Reason::CANCEL);
    }
    let inside = asked(peer).await;
    let (from_inside, to_inside) = inside.into_split();
    tokio::join!(bring(request.into_body(), to_inside), fetch(from_inside, out, crumbs));
}

/// A connection to the peer, after its upgrade.
async fn asked(peer: SocketAddr) -> TcpStream {
    let mut inside = TcpStream::connect(peer).await.unwrap();
    let ask = "GET / HTTP/1.1\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    inside.write_all(ask.as_bytes()).await.unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(inside.read_u8().await.unwrap());
    }
    inside
}

async fn bring(mut body: RecvStream, mut inside: OwnedWriteHalf) {
    while let Some(Ok(piece)) = body.data().await {
        body.flow_control().release_capacity(piece.len()).unwrap();
        if inside.write_all(&piece).await.is_err() {
            return;
        }
    }
}

async fn fetch(mut inside: OwnedReadHalf, mut out: SendStream<Bytes>, crumbs: bool) {
    let mut buffer = vec![0; if crumbs { 10 } else { 10_000 }];
    let mut frames = 0;
    while let Ok(size @ 1..) = inside.read(&mut buffer).await {
        let mut rest = &buffer[..size];
        while !rest.is_empty() {
            out.reserve_capacity(rest.len());
            let room = std::future::poll_fn(|cx| out.poll_capacity(cx)).await;
            let Some(Ok(room)) = room else { return };
            let (piece, after) = rest.split_at(room.min(rest.len()));
            out.send_data(Bytes::copy_from_slice(piece), false).unwrap();
            rest = after;
            frames += 1;
            if crumbs && frames % 20_000 == 0 {
                out.send_data(Bytes::new(), false).unwrap();
            }
        }
    }
    let _ = out.send_data(Bytes::new(), true);
}
