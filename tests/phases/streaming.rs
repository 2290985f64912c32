//! While the session is open: nothing passes, messages come and nobody takes them from the output, or
//! messages are to be sent and the peer does not read.

use super::case::{OPEN, Phase, Stage, Waiting, fill_until_stall, write_until_stall};
use crate::support::{BINARY, Files, Running, Terminal, Wire, header, open, run, text};

/// What is said of a pipe, which tells what it took, and of what a thread writes.
const UNPRINTED: &str = "; # bytes not written to stdout";

pub fn phases() -> Vec<Phase> {
    let mut phases = Vec::new();
    for command in ["listen", "connect", "send"] {
        phases.push(Phase::new(format!("{command} and silence"), OPEN, move || idle(command)));
    }
    phases.extend([
        Phase::new("lines into a full pipe", OPEN, || unprinted(flood)),
        Phase::new("a large message into a full pipe", OPEN, || {
            unprinted(large).saying(&format!(
                "closed by us: 1001 going away; ended by SIGNAL; the last message is cut{UNPRINTED}\n"
            ))
        }),
        Phase::new("lines to a terminal that is stuck", OPEN, stuck_terminal),
        Phase::new("lines to a FIFO that nobody reads", OPEN, || unread_fifo("-o", open)),
        Phase::new("a recording in a FIFO that nobody reads", OPEN, || {
            // What is not recorded is not acted on: not even a Ping is answered.
            unread_fifo("--record", Wire::accept)
        }),
        Phase::new("half a message that has come", OPEN, half_a_message),
        Phase::new("lines to a peer that does not read", OPEN, || {
            unsent("send", &[], "; # messages and the rest of the input not sent")
        }),
        Phase::new("one large message to a peer that does not read", OPEN, || {
            unsent("connect", &["--whole"], "; 1 message not sent")
        }),
        Phase::new("compressed messages to a peer that does not read", OPEN, compressed),
        Phase::new("both ways, with both ends stuck", OPEN, both_ways),
        Phase::new("a message from a FIFO that nobody writes to", OPEN, || unwritten_fifo("send")),
        Phase::new("messages from a FIFO that nobody writes to", OPEN, || {
            unwritten_fifo("connect")
        }),
    ]);
    phases
}

fn idle(command: &'static str) -> Stage {
    let mut peer = Waiting::after(open);
    let told = peer.told();
    let run = run([command, &peer.url()]).stdin_held();
    Stage::opened(run, "").reached_when(told).beside(peer)
}

fn flood(wire: &mut Wire) {
    write_until_stall(wire.stream(), &text(&"x".repeat(1000)).repeat(100));
}

fn large(wire: &mut Wire) {
    wire.send(header(0x80 | BINARY, 1 << 40));
    write_until_stall(wire.stream(), &[b'x'; 1 << 16]);
}

fn flooded(open: fn(&mut Wire), act: fn(&mut Wire)) -> Waiting {
    Waiting::after(move |wire| {
        open(wire);
        act(wire);
    })
}

fn unprinted(act: fn(&mut Wire)) -> Stage {
    let mut peer = flooded(open, act);
    let told = peer.told();
    let run = run(["listen", "--format", "raw", &peer.url()]).stdout_unread();
    Stage::opened(run, UNPRINTED).leaving(UNPRINTED).reached_when(told).beside(peer)
}

fn stuck_terminal() -> Stage {
    const UNSHOWN: &str = "; up to # bytes not written to stdout";
    let mut peer = flooded(open, flood);
    let told = peer.told();
    let terminal = Terminal::open();
    let run = run(["listen", &peer.url()]).stdout_file(terminal.file());
    let stage = Stage::opened(run, UNSHOWN).leaving(UNSHOWN);
    stage.reached_when(told).beside(peer).with(terminal)
}

fn unread_fifo(flag: &'static str, begin: fn(&mut Wire)) -> Stage {
    let mut peer = flooded(begin, flood);
    let told = peer.told();
    let files = Files::new();
    let fifo = files.fifo("unread");
    let left = format!("; up to # bytes not written to {fifo}");
    let run = run(["listen", flag, &fifo, &peer.url()]);
    let stage = Stage::opened(run, &left).leaving(&left);
    stage.reached_when(told).beside(peer).with(files)
}

fn half_a_message() -> Stage {
    let mut peer = Waiting::after(|wire| {
        open(wire);
        let message = text(&"x".repeat(900_000));
        wire.send(&message[..300_000]);
    });
    let told = peer.told();
    Stage::opened(run(["listen", &peer.url()]), "").reached_when(told).beside(peer)
}

/// Enough that the buffers between the program and its stdin do not matter.
fn lines() -> Vec<u8> {
    format!("{}\n", "0123456789".repeat(10)).repeat(500).into_bytes()
}

fn filled(running: &mut Running) {
    let mut stdin = running.take_stdin();
    fill_until_stall(&mut stdin, &lines());
    running.give_stdin(stdin);
}

fn unsent(command: &'static str, flags: &[&'static str], more: &str) -> Stage {
    let peer = Waiting::after(Wire::accept);
    let run = run([command, &peer.url()]).args(flags).stdin_held();
    Stage::opened(run, more).entering(filled).beside(peer)
}

fn compressed() -> Stage {
    let peer = Waiting::after(|wire| {
        wire.request();
        let answer = wire.switching_protocols();
        let extension = "\r\nSec-WebSocket-Extensions: permessage-deflate\r\n\r\n";
        wire.send(answer.replace("\r\n\r\n", extension));
    });
    let run = run(["send", "--compress", "--whole", "--binary", &peer.url()]).stdin_held();
    let more = "; 1 message not sent; on the wire # of # bytes sent (#.#%)";
    Stage::opened(run, more)
        .entering(|running| {
            let mut stdin = running.take_stdin();
            fill_until_stall(&mut stdin, &noise());
            running.give_stdin(stdin);
        })
        .beside(peer)
}

/// What cannot be compressed: the numbers of a simple generator.
fn noise() -> Vec<u8> {
    let next = |last: &u64| Some(last.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1));
    let numbers = std::iter::successors(Some(1), next);
    numbers.take(1 << 16).map(|number| (number >> 56) as u8).collect()
}

fn both_ways() -> Stage {
    let mut peer = flooded(open, flood);
    let told = peer.told();
    let run = run(["connect", &peer.url()]).stdin_held().stdout_unread();
    let more = format!("; # messages and the rest of the input not sent{UNPRINTED}");
    Stage::opened(run, &more).leaving(UNPRINTED).entering(filled).reached_when(told).beside(peer)
}

fn unwritten_fifo(command: &'static str) -> Stage {
    let mut peer = Waiting::after(open);
    let told = peer.told();
    let files = Files::new();
    let data = format!("@{}", files.fifo("unwritten"));
    let run = run([command, "-d", &data, &peer.url()]);
    let stage = Stage::opened(run, "; 1 message not sent");
    stage.reached_when(told).beside(peer).with(files)
}
