//! A server's or proxy's answer, by whatever version of HTTP, and what comes of it.

use std::time::Duration;

use bytes::Bytes;
use hyper::StatusCode;
use hyper::body::Incoming;
use hyper::header::HeaderMap;
use hyper::http::response;

use super::http2::Tunnel;
use super::{Opened, Stream, upgrade};
use crate::failure::Failure;
use crate::handshake::{Offer, Refusal, judge_choices};

/// Bytes of a refusal's body that are kept.
const MAX_BODY: usize = 64 * 1024;
/// How long a refusal's body may take, once its head is there.
const BODY_TIME: Duration = Duration::from_secs(1);

/// An answer, and what follows its head.
#[derive(Debug)]
pub struct Answer {
    /// The head.
    pub parts: response::Parts,
    /// The rest.
    pub rest: Rest,
}

/// What follows the head of an answer: a body, or the open connection.
#[derive(Debug)]
pub enum Rest {
    /// Over HTTP/1.1.
    One(Incoming),
    /// Over HTTP/2.
    Two(Box<Tunnel>),
}

impl Answer {
    /// Takes the connection over, if the answer to a request with these headers accepts it.
    ///
    /// # Errors
    /// The server refuses, or breaks the opening handshake.
    pub async fn settle(self, asked: &HeaderMap, offer: Option<&Offer>) -> Result<Opened, Failure> {
        let Answer { parts, rest } = self;
        match rest {
            Rest::One(body) if parts.status == StatusCode::SWITCHING_PROTOCOLS => {
                upgrade::take_over(parts, body, asked, offer).await
            }
            Rest::Two(tunnel) if parts.status.is_success() => {
                let accepted = judge_choices(asked, offer, &parts.headers)?;
                Ok(Opened { stream: Stream::Http2(tunnel), early: Bytes::new(), accepted })
            }
            rest => Err(Failure::Refused(Box::new(Answer { parts, rest }.refusal().await))),
        }
    }

    /// The answer as a refusal, with the beginning of its body.
    pub async fn refusal(mut self) -> Refusal {
        let mut kept = Vec::new();
        let read = async {
            while kept.len() < MAX_BODY
                && let Some(piece) = self.rest.piece().await
            {
                kept.extend_from_slice(&piece[..piece.len().min(MAX_BODY - kept.len())]);
            }
        };
        let _ = tokio::time::timeout(BODY_TIME, read).await;
        Refusal::new(&self.parts, kept)
    }
}

impl Rest {
    async fn piece(&mut self) -> Option<Bytes> {
        match self {
            Rest::One(body) => upgrade::piece(body).await,
            Rest::Two(tunnel) => tunnel.piece().await,
        }
    }
}
