//! wspipe: the standard streams connected to a WebSocket.
//!
//! The map of the rooms; imports run downwards only, and a test checks it.
//!
//! | room | what lives there |
//! |---|---|
//! | [`run`] | parse, dispatch, report |
//! | [`command`] | `connect`, `send`, `listen`, `check`, `serve`: arguments to a plan, the plan to a run |
//! | [`cli`] | everything that can be typed |
//! | [`session`] | one conversation over one open WebSocket |
//! | [`net`] | from a target to an open stream |
//! | [`ui`] | what is said to a person, the progress bar, `-w` |
//! | [`handshake`] | pure: the opening handshake, asked and judged |
//! | [`policy`] | pure: keepalive, ending, expectations and pace, `(event, now)` to an action |
//! | [`input`], [`output`] | pure but for the ways in and out: bytes to messages, messages to bytes |
//! | [`jq`] | pure: jq filters on messages |
//! | [`difference`] | pure: what differs between two messages, for people |
//! | [`codec`] | pure: bytes as hex and base64 |
//! | [`record`] | pure: the one record schema, both ways |
//! | [`scenario`] | pure: a file of records as what to send and what to expect |
//! | [`duration`] | pure: durations as they are typed |
//! | [`descriptor`] | reads and writes that never wait, on descriptors shared with other programs |
//! | [`signals`] | the signals that whoever started us has ignored |
//! | [`job`] | job control: whose the terminal is, and how that is waited for |
//! | [`wire`] | pure: RFC 6455 frames, close codes, UTF-8 across fragments, permessage-deflate |
//! | [`figures`] | pure: what a session has counted, as numbers |
//! | [`failure`], [`exit`] | what can go wrong; the whole exit-code contract |
//!
//! The way of the data: stdin comes in blocks (`input::reader`), which `input` cuts into messages,
//! which are framed into the one outgoing queue (`session::outbox`). Received bytes are decoded where
//! they lie (`session::link`, the adapter) and encoded into the buffer that is written next
//! (`output::writer`). Each of these is bounded, and a full one stops the step before it.
//!
//! Threads: none where the session can do it without waiting. A pipe is watched by the runtime, and read
//! and written with calls that never wait; a file answers at once. Only a terminal, a FIFO that is opened
//! by name, and other devices have a thread each. The prompt has one that edits lines (`ui::prompt`) and
//! one that shows above them what comes (`ui::console`).
//!
//! The server for tests (`command::serve`) receives each client in a task of its own (`net::Reception`) and
//! serves it in one loop (`session::Serving`); what it says is chosen in one place (`session::Manner`), and
//! whatever passes is told to one (`session::Account`).
//!
//! With `--reconnect` a run has one session after the other (`command::sessions`), each over a connection of
//! its own; what outlives a connection is the `session::Course`, and what has not left it is kept by
//! `session::custody`.
//!
//! A departure from the design: control frames and the closing handshake are the adapter's own work
//! too, with no tungstenite on top of it. The decoder must judge each of them anyway (tungstenite
//! refuses the valid code 1014 and answers some broken Closes with nothing), and one queue with one
//! owner needs none of the rules that keep two in step. tungstenite does the arithmetic of the
//! opening handshake.
//!
//! Where the contract leaves a choice: with `--idle` or `--duration` the default of `--wait` is no
//! limit, since such a condition is sure to be met; `serve -- COMMAND` leaves stdout to the command;
//! what was asked for by `-d` is sent before an end condition ends `connect` or `listen`; a frame made by
//! hand is no message, but one that stayed behind is input that was not sent; a recording has what is
//! printed and what we send, so that what comes once an end condition was met is not in it, and of a
//! message of ours that is too large to hold it has the length; `--expect-status` goes with no other
//! expectation, and the refusal that it asks for is not tried again; the first opening is no business of
//! `--reconnect`, which takes a Close without a code for one with 1000; piped `connect` ends with 4 where messages may not have
//! arrived, and a session that ends between two connections by an end condition, or because whoever types
//! leaves, has ended well.

use std::ffi::OsString;
use std::io::Write as _;
use std::time::Instant;
use std::{io, panic, process};

pub mod cli;
pub mod codec;
pub mod command;
pub mod descriptor;
pub mod difference;
pub mod duration;
pub mod exit;
pub mod failure;
pub mod figures;
pub mod handshake;
pub mod input;
pub mod job;
pub mod jq;
pub mod net;
pub mod output;
pub mod policy;
pub mod record;
pub mod scenario;
pub mod session;
pub mod signals;
pub mod ui;
pub mod wire;

use exit::{Exit, code};

/// Makes a panic, in whatever thread, end the process with exit code 70. Rust's own 101 would mean
/// here that the session was closed with 1001.
pub fn end_at_a_bug() {
    panic::set_hook(Box::new(|bug| {
        // A panic about stderr must not panic over stderr again.
        ui::restore_terminal();
        let _ = writeln!(io::stderr(), "wspipe: a bug in wspipe, please report it: {bug}");
        // The thread that edits lines may just have begun one.
        ui::restore_terminal();
        process::exit(code::BUG);
    }));
}

/// Does what the command line asks for, and says how the process is to end. `start` is when it
/// began, for the limits and times that count from there.
pub fn run(arguments: impl IntoIterator<Item = OsString>, start: Instant) -> Exit {
    match cli::parse(arguments) {
        Ok(cli) => command::dispatch(cli, start),
        Err(message) => {
            // Help that nobody can read has nobody to miss it.
            let _ = message.print();
            Exit::Code(message.exit_code())
        }
    }
}
