//! What the end-to-end tests share: the built binary under a deadline, and a
//! WebSocket server that does what a script says, right or wrong. Nothing here
//! uses the program's own library: one bug must not pass both sides.

#![allow(dead_code, unused_imports, reason = "each test file uses a part of it")]

mod client;
mod dialogue;
mod files;
mod frame;
mod front;
mod nobody;
mod output;
mod peer;
mod run;
mod terminal;
mod two;

pub use client::{Client, UPGRADE, masked, raise_our_limit, says, serve, serve_for};
pub use dialogue::{Dialogue, Setting};
pub use files::Files;
pub use frame::{
    BINARY, CLOSE, CONTINUATION, Frame, PING, PONG, TEXT, binary, close, close_without_code, frame,
    header, ping, pong, text,
};
pub use front::{Authority, Identity, Manner, front};
pub use nobody::Nobody;
pub use output::{Output, Wanted, dies_by, ends};
pub use peer::{Message, Peer, Peers, Script, Seen, Wire, behind_socket, open};
pub use run::{Run, Running, run};
pub use terminal::{Terminal, modes, read_terminal};
pub use two::{Two, two};

use std::time::Duration;

/// How long anything may take before the test fails; far above what is needed,
/// so that a busy machine never fails a good program.
pub const DEADLINE: Duration = Duration::from_secs(30);

/// The most that may stand between a writer and a reader who does not read, in bytes: in the
/// program, in pipes and in both buffers of a TCP connection, which the system widens as it
/// sees fit, up to a limit of its own.
pub fn buffered() -> usize {
    const HELD: usize = 8 << 20;
    let widest = |path| -> usize {
        let limits = std::fs::read_to_string(path).expect("the limits of TCP");
        limits.split_whitespace().last().expect("three numbers").parse().expect("a number")
    };
    HELD + widest("/proc/sys/net/ipv4/tcp_rmem") + widest("/proc/sys/net/ipv4/tcp_wmem")
}

/// Bytes for a failure report: readable, and short enough to be read.
pub fn shown(bytes: &[u8]) -> String {
    const MOST: usize = 600;
    let head = &bytes[..bytes.len().min(MOST)];
    let more = bytes.len() - head.len();
    let tail = if more > 0 { format!(" … and {more} bytes more") } else { String::new() };
    format!("{}{tail}", head.escape_ascii())
}
