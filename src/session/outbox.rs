//! The one queue of bytes for the network: whole frames, ours in the order in which they were
//! asked for, with a bound.

use std::ops::Range;

use rand::Rng as _;
use rand::rngs::StdRng;

use super::deflation::Deflation;
use crate::wire::encode::{self, Head, Placed};
use crate::wire::{Deflate, Kind, Lines, RawFrame, Role, lines, opcode};

/// Bytes in the queue at which no more data is taken.
const BOUND: usize = 256 * 1024;
/// Bytes in the queue at which not even answers to Pings are.
const CONTROL_BOUND: usize = 2 * BOUND;

/// Frames on their way out.
#[derive(Debug)]
pub struct Outbox {
    frames: Vec<u8>,
    /// Where among them frames made by hand lie, whose headers may lie.
    by_hand: Vec<Range<usize>>,
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
    /// Whether there is a frame made by hand of which not everything is written.
    pub by_hand: bool,
}

/// What is written as a whole or taken back.
#[derive(Clone, Copy, Debug)]
struct Unit {
    /// The frame, unless it was made by hand.
    frame: Option<Placed>,
    /// The position behind its last byte.
    end: usize,
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
            by_hand: Vec::new(),
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
        let known = self.deflation.as_ref().map_or(0, |deflation| deflation.bytes());
        self.frames.len() + known < BOUND + more
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
            self.by_hand.clear();
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

    /// Adds the short lines with which `block` begins, each as a text or binary message, as
    /// [`lines::frames`] does. A server, and who compresses, takes none.
    pub fn lines(&mut self, kind: Kind, block: &[u8]) -> Lines {
        let Some(masks) = self.masks.as_mut().filter(|_| self.deflation.is_none()) else {
            return Lines::default();
        };
        lines::frames(&mut self.frames, kind, || masks.next_u32(), block)
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

    /// Adds a frame exactly as it stands.
    pub fn raw(&mut self, frame: &RawFrame) {
        let start = self.frames.len();
        encode::raw_frame(&mut self.frames, frame, rand::random());
        self.by_hand.push(start..self.frames.len());
    }

    /// Takes back every frame of which nothing is written.
    pub fn retract(&mut self) -> Retracted {
        let mut keep = 0;
        let begun = self.within_message;
        let mut retracted = Retracted { ended: 0, begun, payload: 0, by_hand: false };
        for Unit { frame, end } in self.units() {
            let data = frame.filter(|frame| frame.head.opcode < opcode::CLOSE);
            if keep < self.written {
                keep = end;
            } else if let Some(frame) = data {
                retracted.payload += frame.payload as u64;
            }
            if end > self.written {
                retracted.ended += u64::from(data.is_some_and(|frame| frame.head.fin));
                retracted.by_hand |= frame.is_none();
            }
        }
        if let Some(deflation) = &mut self.deflation {
            retracted.payload = deflation.is_taken_back(self.before + keep as u64);
        }
        self.frames.truncate(keep);
        self.by_hand.retain(|place| place.end <= keep);
        self.within_message = false;
        self.advance(0);
        retracted
    }

    /// Messages that end in the queue and are not wholly written.
    pub fn unsent(&self) -> u64 {
        let is_unsent = |unit: &Unit| {
            let is_data = |frame: &Placed| frame.head.opcode < opcode::CLOSE && frame.head.fin;
            unit.end > self.written && unit.frame.as_ref().is_some_and(is_data)
        };
        self.units().filter(is_unsent).count() as u64
    }

    /// What lies in the queue.
    fn units(&self) -> impl Iterator<Item = Unit> + '_ {
        let mut at = 0;
        let mut by_hand = self.by_hand.iter().peekable();
        std::iter::from_fn(move || {
            let unit = match by_hand.next_if(|place| place.start == at) {
                Some(place) => Unit { frame: None, end: place.end },
                None => {
                    let frame = encode::walk(&self.frames[at..]).next()?;
                    Unit { frame: Some(frame), end: at + frame.end }
                }
            };
            at = unit.end;
            Some(unit)
        })
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
    use crate::wire::{Agreement, LengthForm, Mask};

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
            assert_eq!(outbox.unsent(), unsent, "{written} written");
            assert_eq!(outbox.retract().ended, unsent, "{written} written");
            assert_eq!(outbox.unsent(), u64::from(written == 1), "{written} written");
            assert_eq!(outbox.frames.len(), if kept == written { 0 } else { kept }, "{written}");
        }
        let mut outbox = filled();
        outbox.data(Kind::Binary, b"begun", true, false);
        outbox.advance(24);
        let expected = Retracted { ended: 0, begun: true, payload: 0, by_hand: false };
        assert_eq!(outbox.retract(), expected);
        let mut outbox = filled();
        outbox.advance(6);
        let expected = Retracted { ended: 2, begun: false, payload: 4, by_hand: false };
        assert_eq!(outbox.retract(), expected);
    }

    /// 3 bytes that say that they are 2^63 and more.
    fn lie() -> RawFrame {
        RawFrame {
            first: 0x81,
            mask: Mask::Absent,
            length: u64::MAX,
            length_form: LengthForm::EightBytes,
            payload: b"lie".to_vec(),
        }
    }

    #[test]
    fn a_frame_made_by_hand_is_taken_back_as_one_whatever_it_says() {
        let filled = || {
            let mut outbox = Outbox::new(Role::Server, None);
            outbox.raw(&lie()); // 13 bytes
            outbox.data(Kind::Text, b"aaa", true, true); // 5
            outbox.raw(&RawFrame { length: 0, length_form: LengthForm::InHeader, ..lie() }); // 5
            outbox.raw(&lie()); // 13
            outbox.data(Kind::Text, b"bb", true, true); // 4
            outbox
        };
        let cases = [
            (0, 0, 2, 5, true),
            (1, 13, 2, 5, true),
            (13, 13, 2, 5, true),
            (14, 18, 2, 2, true),
            (18, 18, 1, 2, true),
            (19, 23, 1, 2, true),
            (24, 36, 1, 2, true),
            (36, 36, 1, 2, false),
            (37, 40, 1, 0, false),
            (40, 0, 0, 0, false),
        ];
        for (written, kept, ended, payload, by_hand) in cases {
            let mut outbox = filled();
            outbox.advance(written);
            let expected = Retracted { ended, begun: false, payload, by_hand };
            assert_eq!(outbox.retract(), expected, "{written} written");
            assert_eq!(outbox.frames.len(), if kept == written { 0 } else { kept }, "{written}");
            // What comes after them lies where it is looked for.
            outbox.data(Kind::Text, b"c", true, true);
            assert_eq!(outbox.retract().payload, 1, "{written}");
        }
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
            let expected = Retracted { ended, begun: false, payload, by_hand: false };
            assert_eq!(outbox.retract(), expected, "{frames} written and {byte}");
        }
        let (mut outbox, ends) = filled();
        outbox.raw(&lie());
        outbox.advance(ends[4]);
        let expected = Retracted { ended: 0, begun: false, payload: 0, by_hand: true };
        assert_eq!(outbox.retract(), expected, "a frame made by hand was never compressed");
        let (outbox, ends) = filled();
        let rsv1: Vec<_> = ends[..4].iter().map(|at| outbox.pending()[*at] & 0x40 != 0).collect();
        assert_eq!(rsv1, [true, false, true, false]);
    }

    #[test]
    fn what_is_known_of_short_frames_that_were_compressed_takes_room_too() {
        let deflate = Deflate { agreement: Agreement::default(), level: 6, min_size: 0 };
        let mut outbox = Outbox::new(Role::Server, Some(&deflate));
        let mut frames = 0;
        while outbox.has_room() {
            outbox.data(Kind::Text, b"", true, true);
            frames += 1;
        }
        assert!(frames * 16 < BOUND && outbox.added() < BOUND as u64 / 4, "{frames} frames");
        assert!(outbox.has_room_beyond(BOUND));
        outbox.advance(outbox.added() as usize);
        assert!(outbox.has_room());
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
