//! The adapter between the byte stream and the session: frames decoded from one buffer, frames
//! written from one queue, both directions in one poll. It decides nothing.

use std::future::poll_fn;
use std::io;
use std::mem;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::inflation::Inflation;
use super::outbox::Outbox;
use super::trace::Trace;
use crate::failure::Failure;
use crate::record::Side;
use crate::wire::{Batch, Decoder, Deflate, Deflated, Event, Kind, Role, Violation};

/// Bytes of the buffer, until a message that waits needs more.
const BUFFER: usize = 384 * 1024;
/// The same where there may be a thousand connections, until there is more to read at once.
const SMALL_BUFFER: usize = 8 * 1024;
/// Bytes that there is room for in a read, at least. Of a message that misses more, only the rest is
/// read, so that the next one begins at the front of the buffer and need not be moved there.
const READ: usize = 128 * 1024;
/// Bytes that are moved at a time when somebody looks at them: what is told of tiny frames is a hundred
/// times as long as they are.
const TRACED: usize = 16 * 1024;

/// One open connection, seen as frames.
#[derive(Debug)]
pub struct Link<S> {
    stream: S,
    /// What came in.
    pub inbox: Inbox,
    /// What goes out.
    pub outbox: Outbox,
    read_ended: bool,
    write_failed: bool,
    /// Whether the stream may keep what was written: TLS does.
    unflushed: bool,
    /// Whether it has refused bytes since it last took some.
    refused: bool,
    /// Where in the outgoing bytes a frame ends of which it matters when it has left.
    marked: Option<u64>,
    /// What looks at the bytes that pass.
    trace: Option<Box<Trace>>,
}

/// Bytes that were received, and the decoder that reads them.
#[derive(Debug)]
pub struct Inbox {
    decoder: Decoder,
    buffer: Vec<u8>,
    /// Bytes that the buffer has at least, once there is something to read.
    size: usize,
    start: usize,
    end: usize,
    /// What takes compressed messages, if they were agreed on.
    inflation: Option<Inflation>,
    /// Bytes that were ever received.
    pub received: u64,
}

impl Inbox {
    /// The next event among the bytes that are here, with the buffer that its ranges point into; none
    /// either when more than was allowed had to be inflated for it, and then [`Inbox::has_more`].
    ///
    /// # Errors
    /// A breach of the protocol. Nothing after it is to be decoded.
    pub fn event(&mut self) -> Result<Option<(Event, &[u8])>, Violation> {
        loop {
            while let Some(inflation) = &mut self.inflation
                && inflation.is_waiting()
            {
                if inflation.is_spent() {
                    return Ok(None);
                }
                if let Some(event) = inflation.event(&self.buffer)? {
                    let piece = self.inflation.as_ref().map_or(&[][..], Inflation::piece);
                    return Ok(Some((event, piece)));
                }
            }
            let at = self.start;
            let step = self.decoder.step(&mut self.buffer[at..self.end])?;
            self.start += step.consumed;
            if let (Some(piece), Some(inflation)) = (step.deflated, &mut self.inflation) {
                let payload = at + piece.payload.start..at + piece.payload.end;
                inflation.take(Deflated { payload, ..piece });
                continue;
            }
            match step.event {
                Some(event) => return Ok(Some((event, &self.buffer[at..self.end]))),
                None if step.consumed == 0 => {
                    if self.start > 0 {
                        self.buffer.copy_within(self.start..self.end, 0);
                        self.end -= self.start;
                        self.start = 0;
                    }
                    return Ok(None);
                }
                None => {}
            }
        }
    }

    /// Allows so many bytes to be inflated from now on.
    pub fn allow(&mut self, work: u64) {
        if let Some(inflation) = &mut self.inflation {
            inflation.allow(work);
        }
    }

    /// How much was ever inflated, in bytes and what is as much work.
    pub fn work(&self) -> u64 {
        self.inflation.as_ref().map_or(0, Inflation::work)
    }

    /// Whether bytes that are here are still to be inflated.
    pub fn has_more(&self) -> bool {
        self.inflation.as_ref().is_some_and(Inflation::is_waiting)
    }

    /// Where in the received bytes the frame begins that is on its way, or is to be decoded next.
    pub fn frame_start(&self) -> u64 {
        let undecoded = (self.end - self.start) as u64;
        self.received - undecoded - self.decoder.within_frame()
    }

    /// The kind of the next message: see [`Decoder::message_kind`].
    pub fn message_kind(&self) -> Option<Kind> {
        if self.has_more() {
            return None;
        }
        self.decoder.message_kind(&self.buffer[self.start..self.end])
    }

    /// Whether the next message, of this kind, is one for [`Inbox::large`].
    pub fn is_large(&self, kind: Kind) -> bool {
        self.decoder.is_large(&self.buffer[self.start..self.end], kind)
    }

    /// Takes whole messages: see [`Decoder::batch`].
    pub fn batch(&mut self, kind: Kind, end: Option<u8>, most: u64, out: &mut Vec<u8>) -> Batch {
        let received = &self.buffer[self.start..self.end];
        let batch = self.decoder.batch(received, kind, end, most, out);
        self.start += batch.consumed;
        batch
    }

    /// Takes larger whole messages, and passes their payloads on together: see [`Decoder::large`].
    pub fn large(&mut self, kind: Kind, most: u64, pass_on: impl FnOnce(&[&[u8]])) -> Batch {
        let received = &self.buffer[self.start..self.end];
        let (batch, payloads) = self.decoder.large(received, kind, most);
        if batch.messages > 0 {
            pass_on(&payloads);
        }
        self.start += batch.consumed;
        batch
    }

    /// Where the next read goes.
    fn room(&mut self) -> &mut [u8] {
        let missing = self.decoder.missing(&self.buffer[self.start..self.end]);
        let read = READ.min(self.size / 2);
        // What waits is bounded, and so is the buffer.
        let least = self.size.max(self.end + missing.max(read));
        if self.buffer.len() < least {
            self.buffer.resize(least, 0);
        }
        let end = if missing > READ { self.end + missing } else { self.buffer.len() };
        &mut self.buffer[self.end..end]
    }

    /// So many bytes were read, of those that there was room for.
    fn has_read(&mut self, size: usize, room: usize) {
        self.end += size;
        self.received += size as u64;
        if size == room {
            self.size = BUFFER.min(4 * self.size);
        }
    }

    /// Forgets what was received and not decoded: after a violation it means nothing.
    pub fn discard(&mut self) {
        (self.start, self.end) = (0, 0);
        if let Some(inflation) = &mut self.inflation {
            inflation.discard();
        }
    }
}

/// What a poll of the link brought.
#[derive(Debug, Default)]
pub struct Moved {
    /// Whether bytes were written or the marked frame has left, or writing has just failed.
    pub wrote: bool,
    /// Whether the stream has taken bytes after it had refused some.
    pub took_again: bool,
    /// Where in the outgoing bytes the marked frame ends, if it has left.
    pub marked_left: Option<u64>,
    /// What reading brought.
    pub read: Option<Read>,
    /// Why nobody looks at the bytes that pass any more.
    pub trace_failed: Option<Failure>,
}

/// What reading brought.
#[derive(Debug)]
pub enum Read {
    /// Bytes to decode.
    Bytes,
    /// The end of the stream.
    End,
    /// A failure.
    Failed(io::Error),
}

impl<S: AsyncRead + AsyncWrite + Unpin> Link<S> {
    /// A link over `stream`; `early` are bytes that came with the opening handshake.
    pub fn new(
        stream: S,
        early: &Bytes,
        role: Role,
        max_message: Option<u64>,
        deflate: Option<&Deflate>,
    ) -> Self {
        let size = match role {
            Role::Client => BUFFER,
            Role::Server => SMALL_BUFFER,
        };
        let mut buffer = vec![0; size.max(early.len())];
        buffer[..early.len()].copy_from_slice(early);
        let decoder = Decoder::new(role, max_message);
        let (decoder, inflation) = match deflate {
            None => (decoder, None),
            Some(deflate) => {
                let inflater = deflate.inflater(role, max_message);
                (decoder.with_deflate(), Some(Inflation::new(inflater)))
            }
        };
        Link {
            stream,
            inbox: Inbox {
                decoder,
                buffer,
                size,
                start: 0,
                end: early.len(),
                inflation,
                received: early.len() as u64,
            },
            outbox: Outbox::new(role, deflate),
            read_ended: false,
            write_failed: false,
            unflushed: false,
            refused: false,
            marked: None,
            trace: None,
        }
    }

    /// Has what passes looked at.
    pub fn traced_by(mut self, trace: Option<Box<Trace>>) -> Self {
        self.trace = trace;
        if let Some(trace) = &mut self.trace {
            trace.passed(Side::Peer, &self.inbox.buffer[..self.inbox.end]);
        }
        self
    }

    /// What looks at the bytes that pass.
    pub fn trace(&mut self) -> Option<&mut Trace> {
        self.trace.as_deref_mut()
    }

    /// Gives back what looks at the frames.
    pub fn untraced(&mut self) -> Option<Box<Trace>> {
        self.trace.take()
    }

    /// Whether writing has failed. What was received before can still be read.
    pub fn write_failed(&self) -> bool {
        self.write_failed
    }

    /// Whether nobody who looks at the bytes keeps them from moving.
    pub fn may_move(&self) -> bool {
        self.trace.as_ref().is_none_or(|trace| trace.has_room())
    }

    /// Moves bytes: out, whatever waits; in, if `want_read`. Ready when anything moved, or may move again.
    pub async fn moved(&mut self, want_read: bool) -> Moved {
        if let Some(trace) = self.trace.as_mut().filter(|trace| !trace.has_room()) {
            let trace_failed = trace.room().await.err();
            if trace_failed.is_some() {
                self.trace = None;
            }
            return Moved { trace_failed, ..Moved::default() };
        }
        poll_fn(|cx| self.poll_move(cx, want_read)).await
    }

    /// The frame that was added last is one of which it matters when it has left.
    pub fn mark(&mut self) {
        self.marked = Some(self.outbox.added());
    }

    /// Writes what goes out at once, and does not wait for the rest.
    pub fn write_now(&mut self) -> Moved {
        let mut moved = Moved::default();
        self.poll_write(&mut Context::from_waker(Waker::noop()), &mut moved);
        moved
    }

    /// Writes what is left, ends the connection, and, if the peer may still be sending, reads on to its end:
    /// closing with unread bytes would reset the connection before our Close is read.
    pub async fn part(&mut self, drains: bool) {
        while !self.outbox.is_empty() && !self.write_failed() {
            self.moved(false).await;
        }
        self.shut_down().await;
        while drains && !self.read_ended {
            self.moved(true).await;
            self.inbox.discard();
        }
    }

    /// Says that nothing more will be written.
    async fn shut_down(&mut self) {
        // The connection may be gone already, which is what is wanted.
        let _ = poll_fn(|cx| Pin::new(&mut self.stream).poll_shutdown(cx)).await;
    }

    fn poll_move(&mut self, cx: &mut Context, want_read: bool) -> Poll<Moved> {
        let mut moved = Moved::default();
        self.poll_write(cx, &mut moved);
        if want_read && !self.read_ended {
            self.poll_read(cx, &mut moved);
        }
        if moved.wrote || moved.read.is_some() { Poll::Ready(moved) } else { Poll::Pending }
    }

    fn poll_write(&mut self, cx: &mut Context, moved: &mut Moved) {
        while !self.write_failed && !self.outbox.is_empty() {
            if self.mark_is_written() && self.poll_flush(cx, moved).is_pending() {
                return;
            }
            let pending = self.outbox.pending();
            let pending = &pending[..pending.len().min(self.at_a_time())];
            match Pin::new(&mut self.stream).poll_write(cx, pending) {
                Poll::Pending => {
                    self.refused = true;
                    return;
                }
                Poll::Ready(Ok(written)) if written > 0 => {
                    if let Some(trace) = &mut self.trace {
                        trace.passed(Side::Us, &self.outbox.pending()[..written]);
                    }
                    self.outbox.advance(written);
                    self.unflushed = true;
                    moved.wrote = true;
                    moved.took_again |= mem::take(&mut self.refused);
                    if self.trace.is_some() && !self.outbox.is_empty() {
                        // What is told of it may need room first.
                        return;
                    }
                }
                // Reading goes on: what the peer said before is still to come.
                Poll::Ready(_) => {
                    self.write_failed = true;
                    moved.wrote = true;
                }
            }
        }
        if self.unflushed && !self.write_failed {
            let _ = self.poll_flush(cx, moved);
        }
    }

    fn poll_flush(&mut self, cx: &mut Context, moved: &mut Moved) -> Poll<()> {
        match Pin::new(&mut self.stream).poll_flush(cx) {
            Poll::Pending => {
                self.refused = true;
                return Poll::Pending;
            }
            Poll::Ready(Ok(())) => {
                self.unflushed = false;
                moved.took_again |= mem::take(&mut self.refused);
                if self.mark_is_written() {
                    moved.marked_left = self.marked.take();
                    moved.wrote = true;
                }
            }
            Poll::Ready(Err(_)) => {
                self.write_failed = true;
                moved.wrote = true;
            }
        }
        Poll::Ready(())
    }

    /// Whether the marked frame is with the stream, which may keep it until more comes.
    fn mark_is_written(&self) -> bool {
        self.marked.is_some_and(|end| end <= self.outbox.written())
    }

    /// Bytes that are moved at a time.
    fn at_a_time(&self) -> usize {
        if self.trace.is_some() { TRACED } else { usize::MAX }
    }

    fn poll_read(&mut self, cx: &mut Context, moved: &mut Moved) {
        let most = self.at_a_time();
        let inbox = &mut self.inbox;
        let room = inbox.room();
        let room_size = room.len();
        let mut space = ReadBuf::new(&mut room[..room_size.min(most)]);
        moved.read = match Pin::new(&mut self.stream).poll_read(cx, &mut space) {
            Poll::Pending => None,
            Poll::Ready(Ok(())) if space.filled().is_empty() => {
                self.read_ended = true;
                Some(Read::End)
            }
            Poll::Ready(Ok(())) => {
                let size = space.filled().len();
                if let Some(trace) = &mut self.trace {
                    trace.passed(Side::Peer, space.filled());
                }
                inbox.has_read(size, room_size);
                Some(Read::Bytes)
            }
            Poll::Ready(Err(error)) => {
                self.read_ended = true;
                Some(Read::Failed(error))
            }
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::encode::{self, Head};
    use crate::wire::{Agreement, opcode};

    fn inbox(bytes: &[u8]) -> Inbox {
        let mut buffer = vec![0; BUFFER];
        buffer[..bytes.len()].copy_from_slice(bytes);
        let decoder = Decoder::new(Role::Client, None);
        let (start, end, size) = (0, bytes.len(), BUFFER);
        Inbox { decoder, buffer, size, start, end, inflation: None, received: 0 }
    }

    #[test]
    fn what_is_not_inflated_in_one_round_is_in_the_next() {
        let deflate = Deflate { agreement: Agreement::default(), level: 9, min_size: 0 };
        let mut compressed = Vec::new();
        let mut deflater = deflate.deflater(Role::Server).unwrap();
        deflater.push(&[b'x'; 700_000], true, &mut compressed);
        let mut bytes = Vec::new();
        for (rsv1, payload) in [(false, &b"before"[..]), (true, &compressed), (false, b"after")] {
            let head = Head { fin: true, opcode: opcode::TEXT, rsv1 };
            encode::frame(&mut bytes, head, None, payload);
        }
        let mut inbox = inbox(&bytes);
        inbox.decoder = Decoder::new(Role::Client, None).with_deflate();
        inbox.inflation = Some(Inflation::new(deflate.inflater(Role::Client, None)));
        let (mut rounds, mut came) = (0, Vec::new());
        loop {
            inbox.allow(1);
            while let Some((event, bytes)) = inbox.event().unwrap() {
                let Event::Data { payload, last, .. } = event else { panic!("{event:?}") };
                came.extend_from_slice(&bytes[payload]);
                came.extend(last.then_some(b'|'));
            }
            if !inbox.has_more() {
                break;
            }
            rounds += 1;
            // A read between two rounds does not move what waits.
            inbox.room().fill(0);
        }
        assert!(rounds >= 4, "{rounds}");
        assert_eq!(came, [&b"before|"[..], &[b'x'; 700_000], b"|after|"].concat());
    }

    #[test]
    fn a_small_buffer_grows_with_what_is_read_at_once() {
        let mut inbox = inbox(b"");
        (inbox.buffer, inbox.size) = (vec![0; SMALL_BUFFER], SMALL_BUFFER);
        for (read, then) in [
            (1, SMALL_BUFFER - 1),
            (SMALL_BUFFER - 1, 4 * SMALL_BUFFER),
            (4 * SMALL_BUFFER, 16 * SMALL_BUFFER),
            (16 * SMALL_BUFFER, BUFFER),
            (BUFFER, BUFFER),
        ] {
            let room = inbox.room().len();
            inbox.has_read(read, room);
            if inbox.end == inbox.buffer.len() {
                inbox.discard();
            }
            assert_eq!(inbox.room().len(), then, "{read}");
        }
    }

    #[test]
    fn a_read_has_room_for_much_or_for_just_the_rest_of_a_long_message() {
        let long = [0x82, 127, 0, 0, 0, 0, 0, 0x10, 0, 0];
        let header = long.len();
        let mut short = vec![0x82, 126, 0xff, 0xff];
        short.resize(1000, b'x');
        let cases: [(&str, &[u8], usize); 4] = [
            ("nothing", b"", BUFFER),
            ("a header", &long, 1 << 20),
            ("a short message", &short, BUFFER - 1000),
            ("one that is too long to wait", &[0x82, 127, 0, 0, 0, 0, 1, 0, 0, 0], BUFFER - header),
        ];
        for (case, bytes, room) in cases {
            assert_eq!(inbox(bytes).room().len(), room, "{case}");
        }
        let mut almost = inbox(&long);
        almost.buffer.resize(header + (1 << 20), 0);
        almost.end = almost.buffer.len() - 1;
        assert_eq!(almost.room().len(), READ, "one that lacks a byte");
    }
}
