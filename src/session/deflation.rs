//! Messages on their way through a compressor into the queue, and what the payload of the frames there
//! was before. The compressing is in `wire`.

use std::collections::VecDeque;

use crate::wire::Deflater;

/// Frames for which memory is kept when all are written.
const KEPT: usize = 4 << 10;

/// What makes messages shorter.
#[derive(Debug)]
pub struct Deflation {
    deflater: Deflater,
    /// Whether the current message is compressed.
    takes: bool,
    /// What became of the last piece.
    made: Vec<u8>,
    /// Where frames end that are not written, counted from the beginning of the connection, with the
    /// bytes that their payload was.
    queued: VecDeque<(u64, u64)>,
}

impl Deflation {
    /// Nothing has been sent yet.
    pub fn new(deflater: Deflater) -> Self {
        Deflation { deflater, takes: false, made: Vec::new(), queued: VecDeque::new() }
    }

    /// The payload of the frame that a piece of a message becomes, if it is not the piece itself.
    pub fn compressed(&mut self, piece: &[u8], first: bool, last: bool) -> Option<&[u8]> {
        if first {
            self.takes = self.deflater.is_for(piece, last);
        }
        if !self.takes {
            return None;
        }
        self.made.clear();
        self.deflater.push(piece, last, &mut self.made);
        Some(&self.made)
    }

    /// A frame is in the queue up to `end`; its payload was of this length.
    pub fn is_queued(&mut self, end: u64, length: usize) {
        self.queued.push_back((end, length as u64));
    }

    /// Bytes that are taken by what is known of frames that are not written: more than by the frames, if those
    /// are short.
    pub fn bytes(&self) -> usize {
        self.queued.len() * size_of::<(u64, u64)>()
    }

    /// The frames up to `end` are written.
    pub fn is_written(&mut self, end: u64) {
        while self.queued.front().is_some_and(|(frame, _)| *frame <= end) {
            self.queued.pop_front();
        }
        if self.queued.is_empty() {
            self.queued.shrink_to(KEPT);
        }
    }

    /// The frames behind `end` were taken out of the queue; how long their payload was.
    pub fn is_taken_back(&mut self, end: u64) -> u64 {
        let first = self.queued.partition_point(|(frame, _)| *frame <= end);
        self.queued.drain(first..).map(|(_, length)| length).sum()
    }
}
