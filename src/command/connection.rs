//! A connection whose messages are taken one by one, when their turn has come: what has come before that
//! waits, and is bounded.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;

use tokio::task::JoinHandle;

use crate::exit::Closure;
use crate::net::Stream;
use crate::scenario::Came;
use crate::session::{Conversation, Heard};
use crate::wire::{Close, Kind};

/// What each thing that has come counts for besides its bytes.
const OVERHEAD: usize = 64;

/// Bytes that wait for their turn, besides the last message.
const WAITING: usize = 8 << 20;
/// Pings that are kept, and Pongs.
const CONTROL: usize = 1000;

/// One connection.
#[derive(Debug)]
pub struct Connection {
    /// It is there until it is over.
    conversation: Option<Conversation<Stream>>,
    /// What lets the last bytes leave then.
    parting: Option<JoinHandle<()>>,
    heard: VecDeque<Heard>,
    /// Bytes of that.
    waiting: usize,
    /// The latest Pings that came: they come and go beside the messages.
    pings: VecDeque<Heard>,
    /// And the Pongs.
    pongs: VecDeque<Heard>,
    /// How it ended, as soon as that is known, whatever else is to be looked at before.
    pub ended: Option<Closure>,
}

impl Connection {
    /// A connection that has just been opened.
    pub fn new(conversation: Conversation<Stream>) -> Connection {
        let conversation = Some(conversation);
        Connection {
            conversation,
            parting: None,
            heard: VecDeque::new(),
            waiting: 0,
            pings: VecDeque::new(),
            pongs: VecDeque::new(),
            ended: None,
        }
    }

    /// The message that came next, and then the end, which stays the end.
    pub fn take(&mut self) -> Option<Heard> {
        let next = self.heard.pop_front();
        if let Some(heard) = &next {
            self.waiting -= size(heard);
        }
        next.or_else(|| self.ended.clone().map(Heard::End))
    }

    /// The Ping that came next; or the end, if there is none left.
    pub fn take_ping(&mut self) -> Option<Heard> {
        self.pings.pop_front().or_else(|| self.ended.clone().map(Heard::End))
    }

    /// The Pong that came next; or the end, if there is none left.
    pub fn take_pong(&mut self) -> Option<Heard> {
        self.pongs.pop_front().or_else(|| self.ended.clone().map(Heard::End))
    }

    /// What has come and was not taken.
    pub fn untaken(&self) -> impl Iterator<Item = &Heard> {
        self.heard.iter()
    }

    /// Sends a message.
    pub fn say(&mut self, kind: Kind, payload: Vec<u8>) {
        if let Some(conversation) = &mut self.conversation {
            conversation.say(kind, payload.into());
        }
    }

    /// Sends a Ping.
    pub fn ping(&mut self, payload: Vec<u8>) {
        if let Some(conversation) = &mut self.conversation {
            conversation.ping(payload);
        }
    }

    /// Sends a Close.
    pub fn close(&mut self, close: Close) {
        if let Some(conversation) = &mut self.conversation {
            conversation.close(close);
        }
    }

    /// Whether all that was said is on its way.
    pub fn is_on_its_way(&self) -> bool {
        self.conversation.as_ref().is_none_or(|conversation| conversation.unsaid() == 0)
    }

    /// Whether all that was said has been handed to the system.
    pub fn is_said(&self) -> bool {
        self.conversation.as_ref().is_none_or(Conversation::is_said)
    }

    /// Ends it.
    pub async fn part(self) {
        if let Some(conversation) = self.conversation {
            conversation.part().await;
        }
        if let Some(parting) = self.parting {
            // A panic in it ends the process.
            let _ = parting.await;
        }
    }

    /// Whether more is read: what waits is bounded, and then the peer waits.
    fn listens(&self) -> bool {
        self.waiting < WAITING
    }

    fn keep(&mut self, heard: Heard) {
        match heard {
            Heard::End(closure) => {
                self.ended = Some(closure);
                // The peer may wait for our answer to its Close, whatever else there is to do here.
                let over = self.conversation.take();
                self.parting = over.map(|conversation| tokio::spawn(conversation.part()));
            }
            Heard::Ping(_) => keep_latest(&mut self.pings, heard),
            Heard::Pong(_) => keep_latest(&mut self.pongs, heard),
            Heard::Message(..) => {
                self.waiting += size(&heard);
                self.heard.push_back(heard);
            }
        }
    }
}

fn keep_latest(kept: &mut VecDeque<Heard>, heard: Heard) {
    if kept.len() == CONTROL {
        kept.pop_front();
    }
    kept.push_back(heard);
}

fn size(heard: &Heard) -> usize {
    match heard {
        Heard::Message(_, payload) => OVERHEAD + payload.len(),
        _ => OVERHEAD,
    }
}

/// Lets all connections speak and listen until something has moved on one of them that others wait for:
/// something came, or all that was said is on its way, or out.
pub async fn converse(connections: &mut [Option<Connection>]) {
    poll_fn(|cx| {
        let mut moved = false;
        for connection in connections.iter_mut().flatten() {
            let listens = connection.listens();
            let Some(conversation) = &mut connection.conversation else { continue };
            let before = (conversation.unsaid() == 0, conversation.is_said());
            // It keeps nothing between two polls.
            let next = pin!(conversation.next(listens)).poll(cx);
            moved |= before != (conversation.unsaid() == 0, conversation.is_said());
            if let Poll::Ready(Some(heard)) = next {
                moved = true;
                connection.keep(heard);
            }
        }
        if moved { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
}

/// Something that came, as expectations see it.
pub fn came(heard: &Heard) -> Came<'_> {
    match heard {
        Heard::Message(kind, payload) => Came::Message(*kind, payload),
        Heard::Ping(payload) => Came::Ping(payload),
        Heard::Pong(payload) => Came::Pong(payload),
        Heard::End(closure) => Came::End(closure),
    }
}
