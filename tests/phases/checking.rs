//! `check`: while its file is read, while a connection is made, and in a step.

use super::case::{OPEN, Phase, Stage, Waiting};
use crate::support::{DEADLINE, Files, Run, Wire, run};

const WAITS: &str = "{\"text\":\"hi\"}\n{\"from\":\"peer\",\"text\":\"x\",\"within\":\"1h\"}\n";

pub fn phases() -> Vec<Phase> {
    vec![
        Phase::new("a file that nobody writes", OPEN, unwritten),
        Phase::new("headers in a FIFO that nobody writes", OPEN, headers),
        Phase::new("a step, and a peer that does not close", OPEN, || step(1)),
        Phase::new("steps of several at once", OPEN, || step(3)),
    ]
}

fn check(files: &Files, args: &[&str]) -> Run {
    run(["check"]).args(args).directory(files.folder())
}

fn unwritten() -> Stage {
    let files = Files::new();
    files.fifo("a");
    Stage::new(check(&files, &["--url", "ws://127.0.0.1:9/", "a"])).with(files)
}

fn headers() -> Stage {
    let files = Files::new();
    files.write("a.jsonl", WAITS).fifo("unwritten");
    let args = ["--url", "ws://127.0.0.1:9/", "-H", "@unwritten", "a.jsonl"];
    Stage::new(check(&files, &args)).with(files)
}

/// Its words are for stdout, with those of the report.
fn step(count: usize) -> Stage {
    let files = Files::new();
    let mut peers: Vec<_> = (0..count).map(|_| Waiting::after(greeted)).collect();
    let told: Vec<_> = peers.iter_mut().map(Waiting::told).collect();
    let names: Vec<_> = (0..count).map(|number| format!("{number}.jsonl")).collect();
    for (name, peer) in names.iter().zip(&peers) {
        let open = format!("{{\"event\":\"open\",\"url\":\"{}\"}}\n", peer.url());
        files.write(name, &(open + WAITS));
    }
    let stage = Stage::new(check(&files, &["--jobs", "3"]).args(names))
        .reached(move |_| told.iter().for_each(|told| told.recv_timeout(DEADLINE).unwrap()))
        .with_stdout_checked_apart()
        .with(files);
    peers.into_iter().fold(stage, Stage::beside)
}

fn greeted(wire: &mut Wire) {
    wire.accept();
    wire.expect_text("hi");
}
