//! The stream as wspipe reads it, in reads of any size: the one place that uses the decoder and the
//! inflater. What they promise to their callers, whatever the stream, is checked here too.

use std::fmt;

use wspipe::wire::{Decoder, Deflated, Event, Inflater, Kind, Role, Violation, WAITS};

use super::frames::{Frame, Header};
use super::{Case, Context, Said, Verdict, shown};

/// Reads after which the rest comes at once: a long stream byte by byte would take all the time.
const READS: usize = 1000;
/// The longest piece of what was compressed: the inflater's whole buffer.
const PIECE: usize = 160 * 1024;

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

/// What reads.
struct Reader {
    decoder: Decoder,
    inflater: Inflater,
    /// A piece of a compressed message, by where it lies in the stream.
    waiting: Option<Deflated>,
    /// Whether the last step of the inflater moved nothing.
    rested: bool,
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
    let decoder = Decoder::new(case.role, case.limit);
    let decoder = if case.context.is_some() { decoder.with_deflate() } else { decoder };
    let inflater = Inflater::new(case.context == Some(Context::Kept), case.limit);
    let mut reader = Reader { decoder, inflater, waiting: None, rested: false };
    let mut buffer = case.stream.clone();
    let mut heard = Heard { case, frames, at: 0, verdicts: Vec::new(), unfinished: None };
    let mut arrived = 0_usize;
    for size in cuts.iter().cycle().take(READS).chain([&usize::MAX]) {
        arrived = arrived.saturating_add(*size).min(buffer.len());
        while heard.take(&mut reader, &mut buffer[..arrived], batching) {}
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
    /// Whether the same was heard. How much is given out before a wrong byte of a text, or one too
    /// many of what was compressed, depends on how it came, and so does which of these is found
    /// first; everything else does not.
    pub fn is_same_as(&self, other: &Heard) -> bool {
        let (ours, others) = (self.unfinished(), other.unfinished());
        let (Some((our_last, our_rest)), Some((others_last, others_rest))) =
            (self.verdicts.split_last(), other.verdicts.split_last())
        else {
            return self.verdicts.is_empty() && other.verdicts.is_empty();
        };
        let depends = self.is_refused_by_how_it_came() && other.is_refused_by_how_it_came();
        our_rest == others_rest
            && (our_last == others_last || depends && self.case.context.is_some())
            && (ours == others || depends && (ours.starts_with(others) || others.starts_with(ours)))
    }

    /// Whether what was given out of a compressed message that did not end is what this one begins
    /// with: all of it, unless it goes wrong.
    pub fn gave_out(&self, message: &[u8]) -> bool {
        let good = match self.verdicts.last() {
            Some(Verdict::Refused(Violation::TooBig { .. })) => 0,
            Some(Verdict::Refused(Violation::InvalidUtf8)) => {
                str::from_utf8(message).map_or_else(|error| error.valid_up_to(), str::len)
            }
            _ => message.len(),
        };
        let given = self.unfinished();
        message.starts_with(given) && given.len() >= good
    }

    /// Whether the last frame of any compressed message did not end it.
    pub fn is_within_compressed(&self, frames: &[Frame]) -> bool {
        let last = frames.iter().rposition(|frame| frame.deflated.is_some());
        last.is_some_and(|last| !matches!(self.verdicts[last], Verdict::Said(_)))
    }

    fn unfinished(&self) -> &[u8] {
        self.unfinished.as_ref().map_or(&[], |message| &message.payload)
    }

    fn is_refused_by_how_it_came(&self) -> bool {
        let violation = match self.verdicts.last() {
            Some(Verdict::Refused(violation)) => violation,
            _ => return false,
        };
        *violation == Violation::InvalidUtf8
            || self.case.context.is_some() && matches!(violation, Violation::TooBig { .. })
    }

    /// Takes the next thing from what has arrived. There is no more when it says so.
    fn take(
        &mut self,
        reader: &mut Reader,
        arrived: &mut [u8],
        batching: Option<Batching>,
    ) -> bool {
        if let Some(piece) = reader.waiting.take() {
            return self.inflate(reader, piece, arrived);
        }
        let unread = &mut arrived[self.at..];
        if let Some(batching) = batching
            && self.take_batch(&mut reader.decoder, unread, batching)
        {
            return true;
        }
        let step = match reader.decoder.step(unread) {
            Ok(step) => step,
            Err(violation) => {
                self.judge(self.at, Verdict::Refused(violation));
                return false;
            }
        };
        self.must(step.consumed <= unread.len(), "no more is used up than there is");
        self.must(step.consumed > 0 || step.event.is_none(), "an event uses up bytes");
        if let Some(Deflated { kind, payload, last }) = step.deflated {
            self.must(step.event.is_none(), "a step brings one thing");
            self.must(payload.end <= step.consumed, "a payload is within what is used up");
            let payload = self.at + payload.start..self.at + payload.end;
            reader.waiting = Some(Deflated { kind, payload, last });
            self.at += step.consumed;
            return true;
        }
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

    /// Takes what the next step of the inflater makes of a piece.
    fn inflate(&mut self, reader: &mut Reader, mut waiting: Deflated, arrived: &[u8]) -> bool {
        let Deflated { kind, last, .. } = waiting;
        let input = &arrived[waiting.payload.clone()];
        let step = match reader.inflater.step(kind, input, last) {
            Ok(step) => step,
            Err(violation) => {
                self.judge(self.at - 1, Verdict::Refused(violation));
                return false;
            }
        };
        let rests = !step.done && step.consumed == 0 && step.payload.is_empty();
        self.must(!(rests && reader.rested), "the inflater comes to an end");
        reader.rested = rests;
        self.must(step.consumed <= input.len(), "no more is inflated than there is");
        self.must(!step.done || step.consumed == input.len(), "what is done with is used up");
        self.must(step.payload.len() <= PIECE, "a piece is bounded");
        let piece = reader.inflater.piece().get(step.payload);
        self.must(piece.is_some(), "what comes out is within the piece");
        let piece = piece.unwrap_or_default();
        waiting.payload.start += step.consumed;
        reader.waiting = (!step.done).then_some(waiting);
        let ends = last && step.done;
        if piece.is_empty() && !ends {
            return true;
        }
        if let Some(said) = self.piece(kind, piece, self.unfinished.is_none(), ends) {
            self.judge(self.at - 1, Verdict::Said(said));
        }
        true
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
