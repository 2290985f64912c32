//! Long runs of `serve`: messages through one connection, and connections one after the other.

use std::fs;
use std::io::Write as _;
use std::ops::Range;
use std::sync::Arc;
use std::thread;
use std::time::Instant;

use rustix::process::Signal;

use super::blocks::{self, MESSAGES, SIZE};
use super::client::take;
use super::frames::Seen;
use super::run::{PATIENCE, Run, Sampled, peak, resident};
use super::table::grouped;
use crate::support::{CLOSE, Client, DEADLINE, Running, TEXT, masked, says, serve_for};

pub fn runs() -> Vec<Run> {
    vec![
        Run::of_messages("serve --echo", |run| messages(run, "--echo", false)),
        Run::of_messages("serve --echo, compressed", |run| messages(run, "--echo", true)),
        Run::of_messages("serve --broadcast", |run| messages(run, "--broadcast", false)),
        Run::of_connections("serve, connections that end well or badly", |run| {
            connections(run, &[])
        }),
        Run::of_connections("serve --broadcast, connections that end well or badly", |run| {
            connections(run, &["--broadcast"])
        }),
    ]
}

fn ends_well(server: Running, url: &str) -> String {
    server.signal(Signal::INT);
    let output = server.output();
    assert_eq!(
        (output.code, output.stdout_text()),
        (Some(0), format!("{url}\n")),
        "{}",
        output.report()
    );
    output.stderr_text()
}

/// Everything comes back.
fn messages(run: &Run, manner: &str, compressed: bool) -> Sampled {
    let (server, url) = serve_for(&[manner, "-v"], PATIENCE);
    let mut client = if compressed { Client::open_compressed(&url) } else { Client::open(&url) };
    let mut stream = client.stream();
    stream.set_write_timeout(Some(PATIENCE)).unwrap();
    let seen = Arc::new(Seen::default());
    let (reading, watched) = (client.stream(), Arc::clone(&seen));
    let taking = thread::spawn(move || take(reading, &watched));
    let block = blocks::frames(true, compressed);
    let mut send = |count: u64| {
        for _ in 0..count / MESSAGES {
            stream.write_all(&block).expect("the server reads");
        }
    };
    send(run.beginning);
    seen.wait("the first", |seen| seen.messages == run.beginning);
    let beginning = resident(server.pid);
    send(run.amount - run.beginning);
    seen.wait("all", |seen| seen.messages == run.amount);
    let (end, peak) = (resident(server.pid), peak(server.pid));
    assert!(compressed || seen.now().bytes == run.amount * SIZE, "{:?}", seen.now());
    stream.write_all(&masked(0x80 | CLOSE, &[0x03, 0xe8])).unwrap();
    assert!(taking.join().unwrap(), "the server answers a Close");
    drop((stream, client.rest()));
    server.wait_for_stderr("closed by peer");
    let said = ends_well(server, &url);
    let counts = format!("received {0} messages", run.amount);
    assert!(said.contains(&counts), "-v was to say {counts}:\n{said}");
    let counts = format!("sent {0} messages", run.amount);
    assert!(said.contains(&counts), "-v was to say {counts}:\n{said}");
    let counted = format!("{0} in, {0} out", grouped(run.amount));
    Sampled { beginning, end, peak, counted }
}

/// One after the other, in eight ways; after the beginning and at the end all are gone.
fn connections(run: &Run, args: &[&str]) -> Sampled {
    let (server, url) = serve_for(args, PATIENCE);
    // Once a client is in, everything is open that a server opens for itself.
    let _guest = Client::open(&url);
    let alone = open_files(&server);
    let block = says(&"x".repeat(100_000));
    let mut answered = 0;
    let mut come = |numbers: Range<u64>| {
        answered += numbers.filter(|number| comes(&url, number % 8, &block)).count() as u64;
        let start = Instant::now();
        while open_files(&server) > alone {
            assert!(start.elapsed() < DEADLINE, "connections are left over");
            thread::yield_now();
        }
        resident(server.pid)
    };
    let beginning = come(0..run.beginning);
    let end = come(run.beginning..run.amount);
    let peak = peak(server.pid);
    ends_well(server, &url);
    let counted = format!("{} answered", grouped(answered));
    assert_eq!(answered, run.amount - run.amount / 8, "connections that were answered");
    Sampled { beginning, end, peak, counted }
}

/// How many files the server has open, its connections among them.
fn open_files(server: &Running) -> usize {
    let folder = format!("/proc/{}/fd", server.pid.as_raw_nonzero());
    fs::read_dir(folder).expect("the server runs").count()
}

/// A client comes and goes; whether it was answered.
fn comes(url: &str, way: u64, block: &[u8]) -> bool {
    if way == 0 {
        drop(Client::connect(url));
        return false;
    }
    let mut client = if way == 1 { Client::open_compressed(url) } else { Client::open(url) };
    client.send(says("hello"));
    // Compressed or not, as the server likes it.
    assert_eq!(client.frame().0 & 0x8f, 0x80 | TEXT);
    match way {
        // Without a word, in the midst of a message, and with what it has sent not read.
        2 => client.reset(),
        3 => drop(client),
        4 => client.send(&block[..50_000]),
        5 => client.send(block),
        // What no client may say.
        6 => {
            client.send(b"\xf1\x80\0\0\0\0");
            client.rest();
        }
        _ => {
            client.send(masked(0x80 | CLOSE, &[0x03, 0xe8]));
            client.expect_close(1000, "");
            client.rest();
        }
    }
    true
}
