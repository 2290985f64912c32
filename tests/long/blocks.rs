//! What is sent in a long run: blocks of messages of 64 bytes, all different, made once and sent again and
//! again.

use flate2::{Compress, Compression, FlushCompress};

use crate::support::{CONTINUATION, PING, TEXT, header};

/// Messages of a block.
pub const MESSAGES: u64 = 10_000;
/// Payload bytes of a message.
pub const SIZE: u64 = 64;

/// A message: what a sensor might say, as long as all others.
pub fn message(number: u64) -> String {
    let noise = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let json = format!(r#"{{"sensor":"{noise:016x}","number":{number:05},"unit":"K"}}"#);
    format!("{json:<64}")
}

/// A block as lines.
pub fn lines() -> Vec<u8> {
    (0..MESSAGES).flat_map(|number| format!("{}\n", message(number)).into_bytes()).collect()
}

/// A block as records for `--jsonl`.
pub fn records() -> Vec<u8> {
    let record = |number| format!("{{\"text\":{:?}}}\n", message(number));
    (0..MESSAGES).flat_map(|number| record(number).into_bytes()).collect()
}

/// A block as frames: one message in two fragments, with a Ping between them, and another Ping.
pub fn frames(masked: bool, compressed: bool) -> Vec<u8> {
    let mut block = Vec::new();
    let mut put = |first: u8, payload: &[u8]| {
        let at = block.len() + 1;
        block.extend(header(first, payload.len() as u64));
        if masked {
            block[at] |= 0x80;
            // A mask that leaves the payload as it is.
            block.extend([0; 4]);
        }
        block.extend_from_slice(payload);
    };
    // Nothing in the block refers to what is before it, so that it can be repeated.
    let mut deflater = Compress::new(Compression::default(), false);
    for number in 0..MESSAGES {
        let message = message(number);
        let (bit, payload) = match compressed {
            true => (0x40, deflated(&mut deflater, message.as_bytes())),
            false => (0, message.into_bytes()),
        };
        match number {
            5_000 => {
                let (head, tail) = payload.split_at(payload.len() / 2);
                put(bit | TEXT, head);
                put(0x80 | PING, b"within");
                put(0x80 | CONTINUATION, tail);
            }
            7_000 => {
                put(0x80 | PING, b"between");
                put(0x80 | bit | TEXT, &payload);
            }
            _ => put(0x80 | bit | TEXT, &payload),
        }
    }
    block
}

/// A message as permessage-deflate has it (RFC 7692 section 7.2.1).
fn deflated(deflater: &mut Compress, message: &[u8]) -> Vec<u8> {
    let mut payload = Vec::with_capacity(256);
    deflater.compress_vec(message, &mut payload, FlushCompress::Sync).expect("it has room");
    payload.truncate(payload.len() - 4);
    payload
}
