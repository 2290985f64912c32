//! The conversations of a server for tests: what comes is sent back, given to all, or taken and no more, until
//! the peer closes or we do. Messages pass piece by piece in bounded memory, except where they go to all.
//! Which clients there are, and when the server ends, is decided elsewhere.

use std::future::{pending, ready};
use std::pin::pin;
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncWrite};

use super::account::{Account, Burden};
use super::answers::{Answers, Farewell};
use super::closing::PARTING;
use super::hub::Member;
use super::link::{Link, Moved, Read};
use super::spare::{Held, Spare};
use super::{ROUND, ROUNDS, until};
use crate::exit::{Answer, Closure};
use crate::failure::root_cause;
use crate::output::encode::Piece;
use crate::record::Side;
use crate::wire::{Close, Deflate, Event, Role, Violation, opcode};

/// After how long without a byte moved the peer is taken for one that writes before it reads.
const STUCK: Duration = Duration::from_millis(100);
/// How long others wait for a peer that takes nothing: longer than a busy machine lets one wait that reads.
const BEHIND: Duration = Duration::from_secs(2);
/// How long what is left may wait to be taken when a conversation is over, and the peer's Close to come.
const PATIENCE: Duration = Duration::from_secs(5);
/// Bytes of answers that wait for their time.
const DELAYED: usize = 256 << 10;

/// How a connection is served.
#[derive(Debug)]
pub struct Serving<'a> {
    /// Which end we are.
    pub role: Role,
    /// How messages are compressed, if they may be.
    pub deflate: Option<Deflate>,
    /// What there is for peers that write before they read.
    pub spare: &'a Spare,
    /// What is to be said.
    pub answers: Answers<'a>,
}

/// How far a conversation is.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Stage {
    /// Messages come and are answered.
    Open,
    /// They come, and nothing is answered any more: we are about to part.
    Parting,
    /// Our Close is sent; the peer's is to come until then.
    Awaiting(Close, Instant),
    /// The peer has closed, and gets what it is owed first.
    Owing(Close),
    /// It is over, but for what is on its way.
    Over,
    /// The connection is gone.
    Gone,
}

/// A conversation.
struct Served<'a, S> {
    link: Link<S>,
    answers: Answers<'a>,
    held: Held,
    stage: Stage,
    /// Bytes that were written when others began to wait for this peer, and until when they do.
    waited_for: Option<(u64, Instant)>,
}

impl Serving<'_> {
    /// Serves until the other end closes or goes away, or we do, or `ended` says so; `early` came with the
    /// opening handshake.
    pub async fn run<S: AsyncRead + AsyncWrite + Unpin>(
        self,
        stream: S,
        early: &Bytes,
        ended: impl Future<Output = ()>,
    ) -> Account {
        let Serving { role, deflate, spare, answers } = self;
        let mut served = Served {
            link: Link::new(stream, early, role, answers.max_message(), deflate.as_ref()),
            answers,
            held: Held::none(spare),
            stage: Stage::Open,
            waited_for: None,
        };
        served.converse(ended).await;
        // Others need not wait until this one has parted.
        served.answers.leave();
        served.held.give_back();
        let Served { mut link, answers, stage, .. } = served;
        if stage != Stage::Gone {
            part(&mut link).await;
        }
        answers.account
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Served<'_, S> {
    async fn converse(&mut self, ended: impl Future<Output = ()>) {
        let mut ended = pin!(ended);
        self.part_if_due();
        // What came with the opening handshake is there.
        let mut more = true;
        let mut rounds = 0;
        loop {
            if more && self.may_hear() {
                more = self.hear();
                rounds += 1;
            }
            self.speak();
            if matches!(self.stage, Stage::Over | Stage::Gone) {
                return;
            }
            if self.link.outbox.is_empty() && self.answers.bytes() == 0 {
                self.held.give_back();
            }
            // Not reading while the other end does not read is what bounds the memory.
            let may_hear = self.may_hear();
            let goes_on = more && may_hear;
            let is_stuck = self.stage == Stage::Open && !self.has_room();
            let alarm = self.alarm();
            tokio::select! {
                moved = self.link.moved(may_hear && !goes_on) => more |= self.moved(moved),
                () = ready(()), if goes_on => {}
                () = changed(self.answers.member.as_mut()) => {}
                () = until(alarm), if alarm.is_some() => self.leave_behind(),
                () = tokio::time::sleep(STUCK), if is_stuck => self.held.take_share(),
                () = &mut ended => self.end_with(Close::new(1001, "")),
            }
            if rounds == ROUNDS {
                rounds = 0;
                // There are others.
                tokio::task::yield_now().await;
            }
        }
    }

    /// Whether there is room for an answer.
    fn has_room(&self) -> bool {
        let more = self.held.bytes;
        self.link.outbox.has_room_beyond(more) && self.answers.bytes() < DELAYED + more
    }

    fn may_hear(&self) -> bool {
        let hears = matches!(self.stage, Stage::Open | Stage::Parting | Stage::Awaiting(..));
        hears && self.has_room() && self.answers.can_answer()
    }

    /// Takes what has arrived while there is room for answers, some of it at a time; whether there may be
    /// more.
    fn hear(&mut self) -> bool {
        self.link.inbox.allow(ROUND);
        while self.may_hear() {
            let Link { inbox, outbox, .. } = &mut self.link;
            match inbox.event() {
                Ok(None) => return inbox.has_more(),
                Ok(Some((Event::Pong(_), _))) => {}
                Ok(Some((Event::Data { kind, payload, first, last }, bytes))) => {
                    let piece = Piece { kind, payload: &bytes[payload], first, last };
                    self.answers.account.passed(Side::Peer, piece);
                    if self.stage == Stage::Open {
                        if let Err(burden) = self.answers.answer(piece, outbox) {
                            self.relieve(burden);
                            return false;
                        }
                        self.part_if_due();
                        if self.stage == Stage::Parting {
                            // What is next may be the peer's Close, and ours may be due before.
                            return true;
                        }
                    }
                }
                Ok(Some((Event::Ping(payload), bytes))) => {
                    let payload = &bytes[payload];
                    self.answers.account.pinged(payload);
                    outbox.control(opcode::PONG, payload);
                }
                Ok(Some((Event::Close(close), _))) => {
                    self.closed_by_peer(close);
                    return false;
                }
                Err(violation) => {
                    self.violated(violation);
                    return false;
                }
            }
        }
        true
    }

    /// Parts once so many messages have come.
    fn part_if_due(&mut self) {
        if let Some(farewell) = self.answers.farewell() {
            self.answers.part(farewell);
            self.stage = Stage::Parting;
        }
    }

    /// Says what is due, and what is last.
    fn speak(&mut self) {
        match self.answers.speak(&mut self.link.outbox) {
            Some(Farewell::Close(close)) => {
                self.close(&close);
                self.answers.member = None;
                self.stage = Stage::Awaiting(close, Instant::now() + PATIENCE);
            }
            // The end of the stream, and no reset: the answers before it are to arrive.
            Some(Farewell::Drop) => self.stage = Stage::Over,
            None => {}
        }
        if let Stage::Owing(close) = &self.stage
            && self.answers.is_empty()
        {
            let close = close.clone();
            self.close(&close);
            self.finish(Closure::ByPeer(close));
        }
    }

    fn close(&mut self, close: &Close) {
        self.link.outbox.control(opcode::CLOSE, &close.encode());
    }

    fn finish(&mut self, closure: Closure) {
        self.answers.account.closure = Some(closure);
        self.stage = Stage::Over;
    }

    /// Ends it without waiting for the peer.
    fn end_with(&mut self, close: Close) {
        let answer = Answer::NotAwaited;
        if let Stage::Awaiting(sent, _) = &self.stage {
            let sent = sent.clone();
            return self.finish(Closure::ByUs { sent, answer });
        }
        self.close(&close);
        self.finish(Closure::ByUs { sent: close, answer });
    }

    /// Relieves others of this one.
    fn relieve(&mut self, burden: Burden) {
        self.answers.account.burden = Some(burden);
        self.end_with(Close::new(1013, burden.reason()));
    }

    fn closed_by_peer(&mut self, close: Close) {
        if let Stage::Awaiting(sent, _) = &self.stage {
            let (sent, answer) = (sent.clone(), Answer::Close(close));
            return self.finish(Closure::ByUs { sent, answer });
        }
        self.answers.stop(self.stage == Stage::Parting);
        self.stage = Stage::Owing(close);
    }

    fn violated(&mut self, violation: Violation) {
        self.link.inbox.discard();
        if let Stage::Awaiting(sent, _) = &self.stage {
            let (sent, answer) = (sent.clone(), Answer::Broken(violation));
            return self.finish(Closure::ByUs { sent, answer });
        }
        self.close(&Close::new(violation.close_code(), ""));
        self.finish(Closure::Violated(violation));
    }

    /// Whether there is something to decode.
    fn moved(&mut self, moved: Moved) -> bool {
        match moved.read {
            Some(Read::Bytes) => return true,
            Some(Read::End) => self.lost("the peer ended it".into()),
            Some(Read::Failed(error)) => self.lost(root_cause(&error)),
            None if self.link.write_failed() => self.lost("it cannot be written to".into()),
            None => {}
        }
        false
    }

    fn lost(&mut self, why: String) {
        self.answers.account.closure = Some(match &self.stage {
            Stage::Awaiting(sent, _) => Closure::ByUs { sent: sent.clone(), answer: Answer::Lost },
            Stage::Owing(close) => Closure::ByPeer(close.clone()),
            _ => Closure::Lost(why),
        });
        self.stage = Stage::Gone;
    }

    /// When to look again though nothing has moved.
    fn alarm(&mut self) -> Option<Instant> {
        let awaiting = match &self.stage {
            Stage::Awaiting(_, until) => Some(*until),
            _ => None,
        };
        let due = self.answers.due().filter(|_| self.link.outbox.has_room());
        let now = Instant::now();
        let is_waited_for = |member: &Member| member.is_waited_for(now);
        let written = self.link.outbox.written();
        self.waited_for = match self.waited_for {
            _ if !self.answers.member.as_ref().is_some_and(is_waited_for) => None,
            Some((before, until)) if before == written => Some((before, until)),
            _ => Some((written, now + BEHIND)),
        };
        let behind = self.waited_for.map(|(_, until)| until);
        [awaiting, due, behind].into_iter().flatten().min()
    }

    /// Parts with a peer that others have waited for long enough, or that does not answer our Close.
    fn leave_behind(&mut self) {
        let now = Instant::now();
        if self.waited_for.is_some_and(|(_, until)| until <= now) {
            self.relieve(Burden::Behind);
        } else if let Stage::Awaiting(sent, until) = &self.stage
            && *until <= now
        {
            let (sent, answer) = (sent.clone(), Answer::Nothing);
            self.finish(Closure::ByUs { sent, answer });
        }
    }
}

/// Waits until there is something new for a member.
async fn changed(member: Option<&mut Member>) {
    match member {
        Some(member) => member.changed().await,
        None => pending().await,
    }
}

/// Sends what is left, as long as it is taken, and parts.
async fn part<S: AsyncRead + AsyncWrite + Unpin>(link: &mut Link<S>) {
    while !link.outbox.is_empty() && !link.write_failed() {
        if tokio::time::timeout(PATIENCE, link.moved(false)).await.is_err() {
            return;
        }
    }
    let _ = tokio::time::timeout(PARTING, link.part(true)).await;
}

#[cfg(test)]
mod tests {
    use tokio::io::DuplexStream;

    use super::*;
    use crate::session::{Conduct, Conversation, Heard, Hub, Leave, Manner};
    use crate::wire::Kind;

    /// What a client hears, in short, over a pipe of eight bytes: it says something short and something long,
    /// pings, and closes. Pongs come when they come.
    fn heard(conduct: &Conduct) -> Vec<String> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let mut heard = runtime.block_on(async {
            let (ours, theirs) = tokio::io::duplex(8);
            let (spare, answers) = (Spare::default(), conduct.enter());
            let serving = Serving { role: Role::Server, deflate: None, spare: &spare, answers };
            let early = Bytes::new();
            let served = serving.run(ours, &early, pending());
            let client = Conversation::new(theirs, &early, Role::Client, None, None);
            let both = async { tokio::join!(served, converse(client)).1 };
            tokio::time::timeout(Duration::from_secs(60), both).await.unwrap()
        });
        let before = heard.len();
        heard.retain(|heard| heard != "pong");
        assert_eq!(before - heard.len(), usize::from(conduct.leave.is_none()), "{heard:?}");
        heard
    }

    async fn converse(mut client: Conversation<DuplexStream>) -> Vec<String> {
        client.say(Kind::Text, "short".into());
        client.say(Kind::Binary, vec![7; 100_000].into());
        client.ping(b"?".to_vec());
        client.close(Close::new(4000, "bye"));
        let mut heard = Vec::new();
        loop {
            heard.push(match client.next(true).await.unwrap() {
                Heard::Message(kind, payload) => format!("{} {}", kind.name(), payload.len()),
                Heard::Pong(_) => "pong".into(),
                Heard::End(Closure::ByUs { answer: Answer::Close(close), .. }) => {
                    heard.push(close.number().to_string());
                    break;
                }
                other => panic!("{other:?}"),
            });
        }
        client.part().await;
        heard
    }

    #[test]
    fn each_manner_answers_in_order_whatever_the_pipe() {
        let leave = Leave { after: 1, farewell: Farewell::Close(Close::new(1012, "")) };
        let hub = || Manner::Broadcast(Hub::default());
        let later = Duration::from_millis(20);
        let all = &["text 5", "binary 100000", "4000"][..];
        let cases = [
            ("echo", Manner::Echo, Duration::ZERO, None, all),
            ("broadcast", hub(), Duration::ZERO, None, all),
            ("sink", Manner::Sink, Duration::ZERO, None, &["4000"]),
            ("a late echo", Manner::Echo, later, None, all),
            ("a late broadcast", hub(), later, None, all),
            ("an end", Manner::Echo, Duration::ZERO, Some(leave), &["text 5", "1012"]),
        ];
        for (case, manner, delay, leave, expected) in cases {
            assert_eq!(heard(&Conduct { manner, delay, leave }), expected, "{case}");
        }
    }
}
