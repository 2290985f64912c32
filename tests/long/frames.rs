//! Frames that go by, counted without a look into them: tens of millions a second.

use std::sync::{Condvar, Mutex};
use std::time::{Duration, Instant};

use crate::support::{CLOSE, PONG};

/// How long nothing may move.
const STALL: Duration = Duration::from_secs(60);

/// What has gone by.
#[derive(Clone, Copy, Debug, Default)]
pub struct Passed {
    /// Messages that have begun to end: the last frame of each.
    pub messages: u64,
    /// Payload bytes of their frames, as they are on the wire.
    pub bytes: u64,
    /// The number in the last Pong that had one.
    pub pong: Option<u64>,
    /// Whether a Close came, or the end.
    pub ended: bool,
}

/// Takes a stream of frames apart.
#[derive(Debug, Default)]
pub struct Frames {
    /// Bytes that belong to a frame which was counted.
    skip: usize,
    /// The beginning of one that cannot be counted yet.
    rest: Vec<u8>,
    pub passed: Passed,
}

impl Frames {
    pub fn take(&mut self, bytes: &[u8]) {
        if self.rest.is_empty() {
            return self.walk(bytes);
        }
        let joined = [&std::mem::take(&mut self.rest), bytes].concat();
        self.walk(&joined);
    }

    fn walk(&mut self, mut bytes: &[u8]) {
        loop {
            let here = self.skip.min(bytes.len());
            self.skip -= here;
            bytes = &bytes[here..];
            let Some((first, head, mask, length)) = header(bytes) else { break };
            let opcode = first & 0x0f;
            if opcode >= CLOSE {
                let Some(payload) = bytes.get(head..head + length) else { break };
                self.control(opcode, mask, payload);
            } else {
                self.passed.messages += u64::from(first >> 7);
                self.passed.bytes += length as u64;
            }
            self.skip = head + length;
        }
        self.rest = bytes.to_vec();
    }

    fn control(&mut self, opcode: u8, mask: [u8; 4], payload: &[u8]) {
        self.passed.ended |= opcode == CLOSE;
        let number = payload.first_chunk::<8>().filter(|_| opcode == PONG && payload.len() == 8);
        if let Some(number) = number {
            let mask = u32::from_ne_bytes(mask);
            let mask = u64::from(mask) << 32 | u64::from(mask);
            self.passed.pong = Some(u64::from_be(u64::from_ne_bytes(*number) ^ mask));
        }
    }
}

/// The first byte of a frame, how long its header is, its mask, and how long its payload is.
fn header(bytes: &[u8]) -> Option<(u8, usize, [u8; 4], usize)> {
    let (first, second) = (*bytes.first()?, *bytes.get(1)?);
    let (length, head) = match second & 0x7f {
        126 => (u64::from(u16::from_be_bytes(*bytes.get(2..)?.first_chunk()?)), 4),
        127 => (u64::from_be_bytes(*bytes.get(2..)?.first_chunk()?), 10),
        length => (u64::from(length), 2),
    };
    match second & 0x80 {
        0 => Some((first, head, [0; 4], length as usize)),
        _ => Some((first, head + 4, *bytes.get(head..)?.first_chunk()?, length as usize)),
    }
}

/// What one thread has seen, for another that waits for it.
#[derive(Debug, Default)]
pub struct Seen(Mutex<Passed>, Condvar);

impl Seen {
    pub fn set(&self, passed: Passed) {
        *self.0.lock().unwrap() = passed;
        self.1.notify_all();
    }

    pub fn now(&self) -> Passed {
        *self.0.lock().unwrap()
    }

    /// Waits until it is so; fails when nothing has moved for long, or no more will.
    #[track_caller]
    pub fn wait(&self, what: &str, is_so: impl Fn(&Passed) -> bool) {
        let mut seen = self.0.lock().unwrap();
        let (mut before, mut since) = (seen.messages, Instant::now());
        while !is_so(&seen) {
            assert!(!seen.ended && since.elapsed() < STALL, "waited in vain for {what}: {seen:?}");
            seen = self.1.wait_timeout(seen, Duration::from_secs(1)).unwrap().0;
            if seen.messages != before {
                (before, since) = (seen.messages, Instant::now());
            }
        }
    }
}
