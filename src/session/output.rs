//! The receiving side of a session: messages held while they must be, then written; records of
//! everything else where they are asked for.

use std::io;
use std::rc::Rc;
use std::time::{Instant, SystemTime};

use super::link::Inbox;
use super::log::Log;
use super::recording::Recording;
use super::stats::Stats;
use crate::failure::Failure;
use crate::input::HOLD;
use crate::output::encode::Piece;
use crate::output::writer::{Left, Writer};
use crate::output::{Destination, Encoder, Encoding};
use crate::policy::ending::Ending;
use crate::record::{Open, Record, Side};
use crate::wire::{Batch, Kind};

/// The name of the standard output.
pub const STDOUT: &str = "stdout";

/// Where messages and records go.
#[derive(Debug)]
pub struct Output {
    name: String,
    encoder: Encoder,
    /// What records everything.
    pub recording: Option<Recording>,
    /// From where on the writer's buffer shows what is not recorded yet.
    unrecorded: Option<usize>,
    /// What writes.
    pub writer: Writer,
}

impl Output {
    /// An output in this encoding, with a name for messages.
    pub fn new(name: String, encoding: Encoding, destination: Destination) -> Self {
        let writer = Writer::new(destination);
        let encoder = Encoder::new(encoding);
        Output { name, encoder, recording: None, unrecorded: None, writer }
    }

    /// Has everything recorded that passes.
    pub fn recorded_by(mut self, recording: Option<Recording>) -> Self {
        self.recording = recording;
        self
    }

    /// Whether everything is recorded that was to be. Before, nothing of it is shown or acted on.
    pub fn is_recorded(&self) -> bool {
        self.recording.as_ref().is_none_or(Recording::is_written)
    }

    /// Whether a recording may have to be waited for.
    pub fn is_recorded_slowly(&self) -> bool {
        let log = self.recording.as_ref().and_then(|recording| recording.log.as_ref());
        log.is_some_and(Log::is_slow)
    }

    /// Waits for news of a recording; for ever when there is nothing that it has to write.
    ///
    /// # Errors
    /// It cannot be written.
    pub async fn recorded(recording: &mut Option<Recording>) -> Result<(), Failure> {
        match recording.as_mut().and_then(|recording| recording.log.as_mut()) {
            Some(log) => log.written().await,
            None => std::future::pending().await,
        }
    }

    /// Waits until everything is recorded.
    ///
    /// # Errors
    /// It cannot be written.
    pub async fn end_recording(&mut self) -> Result<(), Failure> {
        match self.recording.as_mut().and_then(|recording| recording.log.as_mut()) {
            Some(log) => log.drain().await,
            None => Ok(()),
        }
    }

    /// What is not written, and where: in the recording, or in the output itself.
    pub fn left(&self) -> Vec<(&str, Left)> {
        let log = self.recording.as_ref().and_then(|recording| recording.log.as_ref());
        let recorded = log.map(|log| (log.name(), log.left()));
        recorded.into_iter().chain([(self.name.as_str(), self.writer.left())]).collect()
    }

    /// Forgets what was to be shown and could not be recorded.
    pub fn take_back_unrecorded(&mut self) {
        if let Some(from) = self.unrecorded.take() {
            self.writer.buffer.truncate(from);
        }
    }

    /// Writes what may be written without waiting.
    pub fn flush(&mut self) {
        if self.is_recorded() {
            self.writer.flush();
        }
    }

    /// The same once it is much.
    pub fn flush_if_full(&mut self) {
        if self.is_recorded() {
            self.writer.flush_if_full();
        }
    }

    /// What an error of the writer means.
    pub fn failure(&self, error: io::Error) -> Failure {
        match self.name.as_str() {
            STDOUT => Failure::of_stdout(error),
            name => Failure::Output { name: name.to_owned(), error },
        }
    }

    /// Whether messages must be whole before they can be written.
    pub fn needs_whole_messages(&self) -> bool {
        self.has_log() || self.encoder.needs_whole_messages()
    }

    fn has_log(&self) -> bool {
        self.recording.as_ref().is_some_and(|recording| recording.log.is_some())
    }

    /// Whether records are asked for, so that they are worth making.
    pub fn wants_records(&self) -> bool {
        self.encoder.writes_records() || self.recording.is_some()
    }

    /// Writes a record, if records are asked for.
    pub fn record(&mut self, record: &Record) {
        let now = SystemTime::now();
        self.tell(|recording| recording.record(record, now));
        self.print(record, now);
    }

    /// The session is open. The heads of the opening handshake are for recordings only.
    pub fn opened(&mut self, open: Open) {
        let now = SystemTime::now();
        let printed = Open { request_headers: None, response_headers: None, ..open.clone() };
        self.tell(|recording| recording.record(&Record::Open(open), now));
        self.print(&Record::Open(printed), now);
    }

    /// Records something that is not printed: it comes from us.
    pub fn sent<'a>(&mut self, record: impl FnOnce() -> Record<'a>) {
        if let Some(recording) = &mut self.recording {
            recording.record(&record(), SystemTime::now());
        }
    }

    fn print(&mut self, record: &Record, now: SystemTime) {
        if self.encoder.writes_records() {
            self.encoder.record(&mut self.writer.buffer, record, now);
        }
    }

    /// Tells the recording, if there is one, of something that is printed next.
    fn tell(&mut self, of: impl FnOnce(&mut Recording)) {
        if self.is_recorded() {
            self.unrecorded = None;
        }
        if let Some(recording) = &mut self.recording {
            of(recording);
        }
        if !self.is_recorded() {
            self.unrecorded.get_or_insert(self.writer.buffer.len());
        }
    }

    /// Whether the next message had better stay in the link until it can be written from there.
    pub fn had_better_wait(&self, inbox: &Inbox) -> bool {
        self.writer.may_soon_take_large()
            && inbox
                .message_kind()
                .is_some_and(|kind| self.verbatim(kind).is_some() && inbox.is_large(kind))
    }

    /// Waits until everything is recorded and written.
    ///
    /// # Errors
    /// It cannot be.
    pub async fn drain(&mut self) -> Result<(), Failure> {
        if let Err(failure) = self.end_recording().await {
            self.take_back_unrecorded();
            return Err(failure);
        }
        self.writer.drain().await.map_err(|error| self.failure(error))
    }

    /// Waits until it is known that nobody will read what is printed next.
    pub async fn deserted(&mut self) -> Failure {
        self.writer.heed_reader(true);
        loop {
            if let Err(error) = self.writer.written().await {
                return self.failure(error);
            }
        }
    }

    /// Keeps what comes next apart from a message that was broken off.
    pub fn separate(&mut self) {
        self.encoder.separate(&mut self.writer.buffer);
    }

    /// Makes an end of a message that will not go on: of what was not to be written in part,
    /// nothing is.
    pub fn break_off(&mut self) {
        self.writer.take_back();
        self.encoder.break_off(&mut self.writer.buffer);
    }

    /// What ends a message of this kind, if it is written as it is and nobody else looks at it.
    fn verbatim(&self, kind: Kind) -> Option<Option<u8>> {
        let is_heard = || self.recording.as_ref().is_some_and(Recording::goes_on);
        self.encoder.verbatim(kind).filter(|_| !is_heard())
    }

    fn piece(&mut self, piece: Piece) {
        let needs_time = self.recording.is_some() || self.encoder.needs_time();
        let now = if needs_time { SystemTime::now() } else { SystemTime::UNIX_EPOCH };
        self.tell(|recording| recording.message(Side::Peer, piece, now));
        // What goes through the buffer waits there until it is recorded.
        if let Some(end) = self.encoder.verbatim(piece.kind).filter(|_| !self.has_log()) {
            return self.writer.put(&[piece.payload], end.filter(|_| piece.last));
        }
        self.encoder.message(&mut self.writer.buffer, piece, now);
    }
}

/// Puts received pieces together as far as needed and passes them on.
#[derive(Debug)]
pub struct Receiver {
    needs_whole: bool,
    held: Vec<u8>,
    /// Whether the current message was too large to hold and is being written piece by piece.
    streaming: bool,
    stats: Rc<Stats>,
}

impl Receiver {
    /// A receiver; with `needs_whole`, no message is passed on in pieces.
    pub fn new(needs_whole: bool, stats: Rc<Stats>) -> Self {
        Receiver { needs_whole, held: Vec::new(), streaming: false, stats }
    }

    /// Whether a message is written in part.
    pub fn is_streaming(&self) -> bool {
        self.streaming
    }

    /// Takes a piece of a message.
    pub fn take(&mut self, piece: Piece, ending: &mut Ending, output: &mut Output, now: Instant) {
        self.arrived(piece.payload.len() as u64, now);
        if piece.first && piece.last {
            return self.whole(piece, ending, output, now);
        }
        ending.heard(now);
        if self.streaming {
            output.piece(Piece { first: false, ..piece });
        } else if let Some(end) = output.verbatim(piece.kind).filter(|_| !self.needs_whole) {
            return self.put(piece, end, ending, output, now);
        } else {
            self.hold(piece, ending, output, now);
        }
        if piece.last && std::mem::take(&mut self.streaming) {
            self.count(&[], ending, now);
        }
    }

    /// Puts a piece where it will be written from, and lets it go once the message is whole or too
    /// large to wait for the rest.
    fn put(
        &mut self,
        piece: Piece,
        end: Option<u8>,
        ending: &mut Ending,
        output: &mut Output,
        now: Instant,
    ) {
        let writer = &mut output.writer;
        if piece.first {
            writer.begin_message();
        }
        writer.buffer.extend_from_slice(piece.payload);
        if piece.last {
            writer.buffer.extend(end);
            writer.settle();
            self.count(&[], ending, now);
        } else if writer.unsettled() > HOLD {
            writer.settle();
            self.streaming = true;
        }
    }

    /// Takes whole messages straight from the link, as far as none of them needs to be looked at.
    pub fn batch(
        &mut self,
        inbox: &mut Inbox,
        ending: &mut Ending,
        output: &mut Output,
        now: Instant,
    ) {
        let most = ending.unseen();
        if most > 0
            && let Some(kind) = inbox.message_kind()
            && let Some(end) = output.verbatim(kind)
        {
            let batch = inbox.batch(kind, end, most, &mut output.writer.buffer);
            self.received_unseen(batch, ending, now);
            let put = |payloads: &[&[u8]]| output.writer.put(payloads, end);
            let batch = inbox.large(kind, ending.unseen(), put);
            self.received_unseen(batch, ending, now);
        }
    }

    fn received_unseen(&self, batch: Batch, ending: &mut Ending, now: Instant) {
        if batch.messages > 0 {
            self.arrived(batch.payload, now);
            Stats::add(&self.stats.messages_in, batch.messages);
            ending.received_unseen(batch.messages, now);
        }
    }

    fn arrived(&self, bytes: u64, now: Instant) {
        Stats::add(&self.stats.bytes_in, bytes);
        if self.stats.first_message.get().is_none() {
            self.stats.first_message.set(Some(now));
        }
    }

    fn hold(&mut self, piece: Piece, ending: &mut Ending, output: &mut Output, now: Instant) {
        self.held.extend_from_slice(piece.payload);
        let mut held = std::mem::take(&mut self.held);
        let so_far = Piece { payload: &held, first: true, ..piece };
        if !self.needs_whole && held.len() > HOLD {
            self.streaming = true;
            output.piece(so_far);
        } else if piece.last {
            self.whole(so_far, ending, output, now);
        } else {
            self.held = held;
            return;
        }
        held.clear();
        held.shrink_to(2 * HOLD);
        self.held = held;
    }

    fn whole(&mut self, message: Piece, ending: &mut Ending, output: &mut Output, now: Instant) {
        output.piece(message);
        self.count(message.payload, ending, now);
    }

    fn count(&mut self, payload: &[u8], ending: &mut Ending, now: Instant) {
        Stats::add(&self.stats.messages_in, 1);
        ending.received(payload, now);
    }
}
