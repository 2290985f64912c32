//! Lines of `--jsonl` input: what is taken for something to send is taken for the same once it is written
//! as a record, a message in it is a step of a scenario, and a mistake has its place within the line.
//!
//! The first byte says which records are taken, the rest are the lines.

#![no_main]

use libfuzzer_sys::fuzz_target;
use wspipe::record::{self, Command, Record, Side, Taken};
use wspipe::scenario::{self, Values};
use wspipe::wire::encode;

const TIME: &str = "2026-11-22T18:00:00.123456Z";

fuzz_target!(|input: &[u8]| {
    let Some((flags, lines)) = input.split_first() else { return };
    let only_from = [None, Some(Side::Us), Some(Side::Peer), None][usize::from(flags & 0x03)];
    let raw_frames = flags & 0x04 != 0;
    let taken = Taken { only_from, raw_frames, pongs: flags & 0x08 != 0 };
    for line in lines.split(|byte| *byte == b'\n') {
        match record::parse(line, taken) {
            Ok(None) => {}
            Ok(Some(command)) => is_the_same_again(line, taken, command),
            Err(error) => {
                let places = 1..=line.len() as u64;
                let is_there = error.byte.is_none_or(|byte| places.contains(&byte));
                assert!(is_there, "byte {:?} of {}", error.byte, line.escape_ascii());
                assert!(!error.what.is_empty() && !error.hint.is_empty());
            }
        }
    }
});

fn is_the_same_again(line: &[u8], taken: Taken, command: Command) {
    let from = taken.only_from.unwrap_or(Side::Us);
    let record = match &command {
        Command::Message(kind, payload) => Record::message(from, *kind, payload),
        Command::Ping(payload) => Record::Ping { from, base64: record::base64(payload) },
        Command::Pong(payload) => {
            Record::Pong { from, base64: record::base64(payload), rtt_us: None }
        }
        Command::Close(Some(close)) => {
            let (code, reason) = (close.number(), &*close.reason);
            Record::Close { from, code, reason, clean: true, unsent: 0 }
        }
        Command::Close(None) => return,
        Command::Frame(frame) => return encode::raw_frame(&mut Vec::new(), frame, [0; 4]),
    };
    let mut written = Vec::new();
    record.write(&mut written, TIME);
    let written = String::from_utf8(written).expect("a record is text");
    assert!(!written.contains('\n'), "{written:?} of {}", line.escape_ascii());
    if let Command::Message(..) = command {
        is_a_step(&written);
    }
    let again = record::parse(written.as_bytes(), taken);
    assert_eq!(again, Ok(Some(command)), "{written:?} of {}", line.escape_ascii());
}

/// A recording is a scenario.
fn is_a_step(written: &str) {
    let (values, environment) = (Values::default(), |_: &str| None);
    let given = scenario::Given { values: &values, environment: &environment, has_url: true };
    let read = scenario::parse(written, given);
    // The connection is opened first.
    assert!(read.as_ref().is_ok_and(|read| read.steps.len() == 2), "{read:?} of {written:?}");
}
