//! The stream as wspipe reads it, in reads of any size: the one place that uses the decoder. What
//! the decoder promises to its callers, whatever the stream, is checked here too.

use std::fmt;

use wspipe::wire::{Decoder, Event, Kind, Role, Violation, WAITS};

use super::frames::{Frame, Header};
use super::{Case, Said, Verdict, shown};

/// Reads after which the rest comes at once: a long stream byte by byte would take all the time.
const READS: usize = 1000;

/// What the decoder made of a stream.
pub struct Heard<'a> {
    case: &'a Case,
    frames: &'a [Frame<'a>],
    /// Bytes that are used up.
    at: usize,
    /// What it made of each frame, to the first that ends the reading.
    pub verdicts: Vec<Verdict<Violation>>,
    /// What it gave out of a message that did not end.
    unfinished: Option<Message>,
}

/// How whole messages are taken together.
#[derive(Clone, Copy, Debug)]
pub struct Batching {
    /// What each is to be followed by.
    pub end: Option<u8>,
    /// How many at most.
    pub most: u64,
}

/// A message, as far as it was given out.
struct Message {
    kind: Kind,
    payload: Vec<u8>,
    /// Bytes at the front of a text that are whole characters.
    valid: usize,
}

/// Reads the stream as the session does: each read brings as many bytes as the next of `cuts`
/// says, and the decoder is asked until it wants more. With `batching`, messages are taken together
/// where the decoder lets them.
pub fn hear<'a>(
    case: &'a Case,
    frames: &'a [Frame<'a>],
    cuts: &[usize],
    batching: Option<Batching>,
) -> Heard<'a> {
    let mut decoder = Decoder::new(case.role, case.limit);
    let mut buffer = case.stream.clone();
    let mut heard = Heard { case, frames, at: 0, verdicts: Vec::new(), unfinished: None };
    let mut arrived = 0_usize;
    for size in cuts.iter().cycle().take(READS).chain([&usize::MAX]) {
        arrived = arrived.saturating_add(*size).min(buffer.len());
        while heard.take(&mut decoder, &mut buffer[..arrived], batching) {}
        if heard.verdicts.last().is_some_and(Verdict::ends) {
            return heard;
        }
        let left = &case.stream[heard.at..arrived];
        heard.must(buffer[heard.at..arrived] == *left, "what is left is left as it came");
        heard.must(heard.may_wait(left), "no more is left than cannot be judged");
        if arrived == buffer.len() {
            break;
        }
    }
    heard.verdicts.resize_with(frames.len(), || Verdict::Nothing);
    heard
}

impl Heard<'_> {
    /// Whether the same was heard. How much of a text is given out before a wrong byte depends on
    /// how the text came; everything else does not.
    pub fn is_same_as(&self, other: &Heard) -> bool {
        let payload = |heard: &Heard| match &heard.unfinished {
            Some(message) => message.payload.clone(),
            None => Vec::new(),
        };
        let (ours, others) = (payload(self), payload(other));
        self.verdicts == other.verdicts
            && match self.verdicts.last() {
                Some(Verdict::Refused(Violation::InvalidUtf8)) => {
                    ours.starts_with(&others) || others.starts_with(&ours)
                }
                _ => ours == others,
            }
    }

    /// Takes the next thing from what has arrived. There is no more when it says so.
    fn take(
        &mut self,
        decoder: &mut Decoder,
        arrived: &mut [u8],
        batching: Option<Batching>,
    ) -> bool {
        let unread = &mut arrived[self.at..];
        if let Some(batching) = batching
            && self.take_batch(decoder, unread, batching)
        {
            return true;
        }
        let step = match decoder.step(unread) {
            Ok(step) => step,
            Err(violation) => {
                self.judge(self.at, Verdict::Refused(violation));
                return false;
            }
        };
        self.must(step.consumed <= unread.len(), "no more is used up than there is");
        self.must(step.consumed > 0 || step.event.is_none(), "an event uses up bytes");
        let Some(event) = step.event else {
            self.at += step.consumed;
            return step.consumed > 0;
        };
        let said = self.said(event, &unread[..step.consumed]);
        self.at += step.consumed;
        if let Some(said) = said {
            self.judge(self.at - 1, Verdict::Said(said));
        }
        !self.verdicts.last().is_some_and(Verdict::ends)
    }

    fn said(&mut self, event: Event, bytes: &[u8]) -> Option<Said> {
        let payload = match &event {
            Event::Data { payload, .. } | Event::Ping(payload) | Event::Pong(payload) => {
                bytes.get(payload.clone())
            }
            Event::Close(_) => Some(&[][..]),
        };
        self.must(payload.is_some(), "a payload is within what is used up");
        let payload = payload?;
        match event {
            Event::Data { kind, first, last, .. } => self.piece(kind, payload, first, last),
            Event::Ping(_) => Some(Said::Ping(payload.to_vec())),
            Event::Pong(_) => Some(Said::Pong(payload.to_vec())),
            Event::Close(close) => Some(Said::Close(close)),
        }
    }

    fn piece(&mut self, kind: Kind, piece: &[u8], first: bool, last: bool) -> Option<Said> {
        self.must(first == self.unfinished.is_none(), "only the first piece is said to be");
        let mut message =
            self.unfinished.take().unwrap_or(Message { kind, payload: Vec::new(), valid: 0 });
        self.must(message.kind == kind, "a message is of one kind");
        message.payload.extend_from_slice(piece);
        if kind == Kind::Text {
            let tail = &message.payload[message.valid..];
            let error = str::from_utf8(tail).err();
            self.must(error.is_none_or(|e| e.error_len().is_none()), "text so far is UTF-8");
            message.valid += error.map_or(tail.len(), |error| error.valid_up_to());
            self.must(!last || message.valid == message.payload.len(), "characters end");
        }
        if last {
            return Some(Said::Message(kind, message.payload));
        }
        self.unfinished = Some(message);
        None
    }

    /// Takes the messages that the decoder gives out together, if there are any.
    fn take_batch(
        &mut self,
        decoder: &mut Decoder,
        unread: &[u8],
        Batching { end, most }: Batching,
    ) -> bool {
        const BEFORE: &[u8] = b"before";
        let Some(kind) = decoder.message_kind(unread) else { return false };
        let mut out = BEFORE.to_vec();
        let mut batch = decoder.batch(unread, kind, end, most, &mut out);
        if batch.messages == 0 {
            let payloads;
            (batch, payloads) = decoder.large(unread, kind, most);
            for payload in payloads {
                out.extend_from_slice(payload);
                out.extend(end);
            }
        }
        self.must(out.starts_with(BEFORE), "what was there stays");
        self.must(batch.consumed <= unread.len(), "no more is used up than there is");
        self.must(batch.messages <= most, "no more is taken than was asked for");
        let end_at = self.at + batch.consumed;
        let mut given = &out[BEFORE.len()..];
        let mut payloads = 0;
        for _ in 0..batch.messages {
            let next = self.frames.binary_search_by_key(&self.at, |frame| frame.start);
            let frame = next.ok().map(|next| &self.frames[next]).filter(|frame| frame.is_whole());
            self.must(frame.is_some(), "a message is a whole frame");
            let frame = frame.expect("it is one");
            let length = frame.header.map_or(0, |header| header.length as usize);
            let payload = given.split_off(..length).unwrap_or_default();
            self.must(payload.len() == length, "the payload is the frame's");
            self.must(end.is_none_or(|end| given.split_off_first() == Some(&end)), "it is ended");
            self.judge(self.at, Verdict::Said(Said::Message(kind, payload.to_vec())));
            self.at += frame.bytes.len();
            payloads += payload.len() as u64;
        }
        self.must(self.at == end_at, "what is used up are these frames");
        self.must(given.is_empty() && batch.payload == payloads, "the payloads are counted");
        batch.messages > 0
    }

    /// Notes the verdict on the frame that has the byte `at`.
    fn judge(&mut self, at: usize, verdict: Verdict<Violation>) {
        let before = self.frames.partition_point(|frame| frame.start <= at).saturating_sub(1);
        self.must(self.verdicts.len() <= before, "a frame says one thing");
        self.verdicts.resize_with(before, || Verdict::Nothing);
        self.verdicts.push(verdict);
    }

    /// Whether there is nothing to say yet about `rest`, which is what has come and is not used up:
    /// it is nothing, or the beginning of a header, of a control frame or of a frame that is a message,
    /// not a long one.
    fn may_wait(&self, rest: &[u8]) -> bool {
        let begun = self.frames.partition_point(|frame| frame.start < self.at);
        let in_payload = begun > 0 && self.frames[begun - 1].end() > self.at as u64;
        if rest.is_empty() || in_payload {
            return rest.is_empty();
        }
        let Some(header) = Header::read(rest) else { return true };
        let size = header.length.saturating_add(header.size as u64);
        let is_control = rest[0] & 0x08 != 0;
        let is_message = matches!(rest[0], 0x81 | 0x82) && header.length <= WAITS;
        let waits = is_control || self.case.role == Role::Client && is_message;
        waits && (rest.len() as u64) < size
    }

    fn must(&self, holds: bool, what: &str) {
        assert!(holds, "{what}: not at {} of {:?} after {self:?}", self.at, self.case);
    }
}

impl fmt::Debug for Heard<'_> {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        self.verdicts.fmt(f)?;
        let Some(Message { kind, payload, .. }) = &self.unfinished else { return Ok(()) };
        write!(f, " and of a {kind:?} {}", shown(payload))
    }
}
