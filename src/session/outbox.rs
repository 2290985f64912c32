//! The one queue of bytes for the network: whole frames, ours in the order in which they were
//! asked for, with a bound.

use rand::Rng as _;
use rand::rngs::StdRng;

use super::deflation::Deflation;
use crate::wire::encode::{self, Head};
use crate::wire::{Deflate, Kind, Role, opcode};

/// Bytes in the queue at which no more data is taken.
const BOUND: usize = 256 * 1024;
/// Bytes in the queue at which not even answers to Pings are.
const CONTROL_BOUND: usize = 2 * BOUND;

/// Frames on their way out.
#[derive(Debug)]
pub struct Outbox {
    frames: Vec<u8>,
    written: usize,
    /// Bytes of the connection before `frames`.
    before: u64,
    /// A client's source of masks (RFC 6455 section 10.3).
    masks: Option<StdRng>,
    /// Whether a data message has begun and not ended.
    within_message: bool,
    /// What makes messages shorter, if that was agreed on.
    deflation: Option<Box<Deflation>>,
}

/// What [`Outbox::retract`] found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retracted {
    /// Messages, whole in the queue, of which not everything is written.
    pub ended: u64,
    /// Whether there is one besides whose end was not in the queue yet.
    pub begun: bool,
    /// Payload bytes that were taken back.
    pub payload: u64,
}

impl Outbox {
    /// An empty queue for one end of a connection.
    pub fn new(role: Role, deflate: Option<&Deflate>) -> Self {
        let masks = match role {
            Role::Client => Some(rand::make_rng()),
            Role::Server => None,
        };
        let deflater = deflate.and_then(|deflate| deflate.deflater(role));
        Outbox {
            frames: Vec::new(),
            written: 0,
            before: 0,
            masks,
            within_message: false,
            deflation: deflater.map(|deflater| Box::new(Deflation::new(deflater))),
        }
    }

    /// Whether more data may be added. It is one bound for all that was added since the queue was
    /// last empty, so that its memory grows past it by one block of input at most, or one message
    /// that was held.
    pub fn has_room(&self) -> bool {
        self.has_room_beyond(0)
    }

    /// The same with so many bytes more.
    pub fn has_room_beyond(&self, more: usize) -> bool {
        self.frames.len() < BOUND + more
    }

    /// Whether a control frame may be added.
    pub fn has_room_for_control(&self) -> bool {
        self.frames.len() < CONTROL_BOUND
    }

    /// Whether everything is written.
    pub fn is_empty(&self) -> bool {
        self.frames.is_empty()
    }

    /// Bytes that were ever added; compare with [`Outbox::written`].
    pub fn added(&self) -> u64 {
        self.before + self.frames.len() as u64
    }

    /// Bytes that were ever written.
    pub fn written(&self) -> u64 {
        self.before + self.written as u64
    }

    /// What is to be written next.
    pub fn pending(&self) -> &[u8] {
        &self.frames[self.written..]
    }

    /// So many bytes of [`Outbox::pending`] are written.
    pub fn advance(&mut self, count: usize) {
        self.written += count;
        if let Some(deflation) = &mut self.deflation {
            deflation.is_written(self.before + self.written as u64);
        }
        if self.written == self.frames.len() {
            self.before += self.written as u64;
            self.written = 0;
            self.frames.clear();
            self.frames.shrink_to(2 * CONTROL_BOUND);
        }
    }

    /// Adds a data message or a fragment of one.
    pub fn data(&mut self, kind: Kind, payload: &[u8], first: bool, last: bool) {
        self.within_message = !last;
        if self.deflation.is_some() {
            return self.compressed(kind, payload, first, last);
        }
        self.frame(Head { fin: last, opcode: opcode_of(kind, first), rsv1: false }, payload);
    }

    /// The same where messages may be compressed: apart, so that the other way stays short.
    #[inline(never)]
    fn compressed(&mut self, kind: Kind, payload: &[u8], first: bool, last: bool) {
        // It is taken out for the time in which the queue is needed besides.
        let Some(mut deflation) = self.deflation.take() else { return };
        let made = deflation.compressed(payload, first, last);
        // RSV1 is for the first frame of a message (RFC 7692 section 6).
        let rsv1 = first && made.is_some();
        let head = Head { fin: last, opcode: opcode_of(kind, first), rsv1 };
        self.frame(head, made.unwrap_or(payload));
        deflation.is_queued(self.added(), payload.len());
        self.deflation = Some(deflation);
    }

    /// Adds a control frame.
    pub fn control(&mut self, opcode: u8, payload: &[u8]) {
        self.frame(Head { fin: true, opcode, rsv1: false }, payload);
    }

    /// Takes back every frame of which nothing is written.
    pub fn retract(&mut self) -> Retracted {
        let mut keep = 0;
        let mut retracted = Retracted { ended: 0, begun: self.within_message, payload: 0 };
        for frame in encode::walk(&self.frames) {
            if keep < self.written {
                keep = frame.end;
            } else if frame.head.opcode < opcode::CLOSE {
                retracted.payload += frame.payload as u64;
            }
            let is_data = frame.head.opcode < opcode::CLOSE;
            if is_data && frame.head.fin && frame.end > self.written {
                retracted.ended += 1;
            }
        }
        if let Some(deflation) = &mut self.deflation {
            retracted.payload = deflation.is_taken_back(self.before + keep as u64);
        }
        self.frames.truncate(keep);
        self.within_message = false;
        self.advance(0);
        retracted
    }

    fn frame(&mut self, head: Head, payload: &[u8]) {
        let mask = self.masks.as_mut().map(|masks| masks.next_u32().to_ne_bytes());
        encode::frame(&mut self.frames, head, mask, payload);
    }
}

/// The opcode of a frame of a message (RFC 6455 section 5.4).
fn opcode_of(kind: Kind, first: bool) -> u8 {
    match (first, kind) {
        (false, _) => opcode::CONTINUATION,
        (true, Kind::Text) => opcode::TEXT,
        (true, Kind::Binary) => opcode::BINARY,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::Agreement;

    #[test]
    fn retracting_keeps_the_frame_in_progress_and_counts_messages() {
        let filled = || {
            let mut outbox = Outbox::new(Role::Server, None);
            outbox.data(Kind::Text, b"aaa", true, true); // 5 bytes
            outbox.control(opcode::PING, b""); // 2
            outbox.data(Kind::Text, b"bb", true, false); // 4
            outbox.data(Kind::Text, b"bb", false, true); // 4
            outbox.data(Kind::Text, b"", true, true); // 2
            outbox
        };
        let cases =
            [(0, 0, 3), (1, 5, 3), (5, 5, 2), (6, 7, 2), (9, 11, 2), (15, 15, 1), (17, 0, 0)];
        for (written, kept, unsent) in cases {
            let mut outbox = filled();
            outbox.advance(written);
            assert_eq!(outbox.retract().ended, unsent, "{written} written");
            assert_eq!(outbox.frames.len(), if kept == written { 0 } else { kept }, "{written}");
        }
        let mut outbox = filled();
        outbox.data(Kind::Binary, b"begun", true, false);
        outbox.advance(24);
        let expected = Retracted { ended: 0, begun: true, payload: 0 };
        assert_eq!(outbox.retract(), expected);
        let mut outbox = filled();
        outbox.advance(6);
        assert_eq!(outbox.retract(), Retracted { ended: 2, begun: false, payload: 4 });
    }

    #[test]
    fn what_was_compressed_is_taken_back_as_what_it_was() {
        let deflate = Deflate { agreement: Agreement::default(), level: 6, min_size: 4 };
        let filled = || {
            let mut outbox = Outbox::new(Role::Server, Some(&deflate));
            let mut ends = vec![0];
            let pieces: [(&[u8], bool, bool); 4] = [
                (&[b'a'; 1000], true, true),
                (b"abc", true, true),
                (&[b'b'; 500], true, false),
                (&[b'b'; 50], false, true),
            ];
            for (piece, first, last) in pieces {
                outbox.data(Kind::Text, piece, first, last);
                ends.push(outbox.added() as usize);
            }
            (outbox, ends)
        };
        // So many frames, and a byte of the next, are written.
        let cases = [(0, 0, 3, 1553), (0, 1, 3, 553), (1, 0, 2, 553), (2, 1, 1, 50), (4, 0, 0, 0)];
        for (frames, byte, ended, payload) in cases {
            let (mut outbox, ends) = filled();
            outbox.advance(ends[frames] + byte);
            let expected = Retracted { ended, begun: false, payload };
            assert_eq!(outbox.retract(), expected, "{frames} written and {byte}");
        }
        let (outbox, ends) = filled();
        let rsv1: Vec<_> = ends[..4].iter().map(|at| outbox.pending()[*at] & 0x40 != 0).collect();
        assert_eq!(rsv1, [true, false, true, false]);
    }

    #[test]
    fn each_frame_of_a_client_has_a_mask_of_its_own() {
        let mut outbox = Outbox::new(Role::Client, None);
        for _ in 0..4 {
            outbox.control(opcode::PING, b"");
        }
        let masks: std::collections::HashSet<_> =
            outbox.pending().chunks(6).map(|frame| frame[2..].to_vec()).collect();
        assert_eq!(masks.len(), 4);
    }

    #[test]
    fn positions_count_the_whole_connection() {
        let mut outbox = Outbox::new(Role::Server, None);
        outbox.control(opcode::PING, b"");
        assert_eq!((outbox.added(), outbox.written()), (2, 0));
        outbox.advance(2);
        outbox.control(opcode::PING, b"x");
        outbox.advance(1);
        assert_eq!((outbox.added(), outbox.written()), (5, 3));
        assert!(!outbox.is_empty());
    }
}
