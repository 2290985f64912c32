//! Frames in, many at a time: whole messages that nobody has to look at one by one. Where a message
//! is anything but ordinary, it is left to [`Decoder::step`].

use super::decode::{MASKED, WHOLE_BINARY, WHOLE_TEXT, payload_length};
use super::{Decoder, Kind, Role, utf8};

/// Bytes of a payload from which on it is worth using where it lies, and is not copied in a batch.
pub const LARGE: usize = 8 * 1024;
/// Bytes of a batch that are checked at a time: they fit into a first-level cache with what they were
/// copied from.
const NEAR: usize = 16 * 1024;

/// Whole messages that were taken together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Batch {
    /// Bytes at the front of the buffer that are not to be given again.
    pub consumed: usize,
    /// How many messages they hold.
    pub messages: u64,
    /// Bytes of their payloads.
    pub payload: u64,
}

impl Decoder {
    /// The kind of the message at the front of `buffer`, if it is of those that [`Decoder::batch`] and
    /// [`Decoder::large`] take once they are there as a whole.
    pub fn message_kind(&self, buffer: &[u8]) -> Option<Kind> {
        if self.role != Role::Client || !self.is_between_messages() {
            return None;
        }
        match *buffer.first()? {
            WHOLE_TEXT => Some(Kind::Text),
            WHOLE_BINARY => Some(Kind::Binary),
            _ => None,
        }
    }

    /// Whether there is one at the front of `buffer` that [`Decoder::large`] may take.
    pub fn is_large(&self, buffer: &[u8], kind: Kind) -> bool {
        let limit = self.max_message.unwrap_or(u64::MAX);
        whole_message(buffer, kind, limit).is_some_and(|(_, payload)| payload.len() >= LARGE)
    }

    /// Takes the messages of this kind (see [`Decoder::message_kind`]) that stand at the front of
    /// `buffer`, each of them valid, there as a whole, in one frame and shorter than [`LARGE`]: at
    /// most `most`. Appends their payloads to `out`, each followed by `end`. What it leaves is for
    /// [`Decoder::step`].
    ///
    /// Text is checked all at once where `end`, an ASCII character, keeps the messages apart.
    pub fn batch(
        &mut self,
        buffer: &[u8],
        kind: Kind,
        end: Option<u8>,
        most: u64,
        out: &mut Vec<u8>,
    ) -> Batch {
        let mut batch = Batch::default();
        let joined = kind == Kind::Text && end.is_some_and(|end| end.is_ascii());
        loop {
            let rest = &buffer[batch.consumed..];
            let most = most - batch.messages;
            let begin = out.len();
            let each = kind == Kind::Text && !joined;
            let mut next = self.copy(rest, kind, end, most, each, out);
            let is_good = !joined || utf8::check(&out[begin..]).is_ok();
            if !is_good {
                out.truncate(begin);
                next = self.copy(rest, kind, end, most, true, out);
            }
            batch.consumed += next.consumed;
            batch.messages += next.messages;
            batch.payload += next.payload;
            if !is_good || next.messages == 0 {
                if batch.messages > 0 {
                    self.waits_no_more();
                }
                return batch;
            }
        }
    }

    /// Some of the work of [`Decoder::batch`]: as much as is still near the processor when it is
    /// checked. With `check`, stops before a payload that is not UTF-8.
    fn copy(
        &self,
        buffer: &[u8],
        kind: Kind,
        end: Option<u8>,
        most: u64,
        check: bool,
        out: &mut Vec<u8>,
    ) -> Batch {
        let limit = self.max_message.unwrap_or(u64::MAX).min(LARGE as u64 - 1);
        let near = out.len() + NEAR;
        let mut batch = Batch::default();
        let mut rest = buffer;
        while batch.messages < most
            && out.len() < near
            && let Some((behind, payload)) = whole_message(rest, kind, limit)
            && !(check && utf8::check(payload).is_err())
        {
            append(out, behind, payload);
            out.extend(end);
            rest = &behind[payload.len()..];
            batch.messages += 1;
            batch.payload += payload.len() as u64;
        }
        batch.consumed = buffer.len() - rest.len();
        batch
    }

    /// As [`Decoder::batch`] for messages of [`LARGE`] bytes and more; gives their payloads as they
    /// lie in `buffer`.
    pub fn large<'b>(&mut self, buffer: &'b [u8], kind: Kind, most: u64) -> (Batch, Vec<&'b [u8]>) {
        let limit = self.max_message.unwrap_or(u64::MAX);
        let mut batch = Batch::default();
        let mut payloads = Vec::new();
        let mut rest = buffer;
        while batch.messages < most
            && let Some((behind, payload)) = whole_message(rest, kind, limit)
            && payload.len() >= LARGE
            && !(kind == Kind::Text && self.check_whole(payload).is_err())
        {
            payloads.push(payload);
            rest = &behind[payload.len()..];
            batch.messages += 1;
            batch.payload += payload.len() as u64;
        }
        batch.consumed = buffer.len() - rest.len();
        (batch, payloads)
    }
}

/// The message at the front of `buffer` and all that is behind its header, if the message is of this
/// kind, in one frame that is not masked, there as a whole, and of at most `limit` bytes.
#[inline(always)]
fn whole_message(buffer: &[u8], kind: Kind, limit: u64) -> Option<(&[u8], &[u8])> {
    let whole = if kind == Kind::Text { WHOLE_TEXT } else { WHOLE_BINARY };
    if let [first, short, behind @ ..] = buffer
        && *first == whole
        && *short < MASKED
        && let Ok(Some((length, size))) = payload_length(*short, behind)
        && length <= limit
        && let Some(behind) = behind.get(size..)
        && let Some(payload) = behind.get(..length as usize)
    {
        return Some((behind, payload));
    }
    None
}

/// Appends `payload`, with which `behind` begins. A copy of a known size needs no call, so that for a
/// short one too much is copied and taken back.
#[inline(always)]
fn append(out: &mut Vec<u8>, behind: &[u8], payload: &[u8]) {
    match behind.first_chunk::<64>() {
        Some(block) if payload.len() <= block.len() => {
            out.extend_from_slice(block);
            out.truncate(out.len() - (block.len() - payload.len()));
        }
        _ => append_long(out, payload),
    }
}

/// Apart from [`append`], or the compiler makes one copy of both, of a size that is not known.
#[inline(never)]
fn append_long(out: &mut Vec<u8>, payload: &[u8]) {
    out.extend_from_slice(payload);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::encode::{self, Head};

    fn frame(fin: bool, opcode: u8, payload: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        encode::frame(&mut out, Head { fin, opcode, rsv1: false }, None, payload);
        out
    }

    #[test]
    fn a_batch_takes_what_is_whole_and_valid_and_leaves_the_rest() {
        let text = |bytes: &[u8]| frame(true, 1, bytes);
        let good = [text(b"a"), text(b""), text("ä".as_bytes())].concat();
        let with = |next: Vec<u8>| [good.clone(), next].concat();
        let all = "a||ä|";
        let cases: [(&str, Vec<u8>, u64, &str); 12] = [
            ("all", good.clone(), 9, all),
            ("at most", good.clone(), 2, "a||"),
            ("a Ping", with(frame(true, 9, b"p")), 9, all),
            ("binary", with(frame(true, 2, b"b")), 9, all),
            ("a fragment", with(frame(false, 1, b"f")), 9, all),
            ("half a header", with(vec![0x81]), 9, all),
            ("half a payload", with(vec![0x81, 2, b'h']), 9, all),
            ("a length that is not minimal", with(vec![0x81, 126, 0, 1, b'x']), 9, all),
            ("a mask", with([&[0x81, 0x81][..], &[b'x'; 300]].concat()), 9, all),
            ("too long", with(text(&[b'x'; 101])), 9, all),
            ("bad text", with([text(b"\xff"), text(b"z")].concat()), 9, all),
            ("a character over two", with([text(b"\xc3"), text(b"\xa4")].concat()), 9, all),
        ];
        for (name, stream, most, expected) in cases {
            for end in ["|", ""] {
                let mut decoder = Decoder::new(Role::Client, Some(100));
                assert_eq!(decoder.message_kind(&stream), Some(Kind::Text), "{name}");
                let mut out = b"before".to_vec();
                let batch = decoder.batch(&stream, Kind::Text, end.bytes().next(), most, &mut out);
                let expected = expected.replace('|', end);
                assert_eq!(out.strip_prefix(b"before"), Some(expected.as_bytes()), "{name}");
                assert_eq!(batch.messages, most.min(3), "{name}");
                let payload = expected.len() as u64 - batch.messages * end.len() as u64;
                assert_eq!(batch.payload, payload, "{name}");
                assert_eq!(batch.consumed as u64, payload + 2 * batch.messages, "{name}");
            }
        }
    }

    #[test]
    fn a_batch_is_nothing_within_a_message_or_for_a_server() {
        let whole = frame(true, 1, b"a");
        assert_eq!(Decoder::new(Role::Server, None).message_kind(&whole), None);
        let mut decoder = Decoder::new(Role::Client, None);
        assert_eq!(decoder.message_kind(b""), None);
        decoder.step(&mut frame(false, 1, b"a")).unwrap();
        assert_eq!(decoder.message_kind(&whole), None);
        let mut decoder = Decoder::new(Role::Client, None);
        // A frame of 2 MiB, of which one byte is there.
        decoder.step(&mut [0x82, 127, 0, 0, 0, 0, 0, 0x20, 0, 0, b'x']).unwrap();
        assert_eq!(decoder.message_kind(&whole), None);
    }

    #[test]
    fn large_messages_are_given_as_they_lie() {
        let large = |byte: u8| frame(true, 1, &[byte; LARGE]);
        let good = [large(b'a'), large(b'b')].concat();
        let with = |next: Vec<u8>| [good.clone(), next].concat();
        let mut half = large(b'c');
        half.pop();
        let mut bad = large(b'c');
        *bad.last_mut().unwrap() = 0xff;
        let cases: [(&str, Vec<u8>, u64, u64); 8] = [
            ("all", good.clone(), 9, 2),
            ("at most", good.clone(), 1, 1),
            ("a short one", with(frame(true, 1, &[b'c'; LARGE - 1])), 9, 2),
            ("binary", with(frame(true, 2, &[b'c'; LARGE])), 9, 2),
            ("a fragment", with(frame(false, 1, &[b'c'; LARGE])), 9, 2),
            ("half a payload", with(half), 9, 2),
            ("bad text", with(bad), 9, 2),
            ("too long", with(frame(true, 1, &[b'c'; LARGE + 2])), 9, 2),
        ];
        for (name, stream, most, messages) in cases {
            let mut decoder = Decoder::new(Role::Client, Some(LARGE as u64 + 1));
            let (batch, payloads) = decoder.large(&stream, Kind::Text, most);
            let expected = [[b'a'; LARGE], [b'b'; LARGE]];
            assert!(payloads.iter().eq(&expected[..messages as usize]), "{name}");
            let consumed = messages as usize * (4 + LARGE);
            let payload = messages * LARGE as u64;
            assert_eq!(batch, Batch { consumed, messages, payload }, "{name}");
        }
    }

    #[test]
    fn a_run_longer_than_what_is_checked_at_a_time_is_taken_up_to_what_is_wrong() {
        let one = frame(true, 1, &[b'a'; 1000]);
        let run = one.repeat(100);
        for (bad, taken) in [(None, 100), (Some(0), 0), (Some(50), 50), (Some(99), 99)] {
            let mut stream = run.clone();
            if let Some(bad) = bad {
                stream[bad * one.len() + 500] = 0xff;
            }
            let mut out = Vec::new();
            let mut decoder = Decoder::new(Role::Client, None);
            let batch = decoder.batch(&stream, Kind::Text, Some(b'\n'), u64::MAX, &mut out);
            assert_eq!((batch.messages, out.len()), (taken, taken as usize * 1001));
            assert_eq!(batch.consumed, taken as usize * one.len());
        }
    }
}
