//! `serve` with a thousand clients, with more than there are descriptors for, and with those that mean it harm.

mod support;

use std::time::Duration;

use rustix::process::{Resource, Rlimit, Signal, prlimit};
use support::{
    Client, PING, PONG, Running, TEXT, UPGRADE, ends, masked, raise_our_limit, run, says, serve,
};

/// Clients of a crowd, which fit into the usual limit of 1024 open files.
const CROWD: usize = 1000;
/// That limit.
const USUAL: u64 = 1024;

/// Limits the open files of a running server.
fn limit(server: &Running, files: u64) {
    let limit = Rlimit { current: Some(files), maximum: Some(files) };
    prlimit(Some(server.pid), Resource::Nofile, limit).unwrap();
}

#[track_caller]
fn end(server: Running, url: &str) {
    server.signal(Signal::INT);
    server.output().check(ends(0).printing(format!("{url}\n")));
}

#[test]
fn a_thousand_clients_are_served_at_once_within_the_usual_limit() {
    raise_our_limit();
    for manner in ["--echo", "--broadcast"] {
        let (server, url) = serve(&[manner]);
        limit(&server, USUAL);
        let mut crowd: Vec<_> = (0..CROWD).map(|_| Client::open(&url)).collect();
        if manner == "--echo" {
            for client in &mut crowd {
                client.send(says("all at once"));
            }
        } else {
            crowd[0].send(says("all at once"));
        }
        for client in &mut crowd {
            client.expect(TEXT, b"all at once");
        }
        assert!(server.peak_memory() < 128 << 20, "{manner}: {}", server.peak_memory());
        drop(crowd);
        run(["send", "-n", "1", &url, "hi"]).output().check(ends(0).printing("hi\n"));
        end(server, &url);
    }
}

#[test]
fn without_descriptors_it_says_so_once_waits_and_goes_on() {
    raise_our_limit();
    let (server, url) = serve(&[]);
    limit(&server, 64);
    let crowd: Vec<_> = (0..100).map(|_| Client::that_says(&url, UPGRADE)).collect();
    server.wait_for_stderr("ulimit -n");
    drop(crowd);
    run(["send", "-n", "1", &url, "hi"]).output().check(ends(0).printing("hi\n"));
    server.signal(Signal::INT);
    let output = server.output();
    let said = ["no further client can be accepted for now: too many open files"];
    output.check(ends(0).printing(format!("{url}\n")).saying(&said));
    assert_eq!(output.stderr_text().matches("no further client").count(), 1, "{}", output.report());
}

/// What no client should say: before the opening, and in the place of frames.
fn mischief() -> Vec<(&'static str, Vec<u8>)> {
    let before = [
        ("noise", vec![0xff; 5000]),
        ("a head without end", [b"GET / HTTP/1.1\r\nX: ", &[b'a'; 1_000_000][..]].concat()),
        ("a thousand headers", ["GET / HTTP/1.1\r\n", &"A: b\r\n".repeat(1000)].concat().into()),
        ("empty lines", b"\r\n".repeat(5000)),
        ("HTTP/2", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec()),
        ("a body that does not come", UPGRADE.replace("Host", "Content-Length: 9\r\nHost").into()),
        ("many requests", UPGRADE.repeat(50).into()),
        ("a long path", UPGRADE.replacen('/', &format!("/{}", "a".repeat(60_000)), 1).into()),
    ];
    let within = [
        ("no mask", b"\x81\x02hi".to_vec()),
        ("reserved bits", b"\xf1\x80\0\0\0\0".to_vec()),
        ("a reserved opcode", b"\x83\x80\0\0\0\0".to_vec()),
        ("a continuation of nothing", b"\x80\x80\0\0\0\0".to_vec()),
        ("a long Ping", masked(0x80 | PING, &[0; 126])),
        ("a Ping in fragments", masked(PING, b"")),
        ("a Close of one byte", b"\x88\x81\0\0\0\0x".to_vec()),
        ("a length beyond all bounds", [&b"\x82\xff"[..], &[0xff; 8], &[0; 4]].concat()),
        ("a length that lies", [&b"\x82\xff\0\0\0\xff\0\0\0\0\0\0\0\0"[..], &[0; 70_000]].concat()),
        ("text that is none", masked(0x80 | TEXT, b"\xc3\x28")),
        ("a message without end", masked(TEXT, b"x").repeat(10_000)),
        ("Pings and no reading", masked(0x80 | PING, &[0; 125]).repeat(10_000)),
        ("empty messages", masked(0x80 | TEXT, b"").repeat(50_000)),
        ("half a frame", b"\x81".to_vec()),
    ];
    let within = within.map(|(name, bytes)| (name, [UPGRADE.as_bytes(), &bytes].concat()));
    before.into_iter().chain(within).collect()
}

#[test]
fn clients_that_mean_harm_harm_nobody_else_however_they_leave() {
    for manner in [&["--echo"][..], &["--broadcast"], &["--sink"], &["--delay", "50ms"]] {
        let (server, url) = serve(manner);
        let mut good = Client::open(&url);
        let mut held = Vec::new();
        for (name, bytes) in mischief() {
            let mut clients: Vec<_> = (0..4).map(|_| Client::connect(&url)).collect();
            for client in &mut clients {
                client.send_at_most(&bytes, Duration::from_millis(200));
            }
            let half = &mut clients[0];
            half.shut_down();
            clients.remove(1).reset();
            held.push(clients.remove(1));
            drop(clients);
            good.send(masked(0x80 | PING, name.as_bytes()));
            good.read_until(&[&[0x80 | PONG, name.len() as u8], name.as_bytes()].concat(), name);
        }
        assert!(server.peak_memory() < 160 << 20, "{manner:?}: {}", server.peak_memory());
        drop(held);
        end(server, &url);
    }
}
