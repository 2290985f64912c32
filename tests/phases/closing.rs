//! Once the session is to end: lingering, the peer's answer, the output that is still to be written.

use super::case::{OPEN, Phase, Stage, Waiting};
use crate::support::{CLOSE, Wire, close, frame, run, text};

pub fn phases() -> Vec<Phase> {
    vec![
        Phase::new("lingering", OPEN, lingering),
        Phase::new("waiting for what does not come", OPEN, waiting),
        Phase::new("a Close that is not answered", OPEN, || unanswered(&["send", "hello"])),
        Phase::new("a Close that is not answered, of connect", OPEN, || {
            unanswered(&["connect", "--linger", "none"])
        }),
        Phase::new("output that waits after the peer's Close", OPEN, || {
            // Without a condition, which the last message might meet before the Close comes.
            undrained("closed by peer: 1000 normal closure", &[], |wire| {
                wire.send(close(1000, ""));
                wire.expect_close(1000);
            })
        }),
        Phase::new("output that waits after ours", OPEN, || {
            undrained("closed by us: 1000 normal closure", &["-n", "700"], |wire| {
                let ours = wire.read_to_close();
                wire.send(frame(0x80 | CLOSE, &ours.payload));
            })
        }),
    ]
}

fn lingering() -> Stage {
    let mut peer = Waiting::after(|wire| {
        wire.accept();
        wire.expect_text("hello");
    });
    let told = peer.told();
    let run = run(["connect", "--linger", "forever", &peer.url()]).stdin("hello\n");
    Stage::opened(run, "").reached_when(told).beside(peer)
}

fn waiting() -> Stage {
    let mut peer = Waiting::after(|wire| {
        wire.accept();
        wire.expect_text("hello");
    });
    let told = peer.told();
    let run = run(["send", "--expect", "you", "--wait", "1h", &peer.url(), "hello"]);
    let more = "; --expect \"you\" was not met, messages received: #";
    Stage::opened(run, more).reached_when(told).beside(peer)
}

fn unanswered(args: &[&str]) -> Stage {
    let mut peer = Waiting::after(|wire| {
        wire.accept();
        wire.expect_close(1000);
    });
    let told = peer.told();
    let (command, rest) = args.split_first().expect("a command");
    let run = run([*command, "--close-timeout", "1h", &peer.url()]).args(rest);
    Stage::new(run)
        .saying("closed by us: 1000 normal closure; ended by SIGNAL\n")
        .reached_when(told)
        .beside(peer)
}

/// Less than the program takes from the wire, and more than a pipe and the program's last wait take.
fn undrained(closed: &str, flags: &[&str], end: fn(&mut Wire)) -> Stage {
    let mut peer = Waiting::after(move |wire| {
        wire.accept();
        wire.send(text(&"x".repeat(1000)).repeat(700));
        end(wire);
        wire.until_gone();
    });
    let told = peer.told();
    let run = run(["listen", &peer.url()]).args(flags).stdout_unread();
    let left = "; # bytes not written to stdout";
    Stage::new(run)
        .saying(&format!("{closed}; ended by SIGNAL{left}\n"))
        .leaving(left)
        .reached_when(told)
        .beside(peer)
}
