//! `serve`, before anybody can come: while it reads and writes what its flags name as files.

use std::fs;
use std::fs::File;
use std::io::{ErrorKind, Write as _};
use std::path::Path;
use std::thread;
use std::time::Instant;

use rustix::fs::{OFlags, fcntl_setfl};

use super::case::{Phase, SIGNALS, Stage};
use crate::support::{DEADLINE, Files, Running, run};

pub fn phases() -> Vec<Phase> {
    let rows: [(&str, &[&str]); 3] = [
        ("a certificate in a FIFO that nobody writes", &["--cert"]),
        ("a recording in a FIFO that nobody writes", &["--replay"]),
        ("a FIFO for the authority that nobody reads", &["--tls", "--tls-ca"]),
    ];
    rows.map(|(name, flags)| Phase::new(name, SIGNALS, move || starting(flags))).into()
}

/// What the last flag names is a FIFO that is open at its other end, so that it can be seen when the program
/// has it; but nothing is in it, and it takes nothing.
fn starting(flags: &[&str]) -> Stage {
    let files = Files::new();
    let fifo = files.fifo("stuck");
    let mut end = File::options().read(true).write(true).open(&fifo).unwrap();
    if flags.contains(&"--tls-ca") {
        fill(&mut end);
    }
    let run = run(["serve"]).args(flags).arg(&fifo);
    Stage::new(run)
        .reached(move |running| wait_until_open(running, Path::new(&fifo)))
        .with(end)
        .with(files)
}

fn fill(fifo: &mut File) {
    fcntl_setfl(&*fifo, OFlags::NONBLOCK).unwrap();
    loop {
        match fifo.write(&[0; 4096]) {
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => return,
            Err(error) => panic!("a FIFO that takes nothing: {error}"),
        }
    }
}

/// Waits until the program has this file open.
fn wait_until_open(running: &Running, file: &Path) {
    let until = Instant::now() + DEADLINE;
    let descriptors = format!("/proc/{}/fd", running.pid.as_raw_nonzero());
    let is_open = || {
        let mut all = fs::read_dir(&descriptors).expect("the program still runs");
        // One may be closed while it is looked at.
        all.any(|one| one.is_ok_and(|one| fs::read_link(one.path()).is_ok_and(|to| to == file)))
    };
    while !is_open() {
        assert!(Instant::now() < until, "it did not open {}", file.display());
        thread::yield_now();
    }
}
