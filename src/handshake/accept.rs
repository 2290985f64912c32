//! The server's side of the opening handshake (RFC 6455 section 4.2), for `serve` and `echo:`.

use hyper::header::{
    CONNECTION, CONTENT_TYPE, HeaderValue, SEC_WEBSOCKET_EXTENSIONS, SEC_WEBSOCKET_PROTOCOL,
    UPGRADE,
};
use hyper::{Request as HttpRequest, Response, StatusCode};
use tokio_tungstenite::tungstenite::handshake::server::create_response_with_body;

use super::{Request, accept_offer};
use crate::wire::Deflate;

/// The answer that accepts the upgrade, and how messages are compressed, if that was offered; of the
/// subprotocols that are offered, the first is taken.
///
/// # Errors
/// What the request breaks of section 4.2.1.
pub fn accept<B>(request: &HttpRequest<B>) -> Result<(Response<String>, Option<Deflate>), String> {
    let mut answer =
        create_response_with_body(request, String::new).map_err(|error| error.to_string())?;
    if let Some(first) = Request::offered(request.headers()).first()
        && let Ok(value) = HeaderValue::from_str(first)
    {
        answer.headers_mut().insert(SEC_WEBSOCKET_PROTOCOL, value);
    }
    let offers: Vec<_> = request
        .headers()
        .get_all(SEC_WEBSOCKET_EXTENSIONS)
        .iter()
        .filter_map(|offers| offers.to_str().ok())
        .collect();
    let accepted = accept_offer(&offers.join(", "));
    if let Some((_, extension)) = &accepted
        && let Ok(value) = HeaderValue::from_str(extension)
    {
        answer.headers_mut().insert(SEC_WEBSOCKET_EXTENSIONS, value);
    }
    Ok((answer, accepted.map(|(deflate, _)| deflate)))
}

/// The answer to a request that is no opening handshake (RFC 9110 section 15.5.22).
pub fn reject(why: &str) -> Response<String> {
    let mut answer = Response::new(format!("this is a WebSocket echo server: {why}\n"));
    *answer.status_mut() = StatusCode::UPGRADE_REQUIRED;
    let headers = answer.headers_mut();
    headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    answer
}
