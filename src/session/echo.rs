//! The echo server's conversation: every message goes back as it comes, piece by piece, in bounded
//! memory.

use std::future::ready;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncWrite};

use super::closing::PARTING;
use super::link::{Link, Read};
use super::{ROUND, ROUNDS};
use crate::wire::{Close, Deflate, Event, Role, opcode};

/// After how long without a byte moved the peer is taken for one that writes before it reads.
const STUCK: Duration = Duration::from_millis(100);
/// Bytes that are held for it then.
const SHARE: usize = 8 << 20;
/// How long what is left may wait to be taken when a conversation is over.
const PATIENCE: Duration = Duration::from_secs(5);

/// How to echo.
#[derive(Clone, Copy, Debug)]
pub struct Echo<'a> {
    /// Which end we are.
    pub role: Role,
    /// How messages are compressed, if they may be.
    pub deflate: Option<Deflate>,
    /// What there is for peers that write before they read.
    pub spare: &'a Spare,
}

/// Bytes that all connections together may hold besides their own bound.
#[derive(Clone, Debug, Default)]
pub struct Spare(Arc<AtomicUsize>);

impl Spare {
    /// So many.
    pub fn new(bytes: usize) -> Spare {
        Spare(Arc::new(AtomicUsize::new(bytes)))
    }
}

/// What one connection has of them.
#[derive(Debug)]
struct Held<'a> {
    spare: &'a Spare,
    bytes: usize,
}

impl Held<'_> {
    fn take_share(&mut self) {
        let left = |spare: usize| Some(spare.saturating_sub(SHARE));
        let before = self.spare.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, left);
        self.bytes += before.unwrap_or_default().min(SHARE);
    }

    fn give_back(&mut self) {
        self.spare.0.fetch_add(std::mem::take(&mut self.bytes), Ordering::Relaxed);
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.give_back();
    }
}

/// What is to be done after some answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Next {
    /// To read.
    Read,
    /// To answer more of what has arrived.
    Answer,
    /// To part.
    Part,
}

impl Echo<'_> {
    /// Echoes until the other end closes or goes away, or `ended` says that we do; `early` came with
    /// the opening handshake.
    pub async fn run<S: AsyncRead + AsyncWrite + Unpin>(
        self,
        stream: S,
        early: &Bytes,
        ended: impl Future<Output = ()>,
    ) {
        let mut ended = pin!(ended);
        let mut held = Held { spare: self.spare, bytes: 0 };
        let mut link = Link::new(stream, early, self.role, None, self.deflate.as_ref());
        let mut next = Next::Answer;
        let mut rounds = 0;
        loop {
            if next == Next::Answer && link.outbox.has_room_beyond(held.bytes) {
                next = answer(&mut link, held.bytes);
                rounds += 1;
            }
            if next == Next::Part {
                break;
            }
            if link.outbox.is_empty() {
                held.give_back();
            }
            // Not reading while the other end does not read is what bounds the memory.
            let has_room = link.outbox.has_room_beyond(held.bytes);
            let goes_on = next == Next::Answer && has_room;
            tokio::select! {
                moved = link.moved(has_room && !goes_on) => match moved.read {
                    Some(Read::Bytes) => next = Next::Answer,
                    Some(Read::End | Read::Failed(_)) => return,
                    None if link.write_failed() => return,
                    None => {}
                },
                () = ready(()), if goes_on => {}
                () = tokio::time::sleep(STUCK), if !has_room => held.take_share(),
                () = &mut ended => {
                    link.outbox.control(opcode::CLOSE, &Close::new(1001, "").encode());
                    next = Next::Part;
                }
            }
            if rounds == ROUNDS {
                rounds = 0;
                // There are others.
                tokio::task::yield_now().await;
            }
        }
        part(&mut link).await;
    }
}

/// Sends what is left, as long as it is taken, and parts.
async fn part<S: AsyncRead + AsyncWrite + Unpin>(link: &mut Link<S>) {
    while !link.outbox.is_empty() && !link.write_failed() {
        if tokio::time::timeout(PATIENCE, link.moved(false)).await.is_err() {
            return;
        }
    }
    let part = async {
        link.shut_down().await;
        // Closing with unread bytes would reset the connection before our Close is read.
        while let Some(Read::Bytes) = link.moved(true).await.read {
            link.inbox.discard();
        }
    };
    let _ = tokio::time::timeout(PARTING, part).await;
}

/// Answers what has arrived while there is room, some of it at a time.
fn answer<S>(link: &mut Link<S>, held: usize) -> Next {
    let Link { inbox, outbox, .. } = link;
    inbox.allow(ROUND);
    loop {
        if !outbox.has_room_beyond(held) {
            return Next::Answer;
        }
        match inbox.event() {
            Ok(None) => return if inbox.has_more() { Next::Answer } else { Next::Read },
            Ok(Some((Event::Pong(_), _))) => {}
            Ok(Some((Event::Data { kind, payload, first, last }, bytes))) => {
                outbox.data(kind, &bytes[payload], first, last);
            }
            Ok(Some((Event::Ping(payload), bytes))) => {
                outbox.control(opcode::PONG, &bytes[payload]);
            }
            Ok(Some((Event::Close(close), _))) => {
                outbox.control(opcode::CLOSE, &close.encode());
                return Next::Part;
            }
            Err(violation) => {
                let close = Close::new(violation.close_code(), "");
                outbox.control(opcode::CLOSE, &close.encode());
                inbox.discard();
                return Next::Part;
            }
        }
    }
}
