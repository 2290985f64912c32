//! The echo server's conversation: every message goes back as it comes, piece by piece, in constant
//! memory.

use std::pin::pin;

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncWrite};

use super::closing::PARTING;
use super::link::{Link, Read};
use crate::wire::{Close, Event, Role, opcode};

/// Echoes until the client closes or goes away, or `ended` says that the server ends.
pub async fn echo<S: AsyncRead + AsyncWrite + Unpin>(
    stream: S,
    early: &Bytes,
    ended: impl Future<Output = ()>,
) {
    let mut ended = pin!(ended);
    let mut link = Link::new(stream, early, Role::Server, None);
    let mut over = answer(&mut link);
    while !over {
        // Not reading while the client does not read is what bounds the memory.
        let want_read = link.outbox.has_room();
        tokio::select! {
            moved = link.moved(want_read) => match moved.read {
                Some(Read::Bytes) => over = answer(&mut link),
                Some(Read::End | Read::Failed(_)) => return,
                None if link.write_failed() => return,
                None => {}
            },
            () = &mut ended => {
                link.outbox.control(opcode::CLOSE, &Close::new(1001, "").encode());
                over = true;
            }
        }
    }
    let part = async {
        while !link.outbox.is_empty() && !link.write_failed() {
            link.moved(false).await;
        }
        link.shut_down().await;
        // Closing with unread bytes would reset the connection before our Close is read.
        while let Some(Read::Bytes) = link.moved(true).await.read {
            link.inbox.discard();
        }
    };
    let _ = tokio::time::timeout(PARTING, part).await;
}

/// Answers what has arrived; whether the conversation is over.
fn answer<S>(link: &mut Link<S>) -> bool {
    let Link { inbox, outbox, .. } = link;
    loop {
        match inbox.event() {
            Ok(None) => return false,
            Ok(Some((Event::Pong(_), _))) => {}
            Ok(Some((Event::Data { kind, payload, first, last }, bytes))) => {
                outbox.data(kind, &bytes[payload], first, last);
            }
            Ok(Some((Event::Ping(payload), bytes))) => {
                outbox.control(opcode::PONG, &bytes[payload]);
            }
            Ok(Some((Event::Close(close), _))) => {
                outbox.control(opcode::CLOSE, &close.encode());
                return true;
            }
            Err(violation) => {
                let close = Close::new(violation.close_code(), "");
                outbox.control(opcode::CLOSE, &close.encode());
                inbox.discard();
                return true;
            }
        }
    }
}
