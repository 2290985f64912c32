//! A conversation in whole messages, either end of it, for those who decide what to say by what they hear.
//! Pings are answered here and the closing handshake is kept to; what to say, and how long to wait, is
//! decided elsewhere.

use std::collections::VecDeque;

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncWrite};

use super::ROUND;
use super::closing::PARTING;
use super::link::{Link, Read};
use super::spoken::Spoken;
use crate::exit::{Answer, Closure};
use crate::output::encode::Piece;
use crate::wire::{Close, Deflate, Event, Kind, Role, opcode};

/// One open WebSocket, seen as whole messages.
#[derive(Debug)]
pub struct Conversation<S> {
    link: Link<S>,
    /// What is to be said, and has no room yet.
    unsaid: VecDeque<Saying>,
    /// Payload bytes of that.
    unsaid_bytes: usize,
    /// The message that is coming.
    heard: Vec<u8>,
    /// Our Close, once it is asked for.
    closing: Option<Close>,
    closure: Option<Closure>,
}

/// What is to be said.
#[derive(Debug)]
enum Saying {
    /// A message.
    Message(Spoken),
    /// A control frame.
    Control(u8, Vec<u8>),
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Heard {
    /// A message came.
    Message(Kind, Bytes),
    /// A Ping came, and is answered.
    Ping(Vec<u8>),
    /// A Pong came.
    Pong(Vec<u8>),
    /// It is over.
    End(Closure),
}

impl<S: AsyncRead + AsyncWrite + Unpin> Conversation<S> {
    /// A conversation over a connection that has just been opened; `early` came with the opening
    /// handshake, and no message may be larger than `max_message` bytes.
    pub fn new(
        stream: S,
        early: &Bytes,
        role: Role,
        max_message: Option<u64>,
        deflate: Option<&Deflate>,
    ) -> Self {
        Conversation {
            link: Link::new(stream, early, role, max_message, deflate),
            unsaid: VecDeque::new(),
            unsaid_bytes: 0,
            heard: Vec::new(),
            closing: None,
            closure: None,
        }
    }

    /// Sends a message, when there is room for it: [`Conversation::next`] does the work. After a Close
    /// nothing is sent.
    pub fn say(&mut self, kind: Kind, payload: Bytes) {
        self.unsaid_bytes += payload.len();
        self.queue(Saying::Message(Spoken::new(kind, payload)));
    }

    /// Sends a Ping.
    pub fn ping(&mut self, payload: Vec<u8>) {
        self.queue(Saying::Control(opcode::PING, payload));
    }

    /// Sends a Close, behind what is to be said before; the peer's is to come.
    pub fn close(&mut self, close: Close) {
        self.queue(Saying::Control(opcode::CLOSE, close.encode()));
        self.closing.get_or_insert(close);
    }

    /// Payload bytes that have not found room among what is on its way.
    pub fn unsaid(&self) -> usize {
        self.unsaid_bytes
    }

    /// Whether all that was said has been handed to the system.
    pub fn is_said(&self) -> bool {
        self.unsaid.is_empty() && self.link.outbox.is_empty()
    }

    fn queue(&mut self, saying: Saying) {
        if self.closing.is_none() && self.closure.is_none() {
            self.unsaid.push_back(saying);
            self.speak();
        }
    }

    /// What happens next; what is to be said is sent meanwhile. Without `listening` nothing is read, and
    /// this ends when all is said. It can be dropped and called again without loss. Once it is over, it
    /// is over at each call.
    pub async fn next(&mut self, listening: bool) -> Option<Heard> {
        loop {
            if let Some(closure) = &self.closure {
                return Some(Heard::End(closure.clone()));
            }
            self.speak();
            if listening {
                if let Some(heard) = self.hear() {
                    return Some(heard);
                }
                if self.link.inbox.has_more() {
                    // There are others.
                    tokio::task::yield_now().await;
                    continue;
                }
            } else if self.is_said() {
                return None;
            }
            // What has come waits while answers to Pings have no room, and what comes after it in the network.
            let may_read = listening && self.link.outbox.has_room_for_control();
            let moved = self.link.moved(may_read).await;
            match moved.read {
                Some(Read::End) => self.lost("the peer ended it".into()),
                Some(Read::Failed(error)) => self.lost(crate::failure::root_cause(&error)),
                None if self.link.write_failed() && !may_read => {
                    self.lost("it cannot be written to".into());
                }
                Some(Read::Bytes) | None => {}
            }
        }
    }

    /// Moves what is to be said to what is on its way, as far as there is room.
    fn speak(&mut self) {
        while self.link.outbox.has_room()
            && let Some(saying) = self.unsaid.front_mut()
        {
            match saying {
                Saying::Control(opcode, payload) => self.link.outbox.control(*opcode, payload),
                Saying::Message(spoken) => {
                    let Piece { kind, payload, first, last } = spoken.next();
                    self.link.outbox.data(kind, payload, first, last);
                    self.unsaid_bytes -= payload.len();
                    if !last {
                        continue;
                    }
                }
            }
            self.unsaid.pop_front();
        }
    }

    /// What the bytes that are here say.
    fn hear(&mut self) -> Option<Heard> {
        let Link { inbox, outbox, .. } = &mut self.link;
        inbox.allow(ROUND);
        while outbox.has_room_for_control() {
            match inbox.event() {
                Ok(None) => return None,
                Ok(Some((Event::Data { kind, payload, last, .. }, bytes))) => {
                    self.heard.extend_from_slice(&bytes[payload]);
                    if last {
                        let whole = std::mem::take(&mut self.heard);
                        return Some(Heard::Message(kind, whole.into()));
                    }
                }
                Ok(Some((Event::Ping(payload), bytes))) => {
                    let payload = bytes[payload].to_vec();
                    outbox.control(opcode::PONG, &payload);
                    return Some(Heard::Ping(payload));
                }
                Ok(Some((Event::Pong(payload), bytes))) => {
                    return Some(Heard::Pong(bytes[payload].to_vec()));
                }
                Ok(Some((Event::Close(close), _))) => return Some(self.closed(close)),
                Err(violation) => {
                    self.part_with(Close::new(violation.close_code(), ""));
                    return Some(self.end(Closure::Violated(violation)));
                }
            }
        }
        None
    }

    fn closed(&mut self, close: Close) -> Heard {
        let closure = match self.closing.clone() {
            Some(sent) => Closure::ByUs { sent, answer: Answer::Close(close) },
            None => {
                self.part_with(close.clone());
                Closure::ByPeer(close)
            }
        };
        self.end(closure)
    }

    /// Makes a Close the last frame, ahead of what has not begun to leave (RFC 6455 section 5.5.1).
    fn part_with(&mut self, close: Close) {
        self.link.outbox.retract();
        self.link.outbox.control(opcode::CLOSE, &close.encode());
    }

    fn lost(&mut self, why: String) {
        let closure = match self.closing.clone() {
            Some(sent) => Closure::ByUs { sent, answer: Answer::Lost },
            None => Closure::Lost(why),
        };
        self.end(closure);
    }

    fn end(&mut self, closure: Closure) -> Heard {
        self.unsaid.clear();
        self.unsaid_bytes = 0;
        self.closure = Some(closure.clone());
        Heard::End(closure)
    }

    /// Lets the last bytes leave, at most for a second, and ends the connection.
    pub async fn part(mut self) {
        let broken = matches!(self.closure, Some(Closure::Violated(_)));
        let _ = tokio::time::timeout(PARTING, self.link.part(broken)).await;
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::DuplexStream;

    use super::*;
    use crate::wire::Violation;

    fn pair(pipe: usize, limit: u64) -> [Conversation<DuplexStream>; 2] {
        let (client, server) = tokio::io::duplex(pipe);
        let end = |stream, role| Conversation::new(stream, &Bytes::new(), role, Some(limit), None);
        [end(client, Role::Client), end(server, Role::Server)]
    }

    fn on_runtime(test: impl Future<Output = ()>) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let deadline = std::time::Duration::from_secs(60);
        runtime.block_on(async { tokio::time::timeout(deadline, test).await.unwrap() });
    }

    fn text(text: &str) -> Heard {
        Heard::Message(Kind::Text, Bytes::copy_from_slice(text.as_bytes()))
    }

    #[test]
    fn messages_pings_and_the_close_come_in_order_over_a_pipe_of_eight_bytes() {
        on_runtime(async {
            let [mut client, mut server] = pair(8, 1 << 20);
            client.say(Kind::Text, "hello".into());
            client.ping(b"?".to_vec());
            client.say(Kind::Binary, Bytes::from(vec![7; 300_000]));
            client.close(Close::new(4000, "bye"));
            client.say(Kind::Text, "too late".into());
            let serving = async {
                let mut heard = Vec::new();
                loop {
                    let next = server.next(true).await.unwrap();
                    heard.push(next);
                    if let Some(Heard::End(_)) = heard.last() {
                        server.part().await;
                        return heard;
                    }
                }
            };
            let speaking = async {
                let pong = client.next(true).await;
                (pong, client.next(true).await)
            };
            let (heard, said) = tokio::join!(serving, speaking);
            let bye = Close::new(4000, "bye");
            let expected = [
                text("hello"),
                Heard::Ping(b"?".to_vec()),
                Heard::Message(Kind::Binary, vec![7; 300_000].into()),
                Heard::End(Closure::ByPeer(bye.clone())),
            ];
            assert_eq!(heard, expected);
            let end = Closure::ByUs { sent: bye.clone(), answer: Answer::Close(bye) };
            assert_eq!(said, (Some(Heard::Pong(b"?".to_vec())), Some(Heard::End(end))));
        });
    }

    #[test]
    fn a_large_message_waits_outside_the_queue_and_who_does_not_listen_only_speaks() {
        on_runtime(async {
            let [mut client, mut server] = pair(64, 2 << 20);
            server.say(Kind::Text, "not now".into());
            client.say(Kind::Binary, Bytes::from(vec![1; 2 << 20]));
            assert!(client.unsaid() > 1 << 20, "{}", client.unsaid());
            let speaking = async {
                assert_eq!(client.next(false).await, None);
                assert_eq!((client.unsaid(), client.is_said()), (0, true));
                client.next(true).await
            };
            let (_, heard) = tokio::join!(async { server.next(true).await }, speaking);
            assert_eq!(heard, Some(text("not now")));
        });
    }

    #[test]
    fn an_end_stays_the_end() {
        on_runtime(async {
            let [client, mut server] = pair(64, 1 << 20);
            drop(client);
            for _ in 0..2 {
                let Some(Heard::End(Closure::Lost(_))) = server.next(true).await else {
                    panic!("it goes on")
                };
            }
            let [mut client, mut server] = pair(64, 1 << 20);
            client.say(Kind::Binary, Bytes::from(vec![0; (1 << 20) + 1]));
            let (_, heard) = tokio::join!(client.next(true), async {
                let heard = server.next(true).await;
                server.part().await;
                heard
            });
            let too_big = Violation::TooBig { limit: 1 << 20 };
            assert_eq!(heard, Some(Heard::End(Closure::Violated(too_big))));
        });
    }
}
